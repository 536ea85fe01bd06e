"""The command line: the table of commands.

1. A command is imported when it is called. `deleverage --help` needs the table below and nothing else.
2. Error handling and exit codes are in `sim/program.py`. A torn record that was served as far as it goes ends with 3.
3. `--debug` adds the traceback.
"""

from __future__ import annotations

from importlib import import_module

from .sim.signals import ended_by_interrupt

with ended_by_interrupt():
    import click

    from .sim.program import Entry, LazyGroup, Program

__all__ = ["COMMANDS", "Entry", "main"]

COMMANDS = {
    "run": Entry(".sim.commands:run_command", "Run a scenario and record it."),
    "scenarios": Entry(".sim.commands:scenarios_command", "List the scenarios that come with the package."),
    "watch": Entry(
        ".replay.watch.commands:watch_command", "Follow a record or a scenario for what comes before a cascade."
    ),
    "import": Entry(".replay.importers.commands:import_command", "Take in a venue's own files as a record."),
    "tap": Entry(".replay.tap.commands:tap_command", "Record a venue's public streams as they come."),
    "info": Entry(".replay.info.commands:info_command", "Say what a record is: its end, rules, sources, forks."),
    "log": Entry(".replay.log.commands:log_command", "Show the events of a record."),
    "export": Entry(".replay.export.commands:export_command", "Write a record as files for other programs."),
    "sql": Entry(".replay.sql.commands:sql_command", "Ask a record in SQL."),
    "state": Entry(".replay.state.commands:state_command", "Show markets, fund and accounts at any instant."),
    "explore": Entry(".replay.explore.commands:explore_command", "Open a record in a browser, on this machine only."),
    "history": Entry(".replay.history.commands:history_command", "Show what befell an account, event by event."),
    "why": Entry(".replay.why.commands:why_command", "Say why an event happened, or what befell an account."),
    "receipt": Entry(".replay.receipt.commands:receipt_command", "Prove an event to someone without the record."),
    "check": Entry(".replay.receipt.commands:check_command", "Check a receipt, without the record."),
    "verify": Entry(
        ".replay.verify.commands:verify_command", "Check a record: every byte, its head, the ledger's laws."
    ),
    "fork": Entry(".replay.fork.commands:fork_command", "Take a run up again with something changed."),
    "split": Entry(".replay.split.commands:split_command", "Say what a fall is put down to, part by part."),
    "stress": Entry(
        ".replay.stress.commands:stress_command", "Look for the smallest shock that breaks a venue, and what it costs."
    ),
    "report": Entry(".replay.report.commands:report_command", "Report an incident to whoever supervises the venue."),
    "fair": Entry(".replay.fair.commands:fair_command", "Say what of an instant hangs on the order within it."),
    "fate": Entry(".replay.fate.commands:fate_command", "Say how likely it was, at any instant, that it came to this."),
    "lab": Entry(".replay.lab.commands:lab_command", "Run many scenarios under many rules, and compare."),
    "calibrate": Entry(
        ".replay.calibrate.commands:calibrate_command", "Seek the settings of a venue's rules that serve an aim best."
    ),
    "diff": Entry(".replay.diff.commands:diff_command", "Hold two runs against each other: who gained, who lost."),
    "policies": Entry(".replay.policies.commands:policies_command", "List the policies, builtin and plugged in."),
    "new-policy": Entry(".replay.policies.commands:new_policy_command", "Begin a policy of your own, with its test."),
    "audit": Entry(
        ".replay.importers.audit.commands:audit_command", "Hold a venue's reported fills against each other."
    ),
    "bridge": Entry(".replay.bridge.commands:bridge_command", "Write an imported incident as a scenario."),
    "verdict": Entry(".replay.verdict.commands:verdict_command", "Say how far a venue followed a published rule."),
    "pack": Entry(".replay.info.commands:pack_command", "Pack a record and its parents into one file."),
    "recover": Entry(
        ".replay.verify.commands:recover_command", "Cut a torn record to its last good block and seal it."
    ),
}


class _Commands(Program, LazyGroup):
    """The group over `COMMANDS`."""

    entries = COMMANDS
    package = __package__


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        fingerprint, core = (import_module(name, __package__) for name in (".events.record.fingerprint", ".core"))
        click.echo(f"deleverage {fingerprint.package_version()}, {core.spoken()}")
        ctx.exit()


@click.group(
    "deleverage",
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, envvar="DELEVERAGE_DEBUG", help="Show the traceback of an error.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version, and whether the core is in C.",
)
@click.pass_context
def main(ctx: click.Context, debug: bool) -> None:  # noqa: ARG001, FBT001 - `invoke` reads it
    """The flight recorder and time machine of a liquidation engine."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


if __name__ == "__main__":
    main(prog_name="deleverage")

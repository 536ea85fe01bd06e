"""The command line: a table of commands, and what becomes of their errors.

1. A command is imported when it is called. `deleverage --help` needs the table below and nothing else.
2. Whatever goes wrong is one line on stderr and an exit code: the error's own (`events/errors.py`), 2 for a wrong
   command line, 130 after Ctrl-C (143 where SIGTERM and 129 where SIGHUP ended what was being recorded), 141 where the
   reader of the output went away, 1 for anything else. A torn record that was served as far as it goes ends with 3.
3. `--debug` adds the traceback.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from .events.errors import DeleverageError
from .sim.lazy_group import Entry, LazyGroup
from .sim.terminal import printable_text, tell

__all__ = ["COMMANDS", "Entry", "main"]

_FAULT, _USAGE, _INTERRUPTED, _NO_READER = 1, 2, 130, 141


COMMANDS = {
    "run": Entry(".sim.commands:run_command", "Run a scenario and record it."),
    "scenarios": Entry(".sim.commands:scenarios_command", "List the scenarios that come with the package."),
    "import": Entry(".replay.importers.commands:import_command", "Take in a venue's own files as a record."),
    "log": Entry(".replay.log.commands:log_command", "Show the events of a record."),
    "state": Entry(".replay.state.commands:state_command", "Show markets, fund and accounts at any instant."),
    "history": Entry(".replay.history.commands:history_command", "Show what befell an account, event by event."),
    "why": Entry(".replay.why.commands:why_command", "Say why an event happened, or what befell an account."),
    "receipt": Entry(".replay.receipt.commands:receipt_command", "Prove an event to someone without the record."),
    "check": Entry(".replay.receipt.commands:check_command", "Check a receipt, without the record."),
    "verify": Entry(
        ".replay.verify.commands:verify_command", "Check a record: every byte, its head, the ledger's laws."
    ),
    "fork": Entry(".replay.fork.commands:fork_command", "Take a run up again with something changed."),
    "lab": Entry(".replay.lab.commands:lab_command", "Run many scenarios under many rules, and compare."),
    "diff": Entry(".replay.diff.commands:diff_command", "Hold two runs against each other: who gained, who lost."),
    "study": Entry(".replay.study.commands:study_command", "Hold published figures against the files behind them."),
    "policies": Entry(".replay.policies.commands:policies_command", "List the policies, builtin and plugged in."),
    "new-policy": Entry(".replay.policies.commands:new_policy_command", "Begin a policy of your own, with its test."),
    "audit": Entry(".replay.audit.commands:audit_command", "Hold a venue's reported fills against each other."),
    "recover": Entry(
        ".replay.verify.commands:recover_command", "Cut a torn record to its last good block and seal it."
    ),
}


class _Commands(LazyGroup):
    """The group over `COMMANDS`, which sees to what becomes of their errors."""

    entries = COMMANDS
    package = __package__

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line and leave with its exit code."""
        kwargs["standalone_mode"] = False
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show stops nothing
        try:
            code = super().main(*args, **kwargs)
        except click.ClickException as error:
            code = _say_usage(error)
        except click.Abort:
            code = _say("interrupted", _INTERRUPTED)
        except OSError as error:
            code = _say_error(error)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and turn what it raises into an exit code."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt as error:
            ctx.exit(_say("interrupted", getattr(error, "exit_code", _INTERRUPTED)))
        except Exception as error:  # noqa: BLE001 - the last place where a fault can be put into words
            if ctx.params["debug"]:
                click.echo(printable_text(traceback.format_exc()), err=True)
            ctx.exit(_say_error(error))


def _say(message: str, code: int) -> int:
    """One line on stderr, and the exit code that goes with it."""
    tell(message)
    return code


def _say_usage(error: click.ClickException) -> int:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "deleverage"
    return _say(f"{error.format_message()} See '{path} --help'.", _USAGE)


def _say_error(error: Exception) -> int:
    if isinstance(error, DeleverageError):
        return _say(str(error), error.exit_code)
    if isinstance(error, BrokenPipeError):
        _let_go_of_stdout()
        return _NO_READER
    if isinstance(error, OSError):
        _let_go_of_stdout()
        return _say(f"the system refused: {error}", _USAGE if error.errno == errno.ENAMETOOLONG else _FAULT)
    fault = f"{type(error).__name__}: {error}"
    return _say(f"a fault of deleverage itself, {fault}; `deleverage --debug ...` shows the traceback", _FAULT)


def _let_go_of_stdout() -> None:
    """Nobody takes what is still buffered; without this Python would complain again on its way out."""
    with suppress(io.UnsupportedOperation):  # not a file but a test's buffer
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        fingerprint = import_module(".events.record.fingerprint", __package__)
        click.echo(f"deleverage {fingerprint.package_version()}")
        ctx.exit()


@click.group(
    "deleverage",
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, envvar="DELEVERAGE_DEBUG", help="Show the traceback of an error.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@click.pass_context
def main(ctx: click.Context, debug: bool) -> None:  # noqa: ARG001, FBT001 - `invoke` reads it
    """The flight recorder and time machine of a liquidation engine."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


if __name__ == "__main__":
    main(prog_name="deleverage")

"""`deleverage run` and `deleverage scenarios`."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from ..events.record import Durability, RecordSettings
from .console import new_console, print_line, print_rows
from .interrupt import Interrupt
from .limits import ACCOUNT_BYTES
from .logs import LOG_LEVELS, LogLevel, RunLog, level_of, log_stream
from .options import patience_option, plugins_option
from .outcome import outcome
from .progress import run_progress
from .report import print_report
from .runner import RunResult, Simulation, run
from .scaled import scaled
from .scenario import Scenario, bundled_scenarios
from .terminal import print_document
from .units import format_time_ns

__all__ = ["run_command", "scenarios_command"]


@click.command("run")
@click.argument("scenario")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="RUN", help="Write the record there.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value; may be repeated.")
@click.option("--seed", type=int, help="Override the scenario's seed.")
@plugins_option
@patience_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and no progress bar.")
@click.option(
    "--durability",
    type=click.Choice(get_args(Durability)),
    default="interval",
    show_default=True,
    help="When the record is forced to the disk: at each block, each second, or by the system.",
)
@click.option("--dry-run", is_flag=True, help="Only check it, and say how much it would take in.")
@click.option(
    "--log-level", type=click.Choice(LOG_LEVELS), default="warning", show_default=True, help="Log from here on."
)
@click.option("-v", "--verbose", "verbosity", count=True, help="Log milestones; -vv: every event.")
@click.option("--log-json", is_flag=True, help="Log as JSON Lines.")
@click.option("--log-file", type=click.Path(path_type=Path), metavar="FILE", help="Add the log to FILE, not to stderr.")
@click.pass_context
def run_command(
    context: click.Context,
    *,
    scenario: str,
    output: Path | None,
    overrides: tuple[str, ...],
    seed: int | None,
    plugins: tuple[Path, ...],
    as_json: bool,
    durability: Durability,
    dry_run: bool,
    log_level: LogLevel,
    verbosity: int,
    log_json: bool,
    log_file: Path | None,
) -> None:
    """Run SCENARIO, a bundled one by name or a TOML file, and print what came of it.

    Without -o nothing is written: events are only counted and hashed. Ctrl-C stops after the present input and seals
    the record, as SIGTERM and SIGHUP do; the exit code is then 128 and the signal's number, 130 for Ctrl-C. A scenario
    that would make more inputs or accounts than it may is refused before it begins (--set limits.inputs=N,
    limits.accounts=N).
    """
    loaded = Scenario.load(scenario, overrides, seed=seed, plugins=plugins)
    if dry_run:
        _tell_what_it_makes(loaded, as_json=as_json)
        return
    settings = RecordSettings(durability=durability)
    level = level_of(log_level, verbosity)
    shown = not as_json and (log_file is not None or level in ("warning", "error"))
    with log_stream(log_file) as stream, Interrupt() as interrupt:
        log = RunLog(level, as_json=log_json, stream=stream)
        result = _driven(loaded, output, settings, interrupt, log, bar=shown)
    if as_json:
        print_document(scaled(outcome(result), result.scenario.assets))
    else:
        print_report(new_console(), result)
    if result.status == "interrupted":
        context.exit(interrupt.exit_code)


def _tell_what_it_makes(scenario: Scenario, *, as_json: bool) -> None:
    """How much it would take in, and how much it may."""
    resolved, limits = scenario.resolve(), scenario.settings.limits
    accounts = sum(1 for _ in resolved.population())
    if as_json:
        print_document(
            {
                "scenario": resolved.name,
                "seed": resolved.seed,
                "start": format_time_ns(resolved.start_ns),
                "inputs": resolved.inputs,
                "accounts": accounts,
                "limits": {"inputs": limits.inputs, "accounts": limits.accounts},
            }
        )
        return
    console, megabytes = new_console(), accounts * ACCOUNT_BYTES / 10**6
    print_line(console, f"{resolved.name}, seed {resolved.seed}: checked, not run", style="bold")
    rows = [
        ("from", format_time_ns(resolved.start_ns)),
        ("inputs", f"{resolved.inputs:,}, of {limits.inputs:,} at most (limits.inputs)"),
        ("accounts", f"{accounts:,}, of {limits.accounts:,} at most (limits.accounts), some {megabytes:,.0f} MB"),
    ]
    print_rows(console, rows)


def _driven(
    scenario: Scenario, output: Path | None, settings: RecordSettings, interrupt: Interrupt, log: RunLog, *, bar: bool
) -> RunResult:
    """Run it with what interrupts it, progress bar and log attached."""
    with run_progress(scenario, shown=bar) as progress:

        def watch(simulation: Simulation) -> None:
            for watcher in (interrupt, progress, log):
                watcher.watch(simulation)

        result = run(scenario, output, settings=settings, progress=progress, on_start=watch)
    log.ended(result)
    return result


@click.command("scenarios")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def scenarios_command(*, as_json: bool) -> None:
    """List the scenarios that come with the package; each runs by its name."""
    known = bundled_scenarios()
    if as_json:
        listed = [{"name": name, "description": description} for name, description in known.items()]
        print_document({"scenarios": listed})
    else:
        print_rows(new_console(), known.items(), label_width=max(map(len, known)))

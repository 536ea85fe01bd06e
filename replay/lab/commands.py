"""`deleverage lab`: many runs under other rules, measured and held against each other."""

from __future__ import annotations

from pathlib import Path

import click

from ...sim.console import new_console, print_rows
from ...sim.figures import count
from ...sim.options import plugins_option
from ...sim.progress import bar
from ...sim.terminal import tell
from ..charts import can_draw
from ..command_line import jobs_option
from ..jobs import Jobs
from .charts import draw_charts
from .definition import Definition, told, varied
from .fairness import ORDERS_MOST
from .lab import LabResult, run_lab
from .scores import print_scoreboard
from .table import write_tables

__all__ = ["lab_command"]

_FAILED, _INTERRUPTED = 1, 130
_FAILURES_SHOWN = 5


@click.command("lab")
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.option("--vary", "vary", multiple=True, metavar="KEY=A,B,...", help="Run with each value; may be repeated.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="For every cell; may be repeated.")
@click.option("--seeds", type=click.IntRange(1), default=20, show_default=True, help="Seeds 1 to N, each variant each.")
@click.option(
    "--fairness",
    type=click.IntRange(1, ORDERS_MOST),
    metavar="ORDERS",
    help="Also the spread of what is reduced over so many orders of its largest instants.",
)
@plugins_option
@jobs_option
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", required=True, help="The lab's folder.")
@click.option("--bar/--no-bar", "shown", default=True, help="A progress bar on a terminal's stderr.")
@click.pass_context
def lab_command(
    context: click.Context,
    *,
    scenarios: tuple[str, ...],
    vary: tuple[str, ...],
    settings: tuple[str, ...],
    seeds: int,
    fairness: int | None,
    plugins: tuple[Path, ...],
    jobs: Jobs,
    output: Path,
    shown: bool,
) -> None:
    """Run every combination of what is varied for every seed, and compare.

    SCENARIO is a bundled one by name or a TOML file. Values are written as for `deleverage run --set`. Cells that
    differ only in who decides share their past: it is run once a seed, and forked.

    Stopped or killed, the same command goes on where it was. DIR then holds results.csv (and results.parquet), a chart
    a metric, and a file a cell. The exit code is 1 if a cell failed, 130 after Ctrl-C.
    """
    keys, folders = tuple(map(varied, vary)), tuple(map(str, plugins))
    definition = Definition(scenarios, settings, keys, seeds, folders, fairness or 0)
    total = len(definition.cells)
    done = 0
    try:
        with bar(total, count(total, "cell"), shown=shown) as advance:

            def progress(so_far: int, failed: int) -> None:
                nonlocal done
                done = so_far
                advance(so_far, f"{so_far:,} of {count(total, 'cell')}" + (f", {failed:,} failed" if failed else ""))

            result = run_lab(definition, output, jobs=jobs, progress=progress)
    except KeyboardInterrupt:
        tell(f"stopped after {done:,} of {count(total, 'cell')}; the same command goes on")
        context.exit(_INTERRUPTED)
    _print(result)
    if result.failed:
        cell, error = result.failed[0]
        failed = f"{len(result.failed):,} of {count(total, 'cell')} failed, the first of them"
        tell(f"{failed} {_name(result, cell.number)}: {error}")
        context.exit(_FAILED)


def _print(result: LabResult) -> None:
    """The scoreboard, what failed, and where everything is."""
    console = new_console()
    tables = write_tables(result)
    print_scoreboard(console, result)
    failed, total = result.failed, len(result.outcomes)
    cells = f"{count(total, 'cell')}, {len(failed):,} failed" if failed else count(total, "cell")
    rows = [("cells", cells + (f", {result.resumed:,} done before" if result.resumed else ""))]
    rows += [("failed", f"{_name(result, number)}: {error}") for number, error in _shown_failures(result)]
    rows += [("table", str(path)) for path in tables]
    drawn = (
        str(draw_charts(result)) if can_draw() else "none; pip install 'deleverage[lab]' and run the same command again"
    )
    rows.append(("charts", drawn))
    print_rows(console, rows)


def _shown_failures(result: LabResult) -> list[tuple[int, str]]:
    return [(cell.number, error) for cell, error in result.failed][:_FAILURES_SHOWN]


def _name(result: LabResult, number: int) -> str:
    cell = result.definition.cells[number]
    return f"{cell.variant.scenario}, {told(cell.variant.values)}, seed {cell.seed}"

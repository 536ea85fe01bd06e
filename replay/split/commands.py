"""`deleverage split`: what a fall is put down to, part by part."""

from __future__ import annotations

from pathlib import Path

import click

from ...sim.console import new_console
from ...sim.figures import count
from ...sim.options import plugins_option
from ...sim.progress import bar
from ...sim.terminal import print_document, tell
from ..command_line import as_json_option, head_option, jobs_option, leave, opened, record_argument, tell_differences
from ..jobs import Jobs
from ..points import parse_point
from ..run import Run
from .split import At, forks_needed, split
from .switches import given_switches
from .text import print_split
from .view import split_view

__all__ = ["split_command"]

_INTERRUPTED = 130


@click.command("split")
@record_argument
@click.option("--at", "point", metavar="low|high|POINT", default="low", show_default=True, help="The move up to there.")
@click.option("--instrument", "names", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@click.option(
    "--switch", "texts", multiple=True, metavar="NAME:KEY=VALUE", help="Switch this off instead; may be repeated."
)
@jobs_option
@head_option
@plugins_option
@as_json_option
@click.pass_context
def split_command(
    context: click.Context,
    *,
    record: Path,
    point: str,
    names: tuple[str, ...],
    texts: tuple[str, ...],
    jobs: Jobs,
    head: str | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Split the fall of each instrument of RUN into what it is put down to.

    RUN is executed again from the first price on, once for every combination of what can be switched off: liquidations,
    those of the other venues (contagion), stops and followers, makers who withdraw. A part is what its cause adds to
    the others, averaged over every order in which they can come in (Shapley's value), and what is left with all of them
    off is the outside's. The parts sum to the fall exactly. Nothing is written.

    The price is what the venue's own book trades at, or the mark where there is no book. At the low (or high) each fork
    counts with its own; at a POINT with its price at that time.

    With --switch, which is written as for `fork --set` ("fund: insurance_fund.capital_bps=0"), you say what is switched
    off; those of one NAME go together.

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    """
    run, switches = opened(record, head, plugins, forked=True), given_switches(texts) or None
    chosen = None if not names else [_instrument(run, name) for name in names]
    total, done = forks_needed(run, switches, chosen), 0
    try:
        with bar(total, count(total, "fork"), shown=not as_json) as advance:

            def progress(so_far: int, forks: int) -> None:
                nonlocal done
                done = so_far
                advance(so_far, f"{so_far:,} of {count(forks, 'fork')}")

            found = split(run, switches, _at(run, point), instruments=chosen, jobs=jobs, progress=progress)
    except KeyboardInterrupt:
        tell(f"stopped after {done:,} of {count(total, 'fork')}; nothing was written")
        context.exit(_INTERRUPTED)
    if as_json:
        print_document(split_view(run, found))
    else:
        print_split(new_console(), run, found)
    tell_differences(run)
    leave(context, run)


def _at(run: Run, point: str) -> At:
    if point == "low":
        return "low"
    if point == "high":
        return "high"
    run.last_seq(point)  # refuses what is not in the record
    asked = parse_point(point, run.start_ns, run.end_ns)
    return min(run.event(asked.value).at_ns if asked.kind == "seq" else asked.value, run.end_ns)


def _instrument(run: Run, name: str) -> int:
    return run.directory.find_instrument(name)

"""`deleverage watch`: the early warning of a record that is being written, or of a scenario at speed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.live import Live

from ...events.errors import QueryError
from ...sim.console import bars_for, new_console, print_line
from ...sim.options import duration_ns, plugins_option
from ...sim.scaled import scaled
from ...sim.scenario import bundled_scenarios
from ...sim.terminal import print_json, tell
from ..charts import chart_option, check_chart
from ..command_line import TORN, as_json_option
from ..run import is_record
from .feeds import Feed, record_feed, scenario_feed
from .metrics import served_metrics
from .text import panel, reading_line
from .view import reading_view
from .watcher import RunWatcher, WarningReading

__all__ = ["watch_command"]

Show = Callable[[WarningReading], None]


@click.command("watch")
@click.argument("watched", metavar="RUN|SCENARIO")
@click.option(
    "--every",
    "every_ns",
    callback=duration_ns,
    default="10s",
    show_default=True,
    metavar="TIME",
    help="A reading each so much simulated time.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    metavar="N",
    help="So many simulated seconds a second; 0 for as fast as it goes.  [default: 60 for a SCENARIO, 0 for a RUN]",
)
@click.option(
    "--metrics",
    "port",
    type=click.IntRange(1, 65_535),
    metavar="PORT",
    help="Serve the last reading to Prometheus on this port of loopback.",
)
@click.option("--once", is_flag=True, help="Only the last reading; a RUN is taken as far as it goes now.")
@chart_option
@click.option("--until", metavar="POINT", help="Stop after this event or time.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value of a SCENARIO.")
@click.option("--seed", type=int, help="Override the SCENARIO's seed.")
@plugins_option
@as_json_option
@click.pass_context
def watch_command(
    context: click.Context,
    *,
    watched: str,
    every_ns: int,
    speed: float | None,
    once: bool,
    chart: Path | None,
    until: str | None,
    port: int | None,
    overrides: tuple[str, ...],
    seed: int | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Watch RUN while it is written, or SCENARIO while it is run, for what comes before a cascade.

    Each reading has prices, marks, depth and open interest; what is near liquidation, and where, with the depth beside
    it; concentration; the smallest move that would start a cascade which feeds itself; how far the fund is from empty;
    how alike prices move. A figure is calm, raised or high. In a terminal they stand in place; in a pipe each is a
    line, or with --json a document in a line.

    A RUN that is not sealed is followed until it is. Ctrl-C leaves. With --once, --chart draws the last reading's map.

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    """
    is_run = is_record(Path(watched))
    if not is_run and not Path(watched).exists() and watched not in bundled_scenarios():
        scenarios = ", ".join(bundled_scenarios())
        message = f"{watched!r} is neither a record nor a scenario; give a directory, a TOML file or one of {scenarios}"
        raise QueryError(message)
    if is_run and (overrides or seed is not None):
        message = f"{watched} is a record, whose settings are what they were; --set and --seed are for a SCENARIO"
        raise QueryError(message)
    if chart is not None and not once:
        message = "--chart is of the last reading; give --once with it"
        raise QueryError(message)
    check_chart(chart)
    pace = 0.0 if once else (0.0 if is_run else 60.0) if speed is None else speed
    watcher = RunWatcher(every_ns, last_only=once)
    torn = None
    with served_metrics(watcher, port) as metrics, _shown(watcher, chart, once=once, as_json=as_json) as show:
        feed = Feed(watcher, pace, until, metrics)
        if is_run:
            torn = record_feed(Path(watched), feed, show, now_only=once)
        else:
            scenario_feed(watched, overrides, seed, plugins, feed, show)
    if torn:
        tell(torn)
        context.exit(TORN)


@contextmanager
def _shown(watcher: RunWatcher, chart: Path | None, *, once: bool, as_json: bool) -> Iterator[Show]:
    """How readings are shown; of `once` only the last one, at the end."""
    console = new_console()
    bars = bars_for(console)

    def as_panel(reading: WarningReading) -> None:
        console.print(panel(reading, watcher.ledger, console.width, bars), end="")

    def as_document(reading: WarningReading) -> None:
        print_json([json.dumps(scaled(reading_view(reading, watcher.ledger), watcher.ledger.assets)).encode()])
        console.file.flush()

    def as_line(reading: WarningReading) -> None:
        print_line(console, reading_line(reading, watcher.ledger))
        console.file.flush()

    if once:
        last: list[WarningReading] = []
        yield lambda reading: last.__setitem__(slice(None), [reading])
        for reading in last:
            (as_document if as_json else as_panel)(reading)
            if chart is not None:
                from .charts import draw_map  # noqa: PLC0415 - matplotlib is only for who asks for a chart

                draw_map(chart, reading, watcher.ledger)
    elif as_json or not console.is_terminal:
        yield as_document if as_json else as_line
    else:
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:

            def in_place(reading: WarningReading) -> None:
                live.update(panel(reading, watcher.ledger, console.width, bars, console.height), refresh=True)

            yield in_place

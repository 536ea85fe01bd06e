"""`deleverage export`: a record as files for other programs."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ...sim.console import new_console, print_rows
from ...sim.figures import count
from ...sim.progress import bar
from ...sim.terminal import print_document
from ..command_line import as_json_option, head_option, leave, opened, record_argument
from .export import FORMATS, export
from .files import PARTITIONS, Partition

__all__ = ["export_command"]


@click.command("export")
@record_argument
@click.option("-o", "--output", "path", required=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option("--format", "layout", type=click.Choice(FORMATS), default="parquet", show_default=True, help="Of what.")
@click.option("--table", "tables", multiple=True, metavar="NAME", help="Only this table; may be repeated.")
@click.option("--from", "first", metavar="POINT", help="From this event or time on.")
@click.option("--to", "last", metavar="POINT", help="Up to this event or time, included.")
@click.option("--at", "points", multiple=True, metavar="POINT", help="The states then, not at the end; repeatable.")
@click.option("--by", "partition", type=click.Choice(PARTITIONS), default="day", show_default=True, help="Of a file.")
@head_option
@as_json_option
@click.pass_context
def export_command(
    context: click.Context,
    *,
    record: Path,
    path: Path,
    layout: str,
    tables: tuple[str, ...],
    first: str | None,
    last: str | None,
    points: tuple[str, ...],
    partition: Partition,
    head: str | None,
    as_json: bool,
) -> None:
    """Write RUN as files for other programs.

    The tables (parquet, arrow, csv, duckdb) are one for each type of event, with names, decimals and times, and those
    of states: accounts, positions, marks, funds, orders, rankings, rounds. ocel is a log for process mining, perfetto a
    trace for ui.perfetto.dev, otlp spans for a tracing backend.

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    """
    run, done = opened(record, head), 0
    with bar(run.count, count(run.count, "event"), shown=not as_json) as advance:

        def progress(rows: int) -> None:
            nonlocal done
            done += rows
            advance(min(done, run.count), f"{done:,} rows")

        exported = export(
            run, path, layout, tables=tables, since=first, until=last, at=points, partition=partition, progress=progress
        )
    if as_json:
        print_document(msgspec.to_builtins(exported))
    else:
        rows = [(one.table, count(one.rows, "row")) for one in exported.tables]
        rows += [(what, f"{number:,}") for what, number in exported.counts.items()]
        width = max((len(name) for name, _ in rows), default=0)
        print_rows(new_console(), [*rows, ("head", exported.record["head"] or "none, it is torn")], label_width=width)
    leave(context, run)

"""`deleverage export`: a record as files for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from ...events.errors import QueryError
from ...handlers.plugins.modules import find_entry_point
from ...sim.console import new_console, print_rows
from ...sim.figures import count
from ...sim.options import parameters_option, plugins_option
from ...sim.progress import bar
from ...sim.rooms import own_named, parameters_in
from ...sim.sources.own import Own
from ...sim.terminal import print_document
from ..command_line import as_json_option, head_option, leave, opened, record_argument
from ..tables.tables import GROUNDS, table_names
from .export import DESCRIPTION, FORMATS, Exported, export
from .files import PARTITIONS, Partition

__all__ = ["export_command"]


class _Format(click.Choice[str]):
    """A format of ours, or what may be a plug-in's name; whether it is one is looked at when it is taken."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name. Fails for what is neither."""
        plugin = ":" in value or value.endswith(".py") or find_entry_point("exporter", value) is not None
        return value if value not in self.choices and plugin else super().convert(value, param, ctx)


@click.command("export")
@record_argument
@click.option("-o", "--output", required=True, metavar="DIR|URL", help="A new folder.")
@click.option(
    "--format",
    "layout",
    type=_Format(FORMATS),
    default="parquet",
    show_default=True,
    help="As what; or a plug-in that writes it, as FILE.py:CLASS, package.module:CLASS or by name.",
)
@click.option("--table", "tables", multiple=True, metavar="NAME", help="Only this table; may be repeated.")
@click.option("--grounds", is_flag=True, help="Also what each decision rests on: some 0.1 ms an event.")
@click.option("--from", "first", metavar="POINT", help="From this event or time on.")
@click.option("--to", "last", metavar="POINT", help="Up to this event or time, included.")
@click.option("--at", "points", multiple=True, metavar="POINT", help="The states then, not at the end; repeatable.")
@click.option("--by", "partition", type=click.Choice(PARTITIONS), default="day", show_default=True, help="Of a file.")
@parameters_option
@plugins_option
@head_option
@as_json_option
@click.pass_context
def export_command(
    context: click.Context,
    *,
    record: Path,
    output: str,
    layout: str,
    tables: tuple[str, ...],
    grounds: bool,
    first: str | None,
    last: str | None,
    points: tuple[str, ...],
    partition: Partition,
    settings: tuple[str, ...],
    plugins: tuple[Path, ...],
    head: str | None,
    as_json: bool,
) -> None:
    """Write RUN as files for other programs.

    The tables (parquet, arrow, csv, duckdb) are one for each type of event, with names, decimals and times, and those
    of states: accounts, positions, marks, funds, orders, rankings, rounds; with --grounds also what decisions rest on.
    ocel is a log for process mining, perfetto a trace for ui.perfetto.dev, otlp spans for a tracing backend.

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    """
    run, done = opened(record, head), 0
    shown = bar(run.count, count(run.count, "event"), shown=not as_json)
    with written_to(output) as path, shown as advance:

        def progress(rows: int) -> None:
            nonlocal done
            done += rows
            advance(min(done, run.count), f"{done:,} rows")

        exported = export(
            run,
            path,
            layout,
            tables=(*(tables or table_names()), GROUNDS) if grounds else tables,
            own=_own(layout, settings, plugins),
            since=first,
            until=last,
            at=points,
            partition=partition,
            progress=progress,
        )
    _print(exported, as_json=as_json)
    leave(context, run)


@contextmanager
def written_to(output: str) -> Iterator[Path]:
    """The folder to write: the one that is named, or one that is put to a URL when it is complete."""
    if "://" not in output:
        yield Path(output)
        return
    from ..remote import put_whole  # noqa: PLC0415 - only for who writes elsewhere

    with put_whole(output, DESCRIPTION) as path:
        yield path


def _print(exported: Exported, *, as_json: bool) -> None:
    if as_json:
        print_document(msgspec.to_builtins(exported))
        return
    rows = [(one.table, count(one.rows, "row")) for one in exported.tables]
    rows += [(what, f"{number:,}") for what, number in exported.counts.items()]
    width = max((len(name) for name, _ in rows), default=0)
    print_rows(new_console(), [*rows, ("head", exported.record["head"] or "none, it is torn")], label_width=width)


def _own(layout: str, settings: tuple[str, ...], plugins: tuple[Path, ...]) -> Own | None:
    """The plug-in that is to write, if none of our formats is. Raises ScenarioError, or QueryError for parameters."""
    if layout not in FORMATS:
        return own_named("exporter", layout, parameters_in(settings), plugins)
    if settings:
        message = f"--format {layout} has no parameters; --set is for a plug-in's"
        raise QueryError(message)
    return None

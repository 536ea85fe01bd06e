"""`deleverage log`: the events of a record, one a line, or as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import click
import msgspec

from ...events.envelope import Event
from ...sim.terminal import print_columns, print_json, print_lines
from ..command_line import as_json_option, head_option, leave, matched, opened, record_argument
from ..run import Run
from .selection import Selection, columns_named, picked, select, told_fields, types_named
from .text import column_texts, event_line

__all__ = ["log_command"]


@click.command("log")
@record_argument
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only this type of event; may be repeated.")
@click.option("--account", metavar="NAME|NUMBER", help="Only events that name this account.")
@click.option("--from", "first", metavar="POINT", help="From this event or time on.")
@click.option("--to", "last", metavar="POINT", help="Up to this event or time, included.")
@click.option("--columns", metavar="NAME,...", help="Only these fields, with tabs between them; first their names.")
@head_option
@as_json_option
@click.pass_context
def log_command(
    context: click.Context,
    *,
    record: Path,
    types: tuple[str, ...],
    account: str | None,
    first: str | None,
    last: str | None,
    columns: str | None,
    head: str | None,
    as_json: bool,
) -> None:
    """Show the events of RUN, one a line (with --json as JSON Lines).

    With --columns there are the fields that are named, in that order: seq, at, type and so on, and those of the events,
    with names for numbers and decimals for amounts. A field that an event does not have is empty, with --json null.

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    """
    run = opened(record, head, account=account)
    first_seq, stop_seq = run.span(first, last)
    number = None if account is None else run.directory.find_account(account)
    selection = Selection(first_seq, stop_seq, types_named(types), number)
    names = None if columns is None else columns_named(columns, selection.types)
    events = matched(_learnt(run, selection), f"such event among the {stop_seq - first_seq:,} that were looked at")
    if as_json:
        encode, told = msgspec.json.Encoder().encode, partial(told_fields, directory=run.directory)
        print_json(encode(told(event) if names is None else picked(told(event), names)) for event in events)
    elif names is None:
        print_lines(event_line(event, run.directory) for event in events)
    else:
        print_columns(chain([names], (column_texts(event, run.directory, names) for event in events)))
    leave(context, run)


def _learnt(run: Run, selection: Selection) -> Iterator[Event]:
    """The events chosen, the directory knowing what each declares."""
    for event in select(run, selection):
        run.directory.learn(event)
        yield event

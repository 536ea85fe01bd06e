"""`deleverage log`: the events of a record, one a line, or as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from ...sim.terminal import print_json, print_lines
from ..command_line import as_json_option, head_option, leave, opened, record_argument
from ..run import Run
from .selection import Selection, event_fields, select, types_named
from .text import event_line

__all__ = ["log_command"]


@click.command("log")
@record_argument
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only this type of event; may be repeated.")
@click.option("--account", metavar="NAME|NUMBER", help="Only events that name this account.")
@click.option("--from", "first", metavar="POINT", help="From this event or time on.")
@click.option("--to", "last", metavar="POINT", help="Up to this event or time, included.")
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
    head: str | None,
    as_json: bool,
) -> None:
    """Show the events of RUN, one a line (with --json as JSON Lines).

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    """
    run = opened(record, head)
    first_seq, stop_seq = run.span(first, last)
    number = None if account is None else run.directory.find_account(account)
    selection = Selection(first_seq, stop_seq, types_named(types), number)
    if as_json:
        _print_json(run, selection)
    else:
        _print_lines(run, selection)
    leave(context, run)


def _print_json(run: Run, selection: Selection) -> None:
    encode = msgspec.json.Encoder().encode
    print_json(encode(event_fields(event)) for event in select(run, selection))


def _print_lines(run: Run, selection: Selection) -> None:
    print_lines(_lines(run, selection))


def _lines(run: Run, selection: Selection) -> Iterator[str]:
    directory = run.directory
    for event in select(run, selection):
        directory.learn(event)
        yield event_line(event, directory)

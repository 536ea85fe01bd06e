"""`deleverage history`: every event that touched an account, with the account before and after."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ...sim.console import new_console
from ...sim.terminal import print_json
from ..command_line import as_json_option, head_option, leave, opened, record_argument
from ..log.selection import types_named
from .steps import fields_of_steps, history
from .text import print_history

__all__ = ["history_command"]

_COMPACT = (",", ":")


@click.command("history")
@record_argument
@click.option("--account", required=True, metavar="NAME|NUMBER", help="The account.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only this type of event; may be repeated.")
@click.option("--from", "first", metavar="POINT", help="From this event or time on.")
@click.option("--to", "last", metavar="POINT", help="Up to this event or time, included.")
@head_option
@as_json_option
@click.pass_context
def history_command(
    context: click.Context,
    *,
    record: Path,
    account: str,
    types: tuple[str, ...],
    first: str | None,
    last: str | None,
    head: str | None,
    as_json: bool,
) -> None:
    """Show every event of RUN that touched an account, with the account before and after (with --json as JSON Lines).

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    """
    run = opened(record, head, account=account)
    number = run.directory.find_account(account)
    steps = history(run, number, *run.span(first, last), types_named(types), prospects=as_json)
    if as_json:
        documents = fields_of_steps(steps, run.directory)
        print_json(json.dumps(document, separators=_COMPACT).encode() for document in documents)
    else:
        print_history(new_console(), run.directory, number, steps)
    leave(context, run)

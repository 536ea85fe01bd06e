"""`deleverage state`: markets, fund and accounts at any instant."""

from __future__ import annotations

from pathlib import Path

import click

from ...events.errors import QueryError
from ...events.ledger import Ledger
from ...sim.console import new_console
from ...sim.options import plugins_option
from ...sim.scaled import scaled
from ...sim.terminal import print_document, tell
from ..command_line import as_json_option, head_option, leave, opened, record_argument
from .queues import queues_of, venues_of
from .text import print_account, print_state
from .view import law_checks, state_view

__all__ = ["state_command"]

_BROKEN = 1


@click.command("state")
@record_argument
@click.option("--at", "point", metavar="POINT", help="After this event, or as it was at this time; the end by default.")
@click.option("--account", metavar="NAME|NUMBER", help="Only this account, with everything about it.")
@head_option
@plugins_option
@as_json_option
@click.pass_context
def state_command(
    context: click.Context,
    *,
    record: Path,
    point: str | None,
    account: str | None,
    head: str | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show the state of RUN: markets, fund and accounts.

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    The exit code is 1 where a law of the ledger is broken there.
    """
    run = opened(record, head, plugins, account=account)
    number = None if account is None else run.directory.find_account(account)
    ledger = run.at() if point is None else run.at(seq=run.last_seq(point))
    if number is not None and number >= len(ledger.accounts):
        message = f"account {account!r} is not open yet after event {ledger.seq - 1}; ask for a later point"
        raise QueryError(message)
    if as_json:
        print_document(scaled(state_view(ledger, queues_of(run, ledger), number), ledger.assets))
    elif number is None:
        several = len(venues_of(ledger)) > 1  # a queue of each then, by rules of their own
        print_state(new_console(), ledger, queues_of(run, ledger) if several else None)
    else:
        print_account(new_console(), ledger, number, queues_of(run, ledger))
    leave(context, run, _broken_laws(record, ledger))


def _broken_laws(record: Path, ledger: Ledger) -> int:
    """The exit code for the laws of a ledger, with a line on stderr where one is broken."""
    broken = [text for check in law_checks(ledger) for text in check["broken"]]
    if not broken:
        return 0
    more = f"; and {len(broken) - 1} more" if broken[1:] else ""
    tell(f"{record}: a law is broken after event {ledger.seq - 1}: {broken[0]}{more}")
    return _BROKEN

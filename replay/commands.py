"""`deleverage log`, `state`, `verify` and `recover`: questions to a record.

A torn record is served up to its last good block, with a warning on stderr and exit code 3. Whatever is not sound is
also one line on stderr.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import msgspec

from ..events.errors import QueryError
from ..events.record import recover
from ..sim.console import new_console, print_line, print_rows
from .account_text import print_account
from .log import Selection, event_fields, select, types_named
from .log_text import event_line
from .run import Run, open_run
from .state import state_view
from .state_text import print_state
from .verify import Verification, verify

__all__ = ["log_command", "recover_command", "state_command", "verify_command"]

_UNSOUND, _TORN = 1, 3

_record = click.argument("record", metavar="RUN", type=click.Path(path_type=Path))
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _opened(path: Path) -> Run:
    """The record, with a torn one's warning on stderr."""
    run = open_run(path)
    if run.warning:
        click.echo(f"deleverage: {run.warning}", err=True)
    return run


def _leave(context: click.Context, run: Run) -> None:
    if run.torn:
        context.exit(_TORN)


@click.command("log")
@_record
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only this type of event; may be repeated.")
@click.option("--account", metavar="NAME|NUMBER", help="Only events that name this account.")
@click.option("--from", "first", metavar="POINT", help="From this event or time on.")
@click.option("--to", "last", metavar="POINT", help="Up to this event or time, included.")
@_as_json
@click.pass_context
def log_command(
    context: click.Context,
    *,
    record: Path,
    types: tuple[str, ...],
    account: str | None,
    first: str | None,
    last: str | None,
    as_json: bool,
) -> None:
    """Show the events of RUN, one a line (with --json as JSON Lines).

    A POINT is an event's number (77241), a time (2025-10-10T21:16:04.831Z) or an offset from the start (+00:12:03.5).
    """
    run = _opened(record)
    first_seq, stop_seq = _span(run, first, last)
    number = None if account is None else run.directory.find_account(account)
    selection = Selection(first_seq, stop_seq, types_named(types), number)
    if as_json:
        _print_json(run, selection)
    else:
        _print_lines(run, selection)
    _leave(context, run)


def _span(run: Run, first: str | None, last: str | None) -> tuple[int, int]:
    """The first event between two points, and the one after the last."""
    first_seq = 0 if first is None else run.first_seq(first)
    stop_seq = run.count if last is None else run.last_seq(last) + 1
    if first_seq > stop_seq:
        message = f"--from {first} comes after --to {last}; put the earlier point first"
        raise QueryError(message)
    return first_seq, stop_seq


def _print_json(run: Run, selection: Selection) -> None:
    encoder, out = msgspec.json.Encoder(), sys.stdout.buffer  # JSON is UTF-8, whatever the terminal speaks
    for event in select(run, selection):
        out.write(encoder.encode(event_fields(event)))
        out.write(b"\n")


def _print_lines(run: Run, selection: Selection) -> None:
    directory, out = run.directory, sys.stdout
    for event in select(run, selection):
        directory.learn(event)
        out.write(event_line(event, directory))
        out.write("\n")


@click.command("state")
@_record
@click.option("--at", "point", metavar="POINT", help="After this event, or as it was at this time; the end by default.")
@click.option("--account", metavar="NAME|NUMBER", help="Only this account, with everything about it.")
@_as_json
@click.pass_context
def state_command(
    context: click.Context, *, record: Path, point: str | None, account: str | None, as_json: bool
) -> None:
    """Show the state of RUN: markets, fund and accounts.

    A POINT is an event's number (77241), a time (2025-10-10T21:16:04.831Z) or an offset from the start (+00:12:03.5).
    """
    run = _opened(record)
    number = None if account is None else run.directory.find_account(account)
    ledger = run.at() if point is None else run.at(seq=run.last_seq(point))
    if number is not None and number >= len(ledger.accounts):
        message = f"account {account!r} is not open yet after event {ledger.seq - 1}; ask for a later point"
        raise QueryError(message)
    if as_json:
        click.echo(json.dumps(state_view(ledger, number), indent=2))
    elif number is None:
        print_state(new_console(), ledger)
    else:
        print_account(new_console(), ledger, number)
    _leave(context, run)


@click.command("verify")
@_record
@click.option("--every", type=click.IntRange(min=1), metavar="N", help="Check the laws after every N events.")
@_as_json
@click.pass_context
def verify_command(context: click.Context, *, record: Path, every: int | None, as_json: bool) -> None:
    """Check RUN: every block, the head, the order of the events, and the laws of the ledger.

    That the handlers would decide the same again is not part of it yet.
    """
    found = verify(record, every)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
    else:
        _print_verification(found)
    if found.fault is not None:
        click.echo(f"deleverage: {record} is not sound: {found.fault.text}", err=True)
        context.exit(_UNSOUND)
    if found.torn:
        click.echo(f"deleverage: {found.warning}", err=True)
        context.exit(_TORN)


def _print_verification(found: Verification) -> None:
    console, words = new_console(), {True: "ok", False: "BROKEN", None: "unknown"}
    verdict = "sound" if found.sound else "NOT SOUND"
    status = "torn" if found.torn else found.status
    print_line(console, f"{found.run}: {verdict}, {found.events:,} events, {status}", style="bold")
    print_rows(console, ((check.check, f"{words[check.ok]}: {check.text}") for check in found.checks))
    print_rows(console, [("decisions", "not executed again: not part of verify yet")])


@click.command("recover")
@_record
def recover_command(*, record: Path) -> None:
    """Cut RUN, if it is torn, to its last good block and seal it; leave a sound record alone."""
    click.echo(str(recover(record)))

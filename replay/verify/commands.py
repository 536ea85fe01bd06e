"""`deleverage verify` and `recover`: whether a record is sound, and how a torn one is made whole."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec

from ...events.record import recover
from ...sim.console import new_console, print_line, print_rows
from ..command_line import TORN, as_json_option, record_argument
from .verification import Verification, verify

__all__ = ["recover_command", "verify_command"]

_UNSOUND = 1


@click.command("verify")
@record_argument
@click.option("--every", type=click.IntRange(min=1), metavar="N", help="Check the laws after every N events.")
@as_json_option
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
        context.exit(TORN)


def _print_verification(found: Verification) -> None:
    console, words = new_console(), {True: "ok", False: "BROKEN", None: "unknown"}
    verdict = "sound" if found.sound else "NOT SOUND"
    status = "torn" if found.torn else found.status
    print_line(console, f"{found.run}: {verdict}, {found.events:,} events, {status}", style="bold")
    print_rows(console, ((check.check, f"{words[check.ok]}: {check.text}") for check in found.checks))
    print_rows(console, [("decisions", "not executed again: not part of verify yet")])


@click.command("recover")
@record_argument
def recover_command(*, record: Path) -> None:
    """Cut RUN, if it is torn, to its last good block and seal it; leave a sound record alone."""
    click.echo(str(recover(record)))

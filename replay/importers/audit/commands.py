"""`deleverage audit`: whether what a venue says about its fills hangs together."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ....sim.console import new_console
from ....sim.progress import bar
from ....sim.terminal import print_json
from ...command_line import as_json_option, head_option, leave, opened, record_argument
from .audit import audit_of
from .text import print_audit

__all__ = ["audit_command"]

_BROKEN = 1


@click.command("audit")
@record_argument
@head_option
@as_json_option
@click.pass_context
def audit_command(context: click.Context, *, record: Path, head: str | None, as_json: bool) -> None:
    """Hold the fills that a venue reported in RUN against each other.

    Does each fill start where the one before it ended, does the closed profit follow from entry and price, do sizes
    pair off, do fees add up, does a table carry its cash on? For each law: how often it was checked and held, the first
    offenders with file and line, and what could not be checked and why. The exit code is 1 where something is broken.
    """
    run = opened(record, head)
    with bar(run.count, "auditing", shown=not as_json) as advance:
        found = audit_of(run, lambda seq: advance(seq, "auditing"))
    if as_json:
        print_json([msgspec.json.format(msgspec.json.encode(found), indent=2)])
    else:
        print_audit(new_console(), found)
    leave(context, run, 0 if found.holds else _BROKEN)

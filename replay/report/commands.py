"""`deleverage report`: an incident for whoever supervises a venue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from ...events.errors import QueryError
from ...sim.console import new_console
from ...sim.terminal import print_document, print_text, printable_json
from ..command_line import as_json_option, head_option, layout_option, leave, opened, record_argument
from ..receipt.file import check_new, write_new
from ..why.page.pages import closing_of, markdown_of
from ..why.page.text import print_sections
from .regulator import regulator_report
from .sections import report_sections, title_of
from .signing import signed

__all__ = ["report_command"]

_PATH = click.Path(path_type=Path)


@click.command("report")
@record_argument
@click.option("--regulator", is_flag=True, help="For a supervisor: who, when, how much, by which rules.")
@click.option("--all", "whole", is_flag=True, help="All rows of all tables.")
@layout_option
@click.option("--sign", "key", metavar="KEY", type=_PATH, help="Sign it with this Ed25519 key (PEM); always JSON.")
@click.option("-o", "--output", metavar="FILE", type=_PATH, help="Write the JSON there, a new file.")
@head_option
@as_json_option
@click.pass_context
def report_command(
    context: click.Context,
    *,
    record: Path,
    regulator: bool,
    whole: bool,
    layout: str,
    key: Path | None,
    output: Path | None,
    head: str | None,
    as_json: bool,
) -> None:
    """Report what RUN holds to whoever supervises the venue: --regulator.

    Who was liquidated and deleveraged, when, how much and at which price, whose loss it was; the rules in force with
    their versions and notices; halts, faults, shared losses; what the rulebook claims and whether it held; what was
    asked of the record further (`stress`, `fair`) and stands beside it. Every figure is read off the record.

    With --sign the JSON is signed over the head and all that it says; `deleverage check FILE --head HEX --signer KEY`
    checks it.
    """
    if not regulator:
        message = "say for whom the report is: --regulator is the one there is"
        raise QueryError(message)
    if output is not None:
        check_new(output)
    run = opened(record, head)
    report = regulator_report(run)
    document: dict[str, Any] = msgspec.to_builtins(report)
    if key is not None:
        document = signed(document, key)
    if output is not None:
        write_new(output, printable_json(msgspec.json.encode(document)) + b"\n")
    if as_json or (key is not None and output is None):
        print_document(document)
    elif layout == "md":
        sections = report_sections(run, report, whole=whole)
        print_text(markdown_of(title_of(report), sections, closing_of(run, "report")))
    else:
        print_sections(new_console(), title_of(report), report_sections(run, report, whole=whole))
    leave(context, run)

"""`deleverage report`: an incident as a page, or for whoever supervises a venue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from ...events.errors import QueryError
from ...events.regular import check_new, write_new
from ...sim.console import new_console, print_line
from ...sim.terminal import print_document, print_text, printable_json
from ..command_line import as_json_option, head_option, layout_option, leave, opened, record_argument
from ..run import Run
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
@click.option("--against", metavar="PARENT", type=_PATH, help="Of a fork: hold it against its parent (a page only).")
@click.option("--all", "whole", is_flag=True, help="All rows of all tables.")
@layout_option
@click.option("--sign", "key", metavar="KEY", type=_PATH, help="Sign it with this Ed25519 key (PEM); always JSON.")
@click.option(
    "-o", "--output", metavar="FILE", type=_PATH, help="Write a new file: the page, or with --regulator the JSON."
)
@head_option
@as_json_option
@click.pass_context
def report_command(
    context: click.Context,
    *,
    record: Path,
    regulator: bool,
    against: Path | None,
    whole: bool,
    layout: str,
    key: Path | None,
    output: Path | None,
    head: str | None,
    as_json: bool,
) -> None:
    """Report the incident in RUN: a page for a browser with -o FILE, or with --regulator for whoever supervises.

    The page is one file that needs no network: pictures of prices, depth, liquidations, the fund and who forced whom;
    tables to sort and filter; a page for each round, account and event, with what each figure rests on; how to verify
    it all. With --against PARENT a fork is held against the record that it was forked from.

    With --regulator: who was liquidated and deleveraged, when, how much and at which price, whose loss it was; the
    rules in force with their versions and notices; halts, faults, shared losses; what the rulebook claims and whether
    it held; what was asked of the record further (`stress`, `fair`) and stands beside it.

    With --sign the JSON is signed over the head and all that it says; `deleverage check FILE --head HEX --signer KEY`
    checks it.
    """
    _check_asked(regulator=regulator, against=against, key=key, output=output, plain=not as_json and layout == "text")
    run = opened(record, head)
    if not regulator:
        assert output is not None
        _write_page(run, against, output)
        leave(context, run)
        return
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


def _check_asked(*, regulator: bool, against: Path | None, key: Path | None, output: Path | None, plain: bool) -> None:
    """Refuse what does not go together before anything is read. Raises QueryError, RecordExistsError."""
    message = ""
    if not regulator and output is None:
        message = "say where the page goes with -o FILE.html, or --regulator for the tables of a supervisor"
    elif regulator and against is not None:
        message = "--against is of the page, and --regulator prints none; leave one of them out"
    elif not regulator and (key is not None or not plain):
        message = "a page has no --sign, --json or --format; they are of --regulator"
    if message:
        raise QueryError(message)
    if output is not None:
        check_new(output)


def _write_page(run: Run, against: Path | None, output: Path) -> None:
    """Read the record and write the page."""
    from .incident.against import against_parent  # noqa: PLC0415 - what draws is only for who asks for a page
    from .incident.page import page_of  # noqa: PLC0415
    from .incident.reading import incident_of  # noqa: PLC0415

    held = None if against is None else against_parent(run, opened(against))
    page = page_of(incident_of(run), held)
    write_new(output, page)
    print_line(new_console(), f"{output}: {len(page):,} bytes")

"""The index of the pages that `why --everyone` writes: each account, its reductions, what they cost it, its page."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

import msgspec

from ...sim.figures import count
from ...sim.terminal import printable_json, printable_text
from ..run import Run
from .blocks import Prose, Section, Table
from .markdown import escaped, markdown_block
from .pages import Layout, closing_of

__all__ = ["Indexed", "index_page"]

_NAMED = 4
"""So many events of an account stand in the index; its page has all."""


class Indexed(msgspec.Struct, frozen=True):
    """One account: the events in which it was deleveraged, and the file with its page.

    `gained_atoms` is what the prices of these were better than the marks of their moments for it, below zero where they
    were worse; null in an import, where the marks are not known.
    """

    account: int
    name: str
    events: tuple[int, ...]
    gained_atoms: int | None
    gained: str | None
    file: str


def index_page(run: Run, accounts: Sequence[Indexed], layout: Layout, width: int) -> bytes:
    """The index as a page of the same layout."""
    if layout == "json":
        document = {"scenario": run.started.scenario, "head": run.sealed_head, "accounts": accounts}
        return printable_json(msgspec.json.format(msgspec.json.encode(document))) + b"\n"
    title = f"Who was deleveraged in {run.started.scenario}"
    told = (
        f"{count(len(accounts), 'account')}. Gained is what the prices of the reductions were better than the marks of "
        "their moments for the account, below zero where they were worse."
    )
    text = _markdown(run, title, told, accounts) if layout == "md" else _text(title, told, accounts, width)
    return (printable_text(text.removesuffix("\n")) + "\n").encode("utf-8", "surrogateescape")


def _row(one: Indexed) -> tuple[str, str, str, str]:
    more = f" and {len(one.events) - _NAMED} more" if one.events[_NAMED:] else ""
    events = ", ".join(map(str, one.events[:_NAMED])) + more
    return one.name, events, one.gained or "unknown", one.file


def _markdown(run: Run, title: str, told: str, accounts: Sequence[Indexed]) -> str:
    shown = map(_row, accounts)
    rows = [f"| [{escaped(name)}]({file}) | {events} | {gained} |" for name, events, gained, file in shown]
    lines = [f"# {escaped(title)}", "", *markdown_block(Prose(told)), ""]
    lines += ["| account | events | gained |", "| :--- | ---: | ---: |", *rows, "", "---", "", closing_of(run), ""]
    return "\n".join(lines)


def _text(title: str, told: str, accounts: Sequence[Indexed], width: int) -> str:
    from ...sim.console import new_console  # noqa: PLC0415 - rich is only for what a person reads
    from .text import print_sections  # noqa: PLC0415

    buffer = StringIO()
    console = new_console(buffer)
    console.width = width
    table = Table(("account", "events", "gained", "page"), tuple(map(_row, accounts)))
    print_sections(console, title, [Section("", (Prose(told), table))])
    return buffer.getvalue()

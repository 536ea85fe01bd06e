"""A whole page: what `why` prints about an event or an account, as text, as Markdown, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from typing import Literal

from ...sim.terminal import printable_json, printable_text, shell_word
from ..run import Run
from .answer import Befallen
from .blocks import Section
from .document import befallen_document
from .markdown import markdown_of
from .sections import befallen_sections

__all__ = ["Layout", "account_page", "account_title", "closing_of"]

Layout = Literal["text", "md", "json"]


def account_title(run: Run, found: Befallen) -> str:
    """The title of the page about an account."""
    return f"What befell {found.name} in {run.started.scenario}"


def account_page(run: Run, found: Befallen, layout: Layout, width: int, *, whole: bool = False) -> bytes:
    """The bytes that the command prints about an account of which something is to be told.

    Text is `width` columns wide. The page names the record by its path.
    """
    if layout == "json":
        return printable_json(befallen_document(found)) + b"\n"
    title, record = account_title(run, found), shell_word(str(run.path))
    sections = befallen_sections(found, record, whole=whole)
    text = markdown_of(title, sections, closing_of(run)) if layout == "md" else _text(title, sections, width)
    return (printable_text(text.removesuffix("\n")) + "\n").encode("utf-8", "surrogateescape")


def _text(title: str, sections: Iterable[Section], width: int) -> str:
    from ...sim.console import new_console  # noqa: PLC0415 - rich is only for what a person reads
    from .text import print_sections  # noqa: PLC0415

    buffer = StringIO()
    console = new_console(buffer)
    console.width = width
    print_sections(console, title, sections)
    return buffer.getvalue()


def closing_of(run: Run) -> str:
    """What stands at the end of a page that is sent."""
    head = f"whose head is `{run.sealed_head}`" if run.sealed_head else "which was never sealed"
    return (
        f"Worked out by `deleverage why` from nothing but the record, {head}. `deleverage verify` checks that "
        "record; whoever holds it can repeat every figure above."
    )

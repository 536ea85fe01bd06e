"""An answer as a Markdown file, to be sent to whoever asked: the same sections, with nothing that depends on a width.

Names come from files, so whatever Markdown or HTML would act on is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .blocks import Block, Commands, Node, Prose, Section, Sums, Table, Tree

__all__ = ["markdown_of"]

_ACTIVE = re.compile(r"([\\`*_\[\]<>|#&~])")
_INDENT = "  "


def markdown_of(title: str, sections: Iterable[Section], closing: str) -> str:
    """The whole file; `closing` stands under a line at its end."""
    lines = [f"# {_escaped(title)}", ""]
    for section in sections:
        if section.title:
            lines += [f"## {_escaped(section.title)}", ""]
        for block in section.blocks:
            lines += [*_block(block), ""]
    return "\n".join([*lines, "---", "", closing, ""])


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Prose):
        yield _escaped(block.text)
    elif isinstance(block, Tree):
        yield f"{_escaped(block.root)}:"
        yield ""
        yield from _listed(block.nodes, "")
    elif isinstance(block, Sums):
        yield from _sums(block)
    elif isinstance(block, Commands):
        yield from ("```console", *block.lines, "```")
    else:
        yield from _marked_table(block)


def _listed(nodes: Iterable[Node], indent: str) -> Iterator[str]:
    for node in nodes:
        yield f"{indent}- {_escaped(node.text)}"
        yield from _listed(node.children, indent + _INDENT)


def _sums(block: Sums) -> Iterator[str]:
    """Amounts to the right of their column, the sum in bold."""
    *rows, total = [(amount, _escaped(text)) for amount, text in block.rows]
    yield from _table(("amount", "what"), ("---:", ":---"), [*rows, _bold(total)])


def _marked_table(block: Table) -> Iterator[str]:
    """The first column to the left, the others to the right; the row that is asked about in bold."""
    rows = [tuple(map(_escaped, row)) for row in block.rows]
    if block.marked is not None:
        rows[block.marked] = _bold(rows[block.marked])
    yield from _table(block.header, (":---", *["---:"] * (len(block.header) - 1)), rows)


def _bold(row: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"**{cell}**" for cell in row)


def _table(header: tuple[str, ...], sides: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table of cells that are escaped already."""
    for row in (header, sides, *rows):
        yield f"| {' | '.join(row)} |"


def _escaped(text: str) -> str:
    shown = text if text.isprintable() else text.encode("unicode_escape").decode()
    return _ACTIVE.sub(r"\\\1", shown)

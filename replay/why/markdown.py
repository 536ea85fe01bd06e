"""An answer as a Markdown file, to be sent to whoever asked: the same sections, with nothing that depends on a width.

Names come from files, so whatever Markdown (that of GitHub included) or HTML would act on is escaped: emphasis, code,
links, also bare ones, mentions, tags, entities, tables, formulas, and what makes a heading, a list or a rule at the
beginning of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ...sim.terminal import printable
from .blocks import Block, Commands, Node, Prose, Section, Sums, Table, Tree

__all__ = ["escaped", "markdown_block", "markdown_of"]

_ACTIVE = re.compile(r"[\\`*_\[\]<>|#&~$@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_BEGINS_A_BLOCK = re.compile(r"[-+](?= |$)|[-=]+(?= *$)|[0-9]{1,9}[.)](?= |$)", re.ASCII)
_FENCE_LEAST = 3
_INDENT = "  "


def markdown_of(title: str, sections: Iterable[Section], closing: str) -> str:
    """The whole file; `closing` stands under a line at its end."""
    lines = [f"# {escaped(title)}", ""]
    for section in sections:
        if section.title:
            lines += [f"## {escaped(section.title)}", ""]
        for block in section.blocks:
            lines += [*markdown_block(block), ""]
    return "\n".join([*lines, "---", "", closing, ""])


def markdown_block(block: Block) -> Iterator[str]:
    """The lines of one block."""
    if isinstance(block, Prose):
        yield _at_line_start(block.text)
    elif isinstance(block, Tree):
        yield f"{_at_line_start(block.root)}:"
        yield ""
        yield from _listed(block.nodes, "")
    elif isinstance(block, Sums):
        yield from _sums(block)
    elif isinstance(block, Commands):
        yield from _fenced(tuple(map(printable, block.lines)))
    else:
        yield from _marked_table(block)


def _fenced(lines: tuple[str, ...]) -> Iterator[str]:
    """Commands as they are, in a fence that is longer than any run of backticks in them."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(_FENCE_LEAST, longest + 1)
    yield from (f"{fence}console", *lines, fence)


def _listed(nodes: Iterable[Node], indent: str) -> Iterator[str]:
    for node in nodes:
        yield f"{indent}- {_at_line_start(node.text)}"
        yield from _listed(node.children, indent + _INDENT)


def _sums(block: Sums) -> Iterator[str]:
    """Amounts to the right of their column, the sum in bold."""
    *rows, total = [(amount, escaped(text)) for amount, text in block.rows]
    yield from _table(("amount", "what"), ("---:", ":---"), [*rows, _bold(total)])


def _marked_table(block: Table) -> Iterator[str]:
    """The first column to the left, the others to the right; the row that is asked about in bold."""
    rows = [tuple(map(escaped, row)) for row in block.rows]
    if block.marked is not None:
        rows[block.marked] = _bold(rows[block.marked])
    header = tuple(map(escaped, block.header))
    yield from _table(header, (":---", *["---:"] * (len(header) - 1)), rows)


def _bold(row: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"**{cell}**" for cell in row)


def _table(header: tuple[str, ...], sides: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table of cells that are escaped already."""
    for row in (header, sides, *rows):
        yield f"| {' | '.join(row)} |"


def escaped(text: str) -> str:
    """The text in one line, nothing in it being markup."""
    return _ACTIVE.sub(r"\\\g<0>", printable(text).strip(" "))


def _at_line_start(text: str) -> str:
    """The same where a line begins: no list, heading or rule."""
    plain = escaped(text)
    begun = _BEGINS_A_BLOCK.match(plain)
    if begun is None:
        return plain
    return f"{plain[: begun.end() - 1]}\\{plain[begun.end() - 1 :]}"

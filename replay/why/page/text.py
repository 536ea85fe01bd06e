"""An answer on a terminal or in a pipe: sections under bold titles, trees with guides, nothing wider than it must be.

No figure, name or digest is ever cut: what is longer than a line stays whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console

from ....sim.console import print_line, print_styled, print_table
from ....sim.terminal import printable
from .blocks import Block, Commands, Node, Prose, Section, Sums, Table, Tree

__all__ = ["print_sections"]

_GAP = "  "
_GUIDE_WIDTH = 4
_PROSE_WIDTH_MIN = 20


def print_sections(console: Console, title: str, sections: Iterable[Section]) -> None:
    """The whole page."""
    print_line(console, title, style="bold")
    for section in sections:
        print_line(console)
        if section.title:
            print_line(console, section.title, style="bold")
        for block in section.blocks:
            _print_block(console, block)


def _print_block(console: Console, block: Block) -> None:
    if isinstance(block, Prose):
        _print_prose(console, block.text)
    elif isinstance(block, Tree):
        _print_tree(console, block)
    elif isinstance(block, Sums):
        _print_sums(console, block)
    elif isinstance(block, Commands):
        for line in block.lines:
            print_line(console, line)
    else:
        _print_table(console, block)


def _print_prose(console: Console, text: str) -> None:
    for line in _folded(text, console.width):
        print_line(console, line)


def _folded(text: str, width: int) -> list[str]:
    """The text in lines of whole words."""
    return wrap(text, max(width, _PROSE_WIDTH_MIN), break_long_words=False, break_on_hyphens=False) or [""]


def _print_tree(console: Console, block: Tree) -> None:
    """In lines as wide as the console or as the longest word needs."""
    longest = max((cell_len(word) for word in _words(block)), default=0)
    width = max(console.width, longest + _depth(block.nodes) * _GUIDE_WIDTH, _PROSE_WIDTH_MIN)
    for line in _wrapped(printable(block.root), width):
        print_styled(console, (line, ""))
    _print_nodes(console, block.nodes, "", width)


def _print_nodes(console: Console, nodes: tuple[Node, ...], guide: str, width: int) -> None:
    """Nodes and theirs, below a guide that runs from the nodes before to those behind."""
    for place, node in enumerate(nodes, 1):
        fork, bar = ("├── ", "│   ") if place < len(nodes) else ("└── ", "    ")
        first, *others = _wrapped(printable(node.text), width - len(guide) - _GUIDE_WIDTH)
        print_styled(console, (guide + fork, "dim"), (first, ""))
        for other in others:
            print_styled(console, (guide + bar, "dim"), (other, ""))
        _print_nodes(console, node.children, guide + bar, width)


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of whole words, by the cells that they take on a terminal."""
    lines, line, used = list[str](), list[str](), 0
    for word in text.split(" "):
        cells = cell_len(word)
        if line and used + 1 + cells > width:
            lines.append(" ".join(line).rstrip())
            line, used = [word], cells
        else:
            used += cells + bool(line)
            line.append(word)
    return [*lines, " ".join(line).rstrip()]


def _depth(nodes: Iterable[Node]) -> int:
    """How many levels of nodes there are."""
    return max((1 + _depth(node.children) for node in nodes), default=0)


def _words(block: Tree) -> Iterator[str]:
    yield from block.root.split()
    waiting = list(block.nodes)
    while waiting:
        node = waiting.pop()
        yield from printable(node.text).split()
        waiting.extend(node.children)


def _print_sums(console: Console, block: Sums) -> None:
    """Amounts to the right of their column, what they are beside them, and the sum under a line."""
    width = max(len(amount) for amount, _ in block.rows)
    for place, (amount, text) in enumerate(block.rows, 1):
        if place == len(block.rows):
            print_line(console, "-" * width)
        first, *others = _folded(text, console.width - width - len(_GAP))
        print_line(console, f"{amount:>{width}}{_GAP}{first}")
        for other in others:
            print_line(console, " " * width + _GAP + other)


def _print_table(console: Console, block: Table) -> None:
    """The row that is asked about behind a mark."""
    rows = [("> " if place == block.marked else _GAP) + row[0] for place, row in enumerate(block.rows)]
    shown = [(first, *row[1:]) for first, row in zip(rows, block.rows, strict=True)]
    print_table(console, (_GAP + block.header[0], *block.header[1:]), shown)

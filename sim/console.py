"""Where text for people goes: a terminal of any width, a pipe, a file.

1. No figure is ever cut short. Prose folds at the width; a table that is wider than that stays as wide as it needs.
2. Colours only on a terminal; characters beyond ASCII only where the stream's encoding has them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .sparkline import ASCII_BARS, UNICODE_BARS

__all__ = ["bars_for", "new_console", "print_line", "print_rows", "print_table"]

_UNBOUNDED = 100_000
_GAP = 2


def new_console(stream: TextIO | None = None) -> Console:
    """A console on `stream`, stdout by default."""
    return Console(file=sys.stdout if stream is None else stream, highlight=False, markup=False, emoji=False)


def bars_for(console: Console) -> str:
    """The bars that a console's stream can show."""
    try:
        UNICODE_BARS.encode(console.encoding)
    except UnicodeEncodeError:
        return ASCII_BARS
    return UNICODE_BARS


def print_line(console: Console, text: str = "", style: str = "") -> None:
    """One line as it is; a terminal may wrap it, so that it can still be copied whole."""
    console.print(Text(text, style=style), soft_wrap=True)


def print_rows(console: Console, rows: Iterable[tuple[str, str]]) -> None:
    """Labels and what belongs to them side by side; the text folds between words under itself."""
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(label, Text(text))
    console.print(grid)


def print_table(console: Console, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows of figures under a header: the first column to the left, the others to the right, none of them cut."""
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for place, name in enumerate(header):
        table.add_column(Text(name), justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    width = console.width
    needed = console.measure(table, options=console.options.update(width=_UNBOUNDED)).maximum
    console.width = max(width, needed)
    try:
        console.print(table)
    finally:
        console.width = width

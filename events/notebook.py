"""How the larger objects show themselves: one line in a terminal, a small table in a notebook.

Both are made of what is at hand, in under a millisecond; no event is read for them, and nothing large is printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["html_table"]


def html_table(caption: str, rows: Iterable[Sequence[object]], head: Sequence[str] = ()) -> str:
    """A table as HTML, its text escaped; the first cell of a row says what the others are of."""
    lines = [f"<table><caption>{escape(caption)}</caption>"]
    if head:
        lines.append("<thead><tr>" + "".join(f"<th>{escape(one)}</th>" for one in head) + "</tr></thead>")
    lines += [f"<tr>{''.join(_cells(row))}</tr>" for row in rows]
    return "\n".join((*lines, "</table>"))


def _cells(row: Sequence[object]) -> Iterable[str]:
    first, *others = (f"{cell:,}" if type(cell) is int else str(cell) for cell in row)
    yield f"<th>{escape(first)}</th>"
    yield from (f"<td>{escape(cell)}</td>" for cell in others)

"""Blocks of an answer as HTML: the third renderer beside text and Markdown. Numbers of events become links.

Whatever comes from a record is escaped, and what is not printable is shown as its escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import quote

from ....sim.terminal import printable
from ...why.page.blocks import Block, Commands, Node, Prose, Section, Sums, Table, Tree

__all__ = ["section_html", "table_html", "told"]

_SHORT_MOST = 40
"""A longer text in a cell is folded."""
_EVENT = re.compile(r"\b([Ee]vents?) ([0-9]+)\b")
_BEGINS = re.compile(r"^([0-9]+)(?= )")
_NUMBER = re.compile(r"[+-]?[0-9][0-9,]*(\.[0-9]+)?( [A-Za-z]{2,8}|%)?$")


def told(text: str) -> str:
    """A text that can stand in a page."""
    return escape(printable(text))


def linked(text: str) -> str:
    """The same, with each event that it names as a link."""
    return _EVENT.sub(r'\1 <a href="#e\2">\2</a>', told(text))


def section_html(section: Section, key: str, more: str = "") -> str:
    """A section under its title; `more` is the table of the page that has all of what it shows the first rows of."""
    blocks = "".join(map(_block, section.blocks))
    if more:
        blocks += f'<p class="script" hidden><a href="#{more}">All {more}, to sort and filter</a></p>'
    return f'<section aria-labelledby="{key}"><h2 id="{key}">{told(section.title)}</h2>{blocks}</section>'


def _block(block: Block) -> str:
    if isinstance(block, Prose):
        return f"<p>{linked(block.text)}</p>"
    if isinstance(block, Commands):
        lines = "\n".join(map(told, block.lines))
        return f'<pre tabindex="0"><code>{lines}</code></pre>'
    if isinstance(block, Sums):
        return table_html(("amount", "what"), block.rows)
    if isinstance(block, Table):
        return table_html(block.header, block.rows)
    assert isinstance(block, Tree)
    return f'<p class="soft small">{told(block.root)}</p><ul class="tree">{"".join(map(_node, block.nodes))}</ul>'


def _node(node: Node) -> str:
    below = f"<ul>{''.join(map(_node, node.children))}</ul>" if node.children else ""
    return f"<li>{_BEGINS.sub(_to_event, linked(node.text))}{below}</li>"


def _to_event(found: re.Match[str]) -> str:
    return f'<a href="#e{found[1]}">{found[1]}</a>'


def table_html(header: Iterable[str], rows: Iterable[Iterable[str]], caption: str = "") -> str:
    """A table; a column of numbers stands to the right, one of events has links."""
    heads, lines = list(header), [list(row) for row in rows]
    numeric = [all(_NUMBER.match(row[place]) or not row[place] for row in lines) for place in range(len(heads))]
    first = "".join(f'<th scope="col"{_side(numeric[place])}>{told(name)}</th>' for place, name in enumerate(heads))
    body = "".join(f"<tr>{''.join(_cells(heads, row, numeric))}</tr>" for row in lines)
    named = f"<caption>{told(caption)}</caption>" if caption else ""
    label = told(caption or " / ".join(heads))
    table = f"<table>{named}<thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide-table" tabindex="0" role="region" aria-label="{label}">{table}</div>'


def _cells(heads: list[str], row: list[str], numeric: list[bool]) -> Iterator[str]:
    for name, text, right in zip(heads, row, numeric, strict=True):
        plain = text.replace(",", "")
        is_event = name in {"event", "from event"} and plain.isdigit()
        shown = f'<a href="#e{plain}">{told(text)}</a>' if is_event else linked(text)
        if name in {"account", "loss of"}:
            shown = f'<a href="#account-{quote(text)}">{told(text)}</a>'
        wide = ' class="w"' if len(text) > _SHORT_MOST else ""
        yield f"<td{_side(right) or wide}>{shown}</td>"


def _side(right: bool) -> str:  # noqa: FBT001 - it is the question
    return ' class="n"' if right else ""

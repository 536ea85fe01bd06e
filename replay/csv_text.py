"""Tables as comma-separated values, for programs and for spreadsheets: no cell of one is a formula.

1. Numbers are written as they are, with a point and without thousands; nothing is an empty cell.
2. A text that a spreadsheet would calculate, one that begins with = + - @ (also in full width), a tab or a line end,
   white space before it or not, has an apostrophe in front. So has one that begins with an apostrophe: whoever takes
   one off each text that begins with one has the names back. A text that is a plain number, such as -12.5, is one.
3. Cells that hold a comma, a semicolon, a quote, a tab or a line end are quoted, so that a spreadsheet that separates
   cells otherwise does not find a formula within one. Lines end with a line feed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

__all__ = ["CsvValue", "csv_text", "neutral"]

CsvValue = str | int | bool | Decimal | None

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_ACTIVE = re.compile(r"'|\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_QUOTED = re.compile(r'[,;"\t\r\n]')


def csv_text(header: Iterable[CsvValue], rows: Iterable[Iterable[CsvValue]]) -> str:
    """The whole file."""
    return "".join(f"{','.join(map(_cell, row))}\n" for row in (header, *rows))


def neutral(text: str) -> str:
    """The text as it is, or behind an apostrophe by rule 2."""
    return f"'{text}" if _ACTIVE.match(text) and not _NUMBER.fullmatch(text) else text


def _cell(value: CsvValue) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int):
        return str(value)
    text = neutral(value)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text

"""Answers as a table, as comma-separated values and as JSON Lines: decimals in full, times in UTC with their zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

import msgspec
from rich.console import Console

from ...sim.console import print_table
from ...sim.units import format_time_ns
from ..csv_text import csv_text
from .ask import Answered

__all__ = ["csv_lines", "json_lines", "print_answer"]

_MICRO = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def print_answer(console: Console, answered: Answered) -> None:
    """All rows as one table."""
    print_table(console, answered.names, [tuple(map(_text, row)) for row in answered.rows])


def csv_lines(answered: Answered) -> Iterator[str]:
    """The header, then a row a line."""
    for row in chain([answered.names], answered.rows):
        yield csv_text([_cell(value) for value in row], ()).rstrip("\n")


def json_lines(answered: Answered) -> Iterator[bytes]:
    """A row an object; a decimal is text, so that nothing of it is lost."""
    encode = msgspec.json.Encoder(decimal_format="string", enc_hook=str).encode
    for row in answered.rows:
        yield encode({name: _plain(value) for name, value in zip(answered.names, row, strict=True)})


def _text(value: Any) -> str:
    return "" if value is None else str(_cell(value))


def _cell(value: Any) -> str | int | bool | Decimal | None:
    if value is None or isinstance(value, str | int | Decimal):
        return value
    plain = _plain(value)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain, enc_hook=str).decode()


def _plain(value: Any) -> Any:
    """A value for JSON: times as text in UTC, as everywhere."""
    if isinstance(value, datetime):
        at = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        since = at - _EPOCH
        return format_time_ns(((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * _MICRO)
    return value

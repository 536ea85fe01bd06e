"""Trades as an API answers them: JSON, a trade a line, or a list or a whole answer of trades a line.

What a line tells is brought into columns, so that all else is as for CSV. Of several trades of one line those that come
first in time come first, as answers are often the newest first. Numbers keep their text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ....sim.reading.json_lines import json_decoder
from ..faults import Faults
from ..feed.table import CsvColumns, Read
from ..reading import SourceFile, read_each, read_rows

__all__ = ["is_json", "json_columns", "read_json"]

_decode = json_decoder(Any, float_hook=str)


def is_json(text: str) -> bool:
    """Whether a first line is JSON and not CSV."""
    return text.lstrip()[:1] in ("{", "[")


def json_columns(text: str) -> CsvColumns:
    """The columns of the trades of a first line; none where it tells of none."""
    try:
        trades = _trades(_decode(text.encode()))
    except (msgspec.DecodeError, ValueError):
        trades = []
    return CsvColumns(tuple(dict.fromkeys(name for trade in trades for name in trade)), in_file=False)


def read_json(source: SourceFile, columns: CsvColumns, faults: Faults, watch: Callable[[int], None]) -> Iterator[Read]:
    """Every trade as fields in the order of the columns, and where the file breaks off if it does."""
    cut, broken, tally = list[Read](), list[Read](), faults.of(source)

    def blame(_reason: str, _source: SourceFile, line: int, told: str) -> None:
        broken.append(Read(line, [""], told))

    rows = read_rows(source, watch, lambda row, told: cut.append(Read(row, [], told)))
    for line, trades in read_each(source, tally, rows, lambda _line, text: _trades(_decode(text)), blame, ""):
        yield from broken
        broken.clear()
        for trade in sorted(trades, key=lambda trade: (_whole(trade.get("timestamp")), _whole(trade.get("trade_seq")))):
            yield Read(line, [_text(trade.get(name)) for name in columns.names])
    yield from broken + cut


def _trades(told: Any) -> list[dict[str, Any]]:
    """The trades of a line. Raises ValueError for anything else."""
    if isinstance(told, dict) and "result" in told:
        told = told["result"]
    if isinstance(told, dict) and "trades" in told:
        told = told["trades"]
    trades = told if isinstance(told, list) else [told]
    if not all(isinstance(trade, dict) for trade in trades):
        message = "it holds no trades"
        raise ValueError(message)
    return trades


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0

"""Gaps in the numbers that a venue counts its trades with: what a file does not have, and nobody would miss.

A row holds one number or a range (an aggregate of trades, from the first to the last). Where a row does not begin with
the number behind the greatest so far of its market, there is a gap, which is noted. So is one between two files of an
import. Numbers of rows that were left out, and counted as such, are no gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from ..faults import Faults
from .files import FeedFile
from .sorting import Timed

__all__ = ["Numbering"]

_GAPS = "gaps in trade ids"
_EXCUSED_MOST = 1 << 16
_DIGITS_MOST = 18

_Find = Callable[[list[str]], tuple[str, int, int] | None]


class Numbering:
    """The numbers of one pass over all files."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._spans: dict[tuple[str, str], list[list[int]]] = {}
        """By layout and symbol: the least and the greatest number of each file."""
        self._excused: set[tuple[int, str, int]] = set()

    def watched(self, file: FeedFile, rows: Iterable[Timed]) -> Iterable[Timed]:
        """The rows as they are, each looked at in passing."""
        find = _numbers(file)
        return rows if find is None else self._looked_at(file, rows, find)

    def excuse(self, file: FeedFile, fields: list[str]) -> None:
        """A row was left out for a fault: its numbers are known of."""
        find = _numbers(file)
        told = None if find is None else find(fields)
        if told is not None and told[2] - told[1] < _EXCUSED_MOST - len(self._excused):
            name, begins, ends = told
            self._excused.update((file.source.number, name, number) for number in range(begins, ends + 1))

    def _looked_at(self, file: FeedFile, rows: Iterable[Timed], find: _Find) -> Iterator[Timed]:
        spans: dict[str, list[int]] = {}
        for row in rows:
            told = find(row.fields)
            if told is not None:
                name, begins, ends = told
                span = spans.get(name)
                if span is None:
                    spans[name] = [begins, ends]
                elif begins <= span[1] + 1:
                    span[0] = min(span[0], begins)
                    span[1] = max(span[1], ends)
                else:
                    if not self._are_excused(file.source.number, name, span[1] + 1, begins):
                        self._faults.note(_GAPS)
                    span[1] = ends
            yield row
        for name, span in spans.items():
            self._spans.setdefault((file.source.layout, name), []).append(span)

    def _are_excused(self, source: int, name: str, first: int, stop: int) -> bool:
        known = len(self._excused)
        return stop - first <= known and all((source, name, number) in self._excused for number in range(first, stop))

    def close(self) -> None:
        """Compare the files of a market with each other, once all are read."""
        for spans in self._spans.values():
            ordered = sorted(spans)
            for before, after in pairwise(ordered):
                if after[0] > before[1] + 1:
                    self._faults.note(_GAPS)


def _numbers(file: FeedFile) -> _Find | None:
    """What finds the symbol of a row, its first number and its last; it gives None where they are none."""
    if file.numbers is None:
        return None
    first_at, last_at = (file.columns.at(column) for column in file.numbers)
    symbol_at = None if file.symbol is None else file.columns.at(file.symbol)
    named, counts = file.named, file.counts

    def find(fields: list[str]) -> tuple[str, int, int] | None:
        first, last = fields[first_at], fields[last_at]
        if not (_is_number(first) and _is_number(last) and counts(fields)):
            return None
        return named if symbol_at is None else fields[symbol_at], int(first), int(last)

    return find


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _DIGITS_MOST

"""accounts.idx: for each block the count of its events, of the accounts they name, and these, sorted; 32 bits each.

forced.idx has the same of the accounts of whom something was forced, which are few, and settings.idx of what is set of
which instrument: marks, prices, depth, halts (`facts.setting_word`).
A record that names an account of more than 32 bits has no such column.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from .column import Column
from .facts import PageFacts
from .layout import words_in, words_of

__all__ = ["AccountColumn", "ForcedColumn", "SettingColumn"]


class _Posting(NamedTuple):
    """The events of one block, and where in the column its accounts are."""

    first_seq: int
    stop_seq: int
    start: int
    stop: int


class AccountColumn(Column):
    """The accounts that the events of each block name."""

    name, magic = "accounts.idx", b"DLVA"

    def __init__(self, body: bytes, first_seq: int, stop_seq: int) -> None:
        """Raises ValueError if it is not a posting a block, up to the last event."""
        super().__init__(body, first_seq, stop_seq)
        self._words = words_in(body)
        self._postings: list[_Posting] = []
        position, seq, size = 0, first_seq, len(self._words)
        while position + 2 <= size:
            stop = position + 2 + self._words[position + 1]
            self._postings.append(_Posting(seq, seq + self._words[position], position + 2, stop))
            seq, position = seq + self._words[position], stop
        if (position, seq) != (size, stop_seq):
            message = f"its blocks end at event {seq}, the record at {stop_seq}"
            raise ValueError(message)

    @staticmethod
    def pack(pages: Sequence[PageFacts]) -> bytes:
        """The block's events and accounts. Raises OverflowError for an account below 0 or of more than 32 bits."""
        return _packed(pages, [page.accounts for page in pages])

    def spans_naming(self, account: int, first_seq: int, stop_seq: int) -> list[tuple[int, int]]:
        """The blocks that name an account, as first and stop seq, cut to a span. Some 0.5 us a block."""
        return [
            (max(posting.first_seq, first_seq), min(posting.stop_seq, stop_seq))
            for posting in self._postings
            if posting.first_seq < stop_seq and posting.stop_seq > first_seq and self._names(posting, account)
        ]

    def _names(self, posting: _Posting, account: int) -> bool:
        place = bisect_left(self._words, account, posting.start, posting.stop)
        return place < posting.stop and self._words[place] == account


class ForcedColumn(AccountColumn):
    """The accounts of whom something was forced in each block."""

    name, magic = "forced.idx", b"DLVF"

    @staticmethod
    def pack(pages: Sequence[PageFacts]) -> bytes:
        """The block's events and such accounts. Raises OverflowError as its base does."""
        return _packed(pages, [page.forced for page in pages])


class SettingColumn(AccountColumn):
    """What the events of each block set of which instrument."""

    name, magic = "settings.idx", b"DLVS"

    @staticmethod
    def pack(pages: Sequence[PageFacts]) -> bytes:
        """The block's events and words. Raises OverflowError for an instrument of more than 24 bits."""
        return _packed(pages, [page.settings for page in pages])


def _packed(pages: Sequence[PageFacts], accounts: Sequence[AbstractSet[int]]) -> bytes:
    """A block's posting."""
    named = sorted(frozenset[int]().union(*accounts))
    return words_of([pages[-1].stop_seq - pages[0].first_seq, len(named), *named])

"""A ranking in columns: the same places, rows and digests as `Ranking`, for many candidates.

1. Scored, sorted and hashed at once when it begins. Accounts touched since are taken out of the columns and scored one
   by one, as `Ranking` does it; their places are merged in when the ranking is walked.
2. Walked lazily, from the first place down: a queue that closes against ten does not pay for a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from sortedcontainers import SortedList

from ..events.ledger import LedgerState
from .column_scores import column_scores
from .column_shares import column_caps, column_shares
from .columns import Column, Columns, Eligible, Unfit
from .policies.ranking import Allocation, Candidate, Closing, Ranked, RankingPolicy, any_profit, scores_of
from .pseudonyms import Pseudonyms
from .ranking import candidate_of, digest_of, pack_rows

__all__ = ["ColumnRanking", "PseudonymTable"]

_HASH_BYTES, _NUMBERS = 32, 6
_FIRST_CHUNK, _MOST_CHUNK = 16, 8192

_Place = tuple[int, int, Candidate, int]


class PseudonymTable:
    """The pseudonyms of accounts 0, 1, 2, ... as one table of bytes, each worked out once."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        """Nothing worked out yet."""
        self._pseudonyms = pseudonyms
        self._rows = np.zeros((0, _HASH_BYTES), np.uint8)

    def of(self, accounts: Column) -> NDArray[np.uint8]:
        """A row of 32 bytes for each account."""
        wanted = int(accounts.max(initial=-1)) + 1
        if wanted > len(self._rows):
            more = b"".join(map(self._pseudonyms.of, range(len(self._rows), wanted)))
            self._rows = np.vstack([self._rows, np.frombuffer(more, np.uint8).reshape(-1, _HASH_BYTES)])
        return self._rows[accounts]


class ColumnRanking:
    """Candidates against one side of an instrument, in order. Built in O(n log n), kept in O(touched log touched)."""

    def __init__(
        self,
        ledger: LedgerState,
        instrument: int,
        side: int,
        policy: RankingPolicy,
        columns: Columns,
        table: PseudonymTable,
    ) -> None:
        """Score and sort all candidates in the columns. Raises Unfit."""
        self._instrument, self._side, self._policy, self._table = instrument, side, policy, table
        eligible = columns.eligible(ledger, instrument, side, any_profit=any_profit(policy))
        scores = column_scores(policy, eligible, instrument, ledger)
        order = np.argsort(-scores, kind="stable")
        self._scores = scores[order]
        self._sorted = Eligible(*(column[order] for column in eligible))
        self._place_of = np.full(int(self._sorted.account.max(initial=-1)) + 1, -1, np.int64)
        self._place_of[self._sorted.account] = np.arange(len(order))
        self._dead = np.zeros(len(order), np.bool_)
        self._first = 0
        self._gone = 0
        self._order: SortedList[tuple[int, int]] = SortedList()
        self._rows: dict[int, tuple[int, Candidate, int]] = {}
        self.touched: set[int] = set()

    def __len__(self) -> int:
        """How many candidates there are."""
        return len(self._scores) - self._gone + len(self._order)

    def __iter__(self) -> Iterator[Ranked]:
        """The places, first to last."""
        added = ((negated, account, *self._rows[account][1:]) for negated, account in self._order)
        for rank, (negated, _, candidate, leg) in enumerate(_merged(self._untouched(), added), 1):
            yield Ranked(rank, -negated, candidate, leg)

    def shared(self, closing: Closing, cap_bps: int | None) -> Allocation | None:
        """As `pro_rata` has it; None once accounts were touched, or where figures are too large."""
        if self._gone or self._order:
            return None
        try:
            shares = column_shares(closing.lots, self._scores, column_caps(closing, self._sorted, cap_bps))
        except Unfit:
            return None
        given = np.flatnonzero(shares)
        rows = zip(*(column[given].tolist() for column in self._sorted), strict=True)
        places = zip((given + 1).tolist(), self._scores[given].tolist(), rows, strict=True)
        found = (Ranked(rank, score, Candidate(*row), 0) for rank, score, row in places)
        return zip(found, shares[given].tolist(), strict=True)

    def _untouched(self) -> Iterator[_Place]:
        """The places of the columns that stand, a chunk after the other, each larger than the last."""
        start, chunk = self._first, _FIRST_CHUNK
        while start < len(self._scores):
            part = slice(start, start + chunk)
            columns = (column[part].tolist() for column in (self._scores, self._dead, *self._sorted))
            for score, dead, *row in zip(*columns, strict=True):
                if not dead:
                    yield -score, row[0], Candidate(*row), 0
            start, chunk = start + chunk, min(2 * chunk, _MOST_CHUNK)

    def update(self, ledger: LedgerState) -> None:
        """Score the touched accounts again; they stay noted for `changed_digest`."""
        touched = sorted(self.touched)
        for account in touched:
            self._take_out(account)
        losers, markets = any_profit(self._policy), ledger.markets
        accounts = (ledger.accounts[number] for number in touched)
        judged = (candidate_of(a, self._instrument, self._side, markets, any_profit=losers) for a in accounts)
        found = [one for one in judged if isinstance(one, tuple)]
        keys = [(self._instrument, leg) for _, leg in found]
        scores = scores_of(self._policy, [candidate for candidate, _ in found], keys, ledger)
        for (candidate, leg), score in zip(found, scores, strict=True):
            self._rows[candidate.account] = (score, candidate, leg)
            self._order.add((-score, candidate.account))

    def _take_out(self, account: int) -> None:
        row = self._rows.pop(account, None)
        if row is not None:
            self._order.remove((-row[0], account))
        place = int(self._place_of[account]) if account < len(self._place_of) else -1
        if place >= 0 and not self._dead[place]:
            self._dead[place] = True
            self._gone += 1
            while self._first < len(self._dead) and self._dead[self._first]:
                self._first += 1

    def full_digest(self, pseudonyms: Pseudonyms) -> bytes:
        """Over all rows, in ranking order. Only before the first `update`."""
        assert not self._gone
        assert not self._order
        rows = np.empty((len(self._scores), _HASH_BYTES + 8 * _NUMBERS), np.uint8)
        rows[:, :_HASH_BYTES] = self._table.of(self._sorted.account)
        numbers = np.stack([self._scores, *self._sorted[1:]], axis=1).astype(">i8")
        rows[:, _HASH_BYTES:] = numbers.view(np.uint8).reshape(len(numbers), 8 * _NUMBERS)
        return digest_of(rows.data)

    def changed_digest(self, pseudonyms: Pseudonyms) -> bytes:
        """Over the rows of touched accounts, in ranking order, those without a row last by account."""
        rows = [(self._rows.get(account, (-1, None, 0)), account) for account in self.touched]
        rows.sort(key=lambda row: (-row[0][0], row[1]))
        return digest_of(
            pack_rows((pseudonyms.of(account), score, candidate) for (score, candidate, _), account in rows)
        )


def _merged(many: Iterator[_Place], few: Iterator[_Place]) -> Iterator[_Place]:
    """Both in the order of (-score, account), which no two share."""
    waiting = next(few, None)
    for place in many:
        while waiting is not None and waiting[:2] < place[:2]:
            yield waiting
            waiting = next(few, None)
        yield place
    if waiting is not None:
        yield from chain((waiting,), few)

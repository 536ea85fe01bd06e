"""A ranking in columns: the same places, rows and digests as `Ranking`, for many candidates.

1. Scored, sorted and hashed at once when it begins. Accounts touched since are taken out of the columns and scored one
   by one, as `Ranking` does it; their places are merged in when the ranking is walked. Where they are many, as after a
   round of pro rata, all is scored and sorted anew instead: at the same mark the others have the scores that they had.
2. Walked lazily, from the first place down: a queue that closes against ten does not pay for a hundred thousand.
3. Shared out by weight at once when it begins; after that, when accounts were touched, from the first place down, too.

The columns of an engine, made when first there are many candidates, and kept from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from sortedcontainers import SortedList

from ..events.ledger import LedgerState
from .column_rules import least_largest, loss_in, mixed_shares, on_paper
from .column_shares import ColumnAllotment, column_caps, column_scores, column_shares, ranked_order, ratio_of
from .column_weights import ColumnWeights
from .columns import Column, Eligible, RankingColumns, Unfit
from .policies.allocation import cap_of
from .policies.leading_shares import leading_shares
from .policies.ranking import Allocation, Candidate, Closing, Ranked, RankingPolicy, scores_of, terms_of
from .pseudonyms import Pseudonyms
from .ranking import candidate_of, digest_of, pack_touched
from .valuation import coins_worth_atoms

__all__ = ["ColumnKeeper", "ColumnRanking", "PseudonymTable"]

_PSEUDONYM = np.dtype("V32")
_ROW = np.dtype([("pseudonym", _PSEUDONYM), ("figures", ">i8", (6,))])
"""A row as `ranking.py` packs it."""

_LIMIT = 2**62
_GONE = (-1, 0, 0, 0, 0, 0)
_FIRST_CHUNK, _MOST_CHUNK = 16, 8192

_MANY_OF = 8
"""If more than 1/8 of the added rows change, the list is rebuilt instead of removing them one by one."""

_ANEW_OF = 16
"""If more than 1/16 of the candidates were touched, everyone is scored anew."""

_Place = tuple[int, int, Candidate, int]


class PseudonymTable:
    """The pseudonyms of accounts 0, 1, 2, ... as one table of bytes, each worked out once."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._rows = np.zeros(0, _PSEUDONYM)

    def of(self, accounts: Column) -> NDArray[np.void]:
        """The 32 bytes of each account."""
        self.reach(int(accounts.max(initial=-1)) + 1)
        return self._rows.take(accounts)

    def reach(self, wanted: int) -> None:
        """Work out the rows of so many accounts, those before the last one included."""
        if wanted > len(self._rows):
            more = b"".join(map(self._pseudonyms.of, range(len(self._rows), wanted)))
            self._rows = np.concatenate([self._rows, np.frombuffer(more, _PSEUDONYM)])


class ColumnRanking:
    """Candidates against one side of an instrument, in order. Built in O(n log n), kept in O(touched log touched)."""

    def __init__(
        self,
        ledger: LedgerState,
        instrument: int,
        side: int,
        policy: RankingPolicy,
        columns: RankingColumns,
        table: PseudonymTable,
    ) -> None:
        """Score and sort all candidates in the columns. Raises Unfit."""
        self._instrument, self._side, self._policy, self._table = instrument, side, policy, table
        self._columns = columns
        self.touched: set[int] = set()
        self._score_all(ledger)

    def _score_all(self, ledger: LedgerState) -> None:
        """Everyone has a place by the columns as they are. Raises Unfit, and then nothing has changed."""
        eligible = self._columns.eligible(ledger, self._instrument, self._side, terms_of(self._policy))
        scores = column_scores(self._policy, eligible, self._instrument, ledger)
        order = ranked_order(scores, eligible.account)
        self._scores = scores[order]
        self._sorted = Eligible(*(column.take(order) for column in eligible))
        self._place_of = np.full(int(self._sorted.account.max(initial=0)) + 1, -1, np.int64)
        self._place_of[self._sorted.account] = np.arange(len(order))
        self._dead = np.zeros(len(order), np.bool_)
        self._first = 0
        self._gone = 0
        self._order: SortedList[tuple[int, int]] = SortedList()
        self._rows: dict[int, tuple[int, Candidate, int]] = {}
        self._weights: ColumnWeights | None = None
        self._papers: tuple[Closing, list[Column]] | None = None

    def __len__(self) -> int:
        """How many candidates there are."""
        return len(self._scores) - self._gone + len(self._order)

    def __iter__(self) -> Iterator[Ranked]:
        """The places, first to last."""
        added = ((negated, account, *self._rows[account][1:]) for negated, account in self._order)
        for rank, (negated, _, candidate, leg) in enumerate(_merged(self._untouched(), added), 1):
            yield Ranked(rank, -negated, candidate, leg)

    def shared(self, closing: Closing, cap_bps: int | None) -> Allocation | None:
        """As `pro_rata` has it; None where it takes all the places to see, or where figures are too large."""
        try:
            if not self._is_fresh:
                return self._shared_from_first(closing, cap_bps)
            shares = column_shares(closing.lots, self._scores, column_caps(closing, self._sorted, cap_bps))
        except Unfit:
            return None
        return self._allotted(shares)

    def _allotted(self, shares: Column) -> Allocation:
        """The places that have a share, with it, where all are those of the columns."""
        return ColumnAllotment(self._sorted, self._scores, shares)

    def least_largest(self, closing: Closing) -> Allocation | None:
        """As `MinMaxInteger` has it; None where accounts were touched, or figures are too large."""
        if not self._is_fresh:
            return None
        try:
            return self._allotted(least_largest(closing, self._sorted, self._scores))
        except Unfit:
            return None

    def mixed(
        self, closing: Closing, rules: Sequence[RankingPolicy], weights: Sequence[int], ledger: LedgerState
    ) -> Allocation | None:
        """As `OnlineLearning` mixes; None where figures are too large."""
        papers = self._on_paper(closing, rules, ledger)
        if papers is None or closing.lots * sum(weights) >= _LIMIT:
            return None
        try:
            caps = column_caps(closing, self._sorted, None)
        except Unfit:
            return None
        mixed = np.sum([weight * lots for weight, lots in zip(weights, papers, strict=True)], axis=0)
        return self._allotted(mixed_shares(closing.lots, mixed, caps))

    def losses(
        self, closing: Closing, rules: Sequence[RankingPolicy], gave: Mapping[int, int], ledger: LedgerState
    ) -> list[int] | None:
        """The losses of what was given, and of each rule; None where figures are too large."""
        papers = self._on_paper(closing, rules, ledger)
        if papers is None:
            return None
        given = np.zeros_like(self._scores)
        given[self._place_of[list(gave)]] = list(gave.values())
        wealths = np.minimum(self._sorted.profit, self._sorted.equity)
        return [loss_in(closing, lots, wealths) for lots in (given, *papers)]

    def _on_paper(self, closing: Closing, rules: Sequence[RankingPolicy], ledger: LedgerState) -> list[Column] | None:
        """What each place would give by each rule, worked out once for a closing."""
        if self._papers is None or self._papers[0] != closing:
            try:
                if not self._is_fresh:
                    self._columns.refresh(ledger)
                    self._score_all(ledger)
                self._papers = closing, on_paper(rules, closing, self._sorted, ledger)
            except Unfit:
                return None
        return self._papers[1]

    def _shared_from_first(self, closing: Closing, cap_bps: int | None) -> Allocation | None:
        if self._weights is None or not self._weights.fit(closing, cap_bps):
            self._weights = self._weighed(closing, cap_bps)
        places = ((place, cap_of(closing, place.candidate, cap_bps)) for place in self)
        return leading_shares(closing.lots, self._weights.able(closing), places)

    def _weighed(self, closing: Closing, cap_bps: int | None) -> ColumnWeights:
        """The weights as they are now. Raises Unfit."""
        weights = ColumnWeights(self._sorted, self._scores, closing, cap_bps)
        for place in np.flatnonzero(self._dead).tolist():
            self._unweigh(weights, place)
        for score, candidate, _ in self._rows.values():
            weights.change(candidate.profit, candidate.equity, score)
        return weights

    def _unweigh(self, weights: ColumnWeights, place: int) -> None:
        columns = (self._sorted.profit, self._sorted.equity, self._scores)
        profit, equity, score = (int(column[place]) for column in columns)
        weights.change(profit, equity, -score)

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
        self._papers = None
        self._columns.touched.update(self.touched)
        if not self._scored_anew(ledger):
            self._score_touched(ledger)

    def _scored_anew(self, ledger: LedgerState) -> bool:
        """Whether so many were touched that everyone was scored; only of a score that follows from the columns."""
        lots = self._sorted.size
        if _ANEW_OF * len(self.touched) <= len(self) or not len(lots) or ratio_of(self._policy, int(lots[0])) is None:
            return False
        try:
            self._columns.refresh(ledger)
            self._score_all(ledger)
        except Unfit:
            return False
        return True

    def _score_touched(self, ledger: LedgerState) -> None:
        touched = sorted(self.touched)
        self._take_out(touched)
        terms, markets = terms_of(self._policy), ledger.markets
        accounts = (ledger.accounts[number] for number in touched)
        closed = self._instrument, self._side
        judged = [candidate_of(a, *closed, markets, terms, coins_worth_atoms(a, ledger)) for a in accounts]
        found = [one for one in judged if isinstance(one, tuple)]
        candidates, legs = [candidate for candidate, _ in found], [leg for _, leg in found]
        scores = scores_of(self._policy, candidates, [(self._instrument, leg) for leg in legs], ledger)
        for score, candidate, leg in zip(scores, candidates, legs, strict=True):
            self._rows[candidate.account] = (score, candidate, leg)
            if self._weights is not None:
                self._weights.change(candidate.profit, candidate.equity, score)
        self._order.update((-score, candidate.account) for score, candidate in zip(scores, candidates, strict=True))

    def _take_out(self, accounts: Sequence[int]) -> None:
        """Whoever of these has a place: one after the other, or where they are many of those added, all at once."""
        taken: list[tuple[int, int]] = []
        for account in accounts:
            row = self._rows.pop(account, None)
            if row is None:
                self._take_out_untouched(account)
                continue
            taken.append((-row[0], account))
            if self._weights is not None:
                self._weights.change(row[1].profit, row[1].equity, -row[0])
        if _MANY_OF * len(taken) > len(self._order):
            self._order = SortedList(place for place in self._order if place[1] in self._rows)
        else:
            for place in taken:
                self._order.remove(place)

    def _take_out_untouched(self, account: int) -> None:
        place = int(self._place_of[account]) if account < len(self._place_of) else -1
        if place < 0 or self._dead[place]:
            return
        self._dead[place] = True
        self._gone += 1
        if self._weights is not None:
            self._unweigh(self._weights, place)
        while self._first < len(self._dead) and self._dead[self._first]:
            self._first += 1

    def full_digest(self, pseudonyms: Pseudonyms) -> bytes:
        """Over all rows, in ranking order. Only before the first `update`."""
        assert self._is_fresh
        rows = self._rows_of(self._sorted.account, [self._scores, *self._sorted[1:]])
        return digest_of(rows.view(np.uint8).data)

    @property
    def _is_fresh(self) -> bool:
        """Whether all places are those of the columns."""
        return not self._gone and not self._order

    def _rows_of(self, accounts: Column, numbers: Sequence[Column]) -> NDArray[np.void]:
        """Rows of a digest: whose they are, then score and ingredients."""
        rows = np.empty(len(accounts), _ROW)
        rows["pseudonym"], figures = self._table.of(accounts), rows["figures"]
        for place, column in enumerate(numbers):
            figures[:, place] = column
        return rows

    def changed_digest(self, pseudonyms: Pseudonyms) -> bytes:
        """Over the rows of touched accounts, in ranking order, those without a row last by account."""
        if not self._is_fresh:
            return digest_of(pack_touched(self.touched, self._rows, pseudonyms))
        touched = np.array(sorted(self.touched), np.int64)
        known = touched < len(self._place_of)
        places = np.where(known, self._place_of[np.where(known, touched, 0)], -1)
        gone, found = touched[places < 0], np.sort(places[places >= 0])
        standing = [column[found] for column in (self._scores, *self._sorted[1:])]
        left = [np.full(len(gone), number, np.int64) for number in _GONE]
        packed = self._rows_of(self._sorted.account[found], standing), self._rows_of(gone, left)
        return digest_of(b"".join(rows.tobytes() for rows in packed))


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


class ColumnKeeper:
    """Rankings from columns, as long as what is in the ledger fits them."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._table = PseudonymTable(pseudonyms)
        self._columns: RankingColumns | None = None
        self._fits = True

    def note(self, touched: Iterable[int]) -> None:
        """These accounts may have changed; O(touched)."""
        if self._columns is not None:
            self._columns.touched.update(touched)

    def prepare(self, ledger: LedgerState) -> None:
        """Make the columns and all pseudonyms now, where the ledger fits columns; O(accounts)."""
        if self._columns is None and self._fits:
            with suppress(Unfit):
                self._columns = RankingColumns(ledger)
                self._table.reach(len(ledger.accounts))

    def rank(self, ledger: LedgerState, instrument: int, side: int, policy: RankingPolicy) -> ColumnRanking | None:
        """The ranking against one side; None where the ledger does not fit columns, then and from then on."""
        if not self._fits:
            return None
        try:
            if self._columns is None:
                self._columns = RankingColumns(ledger)
            else:
                self._columns.refresh(ledger)
            return ColumnRanking(ledger, instrument, side, policy, self._columns, self._table)
        except Unfit:
            self._fits, self._columns = False, None
            return None

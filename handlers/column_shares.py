"""Shares of many candidates at once, equal to those of `in_proportion` to the last lot.

Whole numbers of 64 bits throughout; where a product might not fit, there are none (`Unfit`).

Scores of many candidates at once, equal to the plain ones to the last digit.

A ratio is worked out in floating point, and where that comes so close to a whole number that its rounding could decide,
or so high that it has no digits left for it, the exact integers decide instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.typing import NDArray

from ..events.ledger import LedgerState
from .columns import Column, Eligible, Unfit
from .policies.allocation import BPS
from .policies.ranking import SCORE_MAX, SCORE_SCALE, Candidate, Closing, Ranked, RankingPolicy, score_of, scores_of
from .policies.ratio import Ratio, RatioPolicy

__all__ = ["ColumnAllotment", "column_caps", "column_scores", "column_shares", "ranked_order", "ratio_of"]

_LIMIT = 2**62

_EXACT_BITS = 49
"""Estimates up to 2^49 are told from a whole number by their last digits, where those are further from it than ..."""

_ERROR_BITS = 48
"""... 2^-48 of the estimate: more than seven conversions and seven operations can be off by, 2^-53 each."""


class ColumnAllotment:
    """The places of a ranking in columns that have a share, in their order; walked, it gives each with its lots.

    Made of the columns of all places, first to last. One place or thousands cost the engine the same few steps.
    """

    def __init__(self, eligible: Eligible, scores: Column, shares: Column) -> None:
        given = np.flatnonzero(shares)
        self._eligible = Eligible(*(column.take(given) for column in eligible))
        self._ranks, self._scores, self._lots = given + 1, scores.take(given), shares.take(given)

    def is_borne(self, closing: Closing) -> bool:
        """Whether each gives from one lot to what it can, and all no more than is to be closed; else it is not sure."""
        try:
            caps = column_caps(closing, self._eligible, None)
        except Unfit:
            return False
        within = (self._lots > 0) & (self._lots <= caps)
        return bool(within.all()) and sum(self._lots.tolist()) <= closing.lots

    def columns(self) -> tuple[list[int], ...]:
        """Rank, score, account, leg and lots of each."""
        columns = (self._ranks, self._scores, self._eligible.account, np.zeros_like(self._ranks), self._lots)
        return tuple(column.tolist() for column in columns)

    def __len__(self) -> int:
        """How many give."""
        return len(self._ranks)

    def __getitem__(self, part: slice) -> list[tuple[Ranked, int]]:
        """Some of them, with their lots."""
        rows = zip(*(column[part].tolist() for column in self._eligible), strict=True)
        places = zip(self._ranks[part].tolist(), self._scores[part].tolist(), rows, strict=True)
        found = (Ranked(rank, score, Candidate(*row), 0) for rank, score, row in places)
        return list(zip(found, self._lots[part].tolist(), strict=True))

    def __iter__(self) -> Iterator[tuple[Ranked, int]]:
        """Each of them, with its lots."""
        return iter(self[:])


def column_caps(closing: Closing, eligible: Eligible, cap_bps: int | None) -> Column:
    """The lots that each can give: `Closing.most`, or with `cap_bps` as `wealth_lots` has it. Raises Unfit."""
    caps = np.minimum(np.abs(eligible.size), closing.lots)
    if closing.loss_atoms <= 0:
        return caps
    caps = np.minimum(caps, _product(eligible.equity - 1, closing.lots) // closing.loss_atoms)
    if cap_bps is not None:
        atoms = _product(np.minimum(eligible.profit, eligible.equity), cap_bps) // BPS
        caps = np.minimum(caps, _product(atoms, closing.lots) // closing.loss_atoms)
    return np.maximum(caps, 0)


def column_shares(lots: int, weights: Column, caps: Column) -> Column:
    """Shares of `lots` by weight below the caps. Raises Unfit where some have no weight, too."""
    _product(weights, max(lots, len(weights)))
    _product(caps, len(caps))
    if lots >= int(caps.sum()):
        return caps
    if not int(weights.min(initial=1)):
        message = "no weight"
        raise Unfit(message)
    shares, left, still = np.zeros_like(caps), lots, np.arange(len(caps))
    while left:
        total = int(weights[still].sum())
        quotas = weights[still] * left // total
        capped = quotas >= caps[still]
        if not capped.any():
            _round(shares, still, quotas, weights[still] * left % total, left)
            break
        shares[still[capped]] = caps[still[capped]]
        left -= int(caps[still[capped]].sum())
        still = still[~capped]
    return shares


def _round(shares: Column, still: Column, quotas: Column, remainders: Column, left: int) -> None:
    """Rounded down, and a lot more for each of the largest remainders, the first among equals."""
    largest = np.argsort(-remainders, kind="stable")[: left - int(quotas.sum())]
    quotas[largest] += 1
    shares[still] = quotas


def _product(column: Column, times: int) -> Column:
    if int(column.max(initial=0)) * times >= _LIMIT:
        message = "shares beyond 62 bits"
        raise Unfit(message)
    return column * times


def ratio_of(policy: RankingPolicy, size_lots: int) -> Ratio | None:
    """What the policy's scores are for candidates that hold this side; None where they are no ratio."""
    return policy.ratio_of(size_lots) if isinstance(policy, RatioPolicy) else None


def ranked_order(scores: Column, accounts: Column) -> Column:
    """The places by descending score, ties by account. O(n) where they stand so already, else O(n log n)."""
    falls, follows = scores[1:] < scores[:-1], accounts[1:] > accounts[:-1]
    if bool((falls | (follows & (scores[1:] == scores[:-1]))).all()):
        return np.arange(len(scores))
    most, beyond = int(np.abs(scores).max()), int(accounts.max()) + 1
    if (most + 1) * beyond >= _LIMIT:
        return np.lexsort((accounts, -scores))
    return np.argsort(accounts - scores * beyond)


def column_scores(policy: RankingPolicy, eligible: Eligible, instrument: int, ledger: LedgerState) -> Column:
    """One score per candidate: in columns where the policy is a ratio, else as the policy has it."""
    ratio = ratio_of(policy, int(eligible.size[0])) if len(eligible.size) else None
    if ratio is not None:
        return _ratio_scores(ratio, eligible)
    candidates = [Candidate(*row) for row in zip(*(column.tolist() for column in eligible), strict=True)]
    scores = scores_of(policy, candidates, [(instrument, 0)] * len(candidates), ledger)
    return np.array(scores, np.int64)


def _column(eligible: Eligible, name: str) -> Column:
    """The absolute values of an ingredient."""
    if name == "wealth":
        return np.minimum(eligible.profit, eligible.equity)
    column: Column = np.abs(getattr(eligible, name))
    return column


def _ratio_scores(ratio: Ratio, eligible: Eligible) -> Column:
    above = [_column(eligible, name) for name in ratio.above]
    below = [_column(eligible, name) for name in ratio.below]
    if not below and ratio.divisor == SCORE_SCALE and prod(int(column.max()) for column in above) <= SCORE_MAX:
        product: Column = np.prod(above, axis=0, dtype=np.int64)
        return product
    return _divided(above, below, ratio.divisor)


def _divided(above: list[Column], below: list[Column], divisor: int) -> Column:
    """floor(product above x 10^9 / (product below x divisor)), saturating; exact."""
    numerator, denominator = _float_product(above, SCORE_SCALE), _float_product(below, divisor)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = np.divide(numerator, denominator)
        whole = np.floor(estimate)
        apart = np.minimum(estimate - whole, whole + 1 - estimate)
    sure = (estimate < 2**_EXACT_BITS) & (apart > np.ldexp(estimate, -_ERROR_BITS))
    scores = np.where(sure, whole, 0).astype(np.int64)
    for place in np.flatnonzero(~sure).tolist():
        top = prod(int(column[place]) for column in above)
        scores[place] = score_of(top, prod(int(column[place]) for column in below) * divisor)
    return scores


def _float_product(columns: list[Column], times: int) -> NDArray[np.float64]:
    product = np.full(len(columns[0]) if columns else 1, times, np.float64)
    for column in columns:
        product = product * column
    return product

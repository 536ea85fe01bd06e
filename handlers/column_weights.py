"""The sum of the weights of all who can give a lot, updated as accounts change without looking at all of them.

1. An account cannot give a lot if its losable equity ("worth") is below the cost of one lot. Those few are found once,
   in the order of their worth with the sums of their weights, and some more with them, as the next round's lots may
   cost more.
2. An account that changes is removed and added again. Where its worth is above those found, only its weight is noted.
"""

from __future__ import annotations

import numpy as np
from sortedcontainers import SortedList

from .columns import Column, Eligible, Unfit
from .policies.allocation import BPS
from .policies.ranking import Closing

__all__ = ["ColumnWeights"]

_LIMIT = 2**62
_AHEAD = 4
"""The worth of who is found: so many times what a lot costs now."""


class ColumnWeights:
    """Weights of candidates that can give up their equity, with `cap_bps` that share of their wealth."""

    def __init__(self, eligible: Eligible, weights: Column, closing: Closing, cap_bps: int | None) -> None:
        """Sum up what is in the columns; O(n). Raises Unfit."""
        self._cap_bps, self._reach = cap_bps, _AHEAD * (_too_little(closing) + 1)
        if max(self._reach, int(weights.max(initial=0)) * len(weights)) >= _LIMIT:
            message = "weights beyond 62 bits"
            raise Unfit(message)
        self._total = int(weights.sum())
        worth = _worths(eligible, cap_bps)
        poor = np.flatnonzero(worth <= self._reach)
        poor = poor[np.argsort(worth[poor])]
        self._worths = worth[poor]
        self._sums = np.concatenate([[0], np.cumsum(weights[poor])])
        self._changes: SortedList[tuple[int, int]] = SortedList()
        self._surely = max(self._reach + 2, -(-(self._reach + 1) * BPS // (cap_bps or BPS)))

    def fit(self, closing: Closing, cap_bps: int | None) -> bool:
        """Whether `able` can be asked of this closing."""
        return cap_bps == self._cap_bps and _too_little(closing) <= self._reach

    def change(self, profit: int, equity: int, weight: int) -> None:
        """Add a candidate with these ingredients, or with a negative weight take it out; O(log of those found)."""
        self._total += weight
        if profit >= self._surely and equity >= self._surely:
            return
        worth = equity - 1
        if self._cap_bps is not None:
            worth = min(worth, min(profit, equity) * self._cap_bps // BPS)
        if worth > self._reach:
            return
        if (worth, -weight) in self._changes:
            self._changes.remove((worth, -weight))
        else:
            self._changes.add((worth, weight))

    def able(self, closing: Closing) -> int:
        """The weights of all who can give a lot; O(log of those found + changes among those who cannot)."""
        if closing.loss_atoms <= 0:
            return self._total
        most = _too_little(closing)
        unable = int(self._sums[np.searchsorted(self._worths, most, "right")])
        changed = self._changes.irange(maximum=(most, _LIMIT * 2))
        return self._total - unable - sum(weight for _, weight in changed)


def _too_little(closing: Closing) -> int:
    """The greatest worth that does not pay for a lot, at least -1."""
    return max(-1, (closing.loss_atoms - 1) // closing.lots)


def _worths(eligible: Eligible, cap_bps: int | None) -> Column:
    """What each can lose at most, at least nothing. Raises Unfit."""
    worth = eligible.equity - 1
    if cap_bps is not None:
        wealth = np.maximum(np.minimum(eligible.profit, eligible.equity), 0)
        if int(wealth.max(initial=0)) * cap_bps >= _LIMIT:
            message = "caps beyond 62 bits"
            raise Unfit(message)
        worth = np.minimum(worth, wealth if cap_bps == BPS else wealth * cap_bps // BPS)
    return np.maximum(worth, 0)

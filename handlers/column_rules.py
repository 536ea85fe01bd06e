"""What builtin rules share out among all places at once, equal to their own `allocate` to the last lot.

1. Columns come in the order of a ranking. Whole numbers of 64 bits; what might not fit is left to the rule (`Unfit`).
2. Fractions are compared in floating point, and those next to the one that decides exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events.ledger import LedgerState
from .column_shares import column_caps, column_scores, column_shares
from .columns import Column, Eligible, Unfit
from .policies.adl.contract_pro_rata import ContractProRata
from .policies.adl.min_max_integer import MinMaxInteger
from .policies.adl.online_learning import FINE
from .policies.adl.queue import Queue
from .policies.adl.wealth_pro_rata import WealthProRata
from .policies.allocation import BPS, in_proportion
from .policies.profit_leverage import ProfitLeverage
from .policies.ranking import SCORE_MAX, Closing

__all__ = ["least_largest", "loss_in", "mixed_shares", "on_paper"]

_WHOLE = 2**53
_NEAR_BITS = 48
"""Quotients are off by 2^-53 of themselves at most: what is further apart than 2^-48 is told apart by them."""


def on_paper(rules: Iterable[Any], closing: Closing, eligible: Eligible, ledger: LedgerState) -> list[Column]:
    """The lots that each place would give by each rule, ranked by that rule. Raises Unfit for a rule that is not here.

    O(rules x n log n).
    """
    return [_of_rule(rule, closing, eligible, ledger) for rule in rules]


def _of_rule(rule: Any, closing: Closing, eligible: Eligible, ledger: LedgerState) -> Column:
    scores = column_scores(rule, eligible, 0, ledger)
    order = np.lexsort((eligible.account, -scores))
    ranked, scores = Eligible(*(column[order] for column in eligible)), scores[order]
    lots = np.zeros_like(scores)
    lots[order] = _given(rule, closing, ranked, scores)
    return lots


def _given(rule: Any, closing: Closing, ranked: Eligible, scores: Column) -> Column:
    kind = type(rule)
    if kind in (ProfitLeverage, Queue):
        return _from_first(closing.lots, column_caps(closing, ranked, BPS if kind is Queue else None))
    if kind in (WealthProRata, ContractProRata):
        return column_shares(closing.lots, scores, column_caps(closing, ranked, BPS if kind is WealthProRata else None))
    if kind is MinMaxInteger:
        return least_largest(closing, ranked, scores)
    message = f"no columns for {kind.__name__}"
    raise Unfit(message)


def _from_first(lots: int, caps: Column) -> Column:
    """From the first place down, each all that it can give."""
    before = np.cumsum(caps) - caps
    given: Column = np.clip(lots - before, 0, caps)
    return given


def mixed_shares(lots: int, mixed: Column, caps: Column) -> Column:
    """Shares by weights of which some may be nothing, as `in_proportion` has them."""
    weighted = np.flatnonzero(mixed)
    if int(caps[weighted].sum()) <= lots:
        return np.array(in_proportion(lots, mixed.tolist(), caps.tolist()), np.int64)
    shares = np.zeros_like(caps)
    try:
        shares[weighted] = column_shares(lots, mixed[weighted], caps[weighted])
    except Unfit:
        shares[weighted] = in_proportion(lots, mixed[weighted].tolist(), caps[weighted].tolist())
    return shares


def least_largest(closing: Closing, ranked: Eligible, scores: Column) -> Column:
    """As `MinMaxInteger` shares out: begun a lot under the proportion, then to whoever has the least share."""
    caps, found = column_caps(closing, ranked, None), np.zeros_like(scores)
    able = np.flatnonzero(caps)
    enough = np.searchsorted(np.cumsum(scores[able] < SCORE_MAX), closing.lots)
    able = able[: int(enough) + 1]
    caps, equities = caps[able], ranked.equity[able]
    if int(equities.max(initial=0)) >= _WHOLE:
        message = "equities beyond 53 bits"
        raise Unfit(message)
    begun = np.maximum(column_shares(closing.lots, equities, caps) - 1, 0)
    left = min(closing.lots, int(caps.sum())) - int(begun.sum())
    found[able] = begun + _least_next(left, begun, equities, caps)
    return found


def _least_next(lots: int, begun: Column, equities: Column, caps: Column) -> Column:
    """How many of `lots` each gets where each lot goes to the least (share + 1) / equity, ties to the first."""
    if not lots:
        return np.zeros_like(begun)
    rows = 1
    while True:
        rows *= 2
        shares = begun + np.arange(1, rows + 1)[:, np.newaxis]
        keys = np.where(shares <= caps, np.divide(shares, equities), np.inf)
        if lots > keys.size:
            continue
        bound = np.partition(keys, lots - 1, axis=None)[lots - 1]
        near = np.ldexp(bound, -_NEAR_BITS)
        # Who has all of its rows up to the bound may have more lots there; its last row is then no end of it.
        if not ((keys[-1] <= bound + near) & (begun + rows < caps)).any():
            return _least_of(lots, keys, (bound - near, bound + near), shares, equities)


def _least_of(lots: int, keys: NDArray[Any], near: tuple[Any, Any], shares: Column, equities: Column) -> Column:
    """How many of the least keys are each place's: those surely under the bound, of those near it the least exactly."""
    taken = keys < near[0]
    rows, places = np.nonzero(~taken & (keys <= near[1]))
    exact = sorted(
        (Fraction(int(shares[row, place]), int(equities[place])), place, row)
        for row, place in zip(rows.tolist(), places.tolist(), strict=True)
    )
    for _, place, row in exact[: lots - int(np.count_nonzero(taken))]:
        taken[row, place] = True
    counts: Column = np.count_nonzero(taken, axis=0)
    return counts


def loss_in(closing: Closing, lots: Column, wealths: Column) -> int:
    """As `loss_of` has it: by what is left open, and by the largest share of anyone's wealth that is taken."""
    left = FINE * (closing.lots - int(lots.sum())) // closing.lots
    gives, costs = np.flatnonzero(lots), max(0, closing.loss_atoms)
    if not costs or not len(gives):
        return left // 2
    if int(wealths[gives].min()) <= 0:
        return (left + FINE) // 2
    shares = np.divide(lots[gives], wealths[gives])
    most = shares.max()
    near = gives[shares >= most - np.ldexp(most, -_NEAR_BITS)]
    pairs = dict.fromkeys(zip(lots[near].tolist(), wealths[near].tolist(), strict=True))
    largest: int = max(FINE * costs * own // (closing.lots * wealth) for own, wealth in pairs)
    return (left + min(FINE, largest)) // 2

"""What builtin rules share out among all places at once, equal to their own `allocate` to the last lot.

1. Columns come in the order of a ranking. Whole numbers of 64 bits; what might not fit is left to the rule (`Unfit`).
2. Fractions are compared in floating point, and those next to the one that decides exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest
from typing import Any

import numpy as np

from ..events.ledger import LedgerState
from .column_shares import column_caps, column_scores, column_shares, ranked_order
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

_FEW = 64
"""Of so many lots it is worked out exactly which come first."""


def on_paper(rules: Iterable[Any], closing: Closing, eligible: Eligible, ledger: LedgerState) -> list[Column]:
    """The lots that each place would give by each rule, ranked by that rule. Raises Unfit for a rule that is not here.

    O(rules x n log n).
    """
    return [_of_rule(rule, closing, eligible, ledger) for rule in rules]


def _of_rule(rule: Any, closing: Closing, eligible: Eligible, ledger: LedgerState) -> Column:
    scores = column_scores(rule, eligible, 0, ledger)
    order = ranked_order(scores, eligible.account)
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
    if max(int(equities.max(initial=0)), int(caps.max(initial=0))) >= _WHOLE:
        message = "equities or lots beyond 53 bits"
        raise Unfit(message)
    begun = np.maximum(column_shares(closing.lots, equities, caps) - 1, 0)
    left = min(closing.lots, int(caps.sum())) - int(begun.sum())
    found[able] = begun + _least_next(left, begun, equities, caps)
    return found


def _least_next(lots: int, begun: Column, equities: Column, caps: Column) -> Column:
    """How many of `lots` each gets where each lot goes to the least (share + 1) / equity, ties to the first.

    Between two bounds of it, with few left that could be the last, those surely under the lower one are given, and of
    the others the least exactly.
    """
    if not lots:
        return np.zeros_like(begun)
    low, high = _bounds(lots, begun, equities, caps)
    taken = _reached(np.subtract(low, np.ldexp(low, -_NEAR_BITS)), begun, equities, caps)
    far = _reached(np.add(high, np.ldexp(high, -_NEAR_BITS)), begun, equities, caps)
    places = np.flatnonzero(far > taken)
    shift = 2 * int(equities.max()).bit_length() + 1  # so that what differs at all differs when it is rounded down
    columns = (column[places].tolist() for column in (begun + taken, begun + far, equities))
    keys = [
        ((share << shift) // equity, place)
        for place, first, last, equity in zip(places.tolist(), *columns, strict=True)
        for share in range(first + 1, last + 1)
    ]
    for _, place in nsmallest(lots - int(taken.sum()), keys):
        taken[place] += 1
    return taken


def _bounds(lots: int, begun: Column, equities: Column, caps: Column) -> tuple[Any, Any]:
    """Two values of (share + 1) / equity: fewer than `lots` are up to the first, and no fewer up to the second."""
    low, high = np.divide(0, 1), np.divide(caps, equities).max()
    under, over, halves = 0, int((caps - begun).sum()), False
    while over - under > _FEW and high - low > np.ldexp(high, -_NEAR_BITS):
        middle = np.divide(low + high, 2) if halves else low + (high - low) * np.divide(lots - under, over - under)
        reached = int(_reached(middle, begun, equities, caps).sum())
        if reached < lots:
            low, under = middle, reached
        else:
            high, over = middle, reached
        halves = not halves
    return low, high


def _reached(bound: Any, begun: Column, equities: Column, caps: Column) -> Column:
    """How many lots of each are up to a bound, but for one where floating point cannot tell."""
    found: Column = np.maximum(np.minimum(bound * equities, caps).astype(np.int64) - begun, 0)
    return found


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

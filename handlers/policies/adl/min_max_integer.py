"""Whole lots such that the largest share of equity taken from anyone is as small as can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heapreplace
from typing import ClassVar

from ..allocation import Sharing, allotted, in_proportion
from ..ranking import SCORE_MAX, Allocation, Basis, Closing, Ranked
from ..ratio import ATOMS, Ratio, RatioPolicy

__all__ = ["MinMaxInteger", "least_largest_shares"]


class MinMaxInteger(RatioPolicy):
    """weight = equity x 10^-9; minimise the greatest lots / equity, then the next greatest, and so on.

    All lots of a round cost the same, so lots over equity is the share of equity taken. Nobody gives more than its
    position or than its equity can bear. Ties go by rank.
    """

    policy: ClassVar[str] = "min-max-integer"
    formula: ClassVar[str] = "equity x 10^-9"
    in_words: ClassVar[str] = "the account's equity"
    source: ClassVar[str] = "arXiv 2512.01112, the min-max integer program"
    basis: ClassVar[Basis] = "equity dollars"
    ratio: ClassVar[Ratio] = Ratio(("equity",), (), ATOMS)

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """The best whole lots."""
        at_once = places.least_largest(closing) if isinstance(places, Sharing) else None
        if at_once is not None:
            return at_once
        found = list(_within_reach(closing, places))
        caps = [closing.most(place.candidate) for place in found]
        equities = [place.candidate.equity for place in found]
        return allotted(found, least_largest_shares(closing.lots, equities, caps))


def _within_reach(closing: Closing, places: Iterable[Ranked]) -> Iterator[Ranked]:
    """As many of the first places that can give as there are lots: nobody has one before whoever has more equity."""
    left = closing.lots
    for place in places:
        if left <= 0:
            return
        if closing.most(place.candidate):
            yield place
            # Places of the greatest score there is do not stand in the order of their equities: they do not count.
            left -= place.score < SCORE_MAX


def least_largest_shares(lots: int, equities: Sequence[int], caps: Sequence[int]) -> list[int]:
    """Whole shares below the caps that make the greatest share / equity least; the sum is min(lots, sum of caps).

    One lot after the other to whoever then has the least share, begun at the shares in proportion less one, which are
    never too many; O(n log n).
    """
    shares = [max(0, share - 1) for share in in_proportion(lots, equities, caps)]
    shift = 2 * max(equities, default=1).bit_length() + 1
    queue = [(((s + 1) << shift) // equities[i], i) for i, s in enumerate(shares) if s < caps[i]]
    heapify(queue)
    for _ in range(min(lots, sum(caps)) - sum(shares)):
        place = queue[0][1]
        shares[place] += 1
        if shares[place] < caps[place]:
            heapreplace(queue, (((shares[place] + 1) << shift) // equities[place], place))
        else:
            heappop(queue)
    return shares

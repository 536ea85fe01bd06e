"""How what is to be closed is shared out among ranked candidates, in whole lots.

1. `greedy`: from the first place down, each gives all it can.
2. `in_proportion`: by weight, nobody above a cap; what the capped cannot give is shared among the others in the same
   way. Shares are rounded down, and the lots that are left go one each to the largest remainders, ties by rank.
3. Who has no weight gives only when all who have one are at their caps, then by cap.
4. The sum is exact: all lots, or the sum of the caps where that is less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest
from typing import Protocol, runtime_checkable

from ...events.ledger import LedgerState
from .ranking import Allocation, Candidate, Closing, Ranked, RankingPolicy

__all__ = [
    "BPS",
    "Columned",
    "allotted",
    "cap_of",
    "greedy",
    "in_proportion",
    "largest_remainder",
    "pro_rata",
    "wealth_lots",
    "wealth_of",
]

BPS = 10**4


def greedy(closing: Closing, places: Iterable[Ranked]) -> Allocation:
    """From the first place down until all is closed; O(places taken)."""
    left = closing.lots
    for place in places:
        if left <= 0:
            return
        lots = min(left, closing.most(place.candidate))
        if lots > 0:
            left -= lots
            yield place, lots


def allotted(places: Sequence[Ranked], shares: Sequence[int]) -> Allocation:
    """The places that have a share, with it."""
    return [(place, lots) for place, lots in zip(places, shares, strict=True) if lots > 0]


@runtime_checkable
class Sharing(Protocol):
    """Places that can be shared out among all at once."""

    def shared(self, closing: Closing, cap_bps: int | None) -> Allocation | None:
        """As `pro_rata` has it, or None where that cannot be told at once."""
        ...

    def least_largest(self, closing: Closing) -> Allocation | None:
        """As `MinMaxInteger` has it, or None where that cannot be told at once."""
        ...

    def mixed(
        self, closing: Closing, rules: Sequence[RankingPolicy], weights: Sequence[int], ledger: LedgerState
    ) -> Allocation | None:
        """As `OnlineLearning` mixes what these rules share out, or None where that cannot be told at once."""
        ...

    def losses(
        self, closing: Closing, rules: Sequence[RankingPolicy], gave: Mapping[int, int], ledger: LedgerState
    ) -> list[int] | None:
        """What the lots that accounts gave would have lost, and then each of the rules; None as before."""
        ...


@runtime_checkable
class Columned(Protocol):
    """An allocation that has its figures in columns. Walked, it gives the same."""

    def is_borne(self, closing: Closing) -> bool:
        """Whether each gives from one lot to what it can, and all no more than is to be closed; else it is not sure."""
        ...

    def columns(self) -> tuple[Sequence[int], ...]:
        """Rank, score, account, leg and lots of each."""
        ...

    def __len__(self) -> int:
        """How many give."""
        ...

    def __getitem__(self, part: slice) -> Sequence[tuple[Ranked, int]]:
        """Some of them, with their lots."""
        ...


def pro_rata(closing: Closing, places: Iterable[Ranked], cap_bps: int | None = None) -> Allocation:
    """By score, nobody beyond what its equity bears, or with `cap_bps` beyond that share of its wealth."""
    at_once = places.shared(closing, cap_bps) if isinstance(places, Sharing) else None
    if at_once is not None:
        return at_once
    found = list(places)
    caps = [cap_of(closing, place.candidate, cap_bps) for place in found]
    return allotted(found, in_proportion(closing.lots, [place.score for place in found], caps))


def cap_of(closing: Closing, candidate: Candidate, cap_bps: int | None) -> int:
    """The lots a candidate can give up, with `cap_bps` for at most that share of its wealth."""
    return closing.most(candidate) if cap_bps is None else wealth_lots(closing, candidate, cap_bps)


def wealth_of(candidate: Candidate) -> int:
    """What a winner can lose of its gains, in atoms: the lesser of profit and equity."""
    return min(candidate.profit, candidate.equity)


def wealth_lots(closing: Closing, candidate: Candidate, share_bps: int = BPS) -> int:
    """The lots a candidate can give up for at most that share of its wealth."""
    atoms = min(wealth_of(candidate) * share_bps // BPS, candidate.equity - 1)
    return min(abs(candidate.size), closing.lots_within(atoms))


def in_proportion(lots: int, weights: Sequence[int], caps: Sequence[int]) -> list[int]:
    """Shares of `lots` by weight below the caps; O(n) a pass, a pass for each time that somebody is capped."""
    if lots >= sum(caps):
        return list(caps)
    shares, left = [0] * len(caps), lots
    weighted = [place for place, weight in enumerate(weights) if weight > 0]
    if sum(caps[place] for place in weighted) <= lots:
        for place in weighted:
            shares[place], left = caps[place], left - caps[place]
        weighted, weights = [place for place, weight in enumerate(weights) if weight <= 0], caps
    _fill(shares, left, weighted, weights, caps)
    return shares


def _fill(shares: list[int], left: int, open_places: list[int], weights: Sequence[int], caps: Sequence[int]) -> None:
    """Cap whoever would pass its cap until nobody does, then share out among the rest; their caps exceed `left`."""
    total = sum(weights[place] for place in open_places)
    while left:
        capped = [place for place in open_places if left * weights[place] >= caps[place] * total]
        if not capped:
            break
        for place in capped:
            shares[place] = caps[place]
        left -= sum(caps[place] for place in capped)
        open_places = [place for place in open_places if shares[place] < caps[place]]
        total = sum(weights[place] for place in open_places)
    if left:
        given = largest_remainder(left, [weights[place] for place in open_places], total)
        for place, share in zip(open_places, given, strict=True):
            shares[place] = share


def largest_remainder(amount: int, weights: Sequence[int], total: int) -> list[int]:
    """`amount` x weight / total, rounded down; what is left over, one each, to the largest remainders, ties by place.

    `total` is the sum of the weights, or of those and of others that are due less than one. O(n log of what is over).
    """
    shares, remainders = list[int](), list[tuple[int, int]]()
    for place, weight in enumerate(weights):
        share, remainder = divmod(amount * weight, total)
        shares.append(share)
        remainders.append((-remainder, place))
    for _, place in nsmallest(amount - sum(shares), remainders):
        shares[place] += 1
    return shares

"""A batch held against one rule, fill by fill, up to the first that the rule does not take.

1. A queue takes whoever has the highest score of those who are left, all that it can give, then the next. A fill
   follows if nobody who is left is certain to stand before its account, which cannot stand before an earlier one.
2. A rule that shares out says at once who gives how much; its plan must be the fills, in its order.
3. Accounts of one score stand in no order that a rule has: any of them may come first (a tie). Where scores are open,
   any order that they allow may be the rule's (room). Both are counted, and neither is a departure.
4. All fills of a batch have one price under every rule there is; one at another departs.
5. An account must give all that the rule takes of it before another one is taken. Several fills of it, one after the
   other, are one take. What was to be closed is the sum of the fills, so the last one says nothing about its amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop
from typing import Literal, NamedTuple, Protocol

import msgspec

from ...events.errors import HandlerError
from ...handlers.policies.adl.dydx import DydX
from ...handlers.policies.ranking import SCORE_MAX, RankingPolicy, allocates, allocates_in
from .contenders import Contender, contenders_of, planned
from .fills import DeleveragedFill, ReportedBatch

__all__ = ["Departed", "Judged", "Kind", "Untested", "judge"]

Kind = Literal["account", "no candidate", "amount", "price"]
"""What was another than the rule's: who was taken (whom it never takes), how much of it, at which price."""

_Certainty = Literal["certain", "tie", "room"]


class Departed(NamedTuple):
    """The first fill that the rule does not take: so much was taken, where so much of `due` is to be taken."""

    fill: DeleveragedFill
    kind: Kind
    took_lots: int
    due: Contender | None
    due_lots: int


class Judged(NamedTuple):
    """How many fills of a batch follow, of these by a tie and only by room; and the first that does not."""

    followed: int
    ties: int
    room: int
    departed: Departed | None
    contenders: Sequence[Contender]


class Untested(NamedTuple):
    """Why a rule says nothing about a batch."""

    reason: str


class _Turns(Protocol):
    """Who is to be taken next, and how much of it."""

    def take(self, account: int) -> tuple[Contender, _Certainty] | None:
        """Take an account, if it may be the next; it is then gone."""
        ...

    def due(self) -> Contender | None:
        """Who is certain to stand before whom was not taken."""
        ...

    def lots(self, contender: Contender) -> tuple[int, int]:
        """What it gives, at the least and at the most."""
        ...


def judge(batch: ReportedBatch, policy: RankingPolicy) -> Judged | Untested:
    """The batch under the rule; O(holders log holders)."""
    if isinstance(policy, DydX):
        return Untested("it scans accounts from a random place, and ranks nobody")
    contenders = contenders_of(batch, policy)
    if not (allocates(policy) or allocates_in(policy)):
        return _walk(batch, contenders, _Queue(contenders))
    if not all(one.is_exact for one in contenders):
        return Untested("what it shares out follows from the figures of all, and not all of them are known")
    try:
        return _walk(batch, contenders, _Shares(batch, policy, contenders))
    except HandlerError as error:
        return Untested(str(error))


class _Course(msgspec.Struct):
    """A walk through the fills: whose take is open, how much of it was taken by which fill last."""

    candidates: frozenset[int]
    followed: int = 0
    ties: int = 0
    room: int = 0
    open: Contender | None = None
    given_lots: int = 0
    last: DeleveragedFill | None = None


def _walk(batch: ReportedBatch, contenders: Sequence[Contender], plan: _Turns) -> Judged:
    at, left_lots = _Course(frozenset(one.account for one in contenders)), batch.lots
    for fill in batch.fills:
        departed = _step(at, fill, plan, left_lots, batch.price_ticks)
        if departed is not None:
            followed = at.followed - (departed.fill is not fill)
            return Judged(followed, at.ties, at.room, departed, contenders)
        at.followed, left_lots = at.followed + 1, left_lots - fill.lots
    return Judged(at.followed, at.ties, at.room, None, contenders)


def _step(at: _Course, fill: DeleveragedFill, plan: _Turns, left_lots: int, price_ticks: int) -> Departed | None:
    """One fill; None where it follows."""
    if at.open is None or at.open.account != fill.account:
        if at.open is not None and at.last is not None:
            least_lots, _ = plan.lots(at.open)
            if at.given_lots < least_lots:
                due_lots = min(least_lots, at.given_lots + left_lots)
                return Departed(at.last, "amount", at.given_lots, at.open, due_lots)
        taken = plan.take(fill.account)
        if taken is None:
            due = plan.due()
            kind: Kind = "account" if fill.account in at.candidates else "no candidate"
            due_lots = 0 if due is None else min(left_lots, plan.lots(due)[0])
            return Departed(fill, kind, fill.lots, due, due_lots)
        at.open, certainty = taken
        at.given_lots = 0
        at.ties, at.room = at.ties + (certainty == "tie"), at.room + (certainty == "room")
    if fill.price_ticks != price_ticks:
        return Departed(fill, "price", fill.lots, at.open, fill.lots)
    at.given_lots, at.last = at.given_lots + fill.lots, fill
    _, most_lots = plan.lots(at.open)
    if at.given_lots > most_lots:
        return Departed(fill, "amount", at.given_lots, at.open, most_lots)
    return None


class _Queue:
    """Rule 1. Two heaps, by the least and by the greatest score, in which those who are gone stay."""

    def __init__(self, contenders: Sequence[Contender]) -> None:
        self._left = {one.account: one for one in contenders}
        self._by_least = [(-one.score_least, one.account) for one in contenders]
        self._by_most = [(-one.score_most, one.account) for one in contenders]
        heapify(self._by_least)
        heapify(self._by_most)
        self._cap = SCORE_MAX

    def take(self, account: int) -> tuple[Contender, _Certainty] | None:
        """Whoever is not certain to stand behind somebody who is left."""
        one = self._left.get(account)
        if one is None:
            return None
        del self._left[account]
        highest, cap = self._first(self._by_least), min(self._cap, one.score_most)
        if highest is not None and highest.score_least > cap:
            return None
        self._cap, rival = cap, self._first(self._by_most)
        if rival is None or rival.score_most < one.score_least:
            return one, "certain"
        return one, "tie" if one.is_exact and rival.is_exact else "room"

    def due(self) -> Contender | None:
        """The highest of those who are left."""
        return self._first(self._by_least)

    def lots(self, contender: Contender) -> tuple[int, int]:
        """All that it can give."""
        return contender.lots_least, contender.lots_most

    def _first(self, heap: list[tuple[int, int]]) -> Contender | None:
        while heap and heap[0][1] not in self._left:
            heappop(heap)
        return self._left[heap[0][1]] if heap else None


class _Shares:
    """Rule 2. Those of one score may come in any order."""

    def __init__(self, batch: ReportedBatch, policy: RankingPolicy, contenders: Sequence[Contender]) -> None:
        plan = planned(batch, policy, contenders)
        self._lots = {one.account: lots for one, lots in plan.items()}
        self._left = {one.account: one for one in plan}

    def take(self, account: int) -> tuple[Contender, _Certainty] | None:
        """The next of the plan, or one of the same score."""
        due, one = self.due(), self._left.get(account)
        if due is None or one is None or one.score_least != due.score_least:
            return None
        del self._left[account]
        following = self.due()
        is_tied = following is not None and following.score_least == one.score_least
        return one, "tie" if is_tied else "certain"

    def due(self) -> Contender | None:
        """The next of the plan."""
        return next(iter(self._left.values()), None)

    def lots(self, contender: Contender) -> tuple[int, int]:
        """Its share."""
        lots = self._lots.get(contender.account, 0)
        return lots, lots

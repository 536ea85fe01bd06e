"""Around a plug-in's ADL policy: its scores and shares are looked at before anyone is ranked or reduced by them.

What it is given cannot be changed by it: tuples of tuples. A policy that reads the ledger is watched like a handler.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from ...events.ledger import LedgerState, PositionKey
from ..policies.ranking import SCORE_MAX, Allocation, Candidate, Closing, Ranked
from .complaints import called, complaint, shown
from .policy_guard import GuardedPolicy, declared

__all__ = ["GuardedRanking", "guarded_ranking"]


class GuardedRanking(GuardedPolicy):
    """A ranking policy under the name that records have."""

    def __getattr__(self, name: str) -> Any:
        """Whatever else the policy says about itself."""
        return getattr(self.watched, name)

    def scores(self, candidates: Sequence[Candidate]) -> list[int]:
        """One score per candidate. Raises HandlerError naming the plug-in and the score that is none."""
        given = tuple(candidates)
        return self._checked(
            "scores()", given, called(self.policy, "scores()", lambda: list(self.watched.scores(given)))
        )

    def _checked(self, what: str, given: Sequence[Candidate], scores: list[int]) -> list[int]:
        if len(scores) != len(given):
            text = f"{what} gave {len(scores)} scores for {len(given)} candidates; one for each is due"
            raise complaint(self.policy, text)
        for candidate, score in zip(given, scores, strict=True):
            if type(score) is not int or not 0 <= score <= SCORE_MAX:
                due = f"a whole number from 0 to {SCORE_MAX} is due"
                raise complaint(self.policy, f"{what} gave {shown(score)} for account {candidate.account}; {due}")
        return scores


class _Reading(GuardedRanking):
    """One whose scores need the ledger."""

    def scores_in(self, candidates: Sequence[Candidate], keys: Sequence[PositionKey], ledger: LedgerState) -> list[int]:
        """One score per candidate, and nothing written."""
        given, places, what = tuple(candidates), tuple(keys), "scores_in()"
        named = (candidate.account for candidate in given)
        scores = self.asked(what, ledger, named, lambda: list(self.watched.scores_in(given, places, ledger)))
        return self._checked(what, given, scores)


class _Allocating(GuardedRanking):
    """One that shares out in a way of its own."""

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """Lots per place, none of them more than there are. Raises HandlerError naming the plug-in and the share."""
        given = tuple(places)
        shares = called(
            self.policy, "allocate()", lambda: list(islice(self.watched.allocate(closing, given), len(given) + 1))
        )
        left, last_rank = closing.lots, 0
        for share in shares:
            fault = _fault(share, closing, given, last_rank, left)
            if fault:
                raise complaint(self.policy, f"allocate() gave {fault}")
            last_rank, left = share[0].rank, left - share[1]
        return shares


def _fault(share: Any, closing: Closing, given: Sequence[Ranked], last_rank: int, left: int) -> str:
    """What is wrong with one share, with its value; empty where nothing is."""
    if not isinstance(share, tuple) or len(share) != len(("place", "lots")):
        return f"{shown(share)}; pairs of a place and its lots are due"
    place, lots = share
    if not isinstance(place, Ranked) or not 0 < place.rank <= len(given) or given[place.rank - 1] != place:
        return f"{shown(place)}, which is no place of the ranking"
    who = f"account {place.candidate.account} (rank {place.rank})"
    if place.rank <= last_rank:
        return f"{who} out of turn; each place at most once, in the order of the ranking"
    if type(lots) is not int or lots <= 0:
        return f"{shown(lots)} lots to {who}; a whole number above zero is due"
    return _too_many(lots, closing, place.candidate, who, left)


def _too_many(lots: int, closing: Closing, candidate: Candidate, who: str, left: int) -> str:
    held, most = abs(candidate.size), closing.most(candidate)
    if lots > held:
        return f"{lots} lots to {who}, which holds {held}"
    if lots > most:
        return f"{lots} lots to {who}, whose equity pays for {most}"
    return f"{lots} lots to {who} where {left} are left to close" if lots > left else ""


def guarded_ranking(name: str, version: str, kind: type, watched: object) -> GuardedRanking:
    """The policy, watched in all that it can do, under the name and version that records have."""
    bases = [
        *([_Allocating] if callable(getattr(watched, "allocate", None)) else []),
        *([_Reading] if callable(getattr(watched, "scores_in", None)) else []),
    ]
    own = declared(name, version, kind)
    guard: type[GuardedRanking] = type(kind.__name__, tuple(bases) or (GuardedRanking,), own)
    return guard(watched)

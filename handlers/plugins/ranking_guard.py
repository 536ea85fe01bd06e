"""Around a plug-in's ADL policy: its scores and shares are looked at before anyone is ranked or reduced by them.

1. What it is given cannot be changed by it: tuples of tuples. A policy that reads the ledger is watched like a handler.
2. If it declares a formula, every score must be the one that the formula gives for the candidate's figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import islice, zip_longest
from typing import Any

import msgspec

from ...events.errors import ScenarioError
from ...events.ledger import LedgerState, PositionKey
from ..policies.formula import Value
from ..policies.ranking import SCORE_MAX, Allocation, Candidate, Closing, Ranked
from ..policies.score_formula import constants_of, formula_of
from .complaints import called, complaint, shown
from .policy_guard import GuardedPolicy, declared

__all__ = ["GuardedRanking", "guarded_ranking"]


class GuardedRanking(GuardedPolicy):
    """A ranking policy under the name that records have; `constants` are its parameters that are numbers."""

    def __init__(self, watched: Any, constants: Mapping[str, Value]) -> None:
        """Watch this policy. Raises ValueError for a formula that cannot be read."""
        super().__init__(watched)
        self.constants = constants
        self._formula = formula_of(self)

    def __getattr__(self, name: str) -> Any:
        """Whatever else the policy says about itself."""
        return getattr(self.watched, name)

    def scores(self, candidates: Sequence[Candidate]) -> list[int]:
        """One score per candidate. Raises HandlerError naming the plug-in and the score that is none."""
        given = tuple(candidates)
        what = "scores()"
        scores = self._checked(what, given, called(self.policy, what, lambda: list(self.watched.scores(given))))
        self._hold(given, scores, (), None)
        return scores

    def figures_in(self, candidate: Candidate, key: PositionKey, ledger: LedgerState) -> Mapping[str, Any]:
        """The figures of its formula that are its own. Raises HandlerError naming the one that is none."""
        what, account = "figures_in()", candidate.account
        figures = self.asked(what, ledger, (account,), lambda: dict(self.watched.figures_in(candidate, key, ledger)))
        for name in self.watched.figures:
            if type(figures.get(name)) not in (int, Fraction):
                text = f"{what} gave {shown(figures.get(name))} for {name} of account {account}"
                raise complaint(self.policy, f"{text}; a whole number or a Fraction is due")
        return figures

    def _hold(
        self,
        candidates: Sequence[Candidate],
        scores: Sequence[int],
        keys: Sequence[PositionKey],
        ledger: LedgerState | None,
    ) -> None:
        """That each score is the formula's."""
        if self._formula is None:
            return
        for candidate, score, key in zip_longest(candidates, scores, keys):
            fault = self._formula.disagreement(candidate, score, key, ledger)
            if fault:
                raise complaint(self.policy, f"{fault}; correct one of them, or declare no formula")

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
        self._hold(given, self._checked(what, given, scores), places, ledger)
        return scores


class _Allocating(GuardedRanking):
    """One that shares out in a way of its own."""

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """Lots per place, none of them more than there are. Raises HandlerError naming the plug-in and the share."""
        given, what = tuple(places), "allocate()"
        shares = called(self.policy, what, lambda: list(islice(self.watched.allocate(closing, given), len(given) + 1)))
        return _fitting(self.policy, what, shares, closing, given)


class _AllocatingIn(GuardedRanking):
    """One that shares out in a way of its own, for which it needs the ledger."""

    def allocate_in(
        self, closing: Closing, places: Iterable[Ranked], instrument: int, ledger: LedgerState
    ) -> Allocation:
        """Lots per place, none of them more than there are, and nothing written. Raises HandlerError like the other."""
        given, what = tuple(places), "allocate_in()"
        named = tuple(place.candidate.account for place in given)

        def call() -> list[Any]:
            return list(islice(self.watched.allocate_in(closing, given, instrument, ledger), len(given) + 1))

        return _fitting(self.policy, what, self.asked(what, ledger, named, call), closing, given)


def _fitting(policy: str, what: str, shares: list[Any], closing: Closing, given: Sequence[Ranked]) -> list[Any]:
    """The shares, if each can be given. Raises HandlerError naming the plug-in and the one that cannot."""
    left, last_rank = closing.lots, 0
    for share in shares:
        fault = _fault(share, closing, given, last_rank, left)
        if fault:
            raise complaint(policy, f"{what} gave {fault}")
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


def guarded_ranking(
    name: str, version: str, kind: type, watched: object, parameters: msgspec.Struct | None = None
) -> GuardedRanking:
    """The policy, watched in all that it can do, under the name and version that records have.

    Raises ScenarioError for a formula that cannot be read.
    """
    bases = [
        *([_Allocating] if callable(getattr(watched, "allocate", None)) else []),
        *([_AllocatingIn] if callable(getattr(watched, "allocate_in", None)) else []),
        *([_Reading] if callable(getattr(watched, "scores_in", None)) else []),
    ]
    own = declared(name, version, kind) | {"formula": getattr(watched, "formula", None) or ""}
    guard: type[GuardedRanking] = type(kind.__name__, tuple(bases) or (GuardedRanking,), own)
    try:
        return guard(watched, {} if parameters is None else constants_of(parameters))
    except ValueError as error:
        message = f"plug-in {name}: its formula {own['formula']!r} cannot be read: {error}"
        raise ScenarioError(message) from error

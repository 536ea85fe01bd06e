"""Trials made, judged and compared. Who proposes and who evaluates is given, so that both can be replaced in tests.

1. A trial *meets* the target if it has every figure and misses no constraint. All comparisons are of exact fractions.
2. One trial *dominates* another if it is no worse in any objective and better in one. The *front* is of those that meet
   the target and are dominated by none that does; of those that are equal in every objective only the first is on it.
3. Where none meets the target, the *nearest* is the one that misses the fewest constraints, and of these the least in
   all, each miss over its bound (over one where the bound is zero).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from .over import Estimate
from .sampler import Sampler, TrialTold
from .target import Target

__all__ = [
    "Evaluate",
    "RuleTrial",
    "RulesJudged",
    "dominates",
    "front_of",
    "losses",
    "meets",
    "missed",
    "nearest",
    "search",
]


class RulesJudged(NamedTuple):
    """What some rules come to over some seeds, by the target's objectives and constraints; or why there is nothing."""

    objectives: tuple[Estimate, ...] = ()
    constraints: tuple[Estimate, ...] = ()
    error: str | None = None


class RuleTrial(NamedTuple):
    """Rules that were tried. `number` counts from 1."""

    number: int
    places: tuple[int, ...]
    settings: tuple[str, ...]
    judged: RulesJudged


Evaluate = Callable[[Sequence[tuple[int, ...]]], Sequence[RulesJudged]]
"""What trials come to, in their order."""


def search(target: Target, sampler: Sampler, evaluate: Evaluate) -> list[RuleTrial]:
    """Ask for trials in batches until there are as many as the target says, and judge them."""
    trials: list[RuleTrial] = []
    while len(trials) < target.trials:
        asked = sampler.ask(min(target.batch, target.trials - len(trials)))
        judged = evaluate(asked)
        trials += [
            RuleTrial(len(trials) + place, places, target.settings(places), one)
            for place, (places, one) in enumerate(zip(asked, judged, strict=True), 1)
        ]
        sampler.tell([_told(target, one) for one in judged])
    return trials


def _told(target: Target, judged: RulesJudged) -> TrialTold:
    return TrialTold(None) if judged.error is not None else TrialTold(losses(target, judged), missed(target, judged))


def losses(target: Target, judged: RulesJudged) -> tuple[Fraction, ...]:
    """The objectives, turned so that less is better."""
    return tuple(
        _known(estimate) * (1 if objective.aim == "least" else -1)
        for objective, estimate in zip(target.objectives, judged.objectives, strict=True)
    )


def missed(target: Target, judged: RulesJudged) -> tuple[Fraction, ...]:
    """How far each constraint is missed; 0 or less where it holds."""
    pairs = zip(target.constraints, judged.constraints, strict=True)
    return tuple(constraint.missed_by(_known(estimate)) for constraint, estimate in pairs)


def meets(target: Target, judged: RulesJudged) -> bool:
    """Rule 1."""
    return judged.error is None and all(by <= 0 for by in missed(target, judged))


def dominates(one: Sequence[Fraction], other: Sequence[Fraction]) -> bool:
    """Rule 2, of losses."""
    pairs = list(zip(one, other, strict=True))
    return all(mine <= theirs for mine, theirs in pairs) and any(mine < theirs for mine, theirs in pairs)


def front_of(target: Target, trials: Sequence[RuleTrial]) -> list[RuleTrial]:
    """Rule 2, by the first objective, then the others; O(trials x front)."""
    first: dict[tuple[Fraction, ...], RuleTrial] = {}
    for trial in trials:
        if meets(target, trial.judged):
            first.setdefault(losses(target, trial.judged), trial)
    front: list[tuple[Fraction, ...]] = []
    for lost in sorted(first):  # whoever dominates another comes before it in this order
        if not any(dominates(other, lost) for other in front):
            front.append(lost)
    return [first[lost] for lost in front]


def nearest(target: Target, trials: Sequence[RuleTrial]) -> RuleTrial | None:
    """Rule 3; None where every trial failed."""
    found = [trial for trial in trials if trial.judged.error is None]
    return min(found, key=lambda trial: (*_shortfall(target, trial.judged), trial.number), default=None)


def _shortfall(target: Target, judged: RulesJudged) -> tuple[int, Fraction]:
    by = missed(target, judged)
    over = (
        amount / (abs(constraint.bound) or 1)
        for constraint, amount in zip(target.constraints, by, strict=True)
        if amount > 0
    )
    return sum(amount > 0 for amount in by), sum(over, Fraction(0))


def _known(estimate: Estimate) -> Fraction:
    assert estimate.value is not None
    return estimate.value

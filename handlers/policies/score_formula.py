"""A ranking policy's formula with what its names stand for, and whether a score follows from it.

1. A name is a figure of the candidate (in atoms and lots, whole numbers), a parameter of the policy that is a number,
   or a figure that the policy names in `figures` and gives by `figures_in(candidate, key, ledger)`.
2. A policy without a formula has none of this: its score is what its code gave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ...events.ledger import LedgerState, PositionKey
from .formula import Formula, Value, decimal_text, formula_in
from .ranking import SCORE_SCALE, Candidate, RankingPolicy

__all__ = ["ScoreFormula", "constants_of", "formula_of", "unknown_name"]

_PLACES: Mapping[str, int] = {name: place for place, name in enumerate(Candidate._fields)}


class ScoreFormula:
    """The formula of one policy, ready to be worked out for its candidates."""

    def __init__(self, formula: Formula, policy: RankingPolicy) -> None:
        """Bind the names. Raises ValueError for one that stands for nothing."""
        constants: Mapping[str, Value] = getattr(policy, "constants", {})
        own: tuple[str, ...] = getattr(policy, "figures", ())
        unknown = unknown_name(formula, (*constants, *own))
        if unknown:
            raise ValueError(unknown)
        self.formula, self._policy, self._constants = formula, policy, constants
        self.own_figures = tuple(name for name in formula.names if name not in _PLACES and name not in constants)
        plain = all(name in _PLACES for name in formula.names)
        self._places = [_PLACES[name] for name in formula.names] if plain else None

    @property
    def text(self) -> str:
        """As it was declared."""
        return self.formula.text

    def values(
        self, candidate: Candidate, key: PositionKey | None = None, ledger: LedgerState | None = None
    ) -> list[Value]:
        """What each of the formula's names stands for; `key` and `ledger` are for a policy with figures of its own."""
        if self._places is not None:
            return [(candidate[place], 1) for place in self._places]
        own: Mapping[str, Any] = {}
        if self.own_figures:
            own = self._policy.figures_in(candidate, key, ledger)  # type: ignore[attr-defined]
        figures = {name: figure.as_integer_ratio() for name, figure in {**own, **candidate._asdict()}.items()}
        return [figures[name] if name in figures else self._constants[name] for name in self.formula.names]

    def score(self, candidate: Candidate, key: PositionKey | None = None, ledger: LedgerState | None = None) -> int:
        """The score that follows from the formula."""
        return self.formula.score(self.values(candidate, key, ledger))

    def disagreement(
        self, candidate: Candidate, score: int, key: PositionKey | None = None, ledger: LedgerState | None = None
    ) -> str:
        """What is wrong with a candidate's score, with its figures; empty where it is the formula's."""
        values = self.values(candidate, key, ledger)
        due = self.formula.score(values)
        if score == due:
            return ""
        texts = dict(zip(self.formula.names, map(decimal_text, values), strict=True))
        figures = ", ".join(f"{name} {text}" for name, text in texts.items())
        worth = f"{decimal_text((due, SCORE_SCALE))} (rounded down to nine decimals), the score {due}"
        if self.formula.divides_by_zero(values):
            worth = f"a division by zero, so the greatest score, {due}"
        return (
            f"account {candidate.account} with {figures} (atoms, lots) was given the score {score}, and the declared "
            f"formula {self.text} = {self.formula.filled(texts)} gives {worth}"
        )


def formula_of(policy: RankingPolicy) -> ScoreFormula | None:
    """The formula that a policy declares, None where it declares none. Raises ValueError where it cannot be read."""
    text = getattr(policy, "formula", "")
    return ScoreFormula(formula_in(text), policy) if text else None


def unknown_name(formula: Formula, others: Iterable[str]) -> str:
    """Which name stands for nothing, besides a candidate's figures and `others`; empty where all do."""
    known = (*_PLACES, *others)
    name = next((name for name in formula.names if name not in known), None)
    return "" if name is None else f"there is no figure `{name}`; there are {', '.join(known)}"


def constants_of(parameters: msgspec.Struct) -> dict[str, Value]:
    """The parameters that are numbers."""
    found = ((name, getattr(parameters, name)) for name in parameters.__struct_fields__)
    return {name: value.as_integer_ratio() for name, value in found if type(value) in (int, Decimal)}

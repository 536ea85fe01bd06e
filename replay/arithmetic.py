"""A score as arithmetic: the formula that the policy declares, with a candidate's figures, and what comes out.

1. Figures stand in units (money of the asset, the size of the instrument) where the formula comes to the same in them;
   else in atoms and lots, and that is said.
2. All digits are there. What is printed left of the equals sign is a formula of the same language: worked out, it gives
   the score.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from ..events.ledger import LedgerState, PositionKey
from ..handlers.policies.formula import Value, decimal_text
from ..handlers.policies.ranking import SCORE_MAX, Candidate
from ..handlers.policies.score_formula import ScoreFormula
from ..sim.figures import score_text

__all__ = ["ONLY_CODE", "Arithmetic", "FigureScale", "arithmetic_of"]

ONLY_CODE = "the score is what this code gave"
"""What is said of a policy that declares no formula."""

_MONEY = ("profit", "notional", "cost", "equity")


class FigureScale(NamedTuple):
    """What figures are counted in: the decimals of the asset, and the lot size of the instrument."""

    decimals: int
    lot_size: str


class Arithmetic(NamedTuple):
    """`filled` is the formula with figures, `result` what it gives, in words; `holds` says that this is the score."""

    filled: str
    result: str
    holds: bool

    @property
    def text(self) -> str:
        """Both, as one line."""
        return f"{self.filled} = {self.result}"


def arithmetic_of(
    formula: ScoreFormula,
    candidate: Candidate,
    score: int,
    scale: FigureScale,
    key: PositionKey | None = None,
    ledger: LedgerState | None = None,
) -> Arithmetic:
    """How the formula comes to a candidate's score; `key` and `ledger` are for a policy with figures of its own."""
    values = formula.values(candidate, key, ledger)
    due = formula.formula.score(values)
    scaled = _scaled(formula, values, scale)
    note = ""
    if scaled is None or formula.formula.score(scaled) != due:
        scaled, note = values, ", in atoms and lots"
    texts = dict(zip(formula.formula.names, map(decimal_text, scaled), strict=True))
    result = f"{score_text(due)}, rounded down to nine decimals"
    if formula.formula.divides_by_zero(values):
        result = f"a division by zero, which counts as the greatest score, {score_text(due)}"
    elif due == SCORE_MAX:
        result = f"the greatest score, {score_text(due)}, or more"
    if due != score:
        result += f"; it is NOT the score of {score_text(score)}"
    return Arithmetic(formula.formula.filled(texts), result + note, due == score)


def _scaled(formula: ScoreFormula, values: list[Value], scale: FigureScale) -> list[Value] | None:
    """The figures in units; None for a policy with figures of its own, which are in atoms."""
    if formula.own_figures:
        return None
    lot_above, lot_below = Decimal(scale.lot_size).as_integer_ratio()
    found = []
    for name, (above, below) in zip(formula.formula.names, values, strict=True):
        if name in _MONEY:
            below *= 10**scale.decimals  # noqa: PLW2901
        elif name == "size":
            above, below = above * lot_above, below * lot_below  # noqa: PLW2901
        found.append((above, below))
    return found

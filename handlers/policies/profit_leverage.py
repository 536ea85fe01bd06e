"""The queue that most venues describe: profit share times effective leverage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from ..protocol import NoParameters
from .ranking import Candidate, score_of

__all__ = ["ProfitLeverage"]


class ProfitLeverage:
    """score = profit / |entry value| x notional / account equity.

    The profit share is BitMEX's `(mark value - entry value) / |entry value|`; effective leverage is the position's
    notional over the equity of the whole margin account, as in cross margin there is no other. Sources: BitMEX
    support article 18589621443357; Bybit help article 900000031623.
    """

    policy: ClassVar[str] = "profit-leverage"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "profit / |cost| x notional / equity"
    Parameters: ClassVar[type[msgspec.Struct]] = NoParameters

    def __init__(self, parameters: msgspec.Struct) -> None:
        """Nothing to set."""

    def scores(self, candidates: Sequence[Candidate]) -> list[int]:
        """One score per candidate; exact, rounded down once."""
        return [score_of(c.profit * c.notional, abs(c.cost) * c.equity) for c in candidates]

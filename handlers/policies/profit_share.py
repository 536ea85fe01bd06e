"""A plain queue: whose equity is most of all unrealised gain is first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from ..protocol import NoParameters
from .ranking import Candidate, score_of

__all__ = ["ProfitShare"]


class ProfitShare:
    """score = profit / equity: the share of the account that is unrealised gain in this position.

    The yardstick beside `profit-leverage`: it does not look at leverage at all.
    """

    policy: ClassVar[str] = "profit-share"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "profit / equity"
    Parameters: ClassVar[type[msgspec.Struct]] = NoParameters

    def __init__(self, parameters: msgspec.Struct) -> None:
        """Nothing to set."""

    def scores(self, candidates: Sequence[Candidate]) -> list[int]:
        """One score per candidate; exact, rounded down once."""
        return [score_of(c.profit, c.equity) for c in candidates]

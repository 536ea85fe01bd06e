"""Base of policies whose score needs more of an account than the row of a digest holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ....events.errors import HandlerError
from ..builtin import BuiltinRanking
from ..ranking import Candidate

__all__ = ["LedgerReadingPolicy"]


class LedgerReadingPolicy(BuiltinRanking):
    """Scores by `scores_in`, which a subclass has; `from_row` says that a receipt cannot work its scores out again."""

    from_row: ClassVar[bool] = False

    def scores(self, candidates: Sequence[Candidate]) -> list[int]:
        """Raises HandlerError: the rows do not say enough."""
        message = f"policy {self.policy}: a score needs the ledger, not only a candidate's row; ask scores_in"
        raise HandlerError(message)

"""Base of policies whose score needs more of an account than the row of a digest holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from ....events.errors import HandlerError
from ...protocol import NoParameters
from ..ranking import Basis, Candidate

__all__ = ["LedgerReadingPolicy"]


class LedgerReadingPolicy:
    """Scores by `scores_in`, which a subclass has; `from_row` says that a receipt cannot work its scores out again."""

    policy: ClassVar[str]
    version: ClassVar[str] = "1"
    formula: ClassVar[str]
    source: ClassVar[str]
    basis: ClassVar[Basis] = "contracts"
    from_row: ClassVar[bool] = False
    Parameters: ClassVar[type[msgspec.Struct]] = NoParameters

    def __init__(self, parameters: msgspec.Struct) -> None:
        """Nothing to set."""

    def scores(self, candidates: Sequence[Candidate]) -> list[int]:
        """Raises HandlerError: the rows do not say enough."""
        message = f"policy {self.policy}: a score needs the ledger, not only a candidate's row; ask scores_in"
        raise HandlerError(message)

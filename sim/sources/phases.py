"""Phases of a script: over each a log price is moved evenly, and volatility is another."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ..checks import check_range, require

__all__ = ["Phase"]


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `from_ns` to `to_ns` after the start the market moves by `move` (-0.35: down by 35%), evenly in logs."""

    from_ns: int
    to_ns: int
    move: Decimal = Decimal(0)
    volatility_multiple: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        """Refuse a phase that ends before it begins or takes a price to nothing."""
        require(0 <= self.from_ns < self.to_ns, "from_ns must not be negative and must lie before to_ns")
        check_range("move", self.move, -1, 1000)
        require(self.move > -1, "move must be above -1: a price cannot lose all it has")
        check_range("volatility_multiple", self.volatility_multiple, 0, 1000)

    def moved(self, log_move: int, after_ns: int) -> int:
        """How much of its log move is done so long after the start, rounded down."""
        length_ns = self.to_ns - self.from_ns
        return log_move * min(max(after_ns - self.from_ns, 0), length_ns) // length_ns

    def pushed(self, log_move: int, before_ns: int, after_ns: int) -> int:
        """How much of it is done between two times."""
        return self.moved(log_move, after_ns) - self.moved(log_move, before_ns)

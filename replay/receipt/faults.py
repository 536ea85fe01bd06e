"""The one way in which a check says that something does not hold."""

from __future__ import annotations

from ...events.errors import RecordDamagedError

__all__ = ["ensure"]


def ensure(holds: object, otherwise: str) -> None:
    """Raise RecordDamagedError with these words unless it holds."""
    if not holds:
        raise RecordDamagedError(otherwise)

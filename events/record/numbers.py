"""The numbers that events of a record have."""

from __future__ import annotations

from ..errors import QueryError

__all__ = ["existing_seq"]


def existing_seq(seq: int, count: int, holder: object) -> int:
    """The number of an event, if `holder`, which has `count` of them, has that one. Raises QueryError where not."""
    if not 0 <= seq < count:
        held = f"holds {count}, counted from 0" if count else "holds none"
        message = f"there is no event {seq}; {holder} {held}"
        raise QueryError(message)
    return seq

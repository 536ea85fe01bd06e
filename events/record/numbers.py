"""The numbers that events of a record have."""

from __future__ import annotations

from ..errors import QueryError, RecordError

__all__ = ["cause_before", "existing_seq"]


def existing_seq(seq: int, count: int, holder: object) -> int:
    """The number of an event, if `holder`, which has `count` of them, has that one. Raises QueryError where not."""
    if not 0 <= seq < count:
        held = f"holds {count}, counted from 0" if count else "holds none"
        message = f"there is no event {seq}; {holder} {held}"
        raise QueryError(message)
    return seq


def cause_before(seq: int, cause: int, holder: object) -> int:
    """The cause of event `seq` of `holder`. Raises RecordError where it does not come before that event."""
    if not 0 <= cause < seq:
        what = f"event {seq} has event {cause} as its cause, which is not before it"
        message = f"{holder}: {what}; `deleverage verify {holder}` says what else is wrong"
        raise RecordError(message)
    return cause

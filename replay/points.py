"""Points in a record, as people write them: an event's number, a time, or an offset from the start.

1. `77241` is the event of that number.
2. `2025-10-10T21:16:04.831Z` is a time, ISO 8601, UTC where no zone is given.
3. `+00:12:03.5` is a time, so many hours, minutes and seconds after the run's first event.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from ..events.errors import QueryError, ScenarioError
from ..sim.units import parse_time_ns

__all__ = ["Point", "parse_point"]

_OFFSET = re.compile(r"\+(\d{1,9}):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?", re.ASCII)
_SEQ_DIGITS_MAX = 19
_NS = 10**9


class Point(NamedTuple):
    """An event's number, or a time in nanoseconds since 1970."""

    kind: Literal["seq", "at_ns"]
    value: int


def parse_point(text: str, start_ns: int) -> Point:
    """What `text` means in a record that begins at `start_ns`. Raises QueryError."""
    if text.isascii() and text.isdigit() and len(text) <= _SEQ_DIGITS_MAX:
        return Point("seq", int(text))
    offset = _OFFSET.fullmatch(text)
    if offset:
        hours, minutes, seconds, decimals = offset.groups()
        whole_seconds = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
        after_ns = whole_seconds * _NS + int((decimals or "0").ljust(9, "0"))
        return Point("at_ns", start_ns + after_ns)
    try:
        return Point("at_ns", parse_time_ns(text))
    except ScenarioError:
        message = (
            f"{text!r} is no point in a record; give an event's number (77241), a time (2025-10-10T21:16:04.831Z) "
            "or an offset from the start (+00:12:03.5)"
        )
        raise QueryError(message) from None

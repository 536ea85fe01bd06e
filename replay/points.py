"""Points in a record, as people write them: an event's number, a time of day or a date with one, or an offset.

1. `77241`, `77,241` and `event 77241` are the event of that number.
2. `2025-10-10T21:16:04.831Z` and `2025-10-10 21:16` are times, in UTC where no zone is given.
3. `21:16` and `21:16:04.831` are the first time of that clock, in UTC, at or after the first event of the record. Where
   a record is so long that it has that clock twice, the date must be given.
4. `+10m`, `+1h30m`, `+90s`, `+00:12` (hours and minutes) and `+00:12:03.5` are so long after the first event.
5. From Python a time may also be a `datetime`, of which one without a zone is UTC, or whole nanoseconds since 1970.
6. A time without seconds names the whole minute, one without decimals the whole second (`Point.span_ns`). Whoever asks
   for a point takes its first instant; whoever asks what happened then takes all of it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal, NamedTuple

from ..events.errors import QueryError, ScenarioError
from ..sim.units import format_time_ns, parse_duration_ns, parse_time_ns, time_ns_of

__all__ = ["Moment", "Point", "is_point", "parse_point", "point_at"]

Moment = int | str | datetime
"""When: nanoseconds since 1970, a point as people write it, or a `datetime`."""

_SEQ = re.compile(r"(?:event )?(\d{1,19}|\d{1,3}(?:,\d{3}){1,6})", re.ASCII | re.IGNORECASE)
_CLOCK = r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?"
_TIME_OF_DAY = re.compile(rf"{_CLOCK} ?(?:Z|UTC)?", re.ASCII)
_DATED = re.compile(rf"(\d{{4}}-\d\d-\d\d)[T ]{_CLOCK} ?(Z|UTC|[+-]\d\d:\d\d)?", re.ASCII)
_OFFSET_CLOCK = re.compile(r"\+(\d{1,9}):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?", re.ASCII)
_OFFSET_PART = re.compile(r"\d+(?:\.\d+)?(?:ns|us|ms|s|m|h|d)", re.ASCII)
_OFFSET = re.compile(rf"\+((?:{_OFFSET_PART.pattern})+)", re.ASCII)
_SECOND_NS = 10**9
_MINUTE_NS = 60 * _SECOND_NS
_DAY_NS = 86_400 * _SECOND_NS


class Point(NamedTuple):
    """An event's number, or a time in nanoseconds since 1970 and how much time from there on the text names."""

    kind: Literal["seq", "at_ns"]
    value: int
    span_ns: int = 1


def is_point(text: str) -> bool:
    """Whether a text is written like a point; what it names may still be in no record."""
    return any(one.fullmatch(text.strip()) for one in (_SEQ, _TIME_OF_DAY, _DATED, _OFFSET_CLOCK, _OFFSET))


def parse_point(text: str, start_ns: int, end_ns: int | None = None) -> Point:
    """What `text` means in a record from `start_ns` to `end_ns`, if that is known. Raises QueryError."""
    written = text.strip()
    seq = _SEQ.fullmatch(written)
    if seq:
        return Point("seq", int(seq[1].replace(",", "")))
    try:
        point = _time(written, start_ns, end_ns)
    except ScenarioError as error:
        raise QueryError(str(error)) from None
    if point is None:
        message = (
            f"{text!r} is no point in a record; give an event's number (77241), a time (21:16, 2025-10-10 "
            "21:16:04.831) or an offset from the start (+10m, +00:12:03.5)"
        )
        raise QueryError(message)
    return point


def point_at(moment: Moment, start_ns: int, end_ns: int | None = None) -> Point:
    """What a moment means in such a record. Raises QueryError for a text that is no point."""
    if isinstance(moment, str):
        return parse_point(moment, start_ns, end_ns)
    if isinstance(moment, datetime):
        return Point("at_ns", time_ns_of(moment))
    return Point("at_ns", moment)


def _time(written: str, start_ns: int, end_ns: int | None) -> Point | None:
    """A time in any of its spellings; None for what is none."""
    clock = _TIME_OF_DAY.fullmatch(written)
    if clock:
        since_ns, span_ns = _of_clock(*clock.groups())
        return Point("at_ns", _on_its_day_ns(written, since_ns, span_ns, start_ns, end_ns), span_ns)
    dated = _DATED.fullmatch(written)
    if dated:
        date, hours, minutes, seconds, decimals, zone = dated.groups()
        whole = f"{date}T{hours.rjust(2, '0')}:{minutes}:{seconds or '00'}.{decimals or '0'}"
        at_ns = parse_time_ns(f"{whole}{'Z' if zone in (None, 'UTC') else zone}")
        return Point("at_ns", at_ns, _of_clock(hours, minutes, seconds, decimals)[1])
    offset_clock = _OFFSET_CLOCK.fullmatch(written)
    if offset_clock:
        return Point("at_ns", start_ns + _of_clock(*offset_clock.groups())[0])
    offset = _OFFSET.fullmatch(written)
    parts = _OFFSET_PART.findall(offset[1]) if offset else []
    return Point("at_ns", start_ns + sum(map(parse_duration_ns, parts))) if parts else None


def _of_clock(hours: str, minutes: str, seconds: str | None, decimals: str | None) -> tuple[int, int]:
    """Nanoseconds since midnight, and the span that the clock names."""
    since_ns = (int(hours) * 60 + int(minutes)) * _MINUTE_NS + int(seconds or 0) * _SECOND_NS
    if seconds is None:
        return since_ns, _MINUTE_NS
    return since_ns + int((decimals or "0").ljust(9, "0")), _SECOND_NS if decimals is None else 1


def _on_its_day_ns(written: str, since_midnight_ns: int, span_ns: int, start_ns: int, end_ns: int | None) -> int:
    """The first time at which the clock stands so in the record. Raises QueryError where it does so twice."""
    first_ns = start_ns // _DAY_NS * _DAY_NS + since_midnight_ns
    first_ns += _DAY_NS if first_ns + span_ns <= start_ns else 0
    if end_ns is not None and first_ns + _DAY_NS <= end_ns:
        day = format_time_ns(first_ns).partition("T")[0]
        message = f"{written!r} comes more than once in this record; give the date as well, such as {day} {written}"
        raise QueryError(message)
    return max(first_ns, start_ns)

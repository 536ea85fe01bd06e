"""What was there before, sought in a bounded window so that memory stays flat.

Rows of another day than the one that their file is named after.

1. A file whose name holds one date, of a day or of a month (2025-10-10, 2025-10, 202510), is of that time, give or take
   a day: publishers cut by their own clocks.
2. That counts only if most of the first `LOOKED_AT` rows are of it; a name can be anybody's.
3. Then a row outside is wrong, also where its place in the file does not show it, such as in the last line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

from .sorting import Timed

__all__ = ["LOOKED_AT", "WINDOW_LEAST", "Window", "of_their_day", "span_of"]

WINDOW_LEAST = 1 << 15

LOOKED_AT = 64

_DATE = re.compile(r"(?<!\d)(?P<year>20\d\d)-?(?P<month>\d\d)(?:-?(?P<day>\d\d))?(?!\d)")
_SLACK = timedelta(days=1)
_MONTH_MOST = timedelta(days=32)


class Window:
    """Remembers the last `WINDOW_LEAST` to twice as many keys."""

    def __init__(self) -> None:
        self._recent: set[Hashable] = set()
        self._older: set[Hashable] = set()

    def has(self, key: Hashable) -> bool:
        """Whether a key was met before. O(1)."""
        return key in self._recent or key in self._older

    def knows(self, key: Hashable) -> bool:
        """Whether a key was met before; it is from now on. O(1)."""
        if self.has(key):
            return True
        self._recent.add(key)
        if len(self._recent) >= WINDOW_LEAST:
            self._recent, self._older = set(), self._recent
        return False


def span_of(name: str) -> tuple[int, int] | None:
    """From when to when a file of that name can be, in nanoseconds since 1970; None where it holds not one date."""
    matches = list(_DATE.finditer(name))
    if len(matches) != 1:
        return None
    year, month, day = matches[0].group("year", "month", "day")
    try:
        begins = datetime(int(year), int(month), int(day or 1), tzinfo=UTC)
    except ValueError:
        return None
    ends = begins + timedelta(days=1) if day else (begins + _MONTH_MOST).replace(day=1)
    first, last = (int(moment.timestamp()) * 10**9 for moment in (begins - _SLACK, ends + _SLACK))
    return first, last


def of_their_day(rows: Iterable[Timed], name: str, refuse: Callable[[Timed], object]) -> Iterator[Timed]:
    """The rows of a file of that name without those that rule 3 refuses."""
    span, every = span_of(name), iter(rows)
    looked_at = [] if span is None else list(islice(every, LOOKED_AT))
    if span is None or 2 * sum(span[0] <= row.at_ns < span[1] for row in looked_at) <= len(looked_at):
        yield from chain(looked_at, every)
        return
    for row in chain(looked_at, every):
        if span[0] <= row.at_ns < span[1]:
            yield row
        else:
            refuse(row)

"""A run watched event by event: a reading at every whole interval of simulated time.

1. A reading at t is of the state after every event up to t, t being a multiple of the interval since the first event.
   It is made when the first event after t comes, and once more at the end.
2. Time in which nothing happened has one reading, at its first multiple.
3. The watcher folds a ledger of its own: what is watched is not touched, and a record and a run are watched alike.
4. A reading is the same as one made from scratch of the same state, but for `movement`, which is of the readings
   before, and the high of each fund, which is the most that it had at any of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...events.envelope import Event
from ...events.ledger import Ledger
from .census import Census
from .moves import Movement, Moves
from .notable import NOTABLE
from .warning import FundFigures, WarningFigures, funds_of, warning_of

__all__ = ["RunWatcher", "WarningReading"]

_LAST_EVENTS = 5


class WarningReading(NamedTuple):
    """The figures at a time, how marks have moved, the most that each fund had, and the last events that matter."""

    at_ns: int
    warning: WarningFigures
    movement: Movement
    fund_highs_atoms: dict[int, int]
    last_events: tuple[Event, ...]


class RunWatcher:
    """Takes every event of a run in its order."""

    def __init__(self, every_ns: int, *, last_only: bool = False) -> None:
        """A reading each `every_ns`; with `last_only` none is made but what is asked for, to the same figures."""
        self.ledger = Ledger()
        self._every_ns, self._due_ns, self._last_only = every_ns, 0, last_only
        self._census, self._moves = Census(), Moves()
        self._highs: dict[int, int] = {}
        self._last: deque[Event] = deque(maxlen=_LAST_EVENTS)

    def take(self, event: Event) -> WarningReading | None:
        """The reading that is due before this event, if one is; then the event is folded. O(1) otherwise."""
        if not self.ledger.seq:
            self._due_ns = event.at_ns + self._every_ns
        reading = None
        if event.at_ns > self._due_ns:
            if self._last_only:
                self._note(funds_of(self.ledger))
            else:
                reading = self.reading(self._due_ns)
            self._due_ns += -(-(event.at_ns - self._due_ns) // self._every_ns) * self._every_ns
        self.ledger.fold(event)
        if isinstance(event.body, NOTABLE):
            self._last.append(event)
        return reading

    def reading(self, at_ns: int | None = None) -> WarningReading:
        """The figures of the state as it is; they count as those of a time, that of the last event by default."""
        ledger = self.ledger
        warning = warning_of(ledger, self._census)
        self._note(warning.funds)
        movement, last = self._moves.movement(), tuple(self._last)
        return WarningReading(ledger.at_ns if at_ns is None else at_ns, warning, movement, dict(self._highs), last)

    def _note(self, funds: Iterable[FundFigures]) -> None:
        """What a later reading needs of this moment: where the marks are, and the most that each fund had."""
        self._moves.add([market.mark_ticks for market in self.ledger.markets])
        for fund in funds:
            if fund.left_atoms is not None:
                self._highs[fund.account] = max(fund.left_atoms, self._highs.get(fund.account, 0))

    def readings(self, events: Iterator[Event]) -> Iterator[WarningReading]:
        """The readings that come due while these events are taken."""
        for event in events:
            reading = self.take(event)
            if reading is not None:
                yield reading

"""The circuit breaker: trading halts when a mark moves too far within a window, and resumes after a while.

The window moves in steps of a sixteenth: it holds the present step, begun at a whole multiple of its length, and the
sixteen before it. Only the greatest and least mark of each step are kept. `prime` rebuilds them from the record.
Marks from before the last resumption do not count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, ClassVar

import msgspec

from ..events.bodies.margin import MarkPriced
from ..events.bodies.venue import TimerFired, TimerSet, TradingHalted, TradingResumed
from ..events.envelope import Event
from ..events.ledger import LedgerState
from ..events.vocabulary import Body
from .protocol import ALWAYS, Handler, Product
from .quiet import NEVER, QuietSpan
from .valuation import BPS

if TYPE_CHECKING:
    from ..events.quiet_ticks import QuietTicks

__all__ = ["BreakerParameters", "CircuitBreaker"]

_PURPOSE = "resume trading"
_STEPS = 16


class BreakerParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A move of `move_bps` or more within `window_ns` halts an instrument for `halt_ns`."""

    move_bps: int = 1_000
    window_ns: int = 60_000_000_000
    halt_ns: int = 30_000_000_000

    def __post_init__(self) -> None:
        """Refuse a breaker that would trip on nothing or never let go."""
        if self.move_bps <= 0 or self.window_ns <= 0 or self.halt_ns <= 0:
            message = "move_bps, window_ns and halt_ns must be positive"
            raise ValueError(message)


class _Window:
    """The extremes of one instrument's marks: of the present step, of each step before it, and over all of them."""

    __slots__ = (
        "_past",
        "_step_ns",
        "high_ticks",
        "low_ticks",
        "step",
        "step_end_ns",
        "step_high_ticks",
        "step_low_ticks",
    )

    def __init__(self, step_ns: int, at_ns: int, mark_ticks: int) -> None:
        self._past: deque[tuple[int, int, int]] = deque()
        self._step_ns = step_ns
        self._begin(at_ns, mark_ticks)
        self.high_ticks = self.low_ticks = mark_ticks

    def _begin(self, at_ns: int, mark_ticks: int) -> None:
        self.step = at_ns // self._step_ns
        self.step_end_ns = (self.step + 1) * self._step_ns
        self.step_high_ticks = self.step_low_ticks = mark_ticks

    def turn(self, at_ns: int, mark_ticks: int) -> None:
        """Put the present step away, begin a new one, and forget those that left the window; O(steps)."""
        past = self._past
        past.append((self.step, self.step_high_ticks, self.step_low_ticks))
        self._begin(at_ns, mark_ticks)
        while past and past[0][0] < self.step - _STEPS:
            past.popleft()
        self.high_ticks = max([mark_ticks, *(high for _, high, _ in past)])
        self.low_ticks = min([mark_ticks, *(low for _, _, low in past)])

    def take(self, at_ns: int, mark_ticks: int) -> None:
        """One more mark. Of a run of them the first, the least and the greatest of each step are enough."""
        if at_ns >= self.step_end_ns:
            self.turn(at_ns, mark_ticks)
        self.step_high_ticks, self.high_ticks = max(self.step_high_ticks, mark_ticks), max(self.high_ticks, mark_ticks)
        self.step_low_ticks, self.low_ticks = min(self.step_low_ticks, mark_ticks), min(self.low_ticks, mark_ticks)

    def room_ticks(self, move_bps: int) -> int:
        """How far marks may go beyond either extreme d before these are so far apart that a move could be too large.

        (high - low + 2 d) x 10,000 < move_bps x (low - d), the greatest such d, rounded down.
        """
        spare = move_bps * self.low_ticks - (self.high_ticks - self.low_ticks) * BPS
        return (spare - 1) // (2 * BPS + move_bps)


class CircuitBreaker(Handler):
    """Halts on a move within the window, up or down, measured from the window's extreme."""

    name: ClassVar[str] = "breaker"
    policy: ClassVar[str] = "window"
    version: ClassVar[str] = "2"
    subscribes: ClassVar[tuple[type[Body], ...]] = (MarkPriced, TimerFired)
    observes: ClassVar[tuple[type[Body], ...]] = (MarkPriced, TradingResumed)
    Parameters: ClassVar[type[msgspec.Struct]] = BreakerParameters

    def __init__(self, parameters: BreakerParameters) -> None:
        self.move_bps, self.halt_ns = parameters.move_bps, parameters.halt_ns
        self.window_ns = parameters.window_ns
        self._step_ns = -(-parameters.window_ns // _STEPS)
        self._windows: dict[int, _Window] = {}
        self._wide: set[int] = set()

    @property
    def look_back_ns(self) -> int:
        """Two windows and a step: one for the extremes, one for a delivery that is still under way."""
        return (2 * _STEPS + 1) * self._step_ns

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep the window's extremes; a resumption starts it anew. Hot path: inlined on purpose."""
        body = event.body
        if type(body) is MarkPriced:
            mark_ticks = body.mark_ticks
            try:
                window = self._windows[body.instrument]
            except KeyError:
                window = self._windows[body.instrument] = _Window(self._step_ns, event.at_ns, mark_ticks)
            if event.at_ns >= window.step_end_ns:
                window.turn(event.at_ns, mark_ticks)
                self._note_width(body.instrument, window)
            elif mark_ticks > window.step_high_ticks:
                window.step_high_ticks = mark_ticks
                if mark_ticks > window.high_ticks:
                    window.high_ticks = mark_ticks
                    self._note_width(body.instrument, window)
            elif mark_ticks < window.step_low_ticks:
                window.step_low_ticks = mark_ticks
                if mark_ticks < window.low_ticks:
                    window.low_ticks = mark_ticks
                    self._note_width(body.instrument, window)
        elif isinstance(body, TradingResumed):
            self._windows.pop(body.instrument, None)
            self._wide.discard(body.instrument)

    def _note_width(self, instrument: int, window: _Window) -> None:
        """No mark within the window can have moved too far unless its extremes are that far apart."""
        if (window.high_ticks - window.low_ticks) * BPS >= self.move_bps * window.low_ticks:
            self._wide.add(instrument)
        else:
            self._wide.discard(instrument)

    def gate(self, kind: type[Body]) -> Collection[object]:
        """For marks, the instruments whose window is wide enough for a halt."""
        return self._wide if kind is MarkPriced else ALWAYS

    def quiet_span(self, ledger: LedgerState) -> QuietSpan | None:
        """As far as no window can become wide; none while one is. Without a window every mark counts."""
        if self._wide:
            return None
        bounds = dict.fromkeys(range(len(ledger.markets)), NEVER)
        for instrument, window in self._windows.items():
            room = window.room_ticks(self.move_bps)
            bounds[instrument] = window.low_ticks - room, window.high_ticks + room
        return QuietSpan(bounds)

    def observe_ticks(self, ticks: QuietTicks, ledger: LedgerState) -> None:
        """The extremes of each step that is still in the window; marks of steps before it are forgotten unseen."""
        last_ns = int(ticks.times_ns[-1])
        kept = int(ticks.times_ns.searchsorted((last_ns // self._step_ns - _STEPS) * self._step_ns))
        times_ns = ticks.times_ns[kept:]
        for place, instrument in enumerate(ticks.instruments):
            window, marks, start = self._windows[instrument], ticks.marks(place)[kept:], 0
            while start < len(times_ns):
                step_end_ns = (int(times_ns[start]) // self._step_ns + 1) * self._step_ns
                stop = int(times_ns.searchsorted(step_end_ns))
                step = marks[start:stop]
                for mark_ticks in (int(step[0]), int(step.min()), int(step.max())):
                    window.take(int(times_ns[start]), mark_ticks)
                start = stop

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Take in the record of one window."""
        self._windows = {}
        self._wide.clear()
        for event in past:
            if type(event.body) in self.observes:
                self.observe(event, ledger)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Halt on a move; resume at the timer."""
        body = event.body
        if type(body) is MarkPriced:
            return self._test(body.instrument, ledger, now_ns) if body.instrument in self._wide else ()
        if isinstance(body, TimerFired) and body.purpose == _PURPOSE and body.instrument is not None:
            return () if ledger.is_stopped(body.instrument) else (TradingResumed(body.instrument),)
        return ()

    def _test(self, instrument: int, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The move to the present mark, from either extreme."""
        market, window = ledger.markets[instrument], self._windows[instrument]
        if market.halted_until_ns is not None or market.listing.kind == "option":  # which moves by multiples of itself
            return ()
        for extreme in (window.high_ticks, window.low_ticks):
            if abs(extreme - market.mark_ticks) * BPS >= self.move_bps * extreme:
                until_ns = now_ns + self.halt_ns
                halted = TradingHalted(instrument, extreme, market.mark_ticks, until_ns)
                return (halted, TimerSet(_PURPOSE, until_ns, None, instrument))
        return ()

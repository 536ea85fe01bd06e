"""A move of 10% at once: all that the lazy margin monitor does then, against one brute-force sweep.

100,000 accounts hold three instruments each, every one long or short by a draw, at leverage 2 to 20, and are armed.
Then all three marks fall by 10% at one instant. Timed of the monitor, on a bus with index pricing: `observe` of the
three marks; `handle`, which tests everyone whose range was left and arms again whoever is safe; `observe` of all it
said; and `handle` once more, for those. Timed of the sweep: `everyone_under` the warning level, once, over the same
ledger at the same marks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from contest import Contest, Line, at_most, stopwatch
from stage import prices_moved, venue
from watch import watch

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger, LedgerState
from deleverage.events.vocabulary import Body
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters, everyone_under
from deleverage.handlers.protocol import Product
from deleverage.sim.opening import opening_bodies
from deleverage.sim.scenario import ResolvedScenario

__all__ = ["measure"]

_FALL_PPM = -100_000
_LEVERAGE = [[2, 3], [5, 4], [10, 3], [20, 2]]


class _TimedMonitor(MarginMonitor):
    """The monitor with a stopwatch around what the bus calls."""

    def __init__(self) -> None:
        super().__init__(MarginParameters())
        self.seconds = 0.0

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """As the monitor does."""
        start = time.perf_counter()
        super().observe(event, ledger)
        self.seconds += time.perf_counter() - start

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """As the monitor does."""
        start = time.perf_counter()
        products = super().handle(event, ledger, now_ns)
        self.seconds += time.perf_counter() - start
        return products


class _Fall:
    """The venue; each fall happens to a fresh copy, and the sweep sees what the last one left."""

    def __init__(self, accounts: int) -> None:
        self._scenario = venue(accounts, 3, leverage=_LEVERAGE)
        self._opening: Sequence[Body] = list(opening_bodies(self._scenario))
        self._ledger = Ledger()
        self.looks = 0

    def lazy(self) -> float:
        """Seconds of the monitor."""
        scenario, monitor = self._scenario, _TimedMonitor()
        watched = watch(scenario.start_ns, self._opening, monitor)
        watched.feed([(scenario.start_ns, _tick(scenario, 0))])
        self._ledger, before, monitor.seconds = watched.ledger, monitor.looks, 0.0
        stopwatch(lambda: watched.feed([(scenario.start_ns + 1, _tick(scenario, _FALL_PPM))]))
        self.looks = monitor.looks - before
        return monitor.seconds

    def sweep(self) -> float:
        """Seconds of the sweep."""
        warning_bps = MarginParameters().warning_bps
        return stopwatch(lambda: sum(1 for _ in everyone_under(self._ledger, warning_bps)))


def measure(*, short: bool) -> Iterator[Line]:
    """The monitor's time as a multiple of the sweep's."""
    accounts = 200 if short else 100_000
    fall = _Fall(accounts)
    contest = Contest({"lazy": fall.lazy, "sweep": fall.sweep}, short=short)
    medians = {f"{name}_ms": round(contest.seconds(name) * 1e3, 1) for name in ("lazy", "sweep")}
    what = f"a fall of 10% at once, three instruments, {accounts:,} accounts, the monitor / one sweep"
    note = f"{fall.looks:,} looks"
    yield Line("sudden_move", what, contest.ratio("lazy", "sweep"), bar=at_most(5), medians=medians, note=note)


def _tick(scenario: ResolvedScenario, move_ppm: int) -> PriceTicked:
    return PriceTicked(prices_moved(scenario, move_ppm))

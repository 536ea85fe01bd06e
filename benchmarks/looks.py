"""How often the lazy margin monitor looks at an account again, over the AVAX path (`avax.py`).

1. A look is an exact test of one account. The first, which arms it at the first price, is not one *again*.
2. `marks` counts the looks that a mark or a funding gave rise to by leaving a range; `all` also those after a change
   of the account itself (called, released, collateral, a fill).
3. *static*: pricing by index and the monitor, nothing else (`watch.py`).
4. *whole*: all default handlers; forced orders move the marks, and traders, liquidations and deleveraging touch
   accounts. It has no bar: what traders do there, and be called and released for again, is the scenario's doing.
5. *fruitless*: of the looks again over `flash-crash`, the share after which nothing was said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from avax import Avax, avax
from contest import Line, at_most
from watch import Watch, watch

from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.margin import FundingAccrued, MarginCalled, MarginCallMet, MarkPriced
from deleverage.events.envelope import Event
from deleverage.events.ledger import LedgerState
from deleverage.events.record import HeadOnly
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.registry import build
from deleverage.sim.bus import Subscription
from deleverage.sim.opening import opening_bodies
from deleverage.sim.runner import Simulation
from deleverage.sim.scenario import Scenario

__all__ = ["measure"]


_SHORT = ("population.accounts=100", 'end="2025-10-10T21:20:00Z"')


class _Looks(NamedTuple):
    """Looks again, per account."""

    marks: float
    all: float


class _CountingMonitor(MarginMonitor):
    """The monitor, which also counts who became due by a mark or a funding."""

    def __init__(self) -> None:
        super().__init__(MarginParameters())
        self.by_marks = 0

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """As the monitor does."""
        before = len(self.due)
        super().observe(event, ledger)
        if type(event.body) in (MarkPriced, FundingAccrued):
            self.by_marks += len(self.due) - before


def measure(*, short: bool) -> Iterator[Line]:
    """Looks an account, static and whole, for one instrument and for three."""
    for three, name, bar in ((False, "one", at_most(2)), (True, "three_cross", at_most(12))):
        path = avax(three=three, short=short)
        note = f"{len(path.inputs):,} inputs, the real trades" if path.real else "a made-up path"
        for setting, looks in (("static", _static(path)), ("whole", _whole(path))):
            for kind in ("marks", "all"):
                what = f"looks again an account over the AVAX path, {name.replace('_', ', ')}, {setting}, {kind}"
                held_to = bar if (setting, kind) == ("static", "marks") else None
                yield Line(f"looks.{name}.{setting}.{kind}", what, getattr(looks, kind), "looks", held_to, note=note)
    fruitless, note = _fruitless(short=short)
    what = "looks again over `flash-crash` after which nothing was said"
    yield Line("looks.flash_crash.fruitless", what, fruitless, "share", at_most(0.25), note=note)


def _fruitless(*, short: bool) -> tuple[float, str]:
    simulation = Simulation(Scenario.load("flash-crash", _SHORT if short else ()).resolve(), HeadOnly())
    simulation.open()
    simulation.drive()
    heard_by = (one.handler for one in simulation.bus._routes[MarkPriced].subscriptions)
    monitor = next(handler for handler in heard_by if isinstance(handler, MarginMonitor))
    counts, accounts = simulation.bus.counts(), sum(one.kind == "user" for one in simulation.ledger.accounts)
    said = sum(counts.get(kind.__name__, 0) for kind in (MarginCalled, MarginCallMet, LiquidationStarted))
    again = monitor.looks - accounts
    return (1 - said / again if again else 0.0), f"{again:,} looks again, {said:,} products"


def _static(path: Avax) -> _Looks:
    monitor = _CountingMonitor()
    return _looks(path, monitor, watch(path.scenario.start_ns, opening_bodies(path.scenario), monitor))


def _whole(path: Avax) -> _Looks:
    monitor = _CountingMonitor()
    subscriptions = [
        Subscription(number, monitor if producer.handler == monitor.name else build(producer), producer.latency_ns)
        for number, producer in enumerate(path.scenario.producers)
    ]
    return _looks(path, monitor, Watch(path.scenario.start_ns, opening_bodies(path.scenario), subscriptions))


def _looks(path: Avax, monitor: _CountingMonitor, watched: Watch) -> _Looks:
    watched.feed(path.inputs)
    accounts = sum(account.kind == "user" for account in watched.ledger.accounts)
    return _Looks(monitor.by_marks / accounts, (monitor.looks - accounts) / accounts)

"""How often the lazy margin monitor looks at an account again, over the AVAX path (`avax.py`).

1. A look is an exact test of one account. The first, which arms it at the first price, is not one *again*.
2. `marks` counts the looks that a mark or a funding gave rise to by leaving a range; `all` also those after a change
   of the account itself (called, released, collateral, a fill).
3. *static*: pricing by index and the monitor, nothing else (`watch.py`).
4. *whole*: all default handlers; forced orders move the marks, and traders, liquidations and deleveraging touch
   accounts. It has no bar: what traders do there, and be called and released for again, is the scenario's doing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from avax import Avax, avax
from contest import Line, at_most
from watch import Watch, watch

from deleverage.events.bodies.margin import FundingAccrued, MarkPriced
from deleverage.events.envelope import Event
from deleverage.events.ledger import LedgerState
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.registry import build
from deleverage.sim.bus import Subscription
from deleverage.sim.opening import opening_bodies

__all__ = ["measure"]


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

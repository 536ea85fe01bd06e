"""A bus with mark pricing by index and a margin monitor on it, and nothing else: nobody adds, reduces or is closed.

Who is called stays so until prices let go; who falls below the requirement is in liquidation, and is not looked at
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deleverage.events.ledger import Ledger
from deleverage.events.record import HeadOnly
from deleverage.events.vocabulary import Body
from deleverage.handlers.margin_monitor import MarginMonitor
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.protocol import NoParameters
from deleverage.sim.bus import Bus, Subscription
from deleverage.sim.clock import Clock

__all__ = ["Watch", "watch"]


class Watch:
    """Clock, ledger and bus, open for inputs."""

    def __init__(self, start_ns: int, opening: Iterable[Body], subscriptions: Sequence[Subscription]) -> None:
        self.clock, self.ledger = Clock(start_ns), Ledger()
        self.bus = Bus(self.clock, self.ledger, HeadOnly())
        for subscription in subscriptions:
            self.bus.subscribe(subscription)
        for body in opening:
            self.bus.publish_input(body)

    def feed(self, inputs: Iterable[tuple[int, Body]]) -> None:
        """Publish each input at its time, and everything that follows."""
        self.clock.run_inputs(inputs, self.bus.publish_input)


def watch(start_ns: int, opening: Iterable[Body], monitor: MarginMonitor) -> Watch:
    """Index pricing and this monitor."""
    pricing = IndexMarkPricing(NoParameters())
    return Watch(start_ns, opening, [Subscription(0, pricing), Subscription(1, monitor)])

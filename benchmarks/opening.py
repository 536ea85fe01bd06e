"""Opening a venue: what an account of a drawn population costs until it stands in the ledger, in processor time.

The accounts of `flash-crash`, two positions each on average: they are drawn, put in the order of arrival, and said by
an event for the account, one for its balance and one for each position. Those are folded, hashed and heard by all
handlers. Nothing is kept of the record but its head.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from contest import Contest, Line, at_most

from deleverage.events.record import HeadOnly
from deleverage.sim.runner import Simulation
from deleverage.sim.scenario import Scenario

__all__ = ["measure"]

_MILLION = 10**6


def measure(*, short: bool) -> Iterator[Line]:
    """Seconds a million accounts."""
    accounts = 200 if short else 20_000
    resolved = Scenario.load("flash-crash", (f"population.accounts={accounts}",)).resolve()

    def opening() -> float:
        simulation = Simulation(resolved, HeadOnly())
        start = time.process_time()
        simulation.open()
        return (time.process_time() - start) / accounts

    seconds = Contest({"opening": opening}, short=short).seconds("opening")
    what = f"opening a million accounts, by {accounts:,} of them, processor time"
    yield Line("opening", what, seconds * _MILLION, "s", at_most(8))

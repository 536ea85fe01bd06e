"""How often the lazy margin monitor looks at an account again, over the AVAX path of 10 October 2025.

The path is every instant of the real trades (the scenario `avax-2025-10-10`, its file sought in DELEVERAGE_DATA or ../shared/data
from the project's root), or a made-up crash of a day in seconds where the file is absent; the note says which. The population
is that scenario's. With three instruments every account holds all three, each long or short by a draw of its own, and the
others' moves since the start are 0.8 and 0.5 times AVAX's.

Two settings. *static*: pricing by index and the monitor, nothing else. Nobody adds, reduces or is closed: who is called
stays so until the path lets go, who falls below the requirement is in liquidation, and is not looked at again. *whole*: all
default handlers, so that collateral, reductions, fills and deleveraging touch accounts as well.

A look is an exact test of one account. `by marks` counts those that a mark or a funding gave rise to by leaving a range; `all`
counts those after a change of the account itself as well (called, released, collateral, a fill). The first look, which arms an
account at the first price, is not one again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cache
from heapq import merge
from pathlib import Path
from typing import Any, NamedTuple

from contest import Line, at_most
from stage import Inputs

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.margin import FundingAccrued, MarkPriced
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger, LedgerState
from deleverage.events.record import HeadOnly
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.registry import build
from deleverage.sim.bus import Bus, Subscription
from deleverage.sim.clock import Clock
from deleverage.sim.opening import opening_bodies
from deleverage.sim.scenario import ResolvedScenario, Scenario

__all__ = ["measure"]

_SCENARIO = "avax-2025-10-10"
_DATA = "DELEVERAGE_DATA"
_FOLLOWERS = (("ETH-PERP", 4_150, 80), ("BTC-PERP", 117_000, 50))
"""Name, price at the start, and the percentage of AVAX's relative move that it follows."""

_MADE_UP = {
    "source": "generator",
    "duration_ns": "24h",
    "interval_ns": "1s",
    "volatility": "0.08",
    "phases": [
        {"from_ns": "21h", "to_ns": "21h20m", "move": "-0.75", "volatility_multiple": 8},
        {"from_ns": "21h20m", "to_ns": "22h", "move": "2.0", "volatility_multiple": 5},
    ],
}


class _Looks(NamedTuple):
    """Looks an account, the first one apart."""

    by_marks: float
    all: float


class _CountingMonitor(MarginMonitor):
    """The monitor, counting who became due by a mark or a funding."""

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
    """Looks an account for one instrument and for three, static and whole."""
    real = not short and _real_file()
    note = "path: " + ("the real trades" if real else "made up" + (", cut short" if short else ""))
    for followers, name, limit in ((0, "one", 2), (2, "three_cross", 12)):
        scenario = _scenario(followers, real=real, accounts=100 if short else 20_000)
        path = _path(scenario, 300 if short else None)
        accounts = f"{len(scenario.instruments)} instrument(s), {len(path):,} instants"
        for setting, looks in (("static", _static(scenario, path)), ("whole", _whole(scenario, path))):
            what = f"looks an account over the AVAX path, {accounts}, {setting}"
            bar = at_most(limit)
            yield Line(f"looks.{name}.{setting}.marks", f"{what}, by marks", looks.by_marks, "looks", bar, note=note)
            yield Line(f"looks.{name}.{setting}.all", f"{what}, all", looks.all, "looks", bar, note=note)


def _real_file() -> bool:
    """Whether the trades are there; the default folder is named in the environment, where scenarios look for it."""
    folder = os.environ.setdefault(_DATA, str(Path(__file__).resolve().parents[2] / "shared" / "data"))
    return Path(folder, str(_bundled()["prices"]["file"])).is_file()


@cache
def _bundled() -> dict[str, Any]:
    from importlib import resources
    import tomllib

    text = resources.files("deleverage.sim.scenarios").joinpath(f"{_SCENARIO}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _scenario(followers: int, *, real: bool, accounts: int) -> ResolvedScenario: ...

"""What the record is, for the head of the page: whose run, from when to when, what it lists, how it ended."""

from __future__ import annotations

import msgspec

from ...events.ledger import Ledger
from ...sim.units import format_time_ns
from ..run import Run
from ..state.queues import TRADERS
from .panels import since_us

__all__ = ["Overview", "overview_of"]

_MS = 10**6


class Overview(msgspec.Struct, frozen=True):
    """`start_ms` is the time of the first event in milliseconds since 1970, `end_us` how long after it the last one is.

    `forkable` is whether something could be decided otherwise in it: not in one that was taken in, or is not sealed.
    """

    name: str
    scenario: str
    seed: int
    prices: str
    ending: str
    warning: str
    head: str
    count: int
    start_ms: float
    start: str
    end: str
    end_us: int
    instruments: tuple[str, ...]
    assets: tuple[str, ...]
    traders: int
    forks: tuple[int, ...]
    torn: bool
    forkable: bool


def overview_of(run: Run, ledger: Ledger) -> Overview:
    """The overview of a run, whose last state is `ledger`."""
    started = run.started
    return Overview(
        name=run.path.resolve().name,
        scenario=started.scenario,
        seed=started.seed,
        prices=started.prices,
        ending=run.ending,
        warning=run.warning or "",
        head=run.sealed_head or "",
        count=run.count,
        start_ms=run.start_ns / _MS,
        start=format_time_ns(run.start_ns),
        end=format_time_ns(run.end_ns),
        end_us=since_us(run, run.end_ns),
        instruments=tuple(market.listing.name for market in ledger.markets),
        assets=tuple(asset.name for asset in ledger.assets),
        traders=sum(account.kind in TRADERS for account in ledger.accounts),
        forks=run.forks,
        torn=run.torn,
        forkable=not (run.torn or run.imported),
    )

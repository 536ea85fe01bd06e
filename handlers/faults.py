"""What the faults that are on do: each handler that is hit asks here, and a run without faults pays a look at a dict.

1. *Matching engine*: while an `outage` is on, nothing fills, as in a halt: an order is cancelled, a stop waits, makers
   leave their quotes as they are, and liquidations go on once it has ended. Prices, marks and margin go on.
2. *Queues*: of a `gateway` and of `slow-liquidation`. Orders leave one each `interval_ns`, so the next is due at

       min(max(now, last due) + interval, end of the fault) + delay

   as the queue is let go of at the end.
3. *Oracle*: what it reports in place of the outside value p. `oracle-frozen`: what it reported last. `oracle-stale`:
   p at the first price in each whole `interval_ns` since the fault began, and in between what it reported last.
   `oracle-wrong`: p x (10,000 + offset) / 10,000, rounded down. Marks that look at no oracle stay as they are.
4. *Feed*: in a `feed-gap` nobody hears the outside value; the book still moves by trades.
5. *Venue*: one of several that has failed (`venue-failure`) hears no price and makes none, so that it marks, calls and
   liquidates nobody; nothing trades there. What it had set a timer for is put off to when it is back, or, where it
   failed for good, never comes (`at_venue.py`). Nobody sends money out of it or to it, and what is on its way to it is
   held. So from its failure on its books stay as they are: what it owes to accounts is frozen.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..events.bodies.faults import FaultKind
from ..events.kinds import FOR_GOOD_NS
from ..events.ledger import LedgerState
from ..events.ledger.faults import StandingFault
from ..events.venue_names import group_of
from .valuation import BPS

__all__ = [
    "back_ns",
    "due_ns",
    "failure_at",
    "fault_on",
    "heard",
    "index_ticks",
    "is_down",
    "reported_ticks",
    "why_nothing_trades",
]

_HALTED = "trading is halted"
_DOWN = "the matching engine is down"
_FAILED = "the venue has failed"
_AGAIN_NS = 10**9
"""How long what a failed venue was to do waits anew where its return is late, as its handler has a latency."""


def fault_on(
    ledger: LedgerState, kind: FaultKind, instrument: int | None, account: int | None = None
) -> StandingFault | None:
    """The first fault of a kind that hits an instrument and, if one is asked for, an account; None without one."""
    for standing in ledger.faults.values():
        body = standing.body
        if body.kind != kind or body.instrument not in (None, instrument):
            continue
        if account is None or not body.group or group_of(ledger.name(account)) == body.group:
            return standing
    return None


def failure_at(ledger: LedgerState, venue: str) -> StandingFault | None:
    """The failure of a venue that lasts longest; None where it works."""
    if not ledger.faults:
        return None
    failures = [one for one in ledger.faults.values() if one.body.kind == "venue-failure"]
    here = (one for one in failures if ledger.venue_of_instrument(one.body.instrument or 0) == venue)
    return max(here, key=lambda one: one.body.until_ns, default=None)


def back_ns(failure: StandingFault, now_ns: int) -> int | None:
    """When what a failed venue was to do now is looked at again; None: never."""
    until_ns = failure.body.until_ns
    if until_ns == FOR_GOOD_NS:
        return None
    return until_ns if until_ns > now_ns else now_ns + _AGAIN_NS


def is_down(ledger: LedgerState, instrument: int) -> bool:
    """Whether the matching engine of an instrument is down, or its whole venue."""
    return bool(ledger.faults) and _why_down(ledger, instrument) is not None


def _why_down(ledger: LedgerState, instrument: int) -> str | None:
    if failure_at(ledger, ledger.venue_of_instrument(instrument)) is not None:
        return _FAILED
    return None if fault_on(ledger, "outage", instrument) is None else _DOWN


def why_nothing_trades(ledger: LedgerState, instrument: int) -> str | None:
    """Why no order can fill: a halt, the matching engine or the venue is down; None where trading goes on."""
    if ledger.markets[instrument].halted_until_ns is not None:
        return _HALTED
    return _why_down(ledger, instrument) if ledger.faults else None


def due_ns(standing: StandingFault, now_ns: int, ahead: int = 0) -> int:
    """When the next order comes through, by rule 2, with so many ahead that the ledger does not know of yet."""
    body = standing.body
    queued_ns = max(now_ns, standing.busy_until_ns) + (ahead + 1) * body.interval_ns
    return max(now_ns + 1, min(queued_ns, max(now_ns, body.until_ns)) + body.delay_ns)


def heard(ledger: LedgerState, prices: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """The outside prices that the venue hears."""
    if not ledger.faults:
        return prices
    return [one for one in prices if fault_on(ledger, "feed-gap", one[0]) is None]


def reported_ticks(ledger: LedgerState, instrument: int, ticks: int, now_ns: int) -> int:
    """What the oracle reports where the outside value is `ticks`, by rule 3."""
    if not ledger.faults:
        return ticks
    market = ledger.markets[instrument]
    last_ticks = market.index_ticks or ticks
    if fault_on(ledger, "oracle-frozen", instrument) is not None:
        return last_ticks
    stale = fault_on(ledger, "oracle-stale", instrument)
    if stale is not None:
        interval_ns = stale.body.interval_ns
        before, after = ((at_ns - stale.at_ns) // interval_ns for at_ns in (market.marked_at_ns, now_ns))
        ticks = ticks if after > max(before, 0) else last_ticks
    wrong = fault_on(ledger, "oracle-wrong", instrument)
    return ticks if wrong is None else max(1, ticks * (BPS + wrong.body.offset_bps) // BPS)


def index_ticks(ledger: LedgerState, instrument: int, now_ns: int) -> int:
    """What the oracle reports between two prices of the outside: what it did last, unless it is stale or wrong."""
    market = ledger.markets[instrument]
    if not ledger.faults or fault_on(ledger, "feed-gap", instrument) is not None:
        return market.index_ticks
    return reported_ticks(ledger, instrument, market.oracle_ticks, now_ns)

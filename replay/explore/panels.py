"""An instant as the page shows it: markets with their depth, the waterfall as it stands, how many accounts stand where.

1. What a person reads comes as text, exact, as the commands print it; whole numbers that a picture is drawn from come
   beside it.
2. Times on the page are microseconds since the first event (`since_us`), which a browser's numbers hold exactly.
3. In the waterfall the steps stand in the order in which a loss runs down them. What began or was shared *so far* is
   counted by the ledger; who stands where is counted at the instant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from ...events.ledger import Ledger, LedgerState, Market
from ...events.ledger.state import STOPPED_NS
from ...handlers.depth import eaten_lots
from ...sim.figures import exact_money, percent, price, size
from ...sim.units import format_time_ns
from ..run import Run
from ..state.queues import TRADERS, venues_of
from ..state.view import View, funds_view, market_view
from ..why.names import RunNames, rate_text
from ..why.venue.taken_in import words_of

__all__ = ["DepthBand", "EventLine", "InstantPanel", "MarketPanel", "event_line_of", "instant_panel", "since_us"]

_US = 1_000


def since_us(run: Run, at_ns: int) -> int:
    """Microseconds from the first event to a time, rounded down."""
    return (at_ns - run.start_ns) // _US


class EventLine(msgspec.Struct, frozen=True):
    """An event in a line: its number, time, type and words, what caused it, and which accounts it names."""

    seq: int
    at: str
    since_us: int
    type: str
    text: str
    cause: int | None


class DepthBand(msgspec.Struct, frozen=True):
    """A band of the depth: its distance from the centre, how many lots of it are left, and how many it has whole."""

    bps: int
    left_lots: int
    lots: int
    left: str


class MarketPanel(msgspec.Struct, frozen=True):
    """One market. `forced_share` is what of the mark forced orders had moved it by; `figures` are those of `state`."""

    name: str
    mark: str
    index: str
    forced: str
    forced_share: str
    funding: str
    halted: str
    bids: tuple[DepthBand, ...]
    asks: tuple[DepthBand, ...]
    figures: View


class WaterfallStep(msgspec.Struct, frozen=True):
    """A step of the waterfall: what it is called, the figures that say how it stands, and whether it is under way."""

    step: str
    figures: tuple[tuple[str, str], ...]
    active: bool


class InstantPanel(msgspec.Struct, frozen=True):
    """A state. `event` is the last one in it."""

    seq: int
    at: str
    since_us: int
    ended: bool
    event: EventLine
    markets: tuple[MarketPanel, ...]
    waterfall: tuple[WaterfallStep, ...]
    census: tuple[tuple[str, int], ...]
    faults: tuple[str, ...]
    funds: tuple[View, ...]


def event_line_of(run: Run, seq: int, ledger: LedgerState) -> EventLine:
    """An event, with names and scales from a state in which they are declared."""
    event = run.event(seq)
    kind = type(event.body).__name__
    text = words_of(event, RunNames(ledger))
    return EventLine(seq, format_time_ns(event.at_ns), since_us(run, event.at_ns), kind, text, event.cause)


def instant_panel(run: Run, ledger: Ledger) -> InstantPanel:
    """The panels of a state of the run; O(accounts)."""
    seq = ledger.seq - 1
    traders = Counter(account.status for account in ledger.accounts if account.kind in TRADERS)
    return InstantPanel(
        seq=seq,
        at=format_time_ns(ledger.at_ns),
        since_us=since_us(run, ledger.at_ns),
        ended=ledger.ended,
        event=event_line_of(run, seq, ledger),
        markets=tuple(_market(market, ledger.at_ns) for market in ledger.markets),
        waterfall=tuple(_waterfall(ledger, traders)),
        census=tuple(traders.most_common()),
        faults=tuple(f"{number}: {fault.body.kind}" for number, fault in ledger.faults.items()),
        funds=tuple(funds_view(ledger)),
    )


def _market(market: Market, now_ns: int) -> MarketPanel:
    listing, marked = market.listing, market.marked
    mark = index = forced = share = ""
    if marked is not None:
        prices = (marked.mark_ticks, marked.index_ticks, marked.impact_ticks)
        mark, index, forced = (price(ticks, listing) for ticks in prices)
        share = percent(marked.impact_ticks, max(marked.index_ticks, 1))
    halt = ""
    if market.halted_until_ns is not None:
        stopped = market.halted_until_ns == STOPPED_NS
        halt = "stopped" if stopped else f"until {format_time_ns(market.halted_until_ns)}"
    rate = "" if market.funding_rate_ppb is None else rate_text(market.funding_rate_ppb)
    return MarketPanel(
        name=listing.name,
        mark=mark,
        index=index,
        forced=forced,
        forced_share=share,
        funding=rate,
        halted=halt,
        bids=tuple(_bands(market, now_ns, selling=True)),
        asks=tuple(_bands(market, now_ns, selling=False)),
        figures=market_view(market),
    )


def _bands(market: Market, now_ns: int, *, selling: bool) -> Iterator[DepthBand]:
    """The depth of the side that an order takes from, nearest first."""
    eaten, before = eaten_lots(market, selling=selling, now_ns=now_ns), 0
    for distance_bps, up_to_lots in market.bids if selling else market.asks:
        left = max(0, up_to_lots - max(before, eaten))
        yield DepthBand(distance_bps, left, up_to_lots - before, size(left, market.listing))
        before = up_to_lots


def _waterfall(ledger: Ledger, traders: Counter[Any]) -> Iterator[WaterfallStep]:
    open_ones = [one for one in ledger.liquidations.values() if not one.ended]
    called = traders["called"]
    yield WaterfallStep("Margin calls", (("called now", f"{called:,}"),), called > 0)
    figures = (("under way", f"{len(open_ones):,}"), ("begun so far", f"{ledger.liquidations_started:,}"))
    yield WaterfallStep("Liquidation", figures, bool(open_ones))
    for number in ledger.funds:
        yield _fund(ledger, number)
    rounds = ("rounds so far", f"{ledger.rounds:,}")
    several = [venue for venue in venues_of(ledger) if venue]
    policies = [(venue, ledger.producer("adl", venue)) for venue in several or [""]]
    rules = [(f"rule{f' at {venue}' if venue else ''}", one.policy) for venue, one in policies if one is not None]
    yield WaterfallStep("Auto-deleveraging", (rounds, *rules), ledger.open_round is not None)
    owed = [
        (ledger.assets[ledger.accounts[number].asset], fund.deficit_atoms)
        for number, fund in ledger.funds.items()
        if fund.deficit_atoms
    ]
    shared = tuple(("deficit declared", f"{exact_money(atoms, asset)} {asset.name}") for asset, atoms in owed)
    yield WaterfallStep("Socialised loss", shared or (("deficit declared", "none"),), bool(owed))


def _fund(ledger: Ledger, number: int) -> WaterfallStep:
    """The cash of a fund, what it holds, and what it keeps back."""
    fund, standing = ledger.accounts[number], ledger.funds[number]
    asset, name = ledger.assets[fund.asset], ledger.name(number)
    figures = [("cash", f"{exact_money(fund.balance_atoms, asset)} {asset.name}")]
    if standing.floor_atoms:
        figures.append(("keeps back", exact_money(standing.floor_atoms, asset)))
    for instrument in sorted({instrument for instrument, _ in fund.positions}):
        market = ledger.markets[instrument]
        lots = sum(held.size_lots for key, held in fund.positions.items() if key[0] == instrument)
        figures.append((f"holds {market.listing.name}", size(lots, market.listing)))
    several = len(ledger.funds) > 1
    return WaterfallStep(f"Insurance fund{f' {name}' if several else ''}", tuple(figures), bool(fund.positions))

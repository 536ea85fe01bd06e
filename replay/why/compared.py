"""What made somebody act unasked: the figures that a trader, a maker or an owner of several accounts compared.

All of it is worked out from the state before the event, by whoever decided it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...events.bodies.trading import BookPriced, CollateralWithdrawn, LiquidityReturned, OrderPlaced
from ...events.bodies.venues import TransferStarted
from ...events.venue_names import plain
from ...events.vocabulary import Body
from ...handlers.conversion import counted_in, in_first
from ...handlers.faults import failure_at
from ...handlers.living.between_venues import person_of
from ...handlers.living.characters import Character
from ...handlers.living.dealers import VEGA_HEDGE
from ...handlers.living.hedgers import under_way
from ...handlers.living.strategies import signal_of
from ...handlers.options.sensitivities import greeks_on
from ...handlers.valuation import BPS, MICRO, margin_of
from .names import times

if TYPE_CHECKING:
    from .case import RunCase

__all__ = ["COMPARED"]


def _book(case: RunCase, instrument: int) -> BookPriced:
    """What the venue's own book trades at, where there is one: somebody has acted on it."""
    book = case.market(instrument).book
    assert book is not None
    return book


def _crowd(case: RunCase, body: OrderPlaced | CollateralWithdrawn) -> str:
    """A strategy's signal, beside the threshold of this trader's own."""
    ledger, names, crowd = case.ledger, case.names, case.handler()
    name = body.purpose if isinstance(body, OrderPlaced) else "runner"
    own = [one for one in crowd.characters(ledger.accounts[body.account], ledger) if one.strategy == name]
    if not own:
        return ""
    character = own[0]
    if isinstance(body, CollateralWithdrawn):
        moved, limit = (
            names.rate(ppb) for ppb in (_book(case, character.instrument).volatility_ppb, character.threshold * 100)
        )
        return (
            f"{names.instrument(character.instrument)} moved by {moved} in a second on average; this trader takes free "
            f"collateral out from {limit} on, {names.percent_of_bps(character.mix.share_bps)} of what is over twice "
            "the requirement."
        )
    if name == "deleverager":
        return _deleverager(case, body, character)
    book, price = _book(case, body.instrument), names.price(body.instrument, _book(case, body.instrument).price_ticks)
    if body.trigger_ticks is not None:
        away = names.change(body.trigger_ticks - book.price_ticks, book.price_ticks).lstrip("+-")
        side = "under" if body.trigger_ticks < book.price_ticks else "over"
        return f"The price was {price}; this trader keeps a stop for each of its positions, here {away} {side} it."
    fallen = names.percent_of_bps(signal_of(case.market(body.instrument), "fall"))
    trend = names.price(body.instrument, book.trend_microticks // MICRO)
    return (
        f"The price was {price}, {fallen} under its trend of {trend}, which is a slow average of it; this trader "
        f"{'sells' if name == 'follower' else 'buys'} into a fall from {names.percent_of_bps(character.threshold)} on. "
        f"{_sized(case, body, character.mix.share_bps)}"
    )


def _sized(case: RunCase, body: OrderPlaced, share_bps: int) -> str:
    """What a size follows from: the position that is closed, or the equity that a new one is worth a share of."""
    names, held = case.names, case.ledger.position(body.account, (body.instrument, 0))
    if held is not None and held.size_lots * body.size_lots < 0:
        return f"It was {names.held(body.instrument, held.size_lots)} and closes that first."
    equity = names.money(body.account, 0 if case.figures is None else case.figures[0])
    return f"It holds at most a position worth {names.percent_of_bps(share_bps)} of its equity of {equity}."


def _deleverager(case: RunCase, body: OrderPlaced, character: Character) -> str:
    """Equity and requirement, beside the level of this trader's own."""
    if case.figures is None:
        return ""
    equity, requirement = (case.names.money(body.account, one) for one in case.figures)
    share = case.names.percent_of_bps(character.mix.share_bps)
    return (
        f"Its equity of {equity} was under a level of its own, {times(character.threshold)}the requirement of "
        f"{requirement}; there it gives up {share} of the position that needs most margin."
    )


def _called(case: RunCase, body: OrderPlaced) -> str:
    """The margin call that an order answers, and how much it means to close."""
    names, account = case.names, case.ledger.accounts[body.account]
    held, share_bps = case.ledger.position(body.account, (body.instrument, body.leg)), case.rule("reduce_share_bps")
    if account.called_seq is None or held is None:
        return ""
    since = names.duration(case.event.at_ns - case.at(account.called_seq).at_ns)
    told = f"It answers the margin call of event {account.called_seq}, {since} before"
    if share_bps is not None:
        told += f", by closing {names.percent_of_bps(share_bps)} of its {names.held(body.instrument, held.size_lots)}"
    if case.figures is not None:
        equity, requirement = (names.money(body.account, atoms) for atoms in case.figures)
        told += f": its equity was {equity}, its requirement {requirement}"
    if body.limit_ticks is None:
        return f"{told}."
    return f"{told}. It accepts {names.price(body.instrument, body.limit_ticks)} or better."


def _arbitrage(case: RunCase, body: OrderPlaced) -> str:
    """The gap between the cheapest and the dearest venue, and the gap from which the rule acts."""
    ledger, names, gap_bps = case.ledger, case.names, case.rule("gap_bps") or 0
    listed = ledger.listed_everywhere(plain(names.instrument(body.instrument)))
    open_ = [
        (market.book.price_ticks, market.listing.instrument)
        for market in listed
        if market.book is not None and failure_at(ledger, ledger.assets[market.listing.asset].venue) is None
    ]
    (cheap, buys), (dear, sells) = min(open_, key=lambda one: one[0]), max(open_, key=lambda one: one[0])
    other = _other_leg(case, body)
    return (
        f"{names.instrument(buys)} traded at {names.price(buys, cheap)} and {names.instrument(sells)} at "
        f"{names.price(sells, dear)}, {names.change(dear - cheap, cheap).lstrip('+')} apart. From "
        f"{names.percent_of_bps(gap_bps)} on it buys where it is cheaper and sells where it is dearer, to the middle "
        f"of {names.price(buys, (cheap + dear) // 2)}, as far as depth and its equity on both venues bear.{other}"
    )


def _other_leg(case: RunCase, body: OrderPlaced) -> str:
    """The order on the other venue that was placed with this one."""
    owner, seqs = plain(case.names.account(body.account)), (case.event.seq - 1, case.event.seq + 1)
    for event in (case.run.event(seq) for seq in seqs if 0 <= seq < case.run.count):
        one = event.body
        if not isinstance(one, OrderPlaced) or (event.cause, one.size_lots) != (case.event.cause, -body.size_lots):
            continue
        if plain(case.names.account(one.account)) == owner:
            return f" The other half of it is order {one.order_id} (event {event.seq})."
    return ""


def _hedge(case: RunCase, body: OrderPlaced) -> str:
    """The legs on all venues, with what is under way, and what of them is no longer hedged."""
    ledger, names, name = case.ledger, case.names, plain(case.names.instrument(body.instrument))
    person, told, total = person_of(plain(names.account(body.account)), ledger), list[str](), 0
    for market in ledger.listed_everywhere(name):
        account, instrument = person.get(ledger.assets[market.listing.asset].venue), market.listing.instrument
        held = None if account is None else account.positions.get((instrument, 0))
        if account is None or (held is None and not body.reduces):
            continue
        lots, waits = 0 if held is None else held.size_lots, under_way(account, market, ledger)
        total += lots + waits
        told.append(names.held(instrument, lots) if lots else f"nothing of {names.instrument(instrument)}")
        told[-1] += f" (and an order under way for {names.units(instrument, waits)})" if waits else ""
    if not body.reduces:
        multiple = times(case.rule("leverage_bps") or 0).strip() or "1 times"
        return (
            "It opens a hedge, long on one venue and short on another, so that no price matters: each half is worth "
            f"{multiple} the equity of the poorer of its two accounts."
        )
    return (
        f"A hedge is as long on one venue as it is short on another. It held {' and '.join(told)}: "
        f"{names.size(body.instrument, total)} of that were no longer hedged, and are closed."
    )


def _vega_hedge(case: RunCase, body: OrderPlaced) -> str:
    """What a point of volatility changed a dealer's book by, beside its limit; nothing of a hedge of the delta."""
    ledger, names = case.ledger, case.names
    option = ledger.options.get(body.instrument)
    found = None if option is None else greeks_on(ledger.accounts[body.account], option.underlying, ledger)
    if body.purpose != VEGA_HEDGE or found is None:
        return ""
    asset = case.market(found.underlying).listing.asset
    first, counted_atoms = counted_in(ledger, asset), in_first(ledger, asset, found.vega_atoms)
    counted = "" if first == asset else f", worth {names.coins(first, counted_atoms)}"
    limit = names.coins(first, case.handler().limit.vega_limit_atoms)
    return (
        f"A point of volatility more changed its book by {names.coins(asset, found.vega_atoms)}{counted}, and its "
        f"limit is {limit} either way; beyond that it orders what takes the vega to half of the limit, of the option "
        "near the money with the most vega for its mark."
    )


def _manipulation(case: RunCase, body: OrderPlaced) -> str:
    """The fault that it is a part of."""
    for standing in case.ledger.faults.values():
        if standing.body.account == body.account:
            told = f"fault {standing.body.fault} (event {standing.seq}): {standing.body.what(case.names)}"
            return f"It is a part of {told}."
    return ""


def _strategist(case: RunCase, body: OrderPlaced) -> str:
    """What it saw: the price, its trend, and the position that it holds."""
    names, book = case.names, _book(case, body.instrument)
    held = case.ledger.position(body.account, (body.instrument, 0))
    holds = "nothing" if held is None else names.held(body.instrument, held.size_lots)
    price, trend = (names.price(body.instrument, one) for one in (book.price_ticks, book.trend_microticks // MICRO))
    return f"It saw a price of {price} and a trend of {trend}, and held {holds}."


def _returned(case: RunCase, body: LiquidityReturned) -> str:
    """How wild the price still is, beside what lets this maker come back, and how long it was away."""
    names, book, makers = case.names, _book(case, body.instrument), case.handler()
    left_ns = case.market(body.instrument).withdrawn[body.account]
    calm = names.rate(makers.calm_ppb(case.ledger.name(body.account), case.ledger))
    return (
        f"The price moved by {names.rate(book.volatility_ppb)} in a second on average. This maker comes back at {calm} "
        f"or less, {names.duration(makers.rule.away_ns)} after it left at the soonest; it had been away for "
        f"{names.duration(case.event.at_ns - left_ns)}."
    )


def _rebalanced(case: RunCase, body: TransferStarted) -> str:
    """The equity on both venues, and the share below which the richer sends half of the difference."""
    accounts = (case.ledger.accounts[number] for number in (body.to_account, body.account))
    poor, rich = (
        f"{case.names.account(one.account)} had {case.names.money(one.account, atoms)}"
        for one in accounts
        for atoms in (margin_of(one, case.ledger).equity_atoms,)
    )
    share = case.names.percent_of_bps(case.rule("rebalance_bps") or 0)
    return f"{poor} of equity and {rich}; below {share} of that, half of the difference is sent."


def _answered(case: RunCase, body: TransferStarted) -> str:
    """What was missing on the venue of the call, and the level that it aims at."""
    names, called = case.names, case.ledger.accounts[body.to_account]
    target_bps = case.rule("target_bps") or BPS
    margin = margin_of(called, case.ledger)
    equity, requirement = (names.money(called.account, one) for one in (margin.equity_atoms, margin.requirement_atoms))
    return (
        f"{names.account(called.account)} had an equity of {equity} against a requirement of {requirement}; its owner "
        f"sends what it lacks to {times(target_bps)}the requirement, as far as another account has that free."
    )


COMPARED: dict[tuple[type[Body], str], Callable[[RunCase, Any], str]] = {
    (OrderPlaced, "crowd"): _crowd,
    (CollateralWithdrawn, "crowd"): _crowd,
    (OrderPlaced, "traders"): _called,
    (OrderPlaced, "arbitrage"): _arbitrage,
    (OrderPlaced, "hedgers"): _hedge,
    (OrderPlaced, "dealers"): _vega_hedge,
    (OrderPlaced, "faults"): _manipulation,
    (OrderPlaced, "strategist"): _strategist,
    (LiquidityReturned, "makers"): _returned,
    (TransferStarted, "arbitrage"): _rebalanced,
    (TransferStarted, "ties"): _answered,
}
"""By type of event and slot of whoever decided it."""

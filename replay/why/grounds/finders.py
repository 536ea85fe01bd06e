"""Where a decision's figures were set: for each kind of ground a finder, which looks before the decision.

Each yields what was set, in words, and the event that set it last; a kind finds nothing where the decision had no such
figure, such as a liquidation without a call before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ....events.bodies.collateral import CollateralSold, ConversionPriced
from ....events.bodies.inputs import DepthQuoted, FundingRateSet, PriceTicked, TradeExecuted
from ....events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationStarted,
    OrdersCancelled,
)
from ....events.bodies.margin import (
    CollateralAdded,
    FundingAccrued,
    MarginCalled,
    MarginCallMet,
    MarkPriced,
    PositionReduced,
    RulesChanged,
)
from ....events.bodies.trading import (
    BookPriced,
    DepthFormed,
    FundingRated,
    OrderFilled,
    OrderPlaced,
    OrderRefused,
    QuotesPlaced,
)
from ....events.bodies.venue import TimerFired, TimerSet, TradingHalted, TradingResumed
from ....events.bodies.venues import IndexPriced
from ....events.bodies.waterfall import (
    DeleveragingEnded,
    DeleveragingStarted,
    PositionDeleveraged,
    ProfitCapExceeded,
    ShortfallDeclared,
)
from ....events.envelope import Event
from ....events.grounds import Ground
from ....events.ledger import PositionKey
from ....events.ledger.market import market_of
from ....events.venue_names import plain
from ....handlers.depth import eaten_lots
from ....handlers.living.between_venues import person_of
from ....handlers.living.hedgers import HEDGE
from .lookback import Decision
from .special_finders import (
    block_found,
    coins_found,
    conversion_found,
    delivery_found,
    fault_found,
    oracle_found,
    redeemed_marks,
    surfaces_found,
    underlyings_of,
    volatility_found,
)

__all__ = ["FINDERS", "Found"]

Found = Iterator[tuple[str, Event | None]]

_NANO = 10**9
_LOTS_TOLD = 3
"""So many lots of a fund's inventory are named, those worth most."""
_HALVINGS_MAX = 64
"""After so many half-lives nothing is missing from the depth any more."""
_FILLS = (LiquidationFilled, PositionReduced, TradeExecuted)
_REQUIRING = (MarginCalled, MarginCallMet, CollateralAdded, LiquidationStarted, LiquidationEnded, OrderRefused)
"""What compares an account with its requirement, whose rules may have changed since the run began."""
_TRADES = (LiquidationFilled, PositionReduced, OrderFilled)


def _index(case: Decision) -> Found:
    """The price from outside of each instrument; of a smoothed mark also the average before it."""
    if _without_depth(case):
        return
    for instrument in case.instruments:
        name = case.names.instrument(instrument)
        yield f"the price of {name} from outside", case.look.last(PriceTicked, instrument, case.began)
        if isinstance(case.body, MarkPriced) and case.body.smoothed_microticks:
            yield f"the average price of {name} so far", case.look.last(MarkPriced, instrument, case.began)


def _mark(case: Decision) -> Found:
    """The mark of each instrument that the trader holds, and of the one that is decided about."""
    own = getattr(case.body, "instrument", None)
    instruments = {instrument for instrument, _ in case.held} | ({own} if own is not None else set())
    yield from surfaces_found(case, instruments)
    for instrument in sorted(instruments | underlyings_of(case, instruments)):
        name, marked = case.names.instrument(instrument), case.look.last(MarkPriced, instrument, case.began)
        yield f"the mark of {name}", marked
        if isinstance(case.body, ConversionPriced):
            yield from redeemed_marks(case)
        if isinstance(case.body, TradingHalted) and marked is not None:
            yield f"the mark of {name} that it was compared with", _reference(case, marked)


def _reference(case: Decision, marked: Event) -> Event | None:
    """The mark that a halt compares with: the last of that price within the breaker's window."""
    producer = case.look.run.producer_of(case.event)
    window_ns = producer.parameters.get("window_ns", 0) if producer is not None else 0
    earlier: Event | None = marked
    while earlier is not None and earlier.at_ns >= case.event.at_ns - window_ns:
        if earlier.body.mark_ticks == case.body.reference_ticks:  # type: ignore[union-attr]
            return earlier
        earlier = case.look.last(MarkPriced, case.body.instrument, earlier.seq)
    return None


def _without_depth(case: Decision) -> bool:
    """Whether nothing was asked of the market: a bankruptcy of who has no equity left, orders of the trader's own."""
    body = case.body
    if isinstance(body, BankruptcyDeclared):
        return body.equity_atoms <= 0
    return isinstance(body, OrdersCancelled) and body.order_id is None


def _depth(case: Decision) -> Found:
    """The depth as quoted, and the last trade on each side of which it has not recovered."""
    if _without_depth(case) or (isinstance(case.body, MarkPriced) and not case.body.impact_ticks):
        return
    for instrument in case.instruments:
        name = case.names.instrument(instrument)
        yield f"the depth of {name}", case.look.last(DepthQuoted, instrument, case.began)
        for selling, side in ((True, "bids"), (False, "asks")):
            if _is_hit(case, selling=selling):
                yield f"what was taken of the {side} of {name}", _eater(case, instrument, selling=selling)


def _is_hit(case: Decision, *, selling: bool) -> bool:
    """Whether the decision looks at a side of the depth: a mark at both, an order at the one that it trades with."""
    order = case.order
    lots = getattr(case.body if order is None else order.body, "size_lots", None)
    return lots is None or (lots < 0) == selling


def _eater(case: Decision, instrument: int, *, selling: bool) -> Event | None:
    """The last trade with one side, unless all that was taken has come back since."""
    if case.look.ledger.markets[instrument].book is not None:
        return None  # the book's price says what is eaten
    listing = case.names.listing(instrument)
    since_ns = case.event.at_ns - _HALVINGS_MAX * listing.refill_half_life_ns
    found = case.look.last_trade(instrument, case.began, since_ns, selling=selling)
    if found is None:
        return None
    market, body = market_of(listing), found.body
    assert isinstance(body, LiquidationFilled | PositionReduced)
    market.eat(body.size_lots, body.eaten_lots, found.at_ns, found.seq)
    return found if eaten_lots(market, selling=selling, now_ns=case.event.at_ns) else None


def _book(case: Decision) -> Found:
    """What the venue's own book traded at; of its next price the one before."""
    for instrument in case.instruments:
        name = case.names.instrument(instrument)
        yield f"the price that the book of {name} traded at", case.look.last(BookPriced, instrument, case.began)
    if isinstance(case.body, IndexPriced | OrderPlaced):
        yield from _other_books(case)


def _other_books(case: Decision) -> Found:
    """What the same instrument traded at on other venues, for an index of several, and for who trades the gap."""
    if isinstance(case.body, OrderPlaced) and not case.event.links:
        return
    ledger = case.look.ledger
    own = ledger.markets[case.body.instrument]
    for market in ledger.listed_everywhere(plain(own.listing.name)):
        if market is not own:
            priced = case.look.last(BookPriced, market.listing.instrument, case.began)
            yield f"the price that the book of {market.listing.name} traded at", priced


def _constituents(case: Decision) -> Found:
    """The index of several constituents, where the mark was made of it."""
    for instrument in case.instruments:
        name = case.names.instrument(instrument)
        yield f"the index of {name}", case.look.last(IndexPriced, instrument, case.began)


def _trade(case: Decision) -> Found:
    """The last trade of the instrument, of whoever it was."""
    for instrument in case.instruments:
        trades = (case.look.last(kind, instrument, case.began) for kind in _TRADES)
        found = max((one for one in trades if one is not None), key=lambda one: one.seq, default=None)
        yield f"the last trade of {case.names.instrument(instrument)}", found


def _quotes(case: Decision) -> Found:
    """The depth that the quotes made; of that depth each maker's quotes."""
    for instrument in case.instruments:
        name = case.names.instrument(instrument)
        if not isinstance(case.body, DepthFormed):
            yield f"the depth of {name}", case.look.last(DepthFormed, instrument, case.began)
            continue
        for maker in sorted({one for one in (*case.body.bid_makers, *case.body.ask_makers) if one is not None}):
            yield f"the quotes of {case.names.account(maker)}", _quoted(case, maker, instrument)


def _quoted(case: Decision, maker: int, instrument: int) -> Event | None:
    named = case.look.naming(maker, case.event.seq)
    return next((e for e in named if isinstance(e.body, QuotesPlaced) and e.body.instrument == instrument), None)


def _own_order(case: Decision) -> Found:
    """The trader's own order that traded or was cancelled."""
    number = case.body.order_id
    named = case.look.naming(case.body.account, case.event.seq)
    placed = (event for event in named if isinstance(event.body, OrderPlaced) and event.body.order_id == number)
    yield f"order {number}", next(placed, None)


def _funding_rate(case: Decision) -> Found:
    name = case.names.instrument(case.body.instrument)
    rated = case.look.event(case.event.seq - 1)
    if isinstance(rated.body, FundingRated) and rated.cause == case.event.cause:
        yield f"the funding rate of {name}", rated
        return
    yield f"the funding rate of {name}", case.look.last(FundingRateSet, case.body.instrument, case.began)


def _balance(case: Decision) -> Found:
    """What changed the balance and each position of the accounts concerned last, and the funding that these owe."""
    if isinstance(case.body, ProfitCapExceeded):
        liquidity = case.look.ledger.liquidity(case.look.ledger.markets[case.body.instrument].listing.asset)
        yield "the positions of outside liquidity", case.look.cash_changed(liquidity, case.began)
        yield from _cash(case)
        return
    if isinstance(case.body, DeleveragingStarted) and case.account is not None and case.look.is_fund(case.account):
        yield from _lot(case)
    bankrupt = getattr(case.body, "bankrupt", None)
    for account in dict.fromkeys((case.account, bankrupt, *_other_legs(case))):
        if account is not None and case.look.is_trader(account):
            yield from _account(case, account)


def _other_legs(case: Decision) -> Iterator[int]:
    """The accounts of a hedger elsewhere, where an order is for its hedge: what they hold is what it goes by."""
    if isinstance(case.body, OrderPlaced) and case.body.purpose == HEDGE:
        ledger = case.look.ledger
        yield from (one.account for one in person_of(plain(ledger.name(case.body.account)), ledger).values())


def _account(case: Decision, account: int) -> Found:
    look, whose = case.look, case.names.account(account)
    balance, positions = look.changes(account, case.began)
    yield f"the balance of {whose}", balance
    yield from coins_found(case, account)
    for (instrument, leg), event in positions.items():
        name = case.names.instrument(instrument)
        yield f"the position of {whose} in {name}", event
        accrued = look.last(FundingAccrued, instrument, case.began)
        if accrued is not None and accrued.seq > event.seq:
            yield _owed(case, account, (instrument, leg), accrued), accrued


def _owed(case: Decision, account: int, key: PositionKey, accrued: Event) -> str:
    """What an account paid or received by the last funding of what it holds, which is settled when that is closed."""
    assert isinstance(accrued.body, FundingAccrued)
    lots, whose = case.look.held(account, case.began).get(key, 0), case.names.account(account)
    atoms = -accrued.body.payment_nanoatoms * lots // _NANO
    verb = "received" if atoms >= 0 else "paid"
    amount, held = case.names.value(key[0], atoms), case.names.held(key[0], lots)
    return f"the funding of {case.names.instrument(key[0])}, by which {whose} {verb} {amount} on its {held}"


def _call(case: Decision) -> Found:
    """The margin call that the account was under."""
    if case.trader is None:
        return
    for event in case.look.naming(case.trader, case.began):
        body = event.body
        if isinstance(body, MarginCalled):
            yield f"the margin call of {case.names.account(case.trader)}", event
        if isinstance(body, MarginCalled | MarginCallMet | LiquidationStarted | LiquidationEnded):
            return


def _liquidation(case: Decision) -> Found:
    """The beginning of the liquidation; of what a fund does with a lot, where it took that lot over."""
    number, account = getattr(case.body, "liquidation_id", None), case.account
    if account is not None and case.look.is_fund(account) and number:
        yield from _lot(case)
        return
    yield f"liquidation {number}", case.look.liquidation(number, case.began)


def _lot(case: Decision) -> Found:
    """The lot of a fund's inventory that the decision is about: where it was taken over."""
    for instrument in case.instruments:
        name, key = case.names.instrument(instrument), (instrument, case.body.liquidation_id)
        yield f"the lot of {name} in the fund's inventory", case.look.takeover(key, case.began)


def _order(case: Decision) -> Found:
    if case.order is not None:
        yield f"order {case.body.order_id}", case.order


def _fill(case: Decision) -> Found:
    sold = (case.look.event(seq) for seq in range(case.event.seq - 1, case.began - 1, -1))
    of_sale = next((one for one in sold if isinstance(one.body, CollateralSold)), None)
    yield "the trade that is charged for", of_sale or case.look.causing(case.event, _FILLS)


def _fund(case: Decision) -> Found:
    """The fund's cash, the lots of its inventory that are worth most with their marks, and its floor."""
    fund = case.fund
    if fund is None:
        return
    yield from _cash(case)
    held, marks = case.look.held(fund, case.began), dict[int, Event]()
    for instrument in {instrument for instrument, _ in held}:
        marked = case.look.last(MarkPriced, instrument, case.began)
        if marked is not None:
            marks[instrument] = marked
    worth = {key: _worth(case, key[0], lots, marks) for key, lots in held.items()}
    for key in sorted(worth, key=lambda key: (-worth[key], key))[:_LOTS_TOLD]:
        name = case.names.instrument(key[0])
        yield f"a lot of {name} in the fund's inventory", case.look.takeover(key, case.began)
        yield f"the mark of {name}, at which the fund's inventory is valued", marks.get(key[0])
    yield "the floor of the fund", case.look.event(case.look.run.declared_at(case.event.seq))


def _worth(case: Decision, instrument: int, lots: int, marks: dict[int, Event]) -> int:
    marked = marks.get(instrument)
    ticks = marked.body.mark_ticks if marked is not None else 0  # type: ignore[union-attr]
    return abs(case.look.ledger.markets[instrument].payoff.value_atoms(lots, ticks)) if ticks else 0


def _cash(case: Decision) -> Found:
    fund = case.fund
    if fund is not None:
        yield f"the cash and lots of {case.names.account(fund)}", case.look.cash_changed(fund, case.began)


def _shortfall(case: Decision) -> Found:
    if getattr(case.body, "trigger", None) != "profit_cap":
        yield "the shortfall", case.look.causing(case.event, (ShortfallDeclared,))


def _profit_cap(case: Decision) -> Found:
    if case.body.trigger == "profit_cap":
        yield "the cap on profits that was exceeded", case.look.causing(case.event, (ProfitCapExceeded,))


def _round(case: Decision) -> Found:
    """The beginning of the round; of its end also the last reduction, after which nothing more was to be had."""
    for seq in range(case.event.seq - 1, -1, -1):
        event = case.look.event(seq)
        if isinstance(event.body, PositionDeleveraged) and isinstance(case.body, DeleveragingEnded):
            if event.seq == case.event.seq - 1:
                yield "the last reduction", event
        elif isinstance(event.body, DeleveragingStarted) and event.body.round == case.body.round:
            yield f"round {case.body.round}", event
            return


def _halt(case: Decision) -> Found:
    """The halt that was in force, or the end of the last one."""
    for instrument in case.instruments:
        halts = (case.look.last(kind, instrument, case.began) for kind in (TradingHalted, TradingResumed))
        found = max((one for one in halts if one is not None), key=lambda one: one.seq, default=None)
        yield f"whether {case.names.instrument(instrument)} is traded", found


def _timer(case: Decision) -> Found:
    """Where a timer that fires was set; of anything else the timer that it was waiting for."""
    if isinstance(case.body, TimerFired):
        yield "the timer", case.look.event(case.body.timer)
        return
    cause = None if case.event.cause is None else case.look.event(case.event.cause)
    if cause is not None and isinstance(cause.body, TimerFired | TimerSet):
        yield "the timer that was due", cause


def _rule(case: Decision) -> Found:
    """Where who decides by which rules was declared: the run's first event, or the fork that changed them."""
    producer = case.look.run.producer_of(case.event)
    if producer is not None:
        rule = f"the rule, {producer.handler}:{producer.policy} version {producer.version}"
        yield rule, case.look.event(case.look.run.declared_at(case.event.seq))
    if isinstance(case.body, _REQUIRING):
        own = getattr(case.body, "instrument", None)
        for instrument in sorted({instrument for instrument, _ in case.held} | ({own} if own is not None else set())):
            name = case.names.instrument(instrument)
            yield f"the margin rules of {name}", case.look.last(RulesChanged, instrument, case.began)
    if isinstance(case.body, RulesChanged) and case.body.announced is not None:
        yield "the notice of the change", case.look.event(case.body.announced)


def _evidence(case: Decision) -> Found:
    seqs = [case.event.cause, *case.event.links]
    yield from (("what shows it", case.look.event(seq)) for seq in seqs if seq is not None)


FINDERS: dict[Ground, Callable[[Decision], Found]] = {
    Ground.CALL: _call,
    Ground.LIQUIDATION: _liquidation,
    Ground.ORDER: _order,
    Ground.FILL: _fill,
    Ground.SHORTFALL: _shortfall,
    Ground.PROFIT_CAP: _profit_cap,
    Ground.ROUND: _round,
    Ground.MARK: _mark,
    Ground.INDEX: _index,
    Ground.DEPTH: _depth,
    Ground.FUNDING_RATE: _funding_rate,
    Ground.BALANCE: _balance,
    Ground.CONVERSION: conversion_found,
    Ground.FUND: _fund,
    Ground.HALT: _halt,
    Ground.TIMER: _timer,
    Ground.BOOK: _book,
    Ground.VOLATILITY: volatility_found,
    Ground.DELIVERY: delivery_found,
    Ground.FAULT: fault_found,
    Ground.CONSTITUENTS: _constituents,
    Ground.TRADE: _trade,
    Ground.QUOTES: _quotes,
    Ground.OWN_ORDER: _own_order,
    Ground.ORACLE: oracle_found,
    Ground.BLOCK: block_found,
    Ground.EVIDENCE: _evidence,
    Ground.RULE: _rule,
}

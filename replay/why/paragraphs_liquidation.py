"""Paragraphs about liquidations: from the first cancelled order to the end, or over to the waterfall."""

from __future__ import annotations

from ...events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
    PositionTakenOver,
)
from ...events.ledger import Account
from ...handlers.valuation import bankruptcy_price, bankruptcy_values
from ...sim.figures import duration, percent
from .case import Case, joined
from .names import percent_of_bps, times

__all__ = [
    "bankruptcy_declared",
    "liquidation_ended",
    "liquidation_filled",
    "liquidation_ordered",
    "liquidation_started",
    "orders_cancelled",
    "position_taken_over",
]


def liquidation_started(case: Case, body: LiquidationStarted) -> str:
    """Why it began, and whether a call had come before."""
    names, equity = case.names, case.names.money(body.account, body.equity_atoms)
    first = (
        f"Liquidation {body.liquidation_id} of {names.account(body.account)} began, because its equity of {equity} was "
        f"under {case.threshold()}."
    )
    called = "It was not under a margin call."
    if case.event.links:
        call = case.run.event(case.event.links[0])
        called = f"It had been called in event {call.seq}, {duration(case.event.at_ns - call.at_ns)} before."
    return joined(first, called, case.held(), case.followed(), case.agreement())


def orders_cancelled(case: Case, body: OrdersCancelled) -> str:
    """The trader's own orders, or why the rest of a forced one found nobody."""
    names, who = case.names, case.names.account(body.account)
    if body.order_id is None:
        first = f"All of {who}'s own orders were cancelled, because liquidation {body.liquidation_id} began."
        return joined(first, case.followed())
    order = next((e.body for e in reversed(case.causes) if isinstance(e.body, LiquidationOrdered)), None)
    if order is None:
        return joined(f"The rest of order {body.order_id} of {who} was cancelled: {body.reason}.", case.followed())
    left, whole = (names.size(order.instrument, lots) for lots in (body.left_lots, order.size_lots))
    index = names.price(order.instrument, case.market(order.instrument).index_ticks)
    limit = "none" if order.limit_ticks is None else names.price(order.instrument, order.limit_ticks)
    first = (
        f"Of the {whole} of order {body.order_id} of {who}, {left} found nobody and were cancelled: {body.reason}. Its "
        f"limit was {limit}, and the depth stood around an index of {index}."
    )
    return joined(first, case.followed())


def liquidation_ordered(case: Case, body: LiquidationOrdered) -> str:
    """Which part of the position, and no worse than which price."""
    names, account = case.names, case.ledger.accounts[body.account]
    if account.kind == "insurance":
        return joined(_inventory_sale(case, body), case.followed())
    held = account.positions.get((body.instrument, body.leg))
    side, what = "buy" if body.size_lots > 0 else "sell", names.size(body.instrument, body.size_lots)
    of = "" if held is None else f" of its {names.held(body.instrument, held.size_lots)}"
    share_bps = case.rule("first_share_bps")
    rule = "the whole position" if body.whole else "a part of the position that needs most margin"
    if not body.whole and share_bps is not None:
        rule = f"{percent_of_bps(share_bps)} of the position that needs most margin, as the first order does"
    first = (
        f"Step {body.step} of liquidation {body.liquidation_id} of {names.account(body.account)}: order "
        f"{body.order_id} to {side} {what}{of}, {rule}."
    )
    return joined(first, _limit(case, body, account), case.followed())


def _inventory_sale(case: Case, body: LiquidationOrdered) -> str:
    names, parts, interval_ns = case.names, case.rule("sale_parts"), case.rule("sale_interval_ns")
    side = "buy back" if body.size_lots > 0 else "sell"
    rule = ""
    if parts is not None and interval_ns is not None:
        rule = f" Every {duration(interval_ns)} it closes one part in {parts} of what it holds, the oldest lots first."
    return (
        f"The {names.fund(body.account)} ordered to {side} {names.size(body.instrument, body.size_lots)} of the "
        f"inventory that it had taken over in liquidation {body.liquidation_id}, at any price.{rule}"
    )


def _limit(case: Case, body: LiquidationOrdered, account: Account) -> str:
    """The limit, held against the bankruptcy price of the rebuilt state."""
    names = case.names
    if body.limit_ticks is None:
        return "It accepted any price."
    limit = names.price(body.instrument, body.limit_ticks)
    if (body.instrument, body.leg) not in account.positions:
        return f"It accepted {limit} or better."
    found_ticks = bankruptcy_price(account, case.ledger, (body.instrument, body.leg))
    if found_ticks == body.limit_ticks:
        return f"It accepted {limit} or better, which is the bankruptcy price: beyond it the account would owe money."
    found = names.price(body.instrument, found_ticks)
    return f"It accepted {limit} or better; the bankruptcy price was {found}."


def liquidation_filled(case: Case, body: LiquidationFilled) -> str:
    """Price against mark, and what was left."""
    names, mark_ticks = case.names, case.market(body.instrument).mark_ticks
    trade = names.trade(body.instrument, body.size_lots, body.price_ticks)
    apart = f", {percent(body.price_ticks - mark_ticks, mark_ticks)} from the mark" if mark_ticks else ""
    left = names.units(body.instrument, body.left_lots)
    eaten = names.units(body.instrument, body.eaten_lots)
    side = "asks" if body.size_lots > 0 else "bids"
    first = (
        f"{names.account(body.account)} {trade}{apart}, for "
        f"{names.value(body.instrument, body.value_atoms)}, by order {body.order_id} of liquidation "
        f"{body.liquidation_id}; {left} of the order were left."
    )
    return joined(first, f"That is what the depth gave: {eaten} of the {side} were gone afterwards.", case.followed())


def position_taken_over(case: Case, body: PositionTakenOver) -> str:
    """At which value, against bankruptcy value and mark."""
    names, account = case.names, case.ledger.accounts[body.account]
    key, market = (body.instrument, body.leg), case.market(body.instrument)
    mark_value = market.payoff.value_atoms(body.size_lots, market.mark_ticks)
    gain_atoms = mark_value - body.value_atoms
    stands = "gain" if gain_atoms >= 0 else "loss"
    rule = ""
    if key in account.positions and bankruptcy_values(account, case.ledger)[key] == body.value_atoms:
        rule = ", its bankruptcy value, so that the account ends at exactly zero"
    elif not gain_atoms:
        rule = ", its value at the mark, which costs the fund nothing there and then"
    first = (
        f"{names.account(body.fund)} took {names.held(body.instrument, body.size_lots)} over from "
        f"{names.account(body.account)} at {names.price(body.instrument, body.price_ticks)}, "
        f"{names.value(body.instrument, body.value_atoms)} in all{rule}."
    )
    second = (
        f"At the mark of {names.price(body.instrument, market.mark_ticks)} the fund began with a {stands} of "
        f"{names.value(body.instrument, gain_atoms)} on it."
    )
    return joined(first, second if gain_atoms else "", case.followed())


def liquidation_ended(case: Case, body: LiquidationEnded) -> str:
    """Restored, closed or bankrupt, and with what."""
    names, equity = case.names, case.names.money(body.account, body.equity_atoms)
    first = f"Liquidation {body.liquidation_id} of {names.account(body.account)} ended"
    if body.outcome == "restored":
        level_bps = case.rule("restored_bps")
        level = "over the requirement"
        if level_bps is not None and case.evidence is not None:
            requirement = names.money(body.account, case.evidence.requirement_atoms)
            level = f"at {times(level_bps)}the maintenance requirement of {requirement}, or over"
        told = f"{first}, because its equity of {equity} was back {level}; what is left of its positions stays open."
    elif body.outcome == "closed":
        told = f"{first}, because every position was sold; {equity} are left."
    else:
        told = f"{first} with {equity}: the waterfall had closed all that it held."
    return joined(told, case.held(), case.followed(), case.agreement())


def bankruptcy_declared(case: Case, body: BankruptcyDeclared) -> str:
    """Why the market could not close it, and at which prices it would end at zero."""
    names, account = case.names, case.ledger.accounts[body.account]
    equity, requirement = (names.money(body.account, atoms) for atoms in (body.equity_atoms, body.requirement_atoms))
    first = (
        f"{names.account(body.account)} was declared bankrupt in liquidation {body.liquidation_id}: {body.reason}. Its "
        f"equity was {equity}, its maintenance requirement {requirement}."
    )
    values = bankruptcy_values(account, case.ledger)
    prices = [
        f"{names.price(key[0], market.payoff.price_ticks(account.positions[key].size_lots, value))} for its "
        f"{names.held(key[0], account.positions[key].size_lots)} (mark {names.price(key[0], market.mark_ticks)})"
        for key, value in values.items()
        for market in (case.market(key[0]),)
    ]
    told = f"Its bankruptcy price, at which it ends at zero, was {' and '.join(prices)}." if prices else ""
    return joined(first, told, case.followed(), case.agreement())

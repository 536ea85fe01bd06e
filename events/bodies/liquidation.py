"""Liquidation: from the first cancelled order to the last filled or taken-over lot. Tags 60 to 79.

`liquidation_id` runs through everything that a liquidation causes. Order and trade sizes are signed like a trade:
negative sells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..grounds import Ground
from ..kinds import (
    AccountAmount,
    AccountNumber,
    Count,
    DeclaredLiquidation,
    DeclaredOrder,
    InstrumentAmount,
    InstrumentNumber,
    Leg,
    LiquidationNumber,
    OrderNumber,
    OrderSize,
    Price,
    Size,
    TradeNumber,
)
from ..phrases import reason_told
from .base import BodyBase, Provenance
from .declaring import Trade

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = [
    "BankruptcyDeclared",
    "LiquidationBody",
    "LiquidationEnded",
    "LiquidationFilled",
    "LiquidationOrdered",
    "LiquidationOutcome",
    "LiquidationStarted",
    "OrdersCancelled",
    "PositionTakenOver",
]

_BPS = 10_000

LiquidationOutcome = Literal["restored", "closed", "bankrupt"]
"""How it ended: back over the requirement; every position sold; or handed to the waterfall."""


class LiquidationStarted(BodyBase, frozen=True, tag=60):
    """Equity fell below the maintenance requirement; both as compared."""

    grounds = (Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.CALL, Ground.FAULT, Ground.RULE)
    steps = {"healthy": "liquidating", "called": "liquidating"}
    forces = True
    sets = True

    liquidation_id: DeclaredLiquidation
    account: AccountNumber
    equity_atoms: AccountAmount
    requirement_atoms: AccountAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.start_liquidation(self, event.seq)

    def says(self, names: Names) -> str:
        who, equity = names.account(self.account), names.money(self.account, self.equity_atoms)
        requirement = names.money(self.account, self.requirement_atoms)
        under = f"under the requirement of {requirement}"
        return f"liquidation {self.liquidation_id} of {who} began: equity {equity}, {under}"

    def tells(self, case: Case) -> str:
        names, equity = case.names, case.names.money(self.account, self.equity_atoms)
        first = (
            f"Liquidation {self.liquidation_id} of {names.account(self.account)} began, because its equity of {equity}"
            f"{case.haircut()} was under {case.threshold()}."
        )
        called = "It was not under a margin call."
        if case.event.links:
            call = case.at(case.event.links[0])
            called = f"It had been called in event {call.seq}, {names.duration(case.event.at_ns - call.at_ns)} before."
        return case.joined(first, called, case.held(), case.ruled(), case.followed(), case.agreement())


class OrdersCancelled(BodyBase, frozen=True, tag=61):
    """Orders are gone: the rest of a forced one, or the trader's own (`order_id` None), where there were any."""

    grounds = (Ground.LIQUIDATION, Ground.ORDER, Ground.INDEX, Ground.DEPTH, Ground.FAULT, Ground.RULE)

    liquidation_id: LiquidationNumber
    account: AccountNumber
    order_id: OrderNumber | None
    left_lots: OrderSize
    reason: str

    def alters(self, ledger: Ledger, event: Event) -> None:
        liquidation = ledger.liquidations.get(self.liquidation_id)
        order = None if liquidation is None else liquidation.order
        if self.order_id is not None and order is not None and order.order_id == self.order_id:
            order.open = False

    def says(self, names: Names) -> str:
        who = names.account(self.account)
        if self.order_id is None:
            return f"{who}'s own orders were cancelled: {reason_told(self.reason)}"
        return f"the rest of order {self.order_id} of {who} was cancelled: {reason_told(self.reason)}"

    def tells(self, case: Case) -> str:
        names, who = case.names, case.names.account(self.account)
        if self.order_id is None:
            first = f"All of {who}'s own orders were cancelled, because liquidation {self.liquidation_id} began."
            return case.joined(first, case.followed())
        told = reason_told(self.reason)
        order = next((e.body for e in reversed(case.causes) if isinstance(e.body, LiquidationOrdered)), None)
        if order is None:
            return case.joined(f"The rest of order {self.order_id} of {who} was cancelled: {told}.", case.followed())
        left, whole = (names.size(order.instrument, lots) for lots in (self.left_lots, order.size_lots))
        index = names.price(order.instrument, case.market(order.instrument).index_ticks)
        limit = "none" if order.limit_ticks is None else names.price(order.instrument, order.limit_ticks)
        first = (
            f"Of the {whole} of order {self.order_id} of {who}, {left} found nobody and were cancelled: {told}. "
            f"Its limit was {limit}, and the depth stood around an index of {index}."
        )
        return case.joined(first, case.followed())


class LiquidationOrdered(BodyBase, frozen=True, tag=62):
    """A forced order, immediate or cancel. `limit_ticks` is the worst price it accepts, None for any.

    `step` counts the orders of this liquidation from 1; `whole` says that it closes the position rather than a part.
    """

    grounds = (
        Ground.LIQUIDATION,
        Ground.MARK,
        Ground.CONVERSION,
        Ground.BALANCE,
        Ground.INDEX,
        Ground.DEPTH,
        Ground.HALT,
        Ground.FAULT,
        Ground.RULE,
    )
    uncompared = ("step",)

    liquidation_id: LiquidationNumber
    order_id: DeclaredOrder
    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    limit_ticks: Price | None
    step: Count
    whole: bool

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.order(self)

    def says(self, names: Names) -> str:
        limit = "at any price" if self.limit_ticks is None else f"at {names.price(self.instrument, self.limit_ticks)}"
        bound = "" if self.limit_ticks is None else " or better"
        share = "the whole position" if self.whole else "a part"
        told = f"order {self.order_id} for {names.account(self.account)} to {self.traded(names)}"
        return f"{told} {limit}{bound}, {share}"

    def traded(self, names: Names, buys: str = "buy") -> str:
        """What it is to trade, in words: "sell 2 BTC"."""
        side = buys if self.size_lots > 0 else "sell"
        return f"{side} {names.size(self.instrument, self.size_lots)}"

    def tells(self, case: Case) -> str:
        names, account = case.names, case.ledger.accounts[self.account]
        if account.kind == "insurance":
            return case.joined(self._sale(case), case.followed())
        held = account.positions.get((self.instrument, self.leg))
        of = "" if held is None else f" of its {names.held(self.instrument, held.size_lots)}"
        share_bps = case.rule("first_share_bps")
        rule = "the whole position" if self.whole else "a part of the position that needs most margin"
        if not self.whole and share_bps is not None:
            rule = f"{names.percent_of_bps(share_bps)} of the position that needs most margin, as the first order does"
        first = (
            f"Step {self.step} of liquidation {self.liquidation_id} of {names.account(self.account)}: order "
            f"{self.order_id} to {self.traded(names)}{of}, {rule}."
        )
        return case.joined(first, self._limit(case), case.followed())

    def _sale(self, case: Case) -> str:
        """An order of the fund, which sells what it took over."""
        names, parts, interval_ns = case.names, case.rule("sale_parts"), case.rule("sale_interval_ns")
        traded, rule = self.traded(names, "buy back"), ""
        if parts is not None and interval_ns is not None:
            every = names.duration(interval_ns)
            rule = f" Every {every} it closes one part in {parts} of what it holds, the oldest lots first."
        return (
            f"The {names.fund(self.account)} ordered to {traded} of the inventory that it had taken over in "
            f"liquidation {self.liquidation_id}, at any price.{rule}"
        )

    def _limit(self, case: Case) -> str:
        """The limit, held against the bankruptcy price of the rebuilt state where the position is in it."""
        if self.limit_ticks is None:
            return "It accepted any price."
        key, accepted = (self.instrument, self.leg), case.names.price(self.instrument, self.limit_ticks)
        told = f"It accepted {accepted} or better"
        held = case.ledger.accounts[self.account].positions.get(key)
        if held is None:
            return f"{told}."
        value_atoms = case.bankruptcy_values(self.account)[key]
        price = case.names.average(self.instrument, held.size_lots, value_atoms)
        if case.bankruptcy_ticks(self.account, key) != self.limit_ticks:
            return f"{told}; the bankruptcy price was {price}."
        rounded = "" if price == accepted else f" of {price} in whole ticks"
        return f"{told}, which is the bankruptcy price{rounded}: beyond it the account would owe money."


class LiquidationFilled(BodyBase, frozen=True, tag=63):
    """Part of a forced order traded in one band of the depth.

    `left_lots` is what of the order is still open; `eaten_lots` how much of that side of the depth is gone afterwards.
    """

    grounds = (Ground.ORDER, Ground.BOOK, Ground.INDEX, Ground.DEPTH, Ground.RULE)
    posting = Trade("account", "counterparty")
    forces = True
    sets = True
    private = True

    liquidation_id: LiquidationNumber
    order_id: OrderNumber
    trade_id: TradeNumber
    account: AccountNumber
    counterparty: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    price_ticks: Price
    value_atoms: InstrumentAmount
    left_lots: Size
    eaten_lots: Size
    provenance: Provenance | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        liquidation = ledger.liquidation(self.liquidation_id)
        ledger.trades += 1
        order = liquidation.order
        if order is not None and order.order_id == self.order_id:
            order.left_lots = self.left_lots
            order.open = self.left_lots > 0
        ledger.markets[self.instrument].eat(self.size_lots, self.eaten_lots, event.at_ns, event.seq)
        if ledger.accounts[self.account].kind == "insurance":
            ledger.trade_of_fund(self.instrument, self.size_lots, self.value_atoms)
            ledger.sell_inventory(liquidation, self.instrument, -self.size_lots)
        else:
            liquidation.closed_instrument = self.instrument

    def says(self, names: Names) -> str:
        trade = names.trade(self.instrument, self.size_lots, self.price_ticks)
        left = names.left(self.instrument, self.left_lots)
        who = names.account(self.account)
        return f"{who} {trade} by order {self.order_id}{left}"

    def tells(self, case: Case) -> str:
        names, mark_ticks = case.names, case.market(self.instrument).mark_ticks
        trade = names.trade(self.instrument, self.size_lots, self.price_ticks)
        apart = f", {names.change(self.price_ticks - mark_ticks, mark_ticks)} from the mark" if mark_ticks else ""
        apart = ", the mark" if self.price_ticks == mark_ticks else apart
        left = names.units(self.instrument, self.left_lots)
        eaten = names.units(self.instrument, self.eaten_lots)
        side = "asks" if self.size_lots > 0 else "bids"
        first = (
            f"{names.account(self.account)} {trade}{apart}, for "
            f"{names.value(self.instrument, self.value_atoms)}, by order {self.order_id} of liquidation "
            f"{self.liquidation_id}; {left} of the order were left."
        )
        return case.joined(
            first, f"After it, with what earlier orders took, {eaten} of the {side} were gone.", case.followed()
        )


class PositionTakenOver(BodyBase, frozen=True, tag=64):
    """The fund took a position (`size_lots` as held) at `value_atoms`; `price_ticks` is that per lot, for reading."""

    grounds = (Ground.LIQUIDATION, Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.FUND, Ground.RULE)
    posting = Trade("fund", "account", taker_leg="liquidation_id", giver_leg="leg")
    steps = {"bankrupt": "taken_over", "taken_over": "taken_over", "deleveraged": "taken_over"}
    forces = True

    liquidation_id: LiquidationNumber
    account: AccountNumber
    fund: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    value_atoms: InstrumentAmount
    price_ticks: Price
    provenance: Provenance | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.move_on(self)
        liquidation = ledger.liquidation(self.liquidation_id)
        liquidation.closed_instrument = self.instrument
        if ledger.accounts[self.fund].kind != "insurance":
            return  # a vault, whose positions are its own: what it does with them is no inventory
        ledger.trade_of_fund(self.instrument, self.size_lots, self.value_atoms)
        taken = liquidation.taken_lots
        taken[self.instrument] = taken.get(self.instrument, 0) + self.size_lots

    def says(self, names: Names) -> str:
        held = names.held(self.instrument, self.size_lots)
        at = names.average(self.instrument, self.size_lots, self.value_atoms)
        return f"{names.account(self.fund)} took {held} over from {names.account(self.account)} at {at}"

    def tells(self, case: Case) -> str:
        names, account = case.names, case.ledger.accounts[self.account]
        key, market = (self.instrument, self.leg), case.market(self.instrument)
        mark_value = market.payoff.value_atoms(self.size_lots, market.mark_ticks)
        gain_atoms = mark_value - self.value_atoms
        stands = "gain" if gain_atoms >= 0 else "loss"
        rule = ""
        if key in account.positions and case.bankruptcy_values(self.account)[key] == self.value_atoms:
            rule = ", its bankruptcy value, so that the account ends at exactly zero"
        elif not gain_atoms:
            rule = ", its value at the mark, which costs the fund nothing there and then"
        first = (
            f"{names.account(self.fund)} took {names.held(self.instrument, self.size_lots)} over from "
            f"{names.account(self.account)} at "
            f"{names.average(self.instrument, self.size_lots, self.value_atoms)}, "
            f"{names.value(self.instrument, self.value_atoms)} in all{rule}."
        )
        second = (
            f"At the mark of {names.price(self.instrument, market.mark_ticks)} the fund began with a {stands} of "
            f"{names.value(self.instrument, gain_atoms)} on it."
        )
        return case.joined(first, second if gain_atoms else "", case.followed())


class LiquidationEnded(BodyBase, frozen=True, tag=65):
    """The liquidation is over; the account is free again."""

    grounds = (Ground.LIQUIDATION, Ground.MARK, Ground.CONVERSION, Ground.BALANCE, Ground.RULE)
    steps = {"liquidating": "healthy", "bankrupt": "healthy", "taken_over": "healthy", "deleveraged": "healthy"}
    forces = True

    liquidation_id: LiquidationNumber
    account: AccountNumber
    outcome: LiquidationOutcome
    equity_atoms: AccountAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.move_on(self).liquidation_id = None
        liquidation = ledger.liquidation(self.liquidation_id)
        liquidation.ended = True
        ledger.forget_if_done(liquidation)

    def says(self, names: Names) -> str:
        who, equity = names.account(self.account), names.money(self.account, self.equity_atoms)
        return f"liquidation {self.liquidation_id} of {who} ended: {self.outcome}, equity {equity}"

    def tells(self, case: Case) -> str:
        names, equity = case.names, case.names.money(self.account, self.equity_atoms)
        first = f"Liquidation {self.liquidation_id} of {names.account(self.account)} ended"
        if self.outcome == "restored":
            level_bps = case.rule("restored_bps")
            level = "over the requirement"
            if level_bps is not None and case.figures is not None:
                requirement = names.money(self.account, case.figures[1])
                level = f"at {names.times(level_bps)}the maintenance requirement of {requirement}, or over"
            told = (
                f"{first}, because its equity of {equity}{case.haircut()} was back {level}; what is left of its "
                "positions stays open."
            )
        elif self.outcome == "closed":
            told = f"{first}, because every position was sold; {equity} are left."
        else:
            told = f"{first} with {equity}: the insurance fund or auto-deleveraging had closed all that it held."
        return case.joined(told, case.held(), case.followed(), case.agreement())


class BankruptcyDeclared(BodyBase, frozen=True, tag=66):
    """No equity is left, or the market cannot close the account above its bankruptcy value: over to the waterfall."""

    grounds = (
        Ground.LIQUIDATION,
        Ground.MARK,
        Ground.CONVERSION,
        Ground.BALANCE,
        Ground.INDEX,
        Ground.DEPTH,
        Ground.FAULT,
        Ground.RULE,
    )
    steps = {"liquidating": "bankrupt"}
    forces = True

    liquidation_id: LiquidationNumber
    account: AccountNumber
    equity_atoms: AccountAmount
    requirement_atoms: AccountAmount
    reason: str

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.move_on(self)

    def says(self, names: Names) -> str:
        equity = names.money(self.account, self.equity_atoms)
        who = names.account(self.account)
        return f"{who} was declared bankrupt with an equity of {equity}: {reason_told(self.reason)}"

    def tells(self, case: Case) -> str:
        names, account = case.names, case.ledger.accounts[self.account]
        equity, requirement = (
            names.money(self.account, atoms) for atoms in (self.equity_atoms, self.requirement_atoms)
        )
        first = (
            f"{names.account(self.account)} was declared bankrupt in liquidation {self.liquidation_id}, because "
            f"{reason_told(self.reason)}. Its equity was {equity}, its maintenance requirement {requirement}."
        )
        prices = [
            f"{names.average(key[0], held.size_lots, value)} for its {names.held(key[0], held.size_lots)} (mark "
            f"{names.price(key[0], case.market(key[0]).mark_ticks)})"
            for key, value in case.bankruptcy_values(self.account).items()
            for held in (account.positions[key],)
        ]
        price = f"{'price' if len(prices) == 1 else 'prices'}, at which it ends with exactly nothing,"
        told = (
            f"Its bankruptcy {price} {'was' if len(prices) == 1 else 'were'} {' and '.join(prices)}." if prices else ""
        )
        return case.joined(first, self.level(case.names, case.rule), told, case.followed(), case.agreement())

    def level(self, names: Names, rule: Callable[[str], int | None]) -> str:
        """The level of equity that the rule goes by, where that is another than the requirement itself."""
        restored_bps = rule("restored_bps") or 0
        part, whole = rule("backstop_numerator"), rule("backstop_denominator")
        if part and whole and self.equity_atoms * whole < part * self.requirement_atoms:
            level = names.money(self.account, self.requirement_atoms * part // whole)
            return f"The venue takes an account over whole below {part}/{whole} of the requirement, {level} here."
        if self.equity_atoms < self.requirement_atoms or restored_bps <= _BPS:
            return ""
        level = names.money(self.account, -(-self.requirement_atoms * restored_bps // _BPS))
        return (
            "That was over the requirement again, but a liquidation that has begun goes on until the equity is at "
            f"{names.times(restored_bps)}the requirement, {level}, or over."
        )


LiquidationBody = (
    LiquidationStarted
    | OrdersCancelled
    | LiquidationOrdered
    | LiquidationFilled
    | PositionTakenOver
    | LiquidationEnded
    | BankruptcyDeclared
)

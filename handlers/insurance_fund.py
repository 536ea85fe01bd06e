"""The insurance fund: takes fees in, takes bankrupt positions over while it can, and sells them off.

1. capacity = the fund's cash + its inventory at the mark - its floor.
2. A bankrupt account is taken over at its bankruptcy value, so that it ends at exactly zero, if afterwards the capacity
   still covers `capital_bps` of what the fund would hold, net per instrument; else a shortfall is declared.
3. A negative balance without positions is paid in cash if the capacity covers it; else a shortfall is declared.
4. Every `sale_interval_ns` it sells one part in `sale_parts` of what it holds of an instrument, the oldest lots
   first, at whatever the depth gives.
5. Before it sells, a fund whose capacity is gone declares a shortfall for its inventory, at most once in `retry_ns`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ..events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationFilled,
    LiquidationOrdered,
    PositionTakenOver,
)
from ..events.bodies.venue import TimerFired, TimerSet
from ..events.bodies.waterfall import (
    InsuranceFundCredited,
    InsuranceFundDebited,
    PositionDeleveraged,
    ShortfallDeclared,
)
from ..events.envelope import Event
from ..events.ledger import Account, LedgerState
from ..events.vocabulary import Body
from .inventory import Inventory
from .protocol import Handler, Product
from .valuation import BPS, bankruptcy_values, margin_of

__all__ = ["FundParameters", "InsuranceFund"]

_SALE = "inventory sale"
_RETRY = "inventory shortfall"


class FundParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`fee_bps` of what a forced order trades goes to the fund, as far as the account's equity allows."""

    floor_atoms: int = 0
    fee_bps: int = 50
    capital_bps: int = 500
    sale_parts: int = 10
    sale_interval_ns: int = 10_000_000_000
    retry_ns: int = 60_000_000_000

    def __post_init__(self) -> None:
        """Refuse what would never sell or wait."""
        if (
            self.sale_parts < 1
            or self.sale_interval_ns < 1
            or self.retry_ns < 1
            or min(self.fee_bps, self.capital_bps) < 0
        ):
            message = (
                "sale_parts, sale_interval_ns and retry_ns must be at least 1, fee_bps and capital_bps not negative"
            )
            raise ValueError(message)


class InsuranceFund(Handler):
    """Absorbs down to a floor."""

    name: ClassVar[str] = "insurance_fund"
    policy: ClassVar[str] = "floor"
    subscribes: ClassVar[tuple[type[Body], ...]] = (
        LiquidationFilled,
        BankruptcyDeclared,
        PositionTakenOver,
        TimerFired,
    )
    observes: ClassVar[tuple[type[Body], ...]] = (
        LiquidationFilled,
        PositionTakenOver,
        PositionDeleveraged,
        TimerSet,
        TimerFired,
    )
    Parameters: ClassVar[type[msgspec.Struct]] = FundParameters

    def __init__(self, parameters: FundParameters) -> None:
        """Keep the rules; nothing is held and no timer pending."""
        self.rules = parameters
        self._inventory = Inventory()
        self._pending: set[tuple[str, int | None]] = set()

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Keep the sums of the inventory, and which of the fund's timers are pending."""
        body = event.body
        if isinstance(body, TimerSet | TimerFired):
            if body.purpose in (_SALE, _RETRY):
                change = self._pending.add if isinstance(body, TimerSet) else self._pending.discard
                change((body.purpose, body.instrument))
        elif isinstance(body, PositionTakenOver):
            self._inventory.note(ledger, (body.instrument, body.liquidation_id))
        elif isinstance(body, LiquidationFilled) and ledger.accounts[body.account].kind == "insurance":
            self._inventory.note(ledger, (body.instrument, body.leg))
        elif isinstance(body, PositionDeleveraged) and ledger.accounts[body.against].kind == "insurance":
            self._inventory.note(ledger, (body.instrument, body.against_leg))

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Both follow from the ledger."""
        self._inventory.rebuild(ledger)
        timers = [pending.timer for pending in ledger.timers.values()]
        self._pending = {(t.purpose, t.instrument) for t in timers if t.purpose in (_SALE, _RETRY)}

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Each thing it hears of has one answer."""
        body = event.body
        if isinstance(body, LiquidationFilled):
            return self._fee(body, ledger)
        if isinstance(body, BankruptcyDeclared):
            return self._absorb(body, ledger)
        if isinstance(body, PositionTakenOver):
            pending = (_SALE, body.instrument) in self._pending
            return () if pending else (self._next_sale(body.instrument, now_ns),)
        if isinstance(body, TimerFired) and body.purpose == _SALE and body.instrument is not None:
            return self._sale(body.instrument, ledger, now_ns)
        return ()

    def capacity_atoms(self, ledger: LedgerState, asset: int) -> int:
        """Cash plus inventory at the mark, less the floor; O(instruments)."""
        cash_atoms = ledger.accounts[ledger.fund(asset)].balance_atoms
        return cash_atoms + self._inventory.profit_atoms(ledger, asset) - self.rules.floor_atoms

    def _fee(self, fill: LiquidationFilled, ledger: LedgerState) -> Iterable[Product]:
        account = ledger.accounts[fill.account]
        equity_atoms = margin_of(account, ledger.markets).equity_atoms if account.kind == "user" else 0
        fee_atoms = min(abs(fill.value_atoms) * self.rules.fee_bps // BPS, equity_atoms)
        if fee_atoms <= 0:
            return ()
        fund = ledger.fund(account.asset)
        return (InsuranceFundCredited(fill.liquidation_id, fill.account, fund, fee_atoms),)

    def _absorb(self, body: BankruptcyDeclared, ledger: LedgerState) -> Iterable[Product]:
        account = ledger.accounts[body.account]
        capacity_atoms = self.capacity_atoms(ledger, account.asset)
        equity_atoms = margin_of(account, ledger.markets).equity_atoms
        needed_atoms = -equity_atoms + self._capital_atoms(account, ledger)
        if needed_atoms > capacity_atoms:
            return (ShortfallDeclared(body.liquidation_id, body.account, "bankruptcy", needed_atoms, capacity_atoms),)
        fund = ledger.fund(account.asset)
        if not account.positions:
            return (InsuranceFundDebited(body.liquidation_id, body.account, fund, -account.balance_atoms),)
        return takeover(body.liquidation_id, account, ledger, bankruptcy_values(account, ledger))

    def _capital_atoms(self, account: Account, ledger: LedgerState) -> int:
        """What the rule asks the fund to keep against all it would hold after taking this account on, rounded up."""
        if not account.positions:
            return 0
        lots = {i: self._inventory.lots(i) for i, m in enumerate(ledger.markets) if m.listing.asset == account.asset}
        for (instrument, _), held in account.positions.items():
            lots[instrument] += held.size_lots
        markets = ledger.markets
        notional = sum(abs(markets[i].payoff.value_atoms(net, markets[i].mark_ticks)) for i, net in lots.items())
        return -(-notional * self.rules.capital_bps // BPS)

    def _next_sale(self, instrument: int, now_ns: int) -> Product:
        return TimerSet(_SALE, now_ns + self.rules.sale_interval_ns, None, instrument)

    def _sale(self, instrument: int, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A shortfall if the fund is short, else one part of the lots; and the next timer while anything is held."""
        market = ledger.markets[instrument]
        inventory = ledger.inventory(market.listing.asset)
        lots = {key[1]: held.size_lots for key, held in inventory.items() if key[0] == instrument}
        if not lots:
            return ()
        products = self._inventory_shortfall(ledger, market.listing.asset, now_ns)
        if not products and market.halted_until_ns is None:
            products = self._orders(instrument, lots, ledger)
        return products if (_SALE, instrument) in self._pending else [*products, self._next_sale(instrument, now_ns)]

    def _orders(self, instrument: int, lots: dict[int, int], ledger: LedgerState) -> list[Product]:
        """Orders for the oldest lots, one a lot, up to one part of all."""
        left = -(-sum(abs(held) for held in lots.values()) // self.rules.sale_parts)
        fund, orders = ledger.fund(ledger.markets[instrument].listing.asset), ledger.orders
        products: list[Product] = []
        for liquidation_id, held in lots.items():
            if not left:
                break
            size, orders = min(left, abs(held)), orders + 1
            left -= size
            trade, whole = (-size if held > 0 else size), size == abs(held)
            step = ledger.liquidations[liquidation_id].steps
            order = LiquidationOrdered(
                liquidation_id, orders, fund, instrument, liquidation_id, trade, None, step, whole
            )
            products.append(order)
        return products

    def _inventory_shortfall(self, ledger: LedgerState, asset: int, now_ns: int) -> list[Product]:
        capacity_atoms, fund = self.capacity_atoms(ledger, asset), ledger.fund(asset)
        if capacity_atoms >= 0 or (_RETRY, None) in self._pending:
            return []
        shortfall = ShortfallDeclared(None, fund, "inventory", -capacity_atoms, capacity_atoms)
        return [shortfall, TimerSet(_RETRY, now_ns + self.rules.retry_ns, fund)]


def takeover(
    liquidation_id: int, account: Account, ledger: LedgerState, values: dict[tuple[int, int], int]
) -> list[Product]:
    """The fund takes these positions at these values."""
    fund = ledger.fund(account.asset)
    products: list[Product] = []
    for (instrument, leg), value in values.items():
        held = account.positions[instrument, leg]
        price = ledger.markets[instrument].payoff.price_ticks(held.size_lots, value)
        body = PositionTakenOver(liquidation_id, account.account, fund, instrument, leg, held.size_lots, value, price)
        products.append(body)
    return products

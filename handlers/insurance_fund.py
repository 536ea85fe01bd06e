"""The insurance fund: takes fees in, takes bankrupt positions over while it can, and sells them off.

1. capacity = the fund's cash + its inventory at the mark - its floor.
2. A bankrupt account is taken over at its bankruptcy value, so that it ends at exactly zero, if afterwards the capacity
   still covers `capital_bps` of the notional that the fund would hold; else a shortfall is declared.
3. A negative balance without positions is paid in cash if the capacity covers it; else a shortfall is declared.
4. What was taken over is sold in `sale_parts` equal parts, one every `sale_interval_ns`, at whatever the depth gives.
5. At each sale, a fund whose capacity is gone declares a shortfall for its inventory first, at most once in `retry_ns`.
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
from ..events.bodies.waterfall import InsuranceFundCredited, InsuranceFundDebited, ShortfallDeclared
from ..events.envelope import Event
from ..events.ledger import Account, LedgerState
from ..events.vocabulary import Body
from .protocol import Handler, Product
from .valuation import BPS, bankruptcy_values, margin_of, position_value

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
        if self.sale_parts < 1 or self.sale_interval_ns < 1 or self.retry_ns < 1 or min(self.fee_bps, self.capital_bps) < 0:
            message = "sale_parts, sale_interval_ns and retry_ns must be at least 1, fee_bps and capital_bps not negative"
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
    Parameters: ClassVar[type[msgspec.Struct]] = FundParameters

    def __init__(self, parameters: FundParameters) -> None:
        """Keep the rules."""
        self.rules = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Each thing it hears of has one answer."""
        body = event.body
        if isinstance(body, LiquidationFilled):
            return self._fee(body, ledger)
        if isinstance(body, BankruptcyDeclared):
            return self._absorb(body, ledger)
        if isinstance(body, PositionTakenOver):
            return (self._next_sale(body.liquidation_id, body.instrument, now_ns),)
        if isinstance(body, TimerFired) and body.purpose == _SALE:
            return self._sell(body, ledger, now_ns)
        return ()

    def capacity_atoms(self, ledger: LedgerState, asset: int) -> int:
        """Cash plus inventory at the mark, less the floor; O(lots of inventory)."""
        fund = ledger.accounts[ledger.fund(asset)]
        return margin_of(fund, ledger.markets).equity_atoms - self.rules.floor_atoms

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
        needed_atoms = -equity_atoms + self._capital(account, ledger)
        if needed_atoms > capacity_atoms:
            shortfall = ShortfallDeclared(
                body.liquidation_id, body.account, "bankruptcy", needed_atoms, capacity_atoms
            )
            return (shortfall,)
        fund = ledger.fund(account.asset)
        if not account.positions:
            return (InsuranceFundDebited(body.liquidation_id, body.account, fund, -account.balance_atoms),)
        return takeover(body.liquidation_id, account, ledger, bankruptcy_values(account, ledger))

    def _capital(self, account: Account, ledger: LedgerState) -> int:
        """What the rule asks the fund to keep against all it would hold, rounded up."""
        fund = ledger.accounts[ledger.fund(account.asset)]
        notional = sum(_notional(holder, ledger) for holder in (fund, account))
        return -(-notional * self.rules.capital_bps // BPS) if account.positions else 0

    def _next_sale(self, liquidation_id: int, instrument: int, now_ns: int) -> Product:
        return TimerSet(_SALE, now_ns + self.rules.sale_interval_ns, None, instrument, liquidation_id)

    def _sell(self, body: TimerFired, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """One part of the lot, at least one, unless the fund is short; and the next timer while anything is left."""
        assert body.instrument is not None and body.liquidation_id is not None
        asset = ledger.markets[body.instrument].listing.asset
        held = ledger.inventory(asset).get((body.instrument, body.liquidation_id))
        if held is None:
            return ()
        again = self._next_sale(body.liquidation_id, body.instrument, now_ns)
        shortfall = self._inventory_shortfall(ledger, asset, now_ns)
        if shortfall:
            return (*shortfall, again)
        liquidation = ledger.liquidations[body.liquidation_id]
        if ledger.markets[body.instrument].halted_until_ns is not None:
            return (again,)
        part = -(-abs(liquidation.taken_lots[body.instrument]) // self.rules.sale_parts)
        lots = min(part, abs(held.size_lots))
        order = LiquidationOrdered(
            body.liquidation_id,
            ledger.orders + 1,
            ledger.fund(asset),
            body.instrument,
            body.liquidation_id,
            -lots if held.size_lots > 0 else lots,
            None,
            liquidation.steps,
            lots == abs(held.size_lots),
        )
        return (order, again)

    def _inventory_shortfall(self, ledger: LedgerState, asset: int, now_ns: int) -> tuple[Product, ...]:
        capacity_atoms = self.capacity_atoms(ledger, asset)
        if capacity_atoms >= 0 or any(timer.purpose == _RETRY for timer in ledger.timers.values()):
            return ()
        fund = ledger.fund(asset)
        shortfall = ShortfallDeclared(None, fund, "inventory", -capacity_atoms, capacity_atoms)
        return (shortfall, TimerSet(_RETRY, now_ns + self.rules.retry_ns, fund))


def takeover(
    liquidation_id: int, account: Account, ledger: LedgerState, values: dict[tuple[int, int], int]
) -> list[Product]:
    """The fund takes these positions at these values."""
    fund = ledger.fund(account.asset)
    products: list[Product] = []
    for (instrument, leg), value in values.items():
        held = account.positions[instrument, leg]
        price = ledger.markets[instrument].payoff.price_ticks(held.size_lots, value)
        body = PositionTakenOver(
            liquidation_id, account.account, fund, instrument, leg, held.size_lots, value, price
        )
        products.append(body)
    return products


def _notional(account: Account, ledger: LedgerState) -> int:
    return sum(abs(position_value(ledger.markets[key[0]], held)) for key, held in account.positions.items())

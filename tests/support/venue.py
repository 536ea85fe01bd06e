"""A small venue for tests: a ledger that takes bodies as they come, with the venue's own accounts opened.

One asset, USDT; the venue's accounts are numbers 0 to 3, traders are numbered from 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from deleverage.events.bodies.inputs import BalanceStated, DepthQuoted, PositionStated
from deleverage.events.bodies.liquidation import BankruptcyDeclared, LiquidationFilled, LiquidationStarted
from deleverage.events.bodies.listing import (
    AccountMode,
    AccountOpened,
    AssetListed,
    InstrumentKind,
    InstrumentListed,
    Tier,
)
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.run import Producer, RunStarted
from deleverage.events.envelope import Event, Origin
from deleverage.events.ledger import Account, Ledger
from deleverage.events.vocabulary import SCHEMA, Body
from deleverage.handlers.protocol import Linked, Product

from .made import made

__all__ = ["FEES", "FUND", "LIQUIDITY", "OUTSIDE", "Book", "bodies", "book_of", "filled", "listed", "tiers_of"]

OUTSIDE, LIQUIDITY, FUND, FEES = range(4)

_KINDS = ("outside", "liquidity", "insurance", "fees")
_MICRO = 10**6


def tiers_of(*floors_and_rates: tuple[int, int]) -> tuple[Tier, ...]:
    """Continuous tiers from (floor in atoms, rate in parts per million), worked out bracket by bracket."""
    amounts = [0]
    for (_, rate), (floor, next_rate) in pairwise(floors_and_rates):
        amounts.append(amounts[-1] + floor * (next_rate - rate))
    return tuple(Tier(floor, rate, amount) for (floor, rate), amount in zip(floors_and_rates, amounts, strict=True))


def filled(account: int, size_lots: int, price_ticks: int, **fields: Any) -> LiquidationFilled:
    """The first fill of liquidation 1's first order, by outside liquidity; `fields` are what else differs."""
    usual = {"liquidation_id": 1, "order_id": 1, "trade_id": 1, "counterparty": LIQUIDITY}
    traded = {"size_lots": size_lots, "price_ticks": price_ticks, "value_atoms": size_lots * price_ticks}
    return made(LiquidationFilled, account=account, **(usual | traded | fields))


def listed(
    instrument: int = 0,
    *,
    tiers: Sequence[Tier] = (),
    multiplier_atoms: int = 1,
    refill_half_life_ns: int = 0,
    impact_bps: int = 0,
    kind: InstrumentKind = "linear",
) -> InstrumentListed:
    """An instrument with a tick and a lot of one; linear, and with 10% maintenance, if nothing else is said."""
    return made(
        InstrumentListed,
        instrument=instrument,
        name=f"I{instrument}",
        venue="test",
        kind=kind,
        tick_size="1",
        lot_size="1",
        multiplier_atoms=multiplier_atoms,
        tiers=tuple(tiers) or tiers_of((0, 100_000)),
        refill_half_life_ns=refill_half_life_ns,
        impact_bps=impact_bps,
    )


def bodies(products: Iterable[Product]) -> list[Body]:
    """Products without their links."""
    return [product.body if isinstance(product, Linked) else product for product in products]


class Book:
    """A ledger and the events folded into it."""

    def __init__(
        self, *instruments: InstrumentListed, fund_atoms: int = 0, seed: int = 1, producers: tuple[Producer, ...] = ()
    ) -> None:
        """Start a run, list the asset and the instruments, and open the venue's own accounts."""
        self.ledger, self.events, self.now_ns = Ledger(), list[Event](), 0
        self.put(
            made(
                RunStarted,
                schema=SCHEMA,
                scenario="test",
                rulebook="test",
                producers=producers,
                seed=seed,
                prices="endogenous",
            )
        )
        self.put(AssetListed(0, "USDT", 6))
        for instrument in instruments or (listed(),):
            self.put(instrument)
        for number, kind in enumerate(_KINDS):
            self.put(AccountOpened(number, kind, "test", kind, "cross", 0))  # type: ignore[arg-type]
        if fund_atoms:
            self.put(BalanceStated(FUND, fund_atoms))

    def put(self, body: Body, *, cause: int | None = None, links: tuple[int, ...] = ()) -> Event:
        """Fold one body as the next event, now."""
        origin = Origin.INPUT if cause is None else Origin.DECIDED
        event = Event(self.ledger.seq, self.now_ns, origin, cause, links, None, body)
        self.ledger.fold(event)
        self.events.append(event)
        return event

    def take(self, products: Iterable[Product]) -> list[Event]:
        """Fold a handler's products, all at once."""
        return [self.put(body) for body in bodies(products)]

    def user(
        self,
        balance_atoms: int = 0,
        *positions: tuple[int, int, int],
        mode: AccountMode = "cross",
        owner: int | None = None,
    ) -> int:
        """Open a trader with a balance and (instrument, lots, entry price) positions on leg 0; returns its number."""
        number = len(self.ledger.accounts)
        self.put(AccountOpened(number, f"user{number}", "test", "user", mode, 0, owner))
        if balance_atoms:
            self.put(BalanceStated(number, balance_atoms))
        for instrument, lots, price in positions:
            self.hold(number, instrument, lots, price)
        return number

    def hold(self, account: int, instrument: int, lots: int, price: int, leg: int = 0) -> None:
        """State a position bought at a price."""
        cost = self.ledger.markets[instrument].payoff.value_atoms(lots, price)
        self.put(PositionStated(account, instrument, leg, lots, cost))

    def mark(self, *prices: int | None) -> list[Event]:
        """Mark the instruments, in their order, at these prices, in one instant; None leaves one as it is."""
        return [self.put(MarkPriced(i, price, 0, price)) for i, price in enumerate(prices) if price is not None]

    def depth(self, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]], instrument: int = 0) -> None:
        """Quote depth: (basis points, lots up to there) per side."""
        self.put(DepthQuoted(instrument, tuple(bids), tuple(asks)))

    def account(self, number: int) -> Account:
        """An account by its number."""
        return self.ledger.accounts[number]

    def liquidate(self, number: int) -> int:
        """Start a liquidation of this account; returns its id."""
        liquidation_id = self.ledger.liquidations_started + 1
        self.put(LiquidationStarted(liquidation_id, number, 0, 0))
        return liquidation_id

    def bankrupt(self, number: int) -> Event:
        """Start a liquidation and declare the account bankrupt; returns the declaration."""
        return self.put(BankruptcyDeclared(self.liquidate(number), number, 0, 0, "test"))


def book_of(traders: Iterable[tuple[int, int, int]]) -> Book:
    """One instrument marked at 100, and who holds it: each by balance, lots (perhaps none) and the price they cost."""
    book = Book(listed(0))
    for balance_atoms, lots, price_ticks in traders:
        user = book.user(balance_atoms)
        if lots:
            book.hold(user, 0, lots, price_ticks)
    book.mark(100)
    return book

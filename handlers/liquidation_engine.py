"""The liquidation engine: part first, then the whole, and over to the waterfall when no equity is left.

1. One liquidation has at most one order working; each step is decided anew from the ledger when the last one is done.
2. Restored as soon as equity is back at `restored_bps` of the requirement.
3. The first order closes a share of the position that needs most margin; after the cooldown come whole positions, one
   by one, the most demanding first. A position under `whole_below_atoms` of notional is closed whole at once.
4. No equity, or an order for a whole position that finds no depth within its limit: bankrupt. With the limit
   `bankruptcy` no order trades beyond the bankruptcy price, so the market never costs more than the account has.
5. In a halt it waits, and goes on when trading resumes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

import msgspec

from ..events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
    PositionTakenOver,
)
from ..events.bodies.venue import TimerFired, TimerSet, TradingResumed
from ..events.bodies.waterfall import BalanceWrittenOff, DeleveragingEnded, InsuranceFundDebited, LossSocialized
from ..events.envelope import Event
from ..events.ledger import Account, LedgerState, Liquidation, PositionKey
from ..events.vocabulary import Body
from .market import NO_DEPTH
from .protocol import Handler, Product
from .valuation import BPS, Margin, bankruptcy_price, largest_position, margin_of, slack

__all__ = ["LiquidationEngine", "LiquidationParameters"]

_COOLDOWN = "liquidation cooldown"
_WATERFALL = (PositionTakenOver, DeleveragingEnded, InsuranceFundDebited, LossSocialized, BalanceWrittenOff)


class LiquidationParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`first_share_bps` of a position in the first order; the rest after `cooldown_ns`; see the rules above."""

    first_share_bps: int = 2_000
    cooldown_ns: int = 30_000_000_000
    whole_below_atoms: int = 0
    restored_bps: int = 11_000
    limit: Literal["bankruptcy", "none"] = "bankruptcy"

    def __post_init__(self) -> None:
        """Refuse shares over the whole and an end below the requirement."""
        if not 0 < self.first_share_bps <= BPS or self.restored_bps < BPS or self.cooldown_ns < 0:
            message = (
                "first_share_bps must lie in 1..10000, restored_bps be at least 10000, cooldown_ns not be negative"
            )
            raise ValueError(message)


class LiquidationEngine(Handler):
    """Decides each step of a liquidation; the market, the fund and the ADL engine do the rest."""

    name: ClassVar[str] = "liquidation"
    policy: ClassVar[str] = "partial-then-whole"
    subscribes: ClassVar[tuple[type[Body], ...]] = (
        LiquidationStarted,
        LiquidationFilled,
        OrdersCancelled,
        TimerFired,
        TradingResumed,
        *_WATERFALL,
    )
    Parameters: ClassVar[type[msgspec.Struct]] = LiquidationParameters

    def __init__(self, parameters: LiquidationParameters) -> None:
        """Keep the steps' figures."""
        self.rules = parameters

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The next step of the liquidation that this event moved."""
        body = event.body
        if isinstance(body, LiquidationStarted):
            cancelled = OrdersCancelled(body.liquidation_id, body.account, None, 0, "liquidation started")
            liquidation = ledger.liquidations.get(body.liquidation_id)
            return (cancelled, *(() if liquidation is None else self._next(ledger, liquidation, now_ns)))
        if isinstance(body, LiquidationFilled | OrdersCancelled):
            return self._order_done(body, ledger, now_ns)
        if isinstance(body, TimerFired):
            return self._cooled(body, ledger, now_ns)
        if isinstance(body, TradingResumed):
            return self._resumed(ledger, now_ns)
        assert isinstance(body, _WATERFALL)
        return self._ended(ledger, body.bankrupt if isinstance(body, LossSocialized) else body.account)

    def _order_done(
        self, body: LiquidationFilled | OrdersCancelled, ledger: LedgerState, now_ns: int
    ) -> Iterable[Product]:
        """A fill that leaves nothing, or a rest that is cancelled, closes the order: on to the next step."""
        liquidation = ledger.liquidations.get(body.liquidation_id)
        if liquidation is None or liquidation.order is None or body.order_id != liquidation.order.order_id:
            return ()
        if isinstance(body, LiquidationFilled) and body.left_lots:
            return ()
        unfilled = isinstance(body, OrdersCancelled) and body.reason == NO_DEPTH
        return self._next(ledger, liquidation, now_ns, unfilled=unfilled)

    def _cooled(self, body: TimerFired, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        if body.purpose != _COOLDOWN or body.liquidation_id is None:
            return ()
        liquidation = ledger.liquidations.get(body.liquidation_id)
        return () if liquidation is None else self._next(ledger, liquidation, now_ns, cooled=True)

    def _resumed(self, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """All liquidations that a halt left without an order or a cooldown, in the order they started."""
        products: list[Product] = []
        for liquidation in ledger.liquidations.values():
            orders = ledger.orders + sum(isinstance(p, LiquidationOrdered) for p in products)
            products += self._next(ledger, liquidation, now_ns, cooled=True, orders=orders)
        return products

    def _next(  # noqa: PLR0911 - one return for each way a step can go
        self,
        ledger: LedgerState,
        liquidation: Liquidation,
        now_ns: int,
        *,
        unfilled: bool = False,
        cooled: bool = False,
        orders: int | None = None,
    ) -> Iterable[Product]:
        """Restored, closed, bankrupt, cooling down, waiting, or another order: the first that applies.

        Nothing while an order is working or a cooldown runs: with a latency, what is told here may be overtaken.
        """
        account = ledger.accounts[liquidation.account]
        if account.liquidation_id != liquidation.liquidation_id or account.status != "liquidating":
            return ()
        if liquidation.is_waiting():
            return ()
        margin = margin_of(account, ledger.markets)
        key = largest_position(account, ledger.markets)
        over = self._over(liquidation, account, margin, key)
        if over is not None or key is None:
            return over or ()
        if ledger.markets[key[0]].halted_until_ns is not None:
            return ()
        last = liquidation.order
        if unfilled and last is not None and last.whole:
            return (_bankrupt(liquidation, margin, "no depth above the bankruptcy price"),)
        if last is not None and not last.whole and not cooled and self.rules.cooldown_ns:
            due_ns = now_ns + self.rules.cooldown_ns
            return (TimerSet(_COOLDOWN, due_ns, account.account, None, liquidation.liquidation_id),)
        return (self._order(ledger, liquidation, key, ledger.orders if orders is None else orders),)

    def _over(
        self, liquidation: Liquidation, account: Account, margin: Margin, key: PositionKey | None
    ) -> Iterable[Product] | None:
        """How the liquidation ends here, or None."""
        if key is None and account.balance_atoms >= 0:
            return (LiquidationEnded(liquidation.liquidation_id, account.account, "closed", margin.equity_atoms),)
        if key is None:
            return (_bankrupt(liquidation, margin, "the balance is negative after the last fill"),)
        if slack(margin, self.rules.restored_bps) >= 0:
            return (LiquidationEnded(liquidation.liquidation_id, account.account, "restored", margin.equity_atoms),)
        if margin.equity_atoms <= 0:
            return (_bankrupt(liquidation, margin, "no equity left"),)
        return None

    def _order(self, ledger: LedgerState, liquidation: Liquidation, key: PositionKey, orders: int) -> Product:
        account = ledger.accounts[liquidation.account]
        market, held = ledger.markets[key[0]], account.positions[key]
        notional = abs(market.payoff.value_atoms(held.size_lots, market.mark_ticks))
        first = liquidation.steps == 0 and notional >= self.rules.whole_below_atoms
        share_bps = self.rules.first_share_bps if first else BPS
        lots = -(-abs(held.size_lots) * share_bps // BPS)
        whole = lots == abs(held.size_lots)
        size = -lots if held.size_lots > 0 else lots
        return LiquidationOrdered(
            liquidation.liquidation_id,
            orders + 1,
            account.account,
            *key,
            size,
            self._limit(account, ledger, key),
            liquidation.steps + 1,
            whole,
        )

    def _limit(self, account: Account, ledger: LedgerState, key: PositionKey) -> int | None:
        return None if self.rules.limit == "none" else bankruptcy_price(account, ledger, key)

    def _ended(self, ledger: LedgerState, number: int) -> Iterable[Product]:
        """The waterfall left the account without positions and not negative: it is free again."""
        account = ledger.accounts[number]
        done = account.liquidation_id is not None and not account.positions and account.balance_atoms >= 0
        if not done or account.status == "liquidating" or account.liquidation_id is None:
            return ()
        return (LiquidationEnded(account.liquidation_id, number, "bankrupt", account.balance_atoms),)


def _bankrupt(liquidation: Liquidation, margin: Margin, reason: str) -> Product:
    return BankruptcyDeclared(
        liquidation.liquidation_id, liquidation.account, margin.equity_atoms, margin.requirement_atoms, reason
    )

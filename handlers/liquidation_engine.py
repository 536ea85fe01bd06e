"""The liquidation engine: the machinery that every venue's liquidation shares; the steps are a policy's.

1. One liquidation has at most one order working; each step is decided anew from the ledger when the last one is done.
2. Closed when no position is left and the balance is not negative; restored as soon as equity is back at the policy's
   `restored_bps` of the requirement; over to the waterfall with a negative balance and no positions, or when the policy
   hands the account over.
3. Otherwise the policy says how long to pause and what to order next, on the position that needs most margin. With the
   limit at the bankruptcy price no order trades beyond it, so the market never costs more than the account has. Where
   the venue hedges a book with options, an order on its underlying may come before (`options/hedging.py`).
4. In a halt it waits, and goes on when trading resumes; so it does while the matching engine is down or the venue
   has failed. Where a fault
   makes it slow, orders leave one after the other, each at a timer. Once trading has stopped for good nothing more is
   decided: whoever is in liquidation stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec

from ..events.bodies.auctions import AuctionFilled
from ..events.bodies.collateral import CollateralSold
from ..events.bodies.faults import ActDelayed, FaultEnded, FaultKind
from ..events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
    PositionTakenOver,
)
from ..events.bodies.options import HedgeOrdered, OptionSettled
from ..events.bodies.venue import TimerFired, TimerSet, TradingResumed
from ..events.bodies.waterfall import BalanceWrittenOff, DeleveragingEnded, InsuranceFundDebited, LossSocialized
from ..events.envelope import Event
from ..events.ledger import Account, LedgerState, Liquidation
from ..events.ledger.faults import StandingFault
from ..events.vocabulary import Body
from .bands import OUT_OF_BAND, band_in_force
from .collateral.rules import rules_in_force
from .collateral.sale import CollateralSale, sold
from .faults import due_ns, fault_on, why_nothing_trades
from .market import NO_DEPTH
from .options.hedging import Hedge, hedge_next, position_next
from .policies.liquidation.step import Situation, StepPolicy
from .protocol import Handler, NoParameters, Product
from .valuation import Margin, margin_of, slack

__all__ = ["LiquidationEngine"]

_COOLDOWN = "liquidation cooldown"
_QUEUE = "liquidation queue"
_NONE = 0
_OWED = "the account owed it after its last position was closed"
_BEFORE_BANKRUPTCY = "collateral is sold before an account is bankrupt"
_STOPPING: tuple[FaultKind, ...] = ("outage", "venue-failure")
_ORDER = (LiquidationFilled, OrdersCancelled, AuctionFilled)
_WATERFALL = (PositionTakenOver, DeleveragingEnded, InsuranceFundDebited, LossSocialized, BalanceWrittenOff)


class _Turn(msgspec.Struct, frozen=True, gc=False):
    """What brings a liquidation on: an order that found nobody, or nobody in the band; a pause or a queue that is over.

    `ordered` and `queued` count what the same delivery did for others.
    """

    unfilled: bool = False
    banded: bool = False
    cooled: bool = False
    served: bool = False
    ordered: int = 0
    queued: int = 0


_PLAIN = _Turn()


class LiquidationEngine(Handler):
    """Decides each step of a liquidation; the market, the fund and the ADL engine do the rest."""

    name: ClassVar[str] = "liquidation"
    subscribes: ClassVar[tuple[type[Body], ...]] = (
        LiquidationStarted,
        *_ORDER,
        CollateralSold,
        TimerFired,
        TradingResumed,
        FaultEnded,
        OptionSettled,
        *_WATERFALL,
    )
    Parameters: ClassVar[type[msgspec.Struct]] = NoParameters

    def __init__(self, steps: StepPolicy) -> None:
        self.steps = steps
        self._answers: dict[type[Body], Callable[[Any, LedgerState, int], Iterable[Product]]] = {
            LiquidationStarted: self._begun,
            **dict.fromkeys(_ORDER, self._order_done),
            CollateralSold: self._begun,
            TimerFired: self._cooled,
            TradingResumed: self._resumed,
            FaultEnded: self._mended,
            OptionSettled: self._settled,
            **dict.fromkeys(_WATERFALL, self._paid),
        }

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The next step of the liquidation that this event moved."""
        return self._answers[type(event.body)](event.body, ledger, now_ns)

    def _begun(self, body: LiquidationStarted | CollateralSold, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The first step, or the next one after collateral was sold."""
        liquidation = ledger.liquidations.get(body.liquidation_id or _NONE)
        return () if liquidation is None else self._next(ledger, liquidation, now_ns)

    def _mended(self, body: FaultEnded, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A fault is over, which had stopped trading or not."""
        return self._resumed(body, ledger, now_ns) if body.kind in _STOPPING else ()

    def _settled(self, body: OptionSettled, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """An option of the account was settled as it expired: the next step, or the end, if that was the last."""
        account = ledger.accounts[body.account]
        liquidation = ledger.liquidations.get(account.liquidation_id or _NONE)
        if liquidation is None or account.positions:
            return ()
        if account.status == "liquidating":
            return self._next(ledger, liquidation, now_ns)
        return self._ended(ledger, account)

    def _order_done(
        self, body: LiquidationFilled | OrdersCancelled | AuctionFilled, ledger: LedgerState, now_ns: int
    ) -> Iterable[Product]:
        """A fill that leaves nothing, or a rest that is cancelled, closes the order: on to the next step."""
        liquidation = ledger.liquidations.get(body.liquidation_id)
        if liquidation is None or liquidation.order is None or body.order_id != liquidation.order.order_id:
            return ()
        if not isinstance(body, OrdersCancelled):
            return () if body.left_lots else self._next(ledger, liquidation, now_ns)
        reason = None if liquidation.order.hedges else body.reason
        turn = _Turn(unfilled=reason == NO_DEPTH, banded=reason == OUT_OF_BAND)
        return self._next(ledger, liquidation, now_ns, turn)

    def _cooled(self, body: TimerFired, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        if body.purpose not in (_COOLDOWN, _QUEUE) or body.liquidation_id is None:
            return ()
        liquidation, served = ledger.liquidations.get(body.liquidation_id), body.purpose == _QUEUE
        if liquidation is None:
            return ()
        return self._next(ledger, liquidation, now_ns, _Turn(cooled=True, served=served))

    def _resumed(self, _body: TradingResumed | FaultEnded, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """All liquidations that a halt left without an order or a pause, in the order they started."""
        products, ordered, queued = list[Product](), 0, 0
        for liquidation in self._waiting(ledger, now_ns):
            turn = _Turn(cooled=True, ordered=ordered, queued=queued)
            for product in self._next(ledger, liquidation, now_ns, turn):
                ordered += isinstance(product, LiquidationOrdered)
                queued += isinstance(product, ActDelayed)
                products.append(product)
        return products

    def _waiting(self, ledger: LedgerState, now_ns: int) -> list[Liquidation]:
        """The liquidations here in the order they started; in a fork with an order, those who would act in that one."""
        waiting = [one for one in ledger.liquidations.values() if self.is_here(ledger, one.account)]
        if not ledger.ordering:
            return waiting
        acting = _Turn(cooled=True)
        return ledger.ordering.arranged(
            ledger.seq, waiting, lambda one: 0 if self._next(ledger, one, now_ns, acting) else None
        )

    def _next(
        self,
        ledger: LedgerState,
        liquidation: Liquidation,
        now_ns: int,
        turn: _Turn = _PLAIN,
    ) -> Iterable[Product]:
        """How it ends, or the next step.

        Nothing while an order is working or a pause runs: with a latency, what is told here may be overtaken.
        """
        account = ledger.accounts[liquidation.account]
        if account.liquidation_id != liquidation.liquidation_id or account.status != "liquidating":
            return ()
        if liquidation.is_waiting():
            return ()
        margin = margin_of(account, ledger)
        if not account.positions:
            owed_atoms = max(0, -account.balance_atoms)
            sale = CollateralSale(account, _OWED, liquidation.liquidation_id, owed_atoms)
            selling = self._sells(sale, ledger, now_ns)
            return selling or (_flat(liquidation, margin, account.balance_atoms),)
        if slack(margin, self.steps.restored_bps) >= 0:
            return (LiquidationEnded(liquidation.liquidation_id, account.account, "restored", margin.collateral_atoms),)
        key = position_next(account, ledger, now_ns)
        if key is None:  # of all that it holds trading has stopped
            return ()
        situation = Situation(ledger, liquidation, account, margin, key, now_ns)
        return self._step(situation, turn)

    def _step(self, situation: Situation, turn: _Turn) -> Iterable[Product]:
        """Handed over, waiting, pausing, queueing, or another order: the first that applies."""
        liquidation = situation.liquidation
        stopped = why_nothing_trades(situation.ledger, situation.key[0]) is not None
        reason = self.steps.hands_over(situation, unfilled=turn.unfilled and not stopped)
        if reason is not None:
            sale = CollateralSale(situation.account, _BEFORE_BANKRUPTCY, liquidation.liquidation_id)
            selling = self._sells(sale, situation.ledger, situation.now_ns)
            return selling or (_bankrupt(liquidation, situation.margin, reason),)
        if stopped:
            return ()
        pause_ns = 0 if turn.cooled else self._pause_ns(situation)
        band = band_in_force(situation.ledger, situation.key[0]) if turn.banded else None
        pause_ns = pause_ns if band is None else max(pause_ns, band.retry_ns)
        if pause_ns:
            due_ns = situation.now_ns + pause_ns
            return (TimerSet(_COOLDOWN, due_ns, liquidation.account, None, liquidation.liquidation_id),)
        slow = None if turn.served else fault_on(situation.ledger, "slow-liquidation", situation.key[0])
        if slow is not None:
            return _queued(situation, slow, turn.queued)
        return self._order(situation, situation.ledger.orders + turn.ordered)

    def _sells(self, sale: CollateralSale, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Collateral goes before anybody else pays; what nobody buys now is offered again later."""
        if not any(atoms > 0 for atoms in sale.account.coins.values()) or sale.owed_atoms == 0:
            return ()
        rules = rules_in_force(ledger, self.venue)
        sales = sold(sale, rules.order, ledger, now_ns)
        again = TimerSet(_COOLDOWN, now_ns + rules.retry_ns, sale.account.account, None, sale.liquidation_id)
        return sales or (again,)

    def _pause_ns(self, situation: Situation) -> int:
        """How long to wait before the next order."""
        first = situation.liquidation.order is None
        return self.steps.first_pause_ns(situation) if first else self.steps.pause_ns(situation)

    def _order(self, situation: Situation, orders: int) -> Iterable[Product]:
        """A hedge of the book, or what the policy takes next."""
        liquidation, key = situation.liquidation, situation.key
        hedge = hedge_next(situation.account, liquidation, key, situation.ledger, situation.now_ns)
        if hedge is not None:
            return (_hedging(liquidation, hedge, orders + 1),)
        step = self.steps.step(situation)
        ordered = LiquidationOrdered(
            liquidation.liquidation_id,
            orders + 1,
            liquidation.account,
            *key,
            -step.lots if situation.held.size_lots > 0 else step.lots,
            step.limit_ticks,
            liquidation.steps + 1,
            step.lots == situation.lots,
        )
        return (*step.notes, ordered)

    def _paid(self, body: Any, ledger: LedgerState, _now_ns: int) -> Iterable[Product]:
        """One of the waterfall's events: who was bankrupt may be free again."""
        return self._ended(ledger, ledger.accounts[body.bankrupt if type(body) is LossSocialized else body.account])

    def _ended(self, ledger: LedgerState, account: Account) -> Iterable[Product]:
        """The waterfall left the account without positions and not negative: it is free again."""
        done = account.liquidation_id is not None and not account.positions and account.balance_atoms >= 0
        if not done or account.status == "liquidating" or account.liquidation_id is None:
            return ()
        return (LiquidationEnded(account.liquidation_id, account.account, "bankrupt", account.balance_atoms),)


def _hedging(liquidation: Liquidation, hedge: Hedge, number: int) -> Product:
    return HedgeOrdered(
        liquidation_id=liquidation.liquidation_id,
        order_id=number,
        account=liquidation.account,
        instrument=hedge.instrument,
        leg=0,
        size_lots=hedge.size_lots,
        limit_ticks=hedge.limit_ticks,
        step=liquidation.steps,
        whole=False,
        requirement_atoms=hedge.requirement_atoms,
        would_atoms=hedge.would_atoms,
    )


def _queued(situation: Situation, slow: StandingFault, ahead: int) -> Iterable[Product]:
    """The step waits for its turn at an engine that is behind."""
    liquidation, at_ns = situation.liquidation, due_ns(slow, situation.now_ns, ahead)
    number, account = liquidation.liquidation_id, liquidation.account
    held_up = ActDelayed(slow.body.fault, account, "forced order", at_ns, None, number)
    return (held_up, TimerSet(_QUEUE, at_ns, account, None, number))


def _flat(liquidation: Liquidation, margin: Margin, balance_atoms: int) -> Product:
    """Nothing is held any more: closed, or short of what the last fill cost."""
    if balance_atoms >= 0:
        return LiquidationEnded(liquidation.liquidation_id, liquidation.account, "closed", margin.equity_atoms)
    return _bankrupt(liquidation, margin, "the balance is negative after the last fill")


def _bankrupt(liquidation: Liquidation, margin: Margin, reason: str) -> Product:
    return BankruptcyDeclared(
        liquidation.liquidation_id, liquidation.account, margin.equity_atoms, margin.requirement_atoms, reason
    )

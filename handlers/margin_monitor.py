"""The margin monitor: who is called, whose call is met, who is liquidated. Exact, and never a sweep.

1. It acts at the delivery of anything that reprices or touches an account, on the ledger as it is then: *everyone* who
   meets a test is emitted, sorted by account.
2. Who may meet one is told by `RangeIndex`; each of them is tested exactly and, if nothing is to be done, armed again.
3. What is armed follows from the status: healthy, the warning; called, liquidation and recovery; in liquidation,
   nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import ClassVar

import msgspec

from ..events.bodies.inputs import BalanceStated, Deposited, PositionStated, TradeExecuted, Transferred, Withdrawn
from ..events.bodies.liquidation import LiquidationEnded, LiquidationStarted
from ..events.bodies.listing import InstrumentListed
from ..events.bodies.margin import (
    CollateralAdded,
    FeeCharged,
    FundingAccrued,
    MarginCalled,
    MarginCallMet,
    MarkPriced,
    PositionReduced,
)
from ..events.bodies.waterfall import InsuranceFundCredited, LossSocialized, PositionDeleveraged
from ..events.envelope import Event
from ..events.ledger import Account, LedgerState
from ..events.vocabulary import Body, accounts_named
from .protocol import Handler, Linked, Product
from .ranges import RangeIndex
from .safe_ranges import Pace, SafeRanges, tightest
from .valuation import BPS, Margin, margin_of, slack

__all__ = ["MarginMonitor", "MarginParameters", "everyone_under"]

_TOUCHING: tuple[type[Body], ...] = (
    Deposited,
    Withdrawn,
    Transferred,
    TradeExecuted,
    CollateralAdded,
    PositionReduced,
    FeeCharged,
    PositionDeleveraged,
    InsuranceFundCredited,
    LossSocialized,
    LiquidationEnded,
)


class MarginParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Levels in basis points of the maintenance requirement: call below `warning_bps`, met at `recovery_bps`."""

    warning_bps: int = 12_500
    recovery_bps: int = 15_000

    def __post_init__(self) -> None:
        """Refuse levels that would call and release in one breath."""
        if not BPS <= self.warning_bps <= self.recovery_bps:
            message = "warning_bps must be at least 10000 and at most recovery_bps"
            raise ValueError(message)


class MarginMonitor(Handler):
    """Calls below the warning level, releases at the recovery level, liquidates below the requirement (all strict)."""

    name: ClassVar[str] = "margin"
    policy: ClassVar[str] = "tiered"
    subscribes: ClassVar[tuple[type[Body], ...]] = (MarkPriced, FundingAccrued, *_TOUCHING)
    observes: ClassVar[tuple[type[Body], ...]] = (
        InstrumentListed,
        MarkPriced,
        FundingAccrued,
        BalanceStated,
        PositionStated,
        MarginCalled,
        MarginCallMet,
        LiquidationStarted,
        *_TOUCHING,
    )
    Parameters: ClassVar[type[msgspec.Struct]] = MarginParameters

    def __init__(self, parameters: MarginParameters) -> None:
        """Keep the levels; nobody is armed and nobody due."""
        self.warning_bps = parameters.warning_bps
        self.recovery_bps = parameters.recovery_bps
        self._pace = pace = Pace()
        self._warning, self._maintenance = SafeRanges(self.warning_bps, pace), SafeRanges(BPS, pace)
        self._recovery = SafeRanges(self.recovery_bps, pace)
        self.due: set[int] = set()
        self._new_index()
        self.looks = 0

    def _new_index(self) -> None:
        """Nobody is armed; the nearest ends are kept at hand, as every mark is held against them."""
        self.index = RangeIndex()
        self._floor_ticks, self._ceiling_ticks = self.index.floor_ticks, self.index.ceiling_ticks

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Note who may have crossed a threshold: by a mark, by funding, or by a change of their own."""
        body = event.body
        if type(body) is MarkPriced:
            instrument, mark_ticks = body.instrument, body.mark_ticks
            if mark_ticks < self._floor_ticks[instrument] or mark_ticks > self._ceiling_ticks[instrument]:
                self.due.update(self.index.crossed_by_mark(instrument, mark_ticks))
        elif type(body) is InstrumentListed:
            self.index.grow(len(ledger.markets))
        elif type(body) is FundingAccrued:
            total = ledger.markets[body.instrument].cumulative_funding_nanoatoms
            self.due.update(self.index.crossed_by_funding(body.instrument, total))
        else:
            self.due.update(a for a in accounts_named(body) if ledger.accounts[a].kind == "user")

    def gate(self, kind: type[Body]) -> Collection[object]:
        """Who is due: nothing is said of anybody else."""
        return self.due

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Everyone is due: whoever is safe is armed at the next delivery, as if they had just been touched."""
        self._new_index()
        self.index.grow(len(ledger.markets))
        self.due.clear()
        self.due.update(a.account for a in ledger.accounts if a.kind == "user")

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Everyone due who meets a test, in order of accounts; the others are armed again."""
        return self._look(ledger) if self.due else ()

    def _look(self, ledger: LedgerState) -> list[Product]:
        products: list[Product] = []
        next_id = ledger.liquidations_started + 1
        due = sorted(self.due)
        self.due.clear()
        self._pace.note(ledger.markets)
        unmarked = {number for number, market in enumerate(ledger.markets) if not market.mark_ticks}
        for number in due:
            account = ledger.accounts[number]
            if unmarked and any(instrument in unmarked for instrument, _ in account.positions):
                self.due.add(number)
                continue
            product = self._test(account, ledger, next_id)
            if product is not None:
                products.append(product)
                next_id += isinstance(_body(product), LiquidationStarted)
        self.index.settle()
        return products

    def _test(self, account: Account, ledger: LedgerState, next_id: int) -> Product | None:
        """What is to be said of this account, if anything; otherwise it is armed."""
        if account.status not in ("healthy", "called"):
            self.index.arm(account.account, {})
            return None
        self.looks += 1
        margin = margin_of(account, ledger.markets)
        if slack(margin, BPS) < 0:
            return self._started(account, margin, next_id)
        if account.status == "called":
            return self._test_called(account, margin, ledger)
        return self._test_healthy(account, margin, ledger)

    def _started(self, account: Account, margin: Margin, next_id: int) -> Product:
        self.index.arm(account.account, {})
        body = LiquidationStarted(next_id, account.account, margin.equity_atoms, margin.requirement_atoms)
        if account.status == "called" and account.called_seq is not None:
            return Linked(body, (account.called_seq,))
        return body

    def _test_healthy(self, account: Account, margin: Margin, ledger: LedgerState) -> Product | None:
        if slack(margin, self.warning_bps) < 0:
            return MarginCalled(account.account, margin.equity_atoms, margin.requirement_atoms, self.warning_bps)
        self.index.arm(account.account, self._warning.above(account, ledger.markets, margin))
        return None

    def _test_called(self, account: Account, margin: Margin, ledger: LedgerState) -> Product | None:
        if slack(margin, self.recovery_bps) >= 0:
            met = MarginCallMet(account.account, margin.equity_atoms, margin.requirement_atoms, self.recovery_bps)
            return Linked(met, (account.called_seq,)) if account.called_seq is not None else met
        liquidation = self._maintenance.above(account, ledger.markets, margin)
        recovery = self._recovery.below(account, ledger.markets, margin)
        self.index.arm(account.account, tightest(liquidation, recovery))
        return None


def _body(product: Product) -> Body:
    return product.body if isinstance(product, Linked) else product


def everyone_under(ledger: LedgerState, level_bps: int) -> Iterator[int]:
    """The sweep that the index stands in for: all user accounts under a level. The tests' oracle; O(accounts)."""
    for account in ledger.accounts:
        if account.kind == "user" and slack(margin_of(account, ledger.markets), level_bps) < 0:
            yield account.account

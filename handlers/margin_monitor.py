"""The margin monitor: who is called, whose call is met, who is liquidated. Exact, and never a sweep.

1. It acts at the delivery of anything that reprices or touches an account, or changes what an instrument requires, on
   the ledger as it is then: *everyone* who meets a test is emitted, in the order that the rulebook names (`order.py`).
2. Who may meet one is told by `RangeIndex`; each of them is tested exactly and, if nothing is to be done, armed again.
3. What is armed follows from the status: healthy, the first level of a call; called, the next level or, under the
   last, liquidation, and recovery; in liquidation, nothing. A call, and that it is met, move nothing that is tested, so
   what is armed with the verdict holds once it is said.
4. What touches an account follows from the table of postings: whoever such an event names may have crossed a threshold,
   but for who is left with nothing to lose, and who was reduced at a price within its range (`outlasts`).
5. Where the requirement of an instrument changes, everyone with a range of that instrument may have: all of them are
   tested, and armed by the lines of the new tiers.
6. What a book with options is worth and requires is not monotone in the price: nothing is armed for it, and it is
   tested at each mark of what its options are on, and of the options.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from typing import ClassVar

import msgspec

from ..events.bodies.collateral import CoinStated, CollateralDiscounted, CollateralRated, ConversionPriced
from ..events.bodies.inputs import BalanceStated, PositionStated
from ..events.bodies.liquidation import LiquidationEnded, LiquidationStarted
from ..events.bodies.listing import InstrumentListed
from ..events.bodies.margin import FundingAccrued, MarginCalled, MarginCallMet, MarkPriced, RulesChanged
from ..events.bodies.options import VolatilityMarked
from ..events.bodies.waterfall import PositionDeleveraged
from ..events.envelope import DecidedRow, Event
from ..events.ledger import Account, LedgerState
from ..events.ledger.postings import POSTINGS
from ..events.vocabulary import Body, accounts_named
from .faults import failure_at
from .options.book import holds_options
from .options.holders import OptionHolders
from .order import Order, order_in_force, place_in
from .protocol import Handler, Linked, Product
from .quiet import QuietSpan
from .ranges import CEILING, FLOOR, MARK, new_index, slot_of
from .safe_ranges import Pace, SafeRanges, outlasts, tightest
from .valuation import BPS, Margin, coins_are_priced, margin_of, slack

__all__ = ["LevelParameters", "LevelledMonitor", "MarginMonitor", "MarginParameters", "everyone_under"]

_TOUCHING: tuple[type[Body], ...] = (*POSTINGS, LiquidationEnded)
_Told = tuple[int, int, list[int]]
"""What makes a `Margin`, of whoever holds no coins."""
_OPENING = (BalanceStated, CoinStated, PositionStated)
"""What is stated of an account as a run begins is heard, and tested with the first mark."""


class MarginParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Levels in basis points of the maintenance requirement: call below `warning_bps`, met at `recovery_bps`."""

    warning_bps: int = 12_500
    recovery_bps: int = 15_000

    def __post_init__(self) -> None:
        """Refuse levels that would call and release in one breath."""
        if not BPS <= self.warning_bps <= self.recovery_bps:
            message = "warning_bps must be at least 10000 and at most recovery_bps"
            raise ValueError(message)


class LevelParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calls at several levels in basis points of the maintenance requirement, the first the highest; met as ever."""

    calls_bps: tuple[int, ...] = (15_000, 12_500, 11_000)
    recovery_bps: int = 17_500

    def __post_init__(self) -> None:
        """Refuse levels out of order, and such as would call and release in one breath."""
        if not self.calls_bps or any(later >= one for one, later in pairwise(self.calls_bps)):
            message = "calls_bps must hold at least one level, each lower than the one before it"
            raise ValueError(message)
        if not BPS <= self.calls_bps[-1] <= self.calls_bps[0] <= self.recovery_bps:
            message = "calls_bps must be at least 10000, and none over recovery_bps"
            raise ValueError(message)


class MarginMonitor(Handler):
    """Calls below the warning level, releases at the recovery level, liquidates below the requirement (all strict)."""

    name: ClassVar[str] = "margin"
    policy: ClassVar[str] = "tiered"
    version: ClassVar[str] = "2"
    subscribes: ClassVar[tuple[type[Body], ...]] = (
        MarkPriced,
        FundingAccrued,
        ConversionPriced,
        CollateralRated,
        CollateralDiscounted,
        RulesChanged,
        VolatilityMarked,
        *(kind for kind in _TOUCHING if kind not in _OPENING),
    )
    observes: ClassVar[tuple[type[Body], ...]] = (
        InstrumentListed,
        MarkPriced,
        FundingAccrued,
        ConversionPriced,
        CollateralRated,
        CollateralDiscounted,
        RulesChanged,
        VolatilityMarked,
        *_TOUCHING,
    )
    together: ClassVar[tuple[type[Body], ...]] = (PositionDeleveraged,)
    Parameters: ClassVar[type[msgspec.Struct]] = MarginParameters

    def __init__(self, parameters: MarginParameters) -> None:
        self._take_levels((parameters.warning_bps,), parameters.recovery_bps)

    def _take_levels(self, calls_bps: tuple[int, ...], recovery_bps: int) -> None:
        """The levels of the calls, the first the highest, and the one at which a call is met."""
        self.calls_bps, self.recovery_bps = calls_bps, recovery_bps
        self._pace = pace = Pace()
        self._above = {level_bps: SafeRanges(level_bps, pace) for level_bps in (*calls_bps, BPS)}
        self._recovery = SafeRanges(recovery_bps, pace)
        self.due: set[int] = set()
        self._holders = OptionHolders()
        self._new_index()
        self.looks = 0

    def _new_index(self) -> None:
        """Nobody is armed; the nearest ends are kept at hand, as every mark is held against them."""
        self._forget_lines()
        self.index = new_index()
        self._floor_ticks, self._ceiling_ticks = self.index.floor_ticks, self.index.ceiling_ticks

    def _forget_lines(self) -> None:
        for ranges in (*self._above.values(), self._recovery):
            ranges.forget()

    def observe(self, event: Event, ledger: LedgerState) -> None:
        """Note who may have crossed a threshold: by a mark, by funding, by other rules, or by a change of their own."""
        body = event.body
        if type(body) is MarkPriced:
            instrument, mark_ticks = body.instrument, body.mark_ticks
            if mark_ticks < self._floor_ticks[instrument] or mark_ticks > self._ceiling_ticks[instrument]:
                self.due.update(self.index.crossed_by_mark(instrument, mark_ticks))
            if ledger.options:
                self._books_due(instrument, ledger)
        elif type(body) is InstrumentListed:
            self.index.grow(len(ledger.markets), len(ledger.assets))
        elif type(body) is FundingAccrued:
            total = ledger.markets[body.instrument].cumulative_funding_nanoatoms
            self.due.update(self.index.crossed_by_funding(body.instrument, total))
        elif type(body) is ConversionPriced:
            self.due.update(self.index.crossed_by_conversion(body.asset, body.price_ticks))
        elif type(body) in (CollateralRated, CollateralDiscounted, RulesChanged):
            self._rule_anew(body, ledger)
        elif type(body) is VolatilityMarked:
            self._books_due(body.instrument, ledger)
        else:
            if ledger.options:
                self._holders.note(body, ledger)
            self._touch(body, ledger)

    def _touch(self, body: Body, ledger: LedgerState) -> None:
        """An event of a few accounts: each of them is due, but for who has nothing to lose."""
        for number in accounts_named(body):
            self._touch_one(number, body, ledger)

    def _touch_one(self, number: int, body: Body | None, ledger: LedgerState) -> None:
        """An account was touched; without a body it is not said how."""
        account = ledger.accounts[number]
        if account.kind == "user" and account.liquidation_id is None and self.is_here(ledger, number):
            self.index.doubt(number)
            if _is_safe_at_any_mark(account):
                self.index.arm(number, {})
            elif body is None or not self._stays_safe(account, body, ledger):
                self.due.add(number)

    def observe_all(self, row: DecidedRow, ledger: LedgerState) -> None:
        """Of reductions in a row. Where one has several, how each of them left it is not seen any more."""
        bodies, once = row.bodies, len(row.values("account")) == len(row)
        if ledger.options:
            for body in bodies:
                self._holders.note(body, ledger)
        elif once and not self.venue:
            bodies = self.index.pass_reduced(bodies, ledger.accounts, ledger.markets)
        for body in bodies:
            self._touch_one(body.account, body if once else None, ledger)
        for number in sorted(row.values("against")):
            self._touch_one(number, None, ledger)

    def _stays_safe(self, account: Account, body: Body, ledger: LedgerState) -> bool:
        """Whether a reduction left an account within the range that is armed for it: as safe as it was."""
        if type(body) is not PositionDeleveraged or account.status != "healthy" or body.leg or ledger.options:
            return False
        held = account.positions.get((body.instrument, 0))
        after_lots = 0 if held is None else held.size_lots
        before_lots = after_lots - body.size_lots
        floor, ceiling = (slot_of(body.instrument, MARK, side) for side in (FLOOR, CEILING))
        near, other = (floor, ceiling) if before_lots > 0 else (ceiling, floor)
        end_ticks = self.index.end_of(account.account, near)
        if end_ticks is None or self.index.end_of(account.account, other) is not None:
            return False
        return outlasts(ledger.markets[body.instrument], end_ticks, before_lots, after_lots, -body.value_atoms)

    def _books_due(self, instrument: int, ledger: LedgerState) -> None:
        """Whoever holds an option on an instrument, or on what an option is on, may have crossed anything."""
        option = ledger.options.get(instrument)
        self.due.update(self._holders.of(instrument if option is None else option.underlying))

    def _rule_anew(self, body: Body, ledger: LedgerState) -> None:
        """By another rule whoever has a range of the instrument, or holds the asset, may be under a level.

        The holders of an asset are looked for among all accounts, as a rule for it is seldom made.
        """
        found: set[int] = set()
        if isinstance(body, RulesChanged):
            self._forget_lines()
            found.update(self.index.exposed_to(body.instrument))
        if isinstance(body, CollateralRated | CollateralDiscounted):
            holders = (one for one in ledger.accounts if body.asset in one.coins and one.liquidation_id is None)
            found.update(one.account for one in holders if self.is_here(ledger, one.account))
        for number in sorted(found):
            self.index.doubt(number)
        self.due |= found

    def gate(self, kind: type[Body]) -> Collection[object]:
        """Who is due: nothing is said of anybody else."""
        return self.due

    def quiet_span(self, ledger: LedgerState) -> QuietSpan | None:
        """Up to the nearest end of a range; none while anybody is due, or holds what has no range."""
        if self.due or ledger.options:
            return None
        return QuietSpan(dict(enumerate(zip(self._floor_ticks, self._ceiling_ticks, strict=True))))

    def prime(self, ledger: LedgerState, past: Iterable[Event]) -> None:
        """Everyone is tested: whoever is safe is armed, and whoever meets a test stays due until the next delivery."""
        self._new_index()
        self.index.grow(len(ledger.markets), len(ledger.assets))
        self._holders.rebuild(ledger)
        self.due.clear()
        self.due.update(a.account for a in ledger.accounts if a.kind == "user" and self.is_here(ledger, a.account))
        for account, _, _ in self._tested(ledger):
            self.index.doubt(account.account)  # it is armed for what is not said yet
            self.due.add(account.account)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """Everyone due who meets a test, in the rulebook's order; nobody while the venue has failed."""
        return self._look(ledger) if self.due and failure_at(ledger, self.venue) is None else ()

    def _look(self, ledger: LedgerState) -> list[Product]:
        """Everyone due is tested; who meets a test is spoken to in the rulebook's order, the others are armed again."""
        return self._products(self._tested(ledger), ledger)

    def _tested(self, ledger: LedgerState) -> list[tuple[Account, Margin, type[Body]]]:
        """Who of those due meets a test, and what is to be said of them; the others are armed again."""
        found: list[tuple[Account, Margin, type[Body]]] = []
        self._pace.note(ledger.markets)
        left = self._left_of(sorted(self.due), ledger)
        self.due.clear()
        unmarked = {number for number, market in enumerate(ledger.markets) if not market.mark_ticks} if left else ()
        for number, told in left:
            account = ledger.accounts[number]
            if account.kind != "user":  # a fund or a vault that holds an option
                continue
            if (unmarked and any(instrument in unmarked for instrument, _ in account.positions)) or (
                account.coins and not coins_are_priced(account, ledger)
            ):
                self.due.add(number)
                continue
            if self._is_surely_safe(account, ledger):
                continue
            margin = self._margin_if_free(account, ledger) if told is None else Margin(*told)
            verdict = None if margin is None else self._verdict(account, margin, ledger)
            if margin is not None and verdict is not None:
                found.append((account, margin, verdict))
        self.index.settle()
        return found

    def _left_of(self, due: list[int], ledger: LedgerState) -> list[tuple[int, _Told | None]]:
        """Who of those due is to be tested here, with its margin if known: the index has armed the others again.

        Nothing hangs on it: whoever it arms meets no test, and would be armed so here.
        """
        if ledger.options:
            return [(account, None) for account in due]
        weights, markets = self._pace.weights, ledger.markets
        looks, left = self.index.pass_over(due, ledger.accounts, markets, weights, self.calls_bps, self.recovery_bps)
        self.looks += looks
        return left

    def _is_surely_safe(self, account: Account, ledger: LedgerState) -> bool:
        """Whether a bound says that an account meets no test, and for which nothing is to be armed."""
        return False

    def _margin_if_free(self, account: Account, ledger: LedgerState) -> Margin | None:
        """The margin of an account that may be called or liquidated; one in a liquidation is disarmed."""
        if account.status not in ("healthy", "called"):
            self.index.arm(account.account, {})
            return None
        self.looks += 1
        return margin_of(account, ledger)

    def _verdict(self, account: Account, margin: Margin, ledger: LedgerState) -> type[Body] | None:
        """What is to be said of this account; None where it is safe, and then it is armed."""
        if slack(margin, BPS) < 0:
            self.index.arm(account.account, {})
            return LiquidationStarted
        if account.status == "called":
            return self._verdict_called(account, margin, ledger)
        if slack(margin, self.calls_bps[0]) < 0:
            return self._called(account, margin, ledger)
        self._arm_healthy(account, margin, ledger)
        return None

    def _called(self, account: Account, margin: Margin, ledger: LedgerState) -> type[Body]:
        """A call: its event changes nothing that is tested, so the account is armed as it will be."""
        self._arm_called(account, margin, ledger, self._level_of(margin))
        return MarginCalled

    def _arm_healthy(self, account: Account, margin: Margin, ledger: LedgerState) -> None:
        first_bps = self.calls_bps[0]
        if holds_options(account, ledger):
            self.index.arm(account.account, {})
        elif not self.index.arm_between(account, ledger.markets, self._pace.weights, first_bps, 0):
            self.index.arm(account.account, self._above[first_bps].above(account, ledger, margin))

    def _arm_called(self, account: Account, margin: Margin, ledger: LedgerState, called_bps: int) -> None:
        if holds_options(account, ledger):
            self.index.arm(account.account, {})
            return
        next_bps = self._next_bps(called_bps)
        if self.index.arm_between(account, ledger.markets, self._pace.weights, next_bps, self.recovery_bps):
            return
        further = self._above[next_bps].above(account, ledger, margin)
        recovery = self._recovery.below(account, ledger, margin)
        self.index.arm(account.account, tightest(further, recovery))

    def _verdict_called(self, account: Account, margin: Margin, ledger: LedgerState) -> type[Body] | None:
        if slack(margin, self.recovery_bps) >= 0:
            self._arm_healthy(account, margin, ledger)
            return MarginCallMet
        next_bps = self._next_bps(account.called_bps)
        if next_bps != BPS and slack(margin, next_bps) < 0:
            return self._called(account, margin, ledger)
        self._arm_called(account, margin, ledger, account.called_bps)
        return None

    def _next_bps(self, called_bps: int) -> int:
        """The highest level under the one that an account was called at; that of a liquidation under the last."""
        return next((level_bps for level_bps in self.calls_bps[1:] if level_bps < called_bps), BPS)

    def _level_of(self, margin: Margin) -> int:
        """The level of a call: the lowest that the equity is under."""
        return next(level_bps for level_bps in reversed(self.calls_bps) if slack(margin, level_bps) < 0)

    def _products(self, found: list[tuple[Account, Margin, type[Body]]], ledger: LedgerState) -> list[Product]:
        if len(found) > 1:
            order = order_in_force(ledger, self.venue)
            found.sort(key=lambda one: place_in(order, one[0], one[1]))
            if ledger.ordering:
                found = ledger.ordering.arranged(ledger.seq, found, lambda one: _tied(order, *one))
        products: list[Product] = []
        next_id = ledger.liquidations_started + 1
        for account, margin, verdict in found:
            products.append(self._product(account, margin, verdict, next_id))
            next_id += verdict is LiquidationStarted
        return products

    def _product(self, account: Account, margin: Margin, verdict: type[Body], next_id: int) -> Product:
        """The event, linked to the call that it follows, if any."""
        number, equity_atoms, needed_atoms = account.account, margin.collateral_atoms, margin.requirement_atoms
        body: Body = LiquidationStarted(next_id, number, equity_atoms, needed_atoms)
        if verdict is MarginCalled:
            body = MarginCalled(number, equity_atoms, needed_atoms, self._level_of(margin))
        if verdict is MarginCallMet:
            body = MarginCallMet(number, equity_atoms, needed_atoms, self.recovery_bps)
        called = account.called_seq if account.status == "called" else None
        return body if called is None else Linked(body, (called,))


def _tied(order: Order, account: Account, margin: Margin, verdict: type[Body]) -> int | None:
    """Who may go before whom: those to be liquidated whom the rulebook puts on one place. Calls trade nothing."""
    return place_in(order, account, margin)[0] if verdict is LiquidationStarted else None


def _is_safe_at_any_mark(account: Account) -> bool:
    """Whether no test says anything of it before it is touched again: it holds nothing, owes nothing, is not called."""
    if account.positions or account.balance_atoms < 0 or account.status != "healthy":
        return False
    return all(atoms >= 0 for atoms in account.coins.values())


class LevelledMonitor(MarginMonitor):
    """Calls at several levels in order, each with an event of its own; the rest as ever."""

    policy: ClassVar[str] = "levels"
    version: ClassVar[str] = "1"
    Parameters: ClassVar[type[msgspec.Struct]] = LevelParameters

    def __init__(self, parameters: LevelParameters) -> None:
        self._take_levels(parameters.calls_bps, parameters.recovery_bps)


def everyone_under(ledger: LedgerState, level_bps: int) -> Iterator[int]:
    """The sweep that the index stands in for: all user accounts under a level. The tests' oracle; O(accounts)."""
    for account in ledger.accounts:
        if account.kind == "user" and slack(margin_of(account, ledger), level_bps) < 0:
            yield account.account

"""What is varied to spare a position, how it is searched, and how what was found is told.

1. Each search asks one trial after the other. An amount or a size is searched on the grid of `grid.py`, of the
   account's own choices from where the scores in the record say that it should be (`scores.py`). A moment is one right
   after an instant with a price at which the position could be closed, the last first.
2. What is found is a bracket: what spares the position, the nearest that was tried and does not, and what becomes of
   the position later.
3. The account's own choices come first, then the fund, then the account whose loss the round closed. That account
   could trade until its liquidation began. Of a lot of the fund's this may be long before; it is then searched only
   where trials are executed to the end of the run as well.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple

import msgspec

from ....events.bodies.listing import InstrumentListed
from ....events.bodies.waterfall import ProfitCapExceeded, ShortfallDeclared
from ....events.ledger import Account, LedgerState, PositionKey
from ....events.ledger.account import funding_of, trade
from ....handlers.valuation import margin_of
from ....sim.figures import duration
from ....sim.quantities import SECONDS, Quantity, amount_scale, size_scale
from ....sim.terminal import shell_word
from ....sim.units import format_time_ns
from ...fork.changes import Changes, Deposit, OutsideTrade
from ...run import Run
from ..answer import Afterwards, Flip
from .grid import GUESS, PARTS, amounts_from, nearest, parts_of
from .scores import ScoreBars
from .trials import ForkTrial, Free, Search, Subject, Tradeable, TrialOutcome, recorded_lots

__all__ = [
    "AHEAD_EVENTS",
    "BEGUN",
    "EVENTS_MOST",
    "MOMENTS",
    "Bracket",
    "ChangePoint",
    "Searches",
    "Whose",
]

MOMENTS = 16
EVENTS_MOST = 10_000
"""From more events before the reduction nothing is executed again unless it is asked for."""

AHEAD_EVENTS = 5_000
"""Beyond so many events after the reduction nothing is executed without being asked for."""

BEGUN = (3, 0, 2, 1)
"""The order in which the searches are best begun, by their places: the fund's asks a trial at once, so that processors
are busy while the next ones work out where to begin, or handlers are primed at another point."""


class Searches:
    """The searches for one reduction; nothing before `fork_seq` is varied, the last event of the run's own fork."""

    def __init__(self, run: Run, subject: Subject, fork_seq: int, *, whole: bool) -> None:
        """Costs the state just before the instant at which the round was called for."""
        self._run, self._subject, self._fork_seq, self._whole = run, subject, fork_seq, whole
        self._point = self._point_before(subject.begin_seq)
        body, ledger = subject.body, self._point.ledger
        self._listing = ledger.markets[body.instrument].listing
        self._asset = ledger.assets[self._listing.asset]
        self._key = (body.instrument, body.leg)
        self._tradeable = Tradeable(run, listing=self._listing, first_seq=fork_seq)
        self._own = Whose(body.account, ledger.name(body.account))
        self._telling = _Telling(run, subject, self._own.name, self._listing, whole=whole)

    def all(self) -> list[Search[Flip]]:
        """One for each thing that is varied, in the order in which they are told."""
        own = [self._collateral(self._own, self._point), self._size(self._own, self._point)]
        return [*own, self._moment(), self._fund(), *self._of_loser()]

    def _of_loser(self) -> list[Search[Flip]]:
        """Of the account whose liquidation the round closed; nothing where there is none."""
        body, ledger = self._subject.body, self._point.ledger
        if body.liquidation_id not in ledger.liquidations:
            ledger = self._run.before(self._subject.reduction.seq)
        liquidation = ledger.liquidations.get(body.liquidation_id)
        if liquidation is None:
            return []
        whose = Whose(liquidation.account, ledger.name(liquidation.account), "loser_")
        begin_seq = min(self._run.first_at(self._run.event(liquidation.started_seq).at_ns), self._subject.begin_seq)
        bankrupt = body.against == whose.account  # not of a lot: then the account is gone, and helped no more
        if self._is_near(begin_seq):
            start = self._point if begin_seq == self._subject.begin_seq else self._point_before(begin_seq)
            return [self._collateral(whose, self._point if bankrupt else start), self._size(whose, start)]
        began = f"its liquidation began in event {liquidation.started_seq}"
        if bankrupt:
            return [self._collateral(whose, self._point), _unasked(_too_far(whose, "size", began))]
        return [_unasked(_too_far(whose, varied, began)) for varied in ("collateral", "size")]

    def _key_of(self, whose: Whose, ledger: LedgerState) -> PositionKey:
        """The position itself, or what the loser held on the side that was closed, which is the other one."""
        if whose == self._own:
            return self._key
        lots, held = self._subject.body.size_lots, ledger.accounts[whose.account].positions
        keys = (key for key, one in held.items() if key[0] == self._key[0] and one.size_lots * lots > 0)
        return next(keys, (self._key[0], 0))

    @cached_property
    def _bars(self) -> ScoreBars:
        return ScoreBars(self._run, self._subject)

    def _collateral(self, whose: Whose, point: ChangePoint) -> Search[Flip]:
        """The least more collateral, which lowers the leverage."""
        margin = margin_of(point.ledger.accounts[whose.account], point.ledger)
        grid = amounts_from(max(1, margin.equity_atoms >> 5, sum(map(abs, margin.values_atoms)) >> 10))
        varied = f"{whose.prefix}collateral"

        def trial(atoms: int) -> ForkTrial:
            changes = Changes(deposits=(Deposit(whose.account, atoms),))
            return ForkTrial(f"{whose.name}: {self._money(atoms)} more collateral", point.seq, changes)

        def paid(account: Account, atoms: int) -> None:
            account.balance_atoms += atoms

        first = None if whose.prefix else self._bars.first_below(grid, paid)
        if whose.prefix and not (yield trial(grid[-1])).spared:  # often not, so it comes first
            least = None
        elif first is None:
            least = yield from nearest(grid, trial, GUESS, PARTS)
        else:
            least = yield from nearest(grid, trial, first)
        if least is None:
            most = f"{'even' if whose.prefix else 'up to'} {self._money(grid[-1])} more collateral"
            return self._telling.unspared(varied, whose.having(most, point.when))
        before, after = (_leverage(point.ledger, whose.account, more) for more in (0, least.sparing))
        sparing, failing = self._money(least.sparing), self._money(least.failing)
        what = f"{sparing} more collateral"
        text = f"{whose.having(what, point.when)}, so at {after} instead of {before} leverage"
        how = "--deposit", f"{whose.name}={sparing.value}"
        bracket = Bracket(varied, text, how, trial(least.sparing), sparing, failing)
        return (yield from self._telling.told(bracket, _between(failing)))

    def _fund(self) -> Search[Flip]:
        """The least more in the fund that stands behind the instrument."""
        ledger, point = self._point.ledger, self._point
        fund = ledger.fund_of(self._listing.instrument)
        grid = amounts_from(max(1, self._missing_atoms()))

        def trial(atoms: int) -> ForkTrial:
            changes = Changes(deposits=(Deposit(fund, atoms),))
            return ForkTrial(f"{self._money(atoms)} more in the fund", point.seq, changes)

        least = yield from nearest(grid, trial, GUESS)
        if least is None:
            most = self._money(grid[-1])
            return self._telling.unspared("fund", f"With up to {most} more in the insurance fund {point.when}")
        several = len(ledger.funds_of(self._listing.asset)) > 1
        which = f"balances.{ledger.name(fund).partition(':')[2]}" if several else "balance"
        sparing, failing = self._money(least.sparing), self._money(least.failing)
        how = "--set", f"insurance_fund.{which}=+{sparing.value}"
        text = f"With {sparing} more in the insurance fund {point.when}"
        bracket = Bracket("fund", text, how, trial(least.sparing), sparing, failing)
        return (yield from self._telling.told(bracket, _between(failing)))

    def _size(self, whose: Whose, point: ChangePoint) -> Search[Flip]:
        """The least smaller position, in sixteenths, where it could last be traded."""
        varied, free = f"{whose.prefix}size", self._tradeable.last(whose.account, point.seq, point.ledger)
        if free is None:
            return Flip(varied, f"{whose.name} could not trade {self._listing.name} before.", confirmed=False)
        if not self._is_near(free.seq):
            return _too_far(whose, "size", f"it could last trade after event {free.seq}")
        point = point if free.seq == point.seq else self._point_after(free.seq, free.ledger)
        key = self._key_of(whose, point.ledger)
        held = point.ledger.accounts[whose.account].positions.get(key)
        if held is None:
            text = f"{whose.name} held none of the {self._listing.name} {point.when}."
            return Flip(varied, text, confirmed=False)
        whole_lots, market = held.size_lots, point.ledger.markets[key[0]]
        sign, grid = 1 if whole_lots > 0 else -1, parts_of(whole_lots)

        def trial(lots: int) -> ForkTrial:
            changes = Changes(trades=(OutsideTrade(whose.account, key, -sign * lots),))
            return ForkTrial(f"{whose.name}: {self._lots(lots).text} less", point.seq, changes)

        def sold(account: Account, lots: int) -> None:
            value_atoms = market.payoff.value_atoms(-sign * lots, market.mark_ticks)
            trade(
                account, key, -sign * lots, value_atoms, funding_of(-sign * lots, market.cumulative_funding_nanoatoms)
            )

        first = None if whose.prefix else self._bars.first_below(grid, sold)
        if first is None:
            least = yield from nearest(grid, trial, len(grid) - 1, PARTS)
        else:
            least = yield from nearest(grid, trial, first)
        if least is None:
            return self._telling.unspared(varied, whose.having("no position at all", point.when))
        part, less = self._lots(least.sparing), self._lots(least.failing)
        what = f"a position smaller by {part.text} (of {abs(self._lots(whole_lots))})"
        how = self._how_to_trade(whose, -sign * least.sparing)
        bracket = Bracket(varied, whose.having(what, point.when), how, trial(least.sparing), part, less)
        return (yield from self._telling.told(bracket, _between(less, f"{less.text} less")))

    def _moment(self) -> Search[Flip]:
        """The latest moment to have closed the whole position at the mark."""
        body, not_at_ns, otherwise = self._subject.body, 0, ""
        for seq, ledger, later in islice(self._closings(), MOMENTS):
            held = ledger.accounts[body.account].positions.get(self._key)
            if held is None:
                break
            before_ns = self._subject.reduction.at_ns - ledger.at_ns
            changes = Changes(trades=(OutsideTrade(body.account, self._key, -held.size_lots),))
            trial = ForkTrial(f"closing after event {seq}", seq, changes)
            if (yield trial).spared:
                text = f"Closed whole at the mark after event {seq}, {duration(before_ns)} before the reduction"
                how = self._how_to_trade(self._own, -held.size_lots)
                amounts = Quantity(before_ns, SECONDS), Quantity(not_at_ns, SECONDS)
                bracket = Bracket("moment", text, how, trial, *amounts)
                return (yield from self._telling.told(bracket, otherwise or later))
            not_at_ns, otherwise = before_ns, f"closed {duration(before_ns)} before it not, so the last is between"
        since = f" since event {self._fork_seq}, where the run was forked" if self._fork_seq else ""
        text = f"Closed at any of the last {MOMENTS} instants with a price{since}, as far as it could be closed there"
        return self._telling.unspared("moment", text)

    def _closings(self) -> Iterator[Free]:
        """Where the position could be closed, one for each instant with a price, backwards from the reduction's."""
        seq = self._run.first_at(self._subject.reduction.at_ns) - 1
        return self._tradeable.backwards(self._own.account, seq, self._point.ledger if seq == self._point.seq else None)

    def _is_near(self, seq: int) -> bool:
        """Whether it is executed from after an event without being asked for."""
        return self._whole or self._subject.reduction.seq - seq <= EVENTS_MOST

    def _missing_atoms(self) -> int:
        """What the fund had too little of, by whatever called for the round: a shortfall or a cap on profits."""
        for seq in reversed(self._run.chain(self._subject.reduction.seq)):
            body = self._run.event(seq).body
            if isinstance(body, ShortfallDeclared):
                of_fund = self._point.ledger.accounts[body.account].kind == "insurance"  # which lacks what is needed
                return body.needed_atoms - (0 if of_fund else body.capacity_atoms)
            if isinstance(body, ProfitCapExceeded) and body.max_factor_ppm:
                return body.profit_atoms * 10**6 // body.max_factor_ppm - body.pool_atoms
        return 10**6

    def _point_before(self, begin_seq: int) -> ChangePoint:
        """Just before an event, or where the run's own fork is, if that comes later."""
        seq = max(begin_seq - 1, self._fork_seq)
        return self._point_after(seq, self._run.at(seq=seq))

    def _point_after(self, seq: int, ledger: LedgerState) -> ChangePoint:
        which = f"just after event {seq}" if seq == self._fork_seq else f"just before event {seq + 1}"
        return ChangePoint(
            seq, ledger, f"{which}, {duration(self._subject.reduction.at_ns - ledger.at_ns)} before the reduction"
        )

    def _how_to_trade(self, whose: Whose, lots: int) -> tuple[str, str]:
        return "--trade", f"{whose.name}:{self._listing.name}={self._lots(lots).value}"

    def _lots(self, lots: int) -> Quantity:
        return Quantity(lots, size_scale(self._listing))

    def _money(self, atoms: int) -> Quantity:
        return Quantity(atoms, amount_scale(self._asset))


def _between(failing: Quantity, told: str = "") -> str:
    """The other side of a bracket: an amount, or no change at all."""
    return f"with {(told or failing) if failing.number else 'nothing changed'} not, so the least is between"


def _too_far(whose: Whose, varied: str, since: str) -> Flip:
    """What was not executed without being asked for, and why."""
    what = {"collateral": "more collateral", "size": "a smaller position"}[varied]
    text = (
        f"What {what} of {whose.title} would have changed was not executed: {since}, over {EVENTS_MOST:,} events before"
    )
    return Flip(f"{whose.prefix}{varied}", f"{text} (--flips-whole does).", confirmed=False)


def _unasked(flip: Flip) -> Search[Flip]:
    """A search that needs no trial."""
    yield from ()
    return flip


def _leverage(ledger: LedgerState, number: int, more_atoms: int) -> str:
    """Notional over equity with so much more collateral, in hundredths, rounded down."""
    margin = margin_of(ledger.accounts[number], ledger)
    notional_atoms, equity_atoms = sum(map(abs, margin.values_atoms)), margin.equity_atoms + more_atoms
    if equity_atoms <= 0:
        return "unbounded"
    hundredths = 100 * notional_atoms // equity_atoms
    return f"{hundredths // 100:,}.{hundredths % 100:02d}x"


class ChangePoint(NamedTuple):
    """Where something is changed: after which event, in which state, and how that is told."""

    seq: int
    ledger: LedgerState
    when: str


class Whose(NamedTuple):
    """The account that something is changed of; `prefix` sets its searches apart from those of the position's owner."""

    account: int
    name: str
    prefix: str = ""

    @property
    def title(self) -> str:
        """Its name, and that it is the loser."""
        return f"{self.name}, whose loss it was," if self.prefix else self.name

    def having(self, what: str, when: str) -> str:
        """The change in words, up to what becomes of it."""
        return f"Had {self.title} had {what} {when}" if self.prefix else f"With {what} {when}"


class Bracket(NamedTuple):
    """What was varied, what spares the position (in words, for a fork, as a trial, as an amount), and what does not."""

    varied: str
    text: str
    how: tuple[str, str]
    trial: ForkTrial
    amount: Quantity
    not_at: Quantity


class _Telling:
    """Makes the answers of one question out of what its searches found."""

    def __init__(self, run: Run, subject: Subject, name: str, listing: InstrumentListed, *, whole: bool) -> None:
        """`name` is that of the position's owner; with `whole` what was found is executed to the end of the run."""
        self._run, self._subject, self._name, self._listing, self._whole = run, subject, name, listing, whole

    def told(self, found: Bracket, otherwise: str) -> Generator[ForkTrial, TrialOutcome, Flip]:
        """What spares the position; `otherwise` says what does not, or why nothing nearer was tried."""
        text = f"{found.text}, {self._name} would have been spared; {otherwise}."
        after_seq = found.trial.after_seq
        plugins = chain.from_iterable(("--plugins", str(folder)) for folder in self._run.plugin_folders)
        words = ("deleverage", "fork", str(self._run.path), "--at", str(after_seq), *found.how, *plugins)
        afterwards = yield from self._afterwards(found.trial)
        return Flip(
            found.varied,
            text,
            confirmed=True,
            amount=found.amount,
            command=" ".join(map(shell_word, words)),
            not_at=found.not_at,
            after_seq=after_seq,
            afterwards=afterwards,
        )

    def unspared(self, varied: str, text: str) -> Flip:
        """Nothing that was tried spares it."""
        return Flip(varied, f"{text}, {self._name} would not have been spared.", confirmed=False)

    def _afterwards(self, trial: ForkTrial) -> Generator[ForkTrial, TrialOutcome, Afterwards]:
        """What becomes of a position that was spared, after the instant of the reduction."""
        run, reduction = self._run, self._subject.reduction
        ahead_seq = run.count - 1 if self._whole else min(run.count - 1, reduction.seq + AHEAD_EVENTS)
        until_ns = run.event(ahead_seq).at_ns
        ended = run.first_at(until_ns + 1) == run.count
        told = f"{trial.told}, and on to {_time(until_ns)}"
        outcome = yield msgspec.structs.replace(trial, told=told, until_ns=until_ns)
        lots = recorded_lots(run, self._subject, reduction.seq, run.first_at(until_ns + 1))
        far = "In the whole run" if ended else f"Up to {_time(until_ns)}, as far as this was executed,"
        later, recorded = (Quantity(taken, size_scale(self._listing)) for taken in (outcome.later_lots, lots))
        beside = f"in the record it is {recorded} from this event on"
        if outcome.later_at_ns is None:
            text = f"{far} nothing of it would have been deleveraged later; {beside}."
        else:
            since = _time(outcome.later_at_ns)
            text = f"{far} {later} of it would have been deleveraged after all, from {since} on; {beside}."
        spared = outcome.later_at_ns is None
        return Afterwards(spared, ended, until_ns, later, outcome.later_at_ns, recorded, text)


def _time(at_ns: int) -> str:
    return format_time_ns(at_ns)[11:19]

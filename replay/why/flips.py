"""What would have flipped it: the nearest change that spares the position, found by search, confirmed by re-execution.

1. Four things are varied, one at a time: the fund's balance, the account's collateral (so its leverage), the size of
   its position, each changed just before the instant at which the round was called for; and the moment at which the
   whole position is closed at the mark.
2. An amount is doubled from a first guess until it spares the position, at most `_DOUBLINGS` times, and then halved in
   on, `_HALVINGS` times: nothing nearer than that grid was tried, nor whether some smaller amount spares it again. A
   size is searched in sixteenths. A moment is one right after an instant with a price, the last first.
3. Whatever is told was executed again, with all that follows from it up to the end of the reduction's instant.
4. Of a fork nothing before its own fork is varied, since that past is its parent's. A reduction in that past is asked
   of the parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.run import RunForked
from ...events.bodies.waterfall import PositionDeleveraged, ProfitCapExceeded, ShortfallDeclared
from ...events.errors import QueryError
from ...events.ledger import LedgerState
from ...handlers.valuation import margin_of
from ...sim.figures import duration, exact_money, size
from ...sim.terminal import shell_word
from ..fork.changes import Changes, Deposit, Trade
from ..run import Run, held_run
from .answer import Flip, Flips
from .trial import Subject, is_spared

__all__ = ["TRIALS_MAX", "flips_of", "no_flips"]

_DOUBLINGS, _HALVINGS = 10, 5
_PARTS = 16
_MOMENTS = 16
TRIALS_MAX = 2 * (_DOUBLINGS + 1 + _HALVINGS) + _PARTS.bit_length() + _MOMENTS
"""More re-executions than this are never made."""

_SEARCHED = (
    f"each amount doubled up to {_DOUBLINGS} times from a first guess, then halved in on {_HALVINGS} times; the size "
    f"in sixteenths; the last {_MOMENTS} instants with a price before the reduction."
)
_NOT_SEARCHED = (
    "two changes at once; other accounts; other rules (`deleverage fork --set`); amounts between the steps of the "
    "grid; whether a smaller amount would spare it too where a larger one does not."
)

Watch = Callable[[str], None]
"""Told before each re-execution what is tried."""


def flips_of(run: Run, seq: int, watch: Watch = lambda _text: None) -> Flips:
    """What would have spared the position that event `seq` reduced. Raises QueryError for any other event.

    Costs up to `TRIALS_MAX` re-executions, each of the instants from the call for the round to the reduction.
    """
    event = run.event(seq)
    if not isinstance(event.body, PositionDeleveraged):
        message = (
            f"event {seq} ({type(event.body).__name__}) reduced no position by auto-deleveraging; ask for one that did"
        )
        raise QueryError(message)
    owner = _owner(run, seq)
    search = _Search(owner, Subject(event, _begin_seq(owner, seq)), watch)
    return Flips(tuple(search.flips()), _SEARCHED, _NOT_SEARCHED)


def no_flips(reason: str) -> Flips:
    """The answer where the handlers cannot be executed again."""
    return Flips((), f"nothing, because nothing can be executed again: {reason}.", _NOT_SEARCHED)


def _begin_seq(run: Run, seq: int) -> int:
    """The first event of the instant at which the round was called for: what led there may be a timer of long ago."""
    causes = (run.event(cause) for cause in reversed(run.chain(seq)))
    call = next((event for event in causes if isinstance(event.body, ShortfallDeclared | ProfitCapExceeded)), None)
    return run.first_at((run.event(seq) if call is None else call).at_ns)


def _owner(run: Run, seq: int) -> Run:
    """The run, or the parent in which an event comes after the last fork. Raises QueryError if that is not at hand."""
    while run.forks and seq < run.forks[-1]:
        if run.reader.past is None:
            message = f"event {seq} is in the past that {run.path} shares with its parent; ask for it there"
            raise QueryError(message)
        run = held_run(run.reader.past, run.plugin_folders)
    return run


def _fork_end(run: Run) -> int:
    """The last event that belongs to the run's own fork; 0 where it is none."""
    if not run.forks:
        return 0
    body = run.event(run.forks[-1]).body
    return run.forks[-1] + (body.inputs if isinstance(body, RunForked) else 0)


class _Search:
    """The four searches for one reduction."""

    def __init__(self, run: Run, subject: Subject, watch: Watch) -> None:
        self._run, self._subject, self._watch = run, subject, watch
        self._fork_seq = _fork_end(run)
        self._after_seq = max(subject.begin_seq - 1, self._fork_seq)
        from_begin = subject.begin_seq > self._fork_seq
        self._when = f"just before event {subject.begin_seq}" if from_begin else f"just after event {self._after_seq}"
        self._ledger = run.at(seq=self._after_seq)
        body = subject.body
        self._account = self._ledger.accounts[body.account]
        self._listing = self._ledger.markets[body.instrument].listing
        self._asset = self._ledger.assets[self._listing.asset]
        self._name = self._ledger.name(body.account)
        self._since = f" since event {self._fork_seq}, where the run was forked," if self._fork_seq else ""

    def flips(self) -> Iterator[Flip]:
        """One for each thing that was varied."""
        yield self._fund()
        yield self._collateral()
        yield self._size()
        yield self._moment()

    def _spared(self, told: str, after_seq: int, changes: Changes) -> bool:
        self._watch(told)
        return is_spared(self._run, self._subject, after_seq, changes)

    def _fund(self) -> Flip:
        """The least more in the fund that stands behind the instrument."""
        fund = self._ledger.fund_of(self._listing.instrument)
        guess_atoms = max(1, self._missing_atoms())

        def changes(atoms: int) -> Changes:
            return Changes(deposits=(Deposit(fund, atoms),))

        least = self._least("the fund's balance", guess_atoms, changes)
        if least is None:
            most = self._money(guess_atoms << _DOUBLINGS)
            return Flip("fund", f"Up to {most} more in the insurance fund would not have spared it.", confirmed=False)
        failing, atoms = least
        several = len(self._ledger.funds_of(self._listing.asset)) > 1
        which = f"balances.{self._ledger.name(fund).partition(':')[2]}" if several else "balance"
        how = "--set", f"insurance_fund.{which}=+{self._plain(atoms)}"
        text = f"With {self._money(atoms)} more in the insurance fund {self._when}"
        return self._flip("fund", text, how, atoms, not_at=failing, not_with=self._money(failing))

    def _collateral(self) -> Flip:
        """The least more collateral, which lowers the leverage."""
        equity_atoms = max(1, margin_of(self._account, self._ledger.markets).equity_atoms)
        guess_atoms = max(1, equity_atoms >> 5)

        def changes(atoms: int) -> Changes:
            return Changes(deposits=(Deposit(self._account.account, atoms),))

        least = self._least("collateral", guess_atoms, changes)
        if least is None:
            most = self._money(guess_atoms << _DOUBLINGS)
            return Flip("collateral", f"Up to {most} more collateral would not have spared it.", confirmed=False)
        failing, atoms = least
        before, after = (_leverage(self._ledger, self._account.account, more) for more in (0, atoms))
        text = f"With {self._money(atoms)} more collateral {self._when}, so at {after} instead of {before} leverage"
        how = "--deposit", f"{self._name}={self._plain(atoms)}"
        return self._flip("collateral", text, how, atoms, not_at=failing, not_with=self._money(failing))

    def _size(self) -> Flip:
        """The least smaller position, in sixteenths."""
        held = self._account.positions.get((self._subject.body.instrument, self._subject.body.leg))
        if held is None or not self._can_trade(self._ledger):
            return Flip("size", f"It held none of it, or could not trade, {self._when}.", confirmed=False)
        lots = held.size_lots
        if not self._spared("the size", self._after_seq, self._trade(-lots)):
            return Flip("size", f"No smaller size {self._when} would have spared it.", confirmed=False)
        failing, sparing = 0, _PARTS
        while sparing - failing > 1:
            middle = (failing + sparing) // 2
            part = -_part(lots, middle)
            if part and self._spared(f"{middle}/{_PARTS} less", self._after_seq, self._trade(part)):
                sparing = middle
            else:
                failing = middle
        part = -_part(lots, sparing)
        text = (
            f"With a position smaller by {size(abs(part), self._listing)} (of {size(abs(lots), self._listing)}) "
            f"{self._when}"
        )
        less = abs(_part(lots, failing))
        not_with = f"{size(less, self._listing)} less"
        return self._flip("size", text, self._how_to_trade(part), abs(part), not_at=less, not_with=not_with)

    def _moment(self) -> Flip:
        """The latest moment to have closed the whole position at the mark."""
        body = self._subject.body
        for seq, ledger in self._moments():
            held = ledger.accounts[body.account].positions.get((body.instrument, body.leg))
            if held is None or not self._can_trade(ledger):
                continue
            if self._spared(f"closing after event {seq}", seq, self._trade(-held.size_lots)):
                before_ns = self._subject.reduction.at_ns - ledger.at_ns
                text = f"Closed whole at the mark after event {seq}, {duration(before_ns)} before the reduction,"
                return self._flip("moment", text, self._how_to_trade(-held.size_lots), 0, after_seq=seq)
        text = (
            f"At the last {_MOMENTS} instants with a price{self._since} closing it was not possible or would not have "
            "spared it."
        )
        return Flip("moment", text, confirmed=False)

    def _moments(self) -> Iterator[tuple[int, LedgerState]]:
        """The last events before instants with a price, from the reduction's instant backwards, and the state there."""
        stop_seq = self._run.first_at(self._subject.reduction.at_ns)
        for _ in range(_MOMENTS):
            seq = stop_seq - 1
            if seq < max(1, self._fork_seq):
                return
            yield seq, self._run.at(seq=seq)
            stop_seq = self._earlier_tick(seq)

    def _earlier_tick(self, seq: int) -> int:
        """The first event of the instant of the last price at or before an event."""
        while seq > 0 and not isinstance(self._run.event(seq).body, PriceTicked):
            seq -= 1
        return self._run.first_at(self._run.event(seq).at_ns)

    def _least(self, told: str, guess: int, changes: Callable[[int], Changes]) -> tuple[int, int] | None:
        """The smallest amount of the grid that spares it, behind the greatest below it that was tried and does not."""
        failing, sparing = 0, guess
        for _ in range(_DOUBLINGS + 1):
            if self._spared(f"{told} +{self._money(sparing)}", self._after_seq, changes(sparing)):
                break
            failing, sparing = sparing, sparing * 2
        else:
            return None
        for _ in range(_HALVINGS):
            middle = (failing + sparing) // 2
            if middle == failing:
                break
            if self._spared(f"{told} +{self._money(middle)}", self._after_seq, changes(middle)):
                sparing = middle
            else:
                failing = middle
        return failing, sparing

    def _missing_atoms(self) -> int:
        """What the fund had too little of, by whatever called for the round: a shortfall or a cap on profits."""
        for seq in reversed(self._run.chain(self._subject.reduction.seq)):
            body = self._run.event(seq).body
            if isinstance(body, ShortfallDeclared):
                return body.needed_atoms - body.capacity_atoms
            if isinstance(body, ProfitCapExceeded) and body.max_factor_ppm:
                return body.profit_atoms * 10**6 // body.max_factor_ppm - body.pool_atoms
        return 10**6

    def _can_trade(self, ledger: LedgerState) -> bool:
        """Not in a halt, nor in a liquidation."""
        market, account = ledger.markets[self._subject.body.instrument], ledger.accounts[self._subject.body.account]
        return market.halted_until_ns is None and account.liquidation_id is None and bool(market.mark_ticks)

    def _trade(self, lots: int) -> Changes:
        body = self._subject.body
        return Changes(trades=(Trade(body.account, (body.instrument, body.leg), lots),))

    def _how_to_trade(self, lots: int) -> tuple[str, str]:
        units = size(lots, self._listing).replace(",", "")
        return "--trade", f"{self._name}:{self._listing.name}={units}"

    def _flip(
        self,
        varied: str,
        text: str,
        how: tuple[str, str],
        amount: int,
        *,
        not_at: int | None = None,
        not_with: str = "",
        after_seq: int | None = None,
    ) -> Flip:
        at = self._after_seq if after_seq is None else after_seq
        plugins = chain.from_iterable(("--plugins", str(folder)) for folder in self._run.plugin_folders)
        words = ("deleverage", "fork", str(self._run.path), "--at", str(at), *how, *plugins)
        command = " ".join(map(shell_word, words))
        nearest = f", and with {not_with} it would not" if not_at else ""
        told = f"{text} it would have been spared{nearest}."
        return Flip(varied, told, confirmed=True, amount=amount, not_at=not_at, command=command)

    def _money(self, atoms: int) -> str:
        return f"{exact_money(atoms, self._asset)} {self._asset.name}"

    def _plain(self, atoms: int) -> str:
        return exact_money(atoms, self._asset).replace(",", "")


def _part(lots: int, sixteenths: int) -> int:
    """So many sixteenths of a position, toward zero."""
    part = abs(lots) * sixteenths // _PARTS
    return part if lots > 0 else -part


def _leverage(ledger: LedgerState, number: int, more_atoms: int) -> str:
    """Notional over equity with so much more collateral, in hundredths, rounded down."""
    margin = margin_of(ledger.accounts[number], ledger.markets)
    notional_atoms, equity_atoms = sum(map(abs, margin.values_atoms)), margin.equity_atoms + more_atoms
    if equity_atoms <= 0:
        return "unbounded"
    hundredths = 100 * notional_atoms // equity_atoms
    return f"{hundredths // 100:,}.{hundredths % 100:02d}x"

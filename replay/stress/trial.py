"""One execution of a shock: a state taken up, the shock put in, the engine left to go on, and what came of it.

1. It begins at a boundary of a record. The record's remaining inputs are left out; the shock's prices come instead, one
   a step, and hold where they arrived until the horizon. Everything else is decided by the run's own handlers.
2. A search asks only whether a target is met, so an execution ends there; one that is read in full goes to the horizon.
3. What funds are worth (cash, and inventory at the mark) and how much depth there is are looked at before each price.
4. Handlers are built and primed once; each shock is executed by a child forked off there. A fault is somebody who
   decides, so with one they are built anew in the child.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from ...events.bodies.chain import BadDebtRealised
from ...events.bodies.liquidation import BankruptcyDeclared, LiquidationEnded, LiquidationStarted
from ...events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingStarted,
    FundDeficitDeclared,
    LossSocialized,
    PositionDeleveraged,
    ShortfallDeclared,
)
from ...events.envelope import Event, Origin
from ...events.ledger import Ledger, LedgerState
from ...events.vocabulary import Body
from ...handlers.conversion import in_first, is_priced
from ...handlers.depth import eaten_lots
from ...handlers.inventory import Inventory
from ...sim.resumption import Resumption
from ..fork.changes import Changes, OutsideTrade
from ..fork.fork import Fork, NoSink
from ..run import Run
from .directions import BPS, Direction, Shock, shock_inputs
from .history import Course, course_inputs

__all__ = ["TARGETS", "Execution", "Prepared", "Reading", "Start", "Target", "closing", "fault_of", "perform"]

Target = Literal["fund-empty", "adl", "socialised"]
TARGETS: dict[Target, str] = {
    "fund-empty": "an insurance fund is asked for more than it can give",
    "adl": "a round of auto-deleveraging begins that is not for a cap on profits",
    "socialised": "a loss is shared out, written off, or left as bad debt",
}
"""What each means; told in the output."""

_MEETS: dict[Target, tuple[type[Body], ...]] = {
    "fund-empty": (ShortfallDeclared, FundDeficitDeclared),
    "adl": (DeleveragingStarted,),
    "socialised": (LossSocialized, BalanceWrittenOff, BadDebtRealised),
}
_NAMED_MOST = 20
_POINTS_MOST = 240
_DEPTH_BACK_BPS = 9_000
"""Depth counts as back once so much of what there was before is there again, in every market."""


class Execution(msgspec.Struct, frozen=True):
    """A shock, or a course instead of one; `whole` to read it to the horizon, `without` an account's positions."""

    shock: Shock = ()
    course: Course | None = None
    whole: bool = False
    without: int | None = None


class Start(msgspec.Struct, frozen=True):
    """Where every trial begins, in which steps a shock arrives, for how long it is held, and what is looked for."""

    after_seq: int
    step_ns: int
    steps: int
    held: int
    target: Target
    directions: tuple[Direction, ...]
    fault: str | None = None


class Reading(msgspec.Struct, frozen=True):
    """What came of a trial, times counted from where it began; amounts in the first asset, None for what never was.

    `bankrupt` are the accounts that were declared so with what they lacked then, the most first; `fund_points` the
    worth of the funds at even distances.
    """

    met_after_ns: int | None
    fund_start_atoms: int
    fund_least_atoms: int
    fund_end_atoms: int
    fund_back_after_ns: int | None = None
    depth_least_bps: int = BPS
    depth_back_after_ns: int | None = None
    settled_after_ns: int | None = None
    liquidated: int = 0
    bankrupt: tuple[tuple[int, int], ...] = ()
    bankrupts: int = 0
    deleveraged: int = 0
    deleveraged_atoms: int = 0
    socialised_atoms: int = 0
    fund_points: tuple[int, ...] = ()

    @property
    def met(self) -> bool:
        """Whether the target was."""
        return self.met_after_ns is not None


class Stressed(Fork):
    """A run taken up at a boundary, where other inputs come from there on."""

    def follow(self, resumption: Resumption, inputs: Iterable[Event]) -> None:
        """Begin, and publish these as far as they come."""
        resumption.begin(self._inputs)
        resumption.follow(inputs)


class Prepared:
    """A state with its handlers, from which a shock can be executed once; where nothing was driven yet."""

    def __init__(self, run: Run, start: Start, faults: tuple[str, ...] = ()) -> None:
        """Raises as `Fork` does."""
        self.run, self.start = run, start
        self.made = Stressed(run, start.after_seq, Changes(faults=faults))
        self.resumption = self.made.resumption(NoSink())
        self.resumption.prepare()

    def executed(self, trial: Execution) -> Reading:
        """What comes of a shock; of this state nothing can be executed after."""
        ledger, start = self.made.ledger, self.start
        if trial.without is not None:
            self.made.change(Changes(trades=closing(ledger, trial.without)))
        probe = _Probe(ledger, start.target)
        probe.listen(self.resumption)
        course, step_ns, steps = trial.course, start.step_ns, start.steps
        inputs = shock_inputs(ledger, start.directions, trial.shock, steps, start.held)
        held_ns, began_ns = start.held * step_ns, ledger.at_ns
        if course is not None:
            step_ns, steps = course.step_ns, course.steps
            inputs = course_inputs(ledger, course, held_ns // step_ns)
        self.made.follow(self.resumption, probe.watched(inputs, step_ns, whole=trial.whole))
        if trial.whole or not probe.met:
            self.resumption.run_until(began_ns + steps * step_ns + held_ns)
        return probe.reading()


def perform(prepared: Prepared, trial: Execution) -> Reading:
    """Execute a shock from a prepared state; with a fault from one that is prepared with it."""
    fault = fault_of(prepared.start, trial.shock)
    if fault is not None:
        prepared = Prepared(prepared.run, prepared.start, (fault,))
    return prepared.executed(trial)


def fault_of(start: Start, shock: Shock) -> str | None:
    """The fault of a shock, as `fork --fault` takes it; None without one."""
    pairs = zip(start.directions, shock, strict=False)
    seconds = sum(amount for one, amount in pairs if one.kind == "fault")
    return f"{start.fault} for={seconds}s" if seconds and start.fault is not None else None


def closing(ledger: LedgerState, account: int) -> tuple[OutsideTrade, ...]:
    """What closes all that an account holds, at the mark."""
    held = ledger.accounts[account].positions
    return tuple(OutsideTrade(account, key, -held[key].size_lots) for key in sorted(held))


class _Probe:
    """Reads a trial off while it is executed."""

    def __init__(self, ledger: Ledger, target: Target) -> None:
        self._ledger, self._target, self._began_ns = ledger, target, ledger.at_ns
        self._inventory = Inventory()
        self._inventory.rebuild(ledger)
        self._met_ns: int | None = None
        self._sums: Counter[str] = Counter()
        self._liquidated: set[int] = set()
        self._deleveraged: set[int] = set()
        self._bankrupt: dict[int, int] = {}
        self._settled_ns: int | None = None
        self._depth = _depth_of(ledger)
        self._worths = [self._worth()]
        self._depths = [BPS]
        self._times_ns = [self._began_ns]

    def listen(self, resumption: Resumption) -> None:
        """Hear what it reads."""
        tap = resumption.bus.tap
        tap(self._inventory.observe, Inventory.KINDS)
        tap(self._meet, _MEETS[self._target])
        tap(self._count, (PositionDeleveraged, *_MEETS["socialised"]))
        tap(self._befall, (LiquidationStarted, LiquidationEnded, BankruptcyDeclared))

    @property
    def met(self) -> bool:
        """Whether the target was."""
        return self._met_ns is not None

    def _meet(self, event: Event, _ledger: Ledger) -> None:
        if self._met_ns is None and getattr(event.body, "trigger", "") != "profit_cap":
            self._met_ns = event.at_ns

    def _count(self, event: Event, ledger: Ledger) -> None:
        body: Any = event.body
        if type(body) is PositionDeleveraged:
            self._deleveraged.add(body.account)
            asset, atoms = ledger.markets[body.instrument].listing.asset, abs(body.value_atoms)
            self._sums["deleveraged"] += in_first(ledger, asset, atoms)
        else:
            asset = body.asset if type(body) is BadDebtRealised else ledger.accounts[body.account].asset
            self._sums["socialised"] += in_first(ledger, asset, body.amount_atoms)

    def _befall(self, event: Event, ledger: Ledger) -> None:
        body: Any = event.body
        if type(body) is LiquidationStarted:
            self._liquidated.add(body.account)
        elif type(body) is LiquidationEnded:
            self._settled_ns = event.at_ns
        else:
            lacked = in_first(ledger, ledger.accounts[body.account].asset, -body.equity_atoms)
            self._bankrupt[body.account] = max(lacked, self._bankrupt.get(body.account, lacked))

    def watched(self, inputs: Iterable[tuple[int, Body]], step_ns: int, *, whole: bool) -> Iterator[Event]:
        """The inputs at their times, looked around before each; none after the target is met unless `whole`."""
        for step, body in inputs:
            self._look()
            if self.met and not whole:
                return
            yield Event(0, self._began_ns + step * step_ns, Origin.INPUT, None, (), None, body)

    def _look(self) -> None:
        self._times_ns.append(self._ledger.at_ns)
        self._worths.append(self._worth())
        self._depths.append(self._depth_left_bps())

    def _worth(self) -> int:
        """What all funds are worth; as the summary of a run has it."""
        ledger, worth_atoms = self._ledger, 0
        for fund in ledger.funds:
            asset = ledger.accounts[fund].asset
            if is_priced(ledger, asset):
                own_atoms = ledger.accounts[fund].balance_atoms + self._inventory.profit_atoms(ledger, fund)
                worth_atoms += in_first(ledger, asset, own_atoms)
        return worth_atoms

    def _depth_left_bps(self) -> int:
        """Of the side and market that has least left of what it had."""
        now = _depth_of(self._ledger)
        return min((now[key] * BPS // lots for key, lots in self._depth.items() if lots), default=BPS)

    def reading(self) -> Reading:
        """What came of it."""
        self._look()
        worths, depths = self._worths, self._depths
        most = sorted(self._bankrupt.items(), key=lambda one: (-one[1], one[0]))[:_NAMED_MOST]
        every = -(-len(worths) // _POINTS_MOST)
        return Reading(
            met_after_ns=None if self._met_ns is None else self._met_ns - self._began_ns,
            fund_start_atoms=worths[0],
            fund_least_atoms=min(worths),
            fund_end_atoms=worths[-1],
            fund_back_after_ns=self._back(worths, worths[0]),
            depth_least_bps=min(depths),
            depth_back_after_ns=self._back(depths, _DEPTH_BACK_BPS),
            settled_after_ns=None if self._settled_ns is None else self._settled_ns - self._began_ns,
            liquidated=len(self._liquidated),
            bankrupt=tuple(most),
            bankrupts=len(self._bankrupt),
            deleveraged=len(self._deleveraged),
            deleveraged_atoms=self._sums["deleveraged"],
            socialised_atoms=self._sums["socialised"],
            fund_points=tuple(worths[::every]),
        )

    def _back(self, values: Sequence[int], level: int) -> int | None:
        """How long until a value that fell below a level was there again for good; 0 where it never fell."""
        below = [place for place, value in enumerate(values) if value < level]
        if not below:
            return 0
        place = below[-1] + 1
        return self._times_ns[place] - self._began_ns if place < len(values) else None


def _depth_of(ledger: LedgerState) -> dict[tuple[int, bool], int]:
    """How many lots each side of each market has left, by (instrument, whether a seller takes from it)."""
    found = {}
    for number, market in enumerate(ledger.markets):
        for selling, bands in ((True, market.bids), (False, market.asks)):
            eaten = eaten_lots(market, selling=selling, now_ns=ledger.at_ns) if bands else 0
            found[number, selling] = max(0, bands[-1][1] - eaten) if bands else 0
    return found

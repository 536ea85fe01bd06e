"""Trials: what would have become of a reduction with a change from a point on, asked by several searches at once.

1. A trial takes the run up again at a point, with the change, and executes it to the end of the instant of the
   reduction that is asked about, or further, to the end of the run at most.
2. The position is *spared at this event* if, from the change to the end of that instant, auto-deleveraging takes no lot
   of it beyond those that the record has before the reduction. It is *spared in the whole run* if auto-deleveraging
   takes no lot of it after that instant either, to the run's end.
3. A search is a generator: it yields a trial, is sent the outcome, and returns what it found. No search knows of
   another, so what they find is the same in whatever order their trials are executed.
4. The plain way executes one trial after the other in this process: state and handlers anew for each.
5. Where a process can be forked safely, the handlers are built and primed once for each point that trials begin at.
   Each trial is a child, forked off there, that applies its change, goes on, and sends its outcome through a pipe.
6. A child whose change spared the position waits, until another of its search has: it may be asked to go on.
7. A trial that two searches ask is executed once. Whoever asks first to go on with it is given the child that waits.
8. A child that meets an error, or dies, sends nothing. Its trial is then executed in the plain way, which meets the
   error itself; raised is that of the first search that met one, as if the searches had gone one by one.
9. A moment is only tried when the account could trade with the market: not in its liquidation, nor in a halt, nor
   while the instrument has no mark (`Tradeable`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import msgspec
from msgspec.structs import replace

from ....events.bodies.inputs import PriceTicked
from ....events.bodies.listing import InstrumentListed
from ....events.bodies.venue import TradingHalted
from ....events.bodies.waterfall import PositionDeleveraged
from ....events.envelope import Event
from ....events.errors import HandlerError
from ....events.ledger import Ledger, LedgerState
from ....events.vocabulary import Body
from ....sim.resumption import Resumption
from ...fork.changes import Changes
from ...fork.fork import Fork, NoSink
from ...forked import Forked
from ...run import Run

__all__ = [
    "ForkTrial",
    "Free",
    "PrimedFork",
    "Search",
    "Subject",
    "Tradeable",
    "TrialOutcome",
    "one_by_one",
    "recorded_lots",
    "side_by_side",
    "watched",
]

T = TypeVar("T")

_STANDING_MOST = 4
"""So many points are kept primed at once, those that were used last."""

_STATES_MOST = 4
"""So many states are kept for searches that look at the same points; nobody changes them."""


class Subject(msgspec.Struct, frozen=True):
    """The reduction that is asked about, and the first event of the instant at which its round was called for."""

    reduction: Event
    begin_seq: int

    @property
    def body(self) -> PositionDeleveraged:
        """What was reduced."""
        body = self.reduction.body
        assert isinstance(body, PositionDeleveraged)
        return body


class ForkTrial(msgspec.Struct, frozen=True):
    """What is changed after which event, in words as well; `until_ns` is a later time to execute to."""

    told: str
    after_seq: int
    changes: Changes
    until_ns: int = 0


class TrialOutcome(msgspec.Struct, frozen=True):
    """Whether the position was spared at this event, and what was taken of it after that, if that was executed."""

    spared: bool
    later_lots: int = 0
    later_at_ns: int | None = None


Search = Generator[ForkTrial, TrialOutcome, T]
"""A search yields what it asks and is sent what became of it; its value is what it found."""


def watched(search: Search[T], watch: Callable[[str], None]) -> Search[T]:
    """The same search; `watch` is told what is tried before each trial."""
    try:
        trial = next(search)
        while True:
            watch(trial.told)
            trial = search.send((yield trial))
    except StopIteration as done:
        found: T = done.value
        return found


def one_by_one(run: Run, subject: Subject, searches: Sequence[Search[T]]) -> list[T]:
    """What the searches find, in the plain way. The oracle of the other."""
    found = []
    for search in searches:
        try:
            trial = next(search)
            while True:
                trial = search.send(_outcome_of(run, subject, trial))
        except StopIteration as done:
            found.append(done.value)
    return found


def side_by_side(
    run: Run, subject: Subject, searches: Sequence[Search[T]], jobs: int | None = None, begun: Sequence[int] = ()
) -> list[T]:
    """The same with so many children at once, by default one for each processor.

    `begun` are those that are to be begun before the others, in this order.
    """
    jobs = jobs or len(os.sched_getaffinity(0))
    found: dict[int, T] = {}
    errors: dict[int, Exception] = {}
    order = dict.fromkeys([*begun, *range(len(searches))])
    asking = deque[tuple[int, TrialOutcome | None]]((number, None) for number in order)
    asked = _Asked()
    with _Children(run, subject) as children:
        while asking or children.busy:
            if asking and len(children.busy) < jobs:
                number, outcome = asking.popleft()
                if number > min(errors, default=number):
                    continue
                search = searches[number]
                try:
                    trial = next(search) if outcome is None else search.send(outcome)
                    if not asked.before(number, trial, asking):
                        children.begin(number, trial)
                except StopIteration as done:
                    found[number] = done.value
                except Exception as error:  # noqa: BLE001 - raised below
                    errors[number] = error
            else:
                for number, outcome in children.ended(errors):
                    asked.answered(number, outcome, asking)
    if errors:
        raise errors[min(errors)]
    return [found[number] for number in range(len(searches))]


class _Asked:
    """The trials that were asked, by what they change and how far they go, so that none is executed twice."""

    def __init__(self) -> None:
        self._outcomes: dict[ForkTrial, TrialOutcome] = {}
        self._asking: dict[ForkTrial, list[int]] = {}
        self._current: dict[int, ForkTrial] = {}

    def before(self, number: int, trial: ForkTrial, asking: deque[tuple[int, TrialOutcome | None]]) -> bool:
        """Whether another search has asked this: the outcome comes when that is there."""
        key = replace(trial, told="")
        if key in self._outcomes:
            asking.appendleft((number, self._outcomes[key]))
            return True
        self._current[number] = key
        self._asking.setdefault(key, []).append(number)
        return self._asking[key][0] != number

    def answered(self, number: int, outcome: TrialOutcome, asking: deque[tuple[int, TrialOutcome | None]]) -> None:
        """Let all who asked go on; the one that executed it last, as it lets go of the child that waits."""
        key = self._current[number]
        self._outcomes[key] = outcome
        asking.extend((one, outcome) for one in reversed(self._asking.pop(key)))


class _Child(NamedTuple):
    """A process that executes a trial of a search."""

    number: int
    trial: ForkTrial
    process: Forked


class _Children:
    """The trials that are executed now, ended on the way out of the context."""

    def __init__(self, run: Run, subject: Subject) -> None:
        self._run, self._subject = run, subject
        self._standings: dict[int, PrimedFork] = {}
        self.busy: dict[Connection, _Child] = {}
        self._waiting: dict[Connection, _Child] = {}

    def begin(self, number: int, trial: ForkTrial) -> None:
        """Execute a trial in a child: in one that has executed the first part of it already, or in a new one."""
        for pipe, child in self._waiting.items():
            if child.trial == replace(trial, told=child.trial.told, until_ns=0):
                self.busy[pipe] = self._waiting.pop(pipe)._replace(number=number, trial=trial)
                with suppress(ConnectionError):  # of one that died it is found out when it should answer
                    pipe.send(trial.until_ns)
                return
        standing = self._standing(trial.after_seq)
        process = Forked(lambda pipe: _execute(standing, self._subject, trial, pipe))
        self.busy[process.pipe] = _Child(number, trial, process)

    def ended(self, errors: dict[int, Exception]) -> list[tuple[int, TrialOutcome]]:
        """Wait for children; their outcomes by the number of their search. What a trial raises goes to `errors`."""
        outcomes = []
        for pipe in wait(list(self.busy)):
            assert isinstance(pipe, Connection)
            child = self.busy[pipe]
            try:
                outcome = self._outcome(pipe, child)
            except Exception as error:  # noqa: BLE001 - as if the trial had been executed here
                errors[child.number] = error
            else:
                outcomes.append((child.number, outcome))
            if pipe in self.busy:
                self._end(pipe)
        return outcomes

    def _outcome(self, pipe: Connection, child: _Child) -> TrialOutcome:
        """What a child sends, which then waits in place of an earlier one of its search; else that of the plain way."""
        try:
            outcome: TrialOutcome = pipe.recv()
        except (EOFError, ConnectionError):
            return _outcome_of(self._run, self._subject, child.trial)
        if outcome.spared and not child.trial.until_ns:
            for earlier in [one for one, other in self._waiting.items() if other.number == child.number]:
                self._end(earlier)
            self._waiting[pipe] = self.busy.pop(pipe)
        return outcome

    def _standing(self, after_seq: int) -> PrimedFork:
        standing = self._standings.pop(after_seq, None)
        if standing is None:
            if len(self._standings) == _STANDING_MOST:
                del self._standings[next(iter(self._standings))]
            standing = PrimedFork(self._run, after_seq)
            standing.prepare()
        self._standings[after_seq] = standing  # the last one in the order
        return standing

    def _end(self, pipe: Connection) -> None:
        """Let no process and no open file be left of a child."""
        child = self.busy.get(pipe) or self._waiting[pipe]
        child.process.end()
        self.busy.pop(pipe, None)
        self._waiting.pop(pipe, None)

    def __enter__(self) -> Self:
        """Children are forked when there is something to execute."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End those that are left, whatever they do."""
        for pipe in [*self.busy, *self._waiting]:
            self._end(pipe)


def _execute(standing: PrimedFork, subject: Subject, trial: ForkTrial, pipe: Connection) -> None:
    """What a child does."""
    standing.change(trial.changes)
    outcome = standing.execute(subject, trial.until_ns)
    pipe.send(outcome)
    if outcome.spared and not trial.until_ns:
        pipe.send(standing.go_on(pipe.recv()))


class _EnoughError(Exception):
    """What was watched for has come, so that the re-execution need not go on."""


def driven_until(
    fork: Fork, resumption: Resumption, kinds: Iterable[type[Body]], enough: Callable[[Event], bool], until_ns: int
) -> bool:
    """Drive a fork to the end of an instant, or until an event of some types is enough: whether one was.

    `enough` hears of them for as long as that fork is driven.
    """

    def watch(event: Event, _ledger: Ledger) -> None:
        if enough(event):
            raise _EnoughError

    resumption.bus.tap(watch, kinds)
    try:
        fork.drive(resumption, until_ns=until_ns)
    except _EnoughError:
        return True
    except HandlerError as error:  # what a handler's product makes somebody raise counts as the handler's
        if not isinstance(error.__cause__, _EnoughError):
            raise
        return True
    return False


class PrimedFork:
    """A run at a boundary, its handlers built and primed there. One trial can be executed from it."""

    def __init__(self, run: Run, after_seq: int, changes: Changes = Changes()) -> None:  # noqa: B008 - frozen
        """Costs the state there, and a look at every account. Raises what `Fork` does."""
        self._fork = Fork(run, after_seq, changes)
        self._resumption = self._fork.resumption(NoSink())
        self._later = list[Event]()

    def prepare(self) -> None:
        """Have ready all that trials need, for many of them."""
        self._resumption.prepare()

    def change(self, changes: Changes) -> None:
        """Let this be changed, which must be no setting. Raises QueryError for what cannot be."""
        self._fork.change(changes)

    def execute(self, subject: Subject, until_ns: int = 0) -> TrialOutcome:
        """Go on from here. It stops at the first lot that is taken at this event beyond those allowed."""
        fork, at_ns = self._fork, subject.reduction.at_ns
        allowed_lots = recorded_lots(fork.run, subject, fork.boundary, subject.reduction.seq)
        taken = list[int]()

        def is_taken(event: Event) -> bool:
            if not _is_of(event, subject):
                return False
            if event.at_ns > at_ns:
                self._later.append(event)
                return False
            taken.append(_lots(event))
            return sum(taken) > allowed_lots

        if driven_until(fork, self._resumption, (PositionDeleveraged,), is_taken, max(at_ns, until_ns)):
            return TrialOutcome(spared=False)
        return self._spared()

    def go_on(self, until_ns: int) -> TrialOutcome:
        """Go on further with a trial that spared the position; the same comes of it as if it had not stopped."""
        self._fork.drive_on(self._resumption, until_ns)
        return self._spared()

    def _spared(self) -> TrialOutcome:
        later_at_ns = self._later[0].at_ns if self._later else None
        return TrialOutcome(spared=True, later_lots=sum(map(_lots, self._later)), later_at_ns=later_at_ns)


def _outcome_of(run: Run, subject: Subject, trial: ForkTrial) -> TrialOutcome:
    """Execute the run again from after an event with changes; costs a `PrimedFork` and the events from there on.

    Raises ScenarioError or QueryError for changes that cannot be made there.
    """
    return PrimedFork(run, trial.after_seq, trial.changes).execute(subject, trial.until_ns)


def recorded_lots(run: Run, subject: Subject, first_seq: int, stop_seq: int | None = None) -> int:
    """What the record has taken of the position in a span of events."""
    named = run.events_naming(subject.body.account, first_seq, stop_seq)
    return sum(_lots(event) for event in named if _is_of(event, subject))


def _is_of(event: Event, subject: Subject) -> bool:
    body, asked = event.body, subject.body
    return isinstance(body, PositionDeleveraged) and (body.account, body.instrument, body.leg) == (
        asked.account,
        asked.instrument,
        asked.leg,
    )


def _lots(event: Event) -> int:
    assert isinstance(event.body, PositionDeleveraged)
    return abs(event.body.size_lots)


class Free(NamedTuple):
    """Where an account can trade: after which event, in which state, and what is in the way of a later point."""

    seq: int
    ledger: LedgerState
    later: str


class Tradeable:
    """The points of a run at which an instrument could be traded, from event `first_seq` on."""

    def __init__(self, run: Run, listing: InstrumentListed, first_seq: int) -> None:
        self._run, self._listing, self._first_seq = run, listing, max(1, first_seq)
        self._after = lru_cache(_STATES_MOST)(lambda seq: run.at(seq=seq))

    def backwards(self, account: int, seq: int, ledger: LedgerState | None = None) -> Iterator[Free]:
        """The last points of instants with a price, backwards from an event, after which the state is `ledger`."""
        later = "that was the last instant before it"
        while (free := self.last(account, seq, ledger)) is not None:
            later = free.later or later
            yield free._replace(later=later)
            seq, ledger = self._earlier_tick(free.seq) - 1, None

    def last(self, account: int, seq: int, ledger: LedgerState | None = None) -> Free | None:
        """The last point up to an event, after which the state is `ledger`; None where there is none."""
        later = ""
        while seq >= self._first_seq:
            ledger = ledger or self._after(seq)
            blocked = self._blocked_since(ledger, seq, account)
            if blocked is None:
                return Free(seq, ledger, later)
            since_seq, later = blocked
            seq, ledger = self._run.first_at(self._run.event(since_seq).at_ns) - 1, None
        return None

    def _blocked_since(self, ledger: LedgerState, seq: int, account: int) -> tuple[int, str] | None:
        """The event since which the account cannot trade, and that in words; None where it can."""
        market, number = ledger.markets[self._listing.instrument], ledger.accounts[account].liquidation_id
        if number is not None:
            started_seq = ledger.liquidations[number].started_seq
            return started_seq, f"from event {started_seq} on it was in liquidation"
        if market.halted_until_ns is not None:
            halt_seq = next(event.seq for event in self._run.backwards(seq + 1) if self._halts(event.body))
            return halt_seq, f"from event {halt_seq} on {self._listing.name} was halted"
        return None if market.mark_ticks else (0, f"before, {self._listing.name} had no mark")

    def _halts(self, body: object) -> bool:
        return isinstance(body, TradingHalted) and body.instrument == self._listing.instrument

    def _earlier_tick(self, seq: int) -> int:
        """The first event of the instant of the last price at or before an event."""
        ticks = (event.seq for event in self._run.backwards(seq + 1) if isinstance(event.body, PriceTicked))
        return self._run.first_at(self._run.event(next(ticks, 0)).at_ns)

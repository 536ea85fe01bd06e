"""A page for each account that was deleveraged, in a folder with an index: complete at the end, or not there at all.

1. A page is what the command prints about that account. Its file is named by the account's number and as much of its
   name as every file system takes, so that no name leads elsewhere or falls together with another.
2. The pages are written into a folder beside the one that was asked for, which takes its name when all are there.
3. The accounts are shared out to processes by the time of what is told of them, a stretch of the record each.

`answers_together` answers for many reductions in one pass, so that what rounds share is worked out once:

4. One ledger moves through the record. Where it stands before a shortfall the fund is taken down, before the first
   round of an instant the places of those who are asked about, before a round all that its reductions are told from.
5. The losses behind all rounds are watched on the way.
6. A ranking that continues another is moved on from that one, by those who were touched since, as the venue does; the
   digest says whether it is the one that was decided by.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...events.bodies.liquidation import LiquidationStarted, PositionTakenOver
from ...events.bodies.margin import FundingAccrued, MarkPriced
from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event, Origin
from ...events.errors import DeleverageError, QueryError
from ...events.ledger import LedgerState
from ...events.regular import open_new
from ...sim.signals import stoppable
from ..indexed import IndexedRun
from ..new_folder import folder_for, must_be_free
from ..rankings import RoundRanking, UnrankedRound, ranking_if_at_hand, round_body
from ..run import Run, open_run
from ..workers import Workers
from .accounts import befallen, befallen_with
from .answer import Answer, Befallen
from .explain import RoundFound, explain_round, fund_standing, lot_events, shortfall_behind, watches_of
from .fund import fund_behind, fund_of
from .fund_books import Accruals, FundBooks
from .names import RunNames
from .page.pages import Indexed, Layout, account_page, index_page
from .parts import Fund
from .ranking import Standings, standings_of
from .story import Beginning, called_before
from .watching import Watch, watched

__all__ = ["PagesMade", "answers_together", "deleveraged_in", "file_name", "write_everyone"]

_SUFFIXES: dict[Layout, str] = {"text": "txt", "md": "md", "json": "json"}
_STRETCHES = 4
"""So many tasks for each process, so that none waits long for another; each costs a second to begin."""
_NAME_MOST = 60
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class Reduced(NamedTuple):
    """An account that was deleveraged: in which events, and what their prices gained it over the marks."""

    account: int
    events: tuple[int, ...]
    gained_atoms: int


class PagesMade(NamedTuple):
    """What was written: how many pages, and where."""

    pages: int
    path: Path


class _Task(msgspec.Struct, frozen=True):
    """A stretch of accounts, by number, with the last reduction of each, and where their pages go."""

    record: Path
    plugins: tuple[Path, ...]
    accounts: tuple[tuple[int, int], ...]
    folder: Path
    layout: Layout
    width: int
    whole: bool


class _Done(msgspec.Struct, frozen=True):
    """How many pages a task wrote, or the one line that says why it could not."""

    pages: int = 0
    error: str | None = None


def deleveraged_in(run: Run) -> list[Reduced]:
    """The accounts that were deleveraged, by number; one reading of the record. `gained_atoms` is 0 in an import."""
    markets = run.at().markets
    marks, events, gained = dict[int, int](), dict[int, list[int]](), dict[int, int]()
    for event in run.events():
        body = event.body
        if isinstance(body, MarkPriced):
            marks[body.instrument] = body.mark_ticks
        elif isinstance(body, PositionDeleveraged):
            events.setdefault(body.account, []).append(event.seq)
            if event.origin is Origin.DECIDED:
                at_mark_atoms = markets[body.instrument].payoff.value_atoms(body.size_lots, marks[body.instrument])
                gained[body.account] = gained.get(body.account, 0) + at_mark_atoms - body.value_atoms
    return [Reduced(account, tuple(events[account]), gained.get(account, 0)) for account in sorted(events)]


def file_name(account: int, name: str, layout: Layout) -> str:
    """The file of an account: its number, what is plain of its name, and the ending of the layout."""
    plain = _UNSAFE.sub("_", name)[:_NAME_MOST].strip("_")
    return f"{account}{f'-{plain}' if plain else ''}.{_SUFFIXES[layout]}"


def write_everyone(
    run: Run,
    path: Path,
    layout: Layout,
    width: int,
    *,
    jobs: int,
    whole: bool = False,
    watch: Callable[[int, int], None] = lambda _done, _of: None,
) -> PagesMade:
    """Write the pages and the index into a folder that is not there yet, or empty; `watch` hears how many are done.

    Raises RecordExistsError where there is something in the folder, QueryError where nobody was deleveraged or nothing
    can be written, DeleverageError where a page cannot be made.
    """
    must_be_free(path)
    reduced = deleveraged_in(run)
    if not reduced:
        message = f"{run.path}: nobody was deleveraged in it, so there is no page to write"
        raise QueryError(message)
    names = RunNames(run.at())
    with stoppable(), folder_for(path) as folder:
        stretches = _stretches(reduced, jobs * _STRETCHES)
        given = Path(run.path), run.plugin_folders
        tasks = deque(_Task(*given, stretch, folder, layout, width, whole) for stretch in stretches)
        done = 0
        watch(done, len(reduced))
        with Workers[_Task, _Done](min(jobs, len(tasks)), _perform, _lost) as workers:
            for _, outcome in workers.outcomes(tasks):
                if outcome.error is not None:
                    raise DeleverageError(outcome.error)
                done += outcome.pages
                watch(done, len(reduced))
        index = index_page(run, _indexed(run, reduced, names, layout), layout, width)
        _write(folder / f"index.{_SUFFIXES[layout]}", index)
    return PagesMade(len(reduced), path)


def _stretches(reduced: Iterable[Reduced], parts: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """The accounts by the time of their last reduction, in so many parts of nearly one size; rounds stay together."""
    accounts = sorted(((one.account, one.events[-1]) for one in reduced), key=lambda one: one[1])
    size = -(-len(accounts) // parts)
    for first in range(0, len(accounts), size):
        yield tuple(accounts[first : first + size])


def _indexed(run: Run, reduced: Sequence[Reduced], names: RunNames, layout: Layout) -> list[Indexed]:
    return [
        Indexed(
            one.account,
            names.account(one.account),
            one.events,
            None if run.imported else names.money_of(one.account, one.gained_atoms),
            file_name(one.account, names.account(one.account), layout),
        )
        for one in reduced
    ]


def _perform(task: _Task) -> _Done:
    """Write the pages of a stretch. Never raises: an error is the outcome's."""
    try:
        return _Done(_write_pages(task))
    except DeleverageError as error:
        return _Done(error=" ".join(str(error).split()))
    except OSError as error:
        return _Done(error=f"{task.folder}: it cannot be written there ({error.strerror}); give another folder")
    except Exception as error:  # noqa: BLE001 - the parent says it in one line
        return _Done(error=" ".join(f"{type(error).__name__}: {error}".split()))


def _lost(told: str) -> _Done:
    return _Done(error=f"a page could not be made: {told}")


def _write_pages(task: _Task) -> int:
    run = IndexedRun(open_run(task.record, plugins=task.plugins).reader, task.plugins)
    run.keep_blocks()
    run.kept.leave_as_they_are()
    names = RunNames(run.at())
    for found in _befell(run, task, names):
        page = account_page(run, found, task.layout, task.width, whole=task.whole)
        _write(task.folder / file_name(found.account, found.name, task.layout), page)
    return len(task.accounts)


def _befell(run: IndexedRun, task: _Task, names: RunNames) -> Iterator[Befallen]:
    """What befell each account; of an import one after the other, where rounds have little in common."""
    if run.imported:
        for account, _ in task.accounts:
            yield befallen(run, account, whole=task.whole)
        return
    by_seq = {seq: account for account, seq in task.accounts}
    for answer in answers_together(run, by_seq, whole=task.whole):
        yield befallen_with(run, by_seq[answer.event.seq], answer, names)


def _write(path: Path, data: bytes) -> None:
    with open_new(path) as file:
        file.write(data)


class _AskedFor(NamedTuple):
    """A round of which reductions are asked about: those, the shortfall behind it, the instant's first round."""

    started: Event
    reductions: list[Event]
    shortfall: Event | None
    first: Event
    watches: tuple[Watch, ...]

    @property
    def body(self) -> DeleveragingStarted:
        """What the round was to close."""
        return round_body(self.started)


def answers_together(run: IndexedRun, seqs: Iterable[int], *, whole: bool = False) -> Iterator[Answer]:
    """Why each of these reductions is in the record, in the order of the record; the same as `explain` says of each."""
    return _Together(run, set(seqs), whole=whole).answers()


class _Together:
    """What is worked out once, as far as the pass has come."""

    def __init__(self, run: IndexedRun, seqs: set[int], *, whole: bool) -> None:
        self._run, self._whole, self._plan = run, whole, _Plan(run, seqs)
        self._books: dict[int, tuple[FundBooks, int]] = {}
        self._funds: dict[int, Fund] = {}
        self._standings: dict[int, Standings | None] = {}
        self._rankings: dict[int, RoundRanking | UnrankedRound] = {}

    def answers(self) -> Iterator[Answer]:
        """The pass itself."""
        rounds = {one.started.seq: one for one in self._plan.rounds}
        shortfalls = {one.shortfall.seq: one.shortfall for one in rounds.values() if one.shortfall is not None}
        firsts = {one.first.seq: one.first for one in rounds.values()}
        watches = [watch for one in rounds.values() for watch in one.watches]
        for ledger in watched(self._run, watches, rounds.keys() | shortfalls.keys() | firsts.keys()):
            seq = ledger.seq
            if seq in shortfalls:
                self._funds[seq] = self._fund(shortfalls[seq], ledger)
            if seq in firsts:
                asked = {account for one in rounds.values() if one.first.seq == seq for account in _accounts(one)}
                self._standings[seq] = standings_of(self._ranking(firsts[seq], ledger), asked)
            if seq in rounds:
                yield from self._told(rounds.pop(seq), ledger)

    def _told(self, asked: _AskedFor, ledger: LedgerState) -> Iterator[Answer]:
        run, body = self._run, asked.body
        fund = None if asked.shortfall is None else self._funds[asked.shortfall.seq]
        lot = tuple[Event, ...]()
        if ledger.accounts[body.account].kind == "insurance":
            lot = tuple(lot_events(run, body, self._plan.begun(body), asked.started.seq))
        made, first = self._ranking(asked.started, ledger), self._standings[asked.first.seq]
        if fund is not None:
            fund = fund_standing(run, fund, asked.started, ledger)
        found = RoundFound(asked.started, ledger, made, first, fund, lot, asked.watches)
        for event in asked.reductions:
            yield explain_round(run, event, run.causes(event.seq), None, whole=self._whole, found=found)

    def _fund(self, shortfall: Event, ledger: LedgerState) -> Fund:
        """The fund at a shortfall, its books folded on from the shortfall before."""
        number = fund_behind(shortfall, ledger)
        books, seq = self._books.get(number) or (FundBooks(ledger.accounts[number], self._plan.accruals), 0)
        for event in self._run.events_naming(number, seq, ledger.seq):
            books.fold(event)
        self._books[number] = books, ledger.seq
        return fund_of(self._run, shortfall, ledger, books, RunNames(ledger), whole=self._whole)

    def _ranking(self, started: Event, ledger: LedgerState) -> RoundRanking | UnrankedRound:
        """A ranking, moved on where one that it continues is at hand."""
        root = self._plan.roots[started.seq]
        earlier = self._rankings.get(root)
        if earlier is not None and earlier.started.seq == started.seq:
            return earlier
        made = ranking_if_at_hand(self._run, started, ledger, earlier if isinstance(earlier, RoundRanking) else None)
        if earlier is None:
            self._rankings.clear()  # of another mark: nothing continues those
        self._rankings[root] = made
        return made


def _accounts(asked: _AskedFor) -> Iterator[int]:
    return (event.body.account for event in asked.reductions if isinstance(event.body, PositionDeleveraged))


class _Plan:
    """What is asked, found in one reading of the record up to the last reduction asked about."""

    def __init__(self, run: IndexedRun, seqs: set[int]) -> None:
        self._run = run
        self._begun: dict[int, Event] = {}
        self._taken: dict[tuple[int, int], Event] = {}
        self.roots: dict[int, int] = {}
        self.rounds: list[_AskedFor] = []
        accrued = list[Event]()
        started, starts, firsts = dict[int, Event](), dict[int, Event](), dict[tuple[int, int, bool], Event]()
        for event in run.events(0, max(seqs, default=-1) + 1):
            body = event.body
            if isinstance(body, LiquidationStarted):
                self._begun[body.liquidation_id] = event
            elif isinstance(body, PositionTakenOver):
                self._taken.setdefault((body.liquidation_id, body.instrument), event)
            elif isinstance(body, FundingAccrued):
                accrued.append(event)
            elif isinstance(body, DeleveragingStarted):
                started[body.round] = event
                base = None if body.base_round is None else started[body.base_round].seq
                self.roots[event.seq] = event.seq if base is None else self.roots[base]
                starts[body.round] = firsts.setdefault((event.at_ns, body.instrument, body.size_lots > 0), event)
            elif isinstance(body, PositionDeleveraged) and event.seq in seqs:
                self._ask(event, started[body.round], starts[body.round])
        self.accruals = Accruals(accrued)

    def begun(self, body: DeleveragingStarted) -> int:
        """Where the liquidation began that a round's lot came from."""
        begun = self._begun.get(body.liquidation_id)
        return 0 if begun is None else begun.seq

    def _ask(self, event: Event, started: Event, first: Event) -> None:
        if self.rounds and self.rounds[-1].started.seq == started.seq:
            self.rounds[-1].reductions.append(event)
            return
        shortfall = shortfall_behind(self._run, started)
        self.rounds.append(_AskedFor(started, [event], shortfall, first, self._watches(started)))

    def _watches(self, started: Event) -> tuple[Watch, ...]:
        body = round_body(started)
        begun = self._begun.get(body.liquidation_id)
        if begun is None:
            return ()
        assert isinstance(begun.body, LiquidationStarted)
        called = called_before(self._run, begun)
        beginning = Beginning(begun.body.account, body.liquidation_id, begun, called, None)
        taken = self._taken.get((body.liquidation_id, body.instrument))
        of_lot = taken is not None and body.account != beginning.account
        return watches_of(self._run, started, beginning, (taken,) if of_lot and taken is not None else ())

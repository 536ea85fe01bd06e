"""The answers for many reductions of one record, in one pass: what rounds share is worked out once.

1. One ledger moves through the record. Where it stands before a shortfall the fund is taken down, before the first
   round of an instant the places of those who are asked about, before a round all that its reductions are told from.
2. The losses behind all rounds are watched on the way.
3. A ranking that continues another is moved on from that one, by those who were touched since, as the venue does; the
   digest says whether it is the one that was decided by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...events.bodies.liquidation import LiquidationStarted, PositionTakenOver
from ...events.bodies.margin import FundingAccrued
from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged, ProfitCapExceeded, ShortfallDeclared
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ..indexed import IndexedRun
from ..rankings import RoundRanking, UnrankedRound, ranking_if_at_hand
from .accruals import Accruals
from .answer import Answer
from .explain_round import Found, explain_round, fund_standing, watches_of
from .fund import fund_behind, fund_of
from .fund_books import FundBooks
from .names import Names
from .parts import Fund
from .ranking import Standings, standings_of
from .story import Beginning, called_before
from .watch import Watch, watched

__all__ = ["answers_together"]


class _Asked(NamedTuple):
    """A round of which reductions are asked about: those, the shortfall behind it, the instant's first round."""

    started: Event
    reductions: list[Event]
    shortfall: Event | None
    first: Event
    watches: tuple[Watch, ...]

    @property
    def body(self) -> DeleveragingStarted:
        """What the round was to close."""
        body = self.started.body
        assert isinstance(body, DeleveragingStarted)
        return body


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

    def _told(self, asked: _Asked, ledger: LedgerState) -> Iterator[Answer]:
        run, body = self._run, asked.body
        fund = None if asked.shortfall is None else self._funds[asked.shortfall.seq]
        lot_events = tuple(self._lot_events(asked)) if ledger.accounts[body.account].kind == "insurance" else ()
        made, first = self._ranking(asked.started, ledger), self._standings[asked.first.seq]
        if fund is not None:
            fund = fund_standing(run, fund, asked.started, ledger)
        found = Found(asked.started, ledger, made, first, fund, lot_events, asked.watches)
        for event in asked.reductions:
            yield explain_round(run, event, run.causes(event.seq), None, whole=self._whole, found=found)

    def _lot_events(self, asked: _Asked) -> Iterator[Event]:
        """What the fund did with the lot before the round."""
        for event in self._run.events_naming(asked.body.account, self._plan.begun(asked.body), asked.started.seq):
            if getattr(event.body, "liquidation_id", None) == asked.body.liquidation_id:
                yield event

    def _fund(self, shortfall: Event, ledger: LedgerState) -> Fund:
        """The fund at a shortfall, its books folded on from the shortfall before."""
        number = fund_behind(shortfall, ledger)
        books, seq = self._books.get(number) or (FundBooks(ledger.accounts[number], self._plan.accruals), 0)
        for event in self._run.events_naming(number, seq, ledger.seq):
            books.fold(event)
        self._books[number] = books, ledger.seq
        return fund_of(self._run, shortfall, ledger, books, Names(ledger), whole=self._whole)

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


def _accounts(asked: _Asked) -> Iterator[int]:
    return (event.body.account for event in asked.reductions if isinstance(event.body, PositionDeleveraged))


class _Plan:
    """What is asked, found in one reading of the record up to the last reduction asked about."""

    def __init__(self, run: IndexedRun, seqs: set[int]) -> None:
        self._run = run
        self._begun: dict[int, Event] = {}
        self._taken: dict[tuple[int, int], Event] = {}
        self.roots: dict[int, int] = {}
        self.rounds: list[_Asked] = []
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
        shortfall = self._shortfall(started)
        self.rounds.append(_Asked(started, [event], shortfall, first, self._watches(started)))

    def _shortfall(self, started: Event) -> Event | None:
        """The last one that led to the round; None where it is for a cap on profits."""
        cause = None if started.cause is None else self._run.event(started.cause)
        if cause is not None and isinstance(cause.body, ProfitCapExceeded):
            return None
        while cause is not None and not isinstance(cause.body, ShortfallDeclared):
            cause = None if cause.cause is None else self._run.event(cause.cause)
        return cause

    def _watches(self, started: Event) -> tuple[Watch, ...]:
        body = started.body
        assert isinstance(body, DeleveragingStarted)
        begun = self._begun.get(body.liquidation_id)
        if begun is None:
            return ()
        assert isinstance(begun.body, LiquidationStarted)
        called = called_before(self._run, begun)
        beginning = Beginning(begun.body.account, body.liquidation_id, begun, called, None)
        taken = self._taken.get((body.liquidation_id, body.instrument))
        of_lot = taken is not None and body.account != beginning.account
        return watches_of(self._run, started, beginning, (taken,) if of_lot and taken is not None else ())

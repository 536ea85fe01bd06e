"""What a supervisor asks of an incident, read off one record: who was forced, when, how much, by which rules.

1. Everything is read off the events and the ledger that they fold to; nothing is estimated. Amounts are decimals of the
   asset or instrument named beside them, exact, as text.
2. `deciding` has each handler with its version and parameters, from the event on at which it decides.
3. Of what other commands found and kept beside the record, the answers that belong to its head are taken in as they
   stand (`studies`).
4. The document is what `report --json` prints, with stable names. It holds no time of its own making, so the same
   record gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ...events.bodies.faults import FaultEnded, FaultStarted
from ...events.bodies.invariants import InvariantBroken
from ...events.bodies.liquidation import BankruptcyDeclared, LiquidationEnded, LiquidationStarted
from ...events.bodies.margin import MarkPriced, RulesAnnounced, RulesChanged
from ...events.bodies.venue import TradingHalted, TradingResumed
from ...events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingStarted,
    FundDeficitDeclared,
    LossSocialized,
    PositionDeleveraged,
    ShortfallDeclared,
)
from ...events.envelope import Event, Origin
from ...sim.figures import exact_money, price, score_text, size
from ...sim.units import format_time_ns
from ..diff.ending import FoldedRun, Totals
from ..run import Run
from ..studies import answers_beside
from ..verify.invariants import OneInvariant, invariants_of
from ..why.names import RunNames

__all__ = ["Deciding", "Happening", "LiquidationReported", "ReductionReported", "RegulatorReport", "regulator_report"]

_FORMAT, _VERSION = "deleverage report", 1

_NOTICED = (RulesAnnounced, RulesChanged)
_STOPPED = (TradingHalted, TradingResumed, FaultStarted, FaultEnded)
_LOST = (ShortfallDeclared, LossSocialized, BalanceWrittenOff, FundDeficitDeclared)


class Deciding(msgspec.Struct, frozen=True):
    """A handler that decides from an event on."""

    handler: str
    policy: str
    version: str
    parameters: dict[str, Any]
    latency_ns: int
    from_seq: int


class Happening(msgspec.Struct, frozen=True):
    """An event in words."""

    seq: int
    at: str
    type: str
    text: str


class LiquidationReported(msgspec.Struct, frozen=True):
    """A liquidation: `end_seq` and what came of it are None where the record ends before it."""

    liquidation: int
    seq: int
    at: str
    account: str
    bankrupt: bool
    end_seq: int | None = None
    outcome: str | None = None


class ReductionReported(msgspec.Struct, frozen=True):
    """A reduction: what was traded, signed like a trade, and `against_mark` what its price was better than the mark.

    `loser` is whose loss it was made for. `mark` and `against_mark` are None before a mark and of what was taken in,
    `rank`, `candidates` and `score` where no ranking was recorded.
    """

    seq: int
    at: str
    round: int
    account: str
    instrument: str
    size: str
    price: str
    value: str
    asset: str
    mark: str | None
    against_mark: str | None
    rank: int | None
    candidates: int | None
    score: str | None
    loser: str
    trigger: str


class RegulatorReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document."""

    format: str = _FORMAT
    version: int = _VERSION
    head: str
    events: int
    first_at: str
    last_at: str
    status: str
    scenario: str
    scenario_sha256: str
    rulebook: str
    rulebook_sha256: str
    prices: str
    program: str
    code_sha256: str
    deciding: tuple[Deciding, ...]
    rules: tuple[Happening, ...]
    stops: tuple[Happening, ...]
    losses: tuple[Happening, ...]
    liquidations: tuple[LiquidationReported, ...]
    deleveraged: tuple[ReductionReported, ...]
    totals: dict[str, Totals]
    decimals: dict[str, int]
    invariants: tuple[OneInvariant, ...]
    studies: dict[str, list[dict[str, Any]]]


def regulator_report(run: Run, *, torn: bool = False) -> RegulatorReport:
    """The report of a record: one pass over it. Raises QueryError for one that is torn, unless that is asked for."""
    if not torn:
        run.check_sealed()
    reading, started, manifest = _RecordReading(run), run.started, run.manifest
    folded = FoldedRun(reading.events())
    assets = folded.ledger.assets
    return RegulatorReport(
        head=run.head,
        events=run.count,
        first_at=format_time_ns(run.start_ns),
        last_at=format_time_ns(run.event(run.count - 1).at_ns),
        status=manifest.status,
        scenario=started.scenario,
        scenario_sha256=started.scenario_sha256.hex(),
        rulebook=started.rulebook,
        rulebook_sha256=started.rulebook_sha256.hex(),
        prices=started.prices,
        program=manifest.deleverage,
        code_sha256=manifest.code_sha256,
        deciding=tuple(_deciding(run)),
        rules=tuple(reading.rules),
        stops=tuple(reading.stops),
        losses=tuple(reading.losses),
        liquidations=tuple(reading.liquidations.values()),
        deleveraged=tuple(reading.deleveraged),
        totals={one.name: folded.totals(number) for number, one in enumerate(assets)},
        decimals={one.name: one.decimals for one in assets},
        invariants=tuple(_held(run, reading, folded)),
        studies=answers_beside(run),
    )


def _deciding(run: Run) -> Iterator[Deciding]:
    """Whoever decides, at the start and since each fork that changed it."""
    before: tuple[object, ...] = ()
    for seq in (0, *run.forks):
        producers = run.producers_at(seq + 1)
        for one in producers:
            if one not in before:
                yield Deciding(one.handler, one.policy, one.version, one.parameters, one.latency_ns, seq)
        before = producers


def _held(run: Run, reading: _RecordReading, folded: FoldedRun) -> Iterator[OneInvariant]:
    """What the run declared that always holds, and the breaks that it found."""
    found = invariants_of(run.producers_at(run.count), None)
    for event in reading.broken:
        found.take(event, folded.ledger)
    yield from found.found.values()


class _RecordReading:
    """Reads a record once and notes what the report tells, while the events go on to whoever folds them."""

    def __init__(self, run: Run) -> None:
        self._run, self._end = run, run.at()
        self._names = RunNames(self._end)
        self._marks = dict[int, int]()
        self._rounds = dict[int, DeleveragingStarted]()
        self.rules, self.stops, self.losses = list[Happening](), list[Happening](), list[Happening]()
        self.liquidations = dict[int, LiquidationReported]()
        self.deleveraged = list[ReductionReported]()
        self.broken = list[Event]()

    def events(self) -> Iterator[Event]:
        """The events of the record, each noted as it passes."""
        for event in self._run.events():
            self._note(event)
            yield event

    def _note(self, event: Event) -> None:
        body: Any = event.body
        match body:
            case MarkPriced():
                self._marks[body.instrument] = body.mark_ticks
            case DeleveragingStarted():
                self._rounds[body.round] = body
            case PositionDeleveraged():
                self.deleveraged.append(self._reduction(event, body))
            case LiquidationStarted() | BankruptcyDeclared() | LiquidationEnded():
                self._liquidation(event, body)
            case InvariantBroken():
                self.broken.append(event)
            case _:
                self._happening(event)

    def _happening(self, event: Event) -> None:
        for kinds, found in ((_NOTICED, self.rules), (_STOPPED, self.stops), (_LOST, self.losses)):
            if isinstance(event.body, kinds):
                text = event.body.says(self._names)
                found.append(Happening(event.seq, format_time_ns(event.at_ns), type(event.body).__name__, text))

    def _liquidation(self, event: Event, body: LiquidationStarted | BankruptcyDeclared | LiquidationEnded) -> None:
        number, account = body.liquidation_id, self._run.directory.account_name(body.account)
        known = self.liquidations.get(number) or LiquidationReported(
            number, event.seq, format_time_ns(event.at_ns), account, bankrupt=False
        )
        if isinstance(body, BankruptcyDeclared):
            known = msgspec.structs.replace(known, bankrupt=True)
        elif isinstance(body, LiquidationEnded):
            known = msgspec.structs.replace(known, end_seq=event.seq, outcome=body.outcome)
        self.liquidations[number] = known

    def _reduction(self, event: Event, body: PositionDeleveraged) -> ReductionReported:
        run, round_ = self._run, self._rounds[body.round]
        listing = run.directory.instruments[body.instrument]
        asset, payoff = run.directory.assets[listing.asset], self._end.markets[body.instrument].payoff
        mark_ticks, decided = self._marks.get(body.instrument), event.origin is Origin.DECIDED
        better: str | None = None
        if mark_ticks is not None and decided:
            better = exact_money(payoff.value_atoms(body.size_lots, mark_ticks) - body.value_atoms, asset)
        return ReductionReported(
            seq=event.seq,
            at=format_time_ns(event.at_ns),
            round=body.round,
            account=run.directory.account_name(body.account),
            instrument=listing.name,
            size=size(body.size_lots, listing),
            price=price(body.price_ticks, listing),
            value=exact_money(body.value_atoms, asset),
            asset=asset.name,
            mark=None if mark_ticks is None or not decided else price(mark_ticks, listing),
            against_mark=better,
            rank=body.rank if decided else None,
            candidates=round_.candidates if decided else None,
            score=score_text(body.score) if decided else None,
            loser=run.directory.account_name(round_.account),
            trigger=round_.trigger,
        )

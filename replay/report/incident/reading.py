"""Everything that the report of an incident shows, read off one record.

One pass gives the timeline, who forced whom, and the events that the file keeps; another what a supervisor is told
(`regulator.py`); a third the grounds of what was decided in rounds. Nothing is estimated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ....events.bodies.faults import FaultEnded, FaultStarted
from ....events.bodies.invariants import InvariantBroken
from ....events.bodies.liquidation import BankruptcyDeclared, LiquidationEnded, LiquidationStarted, PositionTakenOver
from ....events.bodies.margin import RulesAnnounced, RulesChanged
from ....events.bodies.run import RunEnded, RunForked, RunStarted
from ....events.bodies.venue import TradingHalted, TradingResumed
from ....events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingEnded,
    DeleveragingStarted,
    FundDeficitDeclared,
    LossSocialized,
    PositionDeleveraged,
    ProfitCapExceeded,
    ShortfallDeclared,
    ShortfallRemained,
)
from ....events.envelope import Event
from ....events.vocabulary import Body
from ...indexed import IndexedRun
from ...run import Run
from ...timeline import Timeline, TimelineTaker
from ...timeline.series import step_ns_for
from ...why.grounds.graph import EventGround, grounds_of
from ...why.names import RunNames
from ..regulator import RegulatorReport, regulator_report
from .forcing import Forcing

__all__ = ["Incident", "incident_of"]

STEPS_MOST = 200
"""So many steps the pictures have."""
EXPLAINED_MOST = 6_000
"""Of so many decisions the file has the grounds; of others it says how to ask for them."""
_KEPT_MOST = 40_000
"""So many events the file has; of others it says how to ask for them."""

_ALWAYS: frozenset[type[Body]] = frozenset(
    (
        RunStarted,
        RunForked,
        RunEnded,
        RulesAnnounced,
        RulesChanged,
        TradingHalted,
        TradingResumed,
        FaultStarted,
        FaultEnded,
        ShortfallDeclared,
        DeleveragingStarted,
        PositionDeleveraged,
        DeleveragingEnded,
        LossSocialized,
        BalanceWrittenOff,
        FundDeficitDeclared,
        ProfitCapExceeded,
        ShortfallRemained,
        InvariantBroken,
    )
)
_THEN: frozenset[type[Body]] = frozenset((LiquidationStarted, BankruptcyDeclared, PositionTakenOver, LiquidationEnded))
_EXPLAINED = (DeleveragingStarted, PositionDeleveraged, ShortfallDeclared)


class Incident(msgspec.Struct, frozen=True):
    """What was read: `events` are those that the file keeps, by number; `grounds` those of decisions of rounds."""

    run: Run
    report: RegulatorReport
    timeline: Timeline
    forcing: Forcing
    events: dict[int, Event]
    grounds: dict[int, tuple[EventGround, ...]]
    names: RunNames
    extremes: dict[tuple[str, str], tuple[int, int]]


def incident_of(run: Run) -> Incident:
    """Read it; some 50 us an event, most of it for grounds and generations. A torn record as far as it goes."""
    report = regulator_report(run, torn=True)
    step_ns = step_ns_for(run.end_ns - run.start_ns, STEPS_MOST)
    taker = TimelineTaker(run.start_ns, step_ns)
    forcing, kept = Forcing(taker.first_ns, step_ns), dict[int, Event]()
    then = list[Event]()
    for event in run.events():
        taker.take(event)
        forcing.take(event, taker.ledger)
        if type(event.body) in _ALWAYS and len(kept) < _KEPT_MOST:
            kept[event.seq] = event
        elif type(event.body) in _THEN:
            then.append(event)
    kept |= {event.seq: event for event in then[: max(0, _KEPT_MOST - len(kept))]}
    timeline, names = taker.timeline(), RunNames(taker.ledger)
    grounds = _grounds(run, kept)
    wanted = {one.step.seq for found in grounds.values() for one in found}
    wanted |= {one.forcer for one in forcing.liquidations.values() if one.forcer is not None}
    extremes = dict(_extremes(timeline))
    wanted |= {seq for pair in extremes.values() for seq in pair}
    wanted |= {one for span in timeline.spans for one in (span.from_seq, span.until_seq) if one is not None}
    kept |= {seq: run.event(seq) for seq in sorted(wanted - kept.keys())}
    return Incident(run, report, timeline, forcing, dict(sorted(kept.items())), grounds, names, extremes)


def _extremes(timeline: Timeline) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
    """The events at which each level stood lowest and highest."""
    for one in timeline.levels:
        if one.points:
            low, high = min(one.points, key=lambda p: p.low), max(one.points, key=lambda p: p.high)
            yield (one.name, one.of), (low.low_seq, high.high_seq)


def _grounds(run: Run, kept: dict[int, Event]) -> dict[int, tuple[EventGround, ...]]:
    """What each decision of a round rests on: the figures that it compared, and the events that set them."""
    asked = [event for event in kept.values() if isinstance(event.body, _EXPLAINED)][:EXPLAINED_MOST]
    indexed = IndexedRun(run.reader, run.plugin_folders)
    indexed.keep_blocks()
    found = {}
    for event, ledger in zip(_rising(asked), indexed.states(one.seq for one in _rising(asked)), strict=True):
        found[event.seq] = grounds_of(indexed, event, ledger, RunNames(ledger), levels=1)
    return found


def _rising(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event.seq)

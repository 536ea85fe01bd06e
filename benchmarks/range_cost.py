"""What a mark that crosses no range costs with 100,000 margin accounts, against 1,000.

Two ways: the whole pipeline, head only, by marks (a tick of three instruments is three of them); and the margin
monitor alone, its `observe` and `handle`. Both venues stand in one process, opened and armed before. That no tick
crosses a range is made certain beforehand, against the nearest ends of a monitor that was primed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from contest import Contest, Line, Turn, at_most, stopwatch
from stage import benign, opened, venue

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Event, Origin
from deleverage.events.ledger import Ledger
from deleverage.events.record import HeadOnly
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters

__all__ = ["measure"]

_BAR = at_most(1.2)
_MARKS_ALONE = 600_000


def measure(*, short: bool) -> Iterator[Line]:
    """The ratio for one instrument and for three, in the pipeline and alone."""
    few, many, ticks = (50, 200, 100) if short else (1_000, 100_000, 20_000)
    for instruments, name in ((1, "one"), (3, "three_cross")):
        piped: dict[str, Turn] = {}
        alone: dict[str, Turn] = {}
        for accounts, side in ((few, "few"), (many, "many")):
            piped[side], alone[side] = _venue(accounts, instruments, ticks)
        what = f"a mark that crosses no range, {many:,} accounts / {few:,}, {name.replace('_', ', ')}"
        for way, turns in (("pipeline", piped), ("monitor", alone)):
            contest = Contest(turns, short=short)
            medians = contest.medians_ns("mark")
            ratio = contest.ratio("many", "few")
            yield Line(f"range_cost.{name}.{way}", f"{what}; {way}", ratio, bar=_BAR, medians=medians)


def _venue(accounts: int, instruments: int, ticks: int) -> tuple[Turn, Turn]:
    """A venue, opened: the turn of its pipeline, and the turn of a monitor over its ledger."""
    scenario = venue(accounts, instruments)
    made = opened(scenario, HeadOnly())
    step = 1

    def drive() -> float:
        nonlocal step
        inputs = benign(scenario, ticks, first=step)
        step += ticks
        return stopwatch(lambda: made.clock.run_inputs(inputs, made.bus.publish_input), ticks * instruments)

    bodies = [body for _, body in benign(scenario, min(ticks, 2_001)) if isinstance(body, PriceTicked)]
    marks = [MarkPriced(number, price, 0, price) for body in bodies for number, price in body.prices]
    monitor = _primed(made.ledger)
    _check_none_crosses(monitor, marks)
    events = [Event(0, 0, Origin.DECIDED, 0, (), 0, mark) for mark in marks]
    repeated = events * max(1, (len(events) if ticks < len(events) else _MARKS_ALONE) // len(events))
    return drive, partial(_alone, monitor.observe, monitor.handle, repeated, made.ledger)


def _alone(
    observe: Callable[[Event, Ledger], None],
    handle: Callable[[Event, Ledger, int], object],
    events: Sequence[Event],
    ledger: Ledger,
) -> float:
    def each() -> None:
        for event in events:
            observe(event, ledger)
            handle(event, ledger, 0)

    return stopwatch(each, len(events))


def _primed(ledger: Ledger) -> MarginMonitor:
    """A monitor that has armed every account at today's marks."""
    monitor = MarginMonitor(MarginParameters())
    monitor.prime(ledger, ())
    mark = MarkPriced(0, ledger.markets[0].mark_ticks, 0, ledger.markets[0].mark_ticks)
    if list(monitor.handle(Event(0, 0, Origin.DECIDED, 0, (), 0, mark), ledger, ledger.at_ns)):
        message = "an account of the benign venue is called; its population is wrong"
        raise RuntimeError(message)
    return monitor


def _check_none_crosses(monitor: MarginMonitor, marks: Sequence[MarkPriced]) -> None:
    index = monitor.index
    for mark in marks:
        if not index.floor_ticks[mark.instrument] <= mark.mark_ticks <= index.ceiling_ticks[mark.instrument]:
            message = f"mark {mark.mark_ticks} of instrument {mark.instrument} crosses a range; its reach is too wide"
            raise RuntimeError(message)

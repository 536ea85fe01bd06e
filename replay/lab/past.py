"""The same past, run once: a cell is forked from a record that differs from it only in who decides later.

1. Two runs with the same inputs whose handlers differ in some slots are the same event for event, but for what
   `RunStarted` declares, up to the first event that the handler of such a slot, in either run, is to hear.
2. So the fork leaves where the decision begins that this event belongs to: everything before it is shared, and nothing
   is under way that the other handler should have heard.
3. Where there is no such event, the run is the recorded one. Where it comes within the opening's instant, nothing is
   saved, and the cell is run whole; so it is where its own record is needed, to execute its instants again.
   tests/test_lab_past.py: forked or whole, the figures are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ...events.bodies.run import Producer
from ...events.envelope import Event, Origin
from ...events.ledger import LedgerState
from ...events.record import RecordSettings
from ...events.vocabulary import Body
from ...handlers.plugins.at_hand import Plugins
from ...sim.runner import run as run_scenario
from ..fork.changes import Changes
from ..fork.fork import Fork, NoSink
from ..run import Run, open_run
from .definition import Cell
from .fairness import with_fairness
from .meter import Figures, Meter, measured

__all__ = ["forked", "leaving_seq", "run_whole"]

_UNSYNCED = RecordSettings(durability="none")
"""A past that a power cut takes away is made again."""


class _Chosen(Changes, frozen=True):
    """A fork whose handlers are given as a whole rather than worked out from the parent's."""

    chosen: tuple[Producer, ...] = ()

    def producers(
        self, before: tuple[Producer, ...], ledger: LedgerState, plugins: Plugins | None = None
    ) -> tuple[Producer, ...]:
        """Those that were given."""
        return self.chosen


def run_whole(cell: Cell, output: Path | None = None) -> Figures:
    """Run a cell from its first event on, and record it where `output` is given.

    Without one it is recorded for as long as its instants are executed again, where that is asked for.
    """
    if not cell.variant.fairness:
        return _run(cell, output)
    with _recorded_at(output) as path:
        figures, run = _run(cell, path), open_run(path)
        run.plugins.add(cell.variant.load(cell.seed).plugins)
        return with_fairness(figures, run, cell.variant.fairness)


@contextmanager
def _recorded_at(output: Path | None) -> Iterator[Path]:
    """A record's place: the one given, or one that is gone afterwards."""
    if output is not None:
        yield output
        return
    with TemporaryDirectory() as folder:
        yield Path(folder) / "cell.run"


def _run(cell: Cell, output: Path | None) -> Figures:
    meter = Meter()
    loaded = cell.variant.load(cell.seed)
    run_scenario(loaded, output, settings=_UNSYNCED, on_start=lambda simulation: simulation.bus.tap(meter.tap))
    return meter.figures()


def forked(cell: Cell, past: Path, recorded: Cell) -> Figures:
    """The figures of a cell whose run shares the inputs of another's, recorded at `past`.

    That other is loaded too, so that its plug-ins, which whoever made the lab named, are at hand in whichever process
    this is.
    """
    run = open_run(past)
    first, scenario = recorded.variant.load(recorded.seed), cell.variant.load(cell.seed)
    for loaded in (first, scenario):
        run.plugins.add(loaded.plugins)
    leaving = leaving_seq(run, first.producers, scenario.producers)
    if leaving is None:
        return with_fairness(measured(run.events()), run, cell.variant.fairness)
    if cell.variant.fairness or run.event(leaving).at_ns == run.start_ns:
        return run_whole(cell)
    return _driven(Fork(run, leaving - 1, _Chosen(cell.variant.decided, chosen=scenario.producers)))


def _driven(made: Fork) -> Figures:
    meter = Meter()
    for event in made.run.events(0, made.boundary):
        meter.take(event)
    resumption = made.resumption(NoSink())
    resumption.bus.tap(meter.tap)
    made.drive(resumption)
    made.ledger.check()
    return meter.figures()


def leaving_seq(run: Run, before: Iterable[Producer], after: Iterable[Producer]) -> int | None:
    """Where a run with producers `after` may differ from the recorded one, with `before`; None: nowhere."""
    heard = _heard_otherwise(run, before, after)
    if not heard:
        return None
    first = next((event for event in run.events() if type(event.body) in heard), None)
    return None if first is None else _decision_start(run, first)


def _heard_otherwise(run: Run, before: Iterable[Producer], after: Iterable[Producer]) -> set[type[Body]]:
    """The types of event that a slot hears which is filled otherwise, in either way."""
    fillings = [{producer.handler: producer for producer in producers} for producers in (before, after)]
    heard: set[type[Body]] = set()
    for slot in {**fillings[0], **fillings[1]}:
        one, other = (filling.get(slot) for filling in fillings)
        if one != other:
            heard.update(*(run.hears(producer) for producer in (one, other) if producer is not None))
    return heard


def _decision_start(run: Run, event: Event) -> int:
    """The first of the events that were decided together with this one."""
    seq = event.seq
    while event.origin is Origin.DECIDED and seq:
        earlier = run.event(seq - 1)
        if (earlier.cause, earlier.producer) != (event.cause, event.producer):
            break
        seq -= 1
    return seq

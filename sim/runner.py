"""The runner: a scenario in, a record out.

It publishes the opening, feeds the sources in the order of time, lets everything follow, and seals the record: as
complete, as failed with the error, or as interrupted. It decides nothing itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import chain, takewhile
from pathlib import Path

import msgspec

from ..events.bodies.run import RunEnded, RunStarted, SourceOpened
from ..events.ledger import Ledger
from ..events.notebook import html_table
from ..events.record import EventSink, HeadOnly, RecordSettings, RecordWriter
from ..events.vocabulary import SCHEMA, Body
from ..handlers.pseudonyms import commitment, run_key
from ..handlers.registry import build
from .bus import Bus, Subscription
from .clock import Clock
from .collecting import seldom_collected
from .lane import QuietLane
from .opening import opening_bodies
from .patience import watched
from .scenario import ResolvedScenario, Scenario
from .sealing import keep_states, sealing
from .summary import Summary
from .toml_tree import in_file
from .units import format_time_ns

__all__ = ["Progress", "RunResult", "Simulation", "run"]

Progress = Callable[[int, int], None]
"""Called now and then with (events so far, simulated time in ns)."""

_DIGITS_SHOWN = 8
_SHOWN_TYPES = ("MarginCalled", "LiquidationStarted", "PositionTakenOver", "PositionDeleveraged", "LossSocialized")


class RunResult(msgspec.Struct):
    """What came of a run; `summary` counts it, `ledger` is the state at its end, `path` its record, if any."""

    path: Path | None
    status: str
    events: int
    head: str
    seconds: float
    start_ns: int
    end_ns: int
    ledger: Ledger
    summary: Summary
    scenario: ResolvedScenario

    def __repr__(self) -> str:
        """One line: where its record is, and how it ended."""
        told = f"{self.scenario.name}, {self.events:,} events, {self.status}, head {self.head[:_DIGITS_SHOWN]}"
        return f"<RunResult {self.path or 'not recorded'}: {told}>"

    def _repr_html_(self) -> str:
        """The same, when it was and what was forced in it, as a small table."""
        rows = [("record", self.path or "none"), ("status", self.status), ("events", self.events)]
        rows += [("from", format_time_ns(self.start_ns)), ("to", format_time_ns(self.end_ns)), ("head", self.head)]
        counts = self.summary.by_type
        rows += [(name, counts[name]) for name in _SHOWN_TYPES if name in counts]
        return html_table(f"RunResult {self.scenario.name}", rows)


class Simulation:
    """One run in the making: clock, ledger, bus and handlers over a sink.

    With `by_columns` set to False every event goes the plain way; the bytes are the same.
    """

    def __init__(self, scenario: ResolvedScenario, sink: EventSink) -> None:
        """Wire the handlers that the scenario names to a bus."""
        self.scenario, self.sink = scenario, sink
        self.clock = Clock(scenario.start_ns)
        self.ledger = Ledger()
        self.bus = Bus(self.clock, self.ledger, sink)
        self.interrupted = False
        self.by_columns = True
        for number, producer in enumerate(scenario.producers):
            handler = watched(build(producer, scenario.plugins), producer.policy)
            self.bus.subscribe(Subscription(number, handler, producer.latency_ns))

    def open(self) -> None:
        """Publish what exists before the first price."""
        with seldom_collected():
            for body in self._opening():
                self.bus.publish_input(body)

    def _opening(self) -> Iterator[Body]:
        scenario = self.scenario
        yield RunStarted(
            schema=SCHEMA,
            scenario=scenario.name,
            scenario_sha256=scenario.sha256,
            rulebook=scenario.venue,
            rulebook_sha256=scenario.rulebook_sha256,
            producers=scenario.producers,
            seed=scenario.seed,
            run_key_commitment=commitment(run_key(scenario.seed)),
            prices=scenario.prices,
        )
        for number, source in enumerate((*scenario.sources, scenario.opening_population)):
            yield SourceOpened(number, source.name, source.layout, source.sha256)
        yield from opening_bodies(scenario)

    def drive(self, progress: Progress | None = None) -> None:
        """Feed all sources, run to the end, and publish it. Stops early, after a whole input, when interrupted."""
        with seldom_collected():
            self._feed(progress)

    def _feed(self, progress: Progress | None) -> None:
        self.clock.run_inputs(chain.from_iterable(self._some_at_once(progress)), self.bus.publish_input)
        if self.interrupted:
            return
        self.clock.run_until(self.clock.now_ns + self.scenario.settle_ns)
        read = (*self.scenario.sources, self.scenario.opening_population)
        tallies = tuple(source.tally(number) for number, source in enumerate(read))
        self.bus.publish_input(RunEnded(tallies))

    def _inputs(self) -> Iterator[tuple[int, Body]]:
        """All sources by time, the earlier declared first within an instant."""
        streams = [source.inputs(number) for number, source in enumerate(self.scenario.sources)]
        ordered = streams[0] if len(streams) == 1 else merge(*streams, key=lambda entry: entry[0])
        end_ns = self.scenario.end_ns
        return ordered if end_ns is None else takewhile(lambda entry: entry[0] <= end_ns, ordered)

    def _some_at_once(self, progress: Progress | None) -> Iterator[list[tuple[int, Body]]]:
        """The inputs that are to be published; those that nobody says anything of pass by themselves (`lane.py`)."""
        lane = QuietLane(self.bus, self._inputs(), is_open=self.by_columns)
        while not self.interrupted and (some := lane.some()):
            if progress is not None:
                progress(self.ledger.seq, some[0][0])
            yield some


def run(
    scenario: Scenario | str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    settings: RecordSettings | None = None,
    progress: Progress | None = None,
    on_start: Callable[[Simulation], None] | None = None,
) -> RunResult:
    """Run a scenario (or the bundled one of that name) and record it at `output`, or only hash it without one.

    Raises ScenarioError before anything is written, RecordExistsError where `output` is taken, and HandlerError,
    RecordFullError or KeyboardInterrupt after sealing what there is; the last for SIGTERM and SIGHUP, too, if nobody
    else takes them. `on_start` gets the simulation, to attach taps or to interrupt it.
    """
    started = time.perf_counter()
    loaded = scenario if isinstance(scenario, Scenario) else Scenario.load(scenario)
    resolved = loaded.resolve()
    path = Path(output) if output is not None else None
    sink, summary = _sink(path, resolved, settings), Summary()
    with sealing(sink) as ending:
        simulation = Simulation(resolved, sink)
        keep_states(sink, simulation.ledger)
        summary.attach(simulation.bus, living=resolved.is_living)
        if on_start is not None:
            on_start(simulation)
        with in_file(loaded.file):
            simulation.open()
        simulation.drive(progress)
        simulation.ledger.check()
        summary.end(simulation.ledger.at_ns)
        ending.status = "interrupted" if simulation.interrupted else "complete"
    return RunResult(
        path=path,
        status=sink.status,
        events=sink.count,
        head=sink.head.hex(),
        seconds=time.perf_counter() - started,
        start_ns=resolved.start_ns,
        end_ns=simulation.ledger.at_ns,
        ledger=simulation.ledger,
        summary=summary,
        scenario=resolved,
    )


def _sink(path: Path | None, scenario: ResolvedScenario, settings: RecordSettings | None) -> EventSink:
    if path is None:
        return HeadOnly()
    return RecordWriter(path, scenario=scenario.name, seed=scenario.seed, settings=settings or RecordSettings())

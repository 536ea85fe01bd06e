"""What prices are drawn from: the named processes, each taken up at an instant with nothing but what came before it.

| name | draws |
|---|---|
| `scenario` | the generator of the scenario that the record names, script and depth included, with another seed |
| `walk` | a geometric walk without drift: volatilities and correlations are those of the record's last prices |
| `resampled` | the same steps, each the return of a past step drawn evenly: as fat in the tails as the past was |
| `recorded` | nothing: the record's own inputs come as they came, and only answers and order are drawn |

1. A walk's step is as long as the median of those before it. Its covariance is the sum of products of log returns over
   the memory, by the time that they took; it is drawn by its Cholesky factor, in whole numbers (logs of 10^-18), each
   product rounded down. A price is rounded half to even to a tick, at least one.
2. A process that is estimated reads prices up to the instant only. After it depth, funding and money from outside stay
   as they stand there, since what came of them later is not known yet.
3. `scenario` is known ahead by whoever wrote it: its script says what comes, and its seed does not.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_FLOOR, Decimal
from functools import cached_property, lru_cache
from heapq import merge
from itertools import count, islice, pairwise
from math import isqrt
from operator import mul
from statistics import median_low
from typing import Protocol

from ...events.bodies.inputs import PriceTicked
from ...events.envelope import Event, Origin
from ...events.errors import QueryError, ScenarioError
from ...events.vocabulary import Body
from ...handlers.draws import NORMAL_ONE, draw_below, draw_normal
from ...sim.scenario import ResolvedScenario, Scenario, bundled_scenarios
from ...sim.sources.base import Source
from ...sim.sources.generator import GeneratorSource, moved_ticks
from ...sim.sources.profile import ProfileSource
from ...sim.units import CONTEXT, INT64_MAX, format_time_ns
from ..run import Run
from .question import FateInstant, FateQuestion

__all__ = ["PROCESSES", "Processes", "own_scenario", "process_named"]

PROCESSES = ("scenario", "walk", "resampled", "recorded")

_DAY_NS = 86_400 * 10**9
_PURPOSE = "redrawn price"

Prices = list[tuple[int, int]]


class Process(Protocol):
    """A process at an instant: it is drawn from once."""

    def inputs(self, seed: int) -> Iterable[Event]:
        """What comes in after the instant, by its times."""
        ...


class Processes:
    """The named process of a question, at any instant of a record. Reads the record's prices once."""

    def __init__(self, run: Run, question: FateQuestion, scenario: str | Scenario | None = None) -> None:
        """Raises QueryError for a name that is none, or where the record's scenario is not at hand or draws nothing."""
        if question.process not in PROCESSES:
            message = f"there is no process {question.process!r}; choose from {', '.join(PROCESSES)}"
            raise QueryError(message)
        self._run, self._question = run, question
        self._scenario = scenario if isinstance(scenario, Scenario) else None
        if question.process == "scenario" and not isinstance(scenario, Scenario):
            self._scenario = own_scenario(run, scenario)

    def at(self, instant: FateInstant) -> Process:
        """The process there. Raises QueryError where too few prices came before."""
        if self._scenario is not None:
            return _Generated(self._scenario.resolve(), instant)
        if self._question.process == "recorded":
            return _RecordedPrices(self._run, instant)
        resampled = self._question.process == "resampled"
        return _WalkedPrices(self._past(instant), instant, self._question.volatility, resampled=resampled)

    @property
    def told(self) -> str:
        """What prices are drawn from, in words that a fork's record keeps; empty where they stay."""
        question = self._question
        if question.process == "recorded":
            return ""
        return question.process + ("" if question.volatility is None else f" of volatility {question.volatility}")

    @cached_property
    def _ticks(self) -> list[Event]:
        return [event for event in self._run.events() if type(event.body) is PriceTicked]

    def _past(self, instant: FateInstant) -> list[Event]:
        """The inputs of prices in the memory before an instant, itself included; never one after it."""
        stop = bisect_right(self._ticks, instant.seq, key=lambda event: event.seq)
        since_ns = instant.at_ns - self._question.memory_ns
        return self._ticks[bisect_left(self._ticks, since_ns, key=lambda event: event.at_ns) : stop]


def process_named(run: Run, name: str | None, scenario: str | None, settings: Sequence[str] = ()) -> str:
    """The process asked for; where none is, the scenario's if that is at hand, and else a walk."""
    if name is not None:
        return name
    try:
        own_scenario(run, scenario, settings)
    except (QueryError, ScenarioError):
        if scenario is not None or settings:
            raise
        return "walk"
    return "scenario"


def own_scenario(run: Run, name: str | None, settings: Sequence[str] = ()) -> Scenario:
    """The scenario of a record, by its content. Raises QueryError for another one, or one without a process."""
    started, other = run.started, "or --process walk"
    if name is None and started.scenario not in bundled_scenarios():
        message = f"{run.path}: its scenario {started.scenario!r} is not in the package; give --scenario FILE, {other}"
        raise QueryError(message)
    name = name or started.scenario
    for seed in (None, started.seed):
        loaded = Scenario.load(name, settings, seed=seed, plugins=run.plugin_folders)
        resolved = loaded.resolve()
        if resolved.sha256 == started.scenario_sha256:
            if not any(isinstance(_inner(source), GeneratorSource) for source in resolved.sources):
                message = f"the prices of {name!r} come from files, and are not drawn; give --process walk"
                raise QueryError(message)
            return loaded
    message = f"{run.path} was made from another {name!r} than this; give --scenario FILE and --set as it was, {other}"
    raise QueryError(message)


def _inner(source: Source) -> Source:
    """The source itself, where several venues hear it."""
    inner: Source = getattr(source, "source", source)
    return inner


class _Generated:
    """The scenario's own sources, made up to the instant as they were and then with another seed."""

    def __init__(self, resolved: ResolvedScenario, instant: FateInstant) -> None:
        self._generators = [one for one in map(_inner, resolved.sources) if isinstance(one, GeneratorSource)]
        self._end_ns = INT64_MAX if resolved.end_ns is None else resolved.end_ns
        self._streams = [_later(source, number, instant) for number, source in enumerate(resolved.sources)]

    def inputs(self, seed: int) -> Iterator[Event]:
        """Its sources' inputs, merged as a run merges them."""
        for generator in self._generators:
            generator.reseed(seed)
        for at_ns, body in merge(*self._streams, key=lambda entry: entry[0]):
            if at_ns > self._end_ns:
                return
            yield _input(at_ns, body)


def _later(source: Source, number: int, instant: FateInstant) -> Iterator[tuple[int, Body]]:
    """What a source gives after an instant, made up to there and no further."""
    inner, stream = _inner(source), source.inputs(number)
    if isinstance(inner, GeneratorSource | ProfileSource):
        made, _ = inner.ahead(instant.at_ns)
        deque(islice(stream, made), 0)
        return stream
    return (entry for entry in stream if entry[0] > instant.at_ns)


class _RecordedPrices:
    """The record's own inputs, as far as draws go."""

    def __init__(self, run: Run, instant: FateInstant) -> None:
        stop = run.first_at(instant.until_ns + 1)
        self._inputs = [event for event in run.events(instant.seq + 1, stop) if event.origin is Origin.INPUT]

    def inputs(self, seed: int) -> Iterable[Event]:
        """What is left of them."""
        return self._inputs


class _WalkedPrices:
    """A geometric walk by the covariance of past returns, or by these returns themselves, drawn evenly."""

    def __init__(
        self, past: Sequence[Event], instant: FateInstant, volatility: Decimal | None, *, resampled: bool
    ) -> None:
        times = [event.at_ns for event in past]
        steps = [later - earlier for earlier, later in pairwise(times) if later > earlier]
        if not steps:
            message = f"fewer than two prices came before {format_time_ns(instant.at_ns)}; ask for later instants"
            raise QueryError(message)
        self._step_ns, self._since_ns = median_low(steps), times[-1]
        self._from_ns = instant.at_ns
        self._start, returns = _returns(past)
        self._returns = returns if resampled else []
        spent_ns = times[-1] - times[0]
        self._factor = _factor(_covariance(returns, self._step_ns, spent_ns))
        if volatility is not None:
            self._factor = [_scaled(row, volatility, self._step_ns) for row in self._factor]

    def inputs(self, seed: int) -> Iterator[Event]:
        """One `PriceTicked` a step, without end; some 10 us an instrument."""
        logs, instruments = [0] * len(self._start), [instrument for instrument, _ in self._start]
        for step in count(1):
            moves = self._resampled(seed, step) if self._returns else self._drawn(seed, step)
            logs = [log + move for log, move in zip(logs, moves, strict=True)]
            at_ns = self._since_ns + step * self._step_ns
            if at_ns > self._from_ns:
                moved = (moved_ticks(ticks, log) for (_, ticks), log in zip(self._start, logs, strict=True))
                yield _input(at_ns, PriceTicked(tuple(zip(instruments, moved, strict=True))))

    def _resampled(self, seed: int, step: int) -> Sequence[int]:
        return self._returns[draw_below(seed, 0, _PURPOSE, step, len(self._returns))]

    def _drawn(self, seed: int, step: int) -> list[int]:
        normals = [draw_normal(seed, instrument, _PURPOSE, step) for instrument, _ in self._start]
        return [sum(map(mul, row, normals)) // NORMAL_ONE for row in self._factor]


def _returns(past: Sequence[Event]) -> tuple[Prices, list[list[int]]]:
    """The last price of each instrument that has one, and the log returns between the instants that all have one."""
    last: dict[int, int] = {}
    rows = list[dict[int, int]]()
    for event in past:
        assert isinstance(event.body, PriceTicked)
        last.update(event.body.prices)
        rows.append(dict(last))
    known = sorted(last)
    logs = [[_log(row[instrument]) for instrument in known] for row in rows if len(row) == len(known)]
    returns = [[now - then for now, then in zip(later, earlier, strict=True)] for earlier, later in pairwise(logs)]
    return [(instrument, last[instrument]) for instrument in known], returns


@lru_cache(1 << 16)
def _log(ticks: int) -> int:
    """In 10^-18, rounded down."""
    return int(CONTEXT.scaleb(CONTEXT.ln(Decimal(ticks)), 18).to_integral_value(ROUND_FLOOR, CONTEXT))


def _covariance(returns: Sequence[Sequence[int]], step_ns: int, spent_ns: int) -> list[list[int]]:
    """Of a step, in 10^-36: the sum of products over the time that they took, without a mean."""
    columns = list(zip(*returns, strict=True))
    return [[sum(map(mul, one, other)) * step_ns // spent_ns for other in columns] for one in columns]


def _factor(covariance: Sequence[Sequence[int]]) -> list[list[int]]:
    """Cholesky's factor in whole numbers, rounded down; what others tell wholly has no part of its own."""
    rows = list[list[int]]()
    for number, line in enumerate(covariance):
        row = [0] * len(covariance)
        for place in range(number):
            left = line[place] - sum(map(mul, row[:place], rows[place][:place]))
            row[place] = left // rows[place][place] if rows[place][place] else 0
        row[number] = isqrt(max(0, line[number] - sum(part * part for part in row)))
        rows.append(row)
    return rows


def _scaled(row: list[int], volatility: Decimal, step_ns: int) -> list[int]:
    """A row of the factor with another volatility, and the same correlations; a price that never moved stays."""
    own, day_share = isqrt(sum(part * part for part in row)), CONTEXT.divide(step_ns, _DAY_NS)
    wanted = int(CONTEXT.scaleb(CONTEXT.multiply(volatility, CONTEXT.sqrt(day_share)), 18))
    return [part * wanted // own for part in row] if own else row


def _input(at_ns: int, body: Body) -> Event:
    return Event(0, at_ns, Origin.INPUT, None, (), None, body)

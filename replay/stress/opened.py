"""Where a stress begins: a point of a record, or a scenario that is run up to its first prices.

A scenario is recorded that far at `NAME.opened.run`, or where `-o` says, so that what is found has a record to stand
beside; a record that is there already and is of the same scenario is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.run import RunEnded
from ...events.errors import QueryError, RecordNotFoundError
from ...events.vocabulary import Body
from ...sim.runner import run as run_scenario
from ...sim.scenario import Scenario
from ...sim.units import format_time_ns
from ..command_line import opened
from ..run import Run, is_record, open_run

__all__ = ["Opened", "opened_at", "sampled"]

_SCENARIO = ".toml"


class Opened(msgspec.Struct):
    """A record, the last event before the shock, and all the prices from outside that its own source has."""

    run: Run
    after_seq: int
    prices: dict[int, list[int]]
    stated: str


def opened_at(
    text: str,
    span_ns: int,
    *,
    settings: Sequence[str] = (),
    seed: int | None = None,
    output: Path | None = None,
    head: str | None = None,
    plugins: Sequence[Path] = (),
) -> Opened:
    """What `SCENARIO` or `RUN@POINT` names; prices are sampled every `span_ns`. Raises QueryError or ScenarioError."""
    name, at, point = text.rpartition("@")
    if at and is_record(Path(name)):
        if settings or seed is not None or output is not None:
            message = f"--set, --seed and -o are of a scenario; {name} is a record, which is what it is"
            raise QueryError(message)
        return _of_record(name, point, span_ns, head, plugins)
    if is_record(Path(text)):
        message = f"{text} is a record; say from where on: {text}@POINT, such as {text}@+10m"
        raise QueryError(message)
    if at and not text.endswith(_SCENARIO) and not Path(text).exists():
        message = f"there is no record at {name}; give RUN@POINT, or a scenario by name or as a TOML file"
        raise RecordNotFoundError(message)
    return _of_scenario(text, span_ns, tuple(settings), seed, output, plugins)


def _of_record(name: str, point: str, span_ns: int, head: str | None, plugins: Sequence[Path]) -> Opened:
    run = opened(Path(name), head, plugins, forked=True)
    after_seq = run.last_seq(point)
    ticked = ((event.at_ns, event.body) for event in run.events())
    prices, count = sampled(ticked, span_ns)
    return Opened(run, after_seq, prices, f"the record's {count}")


def _of_scenario(
    text: str, span_ns: int, settings: tuple[str, ...], seed: int | None, output: Path | None, plugins: Sequence[Path]
) -> Opened:
    whole = Scenario.load(text, settings, seed=seed, plugins=plugins).resolve()
    until = (f"end={format_time_ns(whole.start_ns)}", "settle_ns=0")
    short = Scenario.load(text, (*settings, *until), seed=seed, plugins=plugins)
    path = output or Path(f"{whole.name}.opened.run")
    if path.exists():
        run = open_run(path, plugins=plugins)
        started = run.started
        if (started.scenario_sha256, started.seed) != (short.resolve().sha256, whole.seed):
            message = f"{path} is there and is not {text} opened as you ask; give -o with another place for it"
            raise QueryError(message)
    else:
        run_scenario(short, path)
        run = open_run(path, plugins=plugins)
    ends = run.count - 1 if isinstance(run.event(run.count - 1).body, RunEnded) else run.count
    streams = (source.inputs(number) for number, source in enumerate(whole.sources))
    prices, count = sampled(_until(chain.from_iterable(streams), whole.end_ns), span_ns)
    return Opened(run, ends - 1, prices, f"the scenario's {count}")


def _until(inputs: Iterable[tuple[int, Body]], end_ns: int | None) -> Iterator[tuple[int, Body]]:
    return (one for one in inputs if end_ns is None or one[0] <= end_ns)


def sampled(inputs: Iterable[tuple[int, Body]], span_ns: int) -> tuple[dict[int, list[int]], str]:
    """The last outside price of each instrument at the end of every span, once all have one; and how many, in words."""
    last: dict[int, int] = {}
    found: list[Mapping[int, int]] = []
    due_ns: int | None = None
    for at_ns, body in inputs:
        if not isinstance(body, PriceTicked):
            continue
        due_ns = at_ns if due_ns is None else due_ns
        while at_ns > due_ns:
            found.append(dict(last))
            due_ns += span_ns
        last.update(body.prices)
    found.append(last)
    whole = [one for one in found if len(one) == len(last)]
    prices = {number: [one[number] for one in whole] for number in last}
    return prices, f"{max(0, len(whole) - 1):,} moves of its own prices"

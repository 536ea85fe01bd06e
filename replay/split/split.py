"""A fall split into what it is put down to: a fork from the first price on for every combination of switches.

1. The recorded run is the one with nothing switched off; it is read back. Each other combination is a fork that leaves
   before the first price, when nothing was decided yet: the same accounts, the same values outside, the same draws.
2. The price at the *low* is each fork's own lowest price, whenever that is: so the part of the outside is how far the
   price would have fallen without anybody on the venue. At a point it is the price at the end of that instant in each.
3. The move from the first price to there, in ticks, is the value of a combination, and the parts are Shapley's
   (`shapley.py`): they sum to the recorded move exactly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.envelope import Event
from ...events.errors import DeleverageError, QueryError
from ...sim.units import format_time_ns
from ..fork.changes import Changes
from ..fork.fork import Fork, NoSink
from ..run import Run, open_run
from ..workers import Workers
from .probe import PRICED, Extremes, Probe
from .shapley import parts_over
from .switches import Switch, switches_of

__all__ = ["At", "Progress", "Split", "SplitInstrument", "split"]

At = Literal["low", "high"] | int
"""Each fork's lowest or highest price, or what it traded at at a time, in nanoseconds since 1970."""

Progress = Callable[[int, int], None]
"""Called with (forks done, forks in all)."""

_OUTSIDE, _ALL_ELSE = "outside", "all else"


class _Combination(msgspec.Struct, frozen=True):
    """A fork to be executed: the run, where it leaves, what is switched off, and up to when."""

    number: int
    record: Path
    plugins: tuple[Path, ...]
    after_seq: int
    settings: tuple[str, ...]
    until_ns: int | None


class _CombinationOutcome(msgspec.Struct, frozen=True):
    """What its instruments traded at, or the one line that says why that is not known."""

    seen: dict[int, Extremes] = {}
    error: str | None = None


class SplitInstrument(msgspec.Struct, frozen=True):
    """The move of one instrument: `parts` are numerators over `denominator`, in ticks, the outside first.

    `values_ticks` has the move of every combination; bit k of its place says whether switch k is on.
    """

    instrument: int
    name: str
    first_ticks: int
    ticks: int
    at_ns: int
    parts: tuple[int, ...]
    denominator: int
    values_ticks: tuple[int, ...]

    @property
    def moved_ticks(self) -> int:
        """From the first price to there."""
        return self.ticks - self.first_ticks

    @property
    def exact(self) -> list[Fraction]:
        """The parts in ticks."""
        return [Fraction(part, self.denominator) for part in self.parts]


class Split(msgspec.Struct, frozen=True):
    """A run's move, split; `forks` were executed for it. `base` is what is left with all of it switched off."""

    at: At
    base: str
    switches: tuple[Switch, ...]
    instruments: tuple[SplitInstrument, ...]
    forks: int

    @property
    def names(self) -> tuple[str, ...]:
        """What the parts are called, in their order."""
        return (self.base, *(switch.name for switch in self.switches))


def split(
    run: Run,
    switches: Sequence[Switch],
    at: At = "low",
    *,
    instruments: Iterable[int] | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Split:
    """Split the move of each instrument, or of those named. Raises QueryError for what cannot be forked or asked."""
    first = _first_price(run)
    if type(at) is int and at < first.at_ns:
        message = f"there is no price yet at {format_time_ns(at)}; the first is of {format_time_ns(first.at_ns)}"
        raise QueryError(message)
    until_ns = at if type(at) is int else None
    tasks = _tasks(run, switches, first.seq - 1, until_ns)
    seen = [Probe().seen for _ in range(1 << len(switches))]
    seen[-1] = _recorded(run, first.seq, until_ns)
    if tasks:
        _check(run, tasks)
        for number, found in _executed(tasks, switches, jobs, progress):
            seen[number] = found
    chosen = sorted(seen[-1]) if instruments is None else list(instruments)
    parts = tuple(_split(run, number, switches, [one.get(number) for one in seen], at) for number in chosen)
    base = _OUTSIDE if tuple(switches) == switches_of(run.started.producers) else _ALL_ELSE
    return Split(at, base, tuple(switches), parts, len(tasks))


def _first_price(run: Run) -> Event:
    """The input that the first price came in by."""
    run.check_sealed()
    if run.imported:
        message = f"{run.path} was imported: nobody decided in it, so that nothing can be switched off"
        raise QueryError(message)
    if run.forks:
        message = f"{run.path} is a fork, whose past is shared; split its parent, or a run of its own"
        raise QueryError(message)
    found = next((event for event in run.events() if type(event.body) is PriceTicked), None)
    if found is None:
        message = f"{run.path}: no price came in, so there is nothing that fell"
        raise QueryError(message)
    return found


def _tasks(run: Run, switches: Sequence[Switch], after_seq: int, until_ns: int | None) -> list[_Combination]:
    """Every combination but that of the run itself, those with most switched on first, as they take longest."""
    tasks = []
    for number in range((1 << len(switches)) - 1):
        off = (switch for place, switch in enumerate(switches) if not number >> place & 1)
        settings = tuple(setting for switch in off for setting in switch.settings)
        tasks.append(_Combination(number, run.path, tuple(run.plugin_folders), after_seq, settings, until_ns))
    return sorted(tasks, key=lambda task: (-task.number.bit_count(), task.number))


def _check(run: Run, tasks: Sequence[_Combination]) -> None:
    """Refuse what no fork can be made with before any process is started."""
    everything_off = next(task for task in tasks if not task.number)
    Fork(run, everything_off.after_seq, Changes(everything_off.settings))


def _recorded(run: Run, first_seq: int, until_ns: int | None) -> dict[int, Extremes]:
    probe = Probe()
    for event in run.events(first_seq):
        if until_ns is not None and event.at_ns > until_ns:
            break
        probe.take(event)
    return probe.seen


def _executed(
    tasks: Sequence[_Combination], switches: Sequence[Switch], jobs: int, progress: Progress | None
) -> Iterator[tuple[int, dict[int, Extremes]]]:
    """What each fork traded at. Raises QueryError where one failed."""
    report = progress or _nobody
    report(0, len(tasks))
    with Workers(jobs, _perform, _lost) as workers:
        for done, (task, outcome) in enumerate(workers.outcomes(deque(tasks)), 1):
            if outcome.error is not None:
                message = f"the fork without {_off(switches, task.number)} failed: {outcome.error}"
                raise QueryError(message)
            report(done, len(tasks))
            yield task.number, outcome.seen


def _off(switches: Sequence[Switch], number: int) -> str:
    """What is switched off in a combination, for people."""
    return ", ".join(switch.name for place, switch in enumerate(switches) if not number >> place & 1)


def _perform(task: _Combination) -> _CombinationOutcome:
    """Execute a fork. Never raises: an error is the outcome's."""
    try:
        made = Fork(open_run(task.record, plugins=task.plugins), task.after_seq, Changes(task.settings))
        probe, resumption = Probe(), made.resumption(NoSink())
        resumption.bus.tap(probe.tap, PRICED)
        made.drive(resumption, until_ns=task.until_ns)
    except DeleverageError as error:
        return _CombinationOutcome(error=" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001 - told by whoever asked
        return _CombinationOutcome(error=" ".join(f"{type(error).__name__}: {error}".split()))
    return _CombinationOutcome(probe.seen)


def _split(
    run: Run, number: int, switches: Sequence[Switch], seen: Sequence[Extremes | None], at: At
) -> SplitInstrument:
    """One instrument, from what it traded at under every combination."""
    name, whole = run.directory.instruments[number].name, seen[-1]
    if whole is None or None in seen:
        where = "" if whole is None else f" in the fork without {_off(switches, seen.index(None))}"
        message = f"{name} has no price{where} by then; ask for a later point or another instrument, or switch less off"
        raise QueryError(message)
    values = tuple(_ticks(one, at) - whole.first_ticks for one in seen if one is not None)
    parts, denominator = parts_over(values, len(switches))
    at_ns = at if type(at) is int else whole.low_at_ns if at == "low" else whole.high_at_ns
    outside = values[0] * denominator
    return SplitInstrument(
        number, name, whole.first_ticks, _ticks(whole, at), at_ns, (outside, *parts), denominator, values
    )


def _ticks(seen: Extremes, at: At) -> int:
    if at == "low":
        return seen.low_ticks
    return seen.high_ticks if at == "high" else seen.last_ticks


def _lost(told: str) -> _CombinationOutcome:
    """The outcome of a fork whose process died."""
    return _CombinationOutcome(error=told)


def _nobody(_done: int, _forks: int) -> None:
    """Who is told where nobody asked."""

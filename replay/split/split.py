"""A fall split into what it is put down to: a fork from the first price on for every combination of switches.

1. The recorded run is the one with nothing switched off; it is read back. Each other combination is a fork that leaves
   before the first price, when nothing was decided yet: the same accounts, the same values outside, the same draws.
2. The price at the *low* is each fork's own lowest price, whenever that is: so the part of the outside is how far the
   price would have fallen without anybody on the venue. At a point it is the price at the end of that instant in each.
3. The move from the first price to there, in ticks, is the value of a combination, and the parts are Shapley's
   (`shapley.py`): they sum to the recorded move exactly.
4. Of several venues each instrument has its own switches: the liquidations of its venue, and those of the others, which
   are contagion. A combination that two instruments have in common is executed once.
5. Who was liquidated at a venue because of the others' forced orders: whoever was in the run, and is not in the fork in
   which the others liquidate nobody and all else is as it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.envelope import Event
from ...events.errors import DeleverageError, QueryError
from ...events.venue_names import venue_of
from ...sim.units import format_time_ns
from ..fork.changes import Changes
from ..fork.fork import Fork, NoSink
from ..jobs import Jobs, working
from ..run import Run, open_run
from .probe import PROBED, Extremes, Probe
from .shapley import parts_over
from .switches import Switch, switches_of

__all__ = ["At", "Contagion", "Progress", "Split", "SplitInstrument", "forks_needed", "split"]

At = Literal["low", "high"] | int
"""Each fork's lowest or highest price, or what it traded at at a time, in nanoseconds since 1970."""

Progress = Callable[[int, int], None]
"""Called with (forks done, forks in all)."""

_OUTSIDE, _ALL_ELSE = "outside", "all else"


_Off = tuple[Switch, ...]
"""What is switched off in a combination; nothing in the run itself."""


class _Combination(msgspec.Struct, frozen=True):
    """A fork to be executed: the run, where it leaves, what is switched off, and up to when."""

    off: _Off
    record: Path
    plugins: tuple[Path, ...]
    after_seq: int
    until_ns: int | None

    @property
    def settings(self) -> tuple[str, ...]:
        """Under which all of it is off."""
        return tuple(setting for switch in self.off for setting in switch.settings)


class _CombinationOutcome(msgspec.Struct, frozen=True):
    """What its instruments traded at and who was liquidated, or the one line that says why that is not known."""

    seen: dict[int, Extremes] = {}
    liquidated: set[int] = set()
    error: str | None = None


class Contagion(msgspec.Struct, frozen=True):
    """Who was liquidated at `venue` because of forced orders at `sources`, by name, in the order of the accounts.

    `liquidated` is how many were liquidated at `venue` in the run, up to where the forks go; `because` those of them
    who are not in the fork in which the sources liquidate nobody, `spared` those who are liquidated only there.
    """

    venue: str
    sources: tuple[str, ...]
    liquidated: int
    because: tuple[str, ...]
    spared: tuple[str, ...]


class SplitInstrument(msgspec.Struct, frozen=True):
    """The move of one instrument: `parts` are numerators over `denominator`, in ticks, the outside first.

    `values_ticks` has the move of every combination; bit k of its place says whether switch k is on. `base` is what is
    left with all of them off.
    """

    instrument: int
    name: str
    base: str
    switches: tuple[Switch, ...]
    first_ticks: int
    ticks: int
    at_ns: int
    parts: tuple[int, ...]
    denominator: int
    values_ticks: tuple[int, ...]
    contagion: Contagion | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What the parts are called, in their order."""
        return (self.base, *(switch.name for switch in self.switches))

    @property
    def moved_ticks(self) -> int:
        """From the first price to there."""
        return self.ticks - self.first_ticks

    @property
    def exact(self) -> list[Fraction]:
        """The parts in ticks."""
        return [Fraction(part, self.denominator) for part in self.parts]


class Split(msgspec.Struct, frozen=True):
    """A run's move, split; `forks` were executed for it. `switches` are those of all its instruments."""

    at: At
    instruments: tuple[SplitInstrument, ...]
    forks: int

    @property
    def switches(self) -> tuple[Switch, ...]:
        """Each once, in the order of the instruments."""
        return tuple(dict.fromkeys(switch for one in self.instruments for switch in one.switches))


def split(
    run: Run,
    switches: Sequence[Switch] | None = None,
    at: At = "low",
    *,
    instruments: Iterable[int] | None = None,
    jobs: Jobs = 1,
    progress: Progress | None = None,
) -> Split:
    """Split the move of each instrument, or of those named, by these switches or by those that apply to it.

    Raises QueryError for what cannot be forked or asked.
    """
    first = _first_price(run)
    if type(at) is int and at < first.at_ns:
        message = f"there is no price yet at {format_time_ns(at)}; the first is of {format_time_ns(first.at_ns)}"
        raise QueryError(message)
    until_ns = at if type(at) is int else None
    recorded = _recorded(run, first.seq, until_ns)
    chosen = sorted(recorded.seen) if instruments is None else list(instruments)
    switched = {number: _switches(run, number, switches) for number in chosen}
    plugins = tuple(run.plugin_folders)
    tasks = [_Combination(off, run.path, plugins, first.seq - 1, until_ns) for off in _offs(switched.values())]
    outcomes = {frozenset[str](): recorded, **_executed(run, tasks, jobs, progress)}
    parts = tuple(_split(run, number, switched[number], outcomes, at) for number in chosen)
    return Split(at, parts, len(tasks))


def forks_needed(run: Run, switches: Sequence[Switch] | None, instruments: Iterable[int] | None) -> int:
    """How many forks `split` executes, where each instrument has a price."""
    chosen = run.directory.instruments if instruments is None else instruments
    return len(_offs(_switches(run, number, switches) for number in chosen))


def _switches(run: Run, instrument: int, given: Sequence[Switch] | None) -> tuple[Switch, ...]:
    """Those given, or those that apply to an instrument."""
    if given is not None:
        return tuple(given)
    return switches_of(run.started.producers, venue_of(run.directory.instruments[instrument].name))


def _offs(switched: Iterable[Sequence[Switch]]) -> list[_Off]:
    """What is switched off in each combination but the run itself: those with most left on first, as they take longest.

    Each once, however many instruments ask for it: with the same settings off it is the same fork.
    """
    found: dict[frozenset[str], _Off] = {}
    for switches in switched:
        for number in range((1 << len(switches)) - 1):
            off = _off(switches, number)
            found.setdefault(_settings(off), off)
    return sorted(found.values(), key=len)


def _off(switches: Sequence[Switch], number: int) -> _Off:
    """What is switched off in a combination."""
    return tuple(switch for place, switch in enumerate(switches) if not number >> place & 1)


def _settings(off: _Off) -> frozenset[str]:
    """By what a combination is known, whatever its switches are called."""
    return frozenset(setting for switch in off for setting in switch.settings)


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


def _check(run: Run, tasks: Sequence[_Combination]) -> None:
    """Refuse what no fork can be made with before any process is started."""
    last = tasks[-1]
    Fork(run, last.after_seq, Changes(last.settings))


def _recorded(run: Run, first_seq: int, until_ns: int | None) -> _CombinationOutcome:
    probe = Probe()
    for event in run.events(first_seq):
        if until_ns is not None and event.at_ns > until_ns:
            break
        probe.take(event)
    return _CombinationOutcome(probe.seen, probe.liquidated)


def _executed(
    run: Run, tasks: Sequence[_Combination], jobs: Jobs, progress: Progress | None
) -> dict[frozenset[str], _CombinationOutcome]:
    """What came of each fork, by the settings that switch off. Raises QueryError where one failed."""
    found: dict[frozenset[str], _CombinationOutcome] = {}
    if not tasks:
        return found
    _check(run, tasks)
    report = progress or _nobody
    report(0, len(tasks))
    with working(jobs, _perform, _lost) as workers:
        for done, (task, outcome) in enumerate(workers.outcomes(deque(tasks)), 1):
            if outcome.error is not None:
                message = f"the fork without {_named(task.off)} failed: {outcome.error}"
                raise QueryError(message)
            report(done, len(tasks))
            found[_settings(task.off)] = outcome
    return found


def _named(off: _Off) -> str:
    """What is switched off in a combination, for people."""
    return ", ".join(switch.name for switch in off)


def _perform(task: _Combination) -> _CombinationOutcome:
    """Execute a fork. Never raises: an error is the outcome's."""
    try:
        made = Fork(open_run(task.record, plugins=task.plugins), task.after_seq, Changes(task.settings))
        probe, resumption = Probe(), made.resumption(NoSink())
        resumption.bus.tap(probe.tap, PROBED)
        made.drive(resumption, until_ns=task.until_ns)
    except DeleverageError as error:
        return _CombinationOutcome(error=" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001 - told by whoever asked
        return _CombinationOutcome(error=" ".join(f"{type(error).__name__}: {error}".split()))
    return _CombinationOutcome(probe.seen, probe.liquidated)


def _split(
    run: Run,
    number: int,
    switches: tuple[Switch, ...],
    outcomes: Mapping[frozenset[str], _CombinationOutcome],
    at: At,
) -> SplitInstrument:
    """One instrument, from what it traded at under every combination of its switches."""
    name, whole = run.directory.instruments[number].name, outcomes[frozenset()].seen.get(number)
    offs = [_off(switches, combination) for combination in range(1 << len(switches))]
    seen = [outcomes[_settings(off)].seen.get(number) for off in offs]
    if whole is None or None in seen:
        where = "" if whole is None else f" in the fork without {_named(offs[seen.index(None)])}"
        message = f"{name} has no price{where} by then; ask for a later point or another instrument, or switch less off"
        raise QueryError(message)
    values = tuple(_ticks(one, at) - whole.first_ticks for one in seen if one is not None)
    parts, denominator = parts_over(values, len(switches))
    return SplitInstrument(
        instrument=number,
        name=name,
        base=_OUTSIDE if switches == _switches(run, number, None) else _ALL_ELSE,
        switches=switches,
        first_ticks=whole.first_ticks,
        ticks=_ticks(whole, at),
        at_ns=at if type(at) is int else whole.low_at_ns if at == "low" else whole.high_at_ns,
        parts=(values[0] * denominator, *parts),
        denominator=denominator,
        values_ticks=values,
        contagion=_contagion(run, venue_of(name), switches, outcomes),
    )


def _contagion(
    run: Run,
    venue: str,
    switches: Iterable[Switch],
    outcomes: Mapping[frozenset[str], _CombinationOutcome],
) -> Contagion | None:
    """Who was liquidated at a venue in the run, and not without the others' forced orders; or the other way round."""
    held = next((switch for switch in switches if switch.venues), None)
    if held is None:
        return None
    in_run, without = (
        {account for account in outcomes[_settings(off)].liquidated if _is_at(run, account, venue)}
        for off in ((), (held,))
    )
    because, spared = _names(run, in_run - without), _names(run, without - in_run)
    return Contagion(venue, held.venues, len(in_run), because, spared)


def _is_at(run: Run, account: int, venue: str) -> bool:
    return venue_of(run.directory.account_name(account)) == venue


def _names(run: Run, accounts: Collection[int]) -> tuple[str, ...]:
    return tuple(run.directory.account_name(account) for account in sorted(accounts))


def _ticks(seen: Extremes, at: At) -> int:
    if at == "low":
        return seen.low_ticks
    return seen.high_ticks if at == "high" else seen.last_ticks


def _lost(told: str) -> _CombinationOutcome:
    """The outcome of a fork whose process died."""
    return _CombinationOutcome(error=told)


def _nobody(_done: int, _forks: int) -> None:
    """Who is told where nobody asked."""

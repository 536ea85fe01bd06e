"""A reverse stress: the smallest shock found that meets a target, who is critical in it, defaults, past crashes.

1. The state without any shock is tried first; where that meets the target already nothing is searched.
2. Then the rays go side by side, then the mixtures (`search.py`). What is found is executed in full, to the horizon.
3. The critical account is the one that lacked most when it was declared bankrupt under the shock found; it is executed
   again without that account's positions, which are closed at the mark before the shock; one whose positions cannot be
   is passed over. Every part of the shock is left out in turn; the critical instrument is that without whose move the
   funds keep most.
4. Every shape of the library (`history.py`) is executed in full from the same state.
5. Each execution is a task of one study, numbered as they are asked for. What is asked next follows from what came of
   those before, so the numbers are the same however often it is stopped and gone on with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from msgspec.structs import replace

from ...events.errors import QueryError
from ...events.ledger import Ledger
from ..fork.changes import Changes
from ..forked import can_fork
from ..jobs import Jobs
from ..run import Run
from ..studies import Once, Study, executed_from
from .covariance import Covariance
from .defaults import Cover, LargePosition, Volume, concentrations, covers
from .directions import Shock, priced
from .history import Course, course_of, lowest_bps, shapes
from .search import COARSE, RayBracket, finely, mixtures, rays_of, searched, side_by_side
from .trial import Execution, Prepared, Reading, Start, closing, perform

__all__ = ["Critical", "ShockOutcome", "Sized", "SmallestShock", "Stress", "StressAsked", "stress"]

Progress = Callable[[int, str], None]
"""Called with (executions done, what is being done)."""

_COURSE_STEP_NS = 10 * 10**9
_PRICES = ("price:", "collateral:")


class StressAsked(msgspec.Struct, frozen=True):
    """The question; `executed` of it is the key of the study."""

    start: Start
    covariance: Covariance
    resolution: int
    rounds: int
    cover: int
    largest: int
    volumes: tuple[tuple[int, Volume], ...]
    courses: tuple[Course, ...]

    @property
    def executed(self) -> StressAsked:
        """Without what is reckoned from the state alone, for which nothing need be executed again."""
        return replace(self, cover=0, largest=0, volumes=())


class Sized(msgspec.Struct, frozen=True):
    """A bracket with its size: distances in thousandths, of what met the target and of what did not."""

    bracket: RayBracket
    spares_distance: int
    meets_distance: int | None


class ShockOutcome(msgspec.Struct, frozen=True):
    """A shock or a course in full, and what defaults would cost at its prices; of a course those at its lowest."""

    name: str
    reading: Reading
    covers: tuple[Cover, ...]


class Critical(msgspec.Struct, frozen=True):
    """Something that is left out, and what then comes of the same shock."""

    name: str
    lacked_atoms: int | None
    reading: Reading


class SmallestShock(msgspec.Struct, frozen=True):
    """The smallest that was found, with `found` executed in full."""

    smallest: Sized
    outcome: ShockOutcome
    account: Critical | None
    directions: tuple[Critical, ...]

    @property
    def instrument(self) -> Critical | None:
        """Without whose move the funds keep most; None where fewer than two things are shocked, one of them a price."""
        moved = (one for one in self.directions if one.name.startswith(_PRICES))
        return max(moved, key=lambda one: one.reading.fund_least_atoms, default=None)


class Stress(msgspec.Struct, frozen=True):
    """Everything that was found. `at_rest` is the state without a shock, `found` None where no shock met the target."""

    asked: StressAsked
    at_rest: Reading
    rays: tuple[Sized, ...]
    mixtures: tuple[Sized, ...]
    found: SmallestShock | None
    history: tuple[ShockOutcome, ...]
    concentration: tuple[LargePosition, ...]
    executions: int


class _Trials:
    """Executes shocks, each once; what comes of one is kept in the study."""

    def __init__(
        self, run: Run, study: Study[Reading], start: Start, *, jobs: Jobs, plain: bool, progress: Progress
    ) -> None:
        anew = partial(Prepared, run, start)
        self._study, self._prepare = study, anew if plain or not can_fork() else Once(anew)
        self._jobs, self._plain, self._progress = jobs, plain or not can_fork(), progress
        self._numbers: dict[Execution, int] = {}
        self.doing = ""

    def readings(self, trials: Sequence[Execution]) -> list[Reading]:
        """What comes of each. Raises the first error that is met."""
        for trial in trials:
            self._numbers.setdefault(trial, len(self._numbers))
        numbered = {self._numbers[trial]: trial for trial in trials}
        left = [(number, trial) for number, trial in numbered.items() if number not in self._study.done]
        done = executed_from(self._prepare, left, perform, self._jobs, plain=self._plain)
        for number, reading in done:
            self._study.keep(number, reading)
            self._progress(len(self._study.done), self.doing)
        return [self._study.done[self._numbers[trial]] for trial in trials]

    def met(self, shocks: Sequence[Shock]) -> list[bool]:
        """Whether each meets the target."""
        return [reading.met for reading in self.readings([Execution(shock) for shock in shocks])]

    @property
    def count(self) -> int:
        """How many were asked for."""
        return len(self._numbers)


def stress(
    run: Run,
    asked: StressAsked,
    *,
    jobs: Jobs = 1,
    plain: bool = False,
    progress: Progress = lambda _done, _told: None,
    told: Callable[[Run, Stress], object] | None = None,
) -> tuple[Stress, Study[Reading]]:
    """Ask a question of a record. Returns what was found and the study, in whose file it is.

    `told` makes of it what is kept as the answer. `plain` prepares the state anew for each execution, in this process:
    the oracle. Raises QueryError for what cannot be taken up.
    """
    with Study(run, "stress", asked.executed, Reading) as study:
        trials = _Trials(run, study, asked.start, jobs=jobs, plain=plain, progress=progress)
        found = _asked(run, asked, trials)
        study.conclude(None if told is None else told(run, found))
    return found, study


def _asked(run: Run, asked: StressAsked, trials: _Trials) -> Stress:
    ledger, directions = _ledger(run, asked.start), asked.start.directions
    trials.doing = "without a shock"
    (at_rest,) = trials.readings([Execution((0,) * len(directions))])
    rays: list[RayBracket] = []
    mixed: list[RayBracket] = []
    if not at_rest.met:
        rays, mixed = _searched(asked, trials)
    told, told_mixed = ([_told(one, asked.covariance) for one in some] for some in (rays, mixed))
    found = _found(ledger, asked, [*told, *told_mixed], trials)
    trials.doing = "past crashes"
    history = trials.readings([Execution(course=course, whole=True) for course in asked.courses])
    return Stress(
        asked=asked,
        at_rest=at_rest,
        rays=tuple(told),
        mixtures=tuple(told_mixed),
        found=found,
        history=tuple(
            ShockOutcome(course.name, reading, tuple(covers(ledger, lowest_bps(course), 0, asked.cover)))
            for course, reading in zip(asked.courses, history, strict=True)
        ),
        concentration=tuple(concentrations(ledger, dict(asked.volumes), asked.largest)),
        executions=trials.count,
    )


def _ledger(run: Run, start: Start) -> Ledger:
    """The state at the boundary, for what is reckoned without the engine."""
    return run.at(seq=start.after_seq)


def _searched(asked: StressAsked, trials: _Trials) -> tuple[list[RayBracket], list[RayBracket]]:
    """All rays, then all mixtures that were followed."""
    directions, covariance = asked.start.directions, asked.covariance
    trials.doing = "along rays"
    searches = []
    for ray in rays_of(directions, covariance):
        most = ray.most(directions)
        first = max(asked.resolution, min(most, covariance.deviations[ray.leading] // 100))
        searches.append(searched(ray, first, most, COARSE * asked.resolution))
    rays = finely(side_by_side(searches, trials.met), covariance, asked.resolution, trials.met)
    met = [one for one in rays if one.meets is not None]
    if not met:
        return rays, []
    trials.doing = "among mixtures"
    best = min(met, key=lambda one: covariance.square(one.meets or ()))
    rounds = mixtures(best, directions, covariance, asked.resolution, trials.met, asked.rounds)
    return rays, [one for found in rounds for one in found]


def _told(bracket: RayBracket, covariance: Covariance) -> Sized:
    meets = None if bracket.meets is None else covariance.distance(bracket.meets)
    return Sized(bracket, covariance.distance(bracket.spares), meets)


def _found(ledger: Ledger, asked: StressAsked, told: Sequence[Sized], trials: _Trials) -> SmallestShock | None:
    """The smallest in full, and what comes of it without this and that."""
    square = asked.covariance.square
    smallest = min(
        (one for one in told if one.bracket.meets is not None),
        key=lambda one: square(one.bracket.meets or ()),
        default=None,
    )
    if smallest is None or smallest.bracket.meets is None:
        return None
    trials.doing = "the shock that was found"
    shock, directions = smallest.bracket.meets, asked.start.directions
    (reading,) = trials.readings([Execution(shock, whole=True)])
    gone = next((amount for one, amount in zip(directions, shock, strict=True) if one.kind == "liquidity"), 0)
    outcome = ShockOutcome("found", reading, tuple(covers(ledger, priced(directions, shock), gone, asked.cover)))
    parts = [place for place, amount in enumerate(shock) if amount]
    left_out = parts if len(parts) > 1 else []
    without = [Execution((*shock[:place], 0, *shock[place + 1 :]), whole=True) for place in left_out]
    critical = _critical_account(ledger, reading)
    removed = [] if critical is None else [Execution(shock, whole=True, without=critical[0])]
    again = trials.readings([*removed, *without])
    account = None
    if critical is not None:
        account = Critical(ledger.name(critical[0]), critical[1], again.pop(0))
    named = (directions[place].name for place in left_out)
    return SmallestShock(
        smallest, outcome, account, tuple(Critical(name, None, one) for name, one in zip(named, again, strict=True))
    )


def _critical_account(ledger: Ledger, reading: Reading) -> tuple[int, int] | None:
    """Who lacked most of those that held anything before; a trader, since the venue's own accounts stay."""
    for account, lacked_atoms in reading.bankrupt:
        one = ledger.accounts[account]
        if one.kind == "user" and one.positions and _can_be_closed(ledger, account):
            return account, lacked_atoms
    return None


def _can_be_closed(ledger: Ledger, account: int) -> bool:
    """Whether all its positions can be traded away before a shock: no halt, no liquidation."""
    try:
        return bool(Changes(trades=closing(ledger, account)).inputs(ledger))
    except QueryError:
        return False


def courses_of(ledger: Ledger, start: Start) -> tuple[Course, ...]:
    """The library, for a state; nothing where none of it moves anything there."""
    courses = (course_of(shape, ledger, start.directions, _COURSE_STEP_NS) for shape in shapes())
    return tuple(course for course in courses if course.paths)

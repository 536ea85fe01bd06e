"""What lay ahead at each of several instants: the share of draws in which it came, and the point of no return.

1. Each instant is drawn from `draws` times, with the same draws whatever is changed there beforehand.
2. The *point of no return* is the last instant at which what is asked about came in fewer than half of the draws.
3. Everything that is drawn is kept in a file beside the record (`replay/studies.py`) and taken up again from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from ...events.bodies.waterfall import PositionDeleveraged
from ...sim.scenario import Scenario
from ..bounds import interval
from ..fork.changes import Changes
from ..forked import can_fork
from ..jobs import Jobs
from ..run import Run
from ..studies import Once, Study, executed_from
from .draws import Draw, DrawOutcome, StoodThen
from .processes import Processes
from .question import FateInstant, FateQuestion, instants_of
from .remedies import Remedy, remedies_at

__all__ = ["KIND", "Chance", "Fate", "InstantFate", "Progress", "fate"]

KIND = "fate"

Progress = Callable[[int, int], None]
"""Called with (the draws of all instants, draws done); what the account could have done is drawn beyond these."""


class Chance(msgspec.Struct, frozen=True):
    """In how many of so many draws something came."""

    name: str
    came: int
    draws: int

    @property
    def interval(self) -> tuple[int, int]:
        """The least and the most that its probability is, in ten-thousandths, at 95% (Clopper and Pearson)."""
        return interval(self.came, self.draws)

    @property
    def is_likely(self) -> bool:
        """Whether it came in at least half of them."""
        return 2 * self.came >= self.draws


class InstantFate(msgspec.Struct, frozen=True):
    """An instant and the chances from there."""

    instant: FateInstant
    chances: tuple[Chance, ...]


class Fate(msgspec.Struct, frozen=True):
    """The answer. `asked` is the place of what the point of no return is of, `point` that of its instant if any."""

    question: FateQuestion
    instants: tuple[InstantFate, ...]
    asked: int
    point: int | None
    remedies: tuple[Remedy, ...]
    resumed: int

    @property
    def beyond(self) -> InstantFate | None:
        """The first instant beyond the point of no return; None where it was never passed."""
        place = 0 if self.point is None else self.point + 1
        return self.instants[place] if place < len(self.instants) else None


def fate(
    run: Run,
    question: FateQuestion,
    jobs: Jobs = 1,
    *,
    scenario: str | Scenario | None = None,
    progress: Progress = lambda _draws, _done: None,
    conclude: Callable[[Fate], object] | None = None,
    plain: bool = False,
) -> Fate:
    """Draw what a question asks for. `conclude` makes of it the answer that is kept in the file.

    Raises QueryError for what cannot be asked, ScenarioError for a policy of the record that is not at hand.
    """
    run.check_sealed()
    instants, processes = instants_of(run, question), Processes(run, question, scenario)
    with Study(run, KIND, question, DrawOutcome) as study:
        work = _DrawnAgain(run, question, study, partial(progress, len(instants) * question.draws), jobs, plain)
        drawn = list[InstantFate]()
        for number, instant in enumerate(instants):
            standing = work.standing(instant, processes)
            outcomes = work.drawn(standing, number)
            chances = tuple(_chance(name, place, outcomes) for place, name in enumerate(question.watched))
            drawn.append(InstantFate(instant, chances))
        found = _concluded(run, question, drawn, study.resumed)
        beyond = found.beyond
        if question.remedies and beyond is not None:
            standing, first = work.standing(beyond.instant, processes), len(instants)

            def tried(number: int, changes: Changes) -> int:
                outcomes = work.drawn(standing, first + number, changes)
                return _chance("", found.asked, outcomes).came

            remedies = tuple(remedies_at(run, question, beyond.instant, tried))
            found = msgspec.structs.replace(found, remedies=remedies)
        if conclude is not None:
            study.conclude(conclude(found))
    return found


class _DrawnAgain(NamedTuple):
    """Where draws are kept, and in how many processes they are made; `plain` prepares each anew, in this one."""

    run: Run
    question: FateQuestion
    study: Study[DrawOutcome]
    progress: Callable[[int], None]
    jobs: Jobs
    plain: bool

    def standing(self, instant: FateInstant, processes: Processes) -> Callable[[], StoodThen]:
        """What prepares the draws of an instant: once, for children that are forked off it."""
        prepare = partial(StoodThen, self.run, self.question, instant, processes)
        return prepare if self.plain or not can_fork() else Once(prepare)

    def drawn(
        self,
        standing: Callable[[], StoodThen],
        number: int,
        changes: Changes = Changes(),  # noqa: B008 - frozen
    ) -> list[DrawOutcome]:
        """All draws of an instant with a change, of which those that are there already are not made again."""
        first, draws = number * self.question.draws, self.question.draws
        wanted = range(first, first + draws)
        tasks = [(task, Draw(task - first, changes)) for task in wanted if task not in self.study.done]
        for task, outcome in executed_from(standing, tasks, StoodThen.perform, self.jobs, plain=self.plain):
            self.study.keep(task, outcome)
            self.progress(len(self.study.done))
        return [self.study.done[task] for task in wanted]


def _chance(name: str, place: int, outcomes: Sequence[DrawOutcome]) -> Chance:
    return Chance(name, sum(one.after_ns[place] is not None for one in outcomes), len(outcomes))


def _concluded(run: Run, question: FateQuestion, drawn: Sequence[InstantFate], resumed: int) -> Fate:
    """The answer but for remedies: of what came in the record, or else of the first of what is watched for."""
    asked = asked_place(run, question)
    under = [place for place, one in enumerate(drawn) if not one.chances[asked].is_likely]
    return Fate(question, tuple(drawn), asked, under[-1] if under else None, (), resumed)


def asked_place(run: Run, question: FateQuestion) -> int:
    """Which of what is watched for the point of no return is of: being deleveraged for who was, else the first."""
    if question.of is not None:
        return question.watched.index(question.of)
    if question.account is None:
        return 0
    forced = run.events_forced(question.account)
    return 1 if any(isinstance(event.body, PositionDeleveraged) for event in forced) else 0

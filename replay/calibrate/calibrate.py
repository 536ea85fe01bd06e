"""Rules sought that serve an aim best: trials by an optimiser, the front of the best, and its worth out of sample.

1. The scenario as given is the baseline: it is run on the same seeds, and with what is found on the seeds held out.
2. Trials are judged on the training seeds, the same for each, so that they differ in their rules and not in their
   crashes.
3. The same scenario, target and program give the same result, however many processes there were and however often it
   was stopped: what was run is kept, and the optimiser is asked anew from the beginning.
4. `result.json` in the folder is the last command's result, as `--json` prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import msgspec

from ...events.errors import QueryError, ScenarioError
from ...events.record.fingerprint import code_sha256, package_version
from ...sim.toml_tree import value_at
from ..jobs import Jobs
from ..lab.definition import Variant
from ..lab.metrics import Metric, metrics_of
from ..lab.tasks import Outcome
from .cells import Cells, opened_cells
from .over import Estimate, estimated, parse_over
from .sampler import OptunaSampler, Sampler, sampler_version
from .search import RulesJudged, RuleTrial, front_of, search
from .target import Objective, Target

__all__ = ["CalibrationQuestion", "CalibrationResult", "Progress", "ScenarioAsGiven", "Tried", "calibrate"]

Progress = Callable[[int, int, str], None]
"""Called with (trials judged, runs made, what is done) after each run."""


class ScenarioAsGiven(msgspec.Struct, frozen=True, dict=True):
    """What a folder belongs to: the scenario as given. Its cells serve every target."""

    scenario: str
    settings: tuple[str, ...]
    plugins: tuple[str, ...] = ()

    @property
    def given(self) -> Variant:
        """The rules as they are."""
        return Variant(self.scenario, self.settings, (), self.plugins)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the scenario with settings and producers, and the code that decides. Raises ScenarioError."""
        scenario = self.given.load(1)
        made = sha256(f"{package_version()} {code_sha256()}".encode())
        made.update(msgspec.json.encode((scenario.tree, scenario.producers), order="sorted"))
        return made.hexdigest()


class CalibrationQuestion(msgspec.Struct, frozen=True):
    """What is asked: of which scenario, to which target (read from `file`), kept where."""

    calibration: ScenarioAsGiven
    target: Target
    file: Path
    path: Path


class Tried(msgspec.Struct, frozen=True):
    """Rules with what they come to on the training seeds and on those held out; None in place of a trial: as given."""

    trial: RuleTrial | None
    training: RulesJudged
    unseen: RulesJudged


class CalibrationResult(msgspec.Struct, frozen=True):
    """The whole of a result. `front` is empty where no trial meets the target; `metrics` are those named, by name."""

    question: CalibrationQuestion
    sampler: str
    metrics: dict[str, Metric]
    baseline: Tried
    trials: tuple[RuleTrial, ...]
    front: tuple[Tried, ...]


def calibrate(
    question: CalibrationQuestion, *, jobs: Jobs, sampler: Sampler | None = None, progress: Progress | None = None
) -> CalibrationResult:
    """Seek, in so many processes, with optuna unless another sampler is given.

    Raises QueryError or ScenarioError for a target that is none of this scenario's: keys before anything is run,
    metrics after the first run.
    """
    check_keys(question)
    return _TrialWork(question, progress or _nobody).done(sampler, jobs)


class _TrialWork:
    """A calibration in the making."""

    def __init__(self, question: CalibrationQuestion, progress: Progress) -> None:
        self.question, self.target, self.progress = question, question.target, progress
        self.judged, self.doing = 0, "the scenario as given"
        self.metrics: dict[str, Metric] = {}
        self.cells: Cells

    def done(self, sampler: Sampler | None, jobs: Jobs) -> CalibrationResult:
        asked, target = self.question, self.target
        given = asked.calibration.given
        with opened_cells(asked.path, asked.calibration, given, jobs, self._report) as cells:
            self.cells = cells
            baseline = self._baseline()
            self.doing = "trials"
            version = sampler_version() if sampler is None else type(sampler).__name__
            trials = search(target, sampler or OptunaSampler(target), self._evaluate)
            front = front_of(target, trials)
            self.doing = "held out"
            unseen = self._judged([(), *(trial.settings for trial in front)], [None, *front], target.unseen)
            cells.forget((*target.training, *target.unseen))
        tried = [Tried(trial, trial.judged, one) for trial, one in zip(front, unseen[1:], strict=True)]
        return CalibrationResult(
            asked, version, self.metrics, Tried(None, baseline, unseen[0]), tuple(trials), tuple(tried)
        )

    def _report(self) -> None:
        self.progress(self.judged, self.cells.run, self.doing)

    def _baseline(self) -> RulesJudged:
        """The scenario as given, its first seed before the others so that a metric that it lacks is told early."""
        first, *_ = self.target.training
        ((outcome,),) = self.cells.outcomes([()], [first])
        self._name_metrics(outcome, first)
        (baseline,) = self._judged([()], [None], self.target.training)
        if baseline.error is not None:
            message = f"{self.question.calibration.scenario} as given cannot be compared with: {baseline.error}"
            raise QueryError(message)
        return baseline

    def _name_metrics(self, outcome: Outcome, seed: int) -> None:
        """Look up the metrics that the target names. Raises QueryError for one that the lab does not have."""
        if outcome.figures is None:
            message = f"{self.question.calibration.scenario} as given fails for seed {seed}: {outcome.error}"
            raise QueryError(message)
        known = {metric.name: metric for metric in metrics_of(outcome.figures, every=True)}
        for where, name in self.target.metrics:
            if name not in known:
                near = get_close_matches(name, known, n=3) or known
                message = f"{self.question.file}: {where}: there is no metric {name!r}; choose from {', '.join(near)}"
                raise QueryError(message)
            self.metrics[name] = known[name]

    def _evaluate(self, asked: Sequence[tuple[int, ...]]) -> list[RulesJudged]:
        rules = [self.target.settings(places) for places in asked]
        trials = [RuleTrial(0, places, settings, RulesJudged()) for places, settings in zip(asked, rules, strict=True)]
        found = self._judged(rules, trials, self.target.training)
        self.judged += len(asked)
        return found

    def _judged(
        self, rules: Sequence[tuple[str, ...]], trials: Sequence[RuleTrial | None], seeds: Sequence[int]
    ) -> list[RulesJudged]:
        """Rules over seeds; whose number a setting is, is told by the trial."""
        outcomes = self.cells.outcomes(rules, seeds)
        return [self._of(own, seeds, trial) for own, trial in zip(outcomes, trials, strict=True)]

    def _of(self, outcomes: Sequence[Outcome], seeds: Sequence[int], trial: RuleTrial | None) -> RulesJudged:
        try:
            objectives = tuple(self._objective(one, outcomes, seeds, trial) for one in self.target.objectives)
            constraints = tuple(self._metric(one.metric, one.over, outcomes, seeds) for one in self.target.constraints)
        except _NoFigureError as error:
            return RulesJudged(error=str(error))
        return RulesJudged(objectives, constraints)

    def _objective(
        self, one: Objective, outcomes: Sequence[Outcome], seeds: Sequence[int], trial: RuleTrial | None
    ) -> Estimate:
        if one.metric is not None:
            return self._metric(one.metric, one.over, outcomes, seeds)
        number = next(number for number, own in enumerate(self.target.parameters) if own.key == one.setting)
        parameter = self.target.parameters[number]
        if trial is not None:
            return Estimate(parameter.number(trial.places[number]))
        return Estimate(parameter.counted(value_at(self.question.calibration.given.load(1).tree, parameter.key)))

    def _metric(self, name: str, over: str, outcomes: Sequence[Outcome], seeds: Sequence[int]) -> Estimate:
        metric, values = self.metrics[name], list[Fraction]()
        for seed, outcome in zip(seeds, outcomes, strict=True):
            value = None if outcome.figures is None else metric.value(outcome.figures)
            if value is None:
                message = f"seed {seed}: {outcome.error or f'the run has no figure for {name}'}"
                raise _NoFigureError(message)
            values.append(value)
        return estimated(values, parse_over(over))


class _NoFigureError(Exception):
    """Of some seed there is none."""


def check_keys(question: CalibrationQuestion) -> None:
    """Refuse a parameter of which neither the first nor the last value can be set by itself. Raises QueryError."""
    given = question.calibration.given
    given.load(1)
    for number, parameter in enumerate(question.target.parameters):
        faults = []
        for place in (0, parameter.places - 1):
            try:
                Variant(given.scenario, (*given.settings, parameter.setting(place)), (), given.plugins).load(1)
            except ScenarioError as error:
                faults.append(error)
        if len(faults) > 1:
            message = f"{question.file}: $.parameters[{number}]: {faults[0]}"
            raise QueryError(message)


def _nobody(_judged: int, _runs: int, _doing: str) -> None:
    """Who is told where nobody asked."""

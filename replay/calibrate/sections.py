"""A calibration in words: the sections that text and Markdown are drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from ...sim.figures import count, grouped
from ...sim.terminal import shell_word
from ..lab.metrics import Metric, shown
from ..why.page.blocks import Block, Commands, Prose, Section, Table
from .calibrate import CalibrationResult, Tried
from .over import Estimate
from .search import meets, missed, nearest
from .target import Constraint, Objective
from .view import figure_text

__all__ = ["calibration_sections", "calibration_title", "unmet_text"]

_UNKNOWN = "-"
_SEEDS_NAMED = 4


def calibration_title(found: CalibrationResult) -> str:
    """The title of the page."""
    return f"Rules for {Path(found.question.calibration.scenario).stem}, calibrated"


def calibration_sections(found: CalibrationResult) -> Iterator[Section]:
    """What was sought and found, a table an objective and a constraint, the rules as commands, and how it was done."""
    target = found.question.target
    yield Section("", tuple(map(Prose, _summary(found))))
    for place, objective in enumerate(target.objectives):
        metric = None if objective.metric is None else found.metrics[objective.metric]
        if metric is None:
            name = f"{objective.setting} ({_unit(found, objective)})"
        else:
            name = f"{metric.title} ({metric.unit}), {objective.over} over seeds"
        yield Section(f"The {objective.aim}: {name}", (_objective_table(found, place, metric),))
    for place, constraint in enumerate(target.constraints):
        metric = found.metrics[constraint.metric]
        title = f"{_bound_text(constraint)}: {metric.title} ({metric.unit}), {constraint.over} over seeds"
        yield Section(title, (_constraint_table(found, place, metric),))
    if found.front:
        yield Section("The rules of the front", tuple(_rules(found)))
    yield Section("How it was done", tuple(map(Prose, _method(found))))


def _unit(found: CalibrationResult, objective: Objective) -> str:
    """Of a parameter's own number."""
    return next(one.unit for one in found.question.target.parameters if one.key == objective.setting)


def _bound_text(constraint: Constraint) -> str:
    if constraint.at_most is None:
        return f"At least {constraint.at_least}"
    return f"At most {constraint.at_most}"


def _summary(found: CalibrationResult) -> Iterator[str]:
    target, trials = found.question.target, found.trials
    meeting = sum(meets(target, trial.judged) for trial in trials)
    failed = [trial for trial in trials if trial.judged.error is not None]
    told = f"{count(len(trials), 'trial')} of {count(len(target.parameters), 'parameter')}: {meeting:,} meet the target"
    if found.front:
        best = "is not dominated" if len(found.front) == 1 else "are not dominated"
        kept = sum(meets(target, one.unseen) for one in found.front)
        yield f"{told}, and of these {len(found.front):,} {best}: the front."
        yield f"On the seeds held out {kept:,} of {len(found.front):,} on the front meet the target."
    else:
        yield f"{told}. {unmet_text(found)}."
    as_given = "meet" if meets(target, found.baseline.training) else "do not meet"
    yield f"The rules as given {as_given} it."
    if failed:
        yield f"{count(len(failed), 'trial')} failed, the first of them {failed[0].number}: {failed[0].judged.error}."


def unmet_text(found: CalibrationResult) -> str:
    """Which constraint fails, by how much at best, and what to do: where no trial meets the target."""
    target = found.question.target
    near = nearest(target, found.trials)
    if near is None:
        return f"every trial failed, the first of them: {found.trials[0].judged.error}"
    told = []
    for constraint, by, estimate in zip(
        target.constraints, missed(target, near.judged), near.judged.constraints, strict=True
    ):
        if by > 0:
            metric = found.metrics[constraint.metric]
            value, gap = figure_text(estimate.value, metric), figure_text(by, metric)
            told.append(f"{constraint.told} is {value}, {gap} beyond it")
    return (
        f"no trial meets every constraint; the nearest is trial {near.number}, in which {' and '.join(told)}; widen "
        "the parameters, loosen the constraint, or give more --trials"
    )


def _tries(found: CalibrationResult) -> list[tuple[str, Tried]]:
    """The rows of every table: the rules as given, and the front."""
    rows = [("as given", found.baseline)]
    return rows + [(f"trial {one.trial.number}", one) for one in found.front if one.trial is not None]


def _objective_table(found: CalibrationResult, place: int, metric: Metric | None) -> Table:
    rows = []
    for name, one in _tries(found):
        (training, _, _), (unseen, low, high) = _at(one.training.objectives, place), _at(one.unseen.objectives, place)
        rows.append((name, *(_shown(value, metric) for value in (training, unseen, low, high))))
    return Table(("", "training", "held out", "low", "high"), tuple(rows))


def _constraint_table(found: CalibrationResult, place: int, metric: Metric) -> Table:
    constraint = found.question.target.constraints[place]
    rows = []
    for name, one in _tries(found):
        training, unseen = _at(one.training.constraints, place), _at(one.unseen.constraints, place)
        values = (training.value, unseen.value, unseen.low, unseen.high)
        holds = _UNKNOWN if unseen.value is None else "no" if constraint.missed_by(unseen.value) > 0 else "yes"
        rows.append((name, *(_shown(value, metric) for value in values), holds))
    return Table(("", "training", "held out", "low", "high", "holds"), tuple(rows))


def _at(estimates: Sequence[Estimate], place: int) -> Estimate:
    """Of rules that failed on a seed there is none."""
    return estimates[place] if estimates else Estimate(None)


def _shown(value: Fraction | None, metric: Metric | None) -> str:
    if metric is not None:
        return shown(value, metric)
    text = figure_text(value, None)
    return _UNKNOWN if text is None else grouped(text.rstrip("0").rstrip("."))


def _rules(found: CalibrationResult) -> Iterator[Block]:
    """Ready to be given to `run` or `lab` behind what the scenario was given here."""
    for name, one in _tries(found):
        if one.trial is not None:
            yield Prose(f"{name}:")
            yield Commands((" ".join(f"--set {shell_word(setting)}" for setting in one.trial.settings),))


def _method(found: CalibrationResult) -> Iterator[str]:
    target = found.question.target
    yield (
        f"Trials were proposed by {found.sampler} with seed {target.sampler_seed}, {target.batch:,} at a time, and "
        f"judged on {_seeds(target.training)}, the same for each. The front was then run on {_seeds(target.unseen)}, "
        "which no trial had seen."
    )
    yield (
        "low and high are the ends of the 90% interval of the figure on the seeds held out, by order statistics: of a "
        "median and of a quantile, where there are enough seeds; a mean, a highest and a lowest figure have none."
    )


def _seeds(seeds: Sequence[int]) -> str:
    if tuple(seeds) == tuple(range(seeds[0], seeds[0] + len(seeds))) and len(seeds) > 1:
        return f"the seeds {seeds[0]} to {seeds[-1]}"
    named = ", ".join(map(str, seeds[:_SEEDS_NAMED]))
    return f"{count(len(seeds), 'seed')} ({named}{', ...' if seeds[_SEEDS_NAMED:] else ''})"

"""How good such forecasts are: many accounts, at one instant, in runs of a scenario under seeds held out for it.

1. Each seed is run, and the forecast is made at the instant: in what share of the draws is each account liquidated
   within the horizon, with prices from the scenario under other seeds and traders' answers drawn anew. Then it is held
   against what happened in that run. Only accounts with a position that are in no liquidation there count.
2. The *Brier score* is the mean of (forecast - what happened, 1 or 0) squared (Brier 1950, Monthly Weather Review 78).
   That of the *base rate* forecasts for everybody the share of the other seeds' accounts that were liquidated.
3. So many draws know a probability only so well: (p (1 - p)) / draws is part of the score and of no forecast. It is
   estimated without bias and told as `noise`.
4. Accounts of one run share its prices, so they are no independent cases: errors are those over seeds. The error of a
   mean is two standard errors of the seeds' sums (a cluster-robust error, Liang and Zeger 1986, Biometrika 73), by
   floats.
5. A seed is a task of a study beside the record (`replay/studies.py`): one that was done is not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from ...events.bodies.liquidation import LiquidationStarted
from ...events.errors import QueryError
from ...handlers.plugins.folders import Folders
from ...sim.runner import run as run_scenario
from ...sim.scenario import Scenario
from ...sim.units import format_time_ns
from ..forked import can_fork
from ..jobs import Jobs
from ..points import parse_point
from ..run import Run, open_run
from ..studies import Once, Study, executed_from
from .draws import Draw, StoodThen
from .processes import Processes
from .question import FateInstant, FateQuestion, instants_of

__all__ = ["Calibration", "Forecast", "ForecastsAsked", "ReliabilityRow", "SeedForecasts", "calibrate", "calibrated"]

BINS = 5
KIND = "fate-calibration"

_HELD_OUT = 1_000
"""Seeds from that of the record plus so many and one on are used for nothing else."""

Seeded = Callable[[int], Scenario]
"""The scenario under a seed."""

Concluded = Callable[["Calibration"], object]
"""Makes of what was found the answer that is kept."""


class Forecast(NamedTuple):
    """Of one account: in how many draws it was liquidated, and whether it was in the run."""

    came: int
    happened: bool


class SeedForecasts(msgspec.Struct, frozen=True, array_like=True):
    """The forecasts of one seed's run, by account."""

    forecasts: tuple[Forecast, ...]


class ForecastsAsked(msgspec.Struct, frozen=True):
    """What is asked: the draws and their instant, as in a question of the fund's fate, and the seeds held out."""

    question: FateQuestion
    seeds: tuple[int, ...]

    @staticmethod
    def of(run: Run, question: FateQuestion, seeds: int) -> ForecastsAsked:
        """So many seeds, at the time that the question's first point is of in a record. Raises QueryError."""
        if question.first is None:
            message = "forecasts are made at one time of every run; say at which (--from POINT, such as +37m)"
            raise QueryError(message)
        point = parse_point(question.first, run.start_ns, run.end_ns)
        at_ns = point.value if point.kind == "at_ns" else run.event(run.last_seq(question.first)).at_ns
        at = format_time_ns(at_ns)
        first = run.started.seed + _HELD_OUT + 1
        asked = msgspec.structs.replace(question, account=None, instants=1, first=at, last=at, remedies=False)
        return ForecastsAsked(asked, tuple(range(first, first + seeds)))


class ReliabilityRow(msgspec.Struct, frozen=True):
    """The forecasts of a bin: how many, their mean, the share that happened, the error of the difference."""

    from_share: Fraction
    to_share: Fraction
    forecasts: int
    mean: Fraction
    happened: Fraction
    error: float


class Calibration(msgspec.Struct, frozen=True):
    """The forecasts of each seed, over so many draws."""

    draws: int
    seeds: tuple[tuple[Forecast, ...], ...]

    @property
    def forecasts(self) -> list[Forecast]:
        """Those of all seeds."""
        return [one for seed in self.seeds for one in seed]

    @property
    def happened(self) -> Fraction:
        """The share of the forecasts whose account was liquidated."""
        return _mean(Fraction(one.happened) for one in self.forecasts)

    @property
    def brier(self) -> Fraction:
        """The Brier score of the forecasts; 0 is perfect."""
        return _mean((Fraction(one.came, self.draws) - one.happened) ** 2 for one in self.forecasts)

    @property
    def brier_error(self) -> float:
        """Two standard errors of that, over seeds."""
        return _error([[(Fraction(one.came, self.draws) - one.happened) ** 2 for one in seed] for seed in self.seeds])

    @property
    def base_rate_brier(self) -> Fraction:
        """The same of who forecasts for everybody the share of the other seeds."""
        scores = []
        for number, seed in enumerate(self.seeds):
            others = [one for other, each in enumerate(self.seeds) for one in each if other != number]
            rate = _mean(Fraction(one.happened) for one in others)
            scores += [(rate - one.happened) ** 2 for one in seed]
        return _mean(scores)

    @property
    def noise(self) -> Fraction:
        """What of the Brier score comes of the number of draws, estimated without bias."""
        draws = self.draws
        return _mean(Fraction(one.came * (draws - one.came), draws**2 * (draws - 1)) for one in self.forecasts)

    @property
    def bias(self) -> Fraction:
        """The mean forecast less the share that happened."""
        return _mean(Fraction(one.came, self.draws) - one.happened for one in self.forecasts)

    @property
    def bias_error(self) -> float:
        """Two standard errors of that, over seeds."""
        return _error([[Fraction(one.came, self.draws) - one.happened for one in seed] for seed in self.seeds])

    @property
    def reliability(self) -> list[ReliabilityRow]:
        """The forecasts in bins of one width, those that hold any; the last bin holds its upper end."""
        rows = []
        for place in range(BINS):
            held = [[one for one in seed if self._bin(one) == place] for seed in self.seeds]
            every = [one for seed in held for one in seed]
            if every:
                apart = [[Fraction(one.came, self.draws) - one.happened for one in seed] for seed in held]
                rows.append(
                    ReliabilityRow(
                        Fraction(place, BINS),
                        Fraction(place + 1, BINS),
                        len(every),
                        _mean(Fraction(one.came, self.draws) for one in every),
                        _mean(Fraction(one.happened) for one in every),
                        _error(apart),
                    )
                )
        return rows

    def _bin(self, one: Forecast) -> int:
        return min(one.came * BINS // self.draws, BINS - 1)


def _mean(values: Iterable[Fraction]) -> Fraction:
    found = list(values)
    return sum(found, Fraction(0)) / len(found) if found else Fraction(0)


def _error(apart: Sequence[Sequence[Fraction]]) -> float:
    """Two standard errors of the mean of all, where those of one seed hang together."""
    cases = sum(map(len, apart))
    mean = _mean(one for seed in apart for one in seed)
    sums = [float(sum(seed, Fraction(0)) - mean * len(seed)) for seed in apart]
    scale = len(apart) / max(1, len(apart) - 1)
    return 2 * sqrt(scale * sum(one * one for one in sums)) / cases


def calibrated(
    run: Run, seeded: Seeded, asked: ForecastsAsked, jobs: Jobs, told: Callable[[int], None], conclude: Concluded
) -> Calibration:
    """What is asked of the scenario that a record was made from, kept beside it; `conclude` makes the answer.

    `told` is called with the number of seeds done. Costs a run a seed, and the draws. Raises what `run` and `fate`
    raise.
    """
    run.check_sealed()
    with Study(run, KIND, asked, SeedForecasts) as study:
        left = [seed for seed in asked.seeds if seed not in study.done]
        for seed, forecasts in _seeds_forecast(seeded, asked.question, left, jobs, run.plugin_folders):
            study.keep(seed, forecasts)
            told(len(study.done))
        found = Calibration(asked.question.draws, tuple(study.done[seed].forecasts for seed in asked.seeds))
        study.conclude(conclude(found))
    return found


def calibrate(seeded: Seeded, question: FateQuestion, seeds: Iterable[int], jobs: Jobs = 1) -> Calibration:
    """Run a scenario under each seed, and forecast at the instant of a question; the records are thrown away."""
    found = _seeds_forecast(seeded, question, seeds, jobs)
    return Calibration(question.draws, tuple(one.forecasts for _seed, one in found))


def _seeds_forecast(
    seeded: Seeded, question: FateQuestion, seeds: Iterable[int], jobs: Jobs, plugins: Folders = ()
) -> Iterator[tuple[int, SeedForecasts]]:
    for seed in seeds:
        with TemporaryDirectory() as folder:
            path, scenario = Path(folder, f"{seed}.run"), seeded(seed)
            run_scenario(scenario, path)
            yield seed, SeedForecasts(_forecasts(open_run(path, plugins=plugins), scenario, question, jobs))


def _forecasts(run: Run, scenario: Scenario, question: FateQuestion, jobs: Jobs) -> tuple[Forecast, ...]:
    """Of every account of one run that could be liquidated."""
    (instant,) = instants_of(run, question)
    processes = Processes(run, question, scenario if question.process == "scenario" else None)
    prepare = partial(StoodThen, run, question, instant, processes)
    came = dict[int, int]()
    tasks = [(number, Draw(number)) for number in range(question.draws)]
    prepared = Once(prepare) if can_fork() else prepare
    for _number, outcome in executed_from(prepared, tasks, StoodThen.liquidated, jobs):
        for account in outcome.accounts:
            came[account] = came.get(account, 0) + 1
    happened, ledger = _happened(run, instant), run.at(seq=instant.seq)
    counted = (one for one in ledger.accounts if one.kind == "user" and one.positions and one.liquidation_id is None)
    return tuple(Forecast(came.get(one.account, 0), one.account in happened) for one in counted)


def _happened(run: Run, instant: FateInstant) -> set[int]:
    """Who was liquidated in the run within the horizon."""
    later = run.events(instant.seq + 1, run.first_at(instant.until_ns + 1))
    return {event.body.account for event in later if isinstance(event.body, LiquidationStarted)}

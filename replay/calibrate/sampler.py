"""Who proposes the next trials: optuna's tree-structured Parzen estimator, of several objectives, under constraints.

1. A batch is asked for as a whole before any of it is told, and told in its order: so what is proposed follows from the
   target alone, not from how many processes there were or which was first.
2. What is asked and told are places of parameters and floating-point numbers; which trial is feasible or better is
   decided elsewhere, exactly (`search.py`).

Sources: Bergstra et al., Algorithms for Hyper-SoughtParameter Optimization (2011); Ozaki et al., Multiobjective
Tree-Structured Parzen Estimator (2022). With 60 and with 200 trials it came nearer to a known front than NSGA-II, and
both nearer than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

from ...events.errors import QueryError
from .target import Target

__all__ = ["OptunaSampler", "Sampler", "TrialTold", "check_installed", "sampler_version"]

_OPTUNA = "optuna"


class TrialTold(NamedTuple):
    """What came of a trial: its objectives, less is better (None: it failed), and how far each constraint is missed."""

    losses: tuple[Fraction, ...] | None
    missed: tuple[Fraction, ...] = ()


class Sampler(Protocol):
    """Proposes trials as places of the parameters, and is told what came of them."""

    def ask(self, count: int) -> list[tuple[int, ...]]:
        """So many trials."""
        ...

    def tell(self, told: Sequence[TrialTold]) -> None:
        """What came of those that were asked for last, in their order."""
        ...


class OptunaSampler:
    """The estimator as of an installed optuna; it begins with one batch or ten trials by chance, whichever is more."""

    def __init__(self, target: Target) -> None:
        optuna: Any = import_module(_OPTUNA)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        started = max(target.batch, 10)
        sampler = optuna.samplers.TPESampler(seed=target.sampler_seed, n_startup_trials=started)
        self._parameters = target.parameters
        self._study = optuna.create_study(sampler=sampler, directions=["minimize"] * len(target.objectives))
        self._failed = optuna.trial.TrialState.FAIL
        self._asked: list[Any] = []

    def ask(self, count: int) -> list[tuple[int, ...]]:
        """So many trials; some milliseconds each, more with every trial told."""
        self._asked = [self._study.ask() for _ in range(count)]
        return [self._places(trial) for trial in self._asked]

    def _places(self, trial: Any) -> tuple[int, ...]:
        return tuple(
            trial.suggest_categorical(one.key, list(range(one.places)))
            if one.choices
            else trial.suggest_int(one.key, 0, one.places - 1)
            for one in self._parameters
        )

    def tell(self, told: Sequence[TrialTold]) -> None:
        """One that failed is left out of the estimate."""
        for trial, one in zip(self._asked, told, strict=True):
            for place, missed in enumerate(one.missed):
                trial.set_constraint(str(place), float(missed))
            if one.losses is None:
                self._study.tell(trial, state=self._failed)
            else:
                self._study.tell(trial, [float(loss) for loss in one.losses])


def check_installed() -> None:
    """Refuse to begin without the optimiser. Raises QueryError."""
    if find_spec(_OPTUNA) is None:
        message = "calibrate needs optuna; pip install 'deleverage[calibrate]' and run the same command again"
        raise QueryError(message)


def sampler_version() -> str:
    """What proposes, and in which version: another one may propose otherwise."""
    return f"optuna {import_module(_OPTUNA).__version__} TPESampler"

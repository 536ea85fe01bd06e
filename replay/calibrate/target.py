"""What a calibration is asked for: a TOML file with parameters, objectives, constraints, seeds.

    trials = 200
    seeds = "1..8"
    held_out = "101..120"

    [[parameters]]
    key = "insurance_fund.balance"
    low = 10_000
    high = 60_000
    step = 5_000

    [[objectives]]
    metric = "taken_from_winners"
    aim = "least"
    over = "median"

    [[constraints]]
    metric = "loss_socialised"
    at_most = 0
    over = "highest"

1. A *parameter* is a key of the scenario, as `deleverage run --set` takes it, with the values low, low + step, ... up
   to high: numbers, or durations such as "30s". Or it has `choices`, the values themselves.
2. An *objective* is a metric of the lab, or (as `setting`) a parameter that is a number: the smallest fund, say.
3. `over` says how the figures of the seeds become one (`over.py`). Trials are judged on `seeds`; what is found is tried
   on `held_out`, which no trial has seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ...events.errors import QueryError, ScenarioError
from ...events.regular import read_regular
from ...sim.checks import FEW, check_range, require
from ...sim.toml_tree import parse_toml
from ...sim.units import INT64_MAX, atoms_to_text, parse_duration_ns
from .over import check_support, parse_over

__all__ = ["Constraint", "Objective", "SoughtParameter", "Target", "read_target"]

_BYTES_MOST = 1 << 20
_VALUES_MOST, _TRIALS_MOST, _SEEDS_MOST = 1_000_000, 100_000, 10_000
_SAMPLER_SEED_MOST = (1 << 32) - 1
_NS = 10**9
_SEEDS = re.compile(r"(\d{1,19})\.\.(\d{1,19})", re.ASCII)

_Few = Annotated[tuple[Any, ...], FEW]


class SoughtParameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A key of the scenario, and its values in their order: `places` of them, from 0 on."""

    key: str
    low: Any = None
    high: Any = None
    step: Any = None
    choices: _Few = ()

    def __post_init__(self) -> None:
        """Refuse what has no values, or only one."""
        ends = (self.low, self.high, self.step)
        require("=" not in self.key and self.key != "seed", f"key {self.key!r} is no key of the scenario to be set")
        if self.choices:
            require(ends == (None, None, None), "choices stand alone, without low, high and step")
            texts = [_choice(one) for one in self.choices]
            require(len(texts) > 1 and len({*texts}) == len(texts), "choices are two values or more, each once")
            return
        require(None not in ends, "give low, high and step, or choices")
        kinds = {isinstance(end, str) for end in ends}
        low, high, step = map(_number, ends)
        require(len(kinds) == 1, "low, high and step are all numbers, or all durations such as '30s'")
        require(step > 0 and high > low, "high must be above low, and step above 0")
        require((high - low) % step == 0, "high must be low and a whole number of steps")
        require(self.places <= _VALUES_MOST, f"{self.places:,} values are more than {_VALUES_MOST:,}")

    @property
    def places(self) -> int:
        """How many values it has."""
        if self.choices:
            return len(self.choices)
        return int((_number(self.high) - _number(self.low)) / _number(self.step)) + 1

    @property
    def unit(self) -> str:
        """What its number is counted in: seconds of a duration, else what the key takes."""
        return "seconds" if isinstance(self.low, str) else "as set"

    def number(self, place: int) -> Fraction:
        """The value as a number, of a duration in seconds; not of choices."""
        return (_number(self.low) + place * _number(self.step)) / (_NS if isinstance(self.low, str) else 1)

    def counted(self, value: Any) -> Fraction | None:
        """A value that a scenario states, in the same unit; None for what is no number there."""
        if not isinstance(value, int | Decimal):
            return None
        return Fraction(value) / (_NS if isinstance(self.low, str) else 1)

    def setting(self, place: int) -> str:
        """The value as `--set` takes it."""
        if self.choices:
            return f"{self.key}={_choice(self.choices[place])}"
        text = _decimal(self.number(place))
        return f"{self.key}={text}s" if isinstance(self.low, str) else f"{self.key}={text}"


class Objective(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A metric over the seeds, or a parameter's own number, and whether the least or the most of it is wanted."""

    metric: str | None = None
    setting: str | None = None
    aim: Literal["least", "most"] = "least"
    over: str = "median"

    def __post_init__(self) -> None:
        """Refuse what is neither or both."""
        require((self.metric is None) != (self.setting is None), "give a metric or a setting")
        parse_over(self.over)

    @property
    def told(self) -> str:
        """What is wanted, in short."""
        return f"{self.aim} {self.setting}" if self.metric is None else f"{self.aim} {self.metric}, {self.over}"


class Constraint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A metric over the seeds that must not pass a bound, which itself is allowed."""

    metric: str
    at_most: Decimal | int | None = None
    at_least: Decimal | int | None = None
    over: str = "median"

    def __post_init__(self) -> None:
        """Refuse what has no bound, or two."""
        require((self.at_most is None) != (self.at_least is None), "give at_most or at_least")
        parse_over(self.over)

    @property
    def bound(self) -> Fraction:
        """The one that is given."""
        given = self.at_least if self.at_most is None else self.at_most
        assert given is not None
        return Fraction(given)

    @property
    def told(self) -> str:
        """What is asked, in short."""
        which, bound = ("at_least", self.at_least) if self.at_most is None else ("at_most", self.at_most)
        return f"{self.metric} {which} {bound}, {self.over}"

    def missed_by(self, value: Fraction) -> Fraction:
        """How far a value lies beyond the bound; 0 or less where it holds."""
        return self.bound - value if self.at_most is None else value - self.bound


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of a target. `batch` trials are asked for at once, however many processes there are."""

    parameters: Annotated[tuple[SoughtParameter, ...], FEW]
    objectives: Annotated[tuple[Objective, ...], FEW]
    constraints: Annotated[tuple[Constraint, ...], FEW] = ()
    seeds: str | tuple[int, ...] = "1..8"
    held_out: str | tuple[int, ...] = "101..120"
    trials: int = 200
    batch: int = 10
    sampler_seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be sought."""
        check_range("trials", self.trials, 1, _TRIALS_MOST)
        check_range("batch", self.batch, 1, _TRIALS_MOST)
        check_range("sampler_seed", self.sampler_seed, 0, _SAMPLER_SEED_MOST)
        require(bool(self.parameters), "there is no [[parameters]]; name at least one key")
        require(bool(self.objectives), "there is no [[objectives]]; name at least one")
        keys = [one.key for one in self.parameters]
        require(len({*keys}) == len(keys), "a key is named by two of the parameters; name each once")
        numbers = {one.key for one in self.parameters if not one.choices}
        for one in self.objectives:
            named = one.setting is None or one.setting in numbers
            require(named, f"the setting {one.setting!r} is no parameter with low, high and step")
        both = {*_seeds("seeds", self.seeds)} & {*_seeds("held_out", self.held_out)}
        require(not both, f"seed {min(both, default=0)} is in seeds and held_out; hold out others")
        for over in (*(one.over for one in self.objectives if one.metric), *(one.over for one in self.constraints)):
            check_support(over, len(self.training), "seeds")
            check_support(over, len(self.unseen), "held_out")

    @property
    def training(self) -> tuple[int, ...]:
        """The seeds that trials are judged on."""
        return _seeds("seeds", self.seeds)

    @property
    def unseen(self) -> tuple[int, ...]:
        """The seeds that what is found is tried on."""
        return _seeds("held_out", self.held_out)

    def settings(self, places: tuple[int, ...]) -> tuple[str, ...]:
        """A trial's settings, as `--set` takes them."""
        return tuple(one.setting(place) for one, place in zip(self.parameters, places, strict=True))

    @property
    def metrics(self) -> Iterator[tuple[str, str]]:
        """Every metric that is named, and where."""
        for place, objective in enumerate(self.objectives):
            if objective.metric is not None:
                yield f"$.objectives[{place}].metric", objective.metric
        for place, constraint in enumerate(self.constraints):
            yield f"$.constraints[{place}].metric", constraint.metric


def read_target(path: Path, trials: int | None = None) -> Target:
    """The target in a file, with another number of trials if given. Raises QueryError or ScenarioError, with where."""
    try:
        text = read_regular(path, _BYTES_MOST, follow=True).decode()
    except UnicodeDecodeError:
        message = f"{path}: it is no UTF-8 text; give a TOML file"
        raise QueryError(message) from None
    except OSError as error:
        message = f"{path}: it cannot be read ({error.strerror}); give a TOML file"
        raise QueryError(message) from None
    tree = parse_toml(text, str(path))
    if trials is not None:
        tree["trials"] = trials
    try:
        return msgspec.convert(tree, Target)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `")
        message = f"{path}: {where.rstrip('`') or '$'}: {what}; correct the target"
        raise QueryError(message) from None


def _seeds(name: str, given: str | tuple[int, ...]) -> tuple[int, ...]:
    """`"1..8"`, or the seeds one by one. Raises ValueError."""
    found = given
    if isinstance(found, str):
        match = _SEEDS.fullmatch(found)
        first, last = (int(match[1]), int(match[2])) if match else (1, 0)
        require(first <= last < first + _SEEDS_MOST, f"{name} {found!r}: write it as '1..8', {_SEEDS_MOST:,} at most")
        found = tuple(range(first, last + 1))
    require(0 < len(found) <= _SEEDS_MOST and len({*found}) == len(found), f"{name}: name each seed once")
    check_range(name, min(found), 0, INT64_MAX)
    check_range(name, max(found), 0, INT64_MAX)
    return found


def _number(value: Any) -> Fraction:
    """A number, or a duration in nanoseconds. Raises ValueError for what is neither."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Fraction(value)
    require(isinstance(value, str), f"{value!r} is no number and no duration")
    try:
        return Fraction(parse_duration_ns(value))
    except ScenarioError as error:
        raise ValueError(str(error)) from None


def _choice(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    require(isinstance(value, str | int | Decimal), f"the choice {value!r} is no text and no number")
    return value if isinstance(value, str) else _decimal(Fraction(value))


def _decimal(value: Fraction) -> str:
    """A number whose decimals end, as a text without more of them than it needs."""
    digits = 0
    while (value * 10**digits).denominator > 1:
        digits += 1
    return atoms_to_text(int(value * 10**digits), digits)

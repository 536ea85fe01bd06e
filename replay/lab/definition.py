"""What a lab runs: every combination of what is varied, for every seed.

1. A *variant* is a scenario with one value for each varied key; a *cell* is a variant with a seed. Seeds are 1 to N.
2. Cells are numbered in the order in which they are given: scenarios, then keys with the last varying fastest, then
   seeds. The number is the name of a cell's result file, so a lab's folder belongs to one definition.
3. The definition's digest is over what the cells are made of (scenario trees with all settings, producers with their
   versions, this package's version): figures of different rules never end up in one table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product
from math import prod

import msgspec

from ...events.errors import QueryError
from ...events.record.fingerprint import package_version
from ...handlers.registry import SLOTS
from ...sim.funds import FUND_KEYS
from ...sim.scenario import Scenario

__all__ = ["CELLS_MOST", "Cell", "Definition", "Variant", "Varied", "told", "varied"]

CELLS_MOST = 1_000_000
"""Each is a run, and a file in the lab's folder."""

_FUND, _OF_THE_START = "insurance_fund", ("mark", "faults")
_OPENING, _CLOSING, _QUOTES = "[{", "]}", "\"'"


class Varied(msgspec.Struct, frozen=True):
    """A key of the scenario and the values that it takes."""

    key: str
    values: tuple[str, ...]


class Variant(msgspec.Struct, frozen=True):
    """A scenario with settings as `deleverage run --set` takes them, those for all cells first; `values`: its own.

    `plugins` are the folders in which plug-ins that it names are looked for, too; `fairness` is in how many orders
    instants are executed, 0 for none.
    """

    scenario: str
    settings: tuple[str, ...]
    values: tuple[str, ...]
    plugins: tuple[str, ...] = ()
    fairness: int = 0

    def load(self, seed: int) -> Scenario:
        """The scenario with its settings and this seed. Raises ScenarioError."""
        return Scenario.load(self.scenario, self.settings, seed=seed, plugins=self.plugins)

    @property
    def decided(self) -> tuple[str, ...]:
        """The settings that only say who decides and how: they may differ where the past is shared."""
        return tuple(setting for setting in self.settings if _is_handlers(setting))

    @property
    def given(self) -> tuple[str, tuple[str, ...]]:
        """What the inputs follow from, but for the seed: the scenario and the settings that are no handler's."""
        return self.scenario, tuple(setting for setting in self.settings if not _is_handlers(setting))


class Cell(msgspec.Struct, frozen=True):
    """One run to be made and measured."""

    number: int
    variant: Variant
    seed: int


class Definition(msgspec.Struct, frozen=True, dict=True):
    """A lab as it was asked for."""

    scenarios: tuple[str, ...]
    settings: tuple[str, ...]
    varied: tuple[Varied, ...]
    seeds: int
    plugins: tuple[str, ...] = ()
    fairness: int = 0

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """Every combination of the values, for every scenario. Raises QueryError where they make too many cells."""
        cells = len(self.scenarios) * prod(len(one.values) for one in self.varied) * self.seeds
        if cells > CELLS_MOST:
            message = (
                f"{cells:,} cells are more than the {CELLS_MOST:,} that a lab takes; vary less or have fewer seeds"
            )
            raise QueryError(message)
        keys = [one.key for one in self.varied]
        common = self.plugins, self.fairness
        return tuple(
            Variant(name, (*self.settings, *map("=".join, zip(keys, values, strict=True))), values, *common)
            for name in self.scenarios
            for values in product(*(one.values for one in self.varied))
        )

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every variant with every seed."""
        pairs = ((variant, seed) for variant in self.variants for seed in range(1, self.seeds + 1))
        return tuple(Cell(number, variant, seed) for number, (variant, seed) in enumerate(pairs))

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, over what the cells are made of. Raises ScenarioError for a variant that cannot be run."""
        made = hashlib.sha256(package_version().encode())
        for variant in self.variants:
            scenario = variant.load(1)
            made.update(msgspec.json.encode((scenario.tree, scenario.producers), order="sorted"))
        return made.hexdigest()

    def check(self) -> None:
        """Refuse what is no lab. Raises QueryError, or ScenarioError for a variant that cannot be run."""
        keys = [one.key for one in self.varied]
        for key in keys:
            if keys.count(key) > 1:
                message = f"--vary {key} is given twice; give all its values at once, separated by commas"
                raise QueryError(message)
        if "seed" in (*keys, *(setting.partition("=")[0] for setting in self.settings)):
            option = "--vary" if "seed" in keys else "--set"
            message = f"{option} seed: every cell is run for the seeds 1 to N of --seeds N; leave it out"
            raise QueryError(message)
        if len(set(self.scenarios)) < len(self.scenarios):
            message = f"a scenario is named twice in {', '.join(self.scenarios)}; name each once"
            raise QueryError(message)
        assert self.digest


def varied(text: str) -> Varied:
    """`KEY=a,b,c`; a comma within brackets or quotes is part of a value. Raises QueryError."""
    key, equals, listed = text.partition("=")
    values = tuple(value.strip() for value in _parts(listed))
    if not (key and equals and all(values)):
        message = f"--vary {text!r}: write it as KEY=a,b,c, such as adl.policy=profit-leverage,profit-share"
        raise QueryError(message)
    if len(set(values)) < len(values):
        message = f"--vary {text!r}: a value is there twice; name each once"
        raise QueryError(message)
    return Varied(key, values)


def _parts(text: str) -> Iterator[str]:
    """The parts between commas that stand outside brackets and quotes."""
    depth, quote, start = 0, "", 0
    for place, one in enumerate(text):
        if quote:
            quote = "" if one == quote else quote
        elif one in _QUOTES:
            quote = one
        elif one in _OPENING or one in _CLOSING:
            depth += 1 if one in _OPENING else -1
        elif one == "," and not depth:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def _is_handlers(setting: str) -> bool:
    """Not which funds there are and what they have, inputs; nor a slot that a run's first event tells of, or times."""
    slot, _, key = setting.partition("=")[0].partition(".")
    opened = slot == _FUND and key.partition(".")[0] in FUND_KEYS
    return slot in SLOTS and slot not in _OF_THE_START and not opened


def told(values: Sequence[str]) -> str:
    """The values of a variant as its name."""
    return ", ".join(values) or "as given"

"""What a record declares, as arrays to look numbers up in: names, and how many units a step of each scale is.

A column has one scale: the finest that any of those has whose quantities can stand in it. So a decimal of the column is
a whole number times that of its step, exactly; where the steps are all one there is nothing to multiply.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ...events.ledger import Ledger
from ...sim.quantities import Scale, amount_scale, price_scale, size_scale
from ...sim.units import INT64_MAX
from ..run import Run
from .arrow import pyarrow

__all__ = ["Declared", "Steps", "steps_of"]

_DIGITS_OF_128, _DIGITS_OF_256 = 38, 76
"""Of a decimal in so many bits."""


class Steps(NamedTuple):
    """Scales that share a column: how many of its last decimal one step of each is, and its decimals and unit.

    `digits` are those of the largest number that 64 bits of steps can come to.
    """

    factors: tuple[int, ...]
    decimals: int
    digits: int
    unit: str

    @property
    def only(self) -> int | None:
        """The factor, where all have the same; 1 where there are none."""
        alike = set(self.factors)
        return None if len(alike) > 1 else next(iter(alike), 1)

    def factors_at(self, places: Any) -> Any:
        """The factor of each of these places among the scales."""
        fits = max(self.factors) <= INT64_MAX
        return np.array(self.factors, dtype=np.int64 if fits else object)[places]

    def arrow_type(self) -> Any:
        """The decimal type that holds every number of them; text where none does."""
        arrow = pyarrow()
        if self.digits <= _DIGITS_OF_128:
            return arrow.decimal128(_DIGITS_OF_128, self.decimals)
        return arrow.decimal256(_DIGITS_OF_256, self.decimals) if self.digits <= _DIGITS_OF_256 else arrow.string()


def steps_of(scales: Sequence[Scale], several: str, finer: int = 0) -> Steps:
    """The steps of some scales in one column, made `finer` by so many decimals; `several` is their unit if unlike."""
    steps = [scale.step.scaleb(-finer) for scale in scales]
    decimals = max((_decimals(step) for step in steps), default=0)
    factors = tuple(int(step.scaleb(decimals)) for step in steps)
    digits = max(len(str(INT64_MAX * max(factors, default=1))), decimals)
    units = {scale.unit for scale in scales}
    return Steps(factors, decimals, digits, units.pop() if len(units) == 1 else several)


def _decimals(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "a step is finite"
    return max(-exponent, 0)


class Declared:
    """All that a record declares, by the last of its states; arrays are made when they are asked for."""

    def __init__(self, run: Run) -> None:
        """Costs the last state: the nearest snapshot, and the events since."""
        self.run = run
        self.ledger: Ledger = run.at() if run.count else Ledger()

    @cached_property
    def accounts(self) -> Any:
        """The names of the accounts, by number."""
        return pyarrow().array(self.ledger.account_names, pyarrow().string())

    @cached_property
    def instruments(self) -> Any:
        """The names of the instruments, by number."""
        return pyarrow().array([market.listing.name for market in self.ledger.markets], pyarrow().string())

    @cached_property
    def assets(self) -> Any:
        """The names of the assets, by number."""
        return pyarrow().array([asset.name for asset in self.ledger.assets], pyarrow().string())

    @cached_property
    def asset_of(self) -> dict[str, Any]:
        """The asset of an account, an instrument and an asset, by number."""
        ledger = self.ledger
        return {
            "account": np.array([account.asset for account in ledger.accounts], dtype=np.int64),
            "instrument": np.array([market.listing.asset for market in ledger.markets], dtype=np.int64),
            "asset": np.arange(len(ledger.assets), dtype=np.int64),
        }

    def steps(self, kind: str, finer: int = 0) -> Steps:
        """The steps of amounts by asset, of prices or of sizes by instrument."""
        if kind == "amount":
            return steps_of([amount_scale(asset) for asset in self.ledger.assets], "the asset's", finer)
        scale_of, several = (price_scale, "quote") if kind == "price" else (size_scale, "the instrument's")
        return steps_of([scale_of(market.listing) for market in self.ledger.markets], several, finer)

    @cached_property
    def forks(self) -> tuple[Any, Any, Any]:
        """From which events on who decides is declared, where each declaration begins, and the names of all."""
        run = self.run
        seqs = sorted({run.declared_at(seq) for seq in (0, *run.forks)}) if run.count else []
        lists = [run.producers_at(seq) for seq in seqs]
        starts = np.cumsum([0, *map(len, lists)], dtype=np.int64)
        names = [f"{one.handler}:{one.policy}" for producers in lists for one in producers]
        return np.array(seqs, dtype=np.int64), starts, pyarrow().array(names, pyarrow().string())

"""One file's path for a whole scenario: one instrument takes its prices, the others move with it.

The driven instrument's price is the file's, rounded half to even to its tick. Every other instrument costs
start_price x price / first price, rounded half to even to its own tick, at least one tick; so its relative move is
the file's. The driven instrument's own start_price is not used.

With betas it is start_price x (price / first price) ^ (its beta / the driven one's beta), the power taken in the one
decimal context: in logs it moves by so much more or less. An instrument that is not named has a beta of 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from ...events.errors import ScenarioError
from ..checks import check_range, require
from ..units import CONTEXT, INT64_MAX, divide_half_even, price_to_ticks, ratio
from .base import InstrumentScale

__all__ = ["Follow", "Following", "check_follow"]

Follow = Literal["alike", "betas"]
"""How the other instruments move with the driven one: as much in per cent, or by their betas."""


def check_follow(follow: Follow, betas: Mapping[str, Decimal]) -> None:
    """Refuse betas that nothing asks for, and those that no power is taken of."""
    require(follow == "betas" or not betas, 'betas are only for follow = "betas"')
    for name, beta in betas.items():
        check_range(f"betas.{name}", beta, -10, 10)
        require(beta != 0, f"betas.{name} must not be 0")


class Following:
    """Turns a price of the file into the prices of all instruments, in the scenario's order."""

    def __init__(
        self,
        scales: Sequence[InstrumentScale],
        driven: InstrumentScale,
        first_price: Decimal,
        betas: Mapping[str, Decimal] = MappingProxyType({}),
    ) -> None:
        self._driven = driven
        self._first_price = first_price
        self._scales = tuple(scales)
        self._starts = [None if scale is driven else _start(scale, driven) for scale in self._scales]
        own = betas.get(driven.name, Decimal(1))
        self._powers = [CONTEXT.divide(betas.get(scale.name, Decimal(1)), own) for scale in self._scales]
        self.opening = self.prices(first_price)

    def prices(self, price: Decimal) -> tuple[tuple[int, int], ...]:
        """(instrument, ticks) of every instrument while the driven one costs `price`; O(instruments)."""
        driven_ticks = price_to_ticks(price, self._driven.tick_size)
        return tuple(
            (scale.instrument, driven_ticks if start is None else _moved(scale, start, *self._ratio(price, power)))
            for scale, start, power in zip(self._scales, self._starts, self._powers, strict=True)
        )

    def _ratio(self, price: Decimal, power: Decimal) -> tuple[int, int]:
        if power == 1:
            return ratio(price, self._first_price)
        return ratio(CONTEXT.power(CONTEXT.divide(price, self._first_price), power), Decimal(1))


def _start(scale: InstrumentScale, driven: InstrumentScale) -> tuple[int, int]:
    """The start price in ticks as (numerator, denominator), exact."""
    if scale.start_price is None:
        message = f"instrument {scale.name!r} has no start_price, and it follows {driven.name!r}; give it one"
        raise ScenarioError(message)
    return ratio(scale.start_price, scale.tick_size)


def _moved(scale: InstrumentScale, start: tuple[int, int], numerator: int, denominator: int) -> int:
    ticks = divide_half_even(start[0] * numerator, start[1] * denominator)
    if ticks > INT64_MAX:
        message = f"the price of {scale.name!r} passes 2^63 - 1 ticks; use a coarser tick_size"
        raise ScenarioError(message)
    return max(1, ticks)

"""The grids of portfolio margin: which prices and volatilities a book is held against, and what each weighs.

A cell moves the price by x and volatilities in one of some ways.

1. `deribit`: nine prices evenly from -range to +range, with volatility up, as it is, and down; then `extended_bps`,
   with volatility up only, at a weight of range / |x|. Shocked volatility is

       up = max(v (1 + up (30 / d)^p), least volatility),   down = v (1 - down (30 / d)^p), at least 0

   with d days to expiry, at least one, and the short power below 30 days, the long one from there on. The roll shock is
   the net delta of each expiry, without its sign, x max(least move, e^(annual risk x years) - 1); the underlying is an
   expiry of its own at the least move. Deribit's shock on a delta over 20 million USD is left out: it states neither
   formula nor unit. Source: article 25944756247837 and docs.deribit.com, private/simulate_portfolio, whose example of
   June 2024 the figures are; gains are not set off between currencies, as one unit has none.
2. `okx`: prices at 0 and a third, two thirds and all of the range, volatility as it is, and up and down by points (30
   at once, 25 in 30 days, 20 from 60 on) and by its own share (50%, 35%, 25%): MR1. Then twice the range, volatility as
   it is, at a weight of a half: MR6. Source: help page "Portfolio margin mode" and the notice of 2 January 2025 (4, 8,
   12 and 24% for BTC and ETH); points and half are from code that follows it. With `decay_ns` there is one more
   cell: price and volatility as they are, and so much time gone, 24 hours in OKX's MR2 (third parties' copies of its
   page; that a book that gains by time loses nothing is a reading of ours). MR3 to MR5 and MR7 are not in here.
3. `span`: the 16 scenarios of SPAN: price at 0 and thirds of the range, each with volatility up and down, then twice
   the range, volatility as it is, at a weight of 35% (CME, SPAN risk array; McMillan, "Options as a Strategic
   Investment", chapter 34).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Literal, NamedTuple

import msgspec

from .black76 import DAY_NS, PPB, YEAR_NS
from .fixed_point import ONE, divided, exp, ln

__all__ = ["ScanCell", "ScanParameters", "cells_of", "move_ppm", "shocked"]

_PPM = 10**6
_BPS = 10**4
_THIRTY = 30 * DAY_NS
_THIRDS = 3
_BUCKETS = 4
_DECAYED = 5
"""The row of OKX's in which time has gone by, behind the five of volatility."""

Model = Literal["deribit", "okx", "span"]


class ScanParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The grid, by the rules above; volatilities and shares are in ppm, an amount is in the asset."""

    model: Model = "deribit"
    price_range_bps: int = 1_600
    volatility_up_ppm: int = 500_000
    volatility_down_ppm: int = 250_000
    least_volatility_ppm: int = 500_000
    short_power_ppm: int = 300_000
    long_power_ppm: int = 130_000
    extended_bps: tuple[int, ...] = (-6_600, -3_300, 5_000, 10_000, 20_000, 30_000, 40_000, 50_000)
    extended_ppm: int = 1_000_000
    dampener_atoms: int = 0
    least_move_ppm: int = 10_000
    annual_risk_ppm: int = 75_000
    maintenance_ppm: int = 800_000
    decay_ns: int | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        """Refuse a grid of nothing, and moves that leave nothing."""
        if self.decay_ns is not msgspec.UNSET and (self.model != "okx" or self.decay_ns < 1):
            message = "decay_ns is of model okx alone, and at least 1"
            raise ValueError(message)
        if not 0 < self.price_range_bps < _BPS // 2 or min(self.extended_bps, default=0) <= -_BPS:
            message = "price_range_bps must lie above 0 and below 5000, and no move of extended_bps take all"
            raise ValueError(message)
        if 0 in self.extended_bps or not 0 <= self.volatility_down_ppm <= _PPM or self.volatility_up_ppm < 0:
            message = "extended_bps must not hold 0, and volatilities move by 0 ppm or more, down by 1000000 at most"
            raise ValueError(message)
        others = (self.least_volatility_ppm, self.short_power_ppm, self.long_power_ppm, self.extended_ppm)
        if min(*others, self.dampener_atoms, self.least_move_ppm, self.annual_risk_ppm) < 0 or self.maintenance_ppm < 1:
            message = "no figure of the grid may be below 0, and maintenance_ppm must be above it"
            raise ValueError(message)


class ScanCell(NamedTuple):
    """A move of the price, which of the volatilities, the weight of what is lost there, and of the dampener."""

    price_bps: int
    row: int
    weight_ppm: int = _PPM
    dampened_ppm: int = 0


@cache
def cells_of(rules: ScanParameters) -> tuple[ScanCell, ...]:
    """The cells of a grid, in the venue's order; of equal losses the first is the worst."""
    return tuple(_cells(rules))


def _cells(rules: ScanParameters) -> Iterator[ScanCell]:
    reach = rules.price_range_bps
    if rules.model == "deribit":
        for step in range(-_BUCKETS, _BUCKETS + 1):
            yield from (ScanCell(reach * step // _BUCKETS, row) for row in (1, 0, 2))
        for bps in rules.extended_bps:
            weight_ppm = rules.extended_ppm * reach // abs(bps)
            yield ScanCell(bps, 1, weight_ppm, max(0, (abs(bps) - reach) * _PPM // reach))
        return
    thirds = [sign * reach * step // _THIRDS for step in range(_THIRDS + 1) for sign in ((1, -1) if step else (1,))]
    rows = (1, 2) if rules.model == "span" else range(5)
    yield from (ScanCell(bps, row) for bps in thirds for row in rows)
    weight_ppm = 350_000 if rules.model == "span" else 500_000
    yield from (ScanCell(bps, 0, weight_ppm) for bps in (2 * reach, -2 * reach))
    if rules.decay_ns is not msgspec.UNSET:
        yield ScanCell(0, _DECAYED)


def shocked(rules: ScanParameters, volatility: int, left_ns: int) -> list[tuple[int, int]]:
    """Volatility and time to expiry in each of the rows that cells name."""
    rows = [(one, left_ns) for one in _volatilities(rules, volatility, left_ns)]
    return rows if rules.decay_ns is msgspec.UNSET else [*rows, (volatility, max(0, left_ns - rules.decay_ns))]


def _volatilities(rules: ScanParameters, volatility: int, left_ns: int) -> tuple[int, ...]:
    """Volatility as it is, then as it is moved, in the rows that cells name; in ppb."""
    if rules.model == "okx":
        points, share_ppm = _by_days((30, 25, 20), left_ns), _by_days((500_000, 350_000, 250_000), left_ns)
        moved = points * (PPB // 100)
        share = volatility * share_ppm // _PPM
        return volatility, volatility + moved, max(0, volatility - moved), volatility + share, volatility - share
    scale = _term(rules, max(left_ns, DAY_NS)) if rules.model == "deribit" else ONE
    up = volatility + volatility * rules.volatility_up_ppm * scale // (_PPM * ONE)
    down = volatility - volatility * rules.volatility_down_ppm * scale // (_PPM * ONE)
    least = rules.least_volatility_ppm * (PPB // _PPM) if rules.model == "deribit" else 0
    return volatility, max(up, least), max(0, down)


def _by_days(figures: tuple[int, int, int], left_ns: int) -> int:
    """What stands at 0, 30 and 60 days, linear between them, rounded down."""
    if left_ns >= 2 * _THIRTY:
        return figures[2]
    place, rest_ns = divmod(left_ns, _THIRTY)
    return figures[place] + (figures[place + 1] - figures[place]) * rest_ns // _THIRTY


@lru_cache(maxsize=64)
def _term(rules: ScanParameters, left_ns: int) -> int:
    """(30 / d)^p x 10^18."""
    power_ppm = rules.short_power_ppm if left_ns < _THIRTY else rules.long_power_ppm
    return exp(divided(ln(divided(_THIRTY * ONE, left_ns)) * power_ppm, _PPM))


@lru_cache(maxsize=64)
def move_ppm(rules: ScanParameters, left_ns: int) -> int:
    """max(least move, e^(annual risk x years) - 1), in ppm, rounded up."""
    grown = exp(divided(rules.annual_risk_ppm * left_ns * ONE, _PPM * YEAR_NS)) - ONE
    return max(rules.least_move_ppm, -(-grown * _PPM // ONE))

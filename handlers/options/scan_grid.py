"""The grids of portfolio margin: which prices and volatilities a book is held against, and what each weighs.

A cell moves the price by x and volatilities in one of some ways.

1. `deribit`: nine prices evenly from -range to +range, with volatility up, as it is, and down; then `extended_bps`,
   with volatility up only, at a weight of range / |x|. Shocked volatility is

       up = max(v (1 + up (30 / d)^p), least volatility),   down = v (1 - down (30 / d)^p), at least 0

   with d days to expiry, at least one, and the short power below 30 days, the long one from there on. The roll shock is
   the net delta of each expiry, without its sign, x max(least move, e^(annual risk x years) - 1); the underlying is an
   expiry of its own at the least move. Source: article 25944756247837 and docs.deribit.com, private/pme/simulate, whose
   example of June 2024 the figures are; gains are not set off between currencies, as one unit has none. With
   `extended_at_end` what is lost in coins at an extended price counts at the price of the end of the range, x (1 + x) /
   (1 +- range): so a future loses there what it loses at that end, as in that example and in a live reply of 15
   February 2026. With `delta_step_ppb` there is a delta shock (`charges.py`): the example has a step of 0.005% a coin,
   a threshold of 20 million USD and 10% at most; the formula is from third-party code that follows Deribit's paper.
2. `okx`: prices at 0 and a third, two thirds and all of the range, volatility as it is, and up and down by points (30
   at once, 25 in 30 days, 20 from 60 on) and by its own share (50%, 35%, 25%): MR1. Then twice the range, volatility as
   it is, at a weight of a half: MR6. Source: help page "Portfolio margin mode" and the notice of 2 January 2025 (4, 8,
   12 and 24% for BTC and ETH); points and half are from code that follows it. With `decay_ns` there is one more
   cell: price and volatility as they are, and so much time gone, 24 hours in OKX's MR2 (third parties' copies of its
   page; that a book that gains by time loses nothing is a reading of ours). With `basis` the roll shock of rule 1 is
   MR4, with `closing_ppm` the cost of closing is MR7 (`charges.py`). OKX's API page docs-v5 (position builder, January
   2025) has an example without options: MR4 is 0.2% of the delta of a BTC perpetual and 0.8% of LTC's, MR7 0.45% and
   0.7%, and the whole max(max(MR1, MR2, MR6) + MR3 + MR4 + MR5, MR7), an initial margin 1.3 times that. 5% a year is
   the notice's; that it grows as in rule 1 is ours. An option's part of MR7 is from third-party code of a page that was
   not seen, the multiples are the notice's of before 15 January 2025, read as brackets. MR3 (volatility between
   expiries) and MR5 (rates) are not in here: of the one there is a name only, of the other eight weights without days.
3. `span`: the 16 scenarios of SPAN: price at 0 and thirds of the range, each with volatility up and down, then twice
   the range, volatility as it is, at a weight of 35% (CME, SPAN risk array; McMillan, "Options as a Strategic
   Investment", chapter 34).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise
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
    extended_at_end: bool | msgspec.UnsetType = msgspec.UNSET
    delta_step_ppb: int | msgspec.UnsetType = msgspec.UNSET
    delta_most_ppm: int | msgspec.UnsetType = msgspec.UNSET
    delta_free_atoms: int | msgspec.UnsetType = msgspec.UNSET
    basis: bool | msgspec.UnsetType = msgspec.UNSET
    closing_ppm: int | msgspec.UnsetType = msgspec.UNSET
    closing_option_ppm: int | msgspec.UnsetType = msgspec.UNSET
    closing_delta_ppm: int | msgspec.UnsetType = msgspec.UNSET
    closing_floors_atoms: tuple[int, ...] | msgspec.UnsetType = msgspec.UNSET
    closing_multiples: tuple[int, ...] | msgspec.UnsetType = msgspec.UNSET

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
        self._check_charges()

    def _check_charges(self) -> None:
        """Refuse half of a charge, and one that falls as a book grows."""
        delta = (self.delta_step_ppb, self.delta_most_ppm, self.delta_free_atoms)
        stated = [one for one in delta if one is not msgspec.UNSET]
        if len(stated) not in (0, len(delta)) or min(stated, default=0) < 0:
            message = "delta_step_ppb, delta_most_ppm and delta_free belong together, none below 0"
            raise ValueError(message)
        closing = (self.closing_ppm, self.closing_option_ppm, self.closing_delta_ppm)
        stated = [one for one in closing if one is not msgspec.UNSET]
        if len(stated) not in (0, len(closing)) or min(stated, default=0) < 0:
            message = "closing_ppm, closing_option_ppm and closing_delta_ppm belong together, none below 0"
            raise ValueError(message)
        floors, multiples = self.closing_floors_atoms or (), self.closing_multiples or ()
        rise = all(a < b for steps in (floors, multiples) for a, b in pairwise(steps))
        if len(floors) != len(multiples) or not rise or min(floors, default=1) < 1 or min(multiples, default=1) < 1:
            message = "closing_floors and closing_multiples rise together from above 0, one multiple a floor"
            raise ValueError(message)

    @property
    def rolls_expiries(self) -> bool:
        """Whether the net delta of each expiry is charged."""
        return self.model == "deribit" or self.basis is True

    @property
    def charges_curve(self) -> bool:
        """Whether there is a charge that is no sum over positions."""
        return self.delta_step_ppb is not msgspec.UNSET or self.closing_ppm is not msgspec.UNSET


class ScanCell(NamedTuple):
    """A move of the price, which of the volatilities, the weight of what is lost there, and of the dampener."""

    price_bps: int
    row: int
    weight_ppm: int = _PPM
    dampened_ppm: int = 0


@cache
def cells_of(rules: ScanParameters, in_coins: bool = False) -> tuple[ScanCell, ...]:  # noqa: FBT001, FBT002
    """The cells of a grid, in the venue's order; of equal losses the first is the worst. Coins may weigh otherwise."""
    return tuple(_cells(rules, at_end=in_coins and rules.extended_at_end is True))


def _cells(rules: ScanParameters, *, at_end: bool) -> Iterator[ScanCell]:
    reach = rules.price_range_bps
    if rules.model == "deribit":
        for step in range(-_BUCKETS, _BUCKETS + 1):
            yield from (ScanCell(reach * step // _BUCKETS, row) for row in (1, 0, 2))
        for bps in rules.extended_bps:
            weight_ppm = rules.extended_ppm * reach // abs(bps)
            if at_end:
                end_bps = _BPS + (reach if bps > 0 else -reach)
                weight_ppm = rules.extended_ppm * reach * (_BPS + bps) // (abs(bps) * end_bps)
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

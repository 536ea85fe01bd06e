"""Prices that are made up: a jump diffusion of several instruments that move together, with a script for the crash.

1. The log price of an instrument is its start plus beta x (script + jumps + noise); the median of the noise does not
   drift.
2. The script is a list of phases: over a phase the log price goes evenly by ln(1 + move). Phases also multiply
   volatility.
3. Noise of a step is volatility x sqrt(step / day) x (sqrt(correlation) x market + sqrt(1 - correlation) x own),
   both normal draws: sums of twelve even 32-bit numbers (`handlers/draws.py`), so never beyond six standard
   deviations.
4. A step has at most one jump, common to all instruments, with probability jumps_per_hour x step / hour; in logs it
   is normal with `jump_mean` and `jump_spread`.
5. Logs are whole numbers of 10^-18, products rounded down; exp is taken in the one decimal context and correctly
   rounded; the price is rounded half to even to a tick, at least one tick. No float anywhere: the same path on every
   machine.
6. Draws are keyed by (seed, instrument, purpose, step): a longer run begins with the shorter one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import Annotated, NamedTuple

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.run import SourceTally
from ...events.errors import ScenarioError
from ...handlers.draws import NORMAL_ONE, draw_bits, draw_normal
from ..checks import FEW, check_range, require
from ..reading.tally import Tally
from ..units import CONTEXT, INT64_MAX, price_to_ticks, ratio
from .base import InstrumentScale, canonical_sha256, scale_named

__all__ = ["GeneratorSettings", "GeneratorSource", "Phase"]

_HOUR_NS, _DAY_NS = 3_600 * 10**9, 86_400 * 10**9
_LOG_ONE = 10**18
_BETA_ONE = 10**6
# exp(44) is more than 2^63: a log move beyond it cannot end at a price that fits, and need not be taken to its power.
_LOG_MOST = 44 * _LOG_ONE
_PROBABILITY_ONE = 1 << 64
_MARKET = -1


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `from_ns` to `to_ns` after the start the market moves by `move` (-0.35: down by 35%), evenly in logs."""

    from_ns: int
    to_ns: int
    move: Decimal = Decimal(0)
    volatility_multiple: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        """Refuse a phase that ends before it begins or takes a price to nothing."""
        require(0 <= self.from_ns < self.to_ns, "from_ns must not be negative and must lie before to_ns")
        check_range("move", self.move, -1, 1000)
        require(self.move > -1, "move must be above -1: a price cannot lose all it has")
        check_range("volatility_multiple", self.volatility_multiple, 0, 1000)


class GeneratorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="generator"):
    """How long, how often, how wild. Volatility is per square root of a day, jumps are in logs, betas go by name."""

    duration_ns: int
    interval_ns: int
    volatility: Decimal
    correlation: Decimal = Decimal("0.8")
    jumps_per_hour: Decimal = Decimal(0)
    jump_mean: Decimal = Decimal(0)
    jump_spread: Decimal = Decimal(0)
    phases: Annotated[tuple[Phase, ...], FEW] = ()
    betas: dict[str, Decimal] = {}

    def __post_init__(self) -> None:
        """Refuse what has no meaning, and phases that overlap or outlast the run."""
        require(0 < self.interval_ns <= self.duration_ns, "interval_ns must be positive and at most duration_ns")
        check_range("volatility", self.volatility, 0, 100)
        check_range("correlation", self.correlation, 0, 1)
        check_range("jumps_per_hour", self.jumps_per_hour, 0, 10**6)
        check_range("jump_mean", self.jump_mean, -10, 10)
        check_range("jump_spread", self.jump_spread, 0, 10)
        require(_jump_below(self) <= _PROBABILITY_ONE, "jumps_per_hour is more than one jump an interval")
        require(all(a.to_ns <= b.from_ns for a, b in pairwise(self.phases)), "phases must be in order and not overlap")
        require(not self.phases or self.phases[-1].to_ns <= self.duration_ns, "phases must end within duration_ns")
        for name, beta in self.betas.items():
            check_range(f"betas.{name}", beta, -10, 10)


class _Noise(NamedTuple):
    """What a standard deviation of the market and of an instrument's own draw is worth, in 10^-18."""

    market: int
    own: int


class GeneratorSource:
    """The made-up prices as `PriceTicked`: one per interval with all instruments, the first at the start prices."""

    layout = "jump diffusion"
    name = "generator"

    def __init__(
        self,
        settings: GeneratorSettings,
        scales: Sequence[InstrumentScale],
        *,
        start_ns: int,
        seed: int,
        where: str = "$.prices",
    ) -> None:
        for name in settings.betas:
            scale_named(scales, name, f"{where}.betas")
        self._settings, self._scales, self._seed, self._tally = settings, tuple(scales), seed, Tally()
        self._betas = [_whole(settings.betas.get(scale.name, Decimal(1)), _BETA_ONE) for scale in self._scales]
        self._noise = [_noise(settings, phase.volatility_multiple) for phase in settings.phases]
        self._calm = _noise(settings, Decimal(1))
        self._moves = [_whole(CONTEXT.ln(CONTEXT.add(1, phase.move)), _LOG_ONE) for phase in settings.phases]
        self._jump = _whole(settings.jump_mean, _LOG_ONE), _whole(settings.jump_spread, _LOG_ONE)
        self._jump_below = _jump_below(settings)
        self.start_ns = start_ns
        self.opening = tuple((s.instrument, _start_ticks(s)) for s in self._scales)
        self.sha256 = canonical_sha256(self.layout, settings, scales=self._scales, start_ns=start_ns, seed=seed)

    def inputs(self, number: int) -> Iterator[tuple[int, PriceTicked]]:
        """One `PriceTicked` per interval; about 15 us an instrument. Without provenance, since there are no rows."""
        self._tally = tally = Tally()
        interval_ns = self._settings.interval_ns
        noises = [0] * len(self._scales)
        for step in range(self._settings.duration_ns // interval_ns + 1):
            after_ns = step * interval_ns
            if step:
                self._add_noise(noises, step, after_ns - interval_ns)
            tally.rows += 1
            yield self.start_ns + after_ns, PriceTicked(self._prices(noises, after_ns))

    def ahead(self, end_ns: int) -> tuple[int, int]:
        """How many inputs it makes up to `end_ns`, and when the last of them comes; none: 0."""
        length_ns = min(self._settings.duration_ns, end_ns - self.start_ns)
        if length_ns < 0:
            return 0, 0
        steps = length_ns // self._settings.interval_ns
        return steps + 1, self.start_ns + steps * self._settings.interval_ns

    def tally(self, number: int) -> SourceTally:
        """How many instants were made."""
        return self._tally.closed(number)

    def _add_noise(self, noises: list[int], step: int, since_ns: int) -> None:
        """Add the noise and the jump of one step, which began at `since_ns`, to every instrument."""
        seed, (market_unit, own_unit) = self._seed, self._noise_at(since_ns)
        common = market_unit * draw_normal(seed, _MARKET, "price noise", step) // NORMAL_ONE
        if self._jump_below and draw_bits(seed, _MARKET, "price jump", step) < self._jump_below:
            mean, spread = self._jump
            common += mean + spread * draw_normal(seed, _MARKET, "price jump size", step) // NORMAL_ONE
        for place, scale in enumerate(self._scales):
            own = own_unit * draw_normal(seed, scale.instrument, "price noise", step) // NORMAL_ONE
            noises[place] += common + own

    def _noise_at(self, after_ns: int) -> _Noise:
        for phase, noise in zip(self._settings.phases, self._noise, strict=True):
            if phase.from_ns <= after_ns < phase.to_ns:
                return noise
        return self._calm

    def _script(self, after_ns: int) -> int:
        """How far the phases have moved the market's log price, in 10^-18."""
        moved = 0
        for phase, move in zip(self._settings.phases, self._moves, strict=True):
            length_ns = phase.to_ns - phase.from_ns
            moved += move * min(max(after_ns - phase.from_ns, 0), length_ns) // length_ns
        return moved

    def _prices(self, noises: list[int], after_ns: int) -> tuple[tuple[int, int], ...]:
        script = self._script(after_ns)
        return tuple(
            (instrument, self._ticks(ticks, beta * (script + noise) // _BETA_ONE, after_ns))
            for (instrument, ticks), beta, noise in zip(self.opening, self._betas, noises, strict=True)
        )

    def _ticks(self, ticks: int, log_move: int, after_ns: int) -> int:
        factor = CONTEXT.exp(CONTEXT.scaleb(Decimal(min(log_move, _LOG_MOST)), -18))
        moved = int(CONTEXT.to_integral_value(CONTEXT.multiply(ticks, factor)))
        if moved > INT64_MAX:
            message = f"prices pass 2^63 ticks {after_ns} ns after the start; lower volatility, jumps or moves"
            raise ScenarioError(message)
        return max(1, moved)


def _start_ticks(scale: InstrumentScale) -> int:
    if scale.start_price is None:
        message = f"instrument {scale.name!r} has no start_price, where the generator begins; give it one"
        raise ScenarioError(message)
    return price_to_ticks(scale.start_price, scale.tick_size)


def _whole(value: Decimal, one: int) -> int:
    """A decimal as a whole number of 1 / one, rounded down."""
    return int(CONTEXT.multiply(value, one).to_integral_value(ROUND_FLOOR, CONTEXT))


def _jump_below(settings: GeneratorSettings) -> int:
    """Below which 64-bit draw a step has a jump: its probability x 2^64, rounded down."""
    numerator, denominator = ratio(settings.jumps_per_hour, Decimal(1))
    return numerator * settings.interval_ns * _PROBABILITY_ONE // (denominator * _HOUR_NS)


def _noise(settings: GeneratorSettings, multiple: Decimal) -> _Noise:
    day_share = CONTEXT.divide(settings.interval_ns, _DAY_NS)
    step = CONTEXT.multiply(CONTEXT.multiply(settings.volatility, multiple), CONTEXT.sqrt(day_share))
    market = CONTEXT.multiply(step, CONTEXT.sqrt(settings.correlation))
    own = CONTEXT.multiply(step, CONTEXT.sqrt(CONTEXT.subtract(1, settings.correlation)))
    return _Noise(_whole(market, _LOG_ONE), _whole(own, _LOG_ONE))

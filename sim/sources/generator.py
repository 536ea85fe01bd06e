"""Prices that are made up: a jump diffusion of several instruments that move together, with a script for the crash.

1. The log price of an instrument is its start plus beta x (script + jumps + noise); the median of the noise does not
   drift.
2. The script is a list of phases: over a phase the log price goes evenly by ln(1 + move). Phases also multiply
   volatility.
3. Noise of a step is volatility x sqrt(step / day) x (sqrt(correlation) x market + sqrt(1 - correlation) x own),
   both normal draws: sums of twelve even 32-bit numbers (`handlers/draws.py`), so never beyond six standard
   deviations. With a `stress_correlation` the correlation is a loading that moves with realised volatility
   (`stress.py`).
4. A step has at most one jump common to all instruments, with probability jumps_per_hour x step / hour; in logs it
   is normal with `jump_mean` and `jump_spread`. A `jump_common_share` below 1 is the share of common ones; each
   instrument has jumps of its own for the rest, so that each alone jumps as often as before.
5. Logs are whole numbers of 10^-18, products rounded down; the price is exp of its log times its start, rounded half
   to even to a tick, at least one tick. No float anywhere: the same path on every machine.
6. A price that is pegged (`pegs.py`) follows its peg instead, with noise and a script of its own.
7. Draws are keyed by (seed, instrument, purpose, step): a longer run begins with the shorter one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.run import SourceTally
from ...events.errors import ScenarioError
from ...handlers.draws import NORMAL_ONE, draw_bits, draw_normal
from ..checks import FEW, check_range, require
from ..reading.tally import Tally
from ..units import CONTEXT, INT64_MAX, price_to_ticks, ratio
from .base import InstrumentScale, canonical_sha256, scale_named
from .pegs import Pegs, PegSettings
from .phases import Phase
from .stress import Loading

__all__ = ["GeneratorSettings", "GeneratorSource", "moved_ticks"]

_HOUR_NS, _DAY_NS = 3_600 * 10**9, 86_400 * 10**9
_LOG_ONE = 10**18
_BETA_ONE, _PPB = 10**6, 10**9
# exp(44) is more than 2^63: a log move beyond it cannot end at a price that fits, and need not be taken to its power.
_LOG_MOST = 44 * _LOG_ONE
_PROBABILITY_ONE = 1 << 64
_FEW_DIGITS = Context(prec=20, rounding=ROUND_HALF_EVEN)
_FEW_DIGITS_ERROR = -19
"""What is taken to its power in this context is true to this power of ten of itself."""

_MARKET = -1


class GeneratorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="generator"):
    """How long, how often, how wild. Volatility is per square root of a day, jumps are in logs, betas go by name.

    The correlation is `stress_correlation` once realised volatility, over `stress_memory_ns`, is `stress_multiple`
    times `volatility`, and moves evenly up to there. Of the jumps `jump_common_share` are common to all instruments.
    """

    duration_ns: int
    interval_ns: int
    volatility: Decimal
    correlation: Decimal = Decimal("0.8")
    jumps_per_hour: Decimal = Decimal(0)
    jump_mean: Decimal = Decimal(0)
    jump_spread: Decimal = Decimal(0)
    phases: Annotated[tuple[Phase, ...], FEW] = ()
    betas: dict[str, Decimal] = {}
    pegs: dict[str, PegSettings] = {}
    stress_correlation: Decimal | None = None
    stress_multiple: Decimal = Decimal(3)
    stress_memory_ns: int = 300 * 10**9
    jump_common_share: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        """Refuse what has no meaning, and phases that overlap or outlast the run."""
        require(0 < self.interval_ns <= self.duration_ns, "interval_ns must be positive and at most duration_ns")
        check_range("volatility", self.volatility, 0, 100)
        check_range("correlation", self.correlation, 0, 1)
        if self.stress_correlation is not None:
            check_range("stress_correlation", self.stress_correlation, self.correlation, 1)
        check_range("stress_multiple", self.stress_multiple, 1, 1000)
        require(self.stress_multiple > 1, "stress_multiple must be above 1: at calm volatility there is no stress")
        require(self.stress_memory_ns > 0, "stress_memory_ns must be positive")
        check_range("jump_common_share", self.jump_common_share, 0, 1)
        check_range("jumps_per_hour", self.jumps_per_hour, 0, 10**6)
        check_range("jump_mean", self.jump_mean, -10, 10)
        check_range("jump_spread", self.jump_spread, 0, 10)
        require(_jump_below(self) <= _PROBABILITY_ONE, "jumps_per_hour is more than one jump an interval")
        require(all(a.to_ns <= b.from_ns for a, b in pairwise(self.phases)), "phases must be in order and not overlap")
        require(not self.phases or self.phases[-1].to_ns <= self.duration_ns, "phases must end within duration_ns")
        for name, beta in self.betas.items():
            check_range(f"betas.{name}", beta, -10, 10)


_LATER = ("stress_correlation", "stress_multiple", "stress_memory_ns", "jump_common_share", "pegs")
"""Settings that a source is named by only where they are stated, as there were sources before them."""


class _Noise(NamedTuple):
    """What a standard deviation of the market's and of an instrument's own draw is worth, and of both, in 10^-18."""

    market: int
    own: int
    both: int


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
        self._pegs = Pegs(settings.pegs, self._scales, settings.interval_ns, f"{where}.pegs")
        self._noise = [_noise(settings, phase.volatility_multiple) for phase in settings.phases]
        self._calm = _noise(settings, Decimal(1))
        self._moves = [_whole(CONTEXT.ln(CONTEXT.add(1, phase.move)), _LOG_ONE) for phase in settings.phases]
        self._jump = _whole(settings.jump_mean, _LOG_ONE), _whole(settings.jump_spread, _LOG_ONE)
        self._jump_below = _jump_below(settings, settings.jump_common_share)
        self._own_jump_below = _jump_below(settings, CONTEXT.subtract(1, settings.jump_common_share))
        self.start_ns = start_ns
        self.opening = tuple((s.instrument, _start_ticks(s)) for s in self._scales)
        named = _named_by(settings)
        self.sha256 = canonical_sha256(self.layout, named, scales=self._scales, start_ns=start_ns, seed=seed)

    def inputs(self, number: int) -> Iterator[tuple[int, PriceTicked]]:
        """One `PriceTicked` per interval; about 15 us an instrument. Without provenance, since there are no rows."""
        self._tally = tally = Tally()
        interval_ns = self._settings.interval_ns
        noises, loading, pegs = [0] * len(self._scales), self._loading(), self._pegs.begun()
        for step in range(self._settings.duration_ns // interval_ns + 1):
            after_ns = step * interval_ns
            if step:
                self._add_noise(noises, step, self._noise_at(after_ns - interval_ns, loading))
                for peg in pegs.values():
                    peg.step(step, self._seed)
            tally.rows += 1
            script = self._script(after_ns)
            if loading is not None:
                loading.note([script + noise for noise in noises])
            moved = [beta * (script + noise) // _BETA_ONE for beta, noise in zip(self._betas, noises, strict=True)]
            prices = self._prices(self._pegs.logs(pegs, moved) if pegs else moved, after_ns)
            yield self.start_ns + after_ns, PriceTicked(prices)

    def reseed(self, seed: int) -> None:
        """Draw by another seed from the next step on, also of inputs that are being made."""
        self._seed = seed

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

    def _loading(self) -> Loading | None:
        """The loading at the start of a path; None where the correlation stays as it is."""
        settings = self._settings
        if settings.stress_correlation is None:
            return None
        return Loading(
            _whole(settings.correlation, _PPB),
            _whole(settings.stress_correlation, _PPB),
            step=self._calm.both,
            multiple_ppb=_whole(settings.stress_multiple, _PPB),
            interval_ns=settings.interval_ns,
            memory_ns=settings.stress_memory_ns,
        )

    def _add_noise(self, noises: list[int], step: int, noise: _Noise) -> None:
        """Add the noise and the jumps of one step to every instrument."""
        seed, (market_unit, own_unit, _) = self._seed, noise
        common = market_unit * draw_normal(seed, _MARKET, "price noise", step) // NORMAL_ONE
        common += self._jumped(_MARKET, step, self._jump_below)
        for place, scale in enumerate(self._scales):
            own = own_unit * draw_normal(seed, scale.instrument, "price noise", step) // NORMAL_ONE
            noises[place] += common + own + self._jumped(scale.instrument, step, self._own_jump_below)

    def _jumped(self, whose: int, step: int, below: int) -> int:
        """The jump of a step, of the market or of one instrument; 0 where there is none."""
        if not below or draw_bits(self._seed, whose, "price jump", step) >= below:
            return 0
        mean, spread = self._jump
        return mean + spread * draw_normal(self._seed, whose, "price jump size", step) // NORMAL_ONE

    def _noise_at(self, after_ns: int, loading: Loading | None) -> _Noise:
        found = self._calm
        for phase, noise in zip(self._settings.phases, self._noise, strict=True):
            if phase.from_ns <= after_ns < phase.to_ns:
                found = noise
        return found if loading is None else _Noise(*loading.shares(found.both), found.both)

    def _script(self, after_ns: int) -> int:
        """How far the phases have moved the market's log price, in 10^-18."""
        phases = zip(self._settings.phases, self._moves, strict=True)
        return sum(phase.moved(move, after_ns) for phase, move in phases)

    def _prices(self, moved: list[int], after_ns: int) -> tuple[tuple[int, int], ...]:
        pairs = zip(self.opening, moved, strict=True)
        return tuple((instrument, self._ticks(ticks, log_move, after_ns)) for (instrument, ticks), log_move in pairs)

    def _ticks(self, ticks: int, log_move: int, after_ns: int) -> int:
        moved = moved_ticks(ticks, log_move)
        if moved > INT64_MAX:
            message = f"prices pass 2^63 ticks {after_ns} ns after the start; lower volatility, jumps or moves"
            raise ScenarioError(message)
        return moved


def moved_ticks(ticks: int, log_move: int) -> int:
    """A price that its log has moved by so many 10^-18, rounded half to even, at least one tick.

    A few digits tell to which tick; only next to the middle between two it takes those of the one context.
    """
    log = CONTEXT.scaleb(Decimal(min(log_move, _LOG_MOST)), -18)
    moved = CONTEXT.multiply(ticks, _FEW_DIGITS.exp(log))
    error = CONTEXT.scaleb(moved, _FEW_DIGITS_ERROR)
    whole = _rounded(CONTEXT.subtract(moved, error))
    if whole != _rounded(CONTEXT.add(moved, error)):
        whole = _rounded(CONTEXT.multiply(ticks, CONTEXT.exp(log)))
    return max(1, whole)


def _rounded(value: Decimal) -> int:
    return int(CONTEXT.to_integral_value(value))


def _start_ticks(scale: InstrumentScale) -> int:
    if scale.start_price is None:
        message = f"instrument {scale.name!r} has no start_price, where the generator begins; give it one"
        raise ScenarioError(message)
    return price_to_ticks(scale.start_price, scale.tick_size)


def _whole(value: Decimal, one: int) -> int:
    """A decimal as a whole number of 1 / one, rounded down."""
    return int(CONTEXT.multiply(value, one).to_integral_value(ROUND_FLOOR, CONTEXT))


def _named_by(settings: GeneratorSettings) -> dict[str, Any]:
    """The settings that a source is named by."""
    usual = {field.name: field.default for field in msgspec.structs.fields(GeneratorSettings)} | {"pegs": {}}
    told: dict[str, Any] = msgspec.to_builtins(settings, builtin_types=(Decimal,), str_keys=True)
    return {key: value for key, value in told.items() if key not in _LATER or value != usual[key]}


def _jump_below(settings: GeneratorSettings, share: Decimal = Decimal(1)) -> int:
    """Below which 64-bit draw a step has one of this share of the jumps: its probability x 2^64, rounded down."""
    numerator, denominator = ratio(CONTEXT.multiply(settings.jumps_per_hour, share), Decimal(1))
    return numerator * settings.interval_ns * _PROBABILITY_ONE // (denominator * _HOUR_NS)


def _noise(settings: GeneratorSettings, multiple: Decimal) -> _Noise:
    day_share = CONTEXT.divide(settings.interval_ns, _DAY_NS)
    step = CONTEXT.multiply(CONTEXT.multiply(settings.volatility, multiple), CONTEXT.sqrt(day_share))
    market = CONTEXT.multiply(step, CONTEXT.sqrt(settings.correlation))
    own = CONTEXT.multiply(step, CONTEXT.sqrt(CONTEXT.subtract(1, settings.correlation)))
    return _Noise(_whole(market, _LOG_ONE), _whole(own, _LOG_ONE), _whole(step, _LOG_ONE))

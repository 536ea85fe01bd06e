"""Prices that are held at a peg: a synthetic dollar at one, a staked coin at what it is redeemed for.

1. log price = log of the peg + d. The peg is the start price, moved as the instrument `of` moves; without one it stays.
2. d is a deviation that is drawn back: each step d becomes d x 2^(-interval / half life) + noise + what the phases
   push. Arbitrage between the market and redemption is what draws it back; the half-life says how fast that works.
3. A phase pushes d evenly by ln(1 + move) from its beginning to its end, against the pull: a run on the peg. What is
   sold by force in the venue's own market moves its mark further (`handlers/depth.py`), and is no part of this.
4. Noise is volatility x sqrt(interval / day) x a normal draw, keyed by (seed, instrument, purpose, step). Logs are
   whole numbers of 10^-18, products rounded down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Annotated

import msgspec

from ...events.errors import ScenarioError
from ...handlers.draws import NORMAL_ONE, draw_normal
from ..checks import FEW, check_range, require
from ..units import CONTEXT
from .base import InstrumentScale, scale_named
from .phases import Phase

__all__ = ["PegSettings", "Pegs"]

_DAY_NS = 86_400 * 10**9
_LOG_ONE = 10**18


class PegSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a price is held at and how firmly; volatility is per square root of a day, around the peg."""

    of: str = ""
    volatility: Decimal = Decimal("0.002")
    half_life_ns: int = 600 * 10**9
    phases: Annotated[tuple[Phase, ...], FEW] = ()

    def __post_init__(self) -> None:
        """Refuse a peg that nothing draws back to."""
        check_range("volatility", self.volatility, 0, 100)
        require(self.half_life_ns > 0, "half_life_ns must be above 0: a price that is not drawn back has no peg")


class _Peg:
    """One deviation as it goes."""

    def __init__(self, settings: PegSettings, scale: InstrumentScale, interval_ns: int) -> None:
        self.settings, self.instrument, self._interval_ns = settings, scale.instrument, interval_ns
        halvings = CONTEXT.divide(-interval_ns, settings.half_life_ns)
        self._kept = _logs(CONTEXT.power(2, halvings))
        day_share = CONTEXT.divide(interval_ns, _DAY_NS)
        self._noise = _logs(CONTEXT.multiply(settings.volatility, CONTEXT.sqrt(day_share)))
        self._pushes = [(_logs(CONTEXT.ln(CONTEXT.add(1, one.move))), one) for one in settings.phases]
        self.deviation = 0

    def step(self, step: int, seed: int) -> None:
        """One interval on."""
        after_ns = step * self._interval_ns
        pushed = sum(one.pushed(push, after_ns - self._interval_ns, after_ns) for push, one in self._pushes)
        drawn = self._noise * draw_normal(seed, self.instrument, "peg noise", step) // NORMAL_ONE
        self.deviation = self.deviation * self._kept // _LOG_ONE + drawn + pushed


class Pegs:
    """All pegged instruments of a generator, by their place among its scales."""

    def __init__(
        self, settings: Mapping[str, PegSettings], scales: Sequence[InstrumentScale], interval_ns: int, where: str
    ) -> None:
        """Find the instruments. Raises ScenarioError for one that is not listed, and for a peg of a peg."""
        self._settings, self._scales, self._interval_ns = settings, scales, interval_ns
        places = {scale.name: place for place, scale in enumerate(scales)}
        self._bases: dict[int, int | None] = {}
        for name, peg in settings.items():
            scale_named(scales, name, where)
            if peg.of:
                scale_named(scales, peg.of, f"{where}.{name}.of")
            if peg.of in settings:
                message = f"{where}.{name}.of: {peg.of!r} is pegged itself; name what it is pegged to"
                raise ScenarioError(message)
            self._bases[places[name]] = places[peg.of] if peg.of else None

    def begun(self) -> dict[int, _Peg]:
        """Every deviation at nothing, for a path from its start."""
        return {
            place: _Peg(self._settings[self._scales[place].name], self._scales[place], self._interval_ns)
            for place in self._bases
        }

    def logs(self, pegs: Mapping[int, _Peg], moved: Sequence[int]) -> list[int]:
        """How far each log price has moved, where `moved` is how far it would have without a peg."""
        found = list(moved)
        for place, peg in pegs.items():
            base = self._bases[place]
            found[place] = peg.deviation + (0 if base is None else moved[base])
        return found


def _logs(value: Decimal) -> int:
    return int(CONTEXT.multiply(value, _LOG_ONE).to_integral_value(ROUND_FLOOR, CONTEXT))

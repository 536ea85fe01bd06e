"""Models that go by how the mark has moved: its realised volatility, or what its worst moves came to.

Both scale from one sample to the time that a position takes to close by the square root of time, which understates
moves that go on; the horizon is theirs to state.
"""

from __future__ import annotations

from math import isqrt
from typing import ClassVar

import msgspec

from ...margin_rules import MarketMeasured
from ...valuation import BPS

__all__ = ["ExpectedShortfall", "RealisedVolatility"]

_PPB_A_PPM = 1_000
_SCALE = 10**6


class VolatilityParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many ten-thousandths of a standard deviation, over the time in which a position is closed."""

    deviations_bps: int = 30_000
    horizon_ns: int = 300_000_000_000

    def __post_init__(self) -> None:
        """Refuse what covers nothing."""
        if min(self.deviations_bps, self.horizon_ns) <= 0:
            message = "deviations_bps and horizon_ns must be above 0"
            raise ValueError(message)


class RealisedVolatility:
    """So many standard deviations of the mark's returns over the window, scaled to the horizon."""

    policy: ClassVar[str] = "volatility"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "deviations x sqrt(mean(return^2) x horizon / sample)"
    source: ClassVar[str] = "Regulation (EU) No 153/2013, Articles 24 to 26: confidence, lookback, liquidation period"
    Parameters: ClassVar[type[msgspec.Struct]] = VolatilityParameters

    def __init__(self, parameters: VolatilityParameters) -> None:
        self.rule = parameters

    def rate_ppm(self, seen: MarketMeasured) -> int:
        """Rounded up to a millionth; 0 before there is a return."""
        if not seen.returns_ppb:
            return 0
        squares = sum(one * one for one in seen.returns_ppb) * self.rule.horizon_ns
        deviation_ppb = isqrt(squares // (len(seen.returns_ppb) * seen.sample_ns))
        return -(-deviation_ppb * self.rule.deviations_bps // (BPS * _PPB_A_PPM))


class ShortfallParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The worst `tail_bps` of the moves, over the time in which a position is closed, times `times_bps`."""

    tail_bps: int = 250
    horizon_ns: int = 300_000_000_000
    times_bps: int = BPS

    def __post_init__(self) -> None:
        """Refuse a tail that is none, and what covers nothing."""
        if not 0 < self.tail_bps <= BPS or min(self.horizon_ns, self.times_bps) <= 0:
            message = "tail_bps must lie above 0 up to 10000, and horizon_ns and times_bps be above 0"
            raise ValueError(message)


class ExpectedShortfall:
    """The mean of the worst moves over the window, either way, scaled to the horizon."""

    policy: ClassVar[str] = "expected-shortfall"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "times x mean(worst tail of |return|) x sqrt(horizon / sample)"
    source: ClassVar[str] = "Basel Committee, MAR33.3: the tail beyond the 97.5th percentile"
    Parameters: ClassVar[type[msgspec.Struct]] = ShortfallParameters

    def __init__(self, parameters: ShortfallParameters) -> None:
        self.rule = parameters

    def rate_ppm(self, seen: MarketMeasured) -> int:
        """Rounded up to a millionth, of at least one move; 0 before there is a return."""
        if not seen.returns_ppb:
            return 0
        moves = sorted(map(abs, seen.returns_ppb), reverse=True)
        worst = moves[: -(-len(moves) * self.rule.tail_bps // BPS)]
        scale = isqrt(self.rule.horizon_ns * _SCALE * _SCALE // seen.sample_ns)
        return -(-sum(worst) * scale * self.rule.times_bps // (len(worst) * _SCALE * BPS * _PPB_A_PPM))

"""The volatilities of all expiries of an underlying: what an option of any strike and expiry is priced with.

1. Each expiry has a smile (`smiles.py`); a surface without arbitrage is accepted, any other refused (`arbitrage.py`).
2. Between two expiries total variance is linear in time at the same moneyness K / F, each at its own forward. Before
   the first and beyond the last the volatility of that one is kept. So total variance never falls with time.
3. It is drawn at one instant, `at_ns`; times to expiry count from there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from ...events.errors import ScenarioError
from .arbitrage import refuse_arbitrage
from .fixed_point import divided
from .smiles import Smile, volatility_of

__all__ = ["VolatilitySurface"]


class VolatilitySurface:
    """Implied volatility by strike, forward and expiry."""

    def __init__(self, smiles: Sequence[Smile], at_ns: int) -> None:
        """Raises ScenarioError where smiles are missing, out of order or expired, or arbitrage is offered."""
        if not smiles or smiles[0].expiry_ns <= at_ns:
            message = "a surface has smiles, and none of them has expired when it is drawn"
            raise ScenarioError(message)
        for earlier, later in pairwise(smiles):
            if later.expiry_ns <= earlier.expiry_ns:
                message = f"surface {later.name}: it does not expire after {earlier.name}"
                raise ScenarioError(message)
        refuse_arbitrage(smiles, at_ns)
        self.at_ns = at_ns
        self._smiles = tuple(smiles)
        self._expiries = [smile.expiry_ns for smile in smiles]

    def total_variance(self, strike_ticks: int, forward_ticks: int, expiry_ns: int) -> int:
        """Total variance x `VARIANCE` at a strike of a forward, for an expiry after the instant of the surface."""
        at = bisect_left(self._expiries, expiry_ns)
        time_ns = expiry_ns - self.at_ns
        if at in {0, len(self._smiles)}:
            nearest = self._smiles[min(at, len(self._smiles) - 1)]
            own_ns = nearest.expiry_ns - self.at_ns
            return divided(nearest.total_variance(strike_ticks, forward_ticks, own_ns) * time_ns, own_ns)
        earlier, later = self._smiles[at - 1 : at + 1]
        before = earlier.total_variance(strike_ticks, forward_ticks, earlier.expiry_ns - self.at_ns)
        after = later.total_variance(strike_ticks, forward_ticks, later.expiry_ns - self.at_ns)
        past_ns, between_ns = expiry_ns - earlier.expiry_ns, later.expiry_ns - earlier.expiry_ns
        return before + divided((after - before) * past_ns, between_ns)

    def volatility_ppb(self, strike_ticks: int, forward_ticks: int, expiry_ns: int) -> int:
        """The volatility at a strike of a forward, rounded to the nearest. Raises ValueError for what has expired."""
        time_ns = expiry_ns - self.at_ns
        if time_ns <= 0:
            message = "what has expired has no volatility"
            raise ValueError(message)
        return volatility_of(self.total_variance(strike_ticks, forward_ticks, expiry_ns), time_ns)

"""The regret of auto-deleveraging against the best fixed rule in hindsight, wave by wave.

1. Of a wave (`waves.py`) H is the equity taken, B what was needed, u a winner's endowment and U their sum, all in atoms
   of the first asset. m is the largest share taken of anyone's endowment, one for whoever was taken from without any.

       loss = |H - B| + B x m

   which is the loss of arXiv 2602.15182 (10) with weights of one and of B, so that both parts are amounts.
2. The library of fixed rules takes min(B, U) by any allocation: a queue, equal parts, pro rata. Of all these pro rata
   to the endowments has the least m in every wave, min(B, U) / U. So it is the best fixed rule in hindsight, and the
   best in each wave as well: regret is the sum of losses less the sum of its losses, (14) there, and dynamic regret,
   (13).
3. The scale is the bound of its Proposition 1, sqrt((1 + 2 P) x sum of D^2), with D the deficits of a wave, theta the
   lesser of one and B / D, and P the sum of |theta - theta of the wave before|; waves without a deficit aside. A regret
   may be held against it; it is no bound of this one, as it is proved of the choice of theta alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from math import isqrt

__all__ = ["Regret", "wave_loss"]


class Regret:
    """Takes every wave of a run once it is over."""

    def __init__(self) -> None:
        self.atoms = Fraction(0)
        self._squares = 0
        self._variation = Fraction(0)
        self._theta: Fraction | None = None

    def take(
        self, taken: Mapping[int, int], endowments: Mapping[int, int], needed_atoms: int, deficits: Collection[int]
    ) -> None:
        """One wave: taken and endowed by account, needed, and the deficits; O(accounts of the wave)."""
        whole = sum(endowments.values())
        even = Fraction(min(needed_atoms, whole), whole) if whole else Fraction(0)
        least = needed_atoms - min(needed_atoms, whole) + needed_atoms * even
        self.atoms += wave_loss(taken, endowments, needed_atoms) - least
        deficit = sum(deficits)
        if deficit > 0:
            theta = min(Fraction(1), Fraction(needed_atoms, deficit))
            self._variation += 0 if self._theta is None else abs(theta - self._theta)
            self._squares, self._theta = self._squares + deficit**2, theta

    @property
    def bound_atoms(self) -> int:
        """The scale of rule 3, rounded down."""
        return isqrt(int((1 + 2 * self._variation) * self._squares))


def wave_loss(taken: Mapping[int, int], endowments: Mapping[int, int], needed_atoms: int) -> Fraction:
    """|H - B| + B x m."""
    shares = (
        min(Fraction(1), Fraction(atoms, endowment)) if (endowment := endowments.get(account, 0)) > 0 else Fraction(1)
        for account, atoms in taken.items()
        if atoms > 0
    )
    return abs(sum(taken.values()) - needed_atoms) + needed_atoms * max(shares, default=Fraction(0))

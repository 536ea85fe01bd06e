"""Vector mirror descent: the haircuts closest to none that close everything, so that large positions give more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ..allocation import BPS, pro_rata
from ..ranking import Allocation, Basis, Closing, Ranked
from ..ratio import ATOMS, Ratio, RatioPolicy

__all__ = ["VectorMirrorDescent"]


class VectorMirrorDescent(RatioPolicy):
    """weight = size^2 x 10^-9 in lots; one step of projected gradient descent, as the published code takes it.

    It starts from haircuts of zero with a gradient of zero and projects onto {h in [0, 1], sum of w x h = B}, w being
    what a position has at stake: size x loss a lot. The nearest point is h = min(1, m x w), so a candidate gives
    min(size, n x size^2) lots. Nobody gives beyond min(profit, equity); unlike there, the others then give it.
    """

    policy: ClassVar[str] = "vector-mirror-descent"
    formula: ClassVar[str] = "size x size x 10^-9"
    in_words: ClassVar[str] = "the size of the position, squared"
    source: ClassVar[str] = "pluriholonomic/autodeleveraging-analysis, policy_per_wave and vector_mirror_descent"
    basis: ClassVar[Basis] = "equity dollars"
    ratio: ClassVar[Ratio] = Ratio(("size", "size"), (), ATOMS)

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """By weight."""
        return pro_rata(closing, places, BPS)

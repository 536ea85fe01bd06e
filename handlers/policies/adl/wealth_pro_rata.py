"""Every winner loses the same share of what it has gained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ..allocation import BPS, pro_rata
from ..ranking import Allocation, Basis, Closing, Ranked
from ..ratio import ATOMS, Ratio, RatioPolicy

__all__ = ["WealthProRata"]


class WealthProRata(RatioPolicy):
    """weight = w x 10^-9 with w = min(profit, equity) in atoms; each loses h x w, h the same for all.

    All lots of a round cost the same, so lots are shared out in proportion to w, nobody beyond w or beyond its
    position; what they cannot give the others do. Whole lots by largest remainder, ties by rank.
    """

    policy: ClassVar[str] = "wealth-pro-rata"
    formula: ClassVar[str] = "min(profit, equity) x 10^-9"
    in_words: ClassVar[str] = "the lesser of profit and the account's equity"
    source: ClassVar[str] = "arXiv 2512.01112, pro-rata"
    basis: ClassVar[Basis] = "equity dollars"
    ratio: ClassVar[Ratio] = Ratio(("wealth",), (), ATOMS)

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """By weight."""
        return pro_rata(closing, places, BPS)

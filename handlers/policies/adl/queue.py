"""The queue of the research literature: greedily from the largest gain, nobody beyond what it has gained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ..allocation import wealth_lots
from ..ranking import Allocation, Basis, Closing, Ranked
from ..ratio import ATOMS, Ratio, RatioPolicy

__all__ = ["Queue"]


class Queue(RatioPolicy):
    """score = w x 10^-9 with w = min(profit, equity) in atoms; by score, each gives up to w until all is closed.

    A candidate gives as many lots as cost it w, or all it has.
    """

    policy: ClassVar[str] = "queue"
    formula: ClassVar[str] = "min(profit, equity) x 10^-9"
    in_words: ClassVar[str] = "the lesser of profit and the account's equity"
    source: ClassVar[str] = "arXiv 2512.01112, the queue of the numerical example"
    basis: ClassVar[Basis] = "equity dollars"
    ratio: ClassVar[Ratio] = Ratio(("wealth",), (), ATOMS)

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """From the first place down; O(places taken)."""
        left = closing.lots
        for place in places:
            if not left:
                return
            lots = min(left, wealth_lots(closing, place.candidate))
            if lots:
                left -= lots
                yield place, lots

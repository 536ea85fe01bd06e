"""Side index: everybody on the other side is closed by the same share, and loses the same for each lot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ...adl_engines.batch import BatchParameters
from ..allocation import pro_rata
from ..ranking import Allocation, Closing, Ranked
from ..ratio import ATOMS, Ratio, RatioPolicy

__all__ = ["SideIndex"]


class SideIndex(RatioPolicy):
    """weight = |size| x 10^-9 of whoever holds the other side; A' = A x (OI - Q) / OI, K' = K - D x A / OI.

    1. Who holds it at a loss gives as well. A and K are the indices of a side with OI open lots against which Q are
       closed that owe D: an account that held s lots when A was one has s x A of them left, and s x K is what it lost.
       That is O(1) for a bankruptcy, whoever holds the side, and whatever the order of bankruptcies: the products
       telescope, the sums commute.
    2. A record says what became of each account, so here each gets an event: in whole lots by largest remainder, ties
       by rank, nobody more than its equity can bear. A batch closes at one price (`adl_engines/batch.py`), so the loss
       of a lot is D / Q for everybody.
    3. In the source accounts settle when they are touched, lots are fine enough to be rounded down, and what that
       leaves is dust.
    """

    policy: ClassVar[str] = "side-index"
    version: ClassVar[str] = "2"
    formula: ClassVar[str] = "|size| x 10^-9"
    in_words: ClassVar[str] = "the size of the position"
    source: ClassVar[str] = "aeyakovenko/percolator, spec.md, side indices A and K (versions 11 and 12)"
    any_profit: ClassVar[bool] = True
    Parameters: ClassVar[type[msgspec.Struct]] = BatchParameters
    ratio: ClassVar[Ratio] = Ratio(("size",), (), ATOMS)

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """By size."""
        return pro_rata(closing, places)

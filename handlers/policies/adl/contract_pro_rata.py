"""Every opposite position is closed by the same share of its size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ..allocation import pro_rata
from ..ranking import Allocation, Closing, Ranked
from ..ratio import ATOMS, Ratio, RatioPolicy

__all__ = ["ContractProRata"]


class ContractProRata(RatioPolicy):
    """weight = |size| x 10^-9 in lots; all positions are closed by the same share, whole lots by largest remainder.

    Nobody gives more than its equity can bear; what it cannot give the others do. Ties go by rank.
    """

    policy: ClassVar[str] = "contract-pro-rata"
    formula: ClassVar[str] = "|size| x 10^-9"
    in_words: ClassVar[str] = "the size of the position"
    source: ClassVar[str] = "pluriholonomic/autodeleveraging-analysis, adl_contract_pro_rata"
    ratio: ClassVar[Ratio] = Ratio(("size",), (), ATOMS)

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """By size."""
        return pro_rata(closing, places)

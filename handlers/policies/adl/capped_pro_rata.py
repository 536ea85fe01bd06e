"""The same share of every winner's gains, up to a cap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ..allocation import BPS, pro_rata
from ..ranking import Allocation, Basis, Closing, Ranked
from ..ratio import ATOMS, Ratio, RatioPolicy

__all__ = ["CappedParameters", "CappedProRata"]


class CappedParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nobody loses more than `cap_bps` of min(profit, equity) in a round."""

    cap_bps: int = 5_000

    def __post_init__(self) -> None:
        """Refuse a cap that takes nothing or more than all."""
        if not 0 < self.cap_bps <= BPS:
            message = "cap_bps must lie in 1..10000"
            raise ValueError(message)


class CappedProRata(RatioPolicy):
    """weight = w x 10^-9 with w = min(profit, equity) in atoms; each loses min(h, cap) x w.

    What the capped do not give is shared among the others; where all are at their caps the rest stays open.
    """

    policy: ClassVar[str] = "capped-pro-rata"
    formula: ClassVar[str] = "min(profit, equity) x 10^-9"
    in_words: ClassVar[str] = "the lesser of profit and the account's equity"
    source: ClassVar[str] = "arXiv 2512.01112, capped pro-rata by water-filling"
    basis: ClassVar[Basis] = "equity dollars"
    Parameters: ClassVar[type[msgspec.Struct]] = CappedParameters
    ratio: ClassVar[Ratio] = Ratio(("wealth",), (), ATOMS)

    def __init__(self, parameters: CappedParameters) -> None:
        self.cap_bps = parameters.cap_bps

    def allocate(self, closing: Closing, places: Iterable[Ranked]) -> Allocation:
        """By weight, below the caps."""
        return pro_rata(closing, places, self.cap_bps)

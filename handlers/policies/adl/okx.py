"""OKX: a queue that is closed at the mark."""

from __future__ import annotations

from typing import ClassVar

from ..ranking import Worth
from ..ratio import Ratio, RatioPolicy

__all__ = ["Okx"]


class Okx(RatioPolicy):
    """score = profit / |entry value| x notional / account equity; closed at the mark price.

    Nobody who is deleveraged loses against the mark; what the bankrupt account lacks is left for the fund and for loss
    socialisation. The source gives no formula for the order: the one of the other venues with queues is taken.
    """

    policy: ClassVar[str] = "okx"
    formula: ClassVar[str] = "profit / |cost| x notional / equity"
    source: ClassVar[str] = "OKX help page iv-introduction-to-auto-deleveraging-adl"
    worth: ClassVar[Worth] = "mark"
    ratio: ClassVar[Ratio] = Ratio(("profit", "notional"), ("cost", "equity"))

"""OKX: a queue that is closed at the mark, or at the bankruptcy price where the fund is nearly depleted."""

from __future__ import annotations

from typing import ClassVar

from ..ranking import Worth
from ..ratio import Ratio, RatioPolicy

__all__ = ["Okx"]


class Okx(RatioPolicy):
    """score = PnL% x effective leverage = profit / |entry value| x notional / account equity; closed at the mark.

    Nobody who is deleveraged at the mark loses against it; what the bankrupt account lacks is left for the fund. Where
    the fund cannot give that, the round is closed at the bankruptcy price. The source does not say how near to nothing
    a fund is depleted, nor what PnL% and leverage are of in a cross account: the entry value and the account's equity.
    """

    policy: ClassVar[str] = "okx"
    formula: ClassVar[str] = "profit / |cost| x notional / equity"
    version: ClassVar[str] = "2"
    in_words: ClassVar[str] = "profit over what the position cost, times the position's worth over the account's equity"
    source: ClassVar[str] = "OKX help page iv-introduction-to-auto-deleveraging-adl"
    worth: ClassVar[Worth] = "mark unless depleted"
    ratio: ClassVar[Ratio] = Ratio(("profit", "notional"), ("cost", "equity"))

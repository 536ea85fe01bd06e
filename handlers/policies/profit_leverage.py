"""The queue that most venues describe: profit share times effective leverage."""

from __future__ import annotations

from typing import ClassVar

from .ratio import Ratio, RatioPolicy

__all__ = ["ProfitLeverage"]


class ProfitLeverage(RatioPolicy):
    """score = profit / |entry value| x notional / account equity.

    The profit share is BitMEX's `(mark value - entry value) / |entry value|`; effective leverage is the position's
    notional over the equity of the whole margin account, as in cross margin there is no other. Sources: BitMEX
    support article 18589621443357; Bybit help article 900000031623.
    """

    policy: ClassVar[str] = "profit-leverage"
    formula: ClassVar[str] = "profit / |cost| x notional / equity"
    in_words: ClassVar[str] = "profit over what the position cost, times the position's worth over the account's equity"
    source: ClassVar[str] = "BitMEX support article 18589621443357; Bybit help article 900000031623"
    ratio: ClassVar[Ratio] = Ratio(("profit", "notional"), ("cost", "equity"))

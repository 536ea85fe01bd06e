"""Hyperliquid as its documentation has it: price move times leverage, closed at the previous oracle price."""

from __future__ import annotations

from typing import ClassVar

from ..ranking import Worth
from ..ratio import Ratio, RatioPolicy

__all__ = ["Hyperliquid"]


class Hyperliquid(RatioPolicy):
    """score = (mark / entry, short: entry / mark) x (notional / account value), closed at the previous oracle price.

    So all rounds of one instant close at one price. A later text of the docs calls it the previous mark price, which
    moves with the oracle there: `closes_at = "previous mark"` is that reading. For shorts the published text leaves
    open whether the ratio of prices is turned round. It is here, for a short gains as the mark falls: (entry / mark) x
    (notional / account value), which is |cost| / equity. So the formula as printed is that of longs.
    """

    policy: ClassVar[str] = "hyperliquid"
    version: ClassVar[str] = "2"
    formula: ClassVar[str] = "notional / |cost| x notional / equity if size > 0 else |cost| / equity"
    in_words: ClassVar[str] = (
        "how far the mark is past the price of entry, times the position's worth over the account's equity"
    )
    source: ClassVar[str] = "Hyperliquid docs, trading/auto-deleveraging"
    worth: ClassVar[Worth] = "previous oracle"
    ratio: ClassVar[Ratio] = Ratio(("notional", "notional"), ("cost", "equity"))
    short_ratio: ClassVar[Ratio | None] = Ratio(("cost",), ("equity",))

"""Hyperliquid as a reconstruction from its fills has it: leverage times profit share."""

from __future__ import annotations

from typing import ClassVar

from ..ranking import Worth
from ..ratio import Ratio, RatioPolicy

__all__ = ["HyperliquidReverseEngineered"]


class HyperliquidReverseEngineered(RatioPolicy):
    """score = (notional / account value) x (profit / entry notional), closed at the oracle price before it.

    The source keeps both denominators above 1e-8 dollars. In whole atoms an equity is 1 at least, and an entry notional
    of zero gives the greatest score there is, so the floors change no order.
    """

    policy: ClassVar[str] = "hyperliquid-reverse-engineered"
    version: ClassVar[str] = "2"
    formula: ClassVar[str] = "notional / equity x profit / |cost|"
    in_words: ClassVar[str] = "the position's worth over the account's equity, times profit over what the position cost"
    source: ClassVar[str] = "reconstruction of the fills of 10 October 2025 (HyperReplay)"
    worth: ClassVar[Worth] = "previous oracle"
    ratio: ClassVar[Ratio] = Ratio(("notional", "profit"), ("equity", "cost"))

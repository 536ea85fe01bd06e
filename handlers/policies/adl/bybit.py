"""Bybit: profit share times effective leverage."""

from __future__ import annotations

from typing import ClassVar

from ..ratio import Ratio, RatioPolicy

__all__ = ["Bybit"]


class Bybit(RatioPolicy):
    """score = profit / |entry value| x notional / account equity; closed at the bankruptcy price.

    The source names profit share and effective leverage; leverage is taken over the whole account, as in cross margin.
    """

    policy: ClassVar[str] = "bybit"
    formula: ClassVar[str] = "profit / |cost| x notional / equity"
    in_words: ClassVar[str] = "profit over what the position cost, times the position's worth over the account's equity"
    source: ClassVar[str] = "Bybit help article 900000031623; v5 API page adl-alert"
    ratio: ClassVar[Ratio] = Ratio(("profit", "notional"), ("cost", "equity"))

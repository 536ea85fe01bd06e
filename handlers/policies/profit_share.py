"""A plain queue: whose equity is most of all unrealised gain is first."""

from __future__ import annotations

from typing import ClassVar

from .ratio import Ratio, RatioPolicy

__all__ = ["ProfitShare"]


class ProfitShare(RatioPolicy):
    """score = profit / equity: the share of the account that is unrealised gain in this position.

    The yardstick beside `profit-leverage`: it does not look at leverage at all.
    """

    policy: ClassVar[str] = "profit-share"
    formula: ClassVar[str] = "profit / equity"
    in_words: ClassVar[str] = "profit over the account's equity"
    source: ClassVar[str] = "none: a yardstick"
    ratio: ClassVar[Ratio] = Ratio(("profit",), ("equity",))

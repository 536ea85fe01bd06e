"""GMX: profitable positions are reduced while traders' profit is too large a part of the pool."""

from __future__ import annotations

from typing import ClassVar

from ..ratio import Ratio, RatioPolicy

__all__ = ["Gmx", "is_enabled", "profit_to_realise"]

_PPM = 10**6


class Gmx(RatioPolicy):
    """score = profit / notional, a queue; closed at the mark for the cap on profits, else at the bankruptcy price.

    Which positions are reduced first is the choice of the venue's keepers, and no rule is published: the greatest gain
    per size comes first here. When the cap acts and how far it goes are `is_enabled` and `profit_to_realise`; the slot
    `profit_cap` asks them (`handlers/profit_cap.py`).
    """

    policy: ClassVar[str] = "gmx"
    formula: ClassVar[str] = "profit / notional"
    in_words: ClassVar[str] = "profit over what the position is worth"
    source: ClassVar[str] = "gmx-io/gmx-synthetics, AdlUtils, AdlOrder and testAdl"
    ratio: ClassVar[Ratio] = Ratio(("profit",), ("notional",))


def is_enabled(profit_atoms: int, pool_atoms: int, max_factor_ppm: int) -> bool:
    """Whether traders' profit over the pool's value is above the cap; at the cap, or without a profit, it is not.

    An empty pool is one that any profit is too much for: the source, which would divide by it, says no there.
    """
    return profit_atoms > 0 and profit_atoms * _PPM > pool_atoms * max_factor_ppm


def profit_to_realise(profit_atoms: int, pool_atoms: int, min_factor_ppm: int) -> int:
    """How much profit must be paid out of the pool until what is left over what is left of it is at `min_factor_ppm`.

    (profit - x) / (pool - x) <= min factor, x rounded up to an atom; nothing where it is there already.
    """
    over = profit_atoms * _PPM - pool_atoms * min_factor_ppm
    return 0 if over <= 0 else min(profit_atoms, -(-over // (_PPM - min_factor_ppm)))

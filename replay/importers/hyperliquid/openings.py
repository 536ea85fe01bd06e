"""What accounts held when the files begin, as far as the fills tell.

1. The size is the start position of an account's first fill of a coin.
2. The cost follows from the first fill that reduces the position: closedPnl = closed x (price - entry), so what the
   whole position cost is `position x price - closedPnl x |position| / closed`. What was added in between is taken off.
3. Where no fill tells before the files end, or a start position does not follow from the one before, the entry stays
   unknown. The position then counts as bought at the price of its first fill.
"""

from __future__ import annotations

import msgspec

from ....events.bodies.base import Provenance
from ..digits import snapped
from .fills import Fill

__all__ = ["SIZE_DECIMALS", "Opening", "Openings"]

SIZE_DECIMALS = 8
"""Sizes and prices are held in units of 10^-8, whatever the coin's own scales."""

_ONE = 10**SIZE_DECIMALS


class Opening(msgspec.Struct, gc=False):
    """A position before the first fill, in 10^-8 of a unit; `cost` in 10^-16 of the asset.

    `told_by` is where the fill stands that told the entry, None where none did.
    """

    position: int
    first_px: int
    held: int
    added: int = 0
    cost: int = 0
    told_by: Provenance | None = None
    open: bool = True


_NOTHING = Opening(0, 0, 0, open=False)


class Openings:
    """By address and coin, in the order in which each was first met."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], Opening] = {}

    def none(self, key: tuple[str, str]) -> None:
        """There is nothing to be told of this account and coin."""
        self.of[key] = _NOTHING

    def feed(self, key: tuple[str, str], fill: Fill, place: Provenance) -> None:
        """One side of a trade in a perpetual. Raises ScenarioError for what is no number."""
        opening = self.of.get(key)
        if opening is None:
            start = snapped(fill.start_position or "0.0", SIZE_DECIMALS).value
            if not start:
                self.of[key] = _NOTHING
                return
            opening = self.of[key] = Opening(start, snapped(fill.px, SIZE_DECIMALS).value, start)
        if opening.open:
            _feed(opening, fill, place)


def _feed(opening: Opening, fill: Fill, place: Provenance) -> None:
    size, px = snapped(fill.sz, SIZE_DECIMALS).value, snapped(fill.px, SIZE_DECIMALS).value
    held = opening.held
    if fill.start_position is None or snapped(fill.start_position, SIZE_DECIMALS).value != held or not size:
        opening.open = False
        return
    signed = size if fill.side == "B" else -size
    if (signed > 0) == (held > 0):
        opening.held += signed
        opening.added += signed * px
        return
    opening.open = False
    if fill.closed_pnl is None:
        return
    closed, profit = min(size, abs(held)), snapped(fill.closed_pnl, SIZE_DECIMALS).value * _ONE
    opening.cost = held * px - profit * abs(held) // closed - opening.added
    opening.told_by = place

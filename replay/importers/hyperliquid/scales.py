"""Ticks, lots and atoms of what this venue trades, from the decimals that its files use.

1. A price of a perpetual has at most 6 - s decimals and a size at most s, s being the coin's own (spot: 8 - s). The
   files do not tell s, so the first pass finds the most decimals that sizes use: that is the lot, and the tick is
   10^-(6 - s), or finer where a price is.
2. A settlement asset has 8 decimals, as the venue's own dollar has, and a tick of a lot is a whole number of atoms.
3. A token that fees are paid in has the most decimals that its fees use, at most `TOKEN_DECIMALS_MOST`.
4. A size with more decimals than a coin can have counts as what it is snapped to (`digits.py`), a price not at all.
"""

from __future__ import annotations

from typing import NamedTuple

from ....events.errors import ScenarioError
from ..digits import decimals_of, snapped

__all__ = ["ATOM_DECIMALS", "TOKEN_DECIMALS_MOST", "CoinScale", "CoinUses"]

ATOM_DECIMALS = 8
TOKEN_DECIMALS_MOST = 12
_PERPETUAL_DECIMALS, _SPOT_DECIMALS = 6, 8
_KNOWN_MOST = 1 << 12


class CoinScale(NamedTuple):
    """Decimals of the tick and of the lot."""

    tick_decimals: int
    lot_decimals: int

    @property
    def multiplier_atoms(self) -> int:
        """What a lot is worth at a tick, in atoms of the settlement asset."""
        return int(10 ** (ATOM_DECIMALS - self.tick_decimals - self.lot_decimals))


def _remember(known: set[str], text: str) -> None:
    if len(known) >= _KNOWN_MOST:
        known.clear()
    known.add(text)


class CoinUses:
    """The decimals that one coin's values use."""

    __slots__ = ("_most", "asset", "price_decimals", "prices", "rate_ppm", "size_decimals", "sizes", "spot")

    def __init__(self, asset: str, *, spot: bool) -> None:
        self.asset, self.spot = asset, spot
        self.price_decimals = self.size_decimals = 0
        self.rate_ppm = 0
        """The maintenance margin rate, where a snapshot tells it; 0 where none does."""
        self.prices: set[str] = set()
        self.sizes: set[str] = set()
        """Some that were met already and need not be looked at again."""
        self._most = _SPOT_DECIMALS if spot else _PERPETUAL_DECIMALS

    def price(self, text: str) -> None:
        """A price was written so."""
        _remember(self.prices, text)
        decimals = decimals_of(text)
        if self.price_decimals < decimals <= self._most:
            self.price_decimals = decimals

    def size(self, text: str) -> None:
        """A size or a position was written so."""
        _remember(self.sizes, text)
        decimals = decimals_of(text)
        if decimals > self._most:
            decimals = self._behind_artefact(text)
        self.size_decimals = max(self.size_decimals, decimals)

    def is_finer(self, text: str) -> bool:
        """Whether a size may have more decimals than were met so far."""
        return len(text) - text.find(".") - 1 > self.size_decimals

    def _behind_artefact(self, text: str) -> int:
        """The decimals of what a float's artefact stands for; none for what is no number of this coin."""
        try:
            value = snapped(text, self._most).value
        except ScenarioError:
            return 0
        zeros = next((zeros for zeros in range(self._most) if value % 10 ** (zeros + 1)), self._most)
        return self._most - zeros

    def scale(self, coin: str) -> CoinScale:
        """The scales. Raises ScenarioError where both together are finer than an atom."""
        tick = max(self._most - self.size_decimals, self.price_decimals)
        if tick + self.size_decimals > ATOM_DECIMALS:
            message = (
                f"{coin}: prices with {self.price_decimals} decimals and sizes with {self.size_decimals} are finer "
                "than this venue's rule allows; are these its files?"
            )
            raise ScenarioError(message)
        return CoinScale(tick, self.size_decimals)

"""How an asset is converted into the one that accounts settle in, and how much of it counts as collateral."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

import msgspec

from ..bodies.collateral import CollateralTier
from ..errors import LedgerError

__all__ = ["Conversion", "falling_bps"]

_PPM, _BPS = 10**6, 10**4
_PPM_OF_A_BP = _PPM // _BPS
_NANO = 10**9
_PREMIUM_PPM, _ROOT = 1_100_000, 100_000
"""1.1, from which the part falls with the size, and the unit that a root is counted in, a 100,000th."""


def falling_bps(atoms: int, unit_atoms: int, imf_ppm: int) -> int:
    """What counts at most of so much: 1.1 / (1 + imf x sqrt(units)), in basis points rounded down.

    As `calculate_size_discount_asset_weight` of drift-labs/protocol-v2 (math/margin.rs) works it out: the amount in
    billionths of a unit, the root in 100,000ths of the root of one.
    """
    root = isqrt(10 * (atoms * _NANO // unit_atoms) + 1)
    return _PREMIUM_PPM * _BPS // (_PPM + root * imf_ppm // _ROOT)


class Conversion(msgspec.Struct, array_like=True, gc=False):
    """`asset_atoms` are worth `price_ticks` x `quote_atoms`; the price is 0 until there is one.

    `index_ticks` is the price of the asset's own market, and `priced_seq` the event that set both. `tiers` say how much
    counts, `initial` how much for initial margin where that is another part, and `imf_ppm` how fast the part falls
    with the size, in units of `unit_atoms`.
    """

    asset: int
    quote: int
    instrument: int
    asset_atoms: int
    quote_atoms: int
    tiers: tuple[CollateralTier, ...] = ()
    index_ticks: int = 0
    price_ticks: int = 0
    priced_seq: int | None = None
    initial: tuple[CollateralTier, ...] = ()
    imf_ppm: int = 0
    unit_atoms: int = 0

    def discount(self, imf_ppm: int, unit_atoms: int) -> None:
        """What counts falls with the size from here on. Raises LedgerError where no size is that of one unit."""
        if imf_ppm and unit_atoms < 1:
            message = f"what counts of asset {self.asset} falls with its size, and no size is that of one unit"
            raise LedgerError(message)
        self.imf_ppm, self.unit_atoms = imf_ppm, unit_atoms

    def at(self, price_ticks: int) -> Conversion:
        """The same conversion at another price, which nobody set."""
        return msgspec.structs.replace(self, price_ticks=price_ticks)

    def worth_atoms(self, atoms: int) -> int:
        """What so much is worth in the quote, rounded down: a debt is never told smaller than it is."""
        return atoms * self.price_ticks * self.quote_atoms // self.asset_atoms

    def counted_microatoms(self, atoms: int) -> int:
        """How much of so much counts as collateral, tier by tier, in millionths of an atom; of a debt all. O(tiers)."""
        return self._counted(atoms, self.tiers)

    def _counted(self, atoms: int, tiers: Sequence[CollateralTier]) -> int:
        if atoms <= 0:
            return atoms * _PPM
        counted = 0
        for tier, above in zip(tiers, (*tiers[1:], None), strict=True):
            top_atoms = atoms if above is None else min(atoms, above.floor_atoms)
            if top_atoms > tier.floor_atoms:
                counted += (top_atoms - tier.floor_atoms) * tier.ratio_ppm
        if not self.imf_ppm:
            return counted
        return min(counted, atoms * falling_bps(atoms, self.unit_atoms, self.imf_ppm) * _PPM_OF_A_BP)

    def counted_atoms(self, atoms: int) -> int:
        """What of that worth counts as collateral, in the quote, rounded down."""
        return self._quoted(self.counted_microatoms(atoms))

    def counted_initially_atoms(self, atoms: int) -> int:
        """The same for the initial margin of an order."""
        return self._quoted(self._counted(atoms, self.initial or self.tiers))

    def _quoted(self, counted_microatoms: int) -> int:
        return counted_microatoms * self.price_ticks * self.quote_atoms // (self.asset_atoms * _PPM)

    def price_at_least(self, counted_microatoms: int, atoms: int) -> int:
        """Where the prices end at which what counts is worth `atoms` or more: the lowest, or of a debt the highest."""
        unit, worth = counted_microatoms * self.quote_atoms, atoms * self.asset_atoms * _PPM
        return -(-worth // unit) if unit > 0 else worth // unit

    def price_at_most(self, counted_microatoms: int, atoms: int) -> int:
        """Where the prices end at which what counts is worth `atoms` or less: the highest, or of a debt the lowest."""
        unit, over = counted_microatoms * self.quote_atoms, (atoms + 1) * self.asset_atoms * _PPM
        return (over - 1) // unit if unit > 0 else over // unit + 1

"""How an asset is converted into the one that accounts settle in, and how much of it counts as collateral."""

from __future__ import annotations

import msgspec

from ..bodies.collateral import CollateralTier

__all__ = ["Conversion"]

_PPM = 10**6


class Conversion(msgspec.Struct, array_like=True, gc=False):
    """`asset_atoms` are worth `price_ticks` x `quote_atoms`; the price is 0 until there is one.

    `index_ticks` is the price of the asset's own market, and `priced_seq` the event that set both.
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

    def worth_atoms(self, atoms: int) -> int:
        """What so much is worth in the quote, rounded down: a debt is never told smaller than it is."""
        return atoms * self.price_ticks * self.quote_atoms // self.asset_atoms

    def counted_microatoms(self, atoms: int) -> int:
        """How much of so much counts as collateral, tier by tier, in millionths of an atom; of a debt all. O(tiers)."""
        if atoms <= 0:
            return atoms * _PPM
        counted = 0
        for tier, above in zip(self.tiers, (*self.tiers[1:], None), strict=True):
            top_atoms = atoms if above is None else min(atoms, above.floor_atoms)
            if top_atoms > tier.floor_atoms:
                counted += (top_atoms - tier.floor_atoms) * tier.ratio_ppm
        return counted

    def counted_atoms(self, atoms: int) -> int:
        """What of that worth counts as collateral, in the quote, rounded down."""
        counted = self.counted_microatoms(atoms) * self.price_ticks * self.quote_atoms
        return counted // (self.asset_atoms * _PPM)

    def price_at_least(self, counted_microatoms: int, atoms: int) -> int:
        """Where the prices end at which what counts is worth `atoms` or more: the lowest, or of a debt the highest."""
        unit, worth = counted_microatoms * self.quote_atoms, atoms * self.asset_atoms * _PPM
        return -(-worth // unit) if unit > 0 else worth // unit

    def price_at_most(self, counted_microatoms: int, atoms: int) -> int:
        """Where the prices end at which what counts is worth `atoms` or less: the highest, or of a debt the lowest."""
        unit, over = counted_microatoms * self.quote_atoms, (atoms + 1) * self.asset_atoms * _PPM
        return (over - 1) // unit if unit > 0 else over // unit + 1

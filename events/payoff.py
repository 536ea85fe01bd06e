"""What a position is worth: the instrument's payoff, the one place that knows linear from inverse.

A payoff turns signed lots and a price in ticks into signed atoms of the settlement asset. Everything else (profit,
requirement, postings) is built from these values, so another payoff fits without another line elsewhere.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from .bodies.listing import InstrumentListed
from .errors import LedgerError

__all__ = ["LinearPayoff", "Payoff", "payoff_of"]


class Payoff(Protocol):
    """Values in atoms, with a stated rounding; a pure function of its arguments."""

    def value_atoms(self, size_lots: int, price_ticks: int) -> int:
        """What `size_lots` are worth at `price_ticks`, of the sign of the size for a linear contract."""
        ...

    def price_ticks(self, size_lots: int, value_atoms: int) -> int:
        """The price, rounded down to a tick, at which `size_lots` are worth `value_atoms`; for reading."""
        ...

    def price_at_least(self, size_lots: int, value_atoms: int) -> int:
        """Where the prices end at which `size_lots` are worth this much or more: a floor when long, else a ceiling."""
        ...

    def price_at_most(self, size_lots: int, value_atoms: int) -> int:
        """Where the prices end at which `size_lots` are worth this much or less: a ceiling when long, else a floor."""
        ...


class LinearPayoff(msgspec.Struct, frozen=True, gc=False):
    """value = size x price x multiplier: exact, nothing is rounded."""

    multiplier_atoms: int

    def value_atoms(self, size_lots: int, price_ticks: int) -> int:
        """What `size_lots` are worth at `price_ticks`; exact."""
        return size_lots * price_ticks * self.multiplier_atoms

    def price_ticks(self, size_lots: int, value_atoms: int) -> int:
        """The price, rounded down to a tick, at which `size_lots` are worth `value_atoms`."""
        return value_atoms // (size_lots * self.multiplier_atoms)

    def price_at_least(self, size_lots: int, value_atoms: int) -> int:
        """The lowest (long) or highest (short) price at which `size_lots` are worth `value_atoms` or more."""
        unit = size_lots * self.multiplier_atoms
        return -(-value_atoms // unit) if size_lots > 0 else value_atoms // unit

    def price_at_most(self, size_lots: int, value_atoms: int) -> int:
        """The highest (long) or lowest (short) price at which `size_lots` are worth `value_atoms` or less."""
        unit = size_lots * self.multiplier_atoms
        return value_atoms // unit if size_lots > 0 else -(-value_atoms // unit)


def payoff_of(listing: InstrumentListed) -> LinearPayoff:
    """The payoff of an instrument. Raises LedgerError for a kind that has none yet."""
    if listing.kind != "linear":
        message = f"instrument {listing.name!r}: no payoff for kind {listing.kind!r}; linear is the one there is"
        raise LedgerError(message)
    return LinearPayoff(listing.multiplier_atoms)

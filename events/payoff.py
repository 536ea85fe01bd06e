"""What a position is worth: the instrument's payoff, the one place that knows linear from inverse.

1. A payoff turns signed lots and a price in ticks into signed atoms of the settlement asset. Everything else (profit,
   requirement, postings) is built from these values, so another payoff fits without another line elsewhere.
2. A value is odd in the size: `value_atoms(-size, p) == -value_atoms(size, p)`. So both sides of a trade are worth the
   same with opposite signs, whatever was rounded, and money sums to zero exactly.
3. A long's value never falls as the price rises, and no position is worth zero at a price.
4. Profit is `value now - value then`. For an inverse contract, which owes a fixed amount of quote in coins, that makes
   a long's value negative: `size x multiplier x (1 / then - 1 / now)`.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, Protocol

import msgspec

from .bodies.listing import InstrumentKind, InstrumentListed
from .errors import LedgerError

__all__ = ["PRICE_TICKS_MOST", "AnyPayoff", "InversePayoff", "LinearPayoff", "Payoff", "payoff_for", "payoff_of"]

PRICE_TICKS_MOST = 2**63 - 1
"""Stands for a price beyond all others: at none is an inverse contract worth so little (or so much)."""


class Payoff(Protocol):
    """Values in atoms, with a stated rounding; a pure function of its arguments."""

    def value_atoms(self, size_lots: int, price_ticks: int) -> int:
        """What `size_lots` are worth at `price_ticks`: of the sign of the size if linear, of the other if inverse."""
        ...

    def funding_nanoatoms(self, price_ticks: int, rate_ppb: int) -> int:
        """What a lot that is long pays at this rate of its notional; of the sign of the rate."""
        ...

    def price_ticks(self, size_lots: int, value_atoms: int) -> int:
        """The price in ticks at which `size_lots` are worth `value_atoms`, with a stated rounding; for reading."""
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

    def funding_nanoatoms(self, price_ticks: int, rate_ppb: int) -> int:
        """What a lot that is long pays at this rate; exact, as a billionth of an atom is a nanoatom."""
        return price_ticks * self.multiplier_atoms * rate_ppb

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


class InversePayoff(NamedTuple):
    """value = -size x multiplier / price, in atoms of the coin; its magnitude is rounded up to an atom.

    `multiplier_atoms` is what one lot, a fixed amount of quote, comes to at a price of one tick. Prices saturate at
    `PRICE_TICKS_MOST`, which also stands where no price is high enough.
    """

    # A tuple, which is an array in a stored state and is so told apart from a linear payoff, a map there.
    multiplier_atoms: int

    def value_atoms(self, size_lots: int, price_ticks: int) -> int:
        """What `size_lots` are worth at `price_ticks`, rounded away from zero; nothing where there is no price."""
        if not price_ticks:
            return 0
        if size_lots > 0:
            return -size_lots * self.multiplier_atoms // price_ticks
        return -(size_lots * self.multiplier_atoms // price_ticks)

    def funding_nanoatoms(self, price_ticks: int, rate_ppb: int) -> int:
        """What a lot that is long pays at this rate of its unrounded notional, rounded toward zero."""
        paid = self.multiplier_atoms * abs(rate_ppb) // price_ticks
        return paid if rate_ppb > 0 else -paid

    def price_ticks(self, size_lots: int, value_atoms: int) -> int:
        """The price, to the nearest tick, halves up, at which the unrounded value of `size_lots` is `value_atoms`.

        Not rounded down: a value is rounded itself, and so a price of whole ticks is found again from it.
        """
        worth = -value_atoms if size_lots > 0 else value_atoms
        if worth <= 0:
            return PRICE_TICKS_MOST
        return min((2 * abs(size_lots) * self.multiplier_atoms + worth) // (2 * worth), PRICE_TICKS_MOST)

    def price_at_least(self, size_lots: int, value_atoms: int) -> int:
        """The lowest (long) or highest (short) price at which `size_lots` are worth `value_atoms` or more."""
        return self._lowest(size_lots, -value_atoms) if size_lots > 0 else self._highest(-size_lots, value_atoms)

    def price_at_most(self, size_lots: int, value_atoms: int) -> int:
        """The highest (long) or lowest (short) price at which `size_lots` are worth `value_atoms` or less."""
        return self._highest(size_lots, -value_atoms) if size_lots > 0 else self._lowest(-size_lots, value_atoms)

    def _lowest(self, lots: int, worth_atoms: int) -> int:
        """From which price on so many lots, without their sign, are worth no more than this."""
        if worth_atoms < 1:
            return PRICE_TICKS_MOST
        return min(-(-lots * self.multiplier_atoms // worth_atoms), PRICE_TICKS_MOST)

    def _highest(self, lots: int, worth_atoms: int) -> int:
        """Up to which price so many lots, without their sign, are worth no less than this."""
        if worth_atoms <= 1:
            return PRICE_TICKS_MOST
        return min((lots * self.multiplier_atoms - 1) // (worth_atoms - 1), PRICE_TICKS_MOST)


AnyPayoff = LinearPayoff | InversePayoff
"""Every payoff there is: what a market holds, and what a stored state is read back as."""


@cache
def payoff_for(kind: InstrumentKind, multiplier_atoms: int) -> AnyPayoff:
    """The payoff of a kind of instrument. Raises LedgerError for a kind that has none."""
    if kind in ("linear", "spot", "option"):
        return LinearPayoff(multiplier_atoms)
    if kind == "inverse":
        return InversePayoff(multiplier_atoms)
    message = f"no payoff for kind {kind!r}; there are linear (which spot and option are as well) and inverse"
    raise LedgerError(message)


def payoff_of(listing: InstrumentListed) -> AnyPayoff:
    """The payoff of an instrument. Raises LedgerError for a kind that has none."""
    try:
        return payoff_for(listing.kind, listing.multiplier_atoms)
    except LedgerError as error:
        message = f"instrument {listing.name!r}: {error}"
        raise LedgerError(message) from error

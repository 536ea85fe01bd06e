"""Fine units as text."""

from __future__ import annotations

from ....sim.quantities import grouped, trimmed
from ....sim.units import atoms_to_text, divide_half_even
from .fills import FINE

__all__ = ["basis_points", "money", "units"]

_DECIMALS = 12
_BPS_DECIMALS = 4


def units(fine: int) -> str:
    """A size or a price, with no more decimals than it has."""
    return _trimmed(atoms_to_text(fine, _DECIMALS))


def money(fine: int) -> str:
    """An amount to the last decimal that it has, of at most twelve."""
    return units(divide_half_even(fine, FINE))


def basis_points(numerator: int, denominator: int) -> str:
    """A ratio in basis points, rounded to four decimals; the denominator must be positive."""
    scaled = divide_half_even(numerator * 10 ** (4 + _BPS_DECIMALS), denominator)
    return f"{_trimmed(atoms_to_text(scaled, _BPS_DECIMALS))} bps"


def _trimmed(text: str) -> str:
    return trimmed(grouped(text))

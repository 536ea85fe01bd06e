"""Numbers as formulas take them: whole, decimal or a fraction; never a float."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from math import floor

__all__ = ["Number", "exact", "rounded", "rounded_to_step", "size_of"]

Number = int | Decimal | Fraction

_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)


def exact(number: Number) -> Fraction:
    """The number as a fraction. Raises ValueError for a float, an infinite number or none at all."""
    if not isinstance(number, int | Decimal | Fraction) or (isinstance(number, Decimal) and not number.is_finite()):
        message = f"{number!r} is not an exact number; give an integer, a Decimal or a Fraction"
        raise ValueError(message)
    return Fraction(number)


def size_of(size: Number) -> Fraction:
    """A signed size that is not zero. Raises ValueError."""
    found = exact(size)
    if not found:
        message = "a size of 0 has no price; give a position that is open, negative when short"
        raise ValueError(message)
    return found


def rounded(number: Fraction, decimals: int) -> Decimal:
    """To so many decimals, halves away from zero: as worked examples are printed."""
    scale = 10**decimals
    whole = (2 * abs(number.numerator) * scale + number.denominator) // (2 * number.denominator)
    return Decimal(whole if number >= 0 else -whole).scaleb(-decimals, _CONTEXT)


def rounded_to_step(number: Fraction, step: Number) -> Fraction:
    """To the nearest multiple of a step, halves up."""
    size = exact(step)
    return floor(Fraction(number, size) + Fraction(1, 2)) * size

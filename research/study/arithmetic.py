"""Exact arithmetic on the decimals of a file.

1. Sums, differences and products are exact whatever the number of digits: a study runs under `exact()`.
2. A quotient is taken to 50 digits by `quotient`, never by `/`, which would have no end under `exact()`.
3. No figure passes through a float. Files written by others hold decimals that did: `same` says when two of them are
   one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation, localcontext

from deleverage.sim.units import CONTEXT

__all__ = [
    "DUST",
    "exact",
    "holding",
    "mean",
    "median",
    "percent",
    "percentile",
    "quotient",
    "rounded",
    "same",
    "total",
]

DUST = Decimal("0.000001")
"""A ten-thousandth of a cent: what dollars may be apart that were summed as floats."""

_PARTS = Decimal("1E-9")
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation])
_ROUNDING = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[InvalidOperation])


def exact() -> AbstractContextManager[Context]:
    """The context in which `+`, `-` and `*` never round."""
    return localcontext(_EXACT)


def total(values: Iterable[Decimal]) -> Decimal:
    """The sum; 0 of nothing."""
    return sum(values, Decimal(0))


def quotient(value: Decimal | int, divisor: Decimal | int) -> Decimal:
    """Value / divisor to 50 digits, half to even; 0 where the divisor is 0, for which no published figure stands."""
    return CONTEXT.divide(Decimal(value), Decimal(divisor)) if divisor else Decimal(0)


def percent(part: Decimal | int, whole: Decimal | int) -> Decimal:
    """The share of the part in the whole, in percent."""
    return quotient(Decimal(part) * 100, whole)


def mean(values: Sequence[Decimal]) -> Decimal:
    """The arithmetic mean; 0 of nothing."""
    return quotient(total(values), len(values))


def median(values: Iterable[Decimal]) -> Decimal:
    """The middle value, or the mean of the two in the middle; 0 of nothing."""
    return percentile(values, 50)


def percentile(values: Iterable[Decimal], percentage: int) -> Decimal:
    """The percentile between the two nearest ranks, in proportion, as the published ones are; 0 of nothing."""
    ranked = sorted(values)
    if not ranked:
        return Decimal(0)
    rank, hundredths = divmod((len(ranked) - 1) * percentage, 100)
    above = ranked[min(rank + 1, len(ranked) - 1)]
    return ranked[rank] + (above - ranked[rank]) * Decimal(hundredths).scaleb(-2)


def rounded(value: Decimal, decimals: int) -> Decimal:
    """The value to so many decimals, half to even: for people only."""
    return _ROUNDING.quantize(value, Decimal(1).scaleb(-decimals))


def same(one: Decimal, other: Decimal, slack: Decimal = Decimal(0)) -> bool:
    """Whether two figures are one: within a billionth of the larger, or within `slack`."""
    apart = abs(one - other)
    return apart <= slack or apart <= _PARTS * max(abs(one), abs(other))


def holding(pairs: Iterable[tuple[Decimal, Decimal]], slack: Decimal = Decimal(0)) -> tuple[int, int]:
    """How many of the pairs are one figure, and how many pairs there are."""
    found = [same(one, other, slack) for one, other in pairs]
    return sum(found), len(found)

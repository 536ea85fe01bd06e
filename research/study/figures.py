"""A published figure: what it is, in what it is counted, what its prices are, and where it stands.

1. `unit` says what is counted: contracts, fills, accounts, or dollars of something. Dollars of notional, of profit, of
   equity and of the gap between mark and execution are four things; the names are those of the publication.
2. `prices` says what the figure values with. HELD prices are those that really came about, kept for a course of events
   that did not; no figure here lets prices answer to what is done, so none is endogenous.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

__all__ = ["Figure", "Prices", "Source"]


class Prices(StrEnum):
    """With what prices a figure is valued."""

    NONE = "no prices"
    TRADED = "prices as traded"
    HELD = "prices held"


class Source(NamedTuple):
    """A publication, and where in it."""

    where: str
    place: str


class Figure(NamedTuple):
    """A figure by its stable name; `published` keeps the digits it was printed with, None where nobody printed it."""

    name: str
    what: str
    published: Decimal | None
    unit: str
    prices: Prices
    source: Source | None
    decimals: int

    @property
    def section(self) -> str:
        """The part of the study it belongs to."""
        return self.name.partition(".")[0]

    @property
    def half_unit(self) -> Decimal:
        """Half a unit of the last digit it was printed with."""
        assert self.published is not None
        exponent = self.published.as_tuple().exponent
        assert isinstance(exponent, int)
        return Decimal(5).scaleb(exponent - 1)

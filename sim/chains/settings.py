"""The schema of options in a scenario file: chains, surfaces of volatility, and who holds options."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from ...events.bodies.options import OptionRight, SettledIn
from ..checks import FEW, check_name, check_range, require
from ..units import INT64_MAX

__all__ = ["Book", "ChainSettings", "HoldersSettings", "SmileSettings", "SurfaceSettings"]

Number = Decimal | int
Pairs = Annotated[tuple[tuple[Number, Number], ...], FEW]

Book = Literal["short call", "short put", "short strangle", "short straddle", "long call", "long put", "covered call"]

_MOST = 10**15


class ChainSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options on `underlying` that expire `expires_ns` after the start, at `strikes` or at multiples of its price.

    `lot_size` is in units of the underlying, `tick_size` in what the option is quoted in: the quote currency, or the
    coin where it settles `in_coin`. `depth` has [distance in bps, units up to there], for both sides. Of several venues
    it is listed at `venue` alone, or at all that list the underlying.
    """

    underlying: str
    expires_ns: Annotated[tuple[int | str, ...], FEW]
    tick_size: Number
    lot_size: Number
    strikes: Annotated[tuple[Number, ...], FEW] = ()
    moneyness: Annotated[tuple[Number, ...], FEW] = ()
    strike_step: Number = 1
    rights: tuple[OptionRight, ...] = ("call", "put")
    settled_in: SettledIn = "cash"
    depth: Pairs = ()
    refill_half_life_ns: int = 30_000_000_000
    venue: str | None = None

    def __post_init__(self) -> None:
        """Refuse a chain of nothing, and steps that nothing can be counted in."""
        require(bool(self.expires_ns) and bool(self.rights), "a chain has expiries and rights")
        require(bool(self.strikes) != bool(self.moneyness), "give either strikes or moneyness")
        for name in ("tick_size", "lot_size", "strike_step"):
            check_range(name, getattr(self, name), Decimal("1e-18"), _MOST)
        for price in (*self.strikes, *self.moneyness):
            check_range("a strike", price, Decimal("1e-18"), _MOST)
        for bps, units in self.depth:
            check_range("depth: a distance", bps, 1, 9_999)
            check_range("depth: an amount", units, 0, _MOST)


class SmileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One expiry's volatilities, 0.6 being 60%: `svi` = [a, b, rho, m, sigma], or pairs by strike or by moneyness."""

    expires_ns: int | str
    svi: tuple[Number, ...] = ()
    strikes: Pairs = ()
    moneyness: Pairs = ()

    def __post_init__(self) -> None:
        """Refuse a smile that is none, or two."""
        stated = sum(map(bool, (self.svi, self.strikes, self.moneyness)))
        require(stated == 1, "a smile has one of svi, strikes and moneyness")
        require(len(self.svi) in {0, 5}, "svi has five figures: a, b, rho, m, sigma")
        for figure in (*self.svi, *(one for pair in (*self.strikes, *self.moneyness) for one in pair)):
            check_range("a figure of a smile", figure, -_MOST, _MOST)


class SurfaceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The volatilities of the options on `underlying`, in the order of expiry, from `from_ns` after the start on.

    Moneyness is that of `forward`, without it of the opening price. Of several venues they hold at `venue`, or at all
    that have none of their own.
    """

    underlying: str
    smiles: Annotated[tuple[SmileSettings, ...], FEW]
    venue: str | None = None
    from_ns: int = 0
    forward: Number | None = None

    def __post_init__(self) -> None:
        """Refuse what was drawn before there was anything, and at no price."""
        check_range("from_ns", self.from_ns, 0, INT64_MAX)
        if self.forward is not None:
            check_range("forward", self.forward, Decimal("1e-18"), _MOST)


class HoldersSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accounts that hold options, `name`-1, `name`-2, ..., each one of `books` by weight, up to `units_most` units.

    Equity as the run begins is the standard initial margin of what is short times a draw from `margin`, beside
    twice the premium of what is long. Of several venues they have accounts at `venue`, or at all with such options.
    """

    accounts: int
    books: dict[Book, Number]
    units_most: Number
    margin: tuple[Number, Number] = (Decimal("1.1"), Decimal(3))
    name: str = "writer"
    underlying: str | None = None
    venue: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn from."""
        check_name(self.name)
        check_range("accounts", self.accounts, 1, INT64_MAX)
        check_range("units_most", self.units_most, Decimal("1e-18"), _MOST)
        require(0 < self.margin[0] <= self.margin[1] <= _MOST, "margin must be [least, most], above 0")
        for book, weight in self.books.items():
            check_range(f"books.{book}", weight, 0, 10**9)
        require(any(self.books.values()), "books needs at least one weight above 0")

"""Whole numbers as text for people: money, prices, sizes, shares, times.

1. Exact unless the name says `rounded`; rounded is half to even.
2. Thousands are set apart by commas, decimals are those of the scale, so that columns line up.
"""

from __future__ import annotations

from ..events.bodies.listing import AssetListed, InstrumentListed
from .quantities import RATES, Quantity, amount_scale, grouped, price_scale, size_scale
from .units import atoms_to_text, divide_half_even

__all__ = [
    "SCORE_DECIMALS",
    "count",
    "duration",
    "exact_money",
    "grouped",
    "percent",
    "percent_of_ppm",
    "price",
    "rounded_money",
    "score_text",
    "size",
]

SCORE_DECIMALS = 9
"""A score is recorded as floor(score x 10^9)."""

_CENT_DECIMALS = 2
_NS = 10**9


def count(number: int, one: str, many: str = "") -> str:
    """`1 round`, `2 rounds`; `many` where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def exact_money(atoms: int, asset: AssetListed) -> str:
    """An amount with all decimals of its asset, without its name."""
    return Quantity(atoms, amount_scale(asset)).text


def rounded_money(atoms: int, asset: AssetListed) -> str:
    """An amount in hundredths of its asset, or exact where it has fewer decimals."""
    if asset.decimals <= _CENT_DECIMALS:
        return exact_money(atoms, asset)
    cents = divide_half_even(atoms, 10 ** (asset.decimals - _CENT_DECIMALS))
    return grouped(atoms_to_text(cents, _CENT_DECIMALS))


def price(ticks: int, listing: InstrumentListed) -> str:
    """A price in quote."""
    return Quantity(ticks, price_scale(listing)).text


def size(lots: int, listing: InstrumentListed) -> str:
    """A size in units, negative when short or sold."""
    return Quantity(lots, size_scale(listing)).text


def score_text(score: int) -> str:
    """A score as the formula gives it, cut after nine decimals as it is recorded."""
    return grouped(atoms_to_text(score, SCORE_DECIMALS))


def percent(part: int, whole: int) -> str:
    """The share `part` / `whole` in percent with a sign, rounded to a hundredth; `whole` must be positive."""
    hundredths = divide_half_even(part * 10_000, whole)
    return f"{'-' if hundredths < 0 else '+'}{abs(hundredths) // 100:,}.{abs(hundredths) % 100:02d}%"


def percent_of_ppm(ppm: int) -> str:
    """Parts per million as percent: 850000 is `85%`."""
    return Quantity(ppm, RATES["ppm"]).text


def duration(length_ns: int) -> str:
    """A length of time such as `1d 2h 30m` or `12.5s`, exact; parts that are zero are left out."""
    seconds, rest_ns = divmod(length_ns, _NS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{value}{unit}" for value, unit in ((days, "d"), (hours, "h"), (minutes, "m")) if value]
    if seconds or rest_ns or not parts:
        decimals = f".{rest_ns:09d}".rstrip("0").rstrip(".")
        parts.append(f"{seconds}{decimals}s")
    return " ".join(parts)

"""Quantities: a whole number with what one step of it is, printed, read and made JSON of in one way everywhere.

1. The scale of an amount is its asset's, that of a price or a size its instrument's, as they were declared.
2. A field of an event is a quantity by its kind (`events/kinds.py`), which names the field that says whose scale it is.
3. Text is exact, with all decimals of the scale and the thousands set apart; a rate is in percent, without ending
   zeros.
4. As JSON it is `value` (a plain decimal, as text), `unit`, and the whole number under what is counted: `atoms`, ...
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Protocol

from ..events.bodies.listing import AssetListed, InstrumentListed
from ..events.kinds import Kind, kinds_of
from ..events.ledger import LedgerState
from ..events.vocabulary import Body
from .units import CONTEXT, parse_decimal, ticks_to_text, to_whole

__all__ = [
    "RATES",
    "SCORES",
    "SECONDS",
    "LedgerScales",
    "Quantity",
    "Scale",
    "Scales",
    "amount_scale",
    "amount_scale_of",
    "encoded",
    "grouped",
    "price_scale",
    "quantity_of",
    "size_scale",
    "trimmed",
]


class Scale(NamedTuple):
    """What one step is, in which unit, and what the steps are called. A rate's text does without ending zeros."""

    step: Decimal
    unit: str
    counted: str
    is_rate: bool = False


class Quantity:
    """So many steps of a scale. A struct that holds quantities is encoded with `enc_hook=encoded`."""

    __slots__ = ("number", "scale")

    def __init__(self, number: int, scale: Scale) -> None:
        self.number, self.scale = number, scale

    def __eq__(self, other: object) -> bool:
        """Whether it is as many steps of the same scale."""
        return isinstance(other, Quantity) and (self.number, self.scale) == (other.number, other.scale)

    def __hash__(self) -> int:
        """Equal ones have the same."""
        return hash((self.number, self.scale))

    def __repr__(self) -> str:
        """As it is written."""
        return f"Quantity({self})"

    def __neg__(self) -> Quantity:
        """As much of the other sign."""
        return Quantity(-self.number, self.scale)

    def __abs__(self) -> Quantity:
        """Without its sign."""
        return Quantity(abs(self.number), self.scale)

    @classmethod
    def parse(cls, text: str, scale: Scale) -> Quantity:
        """What somebody wrote, exactly. Raises ScenarioError for what is no number or not whole steps."""
        return cls(to_whole(parse_decimal(text), scale.step), scale)

    @property
    def value(self) -> str:
        """The plain decimal."""
        return ticks_to_text(self.number, self.scale.step)

    @property
    def text(self) -> str:
        """The number for people, without its unit; of a rate with it."""
        text = format(CONTEXT.multiply(self.number, self.scale.step), ",f")
        return f"{trimmed(text)}{self.scale.unit}" if self.scale.is_rate else text

    @property
    def signed(self) -> str:
        """The same with a plus before what is more than nothing."""
        return f"+{self.text}" if self.number > 0 else self.text

    @property
    def unit(self) -> str:
        """What it is counted in, such as the name of an asset."""
        return self.scale.unit

    def __str__(self) -> str:
        """The number for people, with its unit."""
        return self.text if self.scale.is_rate or not self.unit else f"{self.text} {self.unit}"

    def as_json(self) -> dict[str, str | int]:
        """Value, unit and whole number."""
        return {"value": self.value, "unit": self.scale.unit, self.scale.counted: self.number}


def encoded(value: object) -> dict[str, str | int]:
    """A quantity within what is encoded as JSON: the hook for msgspec. Raises TypeError for anything else."""
    if isinstance(value, Quantity):
        return value.as_json()
    raise TypeError(type(value).__name__)


def grouped(text: str) -> str:
    """A decimal with its thousands set apart."""
    return format(Decimal(text), ",f")


def trimmed(text: str) -> str:
    """A decimal without zeros at the end of its decimals."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def amount_scale(asset: AssetListed) -> Scale:
    """Of amounts of an asset."""
    return amount_scale_of(asset.name, asset.decimals)


@lru_cache(maxsize=1024)
def amount_scale_of(name: str, decimals: int) -> Scale:
    """Of amounts of an asset of that name and so many decimals."""
    return Scale(Decimal((0, (1,), -decimals)), name, "atoms")


def price_scale(listing: InstrumentListed) -> Scale:
    """Of prices of an instrument, in its quote."""
    return _scale(listing.tick_size, "quote", "ticks")


def size_scale(listing: InstrumentListed) -> Scale:
    """Of sizes in an instrument, in its own units."""
    return _scale(listing.lot_size, listing.name, "lots")


@lru_cache(maxsize=1024)
def _scale(step: str, unit: str, counted: str) -> Scale:
    return Scale(Decimal(step), unit, counted)


RATES = {
    unit: Scale(Decimal((0, (1,), -decimals)), "%", unit, is_rate=True)
    for unit, decimals in (("bps", 2), ("ppm", 4), ("ppb", 7))
}
"""Of rates in basis points, in parts per million and per billion."""


SCORES = Scale(Decimal((0, (1,), -9)), "", "billionths")
"""Of scores, which are recorded as floor(score x 10^9)."""

SECONDS = Scale(Decimal((0, (1,), -9)), "s", "ns")
"""Of lengths of time."""


class Scales(Protocol):
    """Where scales are looked up: whatever knows what a run declared. None stands for what it does not know."""

    def asset_listed(self, asset: int) -> AssetListed | None:
        """An asset."""
        ...

    def instrument_listed(self, instrument: int) -> InstrumentListed | None:
        """An instrument."""
        ...

    def asset_of_account(self, account: int) -> AssetListed | None:
        """The asset that an account settles in."""
        ...


class LedgerScales:
    """The scales that the ledger of a run declares, now or later."""

    def __init__(self, ledger: LedgerState) -> None:
        self._ledger = ledger

    def asset_listed(self, asset: int) -> AssetListed | None:
        """An asset, None where it is not declared."""
        assets = self._ledger.assets
        return assets[asset] if 0 <= asset < len(assets) else None

    def instrument_listed(self, instrument: int) -> InstrumentListed | None:
        """An instrument, None where it is not declared."""
        markets = self._ledger.markets
        return markets[instrument].listing if 0 <= instrument < len(markets) else None

    def asset_of_account(self, account: int) -> AssetListed | None:
        """The asset that an account settles in, None where it is not declared."""
        accounts = self._ledger.accounts
        return self.asset_listed(accounts[account].asset) if 0 <= account < len(accounts) else None


def quantity_of(body: Body, field: str, scales: Scales) -> Quantity | None:
    """A field of an event as a quantity; None for what is none, is empty, or whose scale is not known."""
    kind, number = kinds_of(type(body))[field], getattr(body, field)
    if kind is None or type(number) is not int:
        return None
    scale = RATES.get(kind.unit) or _scale_of(body, kind, scales)
    if scale is None:
        return None
    if kind.finer:
        scale = scale._replace(step=CONTEXT.scaleb(scale.step, -kind.finer), counted=kind.unit)
    return Quantity(number, scale)


def _scale_of(body: Body, kind: Kind, scales: Scales) -> Scale | None:
    if kind.name not in ("amount", "price", "size"):
        return None
    whose, of = getattr(body, kind.of), kinds_of(type(body))[kind.of]
    if whose is None or of is None:
        return None
    if kind.name == "amount":
        asset = _asset_of(of.name, whose, scales)
        return None if asset is None else amount_scale(asset)
    listing = scales.instrument_listed(whose)
    if listing is None:
        return None
    return price_scale(listing) if kind.name == "price" else size_scale(listing)


def _asset_of(of: str, number: int, scales: Scales) -> AssetListed | None:
    """The asset of an account or an instrument, or the asset itself."""
    if of == "account":
        return scales.asset_of_account(number)
    if of == "instrument":
        listing = scales.instrument_listed(number)
        return None if listing is None else scales.asset_listed(listing.asset)
    return scales.asset_listed(number)

"""What the fields of events are: each has a kind, which says its unit and whose it is. The bytes know nothing of it.

1. A field that holds a number is annotated with one of the types below; `kinds_of` reads the kinds of a type of event.
2. A *quantity* (amount, price, size) is whole steps of a scale. `of` is the field beside it that says whose scale: an
   account or an asset of an amount, an instrument of a price, a size, or an amount in its asset.
3. A *reference* is a number that stands for something else. One that `declares` gives that number to what the event
   brings into being.
4. A structure may have a kind of its own, as its class's `kind`.
5. A field without a kind is text, a flag or a structure, and is taken as it is.
"""

from __future__ import annotations

from functools import cache
from inspect import get_annotations
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec

__all__ = [
    "FOR_GOOD_NS",
    "AccountAmount",
    "AccountNumber",
    "AgainstLeg",
    "AssetAmount",
    "AssetNumber",
    "Constituents",
    "Count",
    "CounterpartyLeg",
    "DebtAmount",
    "DeclaredAccount",
    "DeclaredAsset",
    "DeclaredFault",
    "DeclaredInstrument",
    "DeclaredLiquidation",
    "DeclaredOrder",
    "DeclaredRound",
    "Depth",
    "Duration",
    "EventNumber",
    "FaultNumber",
    "FeeAmount",
    "FundAmount",
    "InstrumentAmount",
    "InstrumentMicroPrice",
    "InstrumentNanoAmount",
    "InstrumentNumber",
    "Kind",
    "LeftOut",
    "Leg",
    "LiquidationNumber",
    "LotAmount",
    "Makers",
    "Notes",
    "OrderNumber",
    "OrderSize",
    "Price",
    "Prices",
    "QuoteAmount",
    "RateBps",
    "RatePpb",
    "RatePpm",
    "RoundNumber",
    "Score",
    "Size",
    "SourceNumber",
    "TableColumn",
    "Time",
    "TradeNumber",
    "VenueNumber",
    "columns_of",
    "evaluated",
    "kinds_of",
]


FOR_GOOD_NS = 2**63 - 1
"""The time that never comes: until when something holds that holds for good."""


class Kind(NamedTuple):
    """What a field is. `finer` are the decimals by which its unit is finer than the scale's: 9 for nanoatoms."""

    name: str
    unit: str = ""
    of: str = ""
    finer: int = 0
    declares: bool = False


AccountNumber = Annotated[int, Kind("account")]
InstrumentNumber = Annotated[int, Kind("instrument")]
AssetNumber = Annotated[int, Kind("asset")]
LiquidationNumber = Annotated[int, Kind("liquidation")]
RoundNumber = Annotated[int, Kind("round")]
OrderNumber = Annotated[int, Kind("order")]
FaultNumber = Annotated[int, Kind("fault")]
DeclaredAccount = Annotated[int, Kind("account", declares=True)]
DeclaredInstrument = Annotated[int, Kind("instrument", declares=True)]
DeclaredAsset = Annotated[int, Kind("asset", declares=True)]
DeclaredLiquidation = Annotated[int, Kind("liquidation", declares=True)]
DeclaredRound = Annotated[int, Kind("round", declares=True)]
DeclaredOrder = Annotated[int, Kind("order", declares=True)]
DeclaredFault = Annotated[int, Kind("fault", declares=True)]

TradeNumber = Annotated[int, Kind("trade")]
"""Counted within the run; a number that the venue gave is a `VenueNumber`, which is a fact."""
VenueNumber = Annotated[int, Kind("venue's number")]
SourceNumber = Annotated[int, Kind("source")]
EventNumber = Annotated[int, Kind("event")]

Leg = Annotated[int, Kind("leg", of="account")]
CounterpartyLeg = Annotated[int, Kind("leg", of="counterparty")]
AgainstLeg = Annotated[int, Kind("leg", of="against")]
"""A side of somebody's position; in the insurance fund the liquidation that a lot came from."""

AccountAmount = Annotated[int, Kind("amount", "atoms", of="account")]
AssetAmount = Annotated[int, Kind("amount", "atoms", of="asset")]
QuoteAmount = Annotated[int, Kind("amount", "atoms", of="quote")]
FeeAmount = Annotated[int, Kind("amount", "atoms", of="fee_asset")]
DebtAmount = Annotated[int, Kind("amount", "atoms", of="debt_asset")]
LotAmount = Annotated[int, Kind("amount", "atoms", of="lot_asset")]
FundAmount = Annotated[int, Kind("amount", "atoms", of="fund")]
InstrumentAmount = Annotated[int, Kind("amount", "atoms", of="instrument")]
InstrumentNanoAmount = Annotated[int, Kind("amount", "nanoatoms", of="instrument", finer=9)]
Price = Annotated[int, Kind("price", "ticks", of="instrument")]
InstrumentMicroPrice = Annotated[int, Kind("price", "microticks", of="instrument", finer=6)]
Size = Annotated[int, Kind("size", "lots", of="instrument")]
OrderSize = Annotated[int, Kind("count", "lots", of="order_id")]
"""Lots in the instrument of an order, which the event itself does not name: a count, for it tells no scale of them."""

RateBps = Annotated[int, Kind("rate", "bps")]
RatePpm = Annotated[int, Kind("rate", "ppm")]
RatePpb = Annotated[int, Kind("rate", "ppb")]
Time = Annotated[int, Kind("time", "ns")]
Duration = Annotated[int, Kind("duration", "ns")]
Count = Annotated[int, Kind("count")]
Score = Annotated[int, Kind("score")]

Prices = Annotated[tuple[tuple[int, int], ...], Kind("prices")]
"""(instrument, ticks) of each."""
Depth = Annotated[tuple[tuple[int, int], ...], Kind("depth", of="instrument")]
"""(distance in basis points, lots up to there) of each band."""
Constituents = Annotated[tuple[tuple[str, int, int], ...], Kind("constituents", of="instrument")]
"""(name, ticks, weight in basis points) of each."""
LeftOut = Annotated[tuple[tuple[str, int, str], ...], Kind("left out", of="instrument")]
"""(name, ticks, reason) of each."""
Makers = Annotated[tuple[int | None, ...], Kind("makers")]
"""Whose each band is: an account, None for outside liquidity."""
Notes = Annotated[tuple[int, ...], Kind("notes")]
"""What a handler noted: whole numbers of which it alone knows what they count."""


class TableColumn(NamedTuple):
    """A field as a column of a table: `kind` is `text`, `flag`, `bytes` or `structure` where the field has none."""

    name: str
    kind: str
    unit: str
    of: str


@cache
def kinds_of(body_type: type[msgspec.Struct]) -> dict[str, Kind | None]:
    """The kind of each field of a type, in the order of the fields; None for those without."""
    hints = _hints(body_type)
    return {name: _kind(hints[name]) for name in body_type.__struct_fields__}


def columns_of(body_type: type[msgspec.Struct]) -> tuple[TableColumn, ...]:
    """The columns that a table of a type's events has: name, kind, unit, and the field that says whose scale it is."""
    hints = _hints(body_type)
    kinds = ((name, kind or Kind(_plain(hints[name]))) for name, kind in kinds_of(body_type).items())
    return tuple(TableColumn(name, kind.name, kind.unit, kind.of) for name, kind in kinds)


def _hints(body_type: type[msgspec.Struct]) -> dict[str, Any]:
    """The annotations of a type's fields, and of those that it has from another type."""
    bases = [base for base in reversed(body_type.__mro__) if getattr(base, "__struct_fields__", ())]
    return {name: hint for base in bases for name, hint in evaluated(base).items()}


def evaluated(kind: type) -> dict[str, Any]:
    """The annotations of a class, which has them so from now on: msgspec would work out each text of them anew."""
    told = get_annotations(kind, eval_str=True)
    if told:
        kind.__annotations__.update(told)
    return told


def _plain(hint: Any) -> str:
    """What a field without a kind holds."""
    if get_origin(hint) in (Annotated, Literal) or hint is str:
        return "text"
    return {bool: "flag", bytes: "bytes"}.get(hint, "structure")


def _kind(hint: Any) -> Kind | None:
    if isinstance(mark := getattr(hint, "kind", None), Kind):
        return mark
    if get_origin(hint) is Annotated:
        return next((mark for mark in hint.__metadata__ if isinstance(mark, Kind)), None)
    return next((kind for kind in map(_kind, get_args(hint)) if kind is not None), None)

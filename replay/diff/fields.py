"""What each field of an event is to a comparison: a figure, a name, a reference, or a number that only counts.

1. A field is a figure, compared as it is, unless the table below says something else.
2. Accounts, instruments and assets are small numbers for names: they are compared by name.
3. `liquidation_id`, `round` and `order_id` are counted within a run. They refer to the event that began the
   liquidation, the round or the order: the same if that is the same event, whatever its number.
4. A leg is a side of a position; in the insurance fund it is the liquidation that a lot came from.
5. Left out is what only counts or tells where something was read or how it is proved: trade and step numbers, the timer
   that fired (it is the cause), source and row, the round that a digest continues, and the digest of a ranking (policy,
   candidates, ranks and scores are compared).
6. What comes from outside with a number of its own (the venue's trade and order ids) keeps it: that is a fact.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ...events.bodies.inputs import FillReported, PriceTicked, TradeExecuted
from ...events.bodies.liquidation import LiquidationOrdered, LiquidationStarted
from ...events.bodies.listing import AccountOpened, AssetListed, InstrumentListed
from ...events.bodies.run import RunEnded, RunForked, RunStarted, SourceOpened
from ...events.bodies.waterfall import DeleveragingStarted
from ...events.vocabulary import ACCOUNT_FIELDS, BODY_TYPES, Body

__all__ = ["DECLARES", "DEFINES", "LEG_PARTIES", "NAMED", "SHAPES", "UNITS", "Role", "Shape", "classified"]


class Role(Enum):
    """How a field is compared."""

    FIGURE = "as it is"
    ACCOUNT = "by the account's name"
    INSTRUMENT = "by the instrument's name"
    ASSET = "by the asset's name"
    PRICES = "pairs of instrument and price"
    LIQUIDATION = "by the liquidation's beginning"
    ROUND = "by the round's beginning"
    ORDER = "by the order"
    LEG = "a side, or in the fund a liquidation"
    LEFT_OUT = "not compared"


UNITS = ("_atoms", "_microatoms", "_nanoatoms", "_ticks", "_microticks", "_lots", "_ns", "_bps", "_ppm", "_ppb")
"""A whole number whose name ends with a unit is a figure."""

LEG_PARTIES = {"leg": "account", "counterparty_leg": "counterparty", "against_leg": "against"}
"""Whose leg it is."""

_BY_NAME: dict[str, Role] = {
    "instrument": Role.INSTRUMENT,
    "asset": Role.ASSET,
    "fee_asset": Role.ASSET,
    "liquidation_id": Role.LIQUIDATION,
    "round": Role.ROUND,
    "order_id": Role.ORDER,
    **dict.fromkeys(LEG_PARTIES, Role.LEG),
    **dict.fromkeys(
        ("trade_id", "step", "timer", "source", "provenance", "base_round", "ranking_digest"), Role.LEFT_OUT
    ),
    **dict.fromkeys(("schema", "seed", "at_seq", "inputs", "decimals", "bids", "asks"), Role.FIGURE),
    **dict.fromkeys(("candidates", "rank", "score", "values"), Role.FIGURE),
}

_BY_TYPE: dict[tuple[type[Body], str], Role] = {
    (AccountOpened, "account"): Role.LEFT_OUT,
    (InstrumentListed, "instrument"): Role.LEFT_OUT,
    (AssetListed, "asset"): Role.LEFT_OUT,
    (LiquidationStarted, "liquidation_id"): Role.LEFT_OUT,
    (DeleveragingStarted, "round"): Role.LEFT_OUT,
    (LiquidationOrdered, "order_id"): Role.LEFT_OUT,
    (TradeExecuted, "trade_id"): Role.FIGURE,
    (TradeExecuted, "order_id"): Role.FIGURE,
    (FillReported, "trade_id"): Role.FIGURE,
    (FillReported, "order_id"): Role.FIGURE,
    (PriceTicked, "prices"): Role.PRICES,
}
"""First of all the numbers that an event gives to what it begins or declares: they count."""

DECLARES: dict[type[Body], tuple[Role, str]] = {
    AccountOpened: (Role.ACCOUNT, "account"),
    InstrumentListed: (Role.INSTRUMENT, "instrument"),
    AssetListed: (Role.ASSET, "asset"),
}
"""Which events give a name to a number, and in which field the number is."""

DEFINES: dict[type[Body], tuple[Role, str]] = {
    LiquidationStarted: (Role.LIQUIDATION, "liquidation_id"),
    DeleveragingStarted: (Role.ROUND, "round"),
    LiquidationOrdered: (Role.ORDER, "order_id"),
}
"""Which events begin what others refer to by number."""

NAMED: frozenset[type[Body]] = frozenset(
    (RunStarted, RunForked, RunEnded, SourceOpened, AccountOpened, InstrumentListed, AssetListed)
)
"""The run's own events and declarations: one is the same in two runs by its type and name, whatever else it says."""


class Shape(NamedTuple):
    """The fields of a type that are compared: those taken as they are, and those that are looked up first."""

    tag: int
    figures: tuple[str, ...]
    looked_up: tuple[tuple[str, Role], ...]


def classified(body_type: type[Body], field: str) -> Role | None:
    """What the table says of a field; None where it says nothing."""
    if (body_type, field) in _BY_TYPE:
        return _BY_TYPE[body_type, field]
    return Role.ACCOUNT if field in ACCOUNT_FIELDS[body_type] else _BY_NAME.get(field)


def _shape(tag: int, body_type: type[Body]) -> Shape:
    roles = {field: classified(body_type, field) or Role.FIGURE for field in body_type.__struct_fields__}
    compared = {field: role for field, role in roles.items() if role is not Role.LEFT_OUT}
    figures = tuple(field for field, role in compared.items() if role is Role.FIGURE)
    return Shape(tag, figures, tuple((field, role) for field, role in compared.items() if role is not Role.FIGURE))


SHAPES: dict[type[Body], Shape] = {body_type: _shape(tag, body_type) for tag, body_type in enumerate(BODY_TYPES)}
"""A type's tag is its place in `BODY_TYPES`."""

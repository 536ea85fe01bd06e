"""The whole vocabulary: every type of event there is, and what follows from the declarations of all of them.

Tags are the format. They are never reused or renumbered; `tests/test_vocabulary.py` pins the bytes of one example each.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, get_args

from .bodies.auctions import AuctionsBody
from .bodies.chain import ChainBody
from .bodies.collateral import CollateralBody
from .bodies.faults import FaultsBody
from .bodies.inputs import InputsBody
from .bodies.invariants import InvariantsBody
from .bodies.liquidation import LiquidationBody
from .bodies.listing import ListingBody
from .bodies.loans import LoansBody
from .bodies.lots import LotsBody
from .bodies.margin import MarginBody
from .bodies.options import OptionsBody
from .bodies.ordering import OrderingBody
from .bodies.plugins import PluginsBody
from .bodies.redemption import RedemptionBody
from .bodies.run import RunBody
from .bodies.sharing import SharingBody
from .bodies.trading import TradingBody
from .bodies.venue import VenueBody
from .bodies.venues import VenuesBody
from .bodies.waterfall import WaterfallBody
from .kinds import kinds_of

__all__ = [
    "ACCOUNT_FIELDS",
    "BODY_TYPES",
    "FORCED_TYPES",
    "PUBLIC_TYPES",
    "SCHEMA",
    "SETTING_TYPES",
    "TYPES_BY_NAME",
    "Body",
    "accounts_forced",
    "accounts_named",
]

SCHEMA = 1
"""Raised only when the bytes of existing events change."""

Body = (
    RunBody
    | ListingBody
    | InputsBody
    | MarginBody
    | LiquidationBody
    | WaterfallBody
    | VenueBody
    | TradingBody
    | VenuesBody
    | FaultsBody
    | AuctionsBody
    | CollateralBody
    | RedemptionBody
    | ChainBody
    | LotsBody
    | LoansBody
    | OptionsBody
    | InvariantsBody
    | SharingBody
    | OrderingBody
    | PluginsBody
)

BODY_TYPES: tuple[type[Body], ...] = get_args(Body)
TYPES_BY_NAME: dict[str, type[Body]] = {body_type.__name__: body_type for body_type in BODY_TYPES}


def _account_fields(body_type: type[Body]) -> tuple[str, ...]:
    """The account that the event is about first, then the others in the order of the fields."""
    named = [name for name, kind in kinds_of(body_type).items() if kind is not None and kind.name == "account"]
    return tuple(sorted(named, key=lambda name: name != "account"))


ACCOUNT_FIELDS: dict[type[Body], tuple[str, ...]] = {kind: _account_fields(kind) for kind in BODY_TYPES}
"""The fields of each type that hold an account."""

PUBLIC_TYPES: frozenset[type[Body]] = frozenset(t for t, fields in ACCOUNT_FIELDS.items() if not fields)
"""Types that name no account: a run of them is one leaf of the Merkle tree."""

FORCED_TYPES: frozenset[type[Body]] = frozenset(kind for kind in BODY_TYPES if kind.forces)
"""Types that say what was forced of an account."""

SETTING_TYPES: frozenset[type[Body]] = frozenset(kind for kind in BODY_TYPES if kind.sets)
"""Types that set something of an instrument, or of no single one."""


def _accounts_of(names: tuple[str, ...]) -> Callable[[Body], tuple[Any, ...]]:
    """The values of these fields, as a tuple; nearly every event is asked for it, by several indexes."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda _: ()
    only = attrgetter(*names)
    return lambda body: (only(body),)


_ACCOUNTS = {kind: _accounts_of(names) for kind, names in ACCOUNT_FIELDS.items()}


def accounts_named(body: Body) -> tuple[int, ...]:
    """The accounts that a body names, the one that it is about first, without None."""
    values = _ACCOUNTS[type(body)](body)
    return values if None not in values else tuple(value for value in values if value is not None)


def accounts_forced(body: Body) -> tuple[int, ...]:
    """The account of whom a body says that something was forced; not who took the other side."""
    return accounts_named(body)[:1] if body.forces else ()

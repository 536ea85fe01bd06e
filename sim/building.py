"""Scenarios stated in Python: the tree that a TOML file of the same statements gives, and what may stand in it.

1. The keys are those of a file (`settings.py`), and go the same way from here on: the same checks, errors and digest.
2. A `float` is the decimal that it is written as, a `timedelta` so many nanoseconds, a `datetime` or a path its
   text. What is None is not stated.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from operator import index
from typing import Any, NotRequired, Required, TypedDict

from ..events.bodies.listing import InstrumentKind
from ..events.errors import ScenarioError
from .units import format_time_ns, time_ns_of

__all__ = ["Stated", "StatedAsset", "StatedInstrument", "StatedTier", "stated_tree"]

Number = int | float | Decimal
Span = int | str | timedelta
Table = Mapping[str, Any]


class StatedAsset(TypedDict):
    """A table of `[[assets]]`."""

    name: str
    decimals: int
    price: NotRequired[str]


class StatedTier(TypedDict):
    """One of an instrument's `tiers`."""

    floor: Number
    rate: Number
    initial: NotRequired[Number]


class StatedInstrument(TypedDict):
    """A table of `[[instruments]]`."""

    name: str
    asset: str
    tick_size: Number
    lot_size: Number
    tiers: NotRequired[Sequence[StatedTier]]
    kind: NotRequired[InstrumentKind]
    start_price: NotRequired[Number]
    refill_half_life_ns: NotRequired[Span]
    impact_bps: NotRequired[int]
    underlying: NotRequired[str]
    base: NotRequired[str]
    max_leverage: NotRequired[Number]
    position_limit: NotRequired[Number]
    position_value_limit: NotRequired[Number]
    open_interest_cap: NotRequired[Number]


class Stated(TypedDict, total=False):
    """A whole scenario. What a `source` or a `policy` takes is checked when the scenario is built."""

    name: Required[str]
    assets: Required[Sequence[StatedAsset]]
    instruments: Required[Sequence[StatedInstrument]]
    prices: Required[Table]
    population: Required[Table]
    depth: Table
    actors: Sequence[Table]
    options: Sequence[Table]
    volatility: Sequence[Table]
    option_holders: Sequence[Table]
    description: str
    venue: str
    venues: Sequence[Table]
    seed: int
    start: str | datetime
    end: str | datetime
    settle_ns: Span
    invariants: Table
    faults: Sequence[Table] | Table
    impact: Table
    makers: Table
    crowd: Table
    strategist: Table
    actor: Table
    dealers: Table
    orders: Table
    index: Table
    arbitrage: Table
    hedgers: Table
    ties: Table
    bridge: Table
    mark: Table
    chain: Table
    oracle: Table
    collateral: Table
    lending: Table
    borrowers: Table
    keepers: Table
    option_rules: Table
    breaker: Table
    margin_rules: Table
    margin: Table
    traders: Table
    redemptions: Table
    insurance_fund: Table
    liquidation: Table
    market: Table
    profit_cap: Table
    adl: Table
    socialization: Table
    funding: Table
    limits: Table


def stated_tree(stated: Mapping[str, Any]) -> dict[str, Any]:
    """The tree. Raises ScenarioError with the path of what no scenario can state."""
    return dict(_entries(stated, "$"))


def _entries(table: Mapping[Any, Any], where: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if value is not None:
            yield str(key), _plain(value, f"{where}.{key}")


def _plain(value: Any, where: str) -> Any:
    """A value as a file would have it."""
    if isinstance(value, str | bool | int | Decimal):
        return value
    if isinstance(value, float):
        return Decimal(float.__repr__(value))
    if isinstance(value, Mapping):
        return dict(_entries(value, where))
    if isinstance(value, list | tuple):
        return [_plain(one, f"{where}[{place}]") for place, one in enumerate(value)]
    return _text_or_number(value, where)


def _text_or_number(value: Any, where: str) -> str | int:
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1) * 1_000
    if isinstance(value, datetime):
        return format_time_ns(time_ns_of(value))
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if hasattr(value, "__index__"):
        return index(value)
    message = f"{where}: a scenario states numbers, texts, times, tables and lists, no {type(value).__name__}"
    raise ScenarioError(message)

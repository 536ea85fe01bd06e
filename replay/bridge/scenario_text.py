"""The scenario of a bridge as TOML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...events.bodies.listing import InstrumentListed
from ...events.ledger import Ledger
from ...sim.units import atoms_to_text

__all__ = ["ACCOUNTS", "PRICES", "SCENARIO", "ScenarioParts", "scenario_text"]

SCENARIO, ACCOUNTS, PRICES = "scenario.toml", "accounts.csv", "prices.csv"

_PPM_DECIMALS = 6

_EMPTY = f"""\
[prices]
source = "ticks"
file = "{PRICES}"

[population]
source = "csv"
file = "{ACCOUNTS}"

[mark]
policy = "index"             # the recorded marks are held

[traders]
policy = "none"

[insurance_fund]
balance = 0

[funding]
policy = "none"
"""


class ScenarioParts(NamedTuple):
    """What the text is made of; the ledger has the assets."""

    name: str
    source: str
    rulebook: str
    start: str
    listings: Sequence[InstrumentListed]
    ledger: Ledger


def scenario_text(parts: ScenarioParts) -> str:
    """The whole file."""
    return "\n".join([*_head(parts), *_asset(parts), *(line for one in parts.listings for line in _market(parts, one))])


def _head(parts: ScenarioParts) -> Iterator[str]:
    yield f"name = {_text(parts.name)}"
    yield f"description = {_text(f'{parts.source}, from {parts.start} on, under the rulebook {parts.rulebook}')}"
    yield f"venue = {_text(parts.rulebook)}"
    yield f"start = {_text(parts.start)}"
    yield 'settle_ns = "10m"'
    yield ""
    yield _EMPTY


def _asset(parts: ScenarioParts) -> Iterator[str]:
    asset = parts.ledger.assets[parts.listings[0].asset]
    yield from ("[[assets]]", f"name = {_text(asset.name)}", f"decimals = {asset.decimals}", "")


def _market(parts: ScenarioParts, listing: InstrumentListed) -> Iterator[str]:
    yield "[[instruments]]"
    yield f"name = {_text(listing.name)}"
    yield f"asset = {_text(parts.ledger.assets[listing.asset].name)}"
    yield f"kind = {_text(listing.kind)}"
    yield f"tick_size = {listing.tick_size}"
    yield f"lot_size = {listing.lot_size}"
    decimals = parts.ledger.assets[listing.asset].decimals
    tiers = [
        (atoms_to_text(tier.floor_atoms, decimals), atoms_to_text(max(1, tier.rate_ppm), _PPM_DECIMALS))
        for tier in listing.tiers
    ]
    yield f"tiers = [{', '.join(f'{{ floor = {floor}, rate = {rate} }}' for floor, rate in tiers)}]"
    yield ""


def _text(value: str) -> str:
    """A basic string: what JSON escapes, TOML does in the same way."""
    return json.dumps(value, ensure_ascii=False)

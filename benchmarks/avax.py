"""The AVAX path of 10 October 2025 with its 20,000 accounts, for one instrument or for three.

The path is every instant of the real trades: the bundled scenario `avax-2025-10-10`, whose file is sought in the
folder that DELEVERAGE_DATA names, or else in ../shared/data beside the project. Where it is absent, a made-up crash
of a day in seconds takes its place. With three instruments every account holds all of them, each long or short by a
draw of its own, and the others' moves since the start are 0.8 and 0.5 times AVAX's.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stage import Inputs

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.sim.scenario import ResolvedScenario, Scenario

__all__ = ["Avax", "avax"]

_SCENARIO = "avax-2025-10-10"
_DATA = "DELEVERAGE_DATA"
_ACCOUNTS_SHORT = 100
_START_PRICE = 28
_FOLLOWERS = (("ETH-PERP", 4_150), ("BTC-PERP", 117_000))
_FOLLOWED_PERCENT = (100, 80, 50)
_DAY_S, _SHORT_S = 86_400, 300


class Avax(NamedTuple):
    """The scenario, its depth and then its prices, and whether those are the real ones."""

    scenario: ResolvedScenario
    inputs: Inputs
    real: bool


def avax(*, three: bool, short: bool) -> Avax:
    """The path with its accounts, for one or three instruments; `short`: 100 accounts, five minutes made up."""
    tree = Scenario.load(_SCENARIO).tree
    real = not short and _is_there(str(tree["prices"]["file"]))
    scenario = Scenario({**tree, **_changes(tree, three=three, real=real, short=short)}).resolve()
    entries = (entry for source in scenario.sources for entry in source.inputs(0))
    start = [market.price_ticks for market in scenario.opening_markets]
    return Avax(scenario, [_following(start, entry) for entry in entries], real)


def _is_there(file: str) -> bool:
    """Whether the trades can be found; scenarios look where the environment says."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.setdefault(_DATA, str(beside)), file).is_file()


def _changes(tree: dict[str, Any], *, three: bool, real: bool, short: bool) -> dict[str, Any]:
    """The tables of the scenario that this measurement replaces."""
    driven = {**tree["instruments"][0], "start_price": _START_PRICE}
    others = [{**driven, "name": name, "start_price": price} for name, price in _FOLLOWERS] if three else []
    population = {**tree["population"], "instruments": [0] * len(others) + [1]}
    if short:
        population["accounts"] = _ACCOUNTS_SHORT
    prices = tree["prices"] if real else _made_up(_SHORT_S if short else _DAY_S)
    return {"instruments": [driven, *others], "population": population, "prices": prices}


def _made_up(seconds: int) -> dict[str, Any]:
    """A crash by three quarters in the last third, and a rebound."""
    crash_ns, low_ns, end_ns = (share * seconds * 10**8 for share in (7, 8, 9))
    phases = [
        {"from_ns": crash_ns, "to_ns": low_ns, "move": "-0.75", "volatility_multiple": 8},
        {"from_ns": low_ns, "to_ns": end_ns, "move": "2", "volatility_multiple": 5},
    ]
    duration = {"duration_ns": seconds * 10**9, "interval_ns": 10**9}
    return {"source": "generator", **duration, "volatility": "0.08", "phases": phases}


def _following(start: Sequence[int], entry: tuple[int, Any]) -> tuple[int, Any]:
    """An instant's prices, worked out from its first: rounded down to a tick, at least one tick."""
    at_ns, body = entry
    if not isinstance(body, PriceTicked):
        return entry
    moved = body.prices[0][1] - start[0]
    prices = (
        (s + s * moved * percent // (start[0] * 100)) for s, percent in zip(start, _FOLLOWED_PERCENT, strict=False)
    )
    return at_ns, PriceTicked(tuple((number, max(1, ticks)) for number, ticks in enumerate(prices)))

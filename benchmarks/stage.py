"""The stage of the benign measurements: a venue whose accounts hold every instrument, and prices prepared beforehand.

1. The rulebook is `generic` with all its default handlers; the run is wired as `deleverage.run` wires it, summary
   included.
2. Prices jump about within 0.1% of where they opened, one `PriceTicked` for all instruments every 100 ms from
   midnight: far from any call (leverage is 12 at most), and over before the first funding falls due at 8:00.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.run import SourceTally
from deleverage.events.record import EventSink, HeadOnly, RecordWriter
from deleverage.events.vocabulary import Body
from deleverage.sim.runner import Simulation
from deleverage.sim.scenario import ResolvedScenario, Scenario
from deleverage.sim.summary import Summary

__all__ = ["Inputs", "Prepared", "benign", "crash", "opened", "prices_moved", "simulation", "sink_at", "venue"]

Inputs = list[tuple[int, Body]]

_TICK_SIZES = ("0.1", "0.01", "0.001")
_START_PRICES = (117_000, 4_150, 28.4)
_STEP_NS = 100_000_000
_CRASH_SHORT = ("population.accounts=100", 'end="2025-10-10T20:42:00Z"')
_STRIDE, _REACH_PPM, _PPM = 37, 1_000, 1_000_000
_RUN_STEPS_MOST = 8 * 3600 * 10 - 1


class Prepared:
    """A source whose inputs lie ready in a list."""

    name, layout, sha256 = "prepared", "a list", bytes(32)

    def __init__(self, entries: Inputs) -> None:
        self._entries = entries

    def inputs(self, number: int) -> Iterator[tuple[int, Body]]:
        """The list, from its start."""
        return iter(self._entries)

    def tally(self, number: int) -> SourceTally:
        """All of them were rows, none was left out."""
        return SourceTally(number, len(self._entries), 0)


def venue(accounts: int, instruments: int, **population: Any) -> ResolvedScenario:
    """A scenario of so many accounts, each holding all of one to three instruments; `population` overrides its keys."""
    tree = {
        "name": "benchmark",
        "assets": [{"name": "USDT", "decimals": 6}],
        "instruments": [_instrument(number) for number in range(instruments)],
        "prices": {"source": "generator", "duration_ns": _STEP_NS, "interval_ns": _STEP_NS, "volatility": 0},
        "depth": {"source": "profile", "bands": [[10, 2_000_000], [100, 16_000_000], [500, 40_000_000]]},
        "population": {
            "source": "seeded",
            "accounts": accounts,
            "median_notional": 8_000,
            "max_notional": 5_000_000,
            "leverage": [[2, 3], [5, 4], [10, 3]],
            "instruments": [0] * (instruments - 1) + [1],
            **population,
        },
        "insurance_fund": {"balance": 1_000_000},
    }
    return Scenario(tree).resolve()


def crash(*overrides: str, short: bool) -> ResolvedScenario:
    """The bundled flash crash, for `short` its first minutes with few accounts."""
    return Scenario.load("flash-crash", [*overrides, *(_CRASH_SHORT if short else ())]).resolve()


def _instrument(number: int) -> dict[str, Any]:
    return {
        "name": f"PERP-{number}",
        "asset": "USDT",
        "tick_size": _TICK_SIZES[number],
        "lot_size": "0.001",
        "start_price": str(_START_PRICES[number]),
        "tiers": [
            {"floor": 0, "rate": "0.005"},
            {"floor": 500_000, "rate": "0.01"},
            {"floor": 5_000_000, "rate": "0.025"},
        ],
    }


def benign(scenario: ResolvedScenario, ticks: int, *, first: int = 1) -> Inputs:
    """So many ticks, from the step `first` on. Raises ValueError where they would reach the first funding."""
    if first + ticks > _RUN_STEPS_MOST:
        message = f"{first + ticks} ticks reach the first funding; take at most {_RUN_STEPS_MOST}"
        raise ValueError(message)
    return [
        (scenario.start_ns + step * _STEP_NS, PriceTicked(prices_moved(scenario, _move_ppm(step))))
        for step in range(first, first + ticks)
    ]


def _move_ppm(step: int) -> int:
    return step * _STRIDE % (2 * _REACH_PPM + 1) - _REACH_PPM


def prices_moved(scenario: ResolvedScenario, move_ppm: int) -> tuple[tuple[int, int], ...]:
    """Each instrument's opening price, moved by so much."""
    moved = ((market.scale.instrument, market.price_ticks * (_PPM + move_ppm)) for market in scenario.opening_markets)
    return tuple((instrument, price // _PPM) for instrument, price in moved)


def simulation(scenario: ResolvedScenario, sink: EventSink, inputs: Inputs | None = None) -> Simulation:
    """A simulation wired like that of `run`; with `inputs`, those take the place of the scenario's sources."""
    if inputs is not None:
        scenario = msgspec.structs.replace(scenario, sources=(Prepared(inputs),))
    made = Simulation(scenario, sink)
    Summary().attach(made.bus)
    return made


def opened(scenario: ResolvedScenario, sink: EventSink, inputs: Inputs | None = None) -> Simulation:
    """A simulation after its opening, its depth and its first tick: every account is armed."""
    made = simulation(scenario, sink, inputs)
    made.open()
    first = [entry for source in scenario.sources for entry in source.inputs(0) if entry[0] == scenario.start_ns]
    made.clock.run_inputs(first, made.bus.publish_input)
    return made


def sink_at(path: Path | None) -> EventSink:
    """A record in the default durable format in a new directory, or only its head."""
    return HeadOnly() if path is None else RecordWriter(path, scenario="benchmark", seed=1)

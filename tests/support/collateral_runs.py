"""Two small runs of several assets, and what each asset is converted at, read off the events alone."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from deleverage import run
from deleverage.events.bodies.collateral import ConversionPriced, ConversionSet
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.envelope import Event
from deleverage.sim.runner import RunResult

__all__ = ["BTC", "DEPEG", "TWO_ASSETS", "USDE", "USDT", "ran", "worths"]

DEPEG = str(Path(__file__).parent / "depeg.toml")
TWO_ASSETS = str(Path(__file__).parent / "two-assets.toml")
USDT, USDE, BTC = 0, 1, 2


@cache
def ran(scenario: str) -> tuple[RunResult, Path]:
    """What came of it, and its record."""
    folder = tempfile.mkdtemp(prefix="deleverage-collateral-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "a.run"
    return run(scenario, path), path


class Worths:
    """What an amount of an asset is worth in the first one after the events so far."""

    def __init__(self) -> None:
        self._set: dict[int, ConversionSet] = {}
        self._ticks: dict[int, int] = {}
        self._oracle: dict[int, int] = {}

    def take(self, event: Event) -> None:
        """The next event."""
        body = event.body
        if isinstance(body, ConversionSet):
            self._set[body.asset] = body
        elif isinstance(body, ConversionPriced):
            self._ticks[body.asset] = body.price_ticks
        elif isinstance(body, PriceTicked):
            self._oracle.update(body.prices)

    def __call__(self, asset: int, atoms: int) -> int:
        """Rounded down."""
        one = self._set.get(asset)
        if one is None:
            return atoms
        ticks = self._ticks.get(asset) or self._oracle[one.instrument]
        return atoms * ticks * one.quote_atoms // one.asset_atoms


def worths(events: Iterable[Event]) -> Iterator[tuple[Event, Worths]]:
    """Each event with what things are worth after it."""
    found = Worths()
    for event in events:
        found.take(event)
        yield event, found

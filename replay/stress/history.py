"""Past crashes as shapes that any state can be put through (`history.toml`, with what each rests on).

A shape moves every instrument by its own base: Bitcoin, Ether, or the rest. A coin that is collateral moves only where
it is one of the two: what a stablecoin did that day is its own question (`--covariance` and `collateral:NAME`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.ledger import LedgerState
from ...events.venue_names import plain
from ...events.vocabulary import Body
from ...sim.toml_tree import parse_toml
from .directions import BPS, Direction

__all__ = ["Course", "Crash", "Path", "course_inputs", "course_of", "lowest_bps", "shapes"]

Path = tuple[tuple[int, int], ...]
"""(minute, basis points of the first price), joined by straight lines."""

_MINUTE_NS = 60 * 10**9
_NAMED = {"BTC": "btc", "XBT": "btc", "ETH": "eth"}


class Crash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One crash: its paths, where the figures are from, and what of it is ours."""

    name: str
    title: str
    btc: Path
    sources: tuple[str, ...]
    ours: str
    eth: Path = ()
    other: Path = ()

    def path(self, base: str) -> Path:
        """Of `btc`, `eth` or `other`."""
        found: Path = getattr(self, base)
        return found or self.btc


class Course(msgspec.Struct, frozen=True):
    """A shape for the instruments of a state, a price every `step_ns`; from its end on they hold."""

    name: str
    paths: tuple[tuple[int, Path], ...]
    step_ns: int

    @property
    def steps(self) -> int:
        """How many prices it has."""
        return max(path[-1][0] for _, path in self.paths) * _MINUTE_NS // self.step_ns


@cache
def shapes() -> tuple[Crash, ...]:
    """The library, in the order of time."""
    text = files(__package__).joinpath("history.toml").read_text(encoding="utf-8")
    found: dict[str, tuple[Crash, ...]] = msgspec.convert(
        parse_toml(text, "history.toml"), dict[str, tuple[Crash, ...]]
    )
    return found["shapes"]


def course_of(shape: Crash, ledger: LedgerState, directions: Sequence[Direction], step_ns: int) -> Course:
    """A shape over the directions of a state."""
    paths: list[tuple[int, Path]] = []
    for one in directions:
        for number in one.instruments:
            base = _base(plain(ledger.markets[number].listing.name))
            if one.kind == "price" or base != "other":
                paths.append((number, shape.path(base)))
    return Course(shape.name, tuple(paths), step_ns)


def _base(name: str) -> str:
    return next((base for start, base in _NAMED.items() if name.upper().startswith(start)), "other")


def lowest_bps(course: Course) -> dict[int, int]:
    """How far each instrument is down at the lowest, which is where whoever is short of money has least."""
    return {number: min(bps for _, bps in path) for number, path in course.paths}


def course_inputs(ledger: LedgerState, course: Course, held: int) -> Iterator[tuple[int, Body]]:
    """(step, prices) of a course, then the last ones held for so many steps; read from the state before the first."""
    base = {number: ledger.markets[number].oracle_ticks for number, _ in course.paths}
    for step in range(1, course.steps + held + 1):
        at_ns = min(step, course.steps) * course.step_ns
        yield step, PriceTicked(tuple((number, _price(base[number], path, at_ns)) for number, path in course.paths))


def _price(ticks: int, path: Path, at_ns: int) -> int:
    """The price at a time on a path, rounded down to a tick, at least one."""
    before = max((point for point in path if point[0] * _MINUTE_NS <= at_ns), default=path[0])
    after = min((point for point in path if point[0] * _MINUTE_NS > at_ns), default=before)
    span_ns = (after[0] - before[0]) * _MINUTE_NS or 1
    gone_ns = at_ns - before[0] * _MINUTE_NS
    return max(1, ticks * (BPS * span_ns + before[1] * span_ns + (after[1] - before[1]) * gone_ns) // (BPS * span_ns))

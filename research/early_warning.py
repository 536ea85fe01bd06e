"""Draws docs/early-warning.md: do the figures of `watch` tell crashes from calms? python -m research.early_warning.

1. A *world* is the bundled `spiral` in small, with what makes it weak or strong drawn by its seed: leverage, depth, how
   much is long, the noise of the outside value, how that drifts for three minutes, and by how much it then falls
   within ten seconds. In one world of three it does not fall at all. Nothing but the drift and the noise can be seen
   before.
2. A world is a *crash* if its price falls by at least `CRASH_BPS`, and by at least twice what the outside value falls
   by; else it is a *calm*.
3. The *score* of a figure is its value at the last reading `LEAD_S` before the fall is due, turned so that more is
   louder. Crashes and calms are read at the same time of the clock.
4. The area under the ROC is the share of pairs of a crash and a calm in which the crash scores more, ties for half.
5. A figure's *threshold* is set on the odd seeds: where the share of crashes caught less the share of calms with an
   alarm is greatest, the highest such value. What it catches, its precision and its false alarms are of the even seeds.
6. The *lead* of a crash that is caught is from the first reading from which on the alarm stands, up to the fall.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from hashlib import sha256
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from deleverage.events.bodies.trading import BookPriced
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.replay.watch.census import MOVE_BPS_MOST
from deleverage.replay.watch.warning import InstrumentFigures
from deleverage.replay.watch.watcher import RunWatcher, WarningReading
from deleverage.sim.runner import Simulation, run
from deleverage.sim.scenario import Scenario

from .oct_10 import drawn

__all__ = ["FIGURES", "PAGE", "SEEDS", "Found", "Outcome", "area", "blocks", "found", "row", "settings_of", "watched"]

SEEDS = range(1, 101)
LEAD_S, EVERY_S, FALL_S = 60, 10, 240
CRASH_BPS = 300
TIMES = 2
"""So many times what the outside value falls by, at least, is a crash."""

PAGE = Path(__file__).parents[1] / "docs" / "early-warning.md"
ROWS = 10
"""Worlds that the page shows one by one."""

_NS, _BPS = 10**9, 10**4


class Outcome(NamedTuple):
    """What came of a world: falls in basis points, and at each reading up to the fall the score of each figure."""

    seed: int
    fell_bps: int
    outside_bps: int
    scores: tuple[tuple[Fraction, ...], ...]

    @property
    def crashed(self) -> bool:
        """Whether it is a crash, by rule 2."""
        return self.fell_bps >= max(CRASH_BPS, TIMES * self.outside_bps)

    def score(self, figure: int) -> Fraction:
        """By rule 3: readings are at 10 s, 20 s and so on."""
        return self.scores[(FALL_S - LEAD_S) // EVERY_S - 1][figure]

    def lead_s(self, figure: int, threshold: Fraction) -> int:
        """For how long before the fall the alarm has stood; 0 where it does not stand at the last reading."""
        standing = 0
        for scores in reversed(self.scores):
            if scores[figure] < threshold:
                break
            standing += 1
        return standing * EVERY_S


class Figure(NamedTuple):
    """A figure of a reading, more being louder, and how a threshold of it is written."""

    title: str
    score: Callable[[WarningReading], Fraction]
    threshold: Callable[[Fraction], str]


def _only(reading: WarningReading) -> InstrumentFigures:
    return reading.warning.instruments[0]


def _stress(reading: WarningReading) -> Fraction:
    falls_bps = reading.warning.stress[0].falls_bps
    return Fraction(-(MOVE_BPS_MOST + 1 if falls_bps is None else falls_bps))


def _plain(score: Fraction) -> str:
    return f"{float(score):.3g}"


def _overhang(reading: WarningReading) -> Fraction:
    """What a fall of a tenth makes due, over the bids that are there."""
    one = _only(reading)
    due = sum(level.due_atoms for level in one.levels if level.far_bps < 0)
    bids = sum(level.depth_atoms for level in one.levels if level.far_bps < 0)
    return Fraction(due, max(bids, 1))


FIGURES = (
    Figure("stress vector, falls", _stress, lambda score: f"{-score} bps or less"),
    Figure("due within 2% over depth", lambda one: _only(one).against_depth or Fraction(0), _plain),
    Figure("map: due over bids, to -10%", _overhang, _plain),
    Figure("concentration", lambda one: Fraction(_only(one).concentration_ppm, 10**6), _plain),
    Figure("largest over depth", lambda one: Fraction(_only(one).largest_bps or 0, _BPS), _plain),
    Figure("volatility (baseline)", lambda one: Fraction(one.movement.volatility_ppm.get(0, 0)), _plain),
    Figure("open interest (baseline)", lambda one: Fraction(_only(one).interest_atoms, 10**6), _plain),
)


def _draw(seed: int, what: str, low: int, high: int) -> int:
    """A whole number from low to high, by seed and name alone."""
    digest = sha256(f"{seed} {what}".encode()).digest()
    return low + int.from_bytes(digest[:8]) % (high - low + 1)


def settings_of(seed: int) -> tuple[str, ...]:
    """The world of a seed, as `--set` takes it."""
    leverage, drift = _draw(seed, "leverage", 40, 140), _draw(seed, "drift", -150, 150)
    fall = _draw(seed, "fall", 150, 500) * (_draw(seed, "falls", 1, 3) > 1)
    spread = ",".join(f"[{leverage * part / 100},4]" for part in (5, 10, 20))
    moves = [(60, FALL_S, drift), (FALL_S, FALL_S + 10, -fall)]
    phases = ",".join(f"{{from_ns='{a}s',to_ns='{b}s',move={move / _BPS}}}" for a, b, move in moves)
    return (
        "population.accounts=300",
        f"population.leverage=[{spread}]",
        f"population.long_share={_draw(seed, 'long', 45, 75) / 100}",
        f"impact.depth={_draw(seed, 'depth', 40, 200)}_000",
        "insurance_fund.balance=50_000",
        "actors=[{name='maker',balance=25_000,accounts=4}]",
        f"prices.volatility={_draw(seed, 'volatility', 10, 60) / 1000}",
        f"prices.phases=[{phases}]",
        "prices.duration_ns=6m",
        "prices.interval_ns=2s",
        "settle_ns=1s",
    )


def watched(seed: int) -> Outcome:
    """Run a world and read it up to its fall; some 2 s."""
    watcher = RunWatcher(EVERY_S * _NS)
    scores: list[tuple[Fraction, ...]] = []
    prices: list[tuple[int, int]] = []

    def take(event: Event, ledger: Ledger) -> None:
        if isinstance(event.body, BookPriced):
            prices.append((event.body.price_ticks, event.body.outside_ticks))
        if len(scores) * EVERY_S < FALL_S:
            reading = watcher.take(event)
            if reading is not None:
                scores.append(tuple(figure.score(reading) for figure in FIGURES))
        assert ledger.seq

    scenario = Scenario.load("spiral", settings_of(seed), seed=seed)
    run(scenario, on_start=lambda simulation: _tap(simulation, take))
    fell, outside = ((path[0] - min(path)) * _BPS // path[0] for path in zip(*prices, strict=True))
    return Outcome(seed, fell, outside, tuple(scores))


def _tap(simulation: Simulation, take: Callable[[Event, Ledger], None]) -> None:
    simulation.bus.tap(take)


def area(crashes: Sequence[Fraction], calms: Sequence[Fraction]) -> Fraction:
    """The area under the ROC, by rule 4. Some of each are needed."""
    above = sum(2 * (one > other) + (one == other) for one in crashes for other in calms)
    return Fraction(above, 2 * len(crashes) * len(calms))


def standard_error(found_area: Fraction, crashes: int, calms: int) -> float:
    """How far an area of so many worlds may be off. Source: Hanley and McNeil 1982, Radiology 143."""
    a = float(found_area)
    both_crash, both_calm = a / (2 - a), 2 * a * a / (1 + a)
    spread = a * (1 - a) + (crashes - 1) * (both_crash - a * a) + (calms - 1) * (both_calm - a * a)
    return sqrt(spread / (crashes * calms))


class Found(NamedTuple):
    """How a figure did: the area over all worlds, and the threshold of the odd seeds with what it did on the even."""

    area: Fraction
    threshold: Fraction
    caught: int
    crashes: int
    alarms: int
    calms: int
    lead_s: int | None

    @property
    def precision(self) -> Fraction | None:
        """The share of alarms that were before a crash."""
        alarms = self.caught + self.alarms
        return Fraction(self.caught, alarms) if alarms else None


def found(figure: int, outcomes: Sequence[Outcome]) -> Found:
    """By rules 4 to 6."""
    crashes, calms = _split(outcomes)
    odd, even = ([one for one in outcomes if one.seed % 2 == rest] for rest in (1, 0))
    threshold = _threshold(figure, odd)
    struck, quiet = _split(even)
    caught = [one for one in struck if one.score(figure) >= threshold]
    leads = sorted(one.lead_s(figure, threshold) for one in caught)
    return Found(
        area=area([one.score(figure) for one in crashes], [one.score(figure) for one in calms]),
        threshold=threshold,
        caught=len(caught),
        crashes=len(struck),
        alarms=sum(one.score(figure) >= threshold for one in quiet),
        calms=len(quiet),
        lead_s=leads[(len(leads) - 1) // 2] if leads else None,
    )


def _split(outcomes: Iterable[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    """Crashes and calms."""
    every = list(outcomes)
    return [one for one in every if one.crashed], [one for one in every if not one.crashed]


def _threshold(figure: int, outcomes: Sequence[Outcome]) -> Fraction:
    crashes, calms = _split(outcomes)

    def gained(value: Fraction) -> Fraction:
        caught, false = (sum(one.score(figure) >= value for one in side) for side in (crashes, calms))
        return Fraction(caught, len(crashes)) - Fraction(false, len(calms))

    return max({one.score(figure) for one in outcomes}, key=lambda value: (gained(value), value))


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A line a figure."""
    sizes = tuple(map(len, _split(outcomes)))
    area_told = "area under ROC (its standard error)"
    yield f"| figure | {area_told} | threshold | crashes caught | false alarms | precision | median lead |"
    yield "|---|---|---|---|---|---|---|"
    for number, figure in enumerate(FIGURES):
        one = found(number, outcomes)
        cells = (
            figure.title,
            f"{float(one.area):.2f} ({standard_error(one.area, *sizes):.2f})",
            figure.threshold(one.threshold),
            f"{one.caught} of {one.crashes}",
            f"{one.alarms} of {one.calms}",
            "-" if one.precision is None else f"{float(one.precision):.2f}",
            "-" if one.lead_s is None else f"{one.lead_s} s",
        )
        yield f"| {' | '.join(cells)} |"


def heading() -> Iterator[str]:
    """The first two lines of the table of worlds."""
    yield f"| {' | '.join(('seed', 'fell', 'outside', 'is a', *(figure.title for figure in FIGURES)))} |"
    yield "|---" * (len(FIGURES) + 4) + "|"


def row(outcome: Outcome) -> str:
    """One world: what came of it, and every score."""
    falls = (f"{bps / 100:.2f}%" for bps in (outcome.fell_bps, outcome.outside_bps))
    scores = (f"{float(outcome.score(number)):.4g}" for number in range(len(FIGURES)))
    return f"| {' | '.join((str(outcome.seed), *falls, 'crash' if outcome.crashed else 'calm', *scores))} |"


def blocks(outcomes: Sequence[Outcome]) -> dict[str, Iterable[str]]:
    """What stands in the page, by name."""
    crashes, calms = _split(outcomes)
    return {
        "counts": (f"{len(crashes)} of the {len(outcomes)} worlds are crashes, {len(calms)} are calms.",),
        "figures": table(outcomes),
        "worlds": (*heading(), *map(row, outcomes[:ROWS])),
    }


def main() -> None:
    """Run every world, on every core, and draw the page; some four minutes of one core."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(watched, SEEDS))
    page = PAGE.read_text(encoding="utf-8")
    for name, lines in blocks(outcomes).items():
        page = drawn(page, name, lines)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Draws the tables of docs/oct-10.md by running the scenario: python -m research.oct_10. Given runs, it measures those.

1. The scenario is run once for every seed of `SEEDS`, and measured from its events (`shape.py`).
2. Reached is the median over the seeds, the lesser of the two in the middle; beside it the least and the greatest.
3. A target is met if what is reached is within a tenth of it.
4. Between `<!-- drawn: NAME -->` and `<!-- end -->` stands a table. That of the recorded paths is left as it is where
   DELEVERAGE_DATA does not have their files.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from deleverage.events.record import MemoryRecord
from deleverage.replay.lab.metrics import rounded
from deleverage.replay.run import open_run
from deleverage.sim.figures import grouped
from deleverage.sim.runner import Simulation
from deleverage.sim.scenario import Scenario

from .shape import Shape, percentile, shape_of

__all__ = [
    "BAR_CHARACTERS",
    "BESIDE",
    "PAGE",
    "PUBLISHED_BURSTS",
    "SEEDS",
    "TARGETS",
    "Bar",
    "Figure",
    "Target",
    "bar_of",
    "chart",
    "drawn",
    "heading",
    "measured",
    "row",
    "table",
]

SEEDS = range(1, 11)
_PPM, _SECOND_NS = 10**6, 10**9
BAR_CHARACTERS = 24

_TIMING, _WHO, _TICKERS, _USERS = "[timing]", "[who]", "[tickers]", "[users]"
"""The sources, as the page lists them."""

Value = Callable[[Shape], Fraction | None]


class Figure(NamedTuple):
    """One thing that is measured: what it is, its column, its unit, its decimals, and how it follows from a run."""

    title: str
    column: str
    unit: str
    digits: int
    value: Value

    def shown(self, value: Fraction | None) -> str:
        """A value for people; a dash for what cannot be said."""
        return "-" if value is None else grouped(format(rounded(value, self.digits), "f"))


class Bar(NamedTuple):
    """How far from what was published may be what is reached, as a share of it and in words."""

    share: Fraction
    words: str


TENTH = Bar(Fraction(1, 10), "a tenth")


class Target(NamedTuple):
    """A figure, what was published of it, and where."""

    figure: Figure
    published: Fraction | None
    source: str


def _leverage(leverages: Callable[[Shape], Sequence[int]], hundredths: int) -> Value:
    def value(shape: Shape) -> Fraction | None:
        found = percentile(leverages(shape), hundredths)
        return None if found is None else Fraction(found, _PPM)

    return value


def _events(shape: Shape) -> Sequence[int]:
    return shape.leverages_ppm


def _accounts(shape: Shape) -> Sequence[int]:
    return shape.account_leverages_ppm


def _equity(shape: Shape) -> Sequence[int]:
    return shape.equity_leverages_ppm


def _delay(shape: Shape) -> Fraction | None:
    return None if shape.delay_ns is None else Fraction(shape.delay_ns, _SECOND_NS)


def _first_burst(shape: Shape) -> Fraction | None:
    return Fraction(shape.bursts[0][1], shape.reductions) if shape.bursts else None


def _over_next(shape: Shape) -> Fraction | None:
    others = [count for _, count in shape.bursts[1:]]
    return Fraction(shape.bursts[0][1], max(others)) if others else None


def _share(shape: Shape) -> Fraction | None:
    return Fraction(shape.deleveraged_atoms, shape.liquidated_atoms) if shape.liquidated_atoms else None


def _in_profit(shape: Shape) -> Fraction | None:
    return Fraction(shape.in_profit, shape.reductions) if shape.reductions else None


def _bursts(shape: Shape) -> Fraction:
    return Fraction(len(shape.bursts))


def _reductions(shape: Shape) -> Fraction:
    return Fraction(shape.reductions)


_ADL_SHARE = Fraction("2103111430.86") / Fraction("5511042925.05")

TARGETS = (
    Target(Figure("first liquidation to first ADL", "delay", "s", 0, _delay), Fraction(61), _TIMING),
    Target(Figure("first burst, of all ADL", "first burst", "%", 1, _first_burst), Fraction(11_279, 34_983), _TIMING),
    Target(Figure("first burst over the next", "over next", "x", 2, _over_next), Fraction(11_279, 2_915), _TIMING),
    Target(Figure("ADL, of liquidated notional", "ADL share", "%", 1, _share), _ADL_SHARE, _TICKERS),
    Target(Figure("leverage, median", "median", "x", 3, _leverage(_events, 50)), Fraction("0.20"), _WHO),
    Target(Figure("leverage, 95th percentile", "p95", "x", 2, _leverage(_events, 95)), Fraction("4.23"), _WHO),
    Target(Figure("ADL at a profit", "in profit", "%", 1, _in_profit), Fraction(34_775, 34_983), _WHO),
)
"""What the scenario is made to reach."""

BESIDE = (
    Target(
        Figure("leverage per account, median", "account median", "x", 3, _leverage(_accounts, 50)),
        Fraction("0.434"),
        _USERS,
    ),
    Target(
        Figure("leverage per account, p95", "account p95", "x", 2, _leverage(_accounts, 95)), Fraction("6.50"), _USERS
    ),
    Target(Figure("leverage on equity, median", "", "x", 3, _leverage(_equity, 50)), None, "-"),
    Target(Figure("leverage on equity, p95", "", "x", 2, _leverage(_equity, 95)), None, "-"),
    Target(Figure("instants with ADL", "with ADL", "instants", 0, _bursts), Fraction(100), _TIMING),
    Target(Figure("ADL events", "", "events", 0, _reductions), Fraction(34_983), _TICKERS),
)
"""What is measured beside and was not aimed at."""

PUBLISHED_BURSTS = {61: 11_279, 113: 2_915, 123: 2_468, 131: 1_179, 164: 1_035, 200: 2_226, 208: 2_248, 215: 1_664}
"""The greatest seconds as published: seconds after the first liquidation, and their ADL events."""

REAL = {
    "AVAX trades": (
        "avaxusd-perp-trades-2025-10-10.csv.gz",
        "prices.instrument=AVAX-PERP",
        "prices.since=2025-10-10T21:14:00Z",
        "end=2025-10-10T21:30:00Z",
    ),
    "BTC bars": (
        "btcusd-perp-1m-2025-10-10.csv.gz",
        "prices.instrument=BTC-PERP",
        "prices.follow=betas",
        "prices.since=2025-10-10T21:14:00Z",
        "end=2025-10-10T21:21:00Z",
    ),
}
"""Recorded paths, where DELEVERAGE_DATA has them: the file, and the other overrides."""

REAL_SEEDS = range(1, 3)
PAGE = Path(__file__).parents[1] / "docs" / "oct-10.md"


def measured(seed: int, *overrides: str, name: str = "oct-10") -> Shape:
    """The shape of the scenario with a seed and overrides as `--set` takes them; some 8 s, the living one 15 s."""
    record = MemoryRecord()
    simulation = Simulation(Scenario.load(name, overrides, seed=seed).resolve(), record)
    simulation.open()
    simulation.drive()
    return shape_of(record.events())


def table(targets: Iterable[Target], shapes: Sequence[Shape], bar: Bar = TENTH) -> Iterator[str]:
    """What was published, what was reached and how far it spreads, and whether that is within the bar."""
    yield f"| figure | unit | published | source | reached | least to greatest | off by | within {bar.words} |"
    yield "|---|---|---|---|---|---|---|---|"
    for figure, published, source in targets:
        scale = 100 if figure.unit == "%" else 1
        values = sorted(value * scale for shape in shapes if (value := figure.value(shape)) is not None)
        aim = None if published is None else published * scale
        middle = values[(len(values) - 1) // 2] if values else None
        spread = f"{figure.shown(values[0])} to {figure.shown(values[-1])}" if values else "-"
        cells = (figure.title, figure.unit, figure.shown(aim), source, figure.shown(middle), spread)
        yield f"| {' | '.join((*cells, *_verdict(aim, middle, values, len(shapes), bar.share)))} |"


def _verdict(
    aim: Fraction | None, middle: Fraction | None, values: Sequence[Fraction], runs: int, share: Fraction
) -> tuple[str, str]:
    """How far the median is off, and whether that is within the share; with how many seeds are."""
    if aim is None or middle is None:
        return "-", "-"
    within = sum(abs(value - aim) <= aim * share for value in values)
    met = "yes" if abs(middle - aim) <= aim * share else "no"
    return f"{rounded((middle / aim - 1) * 100, 1):+f}%", f"{met}; {within} of {runs} seeds"


def row(name: str, shape: Shape, targets: Sequence[Target] = TARGETS) -> str:
    """One run's figures, in the order of the targets."""
    values = ((target.figure, target.figure.value(shape)) for target in targets)
    cells = [one.shown(value if value is None or one.unit != "%" else 100 * value) for one, value in values]
    return f"| {' | '.join((name, *cells, grouped(str(shape.reductions))))} |"


def heading(first: str, targets: Sequence[Target] = TARGETS) -> Iterator[str]:
    """The first two lines of a table of runs."""
    columns = [", ".join(filter(None, (target.figure.column, target.figure.unit))) for target in targets]
    yield f"| {' | '.join((first, *columns, 'ADL events'))} |"
    yield "|---" * (len(columns) + 2) + "|"


def chart(shape: Shape) -> Iterator[str]:
    """The greatest seconds with ADL, as published and in one run, each against its first."""
    first_ns = shape.first_liquidation_ns or 0
    found = dict.fromkeys(PUBLISHED_BURSTS, 0)
    for at_ns, count in shape.bursts:
        second = (at_ns - first_ns) // _SECOND_NS
        found[second] = found.get(second, 0) + count
    yield f"{'second':>6}  {'published':<{BAR_CHARACTERS + 8}}seed {SEEDS[0]}"
    for second, published in PUBLISHED_BURSTS.items():
        bars = (bar_of(published, max(PUBLISHED_BURSTS.values())), bar_of(found[second], max(1, *found.values())))
        yield f"{second:>6}  {bars[0]:<{BAR_CHARACTERS + 8}}{bars[1]}"


def bar_of(count: int, greatest: int) -> str:
    """A count with its bar against the greatest."""
    return f"{'#' * -(-count * BAR_CHARACTERS // greatest)} {grouped(str(count))}"


def on_real_paths() -> Iterator[str]:
    """The same people on recorded prices, for a few seeds each."""
    yield from heading("path, seed")
    for name, (file, *overrides) in REAL.items():
        for seed in REAL_SEEDS:
            yield row(f"{name}, {seed}", measured(seed, f"prices.file={file}", *overrides))


def blocks(shapes: Sequence[Shape]) -> dict[str, Iterable[str]]:
    """What stands in the page, by name; `shapes` are those of `SEEDS`."""
    seeds = [row(str(seed), shape) for seed, shape in zip(SEEDS, shapes, strict=True)]
    found: dict[str, Iterable[str]] = {
        "targets": table(TARGETS, shapes),
        "beside": table(BESIDE, shapes),
        "seeds": (*heading("seed"), *seeds),
        "bursts": ("```", *chart(shapes[0]), "```"),
    }
    folder = Path(os.environ.get("DELEVERAGE_DATA", ""))
    if all((folder / file).is_file() for file, *_ in REAL.values()):
        found["paths"] = on_real_paths()
    return found


def drawn(page: str, name: str, lines: Iterable[str]) -> str:
    """The page with one block drawn anew."""
    mark = re.compile(rf"(<!-- drawn: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    text = "\n".join(lines)
    return mark.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page)


def main(runs: Sequence[str]) -> None:
    """Draw the page, or print the figures of recorded runs."""
    if runs:
        rows = (row(run, shape_of(open_run(run).events())) for run in runs)
        sys.stdout.write("\n".join((*heading("run"), *rows)) + "\n")
        return
    page = PAGE.read_text(encoding="utf-8")
    for name, lines in blocks([measured(seed) for seed in SEEDS]).items():
        page = drawn(page, name, lines)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Draws the tables of `oct-10-living` in docs/oct-10.md by running it: python -m research.oct_10_living.

1. The scenario is run once for every seed of `SEEDS` and of `OTHERS`, and measured as `oct-10` is (`oct_10.py`).
2. A target is met if the median of `SEEDS` is within 15% of it; on `OTHERS`, whose runs nobody looked at while the
   parameters were set, if it is within 30%.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from .oct_10 import (
    BAR_CHARACTERS,
    BESIDE,
    PAGE,
    PUBLISHED_BURSTS,
    SEEDS,
    TARGETS,
    Bar,
    bar_of,
    drawn,
    heading,
    measured,
    row,
    table,
)
from .shape import Shape

__all__ = ["LIVING", "LIVING_TARGETS", "OTHERS", "blocks", "bursts"]

LIVING = "oct-10-living"
OTHERS = range(21, 31)
"""Seeds that no parameter was set on."""

NEAR, FAR = Bar(Fraction(15, 100), "15%"), Bar(Fraction(30, 100), "30%")
LIVING_TARGETS = (*TARGETS, *(target for target in BESIDE if target.figure.column))
"""The targets of `oct-10`, and leverage per account and the number of instants as well."""

_SECOND_NS = 10**9


def bursts(shape: Shape) -> Iterator[str]:
    """The greatest bursts as published and of one run, by size: the second after the first liquidation, and the bar."""
    first_ns = shape.first_liquidation_ns or 0
    found = [((at_ns - first_ns) // _SECOND_NS, count) for at_ns, count in shape.bursts]
    yield f"{'second':>6}  {'published':<{BAR_CHARACTERS + 8}}{'second':>6}  seed {SEEDS[0]}"
    sides = [sorted(side, key=lambda burst: -burst[1]) for side in (PUBLISHED_BURSTS.items(), found)]
    for published, reached in zip(*sides, strict=False):
        bars = (bar_of(count, side[0][1]) for (_, count), side in zip((published, reached), sides, strict=True))
        yield f"{published[0]:>6}  {next(bars):<{BAR_CHARACTERS + 8}}{reached[0]:>6}  {next(bars)}"


def blocks(shapes: Sequence[Shape], others: Sequence[Shape]) -> dict[str, Iterable[str]]:
    """What stands in the page, by name; the shapes are those of `SEEDS` and of `OTHERS`."""
    seeds = zip((*SEEDS, *OTHERS), (*shapes, *others), strict=True)
    return {
        "living targets": table(LIVING_TARGETS, shapes, NEAR),
        "living others": table(LIVING_TARGETS, others, FAR),
        "living seeds": (
            *heading("seed", LIVING_TARGETS),
            *(row(str(seed), shape, LIVING_TARGETS) for seed, shape in seeds),
        ),
        "living bursts": ("```", *bursts(shapes[0]), "```"),
    }


def main() -> None:
    """Draw the tables into the page."""
    shapes, others = ([measured(seed, name=LIVING) for seed in seeds] for seeds in (SEEDS, OTHERS))
    page = PAGE.read_text(encoding="utf-8")
    for name, lines in blocks(shapes, others).items():
        page = drawn(page, name, lines)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

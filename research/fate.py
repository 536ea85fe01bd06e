"""Draws the block of docs/concepts/fate.md by forecasting runs of held-out seeds: python -m research.fate.

What is forecast, at which instant, over which seeds, stands in the constants below. Some two minutes on two cores.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from deleverage.replay.fate.calibration import Calibration, calibrate
from deleverage.replay.lab.metrics import rounded

from .oct_10 import drawn

__all__ = ["PAGE", "main"]

PAGE = Path(__file__).parents[1] / "docs" / "concepts" / "fate.md"

SCENARIO = "flash-crash"
SETTINGS = (
    "population.accounts=400",
    "insurance_fund.balance=10_000",
    "depth.multiples.BTC-PERP=0.01",
    "depth.multiples.ETH-PERP=0.006",
    "depth.multiples.AVAX-PERP=0.001",
    "prices.interval_ns=5s",
    'end="2025-10-10T21:25:00Z"',
)
AT, HORIZON_NS, DRAWS = "+37m", 5 * 60 * 10**9, 20
SEEDS = range(1_001, 1_017)


def _printed(found: Calibration) -> Iterator[str]:
    """What the page shows."""
    seeds = f"{len(found.forecasts):,} of {len(found.seeds)} seeds, {found.draws} draws each"
    rows = (
        ("forecasts", seeds),
        ("liquidated within the horizon", _percent(_share(found))),
        ("Brier score", _thousandths(found.brier)),
        ("of it, from the number of draws", _thousandths(found.noise)),
        ("Brier score of the other seeds' base rate", _thousandths(found.base_rate_brier)),
        ("mean forecast less what happened", f"{_percent(found.bias)}, error {found.bias_error:.1%}"),
    )
    yield from (f"{label:<43}{told}" for label, told in rows)
    yield ""
    yield "forecast            forecasts  their mean  happened  error of the difference"
    for row in found.reliability:
        span = f"{_percent(row.from_share)} to {_percent(row.to_share)}"
        shares = f"{_percent(row.mean):>12}{_percent(row.happened):>10}"
        yield f"{span:<20}{row.forecasts:>9,}{shares}{row.error:>25.1%}"


def _share(found: Calibration) -> Fraction:
    return Fraction(sum(one.happened for one in found.forecasts), len(found.forecasts))


def _percent(share: Fraction) -> str:
    return f"{rounded(share * 100, 1)}%"


def _thousandths(score: Fraction) -> str:
    return str(rounded(score, 3))


def main() -> None:
    """Forecast, and write the block into the page."""

    def told(seed: int) -> None:
        sys.stderr.write(f"seed {seed}\n")

    found = calibrate(
        SCENARIO, SETTINGS, SEEDS, at=AT, horizon_ns=HORIZON_NS, draws=DRAWS, jobs=os.cpu_count() or 1, told=told
    )
    lines = ("```console", "$ python -m research.fate", *_printed(found), "```")
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8"), "calibration", lines), encoding="utf-8")


if __name__ == "__main__":
    main()

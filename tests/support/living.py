"""A small living market: the bundled spiral with few accounts, for what has to be run many times over."""

from __future__ import annotations

from pathlib import Path

from deleverage import Scenario, run

ROOT = Path(__file__).parents[2]

__all__ = ["LIVING", "SMALL_SPIRAL", "spiral", "two_coins"]

LIVING = str(ROOT / "tests" / "support" / "living.toml")
"""Two venues in small, in which every actor acts."""

SMALL_SPIRAL = (
    "population.accounts=200",
    "impact.depth=40_000",
    "insurance_fund.balance=20_000",
    "makers.quoted_bps=800",
    "prices.duration_ns=5m",
    "prices.interval_ns=2s",
)
"""Settings for `spiral`: some 60 liquidations in 3,000 events, half a second."""


def spiral(path: Path, *settings: str) -> Path:
    """Record the small spiral, with more settings, at a place."""
    run(Scenario.load("spiral", (*SMALL_SPIRAL, *settings)), path)
    return path


def two_coins(folder: Path) -> Path:
    """Write the spiral with a second coin, at a fiftieth of the price, as a scenario into a folder."""
    head, mark, rest = bundled_text("spiral").partition("[[instruments]]")
    coin, prices, rest = rest.partition("[prices]")
    other = coin.replace("COIN-PERP", "ALT-PERP").replace("start_price = 1_000", "start_price = 20")
    path = folder / "two-coins.toml"
    path.write_text(head + mark + coin + mark + other + prices + rest, encoding="utf-8")
    return path


def bundled_text(name: str) -> str:
    """A bundled scenario as it is written."""
    return (ROOT / "sim" / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")

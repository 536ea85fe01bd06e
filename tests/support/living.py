"""A small living market: the bundled spiral with few accounts, for what has to be run many times over."""

from __future__ import annotations

from pathlib import Path

from deleverage import Scenario, run

ROOT = Path(__file__).parents[2]

__all__ = ["LIVING", "NOTICE", "SMALL_RULES", "SMALL_SPIRAL", "spiral", "two_coins"]

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


SMALL_RULES = (
    "population.accounts=100",
    "population.leverage=[[10,1],[15,1]]",
    "impact.depth=100_000",
    "insurance_fund.balance=30_000",
    "actors[0].balance=30_000",
    "instruments[0].open_interest_cap=800",
    "crowd.follower.accounts_bps=1500",
    "crowd.follower.nearest=50",
    "crowd.dip_buyer.accounts_bps=2500",
    "crowd.dip_buyer.nearest=50",
    "crowd.dip_buyer.share_bps=170_000",
    "prices.duration_ns=13m",
    "prices.phases=[{from_ns='3m', to_ns='5m', move=-0.045, volatility_multiple=5}]",
)
"""Settings for the bundled margin-spiral: rules that change, orders refused, some 90 liquidations in 7,000 events."""

NOTICE = ("margin_rules.notice_ns=45s", "margin_rules.buffer_bps=2500", "margin_rules.step_bps=3000")
"""And for changes with notice, a buffer and a step."""


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

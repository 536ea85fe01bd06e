"""A small living market: the bundled spiral with few accounts, for what has to be run many times over."""

from __future__ import annotations

from pathlib import Path

from deleverage import Scenario, run

__all__ = ["SMALL_SPIRAL", "spiral"]

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

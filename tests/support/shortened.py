"""The bundled flash crash, shortened: fewer accounts, and fund and depth in proportion to what they hold."""

from __future__ import annotations

__all__ = ["CALM", "SHORT_CRASH"]

SHORT_CRASH = (
    "flash-crash",
    "population.accounts=400",
    "prices.interval_ns=5s",
    "insurance_fund.balance=10_000",
    "depth.multiples.BTC-PERP=0.01",
    "depth.multiples.ETH-PERP=0.006",
    "depth.multiples.AVAX-PERP=0.001",
)
CALM = ("calm", "population.accounts=300")

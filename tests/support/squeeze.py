"""A squeeze made by hand: two calls' worth of prices, one takeover, one round of each trigger; every figure is known.

A lot is worth its price in USDT. The maintenance requirement is 10% of the notional, the fund begins with 300.

    0 s   1000   anna (long 10, balance 1,100) is called, and a second later adds 2,900
    2 s    870   ivan (long 1, balance 130) has nothing left: the fund takes his lot over at 870
    3 s    590   anna owes 100: the fund needs 424.5 and has 20; round 1 closes her 10 against bert's 6 and 4 of cleo's
   12 s    560   the fund is at -10 and declares it; round 2 closes ivan's lot against cleo
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deleverage.replay.run import Run

from .stage import ticks
from .told import producers, staged
from .venue import Book, listed

__all__ = ["ANNA", "BERT", "CLEO", "DORA", "EMIL", "FRED", "IVAN", "SECOND", "USDT", "squeeze"]

SECOND, USDT = 10**9, 10**6
ANNA, IVAN, BERT, CLEO, DORA, EMIL, FRED = range(4, 11)


def squeeze(path: Path, **fund: Any) -> Run:
    """Record it at `path`, with these settings of the fund, and open it."""
    book = Book(listed(multiplier_atoms=USDT), fund_atoms=300 * USDT)
    book.user(1_100 * USDT, (0, 10, 1000))
    book.user(130 * USDT, (0, 1, 1000))
    book.user(1_000 * USDT, (0, -6, 1000))
    book.user(10_000 * USDT, (0, -6, 1000))
    book.user(10_000 * USDT, (0, -5, 500))
    book.user(10_000 * USDT, (0, 1, 500))
    book.user(5 * USDT)
    answer = {"add_bps": 10_000, "reduce_bps": 0, "fastest_ns": SECOND, "slowest_ns": SECOND, "target_bps": 40_000}
    deciding = producers(
        mark={"policy": "index"},
        margin={},
        traders=answer,
        insurance_fund=fund,
        liquidation={},
        market={},
        adl={},
        socialization={},
    )
    path_of_prices = [(0, 1000), (2, 870), (3, 590), (12, 560), (13, 560)]
    return staged(path, book, deciding, *ticks(*((second * SECOND, price) for second, price in path_of_prices)))

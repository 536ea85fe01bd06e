"""GMX's own tests of liquidation, decided by the margin monitor on a ledger with the collateral as a coin.

Source: gmx-io/gmx-synthetics@a5c0c88, test/guardian/testLiquidation.ts (G1 to G8) and test/exchange/LiquidationOrder.ts
(G9). A position is liquidatable where what remains of its collateral, after profit and loss, is less than 1% of its
size; the venue takes the size at which it was opened, the monitor the one at the price of now, which these cases do
not tell apart. Its fees and price impact are 0 in those tests.
"""

from __future__ import annotations

import pytest

from deleverage.events.bodies.collateral import CoinDeposited
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.margin import MarkPriced
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters

from .support.collateral import COIN, CoinBook
from .support.venue import bodies, listed, tiers_of

USD = 1_000
"""A price of 0.001 USD is a tick, and an atom of the coin a thousandth of it."""
ONE = 1_000


def liquidated(side: int, entry: str, price: str, collateral: str, coins: int, size: int = 30_000) -> bool:
    """Whether a position of so many units is liquidated at a price, its collateral at another."""
    book = CoinBook(listed(0, tiers=tiers_of((0, 10_000))))
    book.rate((0, 1_000_000))
    entry_ticks, price_ticks = (round(float(one) * USD) for one in (entry, price))
    account = book.user(0, (0, side * size, entry_ticks))
    book.put(CoinDeposited(account, COIN, coins * ONE))
    book.price(round(float(collateral)))
    monitor = MarginMonitor(MarginParameters(10_000, 10_000))
    mark = book.put(MarkPriced(0, price_ticks, 0, price_ticks))
    monitor.prime(book.ledger, ())
    said = bodies(list(monitor.handle(mark, book.ledger, 0)))
    assert book.ledger.accounts[account].coins == {COIN: coins * ONE}
    return [type(one) for one in said] == [LiquidationStarted]


LONG, SHORT = 1, -1


@pytest.mark.decided
@pytest.mark.parametrize(
    ("side", "price", "ether", "expected"),
    [
        pytest.param(LONG, "15", "5000", False, id="gmx-G1 at first"),
        pytest.param(LONG, "15", "2500", True, id="gmx-G1"),
        pytest.param(LONG, "14.99", "2500", True, id="gmx-G2"),
        pytest.param(SHORT, "15", "4501", False, id="gmx-G3 just enough"),
        pytest.param(SHORT, "15", "4499", True, id="gmx-G3"),
        pytest.param(SHORT, "15.016", "5000", False, id="gmx-G4 just enough"),
        pytest.param(SHORT, "15.017", "5000", True, id="gmx-G4"),
        pytest.param(SHORT, "150", "5000", True, id="gmx-G5"),
        pytest.param(LONG, "1", "5000", True, id="gmx-G6"),
        pytest.param(LONG, "15.01", "4000", True, id="gmx-G7"),
    ],
)
def test_gmx_liquidates_below_one_percent(side: int, price: str, ether: str, expected: bool) -> None:
    """450,000 USD of SOL opened at 15, for 1 ETH at 5,000: the collateral falls, or the position loses."""
    assert liquidated(side, "15", price, ether, 1) is expected


@pytest.mark.decided
@pytest.mark.parametrize(
    ("price", "expected"), [pytest.param(4_200, False, id="gmx-G9 at first"), pytest.param(4_000, True, id="gmx-G9")]
)
def test_gmx_liquidates_ether_against_ether(price: int, expected: bool) -> None:
    """200,000 USD of ETH opened at 5,000, for 10 ETH, which fall with the position."""
    assert liquidated(LONG, "5000", str(price), str(price), 10, 40) is expected

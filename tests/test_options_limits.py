"""Orders of whoever holds options, or orders one: held against the initial margin of the whole book, and limits."""

from __future__ import annotations

from typing import Any

import pytest

from deleverage import Scenario
from deleverage.events.bodies.trading import OrderRefused
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.handlers.limits import initial_microatoms
from deleverage.handlers.options.scan_grid import ScanParameters
from deleverage.handlers.valuation import margin_of

from .support.crash import checked
from .support.option_chain import PERP, ChainBook, producers_of
from .support.past import goes_on_the_same

MICRO = 10**6
POOR = (
    "prices.duration_ns=4m",
    "prices.phases=[{from_ns='1m', to_ns='3m', move=-0.02}]",
    "prices.interval_ns=10s",
    "dealers.policy=vega-limited",
    "dealers.vega_limit=50",
    "instruments[0].max_leverage=50",
    "option_holders[0].margin=[0.5, 0.6]",
)
LONG, SHORT = 'option_holders[0].books={"long put"=1}', 'option_holders[0].books={"short put"=1}'


def needed(margin: str, grid: dict[str, Any], held: dict[int, int]) -> tuple[int, int]:
    """What a book requires to be kept, and what orders are held against, in microatoms."""
    options = ((90_000, "put", 30), (110_000, "call", 30))
    book = ChainBook(options, producers=producers_of(margin, grid))  # type: ignore[arg-type]
    book.mark(100_000)
    account = book.ledger.accounts[book.trader(10**9, held)]
    return margin_of(account, book.ledger).requirement_microatoms, initial_microatoms(account, book.ledger)


def test_the_initial_margin_of_a_book_by_the_standard() -> None:
    """Each short option by the venue's formula, nothing of a long one, and the future beside it by its tiers."""
    book = ChainBook([(90_000, "put", 30), (110_000, "call", 30)], producers=producers_of("tiered"))
    book.mark(100_000)
    account = book.ledger.accounts[book.trader(10**9, {1: -2, 2: 3, PERP: 1})]
    mark = book.ledger.markets[1].mark_ticks
    tiers = margin_of(book.ledger.accounts[book.trader(10**9, {PERP: 1})], book.ledger).requirement_microatoms
    assert initial_microatoms(account, book.ledger) == 2 * (10_000 + mark) * MICRO + tiers


@pytest.mark.parametrize("held", [{1: -2, 2: -3}, {1: -2, PERP: -1}, {2: -4, PERP: 2}], ids=str)
def test_the_initial_margin_of_a_scan_is_the_whole_sum(held: dict[int, int]) -> None:
    """Deribit's maintenance is 0.8 of the sum and the initial margin the sum; OKX's is 1.3 times its maintenance."""
    kept, initial = needed("portfolio", {}, held)
    assert abs(initial * 8 - kept * 10) <= 40
    okx = {"model": "okx", "price_range_bps": 1_200, "maintenance_ppm": MICRO, "initial_ppm": 1_300_000}
    kept, initial = needed("portfolio", okx, held)
    assert 0 <= initial * 10 - kept * 13 <= 30
    assert ScanParameters(**okx).initial_of_maintenance_ppm == 1_300_000  # type: ignore[arg-type]


def refusals(*stated: str) -> tuple[list[OrderRefused], Ledger]:
    """Those of a short gamma, in which every law was checked at every event."""
    events, ledger = checked("gamma", *POOR, *stated)
    return [one.body for one in events if isinstance(one.body, OrderRefused)], ledger


def test_an_order_that_the_book_cannot_bear_is_refused() -> None:
    """Who is long of options sells no more of them than it has equity for; without the key nobody is asked."""
    bodies, ledger = refusals("margin.policy=tiered", LONG, "options[0].initial_margin=true")
    sold = [one for one in bodies if one.instrument in ledger.options]
    assert sold
    assert all(one.size_lots < 0 and one.limit == "initial margin" and one.would_atoms > one.may_atoms for one in sold)
    free, ledger = refusals("margin.policy=tiered", LONG)
    assert not [one for one in free if one.instrument in ledger.options]


def test_what_eases_a_book_is_not_refused() -> None:
    """Short of the initial margin a hedge is taken where the scan counts it, and refused where tiers only add it."""
    assert not refusals(SHORT, "margin.policy=portfolio", "options[0].initial_margin=true")[0]
    bodies, _ = refusals(SHORT, "margin.policy=tiered", "options[0].initial_margin=true")
    assert {one.instrument for one in bodies} == {PERP}


def test_positions_in_an_option_have_a_limit_of_their_own() -> None:
    """In units, on a side; the run goes on the same from its middle."""
    stated = (SHORT, "options[0].position_limit=0.05", "option_holders[0].margin=[4, 6]")
    bodies, ledger = refusals(*stated)
    assert bodies
    assert {one.limit for one in bodies} == {"position"}
    assert all(one.instrument in ledger.options and one.may_lots == 5 for one in bodies)
    events, _ = checked("gamma", *POOR, *stated)
    goes_on_the_same(events, [len(events) // 2])


def test_a_limit_of_nothing_is_refused() -> None:
    """One line with the key."""
    with pytest.raises(ScenarioError, match=r"\$.options\[0\]: position_limit must lie between"):
        Scenario.load("gamma", ["options[0].position_limit=0"])
    with pytest.raises(ScenarioError, match="initial_ppm must be at least 1000000"):
        Scenario.load("gamma", ["margin.initial_ppm=999_999"])

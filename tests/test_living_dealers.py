"""Dealers who hedge options on the perpetual's book: what they order, and what their gamma does to a fall."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage import Scenario, run
from deleverage.events.bodies.options import VolatilityMarked
from deleverage.events.bodies.trading import BookPriced, OrderPlaced
from deleverage.events.envelope import Event
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import LedgerState
from deleverage.handlers.living.dealers import DELTA_HEDGE
from deleverage.handlers.options.sensitivities import unit_greeks
from deleverage.replay.verify.verification import verify

from .support.crash import checked
from .support.past import goes_on_the_same
from .support.priming import differences

SHORT = ("prices.interval_ns=20s", "population.accounts=40")


def _orders(events: tuple[Event, ...]) -> list[OrderPlaced]:
    return [one.body for one in events if isinstance(one.body, OrderPlaced) and one.body.purpose == DELTA_HEDGE]


def _lowest(*overrides: str) -> int:
    """The lowest price that the book traded at."""
    events, _ = checked("gamma", *overrides)
    return min(one.body.price_ticks for one in events if isinstance(one.body, BookPriced))


def test_short_gamma_deepens_a_fall_and_long_gamma_softens_it() -> None:
    """The same prices from outside: dealers who wrote the options sell into the fall, dealers who own them buy."""
    without = _lowest("dealers.policy=none")
    long = 'option_holders[0].books={"long put" = 1}'
    assert _lowest() < without < _lowest(long)


def test_dealers_short_of_puts_sell_as_the_price_falls_and_buy_as_it_rises() -> None:
    """All orders are hedges of the delta, linked to the price that they follow; afterwards next to nothing is left."""
    events, ledger = checked("gamma")
    orders = _orders(events)
    assert sum(one.size_lots < 0 for one in orders) > 100
    assert sum(one.size_lots > 0 for one in orders) > 100
    linked = [one for one in events if isinstance(one.body, OrderPlaced)]
    assert all(isinstance(events[one.links[0]].body, BookPriced) for one in linked)
    for number in range(1, 5):
        assert _left(ledger, f"dealer-{number}") < 2_000


def _left(ledger: LedgerState, name: str) -> int:
    """The delta of a book, in basis points of that of the contracts that hedge it; less than it would order for."""
    account = ledger.accounts[ledger.account_ids[name]]
    (found,) = unit_greeks(account, ledger)
    future = sum(one.size_lots for (instrument, _), one in account.positions.items() if instrument == 0)
    worth = abs(ledger.markets[0].payoff.value_atoms(future, ledger.markets[0].mark_ticks)) // 100
    return abs(found.delta_atoms) * 10_000 // max(1, worth)


def test_it_goes_on_the_same_and_is_verified(tmp_path: Path) -> None:
    """Taken up anywhere, primed anywhere, and executed again on disk."""
    events, _ = checked("gamma", *SHORT)
    assert any(isinstance(one.body, VolatilityMarked) for one in events)
    goes_on_the_same(events, [len(events) // 3, len(events) - 50])
    assert not list(differences(events, len(events) // 2, 400))
    path = tmp_path / "gamma.run"
    run(Scenario.load("gamma", SHORT), path)
    assert verify(path).sound


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (
            "dealers.group=nobody",
            r"\$.dealers.group: an actor without capital cannot act, and there is no actor 'nobody'",
        ),
        ("orders.policy=none", r"\$.dealers.policy: nobody takes its orders"),
        ("dealers.leverage_bps=0", r"leverage_bps must be above 0"),
    ],
)
def test_dealers_who_could_not_act_are_refused(override: str, says: str) -> None:
    """With the key that is missing or wrong."""
    with pytest.raises(ScenarioError, match=says):
        Scenario.load("gamma", [override])

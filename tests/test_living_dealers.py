"""Dealers who hedge options on the perpetual's book: what they order, and what their gamma does to a fall."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from deleverage import Run, Scenario, open_run, run
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.options import VolatilityMarked
from deleverage.events.bodies.trading import BookPriced, OrderFilled, OrderPlaced
from deleverage.events.envelope import Event
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import LedgerState
from deleverage.handlers.living.dealers import DELTA_HEDGE, VEGA_HEDGE
from deleverage.handlers.options.sensitivities import unit_greeks
from deleverage.replay.verify.verification import verify
from deleverage.replay.why.explain import explain

from .support.crash import checked
from .support.past import goes_on_the_same
from .support.priming import differences

SHORT = ("prices.interval_ns=20s", "population.accounts=40")


VEGA = ("dealers.policy=vega-limited", "dealers.vega_limit=50")


def _orders(events: tuple[Event, ...], purpose: str = DELTA_HEDGE) -> list[OrderPlaced]:
    return [one.body for one in events if isinstance(one.body, OrderPlaced) and one.body.purpose == purpose]


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


def _vega(ledger: LedgerState, number: int) -> int:
    """What a point of volatility changes a dealer's book by, in USDT, whichever way."""
    (found,) = unit_greeks(ledger.accounts[ledger.account_ids[f"dealer-{number}"]], ledger)
    return abs(found.vega_atoms) // 10**6


def test_vega_is_kept_within_its_limit_by_options_and_gamma_with_it() -> None:
    """Without a limit a book has more at the end; what is bought to keep it has gamma, so that the fall is softer."""
    _, ledger = checked("gamma", *VEGA)
    _, without = checked("gamma")
    assert max(_vega(without, number) for number in range(1, 5)) > 100
    assert all(_vega(ledger, number) <= 50 for number in range(1, 5))
    assert _lowest(*VEGA) > _lowest()


def test_what_a_vega_hedge_takes_is_near_the_money_and_near_the_mark() -> None:
    """Each is linked to the price that set it off; it is the option with the most vega over mark of those within 5%."""
    events, ledger = checked("gamma", *VEGA)
    orders = {one.order_id: one for one in _orders(events, VEGA_HEDGE)}
    assert {one.size_lots > 0 for one in orders.values()} == {True, False}
    marks, filled = dict[int, int](), 0
    for event in events:
        body = event.body
        if isinstance(body, MarkPriced):
            marks[body.instrument] = body.mark_ticks
        if isinstance(body, OrderPlaced) and body.order_id in orders:
            option, spot = ledger.options[body.instrument], marks[0]
            assert isinstance(events[event.links[0]].body, BookPriced)
            assert 20 * abs(option.strike_ticks - spot) <= spot
            assert body.limit_ticks is not None
            assert abs(body.limit_ticks - marks[body.instrument]) <= 1 + marks[body.instrument] * 3 // 100
            cheapest = min(marks[one.instrument] for one in ledger.options.values() if _is_near(one.strike_ticks, spot))
            assert marks[body.instrument] == cheapest  # of puts of one expiry the lowest strike has the most of it
        if isinstance(body, OrderFilled) and body.order_id in orders:
            filled += 1
            limit = orders[body.order_id].limit_ticks
            assert limit is not None
            assert body.price_ticks <= limit if body.size_lots > 0 else body.price_ticks >= limit
    assert filled > 20


def _is_near(strike_ticks: int, spot_ticks: int) -> bool:
    return 20 * abs(strike_ticks - spot_ticks) <= spot_ticks


def test_a_vega_limit_goes_on_the_same_and_is_verified(tmp_path: Path) -> None:
    """Taken up anywhere, and executed again on disk."""
    events, _ = checked("gamma", *SHORT, *VEGA)
    assert _orders(events, VEGA_HEDGE)
    goes_on_the_same(events, [len(events) // 3])
    path = tmp_path / "vega.run"
    run(Scenario.load("gamma", (*SHORT, *VEGA)), path)
    assert verify(path).sound
    _why_states_the_vega(open_run(path))


def _why_states_the_vega(past: Run) -> None:
    """The vega that was over the limit, as the state before the order has it; of a hedge of the delta there is none."""
    orders = [one for one in past.events() if isinstance(one.body, OrderPlaced)]
    hedge = next(one for one in orders if one.body.purpose == VEGA_HEDGE)  # type: ignore[union-attr]
    (found,) = unit_greeks(past.before(hedge.seq).accounts[hedge.body.account], past.before(hedge.seq))  # type: ignore[union-attr]
    assert abs(found.vega_atoms) > 50 * 10**6
    said = f"changed its book by {Decimal(found.vega_atoms) / 10**6:,.6f} USDT, and its limit is 50.000000 USDT"
    assert said in explain(past, hedge.seq).paragraph
    other = next(one for one in orders if one.body.purpose == DELTA_HEDGE)  # type: ignore[union-attr]
    assert "point of volatility" not in explain(past, other.seq).paragraph


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

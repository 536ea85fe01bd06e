"""Amounts of a rulebook are stated in the first asset, and hold of whatever settles in another at its price."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from deleverage import Scenario
from deleverage.events.bodies.collateral import ConversionPriced
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.liquidation import LiquidationOrdered
from deleverage.events.errors import ScenarioError
from deleverage.handlers.conversion import in_asset, in_first, is_priced

from .support.collateral import COIN, SPOT, CoinBook
from .support.collateral_runs import TWO_ASSETS
from .support.crash import checked


def test_an_asset_is_converted_at_its_price_or_before_there_is_one_at_what_the_oracle_said() -> None:
    """By nothing at all before that; and an amount of the first asset is always itself."""
    book = CoinBook()
    ledger = book.ledger
    assert not is_priced(ledger, COIN)
    assert (in_asset(ledger, COIN, 1_000), in_first(ledger, COIN, 1_000)) == (0, 0)
    book.put(PriceTicked(((SPOT, 25),)))
    assert (in_asset(ledger, COIN, 1_010), in_first(ledger, COIN, 40)) == (40, 1_000)
    book.put(ConversionPriced(COIN, SPOT, 20, 20))
    assert (in_asset(ledger, COIN, 1_010), in_first(ledger, COIN, 40)) == (50, 800)
    assert (in_asset(ledger, 0, 1_010), in_first(ledger, 0, 40)) == (1_010, 40)


class Ordered(NamedTuple):
    """How many forced orders of each asset were for a whole position, and for a part."""

    whole: int
    part: int


def ordered(*overrides: str) -> dict[int, Ordered]:
    """The first order of each liquidation, by the asset that its account settles in."""
    events, ledger = checked(TWO_ASSETS, "liquidation.policy=partial-then-whole", *overrides)
    seen, found = set[int](), dict[int, Ordered]()
    for event in events:
        body = event.body
        if not isinstance(body, LiquidationOrdered) or body.liquidation_id in seen:
            continue
        seen.add(body.liquidation_id)
        asset = ledger.accounts[body.account].asset
        one = found.get(asset, Ordered(0, 0))
        found[asset] = one._replace(whole=one.whole + body.whole, part=one.part + (not body.whole))
    return found


def test_what_is_small_in_usdt_is_small_in_btc_too() -> None:
    """Positions under 20,000 USDT are closed whole at once: so most of either asset, and the largest of either not."""
    usdt, btc = ordered("liquidation.whole_below=20000").values()
    assert usdt.whole > usdt.part > 0
    assert btc.whole > btc.part > 0
    usdt, btc = ordered("liquidation.whole_below=1000000").values()
    assert usdt.part == btc.part == 0


def test_a_floor_of_funds_of_several_assets_is_refused() -> None:
    """There is no price yet to convert it by; one counted in atoms stands for each."""
    with pytest.raises(ScenarioError, match=r"insurance_fund.floor: a floor of 100 cannot be kept by funds of several"):
        Scenario.load(TWO_ASSETS, ("insurance_fund.floor=100",)).resolve()
    Scenario.load(TWO_ASSETS, ('insurance_fund.floor="1 atom"',)).resolve()


@pytest.mark.parametrize(
    "overrides",
    [
        ("liquidation.policy=fillable-price",),
        ("liquidation.policy=chunk-and-cooldown", "liquidation.chunk_over=1000"),
        ("liquidation.policy=incremental", "liquidation.whole_below=1000"),
        ("insurance_fund.policy=drawdown", "insurance_fund.least_fall=100", "insurance_fund.threshold=10"),
        ("insurance_fund.policy=insurance-fee", "insurance_fund.market_payment_max=50"),
    ],
)
def test_every_policy_with_amounts_goes_through_a_run_of_two_assets(overrides: tuple[str, ...]) -> None:
    """And every law of the ledger holds at each event."""
    events, _ = checked(TWO_ASSETS, *overrides)
    assert any(isinstance(event.body, LiquidationOrdered) for event in events)

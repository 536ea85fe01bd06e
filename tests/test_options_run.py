"""Options end to end: listed, marked, margined, liquidated, taken over, expired, settled, verified, forked and told."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Scenario, fork, open_run, run
from deleverage.events.bodies.options import OptionExpired, OptionSettled
from deleverage.events.errors import ScenarioError
from deleverage.replay.fork.changes import Changes
from deleverage.replay.verify.verification import verify

from .support.command_line import call
from .support.crash import checked
from .support.past import goes_on_the_same
from .support.priming import differences

OPTIONS = str(Path(__file__).parent / "support" / "options.toml")
POOR = ("options[0].refill_half_life_ns=10m", "seed=3")
COINS = str(Path(__file__).parent / "support" / "options-in-coins.toml")


@pytest.mark.parametrize("policy", ["portfolio", "tiered"])
def test_it_reaches_every_stage_and_every_law_holds(policy: str) -> None:
    """Calls, liquidations of options, takeovers, and an expiry after which nobody holds what expired."""
    events, ledger = checked(OPTIONS, *POOR, f"margin.policy={policy}")
    seen = Counter(type(event.body).__name__ for event in events)
    for stage in ("VolatilityMarked", "MarginCalled", "LiquidationFilled", "PositionTakenOver", "DeliveryPriced"):
        assert seen[stage], stage
    expired = {event.body.instrument for event in events if isinstance(event.body, OptionExpired)}
    assert len(expired) == 12
    assert seen["OptionSettled"] >= 10
    assert not any(key[0] in expired for account in ledger.accounts for key in account.positions)
    writers = {one.account for one in ledger.accounts if ledger.name(one.account).startswith("writer")}
    assert any(event.body.account in writers for event in events if type(event.body).__name__ == "LiquidationStarted")


def test_of_an_expired_option_shorts_pay_what_longs_receive() -> None:
    """Outside liquidity included: what is settled of each option comes to the opposite of what liquidity held."""
    events, _ = checked(OPTIONS, *POOR, "margin.policy=portfolio")
    payoffs = {one.body.instrument: one.body.price_ticks for one in events if isinstance(one.body, OptionExpired)}
    for event in events:
        if isinstance(event.body, OptionSettled):
            assert event.body.price_ticks == payoffs[event.body.instrument]


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_taken_up_anywhere_it_goes_on_the_same(data: st.DataObject) -> None:
    """From nothing but its inputs, and from any event, also within the window of an average."""
    events, _ = checked(OPTIONS, *POOR, "margin.policy=portfolio")
    goes_on_the_same(events, [data.draw(st.integers(0, len(events)))])


@settings(max_examples=5, deadline=None)
@given(st.data())
def test_primed_anywhere_the_handlers_say_the_same(data: st.DataObject) -> None:
    """Who holds options, and the bound that saves scans, are only speed."""
    events, _ = checked(OPTIONS, *POOR, "margin.policy=portfolio")
    assert not list(differences(events, data.draw(st.integers(0, len(events))), 400))


def test_it_is_verified_forked_and_told(tmp_path: Path) -> None:
    """On disk: sound; forked without changes the same, under the standard margin another; `state` and `why` read it."""
    path = tmp_path / "options.run"
    run(Scenario.load(OPTIONS, POOR), path)
    assert verify(path).sound
    parent = open_run(path)
    seqs = {type(event.body).__name__: event.seq for event in parent.events()}
    assert fork(parent, seqs["DeliveryStarted"], output=tmp_path / "same.run").head == parent.head
    changed = fork(parent, 600, Changes(settings=("margin.policy=tiered",)), tmp_path / "changed.run")
    assert changed.status == "complete"
    assert changed.head != parent.head
    for name in ("OptionSettled", "OptionExpired", "VolatilityMarked", "LiquidationStarted", "DeliveryPriced"):
        said = call("why", path, str(seqs[name]))
        assert said.exit_code == 0, said.output
    settled = call("why", path, str(seqs["OptionSettled"])).output
    assert "the delivery price was" in " ".join(settled.split())
    assert call("state", path, "--at", str(seqs["OptionExpired"])).exit_code == 0


def test_options_of_an_inverse_contract_settle_in_its_coin() -> None:
    """Margined, liquidated and settled in coins, under either margin; every law holds at every event."""
    for policy in ("portfolio", "tiered"):
        events, ledger = checked(COINS, f"margin.policy={policy}")
        seen = Counter(type(event.body).__name__ for event in events)
        assert seen["OptionSettled"]
        assert seen["LiquidationStarted"]
        assert ledger.assets[0].name == "BTC"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ('options[0].expires_ns=["-1m"]', r"\$.options\[0\].expires_ns\[0\]: '-1m' is not a duration"),
        ("options[0].expires_ns=[0]", r"\$.options\[0\].expires_ns\[0\]: an expiry lies after the start"),
        ("options[0].underlying=ETH-PERP", r"there is no instrument 'ETH-PERP'; choose from BTC-PERP"),
        ("options[0].settled_in=coin", r"options on an inverse contract settle in its coin, all others in cash"),
        ("volatility=[]", r"\$.options\[0\]: nothing says how volatile BTC-PERP is"),
        (
            "volatility[0].smiles[0].moneyness=[[1, 0.3], [1.02, 3], [1.04, 0.3]]",
            r"\$.volatility\[0\]: surface 2025-10-10T20:20:00Z, strike \d+ ticks: butterfly arbitrage",
        ),
        ("volatility[0].smiles[1].moneyness=[[0.5, 0.01], [2, 0.01]]", r"calendar arbitrage"),
        ("option_holders[0].underlying=X", r"\$.option_holders\[0\].underlying: there is no instrument 'X'"),
        ("options=[]", r"\$.volatility: there is no option"),
        ("margin.price_range_bps=0", r"price_range_bps must lie above 0"),
        ("option_rules.rate_ppm=-1", r"rates and chances must lie between 0 and 1000000 ppm"),
    ],
)
def test_what_cannot_be_listed_is_refused_with_where(override: str, says: str) -> None:
    """One line that names the key: an expiry that is past, arbitrage in a surface, an option on nothing."""
    with pytest.raises(ScenarioError, match=says):
        Scenario.load(OPTIONS, [override]).resolve()
    said = call("run", OPTIONS, "--set", override)
    assert said.exit_code == 2
    assert len(said.stderr.strip().splitlines()) == 1

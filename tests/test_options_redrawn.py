"""Surfaces that are drawn anew while a run goes on: inputs, after which options are marked and margined by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Scenario, fork, open_run, run
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.options import SurfaceSet, VolatilityMarked
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.handlers.options.pricing import mark_ticks
from deleverage.replay.verify.verification import verify

from .support.command_line import call
from .support.crash import checked
from .support.past import goes_on_the_same
from .support.priming import differences

OPTIONS = str(Path(__file__).parent / "support" / "options.toml")
FLAT = (
    "prices.phases=[]",
    "prices.volatility=0",
    "prices.duration_ns=8m",
    "prices.interval_ns=10s",
    "population.accounts=5",
    "option_holders[0].accounts=30",
    'option_holders[0].books={"short strangle"=1}',
    "option_holders[0].margin=[0.8, 1.2]",
)


def surface(volatility: object, from_s: int = 0, more: str = "") -> str:
    """A flat one, as a scenario has it."""
    smiles = (f'{{expires_ns="{one}", moneyness=[[0.8, {volatility}], [1.2, {volatility}]]}}' for one in ("20m", "12h"))
    return f'{{underlying="BTC-PERP", from_ns={from_s * 10**9}, smiles=[{", ".join(smiles)}]{more}}}'


def drawn(*surfaces: str) -> str:
    """The override that has these."""
    return f"volatility=[{', '.join(surfaces)}]"


TWICE = drawn(surface("0.55"), surface("4", 300))


def test_volatility_alone_marks_anew_and_liquidates() -> None:
    """The price stands still: every option is marked by the new surface at its instant, and only then anybody falls."""
    events, _ = checked(OPTIONS, *FLAT, TWICE)
    (at,) = (one for one in events if isinstance(one.body, SurfaceSet) and one.at_ns > events[0].at_ns)
    assert at.at_ns - events[0].at_ns == 300 * 10**9
    marked = [one for one in events if isinstance(one.body, MarkPriced) and one.cause == at.seq]
    ledger = Ledger.of(events[: marked[-1].seq + 1])
    for option in ledger.options.values():
        assert ledger.markets[option.instrument].mark_ticks == mark_ticks(ledger, option)
    assert len(marked) > 12
    assert not any(isinstance(one.body, VolatilityMarked) and one.at_ns == at.at_ns for one in events)
    begun = [one for one in events if isinstance(one.body, LiquidationStarted)]
    assert begun
    assert all(one.seq > at.seq for one in begun)
    quiet, _ = checked(OPTIONS, *FLAT, drawn(surface("0.55")))
    assert not any(isinstance(one.body, LiquidationStarted) for one in quiet)


@settings(max_examples=3, deadline=None)
@given(st.data())
def test_taken_up_anywhere_it_goes_on_the_same(data: st.DataObject) -> None:
    """From any event, and primed there: what was drawn is an input like a price."""
    events, _ = checked(OPTIONS, *FLAT, TWICE)
    goes_on_the_same(events, [data.draw(st.integers(0, len(events)))])
    assert not list(differences(events, data.draw(st.integers(0, len(events))), 200))


def test_it_is_verified_forked_and_told(tmp_path: Path) -> None:
    """Sound on disk and the same in a fork of before it; a mark rests on the surface that it was made by."""
    path = tmp_path / "redrawn.run"
    run(Scenario.load(OPTIONS, (*FLAT, TWICE)), path)
    assert verify(path).sound
    record = open_run(path)
    events = list(record.events())
    at = [one for one in events if isinstance(one.body, SurfaceSet)][-1]
    assert fork(record, at.seq - 5, output=tmp_path / "same.run").head == record.head
    mark = next(one for one in events if isinstance(one.body, MarkPriced) and one.cause == at.seq)
    said = " ".join(call("why", path, str(mark.seq)).output.split())
    assert f"event {at.seq}" in said
    assert "a surface of volatilities" in said


def test_a_surface_has_a_price_of_its_own_and_a_venue() -> None:
    """Moneyness is of the stated forward; of two venues it holds at the one that it is drawn at."""
    later = surface("0.9", 60, ', forward=100_000, venue="beta"')
    stated = ("liquidation={}", 'venues=[{name="alpha"}, {name="beta"}]', drawn(surface("0.55"), later, BETA))
    chains = Scenario.load(OPTIONS, stated).resolve().chains
    ((_, found),) = chains.redrawn
    assert found.instrument == 1
    assert {one.forward_ticks for one in found.smiles} == {100_000}
    assert [strike for strike, _ in found.smiles[0].strikes_ppb] == [80_000, 120_000]


BETA = surface("0.7", 0, ', venue="beta"')


@pytest.mark.parametrize(
    ("surfaces", "says"),
    [
        ((surface("0.5"), surface("0.6")), "an underlying has two surfaces from one time on"),
        ((surface("0.5", 5),), "nothing says how volatile BTC-PERP is"),
        ((surface("0.5"), surface("0.6", 600)), "a surface is drawn at .*, after the last price"),
        ((surface("0.5"), surface("0.6", 1_200)), r"\$.volatility\[1\]: a surface has smiles, and none of them has"),
        ((surface("0.5"), surface("0.6", 60, ", forward=0")), r"\$.volatility\[1\]: forward must lie between"),
        ((surface("0.5"), surface("0.6", -1)), "from_ns must lie between 0 and"),
    ],
)
def test_what_cannot_be_drawn_is_refused(surfaces: tuple[str, ...], says: str) -> None:
    """One line that says which and why."""
    with pytest.raises(ScenarioError, match=says):
        Scenario.load(OPTIONS, [*FLAT, drawn(*surfaces)]).resolve()


def test_at_one_instant_a_price_comes_first() -> None:
    """Inputs of one instant are in the order of their sources: the price, then the surface."""
    events, _ = checked(OPTIONS, *FLAT, TWICE)
    at = next(one for one in reversed(events) if isinstance(one.body, SurfaceSet))
    before: Any = [one for one in events if isinstance(one.body, PriceTicked) and one.at_ns == at.at_ns]
    assert [one.seq < at.seq for one in before] == [True]

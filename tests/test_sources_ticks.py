"""Ticks of several instruments: each its own price, every bad row named."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.base import Provenance
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.run import SourceTally
from deleverage.events.errors import ScenarioError
from deleverage.sim.scenario import Scenario
from deleverage.sim.sources.base import InstrumentScale
from deleverage.sim.sources.registry import open_prices
from deleverage.sim.sources.ticks import TICKS_COLUMNS, TicksSettings, TicksSource

AVAX = InstrumentScale(0, "AVAX", Decimal("0.01"), Decimal("0.1"))
BTC = InstrumentScale(1, "BTC", Decimal("0.5"), Decimal("0.001"))
AT = 1_760_054_401_433_000_001


def source(folder: Path, *lines: str, header: str = ",".join(TICKS_COLUMNS)) -> TicksSource:
    """A source of a file with these lines below the header."""
    path = folder / "ticks.csv"
    path.write_text("\n".join([header, *lines, ""]))
    return TicksSource(TicksSettings(str(path)), [AVAX, BTC])


def test_each_instrument_has_its_own_price_and_keeps_it(tmp_path: Path) -> None:
    """Rows of a nanosecond are one instant, under the first row; whoever has none keeps its price."""
    read = source(tmp_path, f"{AT},BTC,100.5", f"{AT},AVAX,28.41", f"{AT + 1},AVAX,28.40")
    assert (read.start_ns, read.opening) == (AT, ((0, 2841), (1, 201)))
    assert list(read.inputs(3)) == [
        (AT, PriceTicked(((0, 2841), (1, 201)), Provenance(3, 1, AT))),
        (AT + 1, PriceTicked(((0, 2840), (1, 201)), Provenance(3, 3, AT + 1))),
    ]
    assert read.tally(3) == SourceTally(3, 3, 0)


@given(changes=st.lists(st.dictionaries(st.sampled_from([0, 1]), st.integers(1, 9_999), min_size=1), min_size=1))
def test_any_prices_come_back(changes: list[dict[int, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever ticks are written, the same prices are read, by a slow fold of them."""
    steps, names = (AVAX.tick_size, BTC.tick_size), ("AVAX", "BTC")
    first = {0: 1, 1: 1} | changes[0]
    rows = [(AT + at, number, ticks) for at, one in enumerate([first, *changes[1:]]) for number, ticks in one.items()]
    lines = [f"{at},{names[number]},{ticks * steps[number]}" for at, number, ticks in rows]
    found = source(tmp_path_factory.mktemp("ticks"), *lines).inputs(0)
    for place, (at_ns, body) in enumerate(found):
        told = {number: ticks for at, number, ticks in rows if at <= at_ns}
        assert (at_ns, body.prices) == (AT + place, tuple(sorted(told.items())))


@pytest.mark.parametrize(
    ("lines", "line", "fault"),
    [
        ([f"{AT},AVAX,28.41"], 2, "no price of BTC"),
        ([f"{AT},AVAX,28.41", f"{AT},DOGE,1"], 3, "unknown instrument 'DOGE'"),
        ([f"{AT},AVAX,28.41", f"{AT},AVAX,28.41"], 3, "a price of this time already"),
        ([f"{AT},AVAX,28.415"], 2, "0.01"),
        ([f"{AT},AVAX,0"], 2, "not above 0"),
        ([f"{AT},AVAX,1", f"{AT},BTC,1", f"{AT - 1},BTC,1"], 4, "runs backwards"),
        (["today,AVAX,1"], 2, "not a whole number"),
        (["9999999999999999999,AVAX,1"], 2, "2262"),
    ],
)
def test_a_bad_row_is_named(lines: list[str], line: int, fault: str, tmp_path: Path) -> None:
    """With file and line, when the source is made or read."""
    with pytest.raises(ScenarioError, match=rf"ticks\.csv:{line}: .*{fault}"):
        list(source(tmp_path, *lines).inputs(0))


def test_another_header_is_refused(tmp_path: Path) -> None:
    """The columns are told."""
    with pytest.raises(ScenarioError, match="expected at_ns,instrument,price"):
        source(tmp_path, header="at,instrument,price")


def test_it_can_begin_later_and_is_told_by_its_header(tmp_path: Path) -> None:
    """`since` opens at the first instant from then on; a file in place of a generator needs no source."""
    source(tmp_path, f"{AT},BTC,100.5", f"{AT},AVAX,28.41", f"{AT + 10**9},AVAX,28.40")
    settings = TicksSettings(str(tmp_path / "ticks.csv"), since="2025-10-10T00:00:02Z")
    (later,) = open_prices(settings, [AVAX, BTC], start_ns=0, seed=0)
    assert later.opening == ((0, 2840), (1, 201))
    tree = Scenario.load("calm", [f"prices.file={tmp_path / 'ticks.csv'}"]).tree
    assert tree["prices"] == {"source": "ticks", "file": str(tmp_path / "ticks.csv")}

"""The bundled oct-10 scenario: what it needs, one seed as the page shows it, and the page's own arithmetic."""

from __future__ import annotations

import csv
import gzip
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from deleverage.events.bodies.run import RunEnded
from deleverage.events.errors import ScenarioError
from deleverage.events.record import MemoryRecord
from deleverage.sim.runner import Simulation
from deleverage.sim.scenario import Scenario
from research import oct_10
from research.shape import Shape, percentile, shape_of

from .support.real_data import real_file

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "oct-10.md"
TICKERS, USERS = "impact-by-ticker-2025-10-10.csv", "adl-users-2025-10-10.csv.gz"
FEW = (
    "population.groups[0].accounts=325",
    "population.groups[1].accounts=675",
    "insurance_fund.balance=300",
    'depth.steps=[{ after_ns = "60s", multiple = 0.013 }, { after_ns = "125s", multiple = 0.019 }]',
)
"""A twentieth of everybody and everything: too few for the shape of every seed, enough for a run."""

SHAPE = Shape(10**9, 200, 76, 3, ((62 * 10**9, 3), (63 * 10**9, 1)), (0, 2 * 10**5, 2 * 10**5, 4 * 10**6), (5,), (7,))


def block(name: str) -> list[str]:
    """The lines of one drawn block of the page."""
    (found,) = re.findall(rf"<!-- drawn: {name} -->\n(.*?)<!-- end -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found).splitlines()


def cells(line: str) -> list[str]:
    """The cells of a row of a table."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_scenario_needs_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It resolves in an empty folder without DELEVERAGE_DATA: 20,000 accounts on Hyperliquid's rulebook."""
    monkeypatch.delenv("DELEVERAGE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    scenario = Scenario.load("oct-10").resolve()
    names = [account.name for account in scenario.population()]
    assert (len(names), names[0], names[-1]) == (20_000, "long-1", "short-13500")
    assert scenario.venue == "hyperliquid"
    assert {producer.handler: producer.policy for producer in scenario.producers}["adl"] == "hyperliquid"


def test_few_accounts_run_to_the_end() -> None:
    """A twentieth of it runs to its end and deleverages, forced orders moving the marks."""
    record = MemoryRecord()
    simulation = Simulation(Scenario.load("oct-10", FEW).resolve(), record)
    simulation.open()
    simulation.drive()
    events = list(record.events())
    simulation.ledger.check()
    shape = shape_of(events)
    assert isinstance(events[-1].body, RunEnded)
    assert shape.reductions > 100
    assert 0 < shape.deleveraged_atoms < shape.liquidated_atoms


def test_a_seed_gives_what_the_page_shows() -> None:
    """The first seed, run in full, gives its row of the page and the chart, to the last digit."""
    shape = oct_10.measured(1)
    assert oct_10.row("1", shape) == block("seeds")[2]
    assert ["```", *oct_10.chart(shape), "```"] == block("bursts")


def test_the_page_adds_its_seeds_up() -> None:
    """What the page says was reached is the median of its ten seeds, and every target is within a tenth."""
    seeds = [cells(line)[1:] for line in block("seeds")[2:]]
    for column, line in enumerate(block("targets")[2:]):
        _, _, published, _, reached, spread, _, verdict = cells(line)
        values = sorted((seed[column] for seed in seeds), key=Fraction)
        assert (reached, spread) == (values[4], f"{values[0]} to {values[-1]}")
        assert abs(Fraction(reached) / Fraction(published) - 1) < Fraction(1, 10)
        assert verdict.startswith("yes; ")


def test_a_row_shows_each_figure() -> None:
    """61 s to 3 of 4 reductions, three times the next; 76 of 200 liquidated; leverages 0.2 and 4; 3 at a profit."""
    assert oct_10.row("x", SHAPE) == "| x | 61 | 75.0 | 3.00 | 38.0 | 0.200 | 4.00 | 75.0 | 4 |"


def test_a_table_has_median_spread_and_verdict() -> None:
    """Of 54, 67 and 68 s the median is over a tenth off 61 s, though one of the three is not."""
    figure = oct_10.TARGETS[0].figure
    late = [Shape(0, 0, 0, 0, ((seconds * 10**9, 1),), (), (), ()) for seconds in (68, 54, 67)]
    target = oct_10.Target(figure, Fraction(61), "here")
    *_, line = oct_10.table([target], late)
    assert cells(line)[2:] == ["61", "here", "67", "54 to 68", "+9.8%", "yes; 1 of 3 seeds"]
    *_, line = oct_10.table([target._replace(published=Fraction(60))], late)
    assert cells(line)[2:] == ["60", "here", "67", "54 to 68", "+11.7%", "no; 1 of 3 seeds"]


def test_a_table_says_what_cannot_be_said() -> None:
    """A run without any ADL has no delay, and what nobody published no verdict."""
    none = Shape(None, 0, 0, 0, (), (), (), ())
    target = oct_10.TARGETS[0]
    *_, line = oct_10.table([target], [none])
    assert cells(line)[2:] == ["61", "[timing]", "-", "-", "-", "-"]
    *_, line = oct_10.table([target._replace(published=None)], [SHAPE])
    assert cells(line)[2:] == ["-", "[timing]", "61", "61 to 61", "-", "-"]
    assert oct_10.row("x", none) == "| x | - | - | - | - | - | - | - | 0 |"


def test_a_block_is_drawn_in_its_place() -> None:
    """Only what stands between the two marks of that name is replaced."""
    page = "a\n<!-- drawn: one -->\nold\n<!-- end -->\nb\n<!-- drawn: two -->\nkept\n<!-- end -->\n"
    drawn = oct_10.drawn(page, "one", ["new", "lines"])
    assert drawn == page.replace("old", "new\nlines")


def test_the_published_figures_follow_from_the_files() -> None:
    """The notionals of the tickers' file and the accounts' leverages are as the page has them; skipped without them."""
    tickers, users = (real_file(f"hyperliquid-{name}") for name in (TICKERS, USERS))
    with tickers.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    closed, liquidated = (
        round(sum(Decimal(row[name]) for row in rows), 2) for name in ("adl_notional", "liq_notional")
    )
    assert oct_10.TARGETS[3].published == Fraction(closed) / Fraction(liquidated)
    with gzip.open(users, "rt", encoding="utf-8", newline="") as stream:
        leverages = sorted(int(Decimal(row["leverage_realtime"]) * 10**6) for row in csv.DictReader(stream))
    for hundredths, target in zip((50, 95), oct_10.BESIDE, strict=False):
        found = Fraction(percentile(leverages, hundredths) or 0, 10**6)
        assert target.figure.shown(found) == target.figure.shown(target.published)


@pytest.mark.parametrize("name", ["AVAX trades", "BTC bars"])
def test_the_same_people_go_down_a_recorded_path(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On real prices from 21:14 on, a twentieth of them is liquidated and deleveraged; skipped without the file."""
    file, *overrides = oct_10.REAL[name]
    monkeypatch.setenv("DELEVERAGE_DATA", str(real_file(file).parent))
    shape = oct_10.measured(1, f"prices.file={file}", *overrides, *FEW)
    assert shape.reductions > 100
    assert shape.delay_ns is not None


def test_the_groups_can_be_changed_one_by_one() -> None:
    """A mistake in the second group names it by its place."""
    with pytest.raises(ScenarioError, match=r"groups\[1\].*tail must lie between 0.5 and 100"):
        Scenario.load("oct-10", ["population.groups[1].tail=0.1"])

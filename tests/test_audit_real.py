"""The audit of the real files. Skipped where DELEVERAGE_DATA (or ../shared/data) is absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage.replay.importers.audit.audit import Audit, audit_of
from deleverage.replay.importers.audit.tally import LawReport
from deleverage.replay.run import open_run

from .support.command_line import call
from .test_sources_real import real


def audited(folder: Path, layout: str, name: str) -> Audit:
    """The audit of a file."""
    told = call("import", layout, real(name), "-o", folder / "real.run")
    assert told.exit_code == 0, told.stderr
    return audit_of(open_run(folder / "real.run"))


def law(found: Audit, name: str, market: str) -> LawReport:
    """One of its laws."""
    return next(one for one in found.laws if (one.law, one.market) == (name, market))


@pytest.fixture(scope="module")
def october(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """The node fills of 27 October."""
    folder = tmp_path_factory.mktemp("october")
    return audited(folder, "hyperliquid", "hyperliquid-node-fills-2025-10-27.jsonl.gz")


@pytest.mark.parametrize(
    ("name", "market", "checked", "unknown"),
    [
        ("position", "perpetual", 3_080, 1_484),
        ("position", "spot", 245, 115),
        ("profit", "perpetual", 3_738, 826),
        ("profit", "spot", 300, 60),
        ("sides", "perpetual", 2_282, 0),
        ("sides", "spot", 180, 0),
    ],
)
def test_every_fill_of_27_october_that_can_be_checked_holds(
    october: Audit, name: str, market: str, checked: int, unknown: int
) -> None:
    """Each fill is checked or said to be the first: no position, profit or size of the 700 blocks is broken."""
    told = law(october, name, market)
    assert (told.checked, told.holding, told.broken, told.gaps) == (checked, checked, 0, 0)
    assert sum(told.not_checkable.values()) == unknown


def test_closings_and_openings_of_27_october_are_told_apart(october: Audit) -> None:
    """1,515 closed profits of perpetuals follow from an entry that is known, 120 on spot markets."""
    closings = "closings held against an entry that is known"
    assert [law(october, "profit", market).of_which[closings] for market in ("perpetual", "spot")] == [1_515, 120]


def test_artefacts_of_27_october_are_no_breaks(october: Audit) -> None:
    """What floats left behind is counted on both kinds of market, and breaks nothing."""
    assert [law(october, "position", market).artefacts for market in ("perpetual", "spot")] == [23, 10]


def test_rates_of_27_october_are_the_same_for_an_account(october: Audit) -> None:
    """Every fee that has another of its account and role to be held against agrees with it."""
    assert (october.fills, october.trades, october.accounts) == (4_924, 2_462, 750)
    assert law(october, "fee", "spot").broken == 0
    assert law(october, "fee", "perpetual").broken == 0


def test_the_batch_of_avax_is_no_whole_reconstruction(tmp_path: Path) -> None:
    """46 of 50 closed profits follow from the entry printed; 36 accounts are valued at 15.122, a third too low."""
    found = audited(tmp_path, "adl-table", "hyperliquid-adl-batch-avax-2025-10-10.csv")
    told = law(found, "profit", "perpetual")
    assert (told.checked, told.broken) == (50, 4)
    assert [one.line for one in told.offenders] == [11, 17, 19, 39]
    valuation = law(found, "valuation", "table")
    assert (valuation.checked, valuation.broken) == (36, 36)
    assert "stands at a price of 15.122, not at 22.075" in valuation.offenders[0].text


def test_the_printed_figures_of_the_480_rows_follow_from_each_other(tmp_path: Path) -> None:
    """Unrealised profit, equity, leverage and share as printed hold in all 480; 249 closed profits do not follow."""
    found = audited(tmp_path, "adl-table", "hyperliquid-adl-fills-sample-2025-10-10.csv.gz")
    for name in ("unrealised", "equity", "leverage", "share"):
        told = law(found, name, "table")
        assert (told.checked, told.holding) == (480, 480)
    assert (law(found, "profit", "perpetual").checked, law(found, "profit", "perpetual").broken) == (480, 249)
    told = law(found, "position", "perpetual")
    assert (told.checked, told.holding, told.gaps) == (26, 26, 77)


def test_the_480_rows_take_profits_back(tmp_path: Path) -> None:
    """Of 186 rows that follow another of their account 43 print, at the same instant, a cash without its profit."""
    found = audited(tmp_path, "adl-table", "hyperliquid-adl-fills-sample-2025-10-10.csv.gz")
    told = law(found, "cash", "table")
    assert (told.checked, told.broken, told.gaps) == (43, 43, 143)
    assert "take 177,352.562663 away" in told.remark

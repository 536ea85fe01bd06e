"""A new type of event is declared in one place: a copy of the package with one more knows it everywhere.

The copy differs in one file by the class and its name in the group's union; no table, text or reader is touched.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
COPIED = ("events", "handlers", "sim", "replay", "docs", "tests/support", "__init__.py", "__main__.py")

DECLARATION = '''
class AuctionHeld(BodyBase, frozen=True, tag=119):
    """A position was auctioned: the fee went to the fee pool."""

    grounds = (Ground.MARK, Ground.BALANCE, Ground.RULE)
    posting = Payment("account", FEES, "fee_atoms")
    forces = True

    account: AccountNumber
    instrument: InstrumentNumber
    size_lots: Size
    price_ticks: Price
    fee_atoms: AccountAmount
    discount_bps: RateBps

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.notes["auction", "held"] = (event.seq,)

    def says(self, names: Names) -> str:
        at = names.price(self.instrument, self.price_ticks)
        return f"{names.account(self.account)} auctioned {names.size(self.instrument, self.size_lots)} at {at}"

    def tells(self, case: Case) -> str:
        mark = case.names.price(self.instrument, case.market(self.instrument).mark_ticks)
        return case.joined(f"{self.says(case.names)}, the mark being {mark}.", case.followed())

'''
EDITS = (
    ("class HandlerStateNoted(", f"{DECLARATION.strip()}\n\n\nclass HandlerStateNoted("),
    ("VenueBody = TradingHalted |", "VenueBody = TradingHalted | AuctionHeld |"),
    ("from .base import BodyBase\n", "from ..kinds import AccountAmount, RateBps, Size\nfrom .base import BodyBase\n"),
    ("from .base import BodyBase\n", "from .base import BodyBase\nfrom .declaring import FEES, Payment\n"),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the copy, with the type declared in its file and nowhere else."""
    folder = tmp_path_factory.mktemp("package")
    target = folder / "deleverage"
    for name in COPIED:
        source = ROOT / name
        made = target / name
        made.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, made, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, made)
    declared = target / "events/bodies/venue.py"
    text = declared.read_text(encoding="utf-8")
    for before, after in EDITS:
        assert text.count(before) == 1
        text = text.replace(before, after)
    declared.write_text(text, encoding="utf-8")
    return folder


def run_in(copy: Path, *arguments: str) -> str:
    """What a Python process prints that imports the copy."""
    code = f"import sys; sys.path.insert(0, {str(copy)!r}); import runpy; sys.argv = sys.argv[1:]; "
    code += "runpy.run_module(sys.argv[0], run_name='__main__')"
    if arguments[0].endswith(".py"):
        code = code.replace("run_module(", "run_path(")
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=copy)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def found(copy: Path) -> Any:
    """What the copy makes of a run in which an auction was held."""
    return json.loads(run_in(copy, "deleverage.tests.support.auction", str(copy)))


def test_the_fold_carries_out_its_posting_and_its_effect(found: Any) -> None:
    """The fee has left the account, and the ledger keeps what the type says that it alters."""
    assert found["balance"] == 10_000_000_000 - 7_000_000
    assert found["note"] == [found["log_json"]["seq"]]
    assert found["state"]["accounts"][0]["balance_atoms"] == found["balance"]


def test_it_is_logged_with_names_and_units(found: Any) -> None:
    """A line for people in real units, and the fields as they are as JSON."""
    assert " AuctionHeld account=user4 instrument=I0 size=-5 price=120 fee=7.000000 discount=25% <- " in found["log"]
    assert (found["log_json"]["type"], found["log_json"]["fee_atoms"]) == ("AuctionHeld", 7_000_000)


def test_who_it_names_and_whom_it_forces_is_known(found: Any) -> None:
    """The record's columns lead from the account to it, and the margin monitor hears of it."""
    assert found["log_json"]["seq"] in found["naming"]
    assert found["forced"]
    assert found["heard"]


def test_two_runs_are_compared_in_it(found: Any) -> None:
    """A fee that is another is a difference, told in the asset's unit."""
    assert ["fee_atoms", "7.000000", "8.000000"] in found["changes"]


def test_why_tells_both_of_its_phrases(found: Any) -> None:
    """The chain has the short one, the paragraph the long one with the state before it."""
    assert found["step"] == "user4 auctioned 5 I0 at 120"
    assert "user4 auctioned 5 I0 at 120, the mark being 100. It followed from event" in found["paragraph"]
    assert found["grounds"] == ["MARK", "BALANCE", "RULE"]


def test_its_columns_have_kinds_and_units(found: Any) -> None:
    """Each field is a column with what it is, its unit, and whose scale it has."""
    assert found["columns"] == [
        ["account", "account", "", ""],
        ["instrument", "instrument", "", ""],
        ["size_lots", "size", "lots", "instrument"],
        ["price_ticks", "price", "ticks", "instrument"],
        ["fee_atoms", "amount", "atoms", "account"],
        ["discount_bps", "rate", "bps", ""],
    ]


def test_the_reference_has_it(copy: Path) -> None:
    """The page that is drawn from the declarations lists it, with its posting and what it rests on."""
    page = run_in(copy, str(copy / "deleverage/docs/draw.py"))
    (row,) = [line for line in page.splitlines() if line.startswith("| 119 | `AuctionHeld` |")]
    assert row.endswith("| A position was auctioned: the fee went to the fee pool. | mark, balance, rule |")
    assert "| `AuctionHeld` | `fee_atoms` | account | FEES |" in page

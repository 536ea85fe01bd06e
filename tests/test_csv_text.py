"""Cells of a table that a spreadsheet opens: names are names, numbers are numbers, and nothing is a formula."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deleverage.events.bodies.listing import AccountOpened, InstrumentListed
from deleverage.replay.csv_text import csv_text, neutral
from deleverage.replay.run import open_run

from .support.command_line import call, small_record
from .support.told import written

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.from_regex(
    r"\s*[-=+@'\t\r\n]?[0-9a-z.;,\"]{0,5}", fullmatch=True
)
FORMULA = re.compile(r"\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def read_back(text: str, delimiter: str = ",") -> list[list[str]]:
    """The cells as a spreadsheet that separates them so would have them."""
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


@given(TEXTS)
@example("=cmd|' /C calc'!A0")
@example("+1abc")
@example("-x")
@example("@SUM(1)")
@example("\t=1")
@example("\r=1")
@example("  =1")
@example("\uff1d1")
def test_a_name_is_no_formula_and_is_had_back(name: str) -> None:
    """No cell begins as a formula does unless it is a number, and taking the apostrophe off gives the name."""
    ((cell, _),) = read_back(csv_text([name, "x"], []))
    is_number = not FORMULA.match(cell)
    if not is_number:
        Decimal(cell)
    assert (cell.removeprefix("'")) == name


@pytest.mark.parametrize("number", ["-12.5", "+3", "-.5", "1e9", "-1E-7", "0", "12."])
def test_a_text_that_is_a_number_stays_one(number: str) -> None:
    """As a value of a lab that was given as text."""
    assert csv_text(["value"], [[number]]) == f"value\n{number}\n"


@pytest.mark.parametrize(
    "text", ["-", "+", "=", "-1-2", "+1+1", "-1e", "1-", "--1", "-\u0661", "-1,000", "- 1", "-1\n", "-x", "+1abc", "=1"]
)
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    """It is calculated by some spreadsheet, so it stands behind an apostrophe, unless it begins like any name."""
    assert neutral(text) == (text if text == "1-" else f"'{text}")


@given(st.integers(), st.decimals(allow_nan=False, allow_infinity=False, places=4), st.booleans())
def test_numbers_are_written_as_they_are(whole: int, decimal: Decimal, flag: bool) -> None:
    """Negative ones too, without an apostrophe; nothing is an empty cell."""
    (row,) = read_back(csv_text([], [[whole, decimal, flag, None]]))[-1:]
    assert (int(row[0]), Decimal(row[1]), row[2], row[3]) == (whole, decimal, "true" if flag else "false", "")


@given(st.lists(TEXTS, min_size=2, max_size=4), st.sampled_from(",;\t"))
def test_a_spreadsheet_that_separates_otherwise_finds_no_formula(names: list[str], delimiter: str) -> None:
    """Whatever a reader takes for the end of a cell, what is within a name begins no cell of its own."""
    text = csv_text(names, [])
    if delimiter == ",":
        assert [cell.removeprefix("'") if cell.startswith("'") else cell for cell in read_back(text)[0]] == names
        return
    alone = [cell for name in names for line in read_back(csv_text([name], []), delimiter) for cell in line]
    assert not any(FORMULA.match(cell) and not _is_number(cell) for cell in alone)


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", cell, re.ASCII) is not None


def _renamed(path: Path, folder: Path) -> Path:
    """The small crash with names that a spreadsheet would calculate."""

    def renamed(event: Any) -> Any:
        if isinstance(event.body, AccountOpened | InstrumentListed):
            body = msgspec.structs.replace(event.body, name=f"=HYPERLINK(1;{event.body.name})")
            return msgspec.structs.replace(event, body=body)
        return event

    return written(folder / "odd.run", map(renamed, open_run(path).events())).path


def test_the_accounts_of_a_diff_hold_no_formula(tmp_path: Path) -> None:
    """Neither in a name nor in a header; amounts below zero are still numbers."""
    path = small_record(tmp_path)
    record = _renamed(path, tmp_path)
    out = tmp_path / "accounts.csv"
    done = call("diff", record, path, "--csv", out)
    assert done.exit_code == 0
    header, *rows = read_back(out.read_text(encoding="utf-8"))
    assert any(column.startswith("'=HYPERLINK(1;BTC-PERP)_lots_") for column in header)
    names = [row[header.index("name")] for row in rows]
    assert sum(name.startswith("'=HYPERLINK(1;trader-") for name in names) > 10
    cells = [cell for row in [header, *rows] for cell in row]
    assert not any(FORMULA.match(cell) and not re.fullmatch(r"-\d+", cell) for cell in cells)
    assert any(re.fullmatch(r"-\d+", cell) for cell in cells)


def test_the_table_of_a_lab_holds_no_formula(tmp_path: Path) -> None:
    """A scenario's path, a varied value and an error are texts; a varied number is a number."""
    scenario = (Path(__file__).parents[1] / "sim" / "scenarios" / "calm.toml").read_text(encoding="utf-8")
    (tmp_path / "=calm.toml").write_text(scenario, encoding="utf-8")
    options = ["--seeds", "1", "--jobs", "1", "--set", "population.accounts=5", "--set", "prices.duration_ns=1m"]
    varied = ["--vary", "name=@one,=two", "--vary", "funding.rate_ppb=-5,+5"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        call("lab", "=calm.toml", *options, *varied, "-o", "lab")
    rows = read_back((tmp_path / "lab" / "results.csv").read_text(encoding="utf-8"))
    named = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert {row["scenario"] for row in named} == {"'=calm.toml"}
    assert {row["name"] for row in named} == {"'@one", "'=two"}
    assert {row["funding.rate_ppb"] for row in named} == {"-5", "+5"}
    cells = [cell for row in rows for cell in row]
    assert not any(FORMULA.match(cell) and not _is_number(cell) for cell in cells)

"""The studies on the real files. Skipped where DELEVERAGE_DATA (or ../shared/data) is absent."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from research.study.study import STUDIES

from .support.command_line import ENVIRONMENT, call_study
from .support.real_data import DATA, real_file

ROOT = Path(__file__).parents[1]

RECOMPUTED = {
    "waves.needed": ("15079669.61", "agrees"),
    "waves.production": ("60108335.33", "agrees"),
    "waves.overshoot": ("45028665.72", "agrees"),
    "waves.overshooting": ("10", "differs"),
    "waves.contract": ("-3020120.65", "differs"),
    "waves.mean_largest_share.production": ("75.45", "not published"),
    "waves.mean_largest_share.min_max_integer": ("6.21", "not published"),
    "waves.mean_ptsr.production": ("110.70", "not published"),
    "waves.mean_ptsr_common.wealth_pro_rata": ("91.54", "not published"),
    "gaps.total": ("15079669.61", "agrees"),
    "gaps.waves": ("16", "agrees"),
    "gaps.batch": ("84454.65", "agrees"),
    "deficits.waves": ("12657729.41", "double counted"),
    "deficits.accounts": ("165", "misnamed"),
    "deficits.earlier_fills": (None, "out of reach"),
    "clusters.count": ("1125", "not published"),
    "clusters.without_deficit": ("955", "not published"),
    "clusters.overshoot": ("653552663.51", "agrees"),
    "clusters.overshoot_without_deficit": ("342510160.46", "not published"),
    "totals.fills_by_user": ("34983", "agrees"),
    "totals.fills_by_coin": ("34983", "agrees"),
    "totals.notional_by_user": ("2103111430.86", "agrees"),
    "totals.notional_by_coin": ("2103111430.86", "agrees"),
    "impact.total": ("5511042925.05", "double counted"),
    "impact.share": ("38.16", "double counted"),
    "accounts.median_leverage": ("0.43", "not published"),
    "accounts.p95_leverage": ("6.50", "not published"),
    "accounts.in_profit": ("99.45", "not published"),
}


@cache
def document(study: str) -> dict[str, Any]:
    """What a study says, as JSON."""
    for name in STUDIES[study].files:
        real_file(name)
    called = call_study(study, "--data", DATA, "--json")
    assert called.exit_code == 0
    found: dict[str, Any] = json.loads(called.stdout)
    return found


def lines(study: str) -> dict[str, dict[str, Any]]:
    """The lines of a study by name."""
    return {line["name"]: line for line in document(study)["lines"]}


@pytest.mark.parametrize("name", RECOMPUTED)
def test_the_paper_is_recomputed(name: str) -> None:
    """Each figure of the brief comes out to its last digit, with the verdict it deserves."""
    value, verdict = RECOMPUTED[name]
    line = lines("adl-2025-10-10")[name]
    assert line["verdict"] == verdict
    if value is None:
        assert line["recomputed"] is None
    else:
        assert round(Decimal(line["recomputed"]), -int(Decimal(value).as_tuple().exponent)) == Decimal(value)


@pytest.mark.parametrize("study", STUDIES)
def test_every_line_is_complete(study: str) -> None:
    """A line says what it counts and with what prices, has a source where it was published, and the difference fits."""
    found = document(study)
    for line in found["lines"]:
        assert line["what"]
        assert line["unit"]
        assert line["prices"] in {"no prices", "prices as traded", "prices held"}
        assert (line["published"] is None) <= (line["verdict"] == "not published")
        assert line["source"] or line["verdict"] == "not published"
        assert line["note"] or line["verdict"] in {"agrees", "differs", "not published"}
        if line["difference"] is not None:
            assert Fraction(line["recomputed"]) - Fraction(line["published"]) == Fraction(line["difference"])
    assert sum(found["verdicts"].values()) == len(found["lines"]) == len(lines(study))


def test_what_is_double_counted_comes_out_as_published_too() -> None:
    """The 7.61 billion, the 98,620 fills and the 100.06 million are made again before they are counted once."""
    found = lines("adl-2025-10-10")
    for name in ("impact.total", "impact.fills", "deficits.waves"):
        assert abs(Decimal(found[name]["as_published"]) - Decimal(found[name]["published"])) <= Decimal("0.5")
    assert Decimal(found["impact.fills"]["recomputed"]) == 98_620 - 34_983


def test_the_rules_of_the_tables_hold_in_every_cell() -> None:
    """Overshoot, severity, RD-NSE and PMR follow from the columns beside them; only the average price does not."""
    cells = [line for line in document("adl-2025-10-10")["lines"] if line["unit"] == "cells"]
    assert len(cells) > 10
    assert [line["name"] for line in cells if line["verdict"] != "agrees"] == ["totals.average_price"]


def test_each_row_of_the_sample_is_made_again() -> None:
    """Leverage, profit share and equity hold in all 480 rows, closed profit in 140; by equity no leverage does."""
    rows = document("adl-fills-sample")["rows"]
    assert len(rows) == 480
    holding = {
        name: sum(row[name]["holds"] for row in rows) for name in rows[0] if name not in {"line", "user", "coin"}
    }
    assert holding["leverage"] == holding["profit_share"] == holding["equity"] == holding["notional"] == 480
    assert holding["closed"] == 140
    assert holding["leverage_equity"] == holding["profit_share_entry"] == 0


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("columns", [60, 80, 100])
def test_no_line_is_wider_than_the_console(study: str, columns: int) -> None:
    """All figures are whole at each width: whatever can fold does, and only a source's name may stand out."""
    found = document(study)
    output = call_study(study, "--data", DATA, COLUMNS=str(columns)).stdout
    body = output.partition("\n[1] ")[0].splitlines()[1:]
    assert max(map(len, body)) <= columns
    for line in found["lines"]:
        if line["recomputed"] and line["unit"] == "fills":
            assert f"{int(line['recomputed']):,}" in output


def test_the_page_shows_what_is_printed() -> None:
    """The blocks of docs/study.md are what the studies print today."""
    for study in STUDIES:
        document(study)
    command = [sys.executable, "-m", "research.page", str(DATA), "--check"]
    assert subprocess.run(command, check=False, env=ENVIRONMENT, cwd=ROOT).returncode == 0

"""The conformance table: drawn from the tests that ran, and every case of the two vector files claimed by one."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "docs" / "conformance.py"
DATA = Path(os.environ.get("DELEVERAGE_DATA") or ROOT / ".." / "shared" / "data")
VECTORS = DATA.parent / "vectors"


def script() -> ModuleType:
    """docs/conformance.py as a module."""
    spec = importlib.util.spec_from_file_location("conformance", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_drawn_from_the_tests() -> None:
    """docs/conformance.md is what docs/conformance.py prints where every case passes, as they must beside this test.

    They are collected here and not run a second time.
    """
    table = script()
    claims = {case: claim._replace(passed=True) for case, claim in table.claimed(run=False).items()}
    drawn = "\n".join(table.page(claims)) + "\n"
    assert (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8") == drawn
    cases, passed, *_ = (cell.strip() for cell in drawn.partition("| all |")[2].split("|"))
    assert cases == passed != "0"
    assert "Failed" not in drawn


def test_what_is_decided_is_decided_by_the_product() -> None:
    """No test marked `decided` names anything of the formulas that stand beside the tests."""
    marked = 0
    for path in script().TESTS:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        formulas = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and "support.formulas" in (node.module or "")
            for alias in node.names
        }
        for test in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
            if any("decided" in ast.unparse(decorator) for decorator in test.decorator_list):
                marked += 1
                names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
                assert not names & formulas, test.name
    assert marked > 10


@pytest.mark.parametrize(("file", "key"), [("venues.json", "id"), ("dydx.json", "case")])
def test_every_case_is_claimed(file: str, key: str) -> None:
    """Each id or name is in the name of a test, and no other is; skipped where the files are absent."""
    path = VECTORS / file
    if not path.is_file():
        pytest.skip(f"{path} is absent; set DELEVERAGE_DATA to the folder beside it")
    cases = {case[key] for case in json.loads(path.read_text(encoding="utf-8"))}
    claims = {case for case in script().claimed(run=False) if isinstance(case, int if key == "id" else str)}
    assert (cases - claims, claims - cases) == (set(), set())


def test_a_claim_is_read_from_a_name() -> None:
    """Ids in brackets or in the function's name, cases of dydx.json by their name; other numbers are none."""
    claims = script()._cases_of
    assert list(claims("tests/a.py::test_price[venues-35]")) == [35]
    assert list(claims("tests/a.py::test_case_33_gmx_is_on[20-False]")) == [33]
    assert list(claims("tests/a.py::test_price[dydx: Rounds up, by 3]")) == ["Rounds up, by 3"]
    assert list(claims("tests/a.py::test_x[venues-9 and dydx short at bankruptcy]")) == [
        9,
        "Fully closing one short position above the bankruptcy price and the delta is 0",
    ]
    assert list(claims("tests/a.py::test_take[maker-M6]")) == [("maker", "M6")]
    assert list(claims("tests/a.py::test_case_aave_a11_one_debt")) == [("aave", "A11")]
    assert list(claims("tests/a.py::test_keepers[aave-v3]")) == []
    assert list(claims("tests/a.py::test_lowercase_7[12]")) == []

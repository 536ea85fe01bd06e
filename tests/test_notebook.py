"""The notebook shows what its cells give when they are executed."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that executes it."""
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.setenv("MPLBACKEND", "agg")
    yield __import__("draw_notebook")
    sys.modules.pop("draw_notebook")


def _told(cell: dict[str, Any]) -> list[Any]:
    """What a cell shows, without the pictures, whose bytes are matplotlib's."""
    told = [output.get("data", output) for output in cell.get("outputs", ())]
    return [sorted(one) if "image/svg+xml" in one else one for one in told]


def test_the_notebook_is_executed(notebook: Any) -> None:
    """Every cell gives the text that is stored with it, and its chart where matplotlib is at hand."""
    stored = notebook.cells()
    assert sum(cell["cell_type"] == "code" for cell in stored) > 5
    charts = find_spec("matplotlib") is not None
    for before, after in zip(stored, notebook.executed(charts=charts), strict=True):
        assert _told(after) == _told(before), "".join(before["source"])


def test_each_chart_stands_beside_the_page(notebook: Any) -> None:
    """What the page shows as a picture is the one in the notebook."""
    found = 0
    for number, cell in enumerate(notebook.cells()):
        for output in cell.get("outputs", ()):
            if "image/svg+xml" in output.get("data", {}):
                picture = (notebook.FOLDER / f"incident-{number}.svg").read_text(encoding="utf-8")
                assert picture == "".join(output["data"]["image/svg+xml"])
                found += 1
    assert found == 2

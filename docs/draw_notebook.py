"""Print docs/notebooks/incident.md, the notebook as a page; with --run execute it first and keep what it shows.

The notebook is the source: its cells, and below each what it showed when it was last executed. It is executed here, as
Jupyter would: what is printed, and the last expression by its table, its chart or its line.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "notebooks"
NOTEBOOK = FOLDER / "incident.ipynb"


def cells() -> list[dict[str, Any]]:
    """The cells as they are stored."""
    stored: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return stored


def shown_by(code: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Execute a cell; its outputs as a notebook has them."""
    tree, printed, last = ast.parse(code), io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        exec(compile(tree, NOTEBOOK.name, "exec"), names)  # noqa: S102 - the notebook's own cells
        value = None if last is None else eval(compile(last, NOTEBOOK.name, "eval"), names)  # noqa: S307
    found = [{"name": "stdout", "output_type": "stream", "text": _lines(printed.getvalue())}] if printed.tell() else []
    return found if value is None else [*found, _output(value)]


def _output(value: Any) -> dict[str, Any]:
    if hasattr(value, "get_figure"):
        return {
            "data": {"image/svg+xml": _lines(_svg(value.get_figure()))},
            "metadata": {},
            "output_type": "display_data",
        }
    data = {"text/plain": _lines(repr(value))}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = _lines(value._repr_html_())
    return {"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"}


def _svg(figure: Any) -> str:
    from deleverage.replay.charts import drawn_alike  # noqa: PLC0415 - only where there is matplotlib

    drawn = io.StringIO()
    with drawn_alike():
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def executed(*, charts: bool = True) -> list[dict[str, Any]]:
    """The cells with what they show now; cells that are tagged as charts stay as they are without `charts`."""
    found, names, here = cells(), dict[str, Any](), Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for cell in found:
                if cell["cell_type"] == "code" and (charts or "chart" not in cell["metadata"].get("tags", ())):
                    cell["outputs"] = shown_by("".join(cell["source"]), names)
        finally:
            os.chdir(here)
    return found


def _keep(found: list[dict[str, Any]]) -> None:
    """Write the notebook with its outputs, and its charts beside the page."""
    stored = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    stored["cells"] = found
    NOTEBOOK.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for number, cell in enumerate(found):
        for output in cell.get("outputs", ()):
            if "image/svg+xml" in output.get("data", {}):
                (FOLDER / _chart(number)).write_text("".join(output["data"]["image/svg+xml"]), encoding="utf-8")


def _chart(number: int) -> str:
    return f"{NOTEBOOK.stem}-{number}.svg"


def page() -> str:
    """The notebook as Markdown."""
    parts = []
    for number, cell in enumerate(cells()):
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        parts += [_shown(output, number) for output in cell.get("outputs", ())]
    return "\n\n".join(parts)


def _shown(output: dict[str, Any], number: int) -> str:
    data = output.get("data", {"text/plain": output.get("text")})
    if "image/svg+xml" in data:
        return f"![What the cell above draws]({_chart(number)})"
    if "text/html" in data:
        return "".join(data["text/html"])
    return f"```text\n{''.join(data['text/plain'])}\n```"


if __name__ == "__main__":
    if "--run" in sys.argv[1:]:
        _keep(executed())
    print(page())  # noqa: T201

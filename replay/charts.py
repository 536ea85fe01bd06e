"""What every chart of a command has in common: matplotlib draws it, as SVG, and the file is there whole or not at all.

Letters are drawn as shapes, so that a chart looks the same wherever it is opened; a `$` in a name begins no formula.
The same answer gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import click

from ..events.errors import QueryError
from ..events.regular import write_whole

__all__ = ["can_draw", "chart_option", "check_chart", "drawn_alike", "figure_for"]

chart_option = click.option(
    "--chart", type=click.Path(path_type=Path), metavar="FILE", help="Draw it as SVG (needs matplotlib)."
)


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def check_chart(path: Path | None) -> None:
    """Refuse a chart that cannot be drawn before anything is executed for it. Raises QueryError."""
    if path is None:
        return
    if not can_draw():
        message = f"--chart {path}: matplotlib is not installed; pip install 'deleverage[lab]'"
        raise QueryError(message)
    if not path.parent.is_dir():
        message = f"--chart {path}: there is no folder {path.parent}; name one that is there"
        raise QueryError(message)


def drawn_alike() -> Any:
    """The context in which a figure comes out the same each time."""
    return import_module("matplotlib").rc_context({"svg.hashsalt": "deleverage", "text.parse_math": False})


@contextmanager
def figure_for(path: Path, size_inches: tuple[float, float]) -> Iterator[Any]:
    """A figure of that width and height, saved when it is drawn. Raises QueryError where it cannot be written."""
    with drawn_alike():
        figure_module: Any = import_module("matplotlib.figure")
        figure = figure_module.Figure(figsize=size_inches, layout="constrained")
        yield figure
        drawn = BytesIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    try:
        write_whole(path, drawn.getvalue())
    except OSError as error:
        message = f"--chart {path}: it cannot be written ({error.strerror}); name another place"
        raise QueryError(message) from error

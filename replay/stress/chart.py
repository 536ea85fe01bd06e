"""A stress as a chart: how far each ray goes before the target is met, and the funds under each shock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...sim.terminal import printable
from ..charts import figure_for
from ..run import Run
from .history import shapes
from .stress import Stress

__all__ = ["draw_stress"]

_WIDTH_INCHES, _ROW_INCHES, _FRAME_INCHES, _PATHS_INCHES = 8.0, 0.32, 2.0, 3.2
_SPARED, _MET, _MIXED = "#c3d3e2", "#c0392b", "#6f8fab"


def draw_stress(path: Path, run: Run, found: Stress) -> None:
    """Draw it as SVG; the same result gives the same bytes. Raises QueryError where it cannot be written."""
    rays_inches = _FRAME_INCHES + _ROW_INCHES * len([*found.rays, *found.mixtures])
    with figure_for(path, (_WIDTH_INCHES, rays_inches + _PATHS_INCHES)) as figure:
        rays, paths = figure.subplots(2, 1, height_ratios=(rays_inches, _PATHS_INCHES))
        _draw_rays(rays, found)
        _draw_paths(paths, run, found)
        figure.suptitle(f"Until {found.asked.start.target}", x=0.01, ha="left", fontsize="large", weight="bold")


def _draw_rays(axes: Any, found: Stress) -> None:
    """A bar as far as the target is not met, and a mark where it is."""
    told = [*found.rays, *found.mixtures]
    for place, one in enumerate(told):
        color = _SPARED if place < len(found.rays) else _MIXED
        axes.barh([place], [one.spares_distance / 1000], height=0.6, color=color)
        if one.meets_distance is not None:
            axes.plot([one.meets_distance / 1000], [place], "|", color=_MET, markersize=12, markeredgewidth=2)
    axes.set_yticks(range(len(told)), [printable(one.bracket.ray.name) for one in told])
    axes.set_ylim(len(told) - 0.5, -0.5)
    axes.set_xscale("symlog")
    axes.set_xlabel("Mahalanobis distance; a red mark where the target is met")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_paths(axes: Any, run: Run, found: Stress) -> None:
    """What funds are worth, each shock over its own time from 0 to 1."""
    titles = {shape.name: shape.title for shape in shapes()} | {"found": "the shock found"}
    scale = 10 ** run.directory.assets[0].decimals
    outcomes = [*([] if found.found is None else [found.found.outcome]), *found.history]
    for one in outcomes:
        points = one.reading.fund_points
        places = [place / max(1, len(points) - 1) for place in range(len(points))]
        axes.plot(places, [point / scale for point in points], label=titles[one.name], linewidth=1.4)
    axes.set_xlabel("time of each shock, from its beginning to the end of what is executed")
    axes.set_ylabel(f"funds, {printable(run.directory.assets[0].name)}")
    axes.legend(fontsize="small", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)

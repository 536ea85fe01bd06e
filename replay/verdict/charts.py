"""A verdict as a chart, as SVG: how many fills each published rule takes as the venue did, and where it departs.

A rule a bar, the rulebook's first; paler is what it takes only because scores are equal or the data leave room. The
same answer gives the same bytes (`replay/charts.py`).
"""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

from ...sim.terminal import printable
from ..charts import figure_for
from .parts import RulebookVerdict, RuleVerdict

__all__ = ["draw_verdict"]

_WIDTH_INCHES, _ROW_INCHES, _FRAME_INCHES = 8.0, 0.34, 1.5
_CERTAIN, _OPEN, _DEPARTED, _UNTESTED = "#2f5d8a", "#c3d3e2", "#c0392b", "#999999"
_CAPTION_WIDTH = 100


def draw_verdict(path: Path, found: RulebookVerdict) -> None:
    """Draw how far each rule goes. Raises QueryError where it cannot be written."""
    rules = [found.rule, *found.others]
    with figure_for(path, (_WIDTH_INCHES, _FRAME_INCHES + _ROW_INCHES * len(rules))) as figure:
        axes = figure.subplots()
        for place, rule in enumerate(rules):
            _draw(axes, place, rule)
        axes.set_yticks(range(len(rules)), [_label(rule, place) for place, rule in enumerate(rules)])
        axes.set_ylim(len(rules) - 0.5, -0.5)
        axes.set_xlim(-0.01 * max(1, found.fills), 1.01 * max(1, found.fills))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_axisbelow(True)
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        caption = (
            f"fills, of {found.fills:,}, in the order of the record; dark: as the rule takes them; pale: of these, "
            "equal scores or room that the data leave; | where the venue departed from the rule"
        )
        figure.supxlabel(fill(caption, _CAPTION_WIDTH), x=0.01, ha="left", fontsize="small")
        title = f"How far {printable(found.venue)} followed each published rule"
        figure.suptitle(title, x=0.01, ha="left", fontsize="large", weight="bold")


def _draw(axes: Any, place: int, rule: RuleVerdict) -> None:
    if rule.not_tested is not None:
        axes.text(0, place, " not tested", va="center", color=_UNTESTED, fontsize="small")
        return
    certain = rule.followed - rule.ties - rule.room
    axes.barh([place], [certain], height=0.6, color=_CERTAIN)
    axes.barh([place], [rule.followed - certain], left=[certain], height=0.6, color=_OPEN)
    if rule.departure is not None:
        axes.plot([rule.followed], [place], "|", color=_DEPARTED, markersize=14, markeredgewidth=2)


def _label(rule: RuleVerdict, place: int) -> str:
    return rule.policy if place else f"{rule.policy} (rulebook)"

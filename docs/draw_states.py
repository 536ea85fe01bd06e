"""Draws docs/life-cycle.svg from the table of the code: python docs/draw_states.py > docs/life-cycle.svg.

Where a status stands, and how far an arrow bends, is laid out here; which arrows there are is the table's. The picture
has a ground of its own, so that it can be read on a light page and on a dark one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from math import hypot

from deleverage.events.ledger.lifecycle import TRANSITIONS

_WIDTH, _HEIGHT = 1000, 480
_BOX = 112, 36
_INK, _SOFT, _RULE, _BLUE = "#24292f", "#57606a", "#d0d7de", "#0969da"
_PLACES = {
    "healthy": (110, 240), "called": (245, 90), "liquidating": (380, 240), "bankrupt": (634, 240),
    "taken_over": (800, 110), "deleveraged": (880, 350),
}  # fmt: skip
_BENDS = {
    ("healthy", "called"): 26, ("called", "healthy"): 26,
    ("taken_over", "deleveraged"): -26, ("deleveraged", "taken_over"): -26,
}  # fmt: skip
"""How far an arrow's middle is off the straight line; above zero to the left of its direction. Others are straight."""
_LABELS = {
    ("healthy", "liquidating"): (0, -7), ("called", "liquidating"): (66, 0), ("liquidating", "bankrupt"): (0, -8),
    ("healthy", "called"): (-52, 0), ("called", "healthy"): (48, 22),
    ("bankrupt", "taken_over"): (-66, -4), ("bankrupt", "deleveraged"): (-74, 16),
    ("taken_over", "deleveraged"): (-52, 14), ("deleveraged", "taken_over"): (64, 4),
}  # fmt: skip
"""How far a name is off the middle of its arrow; others stand below it."""
_BELOW = 0, 15
_RAIL = 440, 80
"""What leads back to healthy goes down to this height, left to here, and up."""
_DROPS = {"liquidating": 380, "bankrupt": 634, "taken_over": 755, "deleveraged": 890}
"""Where it goes down."""


def arrows() -> Iterator[tuple[str, str, str]]:
    """From which status to which, by which event."""
    for (kind, before), after in TRANSITIONS.items():
        yield before, after, kind.__name__


def text(x: float, y: float, words: str, colour: str, *, bold: bool = False) -> str:
    """Words around a point, with white about them where a line may pass."""
    weight = ' font-weight="600"' if bold else ' stroke="#ffffff" stroke-width="4" paint-order="stroke"'
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="middle"{weight}>{words}</text>'


def curve(path: str) -> str:
    """An arrow."""
    return f'<path d="{path}" fill="none" stroke="{_BLUE}" marker-end="url(#tip)"/>'


def edge(here: tuple[float, float], to: tuple[float, float]) -> tuple[float, float]:
    """Where the line from the middle of a box to a point leaves the box."""
    (x, y), (dx, dy) = here, (to[0] - here[0], to[1] - here[1])
    reach = min((size / 2 + 2) / abs(way) for size, way in zip(_BOX, (dx, dy), strict=True) if way)
    return x + dx * reach, y + dy * reach


def back(before: str, name: str) -> Iterator[str]:
    """The arrow of what ends well, along the rail that all of these share."""
    height, left = _RAIL
    x, half = _DROPS[before], _BOX[1] / 2
    top, bottom = _PLACES[before][1] + half, _PLACES["healthy"][1] + half + 2
    yield curve(f"M{x} {top:.1f}V{height}H{left}V{bottom:.1f}")
    if before == min(_DROPS, key=lambda status: _DROPS[status]):
        yield text((left + x) / 2, height - 7, name, _SOFT)


def again(at: str, name: str) -> Iterator[str]:
    """The arrow of what leaves a status as it is: above it, or beside it where the rail is below."""
    x, y = _PLACES[at]
    top = y - _BOX[1] / 2
    if at == "deleveraged":
        x, top = x - 22, y + _BOX[1] / 2
        yield curve(f"M{x - 18} {top:.1f}C{x - 30} {top + 40:.1f} {x + 22} {top + 40:.1f} {x + 12} {top + 3:.1f}")
        yield text(x - 82, top + 26, name, _SOFT)
        return
    yield curve(f"M{x - 20} {top:.1f}C{x - 32} {top - 40:.1f} {x + 32} {top - 40:.1f} {x + 20} {top - 3:.1f}")
    yield text(x, top - 38, name, _SOFT)


def arrow(before: str, after: str, name: str) -> Iterator[str]:
    """The arrow from one status to another, with the event's name."""
    if before == after:
        yield from again(before, name)
        return
    if after == "healthy" and before in _DROPS:
        yield from back(before, name)
        return
    (x, y), (to_x, to_y) = _PLACES[before], _PLACES[after]
    bend, length = _BENDS.get((before, after), 0), hypot(to_x - x, to_y - y)
    off_x, off_y = (to_y - y) / length * bend, (x - to_x) / length * bend
    bow = (x + to_x) / 2 + 2 * off_x, (y + to_y) / 2 + 2 * off_y
    first, last = edge((x, y), bow), edge((to_x, to_y), bow)
    yield curve(f"M{first[0]:.1f} {first[1]:.1f}Q{bow[0]:.1f} {bow[1]:.1f} {last[0]:.1f} {last[1]:.1f}")
    middle = (first[0] + 2 * bow[0] + last[0]) / 4, (first[1] + 2 * bow[1] + last[1]) / 4
    shift = _LABELS.get((before, after), _BELOW)
    yield text(middle[0] + shift[0], middle[1] + shift[1], name, _SOFT)


def status(name: str) -> Iterator[str]:
    """The box of a status."""
    x, y = _PLACES[name]
    left, top = x - _BOX[0] / 2, y - _BOX[1] / 2
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{_BOX[0]}" height="{_BOX[1]}" rx="8" fill="#f6f8fa" '
        f'stroke="{_INK}"/>'
    )
    yield text(x, y + 5, name, _INK, bold=True)


def picture() -> Iterator[str]:
    """The whole picture."""
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}"\nfont-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" '
        'font-size="13">'
    )
    yield "<title>The life cycle of a margin account</title>"
    yield (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{_BLUE}"/></marker></defs>'
    )
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="#ffffff" stroke="{_RULE}"/>'
    statuses = dict.fromkeys(name for before, after, _ in arrows() for name in (before, after))
    drawn = [line for one in arrows() for line in arrow(*one)]
    yield from sorted(drawn, key=lambda line: line.startswith("<text"))
    for name in statuses:
        yield from status(name)
    yield "</svg>"


if __name__ == "__main__":
    sys.stdout.write("\n".join(picture()) + "\n")

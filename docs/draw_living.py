"""Draws docs/living.svg from runs: python docs/draw_living.py > docs/living.svg.

One panel a bundled living scenario: what its book traded at, and what it was worth outside, which is the price without
feedback. Of several venues each has its own line. The picture has a ground of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from deleverage import Scenario, run
from deleverage.events.bodies.trading import BookPriced
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.sim.runner import Simulation

SCENARIOS = ("spiral", "maker-exit", "two-venues", "oracle-attack", "outage", "march-2020")
_WIDTH, _WIDE, _TALL, _LEFT, _TOP, _GAP_X, _GAP_Y = 640, 268, 120, 46, 64, 46, 62
_INK, _SOFT, _RULE, _GROUND, _BLUE = "#24292f", "#57606a", "#d0d7de", "#f6f8fa", "#0969da"
_REDS = ("#cf222e", "#9a6700")
_MINUTE_NS, _POINTS, _APART = 60 * 10**9, 240, 12


class Lines(NamedTuple):
    """One run: minutes, and by name of a line its points as (share of the time, percent of the first price)."""

    minutes: float
    lines: dict[str, list[tuple[float, float]]]


def drawn(name: str) -> Lines:
    """A scenario, run: the outside value and the book of each venue, in percent of where they began."""
    seen: dict[str, list[tuple[int, int]]] = {}

    def take(event: Event, ledger: Ledger) -> None:
        body = event.body
        assert isinstance(body, BookPriced)
        listed = ledger.markets[body.instrument].listing.name
        seen.setdefault(listed, []).append((event.at_ns, body.price_ticks))
        if body.instrument == 0:
            seen.setdefault("outside", []).append((event.at_ns, body.outside_ticks))

    def watch(simulation: Simulation) -> None:
        simulation.bus.tap(take, (BookPriced,))

    result = run(Scenario.load(name), on_start=watch)
    length_ns = result.end_ns - result.start_ns
    lines = {}
    for listed, points in seen.items():
        first, kept = points[0][1], dict[int, float]()
        for at_ns, ticks in points:
            place, moved = (at_ns - result.start_ns) * _POINTS // length_ns, 100 * (ticks - first) / first
            kept[place] = max(kept.get(place, moved), moved, key=abs)
        lines[listed] = [(place / _POINTS, moved) for place, moved in kept.items()]
    return Lines(length_ns / _MINUTE_NS, lines)


def text(x: float, y: float, words: str, fill: str = _SOFT, anchor: str = "start", weight: str = "normal") -> str:
    """A line of text."""
    style = f'font-size="11" font-weight="{weight}" fill="{fill}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{words}</text>'


def panel(name: str, left: float, top: float, found: Lines) -> Iterator[str]:
    """One scenario: its axis in percent, and its lines."""
    moves = [moved for points in found.lines.values() for _, moved in points]
    low, high = min(*moves, 0), max(*moves, 0)
    span = (high - low) or 1

    def y_of(moved: float) -> float:
        return top + _TALL * (high - moved) / span

    yield text(left, top - 10, name, _INK, weight="bold")
    yield f'<line x1="{left}" y1="{y_of(0):.1f}" x2="{left + _WIDE}" y2="{y_of(0):.1f}" stroke="{_RULE}"/>'
    for moved in dict.fromkeys((high, 0.0, low)):
        if moved == 0 or abs(y_of(moved) - y_of(0)) > _APART:
            yield text(left - 6, y_of(moved) + 4, f"{moved:+.0f}%" if moved else "0%", anchor="end")
    yield text(left + _WIDE, top + _TALL + 16, f"{found.minutes:.0f} minutes", anchor="end")
    books = [listed for listed in found.lines if listed != "outside"]
    colours = {**dict(zip(books, _REDS, strict=False)), "outside": _BLUE}
    for listed, points in found.lines.items():
        path = " ".join(f"{left + share * _WIDE:.1f},{y_of(moved):.1f}" for share, moved in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colours[listed]}" stroke-width="1.3"/>'
    if len(books) > 1:
        venues = "   ".join(listed.partition("@")[2] for listed in books)
        yield text(left + _WIDE, top - 10, f"red, brown: {venues.replace('   ', ', ')}", anchor="end")


def picture() -> Iterator[str]:
    """All panels, two in a row."""
    rows = -(-len(SCENARIOS) // 2)
    tall = _TOP + rows * (_TALL + _GAP_Y) - _GAP_Y // 2
    font = "font-family=\"ui-sans-serif, system-ui, 'Segoe UI', sans-serif\""
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {tall}" {font} role="img">'
    yield "<title>The price of each living scenario, and its value outside, which is the price without feedback</title>"
    yield f'<rect width="{_WIDTH}" height="{tall}" fill="{_GROUND}"/>'
    yield text(_LEFT, 22, "What the book traded at", _REDS[0], weight="bold")
    yield text(_LEFT + 172, 22, "and the value outside: the price without feedback", _BLUE, weight="bold")
    for number, name in enumerate(SCENARIOS):
        left = _LEFT + (number % 2) * (_WIDE + _GAP_X)
        yield from panel(name, left, _TOP + (number // 2) * (_TALL + _GAP_Y), drawn(name))
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(picture()))  # noqa: T201 - the picture is the output

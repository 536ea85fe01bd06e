"""Draws docs/spiral.svg from two runs: python docs/draw_spiral.py > docs/spiral.svg.

Above, the loop by which a fall feeds itself, with what each step came to in `deleverage run spiral`. Below, the price
of that run, and that of a paired run with the same draws in which nobody trades: `margin.policy=none` and
`crowd.policy=none`. The picture has a ground of its own, so that it can be read on a light page and on a dark one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from deleverage import Scenario, run
from deleverage.events.bodies.trading import BookPriced
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.sim.runner import RunResult, Simulation

_WIDTH, _LEFT, _RIGHT = 640, 64, 20
_LOOP_TOP, _LOOP_TALL, _PANEL_TOP, _PANEL_TALL = 50, 330, 424, 190
_BOX_WIDE, _BOX_TALL = 206, 58
_INK, _SOFT, _RULE, _GROUND = "#24292f", "#57606a", "#d0d7de", "#f6f8fa"
_RED, _BLUE = "#cf222e", "#0969da"
_MINUTE_NS = 60 * 10**9
_STEP_NS = 10**9


class Prices(NamedTuple):
    """One run: its result, and the lowest price of each second, from the first on, in quote."""

    result: RunResult
    lows: list[float]


class Box(NamedTuple):
    """A step of the loop: its middle, what it is, and what it came to."""

    x: float
    y: float
    title: str
    figure: str


def priced(*settings: str) -> Prices:
    """The scenario with these settings, run."""
    lows: dict[int, int] = {}

    def take(event: Event, _ledger: Ledger) -> None:
        assert isinstance(event.body, BookPriced)
        second = event.at_ns // _STEP_NS
        lows[second] = min(event.body.price_ticks, lows.get(second, event.body.price_ticks))

    def watch(simulation: Simulation) -> None:
        simulation.bus.tap(take, (BookPriced,))

    result = run(Scenario.load("spiral", settings), on_start=watch)
    tick = float(result.scenario.instruments[0].tick_size)
    first, last = min(lows), max(lows)
    filled, price = [], lows[first]
    for second in range(first, last + 1):
        price = lows.get(second, price)
        filled.append(price * tick)
    return Prices(result, filled)


def text(x: float, y: float, words: str, *, fill: str = _SOFT, anchor: str = "start", bold: bool = False) -> str:
    """A line of text."""
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}"{weight}>{words}</text>'


def boxes(result: RunResult) -> tuple[Box, ...]:
    """The steps, clockwise from the top, with what the run says of each."""
    summary, living = result.summary, result.summary.living
    assert living is not None
    seen, middle, side = summary.by_type, _WIDTH / 2, 122
    stops = living.own_orders.traded_atoms.total() / 10**6
    away_ns, all_ns = living.liquidity.away(result.end_ns)
    sold = (summary.sums["LiquidationFilled"] + summary.sums["InventorySold"]) / 10**6
    price, without = living.swings.prices[0], living.swings.without[0]
    fell, outside = (100 * one.fallen_ticks / one.first_ticks for one in (price, without))
    top, centre, low = _LOOP_TOP + _BOX_TALL / 2, _LOOP_TOP + _LOOP_TALL / 2, _LOOP_TOP + _LOOP_TALL - _BOX_TALL / 2
    return (
        Box(middle, top, "The price falls", f"{fell:.1f}%, outside {outside:.1f}%"),
        Box(_WIDTH - side, centre - 46, "Liquidations begin", f"{seen['LiquidationStarted']:,} of them"),
        Box(_WIDTH - side, centre + 46, "Forced orders trade", f"{sold / 10**6:.1f}M USDT"),
        Box(middle, low, "Stops and followers join", f"{stops / 10**6:.1f}M USDT"),
        Box(side, centre + 46, "Volatility rises", f"{seen['LiquidityWithdrawn']} times a maker leaves"),
        Box(side, centre - 46, "The book is thinner", f"makers away {100 * away_ns / all_ns:.0f}% of time"),
    )


def loop(steps: tuple[Box, ...]) -> Iterator[str]:
    """The boxes, and an arrow from each to the next."""
    for one, other in zip(steps, (*steps[1:], steps[0]), strict=True):
        (x1, y1), (x2, y2) = _edges(one, other)
        way = f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"
        yield f'<path d="{way}" stroke="{_SOFT}" stroke-width="2" marker-end="url(#tip)"/>'
    for place, one in enumerate(steps):
        stroke = _RED if not place else _RULE
        yield (
            f'<rect x="{one.x - _BOX_WIDE / 2:.1f}" y="{one.y - _BOX_TALL / 2:.1f}" width="{_BOX_WIDE}" '
            f'height="{_BOX_TALL}" rx="8" fill="{_GROUND}" stroke="{stroke}" stroke-width="1.5"/>'
        )
        yield text(one.x, one.y - 5, one.title, fill=_INK, anchor="middle", bold=True)
        yield text(one.x, one.y + 17, one.figure, anchor="middle")


def _edges(one: Box, other: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the way from one box to the other leaves the one and meets the other."""
    half_wide, half_tall = _BOX_WIDE / 2, _BOX_TALL / 2
    if one.x == other.x:
        down = 1 if other.y > one.y else -1
        return (one.x, one.y + down * half_tall), (other.x, other.y - down * (half_tall + 8))
    right = 1 if other.x > one.x else -1
    if one.y < other.y == max(one.y, other.y) and right > 0:  # from the top, to the right and down
        return (one.x + half_wide, one.y), (other.x, other.y - half_tall - 8)
    if one.y < other.y:  # to the box at the bottom
        return (one.x, one.y + half_tall), (other.x - right * (half_wide + 8), other.y)
    if one.y > other.y and right < 0:  # from the bottom, to the left and up
        return (one.x - half_wide, one.y), (other.x, other.y + half_tall + 8)
    return (one.x, one.y - half_tall), (other.x - right * (half_wide + 8), other.y)


def panel(with_feedback: Prices, without: Prices) -> Iterator[str]:
    """Both prices over the same time."""
    high = max(*with_feedback.lows, *without.lows)
    low = min(*with_feedback.lows, *without.lows)
    width, bottom, seconds = _WIDTH - _LEFT - _RIGHT, _PANEL_TOP + _PANEL_TALL, len(with_feedback.lows)
    yield text(_LEFT, _PANEL_TOP - 12, "Price of COIN-PERP, USDT, lows of a second", fill=_INK, bold=True)
    for value, y in ((high, _PANEL_TOP), (low, bottom)):
        yield f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="{_RULE}"/>'
        yield text(_LEFT - 8, y + 5, f"{value:,.0f}", anchor="end")
    for prices, colour in ((without.lows, _BLUE), (with_feedback.lows, _RED)):
        points = " ".join(
            f"{_LEFT + place * width / seconds:.1f},{bottom - (value - low) / (high - low) * _PANEL_TALL:.1f}"
            for place, value in enumerate(prices)
        )
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
    last = without.lows[-1]
    at = bottom - (last - low) / (high - low) * _PANEL_TALL
    yield text(_WIDTH - _RIGHT, at - 10, "without feedback: nobody trades", fill=_BLUE, anchor="end", bold=True)
    yield text(_WIDTH - _RIGHT, bottom - 34, "with feedback", fill=_RED, anchor="end", bold=True)
    for minute in range(0, seconds * _STEP_NS // _MINUTE_NS + 1, 5):
        x = _LEFT + minute * (_MINUTE_NS // _STEP_NS) * width / seconds
        yield f'<path d="M{x:.1f} {bottom}v5" stroke="{_SOFT}"/>'
        yield text(x, bottom + 22, f"{minute} min", anchor="middle" if x < _WIDTH - 2 * _RIGHT else "end")


def picture(with_feedback: Prices, without: Prices) -> Iterator[str]:
    """The whole drawing."""
    tall = _PANEL_TOP + _PANEL_TALL + 40
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {tall}" width="{_WIDTH}" height="{tall}"'
    yield 'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="14">'
    yield "<title>spiral: how a fall feeds itself, and the price with and without that</title>"
    yield (
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L10 5L0 10z" fill="{_SOFT}"/></marker></defs>'
    )
    yield f'<rect width="{_WIDTH}" height="{tall}" rx="8" fill="#ffffff" stroke="{_RULE}"/>'
    yield text(20, 28, "deleverage run spiral: a shock of 3%, and what the market makes of it", fill=_SOFT)
    yield from loop(boxes(with_feedback.result))
    yield from panel(with_feedback, without)
    yield "</svg>"


def main() -> None:
    """Print the picture of the two runs."""
    lines = picture(priced(), priced("margin.policy=none", "crowd.policy=none"))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

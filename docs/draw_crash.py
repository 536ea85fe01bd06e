"""Draws docs/flash-crash.svg from a run: python docs/draw_crash.py [RUN] > docs/flash-crash.svg.

Without a RUN it runs `flash-crash` first. Four panels over the same time: the mark of the instrument that fell most,
liquidations, the insurance fund's capacity, and what was closed by auto-deleveraging. The picture has a ground of its
own, so that it can be read on a light page and on a dark one.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from deleverage import Scenario, open_run, run
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.ledger import Ledger
from deleverage.handlers.inventory import capacity_atoms
from deleverage.sim.units import format_time_ns

_MINUTE_NS = 60 * 10**9
_STEP_NS = 10 * 10**9
_WIDTH, _LEFT, _RIGHT = 880, 76, 24
_TOP, _PANEL, _GAP = 58, 92, 40
_INK, _SOFT, _RULE = "#24292f", "#57606a", "#d0d7de"
_RED, _BLUE, _GREEN, _ORANGE = "#cf222e", "#0969da", "#1a7f37", "#bc4c00"


class Minutes(NamedTuple):
    """One run: lows of the mark and ends of the fund every ten seconds, liquidations and value deleveraged a minute."""

    instrument: str
    asset: str
    first: str
    marks: list[float]
    liquidations: list[int]
    capacity: list[float]
    deleveraged: list[float]


class Panel(NamedTuple):
    """One panel: its title, its values, its colour, whether they are bars or a line, and where the axis begins."""

    title: str
    values: Sequence[float]
    colour: str
    bars: bool
    from_zero: bool = True


def minutes_of(path: Path) -> Minutes:
    """What the record says; the ledger is folded once."""
    past = open_run(path)
    ledger, fund = Ledger(), None
    span_ns = past.end_ns - past.start_ns
    steps, minutes = (span_ns // length_ns + 1 for length_ns in (_STEP_NS, _MINUTE_NS))
    prices: list[dict[int, int]] = [{} for _ in range(steps)]
    liquidations, deleveraged = [0] * minutes, [0] * minutes
    capacity: dict[int, int] = {}
    for event in past.events():
        step, minute = ((event.at_ns - past.start_ns) // length_ns for length_ns in (_STEP_NS, _MINUTE_NS))
        ledger.fold(event)
        body = event.body
        if isinstance(body, MarkPriced):
            seen = prices[step]
            seen[body.instrument] = min(body.mark_ticks, seen.get(body.instrument, body.mark_ticks))
            fund = ledger.fund(0) if fund is None else fund
            capacity[step] = capacity_atoms(ledger, fund)
        elif isinstance(body, LiquidationStarted):
            liquidations[minute] += 1
        elif isinstance(body, PositionDeleveraged):
            deleveraged[minute] += abs(body.value_atoms)
    opened = prices[0]
    fell = min(opened, key=lambda one: min(at.get(one, opened[one]) for at in prices) / opened[one])
    listing, asset = ledger.markets[fell].listing, ledger.assets[0]
    unit = 10**asset.decimals
    return Minutes(
        listing.name,
        asset.name,
        format_time_ns(past.start_ns),
        [at[fell] * float(listing.tick_size) for at in prices if fell in at],
        liquidations,
        [atoms / unit for atoms in capacity.values()],
        [atoms / unit for atoms in deleveraged],
    )


def short(value: float) -> str:
    """A figure for an axis."""
    if abs(value) >= 1_000_000:  # noqa: PLR2004 - a million
        return f"{value / 1_000_000:.3g}M"
    return f"{value / 1_000:.3g}k" if abs(value) >= 1_000 else f"{value:.3g}"  # noqa: PLR2004 - a thousand


def text(x: float, y: float, words: str, *, fill: str = _SOFT, anchor: str = "start", bold: bool = False) -> str:
    """A line of text."""
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}"{weight}>{words}</text>'


def panel(one: Panel, top: float) -> Iterator[str]:
    """A panel with its title above it, the least and the greatest value beside it."""
    low = 0.0 if one.from_zero else min(one.values)
    high = max(one.values) or 1.0
    width, bottom = _WIDTH - _LEFT - _RIGHT, top + _PANEL
    step = width / len(one.values)

    def height(value: float) -> float:
        return (value - low) / (high - low) * _PANEL

    yield text(_LEFT, top - 9, one.title, fill=_INK, bold=True)
    for value, y in ((high, top), (low, bottom)):
        yield f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="{_RULE}"/>'
        yield text(_LEFT - 8, y + 4, short(value), anchor="end")
    if one.bars:
        for place, value in enumerate(one.values):
            if value:
                tall, x = height(value), _LEFT + place * step + step * 0.1
                yield (
                    f'<rect x="{x:.1f}" y="{bottom - tall:.1f}" width="{step * 0.8:.1f}" '
                    f'height="{tall:.1f}" fill="{one.colour}"/>'
                )
        return
    points = " ".join(
        f"{_LEFT + (place + 0.5) * step:.1f},{bottom - height(value):.1f}" for place, value in enumerate(one.values)
    )
    yield f'<polyline points="{points}" fill="none" stroke="{one.colour}" stroke-width="2"/>'


def clock(first: str, minute: int) -> str:
    """The time of day so many minutes after the first, which is text such as 2025-10-10T20:40:00Z."""
    total = int(first[11:13]) * 60 + int(first[14:16]) + minute
    return f"{total // 60 % 24:02d}:{total % 60:02d}"


def picture(what: Minutes) -> Iterator[str]:
    """The whole drawing."""
    panels = (
        Panel(f"Mark of {what.instrument}, {what.asset}, lows of 10 s", what.marks, _BLUE, bars=False, from_zero=False),
        Panel("Liquidations begun, a minute", what.liquidations, _ORANGE, bars=True),
        Panel(f"Capacity of the insurance fund, {what.asset}", what.capacity, _GREEN, bars=False),
        Panel(f"Closed by auto-deleveraging, {what.asset} a minute", what.deleveraged, _RED, bars=True),
    )
    tall = _TOP + len(panels) * (_PANEL + _GAP) + 4
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {tall}" width="{_WIDTH}" height="{tall}"'
    yield 'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="13">'
    yield "<title>flash-crash: price, liquidations, insurance fund, auto-deleveraging</title>"
    yield f'<rect width="{_WIDTH}" height="{tall}" rx="8" fill="#ffffff" stroke="{_RULE}"/>'
    yield text(_LEFT, 24, f"deleverage run flash-crash, {what.first[:10]} UTC", fill=_SOFT)
    for place, one in enumerate(panels):
        yield from panel(one, _TOP + place * (_PANEL + _GAP))
    bottom = _TOP + len(panels) * (_PANEL + _GAP) - _GAP
    step = (_WIDTH - _LEFT - _RIGHT) / len(what.liquidations)
    for minute in range(0, len(what.liquidations), 10):
        x = _LEFT + (minute + 0.5) * step
        yield f'<path d="M{x:.1f} {bottom}v5" stroke="{_SOFT}"/>'
        yield text(x, bottom + 20, clock(what.first, minute), anchor="middle")
    yield "</svg>"


def main(arguments: list[str]) -> None:
    """Print the picture of the run that is named, or of one that is made for it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(arguments[0]) if arguments else Path(folder) / "crash.run"
        if not arguments:
            run(Scenario.load("flash-crash"), path)
        sys.stdout.write("\n".join(picture(minutes_of(path))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

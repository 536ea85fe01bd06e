"""Charts as SVG for a page: drawn here, so that they need no script, print as they are, and are the same bytes.

Each is drawn twice, wide and narrow; the page shows the one that fits. Colours are classes, which the page's style has
for light, dark and paper. Coordinates are floats: they are drawn, nothing is decided by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from ....sim.units import format_time_ns

__all__ = ["Axis", "Bars", "Chart", "ChartBand", "Flow", "flows", "short"]

_MILLION, _THOUSAND = 1_000_000, 1_000
_NS_DAY, _SECOND = 86_400 * 10**9, 10**9
_TICKS_NS = tuple(
    one * _SECOND for one in (1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400)
)


_Place = Callable[[float], float]
"""Where a step, or a value, stands in the drawing."""


class Size(NamedTuple):
    """A way to draw: width, height of the plot, margins, letters, labels along the time."""

    name: str
    width: int
    plot: int
    left: int
    right: int
    letter: int
    labels: int


_SIZES = (Size("wide", 960, 150, 64, 12, 12, 9), Size("narrow", 360, 130, 48, 6, 11, 4))
_TOP, _BOTTOM = 8, 22


class Axis(NamedTuple):
    """The time that all charts share: its first step, their length and number, and the halts, as steps."""

    first_ns: int
    step_ns: int
    steps: int
    halts: Sequence[tuple[float, float]]


class ChartBand(NamedTuple):
    """A line with what lay between its least and greatest value: (step, low, high, last) in order."""

    name: str
    style: str
    points: Sequence[tuple[int, float, float, float]]


class Bars(NamedTuple):
    """Bars that stand on those before them: a value by step."""

    name: str
    style: str
    values: Mapping[int, float]


class Chart(NamedTuple):
    """One panel: `title` names it, `says` tells what is seen for whoever does not see it."""

    key: str
    title: str
    says: str
    bands: Sequence[ChartBand] = ()
    bars: Sequence[Bars] = ()
    from_zero: bool = False
    halts: bool = False

    def svg(self, axis: Axis) -> str:
        """Both drawings."""
        return "".join("".join(self._drawn(axis, size)) for size in _SIZES)

    def _drawn(self, axis: Axis, size: Size) -> Iterator[str]:
        height = _TOP + size.plot + _BOTTOM
        ids = f"{self.key}-{size.name}"
        yield f'<svg class="{size.name}" viewBox="0 0 {size.width} {height}" role="img" '
        yield f'aria-labelledby="{ids}-t {ids}-d" font-size="{size.letter}">'
        yield f'<title id="{ids}-t">{escape(self.title)}</title><desc id="{ids}-d">{escape(self.says)}</desc>'
        low, high = self._span()
        wide = (size.width - size.left - size.right) / axis.steps

        def x(step: float) -> float:
            return size.left + step * wide

        def y(value: float) -> float:
            return _TOP + size.plot * (1 - (value - low) / (high - low))

        if self.halts:
            for start, stop in axis.halts:
                yield f'<rect class="halt" x="{x(start):.1f}" y="{_TOP}" '
                yield f'width="{max(1.0, x(stop) - x(start)):.1f}" height="{size.plot}"/>'
        yield from _grid(low, high, y, size)
        yield from _times(axis, x, size)
        floor = dict.fromkeys(range(axis.steps), 0.0)
        for bars in self.bars:
            path, across = [], max(wide * 0.86, 0.8)
            for step, value in sorted(bars.values.items()):
                if value:
                    base, floor[step] = floor[step], floor[step] + value
                    tall = y(base) - y(floor[step])
                    path.append(f"M{x(step):.1f} {y(base):.1f}h{across:.1f}v{-tall:.1f}h-{across:.1f}z")
            yield f'<path class="bar {bars.style}" d="{"".join(path)}"/>'
        for band in self.bands:
            yield from _band(band, x, y)
        yield "</svg>"

    def _span(self) -> tuple[float, float]:
        values = [value for band in self.bands for point in band.points for value in point[1:]]
        stacked = dict[int, float]()
        for bars in self.bars:
            for step, value in bars.values.items():
                stacked[step] = stacked.get(step, 0.0) + value
        values += stacked.values()
        if self.from_zero or self.bars or not values:
            values.append(0.0)
        low, high = min(values), max(values)
        room = (high - low or abs(high) or 1.0) * 0.04
        return (low if (self.from_zero and low == 0) or self.bars else low - room), high + room


def _grid(low: float, high: float, y: _Place, size: Size) -> Iterator[str]:
    """Lines at round values."""
    step = _round_step((high - low) / 5)
    value = -(-low // step) * step
    while value <= high:
        at, style = y(value), "rule zero" if abs(value) < step / 2 else "rule"
        yield f'<path class="{style}" d="M{size.left} {at:.1f}H{size.width - size.right}"/>'
        yield f'<text class="tick" x="{size.left - 6}" y="{at + 4:.1f}" text-anchor="end">{short(value)}</text>'
        value += step


def _times(axis: Axis, x: _Place, size: Size) -> Iterator[str]:
    """Times of day along the bottom."""
    length_ns = axis.steps * axis.step_ns
    every = next(
        (one for one in _TICKS_NS if length_ns // one < size.labels),
        _NS_DAY * (1 + length_ns // _NS_DAY // size.labels),
    )
    at_ns = -(-axis.first_ns // every) * every
    while at_ns < axis.first_ns + length_ns:
        at, told = x((at_ns - axis.first_ns) / axis.step_ns), format_time_ns(at_ns)
        label = told[5:10] if every >= _NS_DAY else told[11:16] if every >= 60 * _SECOND else told[11:19]
        yield f'<path class="rule" d="M{at:.1f} {_TOP + size.plot}v4"/>'
        yield f'<text class="tick" x="{at:.1f}" y="{_TOP + size.plot + 17}" text-anchor="middle">{label}</text>'
        at_ns += every


def _band(band: ChartBand, x: _Place, y: _Place) -> Iterator[str]:
    if not band.points:
        return
    upper = [f"{x(step + 0.5):.1f} {y(high):.1f}" for step, _, high, _ in band.points]
    lower = [f"{x(step + 0.5):.1f} {y(low):.1f}" for step, low, _, _ in reversed(band.points)]
    if any(low != high for _, low, high, _ in band.points):
        yield f'<path class="area {band.style}" d="M{"L".join((*upper, *lower))}z"/>'
    line = [f"{x(step + 0.5):.1f} {y(last):.1f}" for step, _, _, last in band.points]
    yield f'<path class="line {band.style}" d="M{"L".join(line)}"/>'


def _round_step(least: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 1.0
    while power > least:
        power /= 10
    while power * 10 <= least:
        power *= 10
    return next(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= least * 0.999)


def short(value: float) -> str:
    """A figure for an axis."""
    size = abs(value)
    if size >= _MILLION:
        return f"{value / _MILLION:.4g}M"
    if size >= 10 * _THOUSAND:
        return f"{value / _THOUSAND:.4g}k"
    return f"{value:,.5g}" if size >= 1e-9 else "0"  # noqa: PLR2004 - what is left of rounding


class Flow(NamedTuple):
    """So much that went from one node to another of the next layer; the colour is that of where it came from."""

    layer: int
    source: str
    target: str
    value: float
    style: str


_FLOW_WIDTH, _FLOW_TALL, _NODE, _GAP, _FLOW_TOP = 960, 380, 14, 16, 34


def flows(found: Sequence[Flow], heads: Sequence[str], says: str, unit: str) -> str:
    """A layered graph: nodes as tall as what went through them, and ribbons between them as thick as what went."""
    columns = [_column(found, layer) for layer in range(len(heads))]
    most = max(sum(column.values()) for column in columns) or 1.0
    room = _FLOW_TALL - _FLOW_TOP - _GAP * (max(map(len, columns)) - 1) - 8
    scale = room / most
    right = 170
    gap = (_FLOW_WIDTH - right - _NODE) / (len(heads) - 1)
    places = dict[tuple[int, str], list[float]]()
    drawn = list[str]()
    for layer, column in enumerate(columns):
        top, left = float(_FLOW_TOP), layer * gap
        drawn.append(f'<text class="head" x="{left:.1f}" y="14">{escape(heads[layer])}</text>')
        for name, value in column.items():
            tall = max(value * scale, 1.0)
            places[layer, name] = [left, top, top]
            drawn.append(f'<rect class="node" x="{left:.1f}" y="{top:.1f}" width="{_NODE}" height="{tall:.1f}"/>')
            told = f'{escape(name)} <tspan class="tick">{short(value)}</tspan>'
            drawn.append(f'<text x="{left + _NODE + 6:.1f}" y="{top + max(tall / 2, 4) + 4:.1f}">{told}</text>')
            top += tall + _GAP
    ribbons = list[str]()
    for flow in found:
        if flow.value <= 0:
            continue
        source, target = places[flow.layer, flow.source], places[flow.layer + 1, flow.target]
        tall = max(flow.value * scale, 0.6)
        x0, x1 = source[0] + _NODE, target[0]
        y0, y1, bend = source[1], target[2], (x0 + x1) / 2
        source[1], target[2] = y0 + tall, y1 + tall
        ribbon = (
            f"M{x0:.1f} {y0:.1f}C{bend:.1f} {y0:.1f} {bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}v{tall:.1f}"
            f"C{bend:.1f} {y1 + tall:.1f} {bend:.1f} {y0 + tall:.1f} {x0:.1f} {y0 + tall:.1f}z"
        )
        named = f"{escape(flow.source)} to {escape(flow.target)}: {flow.value:,.0f} {escape(unit)}"
        ribbons.append(f'<path class="flow {flow.style}" d="{ribbon}"><title>{named}</title></path>')
    head = f'<svg class="flows" viewBox="0 0 {_FLOW_WIDTH} {_FLOW_TALL}" role="img" aria-labelledby="flow-t flow-d" '
    head += 'font-size="13">'
    titled = f'<title id="flow-t">Who forced whom</title><desc id="flow-d">{escape(says)}</desc>'
    return f"{head}{titled}{''.join(ribbons)}{''.join(drawn)}</svg>"


def _column(found: Sequence[Flow], layer: int) -> dict[str, float]:
    """The nodes of a layer with what went through them, the greater of in and out."""
    into, out = dict[str, float](), dict[str, float]()
    for flow in found:
        if flow.layer == layer:
            out[flow.source] = out.get(flow.source, 0.0) + flow.value
        if flow.layer + 1 == layer:
            into[flow.target] = into.get(flow.target, 0.0) + flow.value
    return {name: max(into.get(name, 0.0), out.get(name, 0.0)) for name in dict.fromkeys((*out, *into))}

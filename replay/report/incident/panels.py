"""The pictures of an incident: which charts there are of a timeline, what each says, and who forced whom as a graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ....sim.units import format_time_ns
from ...timeline import Levels, Timeline
from .chart import Axis, Bars, Chart, ChartBand, Flow, flows, short
from .forcing import FUND, MARKET, OUTSIDE, WINNERS, Forcing
from .reading import Incident

__all__ = ["Key", "Panel", "flow_of", "panels_of"]

INSTRUMENTS_MOST = 4
"""So many instruments have a price of their own: those that fell most."""
_STYLES = 5
_OTHER = "s5"

Key = tuple[str, str]
"""A style, and what is drawn in it."""


class Panel(NamedTuple):
    """A chart, what is drawn in which colour, and the events of its extremes: (what, event)."""

    chart: Chart
    key: Sequence[Key]
    notes: Sequence[tuple[str, int]]


def styles_of(timeline: Timeline) -> dict[str, str]:
    """The colour of each instrument, the same in every picture."""
    return {name: f"s{min(place, _STYLES - 1)}" for place, name in enumerate(timeline.instruments)}


def axis_of(timeline: Timeline) -> Axis:
    """The time, with the halts on it."""

    def step(at_ns: int) -> float:
        return (at_ns - timeline.first_ns) / timeline.step_ns

    halts = [
        (step(one.from_ns), step(timeline.stop_ns if one.until_ns is None else one.until_ns))
        for one in timeline.spans
        if one.name == "halt"
    ]
    return Axis(timeline.first_ns, timeline.step_ns, timeline.steps, halts)


def panels_of(incident: Incident, parent: Timeline | None) -> Iterator[Panel]:
    """The charts in their order; with a parent its prices and its fund beside those of the fork."""
    timeline = incident.timeline
    styles = styles_of(timeline)
    for name in _fallen(timeline)[:INSTRUMENTS_MOST]:
        yield _price(incident, name, styles[name], parent)
    yield from _depth(timeline, styles)
    yield from _liquidations(timeline)
    yield from _forced_by(incident, styles)
    for one in timeline.levels:
        if one.name == "capacity":
            yield _fund(incident, one, parent)
    yield from _deleveraged(timeline, styles)


def _fallen(timeline: Timeline) -> list[str]:
    """The instruments that have a mark, the one that moved most from its first mark before the others."""

    def moved(name: str) -> float:
        level = timeline.level("mark", name)
        assert level is not None
        first = level.points[0].low or 1
        return max(abs(one.low / first - 1) for one in level.points)

    return sorted(
        (one.of for one in timeline.levels if one.name == "mark" and one.points), key=lambda name: -moved(name)
    )


def _band(level: Levels, style: str, name: str = "", *, spread: bool = True) -> ChartBand:
    """A level as a line, with its least and greatest values where `spread`."""
    step = float(level.scale.step)
    points = [
        (one.step, (one.low if spread else one.last) * step, (one.high if spread else one.last) * step, one.last * step)
        for one in level.points
    ]
    return ChartBand(name or level.name, style, points)


def _price(incident: Incident, name: str, style: str, parent: Timeline | None) -> Panel:
    timeline = incident.timeline
    mark, index = timeline.level("mark", name), timeline.level("index", name)
    assert mark is not None
    bands, key = [_band(mark, style)], [(style, "mark: the line, and all that it passed through within a step")]
    if index is not None:
        bands.append(_band(index, f"{_OTHER} thin", spread=False))
        key.append((_OTHER, "index from outside"))
    before = None if parent is None else parent.level("mark", name)
    if before is not None:
        bands.append(_band(before, "s3 thin", spread=False))
        key.append(("s3", "mark in the parent"))
    if any(one.of == name for one in timeline.spans if one.name == "halt"):
        key.append(("h", "trading halted"))
    low, first = min(mark.points, key=lambda one: one.low), mark.points[0]
    notes = [
        (f"first mark {mark.text(first.low)}", first.low_seq),
        (f"lowest {mark.text(low.low)}, {(low.low / first.low - 1) * 100 if first.low else 0:+.2f}%", low.low_seq),
        (f"last {mark.text(mark.points[-1].last)}", mark.points[-1].last_seq),
    ]
    forced = timeline.level("forced", name)
    if forced is not None and any(one.low or one.high for one in forced.points):
        most = min(forced.points, key=lambda one: one.low)
        notes.append((f"moved by forced orders by {forced.text(most.low)} at most down", most.low_seq))
    halts = [one for one in timeline.spans if one.name == "halt" and one.of == name]
    says = "; ".join(text for text, _ in notes) + (f"; halted {len(halts)} times" if halts else "")
    return Panel(
        Chart(f"price-{timeline.instruments.index(name)}", f"Price of {name}", says, bands, halts=bool(halts)),
        key,
        notes,
    )


def _depth(timeline: Timeline, styles: dict[str, str]) -> Iterator[Panel]:
    """What was left of the bids within 1%, in percent of what they began with."""
    bands, notes = list[ChartBand](), list[tuple[str, int]]()
    for level in timeline.levels:
        if level.name != "bids" or not level.points or not (first := level.points[0].high):
            continue
        points = [
            (one.step, 100 * one.low / first, 100 * one.high / first, 100 * one.last / first) for one in level.points
        ]
        bands.append(ChartBand(level.of, styles[level.of], points))
        least = min(level.points, key=lambda one: one.low)
        notes.append((f"{level.of}: least {level.text(least.low)} of {level.text(first)}", least.low_seq))
    if bands:
        says = "; ".join(text for text, _ in notes)
        chart = Chart("depth", "Bids within 1% of the price, percent of the first", says, bands, from_zero=True)
        yield Panel(chart, [(band.style, band.name) for band in bands], notes)


def _liquidations(timeline: Timeline) -> Iterator[Panel]:
    begun = timeline.total("liquidations")
    if begun is None:
        return
    most = max(begun.points, key=lambda one: one.sum)
    step = format_time_ns(timeline.first_ns + most.step * timeline.step_ns)
    notes = [(f"{sum(one.sum for one in begun.points):,} in all; most, {most.sum:,}, from {step}", most.most_seq)]
    bars = Bars("liquidations", "s1", {one.step: float(one.sum) for one in begun.points})
    yield Panel(
        Chart("liquidations", "Liquidations begun", notes[0][0], bars=(bars,)), (("s1", "liquidations"),), notes
    )


def _forced_by(incident: Incident, styles: dict[str, str]) -> Iterator[Panel]:
    """What was closed by force, by what had forced it."""
    forcing = incident.forcing
    if not forcing.over_time:
        return
    unit = _unit(incident)
    order = [OUTSIDE, *(name for name in styles if any(through == name for _, through in forcing.over_time))]
    bars = []
    for through in order:
        values = {step: atoms * unit for (step, name), atoms in forcing.over_time.items() if name == through}
        bars.append(Bars(through, styles.get(through, _OTHER), values))
    whole = sum(forcing.closed.values())
    outside = sum(atoms for (through, _), atoms in forcing.closed.items() if through == OUTSIDE)
    share = 100 * (whole - outside) / whole if whole else 0
    asset = incident.names.asset(0)
    says = f"{short(whole * unit)} {asset} in all, {share:.1f}% of it forced by forced orders before it"
    key = [(one.style, one.name if one.name == OUTSIDE else f"forced orders in {one.name}") for one in bars]
    yield Panel(Chart("forced-by", f"Closed by force, by what forced it, {asset} a step", says, bars=bars), key, [])


def _fund(incident: Incident, capacity: Levels, parent: Timeline | None) -> Panel:
    timeline = incident.timeline
    bands, key = [_band(capacity, "s3")], [("s3", "capacity: cash and inventory at the mark, less the floor")]
    cash = timeline.level("cash", capacity.of)
    if cash is not None:
        bands.append(_band(cash, f"{_OTHER} thin", spread=False))
        key.append((_OTHER, "cash"))
    before = None if parent is None else parent.level("capacity", capacity.of)
    if before is not None:
        bands.append(_band(before, "s4 thin", spread=False))
        key.append(("s4", "capacity in the parent"))
    low, last = min(capacity.points, key=lambda one: one.low), capacity.points[-1]
    unit = capacity.scale.unit
    notes = [
        (f"least {capacity.text(low.low)} {unit}", low.low_seq),
        (f"last {capacity.text(last.last)} {unit}", last.last_seq),
    ]
    says = "; ".join(text for text, _ in notes)
    key_of = [one.of for one in timeline.levels if one.name == "capacity"].index(capacity.of)
    return Panel(Chart(f"fund-{key_of}", f"{capacity.of}, {unit}", says, bands, from_zero=True), key, notes)


def _deleveraged(timeline: Timeline, styles: dict[str, str]) -> Iterator[Panel]:
    found = [one for one in timeline.totals if one.name == "deleveraged"]
    for unit in dict.fromkeys(one.scale.unit for one in found):
        of_unit = [one for one in found if one.scale.unit == unit]
        bars = [
            Bars(one.of, styles[one.of], {point.step: point.sum * float(one.scale.step) for point in one.points})
            for one in of_unit
        ]
        notes = []
        for one in of_unit:
            most = max(one.points, key=lambda point: point.most)
            whole = one.text(sum(point.sum for point in one.points))
            notes.append((f"{one.of}: {whole} in all, the largest {one.text(most.most)}", most.most_seq))
        says = "; ".join(text for text, _ in notes)
        title = f"Closed by auto-deleveraging, {unit} a step"
        yield Panel(Chart(f"adl-{unit}", title, says, bars=bars), [(bar.style, bar.name) for bar in bars], notes)


def _unit(incident: Incident) -> float:
    return 10.0 ** -incident.report.decimals[incident.names.asset(0)]


def flow_of(incident: Incident) -> tuple[str, list[tuple[str, str, str]]]:
    """The graph of who forced whom, and the same as rows: (from, to, value). Nothing where nothing was forced."""
    forcing, styles, unit = incident.forcing, styles_of(incident.timeline), _unit(incident)
    if not forcing.closed:
        return "", []
    found = list(_flows(forcing, styles, unit))
    asset = incident.names.asset(0)
    heads = ("forced by", "closed positions in", "taken by", "which went to")
    rows = [(one.source.strip(), one.target.strip(), f"{one.value:,.2f} {asset}") for one in found]
    says = "; ".join(f"{source} to {target} {value}" for source, target, value in rows)
    return flows(found, heads if forcing.passed_on else heads[:-1], says, asset), rows


def _flows(forcing: Forcing, styles: dict[str, str], unit: float) -> Iterator[Flow]:
    for through, name in sorted(forcing.closed, key=lambda pair: (pair[0] != OUTSIDE, pair)):
        source = through if through == OUTSIDE else f"forced orders in {through}"
        yield Flow(0, source, name, forcing.closed[through, name] * unit, styles.get(through, _OTHER))
    takers = (MARKET, FUND, WINNERS)
    for name, taker in sorted(forcing.taken, key=lambda pair: (pair[0], takers.index(pair[1]))):
        told = "winners, by ADL" if taker == WINNERS else taker
        yield Flow(1, name, told, forcing.taken[name, taker] * unit, styles[name])
    for taker in takers:
        if forcing.passed_on[taker]:
            told = "winners, by ADL" if taker == WINNERS else taker
            yield Flow(2, FUND, told, forcing.passed_on[taker] * unit, "s3")

"""A reading for people: a line where it is piped, a panel where it stands in a terminal of 60 columns or more.

The map has a bar a level, as long as what falls due there is of the most that does at any; the depth stands beside it
as a figure. Levels without either are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from textwrap import wrap

from rich.text import Text

from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...sim.figures import price, rounded_money
from ...sim.sparkline import UNICODE_BARS
from ...sim.terminal import printable
from ...sim.units import divide_half_even, format_time_ns
from .levels import Level, Sign, signs_of, worst
from .stress import StressVector
from .warning import MAP_BPS_MOST, FundFigures, InstrumentFigures
from .watcher import WarningReading

__all__ = ["panel", "reading_line"]

_STYLES: dict[Level, str] = {"calm": "", "raised": "yellow", "high": "bold red"}
_CLOCK = slice(0, 19)
_BPS_A_PERCENT = 100
_BAR_LEAST = 4
_LABEL = 15
_NO_SHARE = "-"
_SPANS_BPS = (MAP_BPS_MOST, 500, 300, 0)


def reading_line(reading: WarningReading, ledger: LedgerState) -> str:
    """One line: when, how loud, the figures that have a level, the marks."""
    warning = reading.warning
    nearest = [one.against_depth for one in warning.instruments if one.against_depth is not None]
    parts = [f"stress {_percent(warning.stress_bps)}", f"near {_hundredths(max(nearest, default=None))} of depth"]
    parts += [f"fund {_share(fund, reading)}" for fund in warning.funds]
    parts += [f"{_name(one, ledger)} {_mark(one, ledger)}" for one in warning.instruments]
    level = worst(sign.level for sign in signs_of(reading))
    return printable(f"{format_time_ns(reading.at_ns)[_CLOCK]} {level:<6}  {', '.join(parts)}")


def panel(
    reading: WarningReading, ledger: LedgerState, width: int, bars: str = UNICODE_BARS, height: int | None = None
) -> Text:
    """All of it in lines of at most so many columns, down to 60.

    Where a `height` is given the maps go as far from the mark as fits, and no further than `_SPANS_BPS` has it.
    """
    for span_bps in _SPANS_BPS:
        text = _panel(reading, ledger, width, bars[-1], span_bps)
        if height is None or text.plain.count("\n") <= height:
            return text
    return text


def _panel(reading: WarningReading, ledger: LedgerState, width: int, bar: str, span_bps: int) -> Text:
    signs = {(sign.name, sign.of): sign for sign in signs_of(reading)}
    text = Text(no_wrap=True, overflow="ignore")
    level = worst(sign.level for sign in signs.values())
    name = "" if ledger.run is None else f"{ledger.run.scenario} "
    text.append(f"{printable(name)}{format_time_ns(reading.at_ns)[_CLOCK]}  ", "bold")
    text.append(f"{level}\n", _STYLES[level])
    for asset, vector in reading.warning.stress.items():
        _row(text, width, f"stress {printable(ledger.assets[asset].name)}", _stress(vector), signs["stress", asset])
    rise = reading.movement.correlation_rise_ppm
    correlation = _correlation(reading.movement.correlation_ppm, rise)
    _row(text, width, "correlation", correlation, signs["correlation", None])
    for fund in reading.warning.funds:
        told = _fund(fund, reading, ledger)
        _row(text, width, printable(ledger.name(fund.account)), told, signs["fund", fund.account])
    for one in reading.warning.instruments:
        _instrument(text, one, ledger, signs, width)
        for line in _map_lines(one, ledger, width, bar, span_bps):
            text.append(f"{line}\n")
    if reading.last_events:
        text.append("\n")
    for event in reading.last_events:
        text.append(f"{_event(event, ledger)[:width]}\n", "dim")
    return text


def _row(text: Text, width: int, label: str, told: str, sign: Sign | None = None) -> None:
    """A figure beside its label, with its level; what is too long goes on under itself."""
    level: Level = "calm" if sign is None else sign.level
    lines = wrap(told if level == "calm" else f"{told}  {level}", width - _LABEL - 1, break_long_words=False)
    for place, line in enumerate(lines):
        text.append(f"{'' if place else label:<{_LABEL}} {line}\n", _STYLES[level])


def _instrument(
    text: Text, one: InstrumentFigures, ledger: LedgerState, signs: dict[tuple[str, int | None], Sign], width: int
) -> None:
    market = ledger.markets[one.instrument]
    asset = ledger.assets[market.listing.asset]
    text.append(f"\n{_name(one, ledger)}", "bold")
    text.append(f"  mark {_mark(one, ledger)}, price {price(market.index_ticks, market.listing)}")
    text.append("  halted\n" if one.halted else "\n")
    _row(text, width, "open interest", f"{rounded_money(one.interest_atoms, asset)} {asset.name}")
    depth = f"{rounded_money(one.bids_atoms, asset)} bid, {rounded_money(one.asks_atoms, asset)} asked"
    _row(text, width, "within 2%", depth)
    against = "" if one.against_depth is None else f", {_hundredths(one.against_depth)} of depth"
    overhang = "" if one.overhang is None else f", {_hundredths(one.overhang)} x equity"
    near = f"{rounded_money(one.near_atoms, asset)}{against}{overhang}"
    _row(text, width, "due within 2%", near, signs["overhang", one.instrument])
    concentration = _decimals(one.concentration_ppm, 4, 100)
    _row(text, width, "concentration", concentration, signs["concentration", one.instrument])
    if one.largest_account is not None:
        times = "" if one.largest_bps is None else f", {_decimals(one.largest_bps, 2, 100)} of depth"
        largest = f"{rounded_money(one.largest_atoms, asset)}{times}"
        _row(text, width, "largest", largest, signs["largest", one.instrument])


def _map_lines(one: InstrumentFigures, ledger: LedgerState, width: int, bar: str, span_bps: int) -> Iterator[str]:
    market = ledger.markets[one.instrument]
    asset = ledger.assets[market.listing.asset]
    within = [level for level in reversed(one.levels) if abs(level.far_bps) <= span_bps]
    shown = [level for level in within if level.due_atoms or level.depth_atoms]
    if not shown:
        return
    most = max(level.due_atoms for level in shown) or 1
    figures = [(rounded_money(level.due_atoms, asset), rounded_money(level.depth_atoms, asset)) for level in shown]
    due_width, depth_width = (max(map(len, column)) for column in zip(("due", "depth"), *figures, strict=True))
    space = max(width - due_width - depth_width - 12, _BAR_LEAST)
    yield f"{'at':>6}  {'due':>{due_width}}  {'depth':>{depth_width}}"
    for level, (due, depth) in zip(shown, figures, strict=True):
        drawn = bar * -(-level.due_atoms * space // most)
        yield f"{level.far_bps // _BPS_A_PERCENT:>+5}%  {due:>{due_width}}  {depth:>{depth_width}}  {drawn}".rstrip()


def _stress(vector: StressVector) -> str:
    if 0 in vector:
        return "no move is needed"
    falls = "no fall" if vector.falls_bps is None else f"-{_percent(vector.falls_bps)}"
    rises = "no rise" if vector.rises_bps is None else f"+{_percent(vector.rises_bps)}"
    return f"{falls}, {rises}"


def _correlation(ppm: int | None, rise_ppm: int | None) -> str:
    if ppm is None or rise_ppm is None:
        return "none yet"
    rise = f"{'+' if rise_ppm >= 0 else ''}{_decimals(rise_ppm, 2, 10_000)}"
    return f"{_decimals(ppm, 2, 10_000)}, {rise} over the long window"


def _fund(fund: FundFigures, reading: WarningReading, ledger: LedgerState) -> str:
    if fund.left_atoms is None:
        return "cannot be told: it holds what has no mark"
    asset = ledger.assets[fund.asset]
    share = _share(fund, reading)
    of = "" if share == _NO_SHARE else f", {share} of its high"
    return f"{rounded_money(fund.left_atoms, asset)} {asset.name} left{of}"


def _share(fund: FundFigures, reading: WarningReading) -> str:
    high = reading.fund_highs_atoms.get(fund.account, 0)
    if fund.left_atoms is None or high <= 0:
        return _NO_SHARE
    return f"{divide_half_even(fund.left_atoms * 100, high)}%"


def _event(event: Event, ledger: LedgerState) -> str:
    body = event.body
    number, instrument = getattr(body, "account", None), getattr(body, "instrument", None)
    account = "" if number is None else f" {ledger.name(number)}"
    of = "" if instrument is None else f" {ledger.markets[instrument].listing.name}"
    return printable(f"{event.seq} {format_time_ns(event.at_ns)[11:19]} {type(body).__name__}{account}{of}")


def _name(one: InstrumentFigures, ledger: LedgerState) -> str:
    return printable(ledger.markets[one.instrument].listing.name)


def _mark(one: InstrumentFigures, ledger: LedgerState) -> str:
    return price(one.mark_ticks, ledger.markets[one.instrument].listing)


def _percent(bps: int | None) -> str:
    return "none" if bps is None else f"{_decimals(bps, 2, 1)}%"


def _hundredths(value: Fraction | None) -> str:
    if value is None:
        return "none"
    return _decimals(divide_half_even(value.numerator * 100, value.denominator), 2, 1)


def _decimals(number: int, decimals: int, per: int) -> str:
    """`number` / (`per` x 10^decimals), half to even, with its decimals."""
    parts = divide_half_even(number, per)
    sign, parts = ("-" if parts < 0 else ""), abs(parts)
    return f"{sign}{parts // 10**decimals:,}.{parts % 10**decimals:0{decimals}d}"

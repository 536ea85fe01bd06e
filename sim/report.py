"""What came of a run, for a person to read: what moved, who was called, what it cost, and where the record is.

It fits 60 columns, needs no colour, and never shortens a figure. Amounts are rounded to hundredths; `run --json` has the
atoms.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from ..events.bodies.listing import InstrumentListed
from ..events.bodies.run import SourceTally
from .console import bars_for, print_line, print_rows, print_table
from .figures import count, duration, percent, price, rounded_money
from .outcome import fund_of, source_tallies
from .runner import RunResult
from .sparkline import sparkline
from .units import format_time_ns

__all__ = ["print_report"]

_MARGIN = 2
_SPARK_WIDTH_MAX = 72

Rows = Iterator[tuple[str, str]]


def print_report(console: Console, result: RunResult) -> None:
    """The whole summary."""
    scenario = result.scenario
    print_line(console, f"{scenario.name}, seed {scenario.seed}: {result.status}", style="bold")
    print_line(console, f"{format_time_ns(result.start_ns)} to {format_time_ns(result.end_ns)}")
    print_line(console)
    _print_marks(console, result)
    print_rows(console, _cascade(result))
    _print_path(console, result.summary.fund.points)
    print_rows(console, _deleveraging(result))
    print_line(console)
    print_rows(console, _sources(result))
    print_rows(console, _run(result))
    print_line(console, f"record  {result.path or 'not recorded (give -o RUN to keep it)'}")
    print_line(console, f"head    {result.head}")


def _print_path(console: Console, points: list[int]) -> None:
    width = min(console.width - 2 * _MARGIN, _SPARK_WIDTH_MAX)
    print_line(console, " " * _MARGIN + sparkline(points, width, bars_for(console)), style="cyan")


def _print_marks(console: Console, result: RunResult) -> None:
    """First, low, high and last of each instrument, the moves against the first below, and the path."""
    for number, listing in enumerate(result.scenario.instruments):
        ticks = result.summary.extremes.get(number)
        if ticks is None:
            print_line(console, f"{listing.name}: no mark")
            continue
        print_table(console, (listing.name, "first", "low", "high", "last"), _marks(ticks, listing))
        _print_path(console, result.summary.marks[number].points)
        print_line(console)


def _marks(ticks: list[int], listing: InstrumentListed) -> list[tuple[str, ...]]:
    moves = [percent(value - ticks[0], ticks[0]) for value in ticks[1:]]
    return [("mark", *(price(value, listing) for value in ticks)), ("move", "", *moves)]


def _cascade(result: RunResult) -> Rows:
    """From the margin calls down to the fund."""
    seen, ended = result.summary.by_type, result.summary.outcomes
    added, reduced = seen["CollateralAdded"], seen["PositionReduced"]
    yield "called", f"{count(seen['MarginCalled'], 'margin call')}, {seen['MarginCallMet']:,} met"
    yield "", f"{_sum(result, 'CollateralAdded')} added in {count(added, 'answer')}"
    yield "", f"{_sum(result, 'PositionReduced')} of positions reduced in {count(reduced, 'answer')}"
    yield "liquidated", f"{seen['LiquidationStarted']:,} started"
    yield "", f"{ended['restored']:,} restored, {ended['closed']:,} closed, {ended['bankrupt']:,} bankrupt"
    yield "", f"{_sum(result, 'LiquidationFilled')} filled in the market"
    yield "taken over", f"{count(seen['PositionTakenOver'], 'position')} worth {_sum(result, 'PositionTakenOver')}"
    yield "", f"{_sum(result, 'InventorySold')} of inventory sold"
    yield from _fund(result)


def _fund(result: RunResult) -> Rows:
    fund = fund_of(result)
    start, low, end = (_money(result, fund[f"{name}_atoms"]) for name in ("start", "low", "end"))
    yield "fund", f"{start} at the start, {_money(result, fund['credited_atoms'])} fees in"
    yield "", f"{_money(result, fund['debited_atoms'])} paid for negative balances"
    yield "", f"{low} at the lowest seen, {end} at the end"


def _deleveraging(result: RunResult) -> Rows:
    """The last resorts."""
    seen = result.summary.by_type
    accounts = count(len(result.summary.deleveraged), "account")
    yield "deleveraged", f"{accounts} in {count(seen['DeleveragingStarted'], 'round')}"
    yield "", f"{_sum(result, 'PositionDeleveraged')} of positions closed"
    yield "socialised", f"{_sum(result, 'LossSocialized')} of loss, {_sum(result, 'BalanceWrittenOff')} written off"
    yield "halted", count(seen["TradingHalted"], "time")


def _sources(result: RunResult) -> Rows:
    for name, layout, _, tally in source_tallies(result):
        yield "source", f"{name} ({layout}): {_tally(tally)}"
        for reason, rows, first in tally.left_out:
            yield "", f"left out {count(rows, 'row')}, the first is row {first:,}: {reason}"


def _tally(tally: SourceTally) -> str:
    merged = f", {tally.merged:,} merged" if tally.merged else ""
    return f"{count(tally.rows, 'row')} read{merged}"


def _run(result: RunResult) -> Rows:
    held = result.scenario.prices == "held"
    yield "prices", "held: forced orders did not move the marks" if held else "endogenous: forced orders moved the marks"
    rate = result.events / result.seconds if result.seconds else 0
    yield "events", f"{result.events:,} in {result.seconds:,.1f} s, {rate:,.0f} a second"
    yield "simulated", duration(result.end_ns - result.start_ns)


def _sum(result: RunResult, name: str) -> str:
    return _money(result, result.summary.sums[name])


def _money(result: RunResult, atoms: int) -> str:
    asset = result.scenario.assets[0]
    return f"{rounded_money(atoms, asset)} {asset.name}"

"""What came of an import, for a person: what was read, what it became, what was left out."""

from __future__ import annotations

from collections.abc import Iterator

from ...sim.console import new_console, print_line, print_rows
from ...sim.figures import count
from ...sim.units import format_time_ns
from .importing import ImportResult

__all__ = ["print_import"]

_MEANS = {
    "TradeExecuted": ("trade", ""),
    "LiquidationFilled": ("liquidation fill", ""),
    "PositionTakenOver": ("takeover", ""),
    "PositionDeleveraged": ("deleveraged position", ""),
    "PositionStated": ("stated position", ""),
    "FillReported": ("reported fill", ""),
    "PriceTicked": ("price", ""),
    "MarkPriced": ("mark", ""),
    "DepthQuoted": ("quote of depth", "quotes of depth"),
    "FundingRateSet": ("funding rate", ""),
}
"""The events that a summary counts in words; all others are in the JSON."""


def print_import(result: ImportResult) -> None:
    """A headline, what was read, what was recorded, and each fault with its first row."""
    console = new_console()
    print_line(
        console, f"{result.run}: {result.format}, {count(result.events, 'event')}, {result.status}", style="bold"
    )
    print_rows(console, _rows(result))
    if result.status == "interrupted":
        print_line(console, "A part of the files only; the same command again begins anew.")
    for fault in result.faults:
        print_rows(console, [("left out", f"{fault.reason}, {count(fault.rows, 'row')}; the first: {fault.message}")])


def _rows(result: ImportResult) -> Iterator[tuple[str, str]]:
    for name, rows in result.sources:
        yield "read", f"{name}, {count(rows, 'row')}"
    yield "from", format_time_ns(result.start_ns)
    yield "to", format_time_ns(result.end_ns)
    counts = dict(result.counts)
    told = [count(counts[kind], *words) for kind, words in _MEANS.items() if counts.get(kind)]
    yield "recorded", ", ".join(told) or "nothing of a market"
    yield "of", f"{count(result.accounts, 'account')}, {count(result.instruments, 'instrument')}"
    yield "noted", ", ".join(f"{reason}: {times:,}" for reason, times in result.noted) or "nothing"
    if counts.get("PositionDeleveraged"):
        yield "claims", f"deleverage verify {result.run} --invariants VENUE says what the reported fills break"
    rate = result.events / max(result.seconds, 1e-9)
    yield "took", f"{result.seconds:.1f} s, {rate:,.0f} events/s"
    yield "head", result.head

"""What came of an import, for a person: what was read, what it became, what was left out."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from ...sim.console import new_console, print_line, print_rows
from ...sim.figures import count
from ...sim.units import format_time_ns
from .importing import ImportResult

__all__ = ["print_faults", "print_import", "result_rows"]

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
    rate = result.events / max(result.seconds, 1e-9)
    took = f"{result.seconds:.1f} s, {rate:,.0f} events/s"
    print_rows(console, [*result_rows(result), ("took", took), ("head", result.head)])
    if result.status == "interrupted":
        print_line(console, "A part of the files only; the same command again begins anew.")
    print_faults(console, result)


def print_faults(console: Console, result: ImportResult) -> None:
    """Each reason for which something was left out, with the first of it."""
    for fault in result.faults:
        print_rows(console, [("left out", f"{fault.reason}, {count(fault.rows, 'row')}; the first: {fault.message}")])


def result_rows(result: ImportResult) -> Iterator[tuple[str, str]]:
    """(name, what is told of it) of what was read and what became of it."""
    for name, rows in result.sources:
        yield "read", f"{name}, {count(rows, 'row')}"
    for one in result.shards:
        yield "shard", f"{one.run}, {count(one.events, 'event')}, {one.events / max(one.seconds, 1e-9):,.0f} events/s"
    yield "from", format_time_ns(result.start_ns)
    yield "to", format_time_ns(result.end_ns)
    counts = dict(result.counts)
    told = [count(counts[kind], *words) for kind, words in _MEANS.items() if counts.get(kind)]
    yield "recorded", ", ".join(told) or "nothing of a market"
    yield "of", f"{count(result.accounts, 'account')}, {count(result.instruments, 'instrument')}"
    yield "noted", ", ".join(f"{reason}: {times:,}" for reason, times in result.noted) or "nothing"
    if counts.get("PositionDeleveraged"):
        yield "claims", f"deleverage verify {result.run} --invariants VENUE says what the reported fills break"

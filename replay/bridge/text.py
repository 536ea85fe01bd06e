"""What a bridge wrote, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Console

from ...sim.console import print_line, print_rows
from ...sim.figures import count
from .bridge import INFERRED, BridgeResult, few

__all__ = ["print_bridge"]


def print_bridge(console: Console, found: BridgeResult) -> None:
    """What is in the scenario, what of it no file states, and how to go on."""
    print_line(
        console, f"{found.scenario}: the rulebook {found.rulebook}, from {found.at} on (after event {found.seq})"
    )
    print_rows(console, _rows(found))


def _rows(found: BridgeResult) -> Iterator[tuple[str, str]]:
    positions = f"{count(found.positions, 'position')} in {few(found.instruments)}"
    yield "accounts", f"{count(found.accounts, 'account')}, {positions}"
    yield "prices", f"{count(found.ticks, 'mark')} of the record, held"
    yield from (("inferred", f"{one.times:,} x {one.what}: {one.rule}") for one in found.taken_in)
    concluded = Counter((one.what, one.rule) for one in found.concluded)
    yield from (("concluded", f"{times:,} x {what}: {rule}") for (what, rule), times in concluded.items())
    yield from (("assumed", f"{one.key} = {one.value}: {one.rule}") for one in found.assumed)
    yield "listed in", INFERRED
    yield "go on", f"deleverage run {found.scenario} -o RUN"

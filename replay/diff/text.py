"""A difference for a person: what the runs are, where they begin to differ, what was forced in each, who gained.

It fits 60 columns with ordinary figures and never shortens one. Amounts are rounded to hundredths, but not those of an
asset that is converted; `--json` and `--csv` have the atoms. Differences are B less A.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console

from ...events.bodies.run import RunForked
from ...sim.console import print_line, print_rows, print_table
from ...sim.figures import count
from ...sim.units import format_time_ns
from ..run import Run
from .accounts_text import print_accounts
from .collateral_text import print_collateral
from .difference import Difference
from .origins_text import print_origins
from .totals_text import print_totals

__all__ = ["print_difference"]

_HEAD_SHOWN = 16

Rows = Iterator[tuple[str, str]]


def print_difference(console: Console, difference: Difference, top: int) -> None:
    """Everything, with `top` origins and `top` accounts on either side."""
    print_rows(console, _runs(difference))
    if difference.same:
        print_line(console, _verdict(difference), style="bold")
        return
    print_rows(console, _beginning(difference))
    print_line(console)
    _print_types(console, difference)
    print_origins(console, difference, top)
    print_totals(console, difference)
    print_collateral(console, difference, top)
    print_accounts(console, difference, top)


def _runs(difference: Difference) -> Rows:
    for name, run in (("A", difference.a), ("B", difference.b)):
        started = run.started
        yield name, str(run.path)
        yield "", f"{started.scenario}, seed {started.seed}, {count(run.count, 'event')}"
        yield "", f"head {run.head[:_HEAD_SHOWN]}"


def _verdict(difference: Difference) -> str:
    if difference.identical:
        return "The same, byte for byte."
    return "The same: nothing differs but numbers that only count, and where inputs were read."


def _beginning(difference: Difference) -> Rows:
    """How far they are the same, and what was set otherwise."""
    shared = difference.shared_events
    yield "shared", f"{count(shared, 'event')}, up to {_time_of(difference.a, shared - 1)}"
    for side, fork in difference.forks:
        told = ", ".join(f"{key} = {value}" for key, value in fork.changes)
        yield "fork", f"{side.upper()} left {_parent(difference, fork)} after {count(fork.at_seq, 'event')}: {told}"
    for rule in difference.rules:
        yield "rule", f"{rule.key}: {_setting(rule.a)} in A, {_setting(rule.b)} in B"


def _parent(difference: Difference, fork: RunForked) -> str:
    heads = {difference.a.head: "A", difference.b.head: "B"}
    return heads.get(fork.parent_head.hex(), "its parent")


def _time_of(run: Run, seq: int) -> str:
    return format_time_ns(run.event(seq).at_ns)


def _setting(value: Any) -> str:
    return "none" if value is None else str(value)


def _print_types(console: Console, difference: Difference) -> None:
    """The types of which any event differs, and all together."""
    rows = [
        (one.type, *(f"{number:,}" for number in (one.same, one.changed, one.only_a, one.only_b)))
        for one in difference.types
        if one.differing
    ]
    sums = [sum(getattr(one, what) for one in difference.types) for what in ("same", "changed", "only_a", "only_b")]
    rows.append(("all types", *(f"{number:,}" for number in sums)))
    print_table(console, ("events", "same", "changed", "only A", "only B"), rows)

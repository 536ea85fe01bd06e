"""Invariants for a person: one row each, and one line of what is broken."""

from __future__ import annotations

from collections.abc import Iterator

from ...sim.figures import count
from .checks import Verification
from .invariants import OneInvariant

__all__ = ["broken_told", "invariant_rows"]


def invariant_rows(found: Verification) -> Iterator[tuple[str, str]]:
    """What became of each; nothing where none is declared and none is asked for."""
    first = "invariants"
    for one in found.invariants:
        yield first, f"{_word(one)}: {one.invariant}, {_told(one)}"
        first = ""


def broken_told(found: Verification) -> str:
    """Which do not hold, and how often, in one line."""
    each = (f'"{one.invariant}" {count(one.broken, "time")}, first in event {one.first_seq}' for one in found.broken)
    return f"what the rulebook claims does not hold: {'; '.join(each)}"


def _word(one: OneInvariant) -> str:
    if one.broken:
        return "BROKEN"
    return "unknown" if one.held == 0 and one.untold else "ok"


def _told(one: OneInvariant) -> str:
    held = "" if one.held is None else f", held {count(one.held, 'time')}"
    untold = f", not to be told {count(one.untold, 'time')}" if one.untold else ""
    if not one.broken:
        return f"never broken{held}{untold}"
    return f"{count(one.broken, 'time')}{held}{untold}, first in event {one.first_seq}: {one.text}"

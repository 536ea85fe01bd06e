"""A split as plain data: the document that `split --json` prints. Its names are stable."""

from __future__ import annotations

from typing import Any

from ...sim.units import format_time_ns
from ..run import Run
from .split import Split, SplitInstrument
from .text import amplification, combination, printed_parts

__all__ = ["split_view"]

Document = dict[str, Any]


def split_view(run: Run, found: Split) -> Document:
    """The whole of it: times in nanoseconds and, beside them, ISO 8601, moves in ticks with their sign."""
    return {
        "run": str(run.path),
        "head": run.head,
        "at": found.at if isinstance(found.at, str) else format_time_ns(found.at),
        "forks": found.forks,
        "switches": [{"name": switch.name, "settings": list(switch.settings)} for switch in found.switches],
        "instruments": [_instrument(found, one) for one in found.instruments],
    }


def _instrument(found: Split, one: SplitInstrument) -> Document:
    """`parts` with the exact numerator, and as they are printed; `combinations` with what is on in each."""
    printed = zip(found.names, one.parts, printed_parts(one), strict=True)
    times = amplification(one)
    return {
        "instrument": one.instrument,
        "name": one.name,
        "first_ticks": one.first_ticks,
        "ticks": one.ticks,
        "moved_ticks": one.moved_ticks,
        "at_ns": one.at_ns,
        "at": format_time_ns(one.at_ns),
        "amplification": None if times is None else {"numerator": times.numerator, "denominator": times.denominator},
        "denominator": one.denominator,
        "parts": [
            {"name": name, "numerator": numerator, "ticks": ticks, "move_bps": moved, "share_bps": share}
            for name, numerator, (ticks, moved, share) in printed
        ],
        "combinations": [
            {"on": combination(found, number), "moved_ticks": ticks} for number, ticks in enumerate(one.values_ticks)
        ],
    }

"""A split as plain data: the document that `split --json` prints. Its names are stable."""

from __future__ import annotations

from typing import Any

import msgspec

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
        "instruments": [_instrument(one) for one in found.instruments],
    }


def _instrument(one: SplitInstrument) -> Document:
    """`parts` with the exact numerator, and as they are printed; `combinations` with what is on in each.

    `contagion` only of an instrument of several venues.
    """
    printed = zip(one.names, one.parts, printed_parts(one), strict=True)
    times = amplification(one)
    contagion = {} if one.contagion is None else {"contagion": msgspec.to_builtins(one.contagion)}
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
        **contagion,
        "combinations": [
            {"on": combination(one, number), "moved_ticks": ticks} for number, ticks in enumerate(one.values_ticks)
        ],
    }

"""What came of a tap, for a person: what was recorded, what was left out, and what its streams do not tell."""

from __future__ import annotations

from ...sim.console import new_console, print_line, print_rows
from ...sim.figures import count
from ..importers.text import print_faults, result_rows
from .tapping import TapResult

__all__ = ["print_tap"]


def print_tap(result: TapResult) -> None:
    """A headline, what was heard and recorded, each fault with its first message, and what is not known."""
    console, recorded = new_console(), result.recorded
    headline = f"{recorded.run}: {recorded.format}, {count(recorded.events, 'event')}, {recorded.status}"
    print_line(console, headline, style="bold")
    line = f"{count(result.connections, 'connection')}, {count(result.repeated, 'repetition')} dropped"
    print_rows(console, [*result_rows(recorded), ("line", line), ("head", recorded.head)])
    print_faults(console, recorded)
    print_rows(console, [("not known", told) for told in result.unknown])

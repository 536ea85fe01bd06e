"""What things are called where a run has several venues: by their name, and behind an @ by the venue's.

"COIN-PERP@alpha", "trader-17@beta", "USDT@alpha", and of who decides "margin@alpha". Where a run has one venue, nothing
is called after it, and the venue of every name is empty.
"""

from __future__ import annotations

__all__ = ["at_venue", "group_of", "plain", "venue_of"]

_AT = "@"


def at_venue(name: str, venue: str) -> str:
    """What something of that name is called at a venue."""
    return f"{name}{_AT}{venue}" if venue else name


def plain(name: str) -> str:
    """The name without the venue."""
    return name.partition(_AT)[0]


def venue_of(name: str) -> str:
    """The venue that a name says; empty where it says none."""
    return name.partition(_AT)[2]


def group_of(name: str) -> str:
    """The group of an account that is called `group`-1, `group`-2, ..., at any venue; empty where it is of none."""
    return plain(name).rpartition("-")[0]

"""What can be switched off in a run, so that what it does to the price shows.

1. Each switch is settings of a fork, `slot.key=value`, that leave everything else as it is: draws are keyed by account,
   so nobody else decides otherwise for it.
2. With all of them off nobody trades on the venue, and what is left is what the price does outside.
3. A switch applies to a run in which its slot is filled; what several venues do to each other will be one more row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ...events.bodies.run import Producer
from ...events.errors import QueryError

__all__ = ["SWITCHES", "SWITCHES_MOST", "Switch", "given_switches", "switches_of"]

SWITCHES_MOST = 6
"""Each doubles the forks."""


class Switch(msgspec.Struct, frozen=True):
    """What a part of the fall is called, and the settings under which that is not there."""

    name: str
    settings: tuple[str, ...]

    @property
    def slots(self) -> set[str]:
        """Who decides otherwise."""
        return {setting.partition(".")[0] for setting in self.settings}


SWITCHES = (
    Switch("liquidations", ("margin.policy=none",)),
    Switch("stops and followers", ("crowd.policy=none",)),
    Switch("withdrawn liquidity", ("makers.withdraws=false",)),
)
"""Margin calls go with the liquidations, dip buyers and runners with the stops and followers: one slot decides each."""


def switches_of(producers: Iterable[Producer]) -> tuple[Switch, ...]:
    """The switches that apply where these decide."""
    filled = {producer.handler for producer in producers}
    return tuple(switch for switch in SWITCHES if switch.slots <= filled)


def given_switches(texts: Sequence[str]) -> tuple[Switch, ...]:
    """`NAME: slot.key=value`, each; those of one name are one switch. Raises QueryError."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, colon, setting = (one.strip() for one in text.partition(":"))
        if not (name and colon and "=" in setting):
            message = (
                f"--switch {text!r}: write it as NAME: slot.key=value, such as 'makers leave: makers.withdraws=false'"
            )
            raise QueryError(message)
        found[name] = (*found.get(name, ()), setting)
    if len(found) > SWITCHES_MOST:
        message = f"{len(found)} switches make {2 ** len(found):,} combinations; give {SWITCHES_MOST} at most"
        raise QueryError(message)
    return tuple(Switch(name, settings) for name, settings in found.items())

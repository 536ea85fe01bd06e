"""What can be switched off in a run, so that what it does to the price shows.

1. Each switch is settings of a fork, `slot.key=value`, that leave everything else as it is: draws are keyed by account,
   so nobody else decides otherwise for it.
2. With all of them off nobody trades on the venue, and what is left is what the price does outside.
3. A switch applies to a run in which its slot is filled.
4. Where a run has several venues, the liquidations of an instrument's own venue are one switch, and those of all the
   other venues together are another: that is contagion. The other switches are of all venues at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ...events.bodies.run import Producer
from ...events.errors import QueryError
from ...events.venue_names import at_venue

__all__ = ["SWITCHES", "SWITCHES_MOST", "Switch", "given_switches", "switches_of"]

SWITCHES_MOST = 6
"""Each doubles the forks."""


class Switch(msgspec.Struct, frozen=True):
    """What a part of the fall is called, and the settings under which that is not there.

    `venues` are the other venues whose liquidations it holds, where it is a switch of contagion.
    """

    name: str
    settings: tuple[str, ...]
    venues: tuple[str, ...] = ()

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


def switches_of(producers: Iterable[Producer], venue: str = "") -> tuple[Switch, ...]:
    """The switches that apply where these decide, for an instrument of a venue where there are several."""
    known = list(producers)
    if not venue:
        filled = {producer.slot for producer in known}
        return tuple(switch for switch in SWITCHES if switch.slots <= filled)
    liquidations, *others = SWITCHES
    liquidating = _filled_at(liquidations, known)
    elsewhere = tuple(one for one in liquidating if one != venue)
    everywhere = {producer.venue for producer in known if producer.venue}
    found = [
        _at(liquidations, [venue] if venue in liquidating else [], f"liquidations at {venue}"),
        _at(liquidations, elsewhere, f"contagion from {', '.join(elsewhere)}", elsewhere),
    ]
    for switch in others:
        filled_at = _filled_at(switch, known)
        found.append(switch if set(filled_at) == everywhere else _at(switch, filled_at, switch.name))
    return tuple(switch for switch in found if switch.settings)


def _filled_at(switch: Switch, producers: Iterable[Producer]) -> list[str]:
    """The venues at which the slot of a switch is filled."""
    return [producer.venue for producer in producers if producer.slot in switch.slots]


def _at(switch: Switch, venues: Iterable[str], name: str, held: tuple[str, ...] = ()) -> Switch:
    """A switch at some of several venues only, under a name of its own."""
    parts = [setting.partition(".") for setting in switch.settings]
    settings = tuple(f"{at_venue(slot, venue)}.{rest}" for venue in venues for slot, _, rest in parts)
    return Switch(name, settings, held)


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

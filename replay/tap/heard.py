"""What a message of a venue says, and what a venue is to a tap."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple, Protocol

from ...events.errors import ScenarioError
from ..importers.feed.items import Item, RowPlace, Traded, VenueMarket

__all__ = ["NOWHERE", "Broken", "Heard", "MarketScale", "Missed", "Rank", "Said", "TimeTold", "Venue", "instant_ns"]

NOWHERE = RowPlace(0, 0, 0)
"""The place of an item until it is written down."""

_MS = 10**6
_TIMES_MS = range(10**12, 10**13)


class Rank(IntEnum):
    """Which goes first of what happened at one instant."""

    MISSED = 0
    MARKED = 1
    TRADED = 2
    FORCED = 3
    BROKEN = 4
    CLOCK = 5


class Missed(NamedTuple):
    """Trades that may be missing before what follows."""

    market: VenueMarket
    told: str


class TimeTold(NamedTuple):
    """Nothing but that the venue's time has come so far."""


class Broken(NamedTuple):
    """A message that cannot be read, or comes too late: for which reason, and what is wrong with it."""

    reason: str
    told: str


class Heard(NamedTuple):
    """One fact. `key` names it among those of its rank: what comes again with the same key is the same.

    `at_ns` is the venue's time; None where a message says none, and then only what it says tells whether it is a
    repetition. `number` is the trade's place in the venue's count, where it counts; `size` what was traded.
    """

    at_ns: int | None
    rank: Rank
    key: tuple[str | int, ...]
    item: Item | Missed | Broken | TimeTold
    number: int | None = None
    size: Decimal | None = None

    @property
    def trade_market(self) -> VenueMarket | None:
        """The market, if this is a trade."""
        return self.item.market if isinstance(self.item, Traded) else None


class MarketScale(NamedTuple):
    """How fine a market's prices and sizes are, where the venue says it."""

    market: VenueMarket
    tick_decimals: int
    lot_decimals: int


Said = Heard | MarketScale


class Venue(Protocol):
    """The messages of one venue."""

    name: str
    url: str
    """Where it publishes its streams."""
    instruments: tuple[str, ...]
    """What is listened to where nobody says it."""
    tells_forced: bool
    """Whether forced orders are published."""
    heartbeat: str | None
    """What is sent into a silence so that the venue keeps the line; None where the protocol's own ping does."""
    unknown: tuple[str, ...]
    """What its streams do not tell, in sentences."""

    def asks(self, instruments: tuple[str, ...]) -> list[str]:
        """What is sent to be told of these instruments. Raises QueryError for a name that cannot be one."""
        ...

    def hears(self, text: str | bytes) -> list[Said]:
        """What a message says; nothing for an acknowledgement.

        Raises QueryError where the venue refuses what was asked, and one of UNREADABLE for what is no such message.
        """
        ...


def instant_ns(milliseconds: int) -> int:
    """A venue's time. Raises ScenarioError for what is no time in milliseconds."""
    if milliseconds not in _TIMES_MS:
        message = f"{milliseconds} is no time in milliseconds"
        raise ScenarioError(message)
    return milliseconds * _MS

"""The kinds of faults that can be planned, each with its own parameters, and the checks of these.

| kind | what does not work | parameters of its own |
|---|---|---|
| `outage` | nothing trades, neither forced orders nor own ones; prices, marks and margin go on | |
| `gateway` | traders' orders reach the market later | `delay_ns`, `orders_per_second`, `group` |
| `oracle-frozen` | the oracle repeats its last price | |
| `oracle-stale` | the oracle's price is renewed only now and then | `interval_ns` |
| `oracle-wrong` | the oracle is wrong | `offset_bps` |
| `manipulation` | an account pushes the price with a budget | `account`, `budget`, `interval_ns`, `side`, `unwinds` |
| `feed-gap` | no price from outside is heard | |
| `bridge-down` | collateral for a margin call does not arrive | |
| `slow-liquidation` | forced orders leave at a finite rate | `orders_per_second` |
| `unresponsive` | a share of the accounts cannot answer calls | `accounts_bps`, `group` |
| `venue-failure` | one of several venues does nothing any more | `venue` |

Each begins `from_ns` after the start of the run, or after the fork that planned it, and lasts `for_ns`; a venue fails
for good where that is left out.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .valuation import BPS

__all__ = ["FAULT_KINDS", "FaultParameters", "PlannedFailure", "PlannedFault", "PlannedManipulation"]

_SECOND_NS = 10**9
_RATE_MOST = 10**6
_OFFSET_MOST_BPS = 100_000


class _Planned(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """When it begins and how long it lasts; `since_seq` is the event that counts from: 0 the start, else a fork."""

    for_ns: int
    from_ns: int = 0
    since_seq: int = 0

    def __post_init__(self) -> None:
        """Refuse times that run backwards."""
        if self.for_ns <= 0 and not self.is_for_good:
            message = f"for_ns must be above 0, not {self.for_ns}; say how long it lasts, such as 5m"
            raise ValueError(message)
        if self.from_ns < 0:
            message = f"from_ns must not be negative, and is {self.from_ns}; say how long after the start it begins"
            raise ValueError(message)
        if not self.since_seq and not self.from_ns:
            message = "from_ns must be above 0: nothing can have failed before the run began"
            raise ValueError(message)
        self.check()

    def check(self) -> None:
        """Refuse figures of the kind's own. Raises ValueError."""

    @property
    def is_for_good(self) -> bool:
        """Whether it never ends, which is said by no length: of a venue's failure only."""
        return False

    @property
    def interval(self) -> int:
        """The time between two orders, attacks or prices, 0 where there is none."""
        rate = getattr(self, "orders_per_second", 0)
        return -(-_SECOND_NS // rate) if rate else getattr(self, "interval_ns", 0)


class _OfInstrument(_Planned, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of one instrument, by name, or of all."""

    instrument: str | None = None


class PlannedOutage(_OfInstrument, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="outage"):
    """The matching engine is down."""


class PlannedGateway(_OfInstrument, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="gateway"):
    """Orders wait `delay_ns`, and behind one another where only `orders_per_second` get through (0: all)."""

    delay_ns: int = 0
    orders_per_second: int = 0
    group: str = ""

    def check(self) -> None:
        """Refuse a gateway that is as fast as ever."""
        if self.delay_ns < 0:
            message = f"delay_ns must not be negative, and is {self.delay_ns}; say how much later orders arrive"
            raise ValueError(message)
        _check_rate(self.orders_per_second, 0)
        if not (self.delay_ns or self.orders_per_second):
            message = "a gateway that is slow needs delay_ns, orders_per_second or both"
            raise ValueError(message)


class PlannedFrozen(_OfInstrument, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="oracle-frozen"):
    """The oracle repeats the price that it had."""


class PlannedStale(_OfInstrument, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="oracle-stale"):
    """The oracle's price is renewed each `interval_ns` only."""

    interval_ns: int

    def check(self) -> None:
        """Refuse an interval that is none."""
        _check_interval(self.interval_ns)


class PlannedWrong(_OfInstrument, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="oracle-wrong"):
    """The oracle is `offset_bps` over the truth; negative: under."""

    offset_bps: int

    def check(self) -> None:
        """Refuse prices that would not be above zero."""
        if not -BPS < self.offset_bps <= _OFFSET_MOST_BPS or not self.offset_bps:
            message = f"offset_bps must lie above -10000, up to {_OFFSET_MOST_BPS}, and not be 0"
            raise ValueError(message)


class PlannedManipulation(_OfInstrument, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="manipulation"):
    """`account` trades `budget_atoms` against the book in equal parts, one each `interval_ns`, and then closes again.

    It keeps what it holds where `unwinds` is false.
    """

    account: str
    budget_atoms: int
    interval_ns: int = _SECOND_NS
    side: Literal["buy", "sell"] = "buy"
    unwinds: bool = True

    def check(self) -> None:
        """Refuse an attack of nothing."""
        _check_interval(self.interval_ns)
        if self.budget_atoms <= 0 or not self.account:
            message = "an actor without capital cannot act: account must be named and budget be above 0"
            raise ValueError(message)


class PlannedGap(_OfInstrument, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="feed-gap"):
    """No price from outside is heard."""


class PlannedBridge(_Planned, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="bridge-down"):
    """Collateral that answers a call waits until the bridge is up again."""


class PlannedSlowness(_OfInstrument, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="slow-liquidation"):
    """Forced orders leave at `orders_per_second`, in the order in which they were decided."""

    orders_per_second: int

    def check(self) -> None:
        """Refuse a rate that is none."""
        _check_rate(self.orders_per_second, 1)


class PlannedSilence(_Planned, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="unresponsive"):
    """Of 10,000 accounts `accounts_bps`, drawn by name, cannot answer calls."""

    accounts_bps: int
    group: str = ""

    def check(self) -> None:
        """Refuse a share that is none."""
        if not 0 < self.accounts_bps <= BPS:
            message = f"accounts_bps must lie above 0, up to 10000, not {self.accounts_bps}"
            raise ValueError(message)


class PlannedFailure(_Planned, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="venue-failure"):
    """The venue does nothing; without `for_ns` (0) for good."""

    for_ns: int = 0
    venue: str

    @property
    def is_for_good(self) -> bool:
        """Without a length."""
        return not self.for_ns


PlannedFault = (
    PlannedOutage
    | PlannedGateway
    | PlannedFrozen
    | PlannedStale
    | PlannedWrong
    | PlannedManipulation
    | PlannedGap
    | PlannedBridge
    | PlannedSlowness
    | PlannedSilence
    | PlannedFailure
)

FAULT_KINDS: dict[str, type[_Planned]] = {str(kind.__struct_config__.tag): kind for kind in PlannedFault.__args__}
"""The kinds by name."""


class FaultParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The faults that are to come, numbered from 1 in this order."""

    planned: tuple[PlannedFault, ...] = ()


def _check_interval(interval_ns: int) -> None:
    if interval_ns <= 0:
        message = f"interval_ns must be above 0, not {interval_ns}"
        raise ValueError(message)


def _check_rate(orders_per_second: int, least: int) -> None:
    if not least <= orders_per_second <= _RATE_MOST:
        message = f"orders_per_second must lie between {least} and {_RATE_MOST}, not {orders_per_second}"
        raise ValueError(message)

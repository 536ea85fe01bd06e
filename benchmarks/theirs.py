"""The `eventsourcing` side of the append contest: the same facts as domain events, put into its event store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from contest import stopwatch
from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import (
    AggregateRecorder,
    DatetimeAsISO,
    DecimalAsStr,
    EventStore,
    JSONTranscoder,
    Mapper,
    UUIDAsHex,
)
from eventsourcing.popo import POPOAggregateRecorder
from eventsourcing.sqlite import SQLiteAggregateRecorder, SQLiteDatastore

__all__ = ["RECORDERS", "put_account", "put_public"]

_AT = datetime(2025, 10, 10, tzinfo=UTC)


@dataclass(frozen=True)
class MarkWasPriced(DomainEvent):
    """`MarkPriced`, as the library has its events."""

    instrument: int
    index_ticks: int
    impact_ticks: int
    mark_ticks: int
    smoothed_microticks: int


@dataclass(frozen=True)
class MarginWasCalled(DomainEvent):
    """`MarginCalled`, as the library has its events."""

    account: int
    equity_atoms: int
    requirement_atoms: int
    warning_bps: int


def _popo() -> AggregateRecorder:
    return POPOAggregateRecorder()


def _sqlite() -> AggregateRecorder:
    recorder = SQLiteAggregateRecorder(SQLiteDatastore(":memory:"))
    recorder.create_table()
    return recorder


RECORDERS: dict[str, Callable[[], AggregateRecorder]] = {"popo": _popo, "sqlite": _sqlite}
"""The library's recorders that keep everything in memory."""


def put_public(recorder: str, events: int, at_once: int) -> float:
    """Seconds an event: one sequence of marks."""
    sequence = UUID(int=1)
    return _put(recorder, events, at_once, lambda n: MarkWasPriced(sequence, n + 1, _AT, 0, n, 0, n, 0))


def put_account(recorder: str, events: int, at_once: int, accounts: int) -> float:
    """Seconds an event: calls of so many accounts in turn, a sequence each."""
    sequences = [UUID(int=number + 1) for number in range(accounts)]

    def make(n: int) -> DomainEvent:
        version, account = divmod(n, accounts)
        return MarginWasCalled(sequences[account], version + 1, _AT, account, n, n + 1, 12_500)

    return _put(recorder, events, at_once, make)


def _put(recorder: str, events: int, at_once: int, make: Callable[[int], DomainEvent]) -> float:
    transcoder = JSONTranscoder()
    for transcoding in (UUIDAsHex(), DecimalAsStr(), DatetimeAsISO()):
        transcoder.register(transcoding)
    store: EventStore[UUID] = EventStore(Mapper(transcoder), RECORDERS[recorder]())

    def work() -> None:
        for first in range(0, events, at_once):
            store.put([make(n) for n in range(first, min(first + at_once, events))])

    return stopwatch(work, events)

"""The way of a tap: from a line to a record.

1. What is recorded follows from what was heard and from the options alone: not from when it came, nor from how often
   the line broke. Of a time when nothing could be heard, gaps tell as far as the venue counts.
2. A tap ends at `until` (the venue's time since the first fact) or when it is asked to stop. Then what is held goes
   out, and the record is sealed as complete.
3. With `stop` a message that cannot be used ends it: the record is sealed as failed and kept, as nobody can hear it
   again.
4. Each page of events is a block of its own, so that `watch` is not far behind.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...events.errors import QueryError, RecordError, ScenarioError
from ...events.record import RecordSettings, RecordWriter
from ...events.regular import must_be_free
from ...sim.sealing import sealing
from ..importers.faults import Faults, OnError
from ..importers.feed.items import VenueMarket
from ..importers.importing import ImportResult, result_of
from ..importers.reading import UNREADABLE
from .backlog import HOLD_NS, Backlog, HeldFact
from .heard import Broken, Heard, MarketScale, Rank, Venue
from .line import Line
from .recording import TapRecord

__all__ = ["TapResult", "TapWanted", "run_tap"]

_UNREADABLE = "unreadable message"
_SHOWN = 80


class TapWanted(NamedTuple):
    """What a tap is asked for; `for_ns` is how long, by the venue's time, None for until it is stopped."""

    venue: Venue
    instruments: tuple[str, ...]
    output: Path
    on_error: OnError = "skip"
    for_ns: int | None = None
    settings: RecordSettings = RecordSettings(pages_per_block=1)


class TapResult(msgspec.Struct, frozen=True):
    """What came of a tap: its record, how often it was connected, what came again, what its streams do not tell."""

    recorded: ImportResult
    connections: int
    repeated: int
    unknown: tuple[str, ...]


class _Tap:
    """One tap under way."""

    def __init__(self, wanted: TapWanted, stack: ExitStack) -> None:
        self._wanted, self._stack = wanted, stack
        self._faults = Faults(wanted.on_error)
        self._backlog = Backlog(self._faults.note)
        self._scales: dict[VenueMarket, MarketScale] = {}
        self.record: TapRecord | None = None
        self.sink: RecordWriter | None = None

    @property
    def repeated(self) -> int:
        """How many facts came again."""
        return self._backlog.repeated

    @property
    def is_over(self) -> bool:
        """Whether all that was wanted has been heard, the hindmost included."""
        end_ns = self._end_ns
        return end_ns is not None and self._backlog.at_ns > end_ns + HOLD_NS

    @property
    def _end_ns(self) -> int | None:
        first_ns, for_ns = self._backlog.first_ns, self._wanted.for_ns
        return None if first_ns is None or for_ns is None else first_ns + for_ns

    def connected_anew(self) -> None:
        """The line broke and is there again."""
        self._backlog.connected_anew()

    def hear(self, message: str | bytes) -> None:
        """Take a message. Raises QueryError where it refuses, RecordError where it stops the tap."""
        try:
            said = self._wanted.venue.hears(message)
        except (*UNREADABLE, RecursionError) as error:
            said = [_broken(message, error)]
        for one in said:
            if isinstance(one, MarketScale):
                self._scales.setdefault(one.market, one)
        self._backlog.hear([one for one in said if isinstance(one, Heard)])
        self._write(self._backlog.ready())

    def finish(self) -> None:
        """Write what is held, and end. Raises QueryError where nothing was heard."""
        self._write(self._backlog.rest())
        if self.record is None:
            message = f"{self._wanted.venue.name}: nothing was heard, and there is no record; look at --instrument"
            raise QueryError(message)
        self.record.session.end((self.record.source,))

    def _write(self, going_out: Iterator[HeldFact]) -> None:
        for held in going_out:
            end_ns = self._end_ns
            if end_ns is not None and held.at_ns > end_ns:
                continue
            record = self.record or self._begun(held.at_ns)
            try:
                record.take(held, self._backlog, self._scales)
            except ScenarioError as error:
                message = f"{self._wanted.output}: {error}; what was heard before it is kept, sealed as failed"
                raise RecordError(message) from error

    def _begun(self, at_ns: int) -> TapRecord:
        wanted, venue = self._wanted, self._wanted.venue
        self.sink = RecordWriter(wanted.output, scenario=f"tap of {venue.name}", seed=0, settings=wanted.settings)
        self._stack.enter_context(sealing(self.sink))
        made_from = (venue.name, wanted.instruments, wanted.on_error, wanted.for_ns)
        self.record = TapRecord(self.sink, self._faults, venue, made_from, at_ns)
        return self.record


def run_tap(wanted: TapWanted, line: Line) -> TapResult:
    """Listen until it is over.

    Raises QueryError for what cannot be listened to, RecordExistsError where the output is there, RecordError for a
    message that stops it, RecordFullError after sealing what there is.
    """
    started = time.perf_counter()
    must_be_free(wanted.output)
    with closing(line.messages()) as messages, ExitStack() as stack:
        tap = _Tap(wanted, stack)
        for message in messages:
            if message is None:
                tap.connected_anew()
            else:
                tap.hear(message)
            if tap.is_over:
                break
        tap.finish()
    assert tap.record is not None
    assert tap.sink is not None
    sources, seconds = (tap.record.source,), time.perf_counter() - started
    recorded = result_of(f"tap of {wanted.venue.name}", sources, tap.sink, tap.record.session, seconds)
    return TapResult(recorded, line.connections, tap.repeated, wanted.venue.unknown)


def _broken(message: str | bytes, error: Exception) -> Heard:
    """A message that is none; the same text again is a repetition."""
    shown = repr(message[:_SHOWN])
    return Heard(None, Rank.BROKEN, (shown,), Broken(_UNREADABLE, f"{shown} is no message of the venue ({error})"))

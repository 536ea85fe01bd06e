"""A record opened for questions: what it is, its events, its state at any point.

1. Whatever is given was held against the head of the record: events by the pages that lead to it; states, causes and
   the events of an account because they are known to follow from those (`docs/record.md`).
2. State is the fold of the events from the first one on, and nothing else; snapshots only save some of the folding.
3. A torn record has no head. It answers up to its last good block; `torn` and `warning` say so.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from ..events.bodies.run import Producer, RunEnded, RunForked, RunStarted
from ..events.envelope import Event
from ..events.errors import QueryError, ScenarioError
from ..events.ledger import Ledger
from ..events.notebook import html_table
from ..events.record import Manifest, RecordReader
from ..events.record.columns import Columns
from ..events.record.files import damaged
from ..events.record.held import check_head, check_manifest, forks_told
from ..events.record.manifest import MANIFEST_NAME
from ..events.record.numbers import cause_before
from ..events.vocabulary import BODY_TYPES, Body, accounts_forced
from ..handlers.plugins.folders import Folders, folders_in
from ..sim.units import format_time_ns
from .directory import Directory, directory_of
from .points import Moment, Point, point_at
from .states import States

if TYPE_CHECKING:
    from ..handlers.plugins.at_hand import Plugins
    from ..handlers.protocol import Handler
    from .history.equity import EquityPath

__all__ = ["Ending", "Run", "held_run", "is_record", "open_run"]

Ending = Literal["complete", "broken off", "torn"]
_DIGITS_SHOWN = 8


class Chosen(TypedDict, total=False):
    """Which rows of a table: those that name an account, between two points."""

    account: int | str | None
    since: Moment | None
    until: Moment | None


class Run:
    """A recorded run. Holds no file open."""

    def __init__(self, reader: RecordReader, plugins: Folders = ()) -> None:
        """Ask questions of what `reader` serves; plug-ins that it names are taken from the folders `plugins`."""
        self.reader = reader
        self.plugin_folders = folders_in(plugins)

    def __repr__(self) -> str:
        """One line: where it is, of what, how long and how it ended."""
        head = "" if self.torn else f", head {self.head[:_DIGITS_SHOWN]}"
        return f"<Run {self.path}: {self.manifest.scenario}, {self.count:,} events, {self._status}{head}>"

    def _repr_html_(self) -> str:
        """The same and when it was, as a small table."""
        rows = [("scenario", self.manifest.scenario), ("events", self.count), ("status", self._status)]
        if self.count:
            rows += [("from", format_time_ns(self.start_ns)), ("to", format_time_ns(self.end_ns))]
        return html_table(f"Run {self.path}", [*rows, ("head", self.sealed_head or "none")])

    @property
    def _status(self) -> str:
        return "torn" if self.torn else self.manifest.status

    def __fspath__(self) -> str:
        """So that a run can be given where the path of its record can."""
        return str(self.path)

    def __reduce__(self) -> tuple[object, ...]:
        """Another process opens it anew, by its path."""
        return open_run, (self.path, self.sealed_head, self.plugin_folders)

    @property
    def reports(self) -> list[str]:
        """What was found damaged beside the record, ignored and made again: a line each."""
        return self.reader.reports

    @property
    def path(self) -> Path:
        """The record's directory."""
        return self.reader.path

    @property
    def manifest(self) -> Manifest:
        """What wrote the record, when, and how it ended."""
        return self.reader.manifest

    @property
    def head(self) -> str:
        """The head in hex: as sealed, or computed from every event of a torn record."""
        return self.reader.head.hex()

    @property
    def sealed_head(self) -> str | None:
        """The head in hex, as sealed; None for a torn record."""
        return None if self.torn else self.head

    @property
    def count(self) -> int:
        """How many events can be read."""
        return self.reader.count

    @property
    def torn(self) -> bool:
        """Whether the record was never sealed, so that only its good blocks are served."""
        return self.reader.torn

    @property
    def warning(self) -> str | None:
        """What a reader of a torn record must be told, in one line; None for a sealed one."""
        return self.reader.warning

    def check_sealed(self) -> None:
        """Raise QueryError for a torn record, from which nothing can be forked."""
        if self.torn:
            message = f"{self.path}: it was never sealed, so it has no head to fork from; `deleverage recover` it first"
            raise QueryError(message)

    @cached_property
    def start_ns(self) -> int:
        """The time of the first event. Raises QueryError where there is none."""
        if not self.count:
            message = f"{self.path}: no event reached the disk, so there is nothing to show"
            raise QueryError(message)
        return self.reader.first_at_ns

    @property
    def end_ns(self) -> int:
        """The time of the last event. Raises QueryError where there is none."""
        return self.reader.last_at_ns if self.count else self.start_ns

    @cached_property
    def kept(self) -> States:
        """The states that are kept beside the record."""
        return States(self.reader)

    @cached_property
    def directory(self) -> Directory:
        """The accounts, instruments and assets that it declares; the first call reads up to the first price."""
        return directory_of(self)

    def events(
        self,
        first_seq: int = 0,
        stop_seq: int | None = None,
        *,
        type: str | type[Body] | Iterable[str | type[Body]] = (),  # noqa: A002 - what an event is called here
        account: int | str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> Iterator[Event]:
        """The events from `first_seq` up to but without `stop_seq`, or to the end. Blocks are decoded on the way.

        Of these only those of a `type` or of several, given by name, that name an `account`, given by name or number,
        and from `since` on up to `until`, included as `span` has it. Raises QueryError for what is not there.
        """
        if type == () and account is None and since is None and until is None:
            return self.reader.events(first_seq, stop_seq)
        from .log.selection import Selection, select, types_named  # noqa: PLC0415 - that reads runs

        first, stop = self.span(since, until)
        span = max(first, first_seq), stop if stop_seq is None else min(stop, stop_seq)
        types = types_named([type] if isinstance(type, str) or not isinstance(type, Iterable) else type)
        return select(self, Selection(*span, types, None if account is None else self.directory.find_account(account)))

    def state(self, time: Moment | None = None, *, account: int | str | None = None) -> dict[str, Any]:
        """The state as plain data, at the end or after a moment: what `state --json` prints (`state/view.py`).

        Of all accounts only the one, where it is given, by name or number. Costs what `at` does, and a ranking of each
        side of each instrument that anybody asks the queue of. Raises QueryError.
        """
        from .state.queues import queues_of  # noqa: PLC0415 - that reads runs
        from .state.view import state_view  # noqa: PLC0415

        ledger = self.at(time)
        shown = None if account is None else ledger.account(account).account
        return state_view(ledger, queues_of(self, ledger), shown)

    def backwards(self, stop_seq: int) -> Iterator[Event]:
        """The events before `stop_seq`, the last one first. Blocks are decoded on the way."""
        return map(self.reader.event, range(stop_seq - 1, -1, -1))

    def event(self, seq: int) -> Event:
        """One event. Raises QueryError if there is none."""
        return self.reader.event(seq)

    def at(self, time: Moment | None = None, *, seq: int | None = None) -> Ledger:
        """The state after the last event at or before a time, or after event `seq`, or at the end.

        Costs the nearest snapshot before it and the events since.

        `time` is a `datetime`, text as `parse_point` takes it, or in nanoseconds since 1970. Raises QueryError where
        there is no such event or the time is before the run.
        """
        if seq is not None and time is not None:
            message = "a state has one point: give seq or time, not both"
            raise QueryError(message)
        if time is not None:
            last = self.last_seq(time)
        else:
            last = self.reader.existing(max(self.count - 1, 0) if seq is None else seq)
        return self.kept.after(last + 1)

    def first_at(self, at_ns: int) -> int:
        """The number of the first event at or after a time, the count if there is none."""
        return self.reader.seq_at_time(at_ns - 1)

    def before(self, seq: int) -> Ledger:
        """The state that event `seq` was decided in or came into: the fold of everything before it."""
        return Ledger() if seq == 0 else self.at(seq=seq - 1)

    def states(self, seqs: Iterable[int], ledger: Ledger | None = None) -> Iterator[Ledger]:
        """The state before each of these events, in rising order: one ledger (`ledger`, if given) that moves on."""
        return self.kept.moving(seqs, ledger)

    def equity(self, account: int | str, *, since: Moment | None = None, until: Moment | None = None) -> EquityPath:
        """Equity and requirement of an account over time (`history/equity.py`). Raises QueryError."""
        from .history.equity import equity_path  # noqa: PLC0415 - that reads runs

        return equity_path(self, account, since=since, until=until)

    def to_arrow(self, table: str, **chosen: Unpack[Chosen]) -> Any:
        """A table of it as a `pyarrow.Table`: a type of event, or of states as they are at the end of the span.

        Amounts, prices and sizes are exact decimals in units, numbers are names. With an `account`, the rows that name
        it. Raises QueryError for what is not there, or where pyarrow is not installed.
        """
        from .tables.frames import arrow_table  # noqa: PLC0415 - that reads runs

        return arrow_table(self, table, **chosen)

    def to_pandas(self, table: str, **chosen: Unpack[Chosen]) -> Any:
        """The same as a pandas DataFrame, its columns backed by Arrow; `chosen` as for `to_arrow`."""
        from .tables.frames import pandas_frame  # noqa: PLC0415 - as above

        return pandas_frame(self.to_arrow(table, **chosen))

    def to_polars(self, table: str, **chosen: Unpack[Chosen]) -> Any:
        """The same as a polars DataFrame."""
        from .tables.frames import polars_frame  # noqa: PLC0415 - as above

        return polars_frame(self.to_arrow(table, **chosen))

    @property
    def columns(self) -> Columns:
        """The columns beside the record: causes, page roots, account postings."""
        return self.reader.columns

    def cause_of(self, seq: int) -> int | None:
        """The event that `seq` followed from; None for an input. No event is decoded."""
        return self.columns.cause_of(self.reader.existing(seq))

    def chain(self, seq: int) -> tuple[int, ...]:
        """The causes of an event, from the input that began it down to the event itself. No event is decoded."""
        return self.columns.chain(self.reader.existing(seq))

    def causes(self, seq: int) -> tuple[Event, ...]:
        """The same as events, from these alone. Raises RecordError where a cause does not come before its event."""
        found = [self.event(seq)]
        while (cause := found[-1].cause) is not None:
            found.append(self.event(cause_before(found[-1].seq, cause, self.path)))
        return tuple(reversed(found))

    def nearest_cause(self, event: Event, kinds: type[Body] | tuple[type[Body], ...]) -> Event | None:
        """The nearest cause of an event that is of one of these types; None without one."""
        while event.cause is not None:
            event = self.event(event.cause)
            if isinstance(event.body, kinds):
                return event
        return None

    def events_naming(self, account: int, first_seq: int = 0, stop_seq: int | None = None) -> Iterator[Event]:
        """The events of a span that name an account, in their order.

        Only blocks that name it are decoded; for an insurance fund none, for its events stand in a column.

        Raises QueryError for a span that begins below 0.
        """
        return self.columns.events_naming(account, first_seq, stop_seq)

    def events_forced(self, account: int) -> Iterator[Event]:
        """What was forced of an account (`FORCED_TYPES`). Only blocks that hold such an event are decoded."""
        for event in self._in(self.columns.spans_forced(account)):
            if account in accounts_forced(event.body):
                yield event

    def _in(self, spans: Iterable[tuple[int, int]]) -> Iterator[Event]:
        return chain.from_iterable(self.events(*span) for span in spans)

    @property
    def imported(self) -> bool:
        """Whether all of it was taken in from a venue's files, so that nothing was decided here."""
        return self.started.prices == "imported"

    @cached_property
    def started(self) -> RunStarted:
        """The first event. Raises QueryError where a record begins with something else."""
        body = self.event(0).body
        if not isinstance(body, RunStarted):
            message = f"{self.path}: its first event is {type(body).__name__}, not RunStarted; it is no whole run"
            raise QueryError(message)
        return body

    @property
    def came_to_its_end(self) -> bool:
        """Whether the last event that can be read ends the run."""
        return self.count > 0 and isinstance(self.event(self.count - 1).body, RunEnded)

    @property
    def ending(self) -> Ending:
        """How the record ends, as far as its events tell."""
        if self.torn:
            return "torn"
        return "complete" if self.came_to_its_end else "broken off"

    @cached_property
    def forks(self) -> tuple[int, ...]:
        """The `RunForked` events: where this run, or a parent of it, left its own parent with something changed.

        Raises RecordDamagedError where the manifest of a sealed record tells of others.
        """
        told = forks_told(self.reader)
        if not self.torn and told != self.columns.forks:
            what = f"it tells of forks at {list(told)}, and RunForked are the events {list(self.columns.forks)}"
            raise damaged(self.path / MANIFEST_NAME, 0, what)
        return told

    def declared_at(self, seq: int) -> int:
        """The event that declares who decides at event `seq`: the start, or the last fork to it that changed them."""
        forks = (fork for fork in reversed(self.forks) if fork <= seq)
        return next((fork for fork in forks if getattr(self.event(fork).body, "producers", ())), 0)

    def producers_at(self, seq: int) -> tuple[Producer, ...]:
        """Who decides at event `seq`."""
        body = self.event(self.declared_at(seq)).body
        return body.producers if isinstance(body, RunForked) else self.started.producers

    @cached_property
    def plugins(self) -> Plugins:
        """The plug-ins that may be executed for this record."""
        from ..handlers.plugins.at_hand import Plugins  # noqa: PLC0415 - as for `build`

        return Plugins(self.plugin_folders)

    def build(self, producer: Producer) -> Handler:
        """A producer's handler. Raises ScenarioError where it is neither builtin nor a plug-in at hand."""
        from ..handlers.registry import build  # noqa: PLC0415 - the handlers are only for whoever asks for one

        return build(producer, self.plugins)

    def take_words_in(self) -> None:
        """Have types of events that plug-ins at hand declare told in their words; others stay as they stand."""
        for producer in {one.handler: one for seq in (0, *self.forks) for one in self.producers_at(seq)}.values():
            with suppress(ScenarioError):
                self.build(producer)

    def hears(self, producer: Producer) -> Collection[type[Body]]:
        """What a producer listens to; everything, where that cannot be told because it is not at hand."""
        try:
            return self.build(producer).subscribes
        except ScenarioError:
            return BODY_TYPES

    def producer_of(self, event: Event) -> Producer | None:
        """Who decided an event; None for an input."""
        return None if event.producer is None else self.producers_at(event.seq)[event.producer]

    def _point(self, moment: Moment) -> Point:
        return point_at(moment, self.start_ns, self.end_ns)

    def last_seq(self, moment: Moment, *, whole: bool = False) -> int:
        """The event that a point names, or the last one at or before it: `whole` for all that it names.

        Raises QueryError.
        """
        point = self._point(moment)
        after_ns = point.span_ns - 1 if whole else 0
        return self.reader.existing(point.value) if point.kind == "seq" else self._last_at(point.value + after_ns)

    def first_seq(self, moment: Moment) -> int:
        """The event that a point names, or the first at or after it, the count if there is none. Raises QueryError."""
        point = self._point(moment)
        return self.reader.existing(point.value) if point.kind == "seq" else self.first_at(point.value)

    def span(self, first: Moment | None, last: Moment | None) -> tuple[int, int]:
        """The first event between two points, all that the last one names included, and the one after it.

        `21:19` as the last point includes that minute, `21:19:00` that second. Raises QueryError.
        """
        first_seq = 0 if first is None else self.first_seq(first)
        stop_seq = self.count if last is None else self.last_seq(last, whole=True) + 1
        if first_seq > stop_seq:
            message = f"{first} comes after {last}; put the earlier point first"
            raise QueryError(message)
        return first_seq, stop_seq

    def _last_at(self, at_ns: int) -> int:
        if at_ns < self.start_ns:
            asked, start = format_time_ns(max(at_ns, 0)), format_time_ns(self.start_ns)
            message = f"{asked} is before the run, which starts at {start}; give a later time"
            raise QueryError(message)
        return self.reader.seq_at_time(at_ns) - 1


def open_run(path: str | os.PathLike[str], head: str | None = None, plugins: Folders = ()) -> Run:
    """Open a record, whose head must be `head`, in hex, if that is given. Some 10 ms, and some microseconds a block.

    Plug-ins that the record names are executed only where they are installed, or lie in one of the folders `plugins`,
    with the recorded content. Raises RecordNotFoundError if there is no record, RecordDamagedError if it is not what
    was written or has another head, QueryError if there is no such folder.
    """
    reader = RecordReader.open(path)
    if head is not None:
        check_head(reader, head)
    return held_run(reader, plugins)


def is_record(path: Path) -> bool:
    """Whether a path leads to what may be a record: a directory or a pack."""
    from ..events.record.packs import is_pack  # noqa: PLC0415 - as in `RecordReader.open`

    return path.is_dir() or is_pack(path)


def held_run(reader: RecordReader, plugins: Folders = ()) -> Run:
    """The run of an opened record, once its manifest is held against the events. Raises RecordDamagedError."""
    check_manifest(reader)
    return Run(reader, plugins)

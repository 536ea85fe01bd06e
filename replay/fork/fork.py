"""A run that leaves its parent: the same past, something changed, the remaining inputs.

1. A fork after `seq` leaves at the first boundary at which event `seq` and all that its decision produced are recorded.
2. With changes its first own event is `RunForked`, then come the inputs that belong to it, then what was undelivered,
   then what is due and the parent's remaining inputs. The child verifies like any run: all of that is in its record.
3. Without changes there is no `RunForked`, and the future is the parent's, byte for byte.
4. On disk the child holds its own events and the few before them in the same page. The rest stays with its parent.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path

import msgspec

from ...events.bodies.listing import ListingBody
from ...events.bodies.run import RunEnded, RunForked, RunStarted
from ...events.envelope import Event, Origin
from ...events.errors import QueryError
from ...events.ledger import Ledger
from ...events.record import EventSink, ForkPoint, HeadOnly, RecordSettings, RecordWriter, SealedStatus, way_to
from ...events.vocabulary import Body
from ...sim.bus import Sink
from ...sim.limits import LimitSettings, admitted, check_timers
from ...sim.pending import Pending, handed_over, maker_of, pending_after
from ...sim.resumption import Resumption
from ...sim.sealing import keep_states, sealing
from ..run import Run
from .changes import Changes

__all__ = ["Fork", "ForkResult", "NoSink", "Progress", "fork"]

Progress = Callable[[int, int], None]
"""Called now and then with (the next event's number, simulated time in ns)."""

_DECLARING = ListingBody | RunStarted | RunEnded | RunForked
_PROGRESS_INPUTS = 64


class ForkResult(msgspec.Struct):
    """What came of a fork: `boundary` is the number of events shared with the parent."""

    path: Path | None
    boundary: int
    status: str
    events: int
    head: str
    ledger: Ledger

    def __repr__(self) -> str:
        """One line: where it is, what it shares, and how it ended."""
        shared = f"{self.events:,} events, {self.boundary:,} of them shared"
        return f"<ForkResult {self.path or 'not kept'}: {shared}, {self.status}, head {self.head[:8]}>"


class NoSink:
    """A sink for the events of a fork that is only watched: it lets go of each."""

    def __init__(self) -> None:
        self.append: Callable[[Event], None] = deque[Event](maxlen=0).append


class Fork:
    """A run taken up at a boundary of another, with changes; drive it into a sink."""

    def __init__(self, run: Run, after_seq: int, changes: Changes = Changes()) -> None:  # noqa: B008 - frozen
        """Work out the boundary and what was under way there.

        Raises QueryError for a point in a past that the run shares with its parent, or an input that cannot be taken
        away; ScenarioError for a setting that cannot be, or a plug-in that decides from here on and is not at hand.
        """
        if run.started.prices == "imported":
            message = f"{run.path} was imported: nobody decided in it, so that nothing can be decided otherwise"
            raise QueryError(message)
        self.run, self.differs = run, False
        self.ledger, self._pending = pending_after(run, after_seq + 1)
        self.boundary = self.ledger.seq
        self._check_place()
        self._check_whole()
        self.changes, self._inputs = Changes(), list[Body]()
        self._left: Iterator[Event] = iter(())
        self._instead: Iterable[Event] | None = None
        self.change(changes)
        for producer in self._pending.producers:
            run.build(producer)

    def change(self, changes: Changes) -> None:
        """Let this be changed at the boundary. Raises as the constructor does.

        What has no settings leaves everybody who decides in place: such changes can still be made when handlers were
        built and primed (`resumption`), as long as nothing was driven.
        """
        if not changes:
            return
        self.changes, self.differs = changes, True
        self._check_open()
        self._check_removed()
        self._apply(self._pending)

    def follow_instead(self, inputs: Iterable[Event]) -> None:
        """Let these come from the boundary on, by their times, in place of the inputs that are left of the record.

        That they are others is said by `Changes.prices`.
        """
        self._instead = inputs

    def _check_place(self) -> None:
        for seq in self.run.forks:
            if seq >= self.boundary:
                message = (
                    f"event {self.boundary - 1} is in the past that {self.run.path} shares with its parent, up to "
                    f"event {seq - 1}; fork the parent there"
                )
                raise QueryError(message)

    def _check_open(self) -> None:
        if self.ledger.ended:
            message = f"the run ended with event {self.boundary - 1}; nothing follows that could be otherwise"
            raise QueryError(message)

    def _check_whole(self) -> None:
        """Where a record breaks off, what the last delivery produced may not all be there, and cannot be left so."""
        count = self.run.count
        if self.boundary < count or self.ledger.ended:
            return
        made_by = maker_of(self.run.event(count - 1))
        if made_by is not None:
            last = next(event.seq for event in self.run.backwards(count) if maker_of(event) != made_by)
            message = (
                f"{self.run.path} breaks off with event {count - 1}, in the middle of what event {made_by[0]} led to; "
                f"fork at event {last} or before"
            )
            raise QueryError(message)

    def _check_removed(self) -> None:
        for seq in self.changes.removed:
            event = self.run.event(seq)
            told = f"event {seq} ({type(event.body).__name__})"
            if event.origin is not Origin.INPUT or isinstance(event.body, _DECLARING):
                message = f"{told} cannot be taken away: it is no input, or everything else rests on it"
                raise QueryError(message)
            if seq < self.boundary:
                message = f"{told} comes before the fork at {self.boundary}; fork before it to take it away"
                raise QueryError(message)

    def _apply(self, pending: Pending) -> None:
        """Put the changed producers in, and work out the inputs that belong to the fork."""
        before = pending.producers
        after = self.changes.producers(before, self.ledger, self.run.plugins)
        changed = [producer for producer in after if producer not in before]
        check_timers(changed, self.ledger.at_ns, self.run.end_ns, LimitSettings(), "make it longer")
        own = self.changes.inputs(self.ledger)
        told = self.changes.described(self.ledger)
        head = bytes.fromhex(self.run.head)
        forked = RunForked(head, self.boundary, told, after if after != before else (), len(own))
        self._inputs = [forked, *own]
        self._pending = Pending(
            after,
            tuple(handed_over(self.run, pending.queue, before, after)),
            tuple(handed_over(self.run, pending.delayed, before, after)),
        )

    def resumption(self, sink: Sink) -> Resumption:
        """Clock, bus and handlers at the boundary, ready for `drive`; taps can be put on its bus."""
        return Resumption(self.run, self.ledger, self._pending, sink)

    def drive(self, resumption: Resumption, *, until_ns: int | None = None, progress: Progress | None = None) -> None:
        """Begin, publish the remaining inputs, and run to the end of the parent, or to the end of an instant."""
        resumption.begin(self._inputs)
        self._left = self._remaining(progress) if self._instead is None else iter(self._instead)
        self.drive_on(resumption, until_ns)

    def drive_on(self, resumption: Resumption, until_ns: int | None = None) -> None:
        """Go on from where it was driven to: to the end of the parent, or to the end of a later instant."""
        publish = resumption.bus.publish_input

        def publish_admitted(body: Body) -> None:
            publish(admitted(self.ledger, body))

        inputs = self._left if until_ns is None else self._up_to(until_ns)
        resumption.follow(inputs, publish_admitted if self.differs else publish)
        if not self.ledger.ended:
            resumption.run_until(self.run.end_ns if until_ns is None else until_ns)

    def _up_to(self, until_ns: int) -> Iterator[Event]:
        """The inputs that are left up to a time; the others stay left."""
        left = self._left
        for event in left:
            if event.at_ns > until_ns:
                self._left = chain((event,), left)
                return
            yield event

    def _remaining(self, progress: Progress | None) -> Iterator[Event]:
        """The parent's inputs from the boundary on, without those taken away."""
        removed = set(self.changes.removed)
        inputs = (event for event in self.run.events(self.boundary) if event.origin is Origin.INPUT)
        for number, event in enumerate(inputs):
            if progress is not None and not number % _PROGRESS_INPUTS:
                progress(self.ledger.seq, event.at_ns)
            if event.seq not in removed:
                yield event


def fork(
    run: Run,
    after_seq: int | str | datetime,
    changes: Changes | Iterable[str] = (),
    output: str | os.PathLike[str] | None = None,
    *,
    settings: RecordSettings | None = None,
    progress: Progress | None = None,
    instead: Iterable[Event] | None = None,
) -> ForkResult:
    """Fork a run after an event, or a point as text or `datetime`, and record the child at `output`, or only hash it.

    Plain texts as `changes` are its settings, such as "adl.policy=pro-rata".
    With inputs `instead` of those that are left these come, by their times, of which there must be an end.

    Raises ScenarioError or QueryError before anything is written, RecordExistsError where `output` is taken, and
    HandlerError or RecordFullError after sealing what there is.
    """
    run.check_sealed()
    after_seq = after_seq if isinstance(after_seq, int) else run.last_seq(after_seq)
    if not isinstance(changes, Changes):
        changes = Changes((changes,) if isinstance(changes, str) else tuple(changes))
    made = Fork(run, after_seq, changes)
    if instead is not None:
        made.follow_instead(instead)
    path = None if output is None else Path(output)
    sink = _sink(made, path, settings)
    with sealing(sink) as ending:
        sink.append_many(run.events(sink.count, made.boundary))
        keep_states(sink, made.ledger)
        made.drive(made.resumption(sink), progress=progress)
        made.ledger.check()
        ending.status = "complete" if made.ledger.ended else _broke_off(run)
    return ForkResult(path, made.boundary, sink.status, sink.count, sink.head.hex(), made.ledger)


def _broke_off(run: Run) -> SealedStatus:
    """How a fork ends that goes no further than its parent, which has no end."""
    status = run.manifest.status
    return status if status in ("failed", "recovered") else "interrupted"


def _sink(made: Fork, path: Path | None, settings: RecordSettings | None) -> EventSink:
    run = made.run
    if path is None:
        return HeadOnly()
    if run.reader.packed_in is not None:
        message = (
            f"{run.reader.packed_in}: a fork shares the past of its record; `unzip` the pack and fork what is in it"
        )
        raise QueryError(message)
    point = ForkPoint(run.head, made.boundary, way_to(run.path, path))
    forks = (*run.forks, made.boundary) if made.changes else run.forks
    return RecordWriter(
        path,
        scenario=run.manifest.scenario,
        seed=run.manifest.seed,
        parent=point,
        forks=forks,
        base=run.reader.progress_at(point.first_seq, run.columns.page_roots),
        settings=settings or RecordSettings(),
    )

"""Records written anew with something changed, so that every hash is right and only the story is another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from deleverage.events.bodies.run import RunEnded
from deleverage.events.bodies.venue import TimerFired
from deleverage.events.envelope import Event
from deleverage.events.record import RecordSettings, RecordWriter, SealedStatus

from .columns import BY_PAGE

__all__ = ["BY_PAGE", "changed", "moved", "renumbered", "with_descendants", "written"]


def written(
    path: Path,
    events: Iterable[Event],
    status: SealedStatus | None = None,
    error: str | None = None,
    settings: RecordSettings = BY_PAGE,
    **about: object,
) -> Path:
    """A sealed record of these events, in blocks of one page: complete if they end, interrupted where they do not."""
    kept = list(events)
    writer = RecordWriter(path, settings=settings, **about)  # type: ignore[arg-type]
    writer.append_many(kept)
    ended = kept and isinstance(kept[-1].body, RunEnded)
    writer.seal(status or ("complete" if ended else "interrupted"), error)
    return path


def changed(events: Sequence[Event], seq: int, **fields: object) -> list[Event]:
    """The events with other fields in the body of one."""
    body = msgspec.structs.replace(events[seq].body, **fields)
    return moved(events, seq, body=body)


def moved(events: Sequence[Event], seq: int, **fields: object) -> list[Event]:
    """The events with other fields in the envelope of one."""
    return [*events[:seq], msgspec.structs.replace(events[seq], **fields), *events[seq + 1 :]]


def with_descendants(events: Sequence[Event], seq: int) -> set[int]:
    """An event and all that followed from it."""
    found = {seq}
    for event in events[seq + 1 :]:
        if event.cause in found:
            found.add(event.seq)
    return found


def renumbered(events: Sequence[Event], dropped: Collection[int] = ()) -> list[Event]:
    """The events in this order without some, under new numbers, each reference with them."""
    left = [event for event in events if event.seq not in dropped]
    numbers = {event.seq: number for number, event in enumerate(left)}
    return [_renumbered(event, numbers) for event in left]


def _renumbered(event: Event, numbers: dict[int, int]) -> Event:
    body = event.body
    if isinstance(body, TimerFired):
        body = msgspec.structs.replace(body, timer=numbers[body.timer])
    return msgspec.structs.replace(
        event,
        seq=numbers[event.seq],
        cause=None if event.cause is None else numbers[event.cause],
        links=tuple(numbers[seq] for seq in event.links if seq in numbers),
        body=body,
    )

"""Appending events, against the `eventsourcing` library.

Ours: the body and its `Event` are made and `RecordWriter.append` takes it, in the default format (msgpack, zstd,
Merkle head, CRC, synced to the disk by interval) in a fresh directory; the seal is timed as well. Theirs
(`theirs.py`): the domain event, a frozen dataclass with the same fields beside the library's own (id, version and
timestamp, prepared beforehand), is made and `EventStore.put` takes it, with the JSON transcoder and its usual
transcodings, no compression and no cipher, into a recorder that keeps everything in memory: plain objects (popo) or
SQLite, whichever is faster. *singly*: one event a `put`, as an application saves them; *at once*: 256 events a `put`,
the best case.

A public event is a `MarkPriced` (theirs: one sequence); one that names an account a `MarginCalled` (theirs: a
sequence for each of 1,000 accounts). A turn is 400,000 of ours, which is long enough to be timed, or 50,000 of
theirs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

from contest import Bar, Contest, Line, Turn, at_least, stopwatch

from deleverage.events.bodies.margin import MarginCalled, MarkPriced
from deleverage.events.envelope import Event, Origin
from deleverage.events.record import RecordWriter
from deleverage.events.vocabulary import Body

try:
    import theirs
except ImportError:
    theirs = None  # type: ignore[assignment]

__all__ = ["append_public", "measure"]

_ACCOUNTS = 1_000
_PUTS = {"at_once": 256, "singly": 1}
_MISSING = "eventsourcing is not installed; pip install 'deleverage[bench]'"


def measure(*, short: bool) -> Iterator[Line]:
    """How many times as long the library takes, for public events and for those that name an account."""
    ours, events = (1_000, 1_000) if short else (400_000, 50_000)
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        paths = (Path(folder) / f"{number}.run" for number in count())
        public = {"ours": lambda: _append(next(paths), ours, _public), **_theirs("put_public", events)}
        named = {"ours": lambda: _append(next(paths), ours, _named), **_theirs("put_account", events, _ACCOUNTS)}
        yield from _lines("public", "name nobody", Contest(public, short=short), at_least(20))
        yield from _lines("account", "name an account", Contest(named, short=short), at_least(6))


def _lines(kind: str, what: str, contest: Contest, bar: Bar) -> Iterator[Line]:
    medians = contest.medians_ns("event")
    for put in _PUTS:
        name, says = (
            f"append.{kind}.{put}",
            f"appending events that {what}, eventsourcing {put.replace('_', ' ')} / ours",
        )
        if theirs is None:
            yield Line(name, says, None, bar=bar, medians=medians, note=_MISSING)
            continue
        fastest = min((f"{recorder} {put}" for recorder in theirs.RECORDERS), key=contest.seconds)
        yield Line(name, says, contest.ratio(fastest, "ours"), bar=bar, medians=medians, note=f"theirs: {fastest}")


def _theirs(function: str, events: int, *more: int) -> dict[str, Turn]:
    if theirs is None:
        return {}
    return {
        f"{recorder} {put}": partial(getattr(theirs, function), recorder, events, at_once, *more)
        for recorder in theirs.RECORDERS
        for put, at_once in _PUTS.items()
    }


def _public(n: int) -> Body:
    return MarkPriced(0, n, 0, n, 0)


def _named(n: int) -> Body:
    return MarginCalled(n % _ACCOUNTS, n, n + 1, 12_500)


def append_public(path: Path, events: int) -> None:
    """A record of so many public events."""
    _write(RecordWriter(path), events, _public)


def _append(path: Path, events: int, make: Callable[[int], Body]) -> float:
    writer = RecordWriter(path)
    return stopwatch(lambda: _write(writer, events, make), events)


def _write(writer: RecordWriter, events: int, make: Callable[[int], Body]) -> None:
    append, decided = writer.append, Origin.DECIDED
    for n in range(events):
        append(Event(n, n, decided, 0, (), 0, make(n)))
    writer.seal()

"""Appending events, against the `eventsourcing` library.

Ours: the body and its `Event` are made and `RecordWriter.append` takes it, in the default format (msgpack, zstd, Merkle head, CRC,
synced to the disk by interval) in a fresh directory; the seal is timed as well. Theirs (`theirs.py`): the domain event, a
frozen dataclass with the same fields beside the library's own (id, version and timestamp, prepared beforehand), is made and
`EventStore.put` takes it, with the JSON transcoder and its usual transcodings, no compression and no cipher, into a recorder
that keeps everything in memory: plain objects (popo) or SQLite. It is put 256 events at once, and one by one. The bar is
held against whichever of those is fastest.

A public event is a `MarkPriced` (theirs: one sequence); one that names an account a `MarginCalled` (theirs: a sequence for each of
1,000 accounts).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

from contest import Contest, Line, Turn, at_least, stopwatch

from deleverage.events.bodies.margin import MarginCalled, MarkPriced
from deleverage.events.envelope import Event, Origin
from deleverage.events.record import RecordWriter
from deleverage.events.vocabulary import Body

try:
    import theirs
except ImportError:
    theirs = None  # type: ignore[assignment]

__all__ = ["measure"]

_ACCOUNTS = 1_000
_AT_ONCE = (256, 1)
_WHAT = "appending events that {}, eventsourcing's fastest way / ours"
_MISSING = "eventsourcing is not installed; pip install 'deleverage[bench]'"


def measure(*, short: bool) -> Iterator[Line]:
    """How many times as long the library takes, for public events and for those that name an account."""
    events = 1_000 if short else 50_000
    with tempfile.TemporaryDirectory(prefix="deleverage-") as folder:
        paths = (Path(folder) / f"{number}.run" for number in count())
        public = {"ours": lambda: _append(next(paths), events, _public), **_theirs("put_public", events)}
        named = {"ours": lambda: _append(next(paths), events, _named), **_theirs("put_account", events, _ACCOUNTS)}
        yield _line("append.public", "name nobody", public, 20, short=short)
        yield _line("append.account", "name an account", named, 6, short=short)


def _line(name: str, what: str, turns: dict[str, Turn], limit: float, *, short: bool) -> Line:
    contest = Contest(turns, short=short)
    medians = contest.medians_ns("event")
    if theirs is None:
        return Line(name, _WHAT.format(what), None, bar=at_least(limit), medians=medians, note=_MISSING)
    fastest = min((way for way in turns if way != "ours"), key=contest.seconds)
    ratio = contest.ratio(fastest, "ours")
    return Line(name, _WHAT.format(what), ratio, bar=at_least(limit), medians=medians, note=f"theirs: {fastest}")


def _theirs(put: str, events: int, *more: int) -> dict[str, Turn]:
    if theirs is None:
        return {}
    return {
        f"{recorder} by {at_once}": partial(getattr(theirs, put), recorder, events, at_once, *more)
        for recorder in theirs.RECORDERS
        for at_once in _AT_ONCE
    }


def _public(n: int) -> Body:
    return MarkPriced(0, n, 0, n, 0)


def _named(n: int) -> Body:
    return MarginCalled(n % _ACCOUNTS, n, n + 1, 12_500)


def _append(path: Path, events: int, make: Callable[[int], Body]) -> float:
    writer = RecordWriter(path)
    decided = Origin.DECIDED

    def work() -> None:
        append = writer.append
        for n in range(events):
            append(Event(n, n, decided, 0, (), 0, make(n)))
        writer.seal()

    return stopwatch(work, events)

"""Rows sorted by time, however many there are: runs that fit into memory go to a temporary file and are merged.

Forced orders that a publisher writes twice, and those that are equal because there were two.

1. Only Binance's own snapshots of forced orders are known to hold every row twice. Of any other file two equal rows are
   two orders.
2. A file holds its rows twice if more than half of its different rows stand an even number of times. Then every second
   one of equal rows is left out and counted, so that a row that stands four times is two orders.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from hashlib import blake2b
from heapq import merge
from tempfile import TemporaryFile
from typing import IO, NamedTuple

import msgspec

__all__ = ["RUN_ROWS", "Timed", "Twins", "in_time"]

RUN_ROWS = 1 << 17
"""So many rows are held at once, about 60 MB."""

_LENGTH_BYTES = 4

_DIGEST_BYTES = 12


class Timed(NamedTuple):
    """A row with its times: `key_ns` is what its file is sorted by. Rows compare by that, then by line."""

    key_ns: int
    line: int
    at_ns: int
    received_ns: int | None
    fields: list[str]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Timed).decode


def in_time(rows: Iterable[Timed], displaced: Callable[[int], object]) -> Iterator[Timed]:
    """The rows by time, equal times as they stood; `displaced` is told how many stood behind a later one."""
    moved = latest_ns = 0
    run: list[Timed] = []
    with ExitStack() as files:
        runs: list[Iterator[Timed]] = []
        for row in rows:
            moved += row.key_ns < latest_ns
            latest_ns = max(latest_ns, row.key_ns)
            run.append(row)
            if len(run) == RUN_ROWS:
                runs.append(_spilled(files.enter_context(TemporaryFile()), sorted(run, key=_key)))
                run = []
        if moved:
            displaced(moved)
        yield from merge(*runs, iter(sorted(run, key=_key)), key=_key)


def _key(row: Timed) -> tuple[int, int]:
    return row.key_ns, row.line


def _spilled(file: IO[bytes], run: Iterable[Timed]) -> Iterator[Timed]:
    """Write a run, and read it back one row after the other."""
    for row in run:
        packed = _encode(row)
        file.write(len(packed).to_bytes(_LENGTH_BYTES, "big"))
        file.write(packed)
    file.seek(0)
    return _read_back(file)


def _read_back(file: IO[bytes]) -> Iterator[Timed]:
    while length := file.read(_LENGTH_BYTES):
        yield _decode(file.read(int.from_bytes(length, "big")))


class Twins:
    """Counts equal rows by file in a first pass, and tells those that are left out in a second."""

    def __init__(self) -> None:
        self._odd: defaultdict[int, set[bytes]] = defaultdict(set)
        """Rows of a file that stood an odd number of times."""
        self._different: Counter[int] = Counter()
        self._seen: defaultdict[int, set[bytes]] = defaultdict(set)

    def count(self, source: int, row: str) -> None:
        """A row was met in the first pass; 12 bytes and a place in a set for each that is different."""
        key, odd = _digest(row), self._odd[source]
        if key in self._seen[source]:
            odd.symmetric_difference_update((key,))
        else:
            self._seen[source].add(key)
            self._different[source] += 1
            odd.add(key)

    def doubles(self, source: int) -> bool:
        """Whether a file holds its rows twice, by the first pass."""
        return 2 * len(self._odd[source]) < self._different[source]

    def begin(self) -> None:
        """The second pass begins."""
        self._seen.clear()

    def is_second(self, source: int, row: str) -> bool:
        """Whether a row is the other half of one that was taken already."""
        if not self.doubles(source):
            return False
        seen, key = self._seen[source], _digest(row)
        if key in seen:
            seen.remove(key)
            return True
        seen.add(key)
        return False


def _digest(row: str) -> bytes:
    return blake2b(row.encode(), digest_size=_DIGEST_BYTES).digest()

"""Rows sorted by time, however many there are: runs that fit into memory go to a temporary file and are merged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from tempfile import TemporaryFile
from typing import IO, NamedTuple

import msgspec

__all__ = ["RUN_ROWS", "Timed", "in_time"]

RUN_ROWS = 1 << 17
"""So many rows are held at once, about 60 MB."""

_LENGTH_BYTES = 4


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

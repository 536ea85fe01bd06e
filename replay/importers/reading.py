"""The files of an import: found, hashed, and read line by line as bytes; `sim/reading` unpacks them.

1. Rows are lines, counted from 1.
2. A line is at most `LINE_BYTES_MOST` long: a block of fills of a whole venue has a tenth of that.
3. A file that ends within a packed stream, or does not unpack, is refused with the line that it was read up to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from ...events.errors import ScenarioError
from ...sim.reading.files import content_sha256, find_data_file
from ...sim.reading.lines import Cut, Watch, read_lines
from ...sim.reading.tally import Tally

__all__ = ["LINE_BYTES_MOST", "UNREADABLE", "SourceFile", "open_sources", "read_all", "read_each", "read_rows"]

Shape = TypeVar("Shape")

LINE_BYTES_MOST = 1 << 26
"""A line that is longer is no line of text: 64 MiB."""

_WHOLE_BYTES_MOST = 1 << 28
"""The most that is held of a file that is read whole."""


UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, msgspec.MsgspecError, ScenarioError)
"""What decoding a line of a file raises, and what is made of its values."""


class SourceFile(NamedTuple):
    """A file to read: its number in the record, its name there, what it holds, its content's hash and its size."""

    number: int
    path: Path
    layout: str
    sha256: bytes
    size_bytes: int


def open_sources(files: tuple[tuple[str, str], ...], *, by_name: bool = False) -> tuple[SourceFile, ...]:
    """Find and hash (name, layout) pairs, numbered in their order; a bare name is sought in DELEVERAGE_DATA as well.

    With `by_name` they are numbered by file name, then by content, whatever the order in which they are given. The same
    content twice is refused, whatever its names. Raises ScenarioError; O(bytes).
    """
    sources: list[SourceFile] = []
    for name, layout in files:
        path = find_data_file(name, "FILES")
        source = SourceFile(len(sources), path, layout, content_sha256(path), path.stat().st_size)
        twin = next((other for other in sources if other.sha256 == source.sha256), None)
        if twin is not None:
            message = f"{path}: it holds the same bytes as {twin.path}; name each file once"
            raise ScenarioError(message)
        sources.append(source)
    if by_name:
        sources.sort(key=lambda source: (source.path.name, source.sha256))
        return tuple(source._replace(number=number) for number, source in enumerate(sources))
    return tuple(sources)


def read_rows(
    source: SourceFile, watch: Watch = lambda _bytes: None, cut: Cut | None = None
) -> Iterator[tuple[int, bytes]]:
    """(row, line without its end) of each line that is not empty.

    Where a file is cut off, damaged or has too long a line, `cut` is told, and what was read so far is all; without it
    that is a ScenarioError.
    """
    for row, line in read_lines(source.path, LINE_BYTES_MOST, watch, cut):
        if line:
            yield row, line


def read_each(
    source: SourceFile,
    tally: Tally,
    rows: Iterable[tuple[int, bytes]],
    read: Callable[[int, bytes], Shape],
    blame: Callable[[str, SourceFile, int, str], object],
    reason: str,
) -> Iterator[tuple[int, Shape]]:
    """(row, what it tells) of each row that can be read; the others are reported with this reason. All are counted."""
    for row, text in rows:
        tally.rows += 1
        try:
            found = read(row, text)
        except UNREADABLE as error:
            blame(reason, source, row, f"the line cannot be read ({error})")
        else:
            yield row, found


def read_all(source: SourceFile, watch: Watch) -> list[tuple[int, bytes]]:
    """The rows of a file that is held in memory. Raises ScenarioError for one that is too large for that."""
    rows, size = list[tuple[int, bytes]](), 0
    for row, line in read_rows(source, watch):
        size += len(line)
        if size > _WHOLE_BYTES_MOST:
            message = f"{source.path}:{row}: it has more than the {_WHOLE_BYTES_MOST:,} bytes that are held; split it"
            raise ScenarioError(message)
        rows.append((row, line))
    return rows

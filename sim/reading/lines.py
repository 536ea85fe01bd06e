"""The lines of a file, however it is packed.

1. A line is at most so many bytes long, which whoever reads says; one that is longer is refused by its number, wherever
   it ends.
2. Memory does not grow with a file: one piece, one line and a decoder's window are held.
3. A link is followed, for whoever named the file meant what it leads to; a pipe, a device or a socket is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path

from ...events.errors import ScenarioError
from ...events.regular import open_regular
from .limits import CutOffError, UnpackingError
from .unpacked import unpacked

__all__ = ["Cut", "Watch", "read_lines"]

Watch = Callable[[int], None]
"""Told now and then how many more bytes of a file, as it is on the disk, were read."""

Cut = Callable[[int, str], None]
"""Told the line in which reading stops, and why."""


def read_lines(
    path: Path, line_bytes_most: int, watch: Watch = lambda _bytes: None, cut: Cut | None = None
) -> Iterator[tuple[int, bytes]]:
    """(number, line without its end) of each line, counted from 1.

    Where a file is cut off, damaged or has too long a line, `cut` is told, and what was read so far is all; without it
    that is a ScenarioError with file and line. What cannot be read at all is one in any case.
    """
    row = 0
    try:
        for lines in _split(_pieces(path, watch), line_bytes_most):
            for line in lines:
                row += 1
                yield row, line
    except CutOffError as error:
        if cut is None:
            raise _stopped(path, row, error) from error
        cut(row + 1, str(error))
    except UnpackingError as error:
        raise _stopped(path, row, error) from error
    except OSError as error:
        told = f"reading stops here ({error.strerror or error}); check the file, the disk and its permissions"
        raise _stopped(path, row, told) from error


def _split(pieces: Iterator[bytes], line_bytes_most: int) -> Iterator[list[bytes]]:
    """The lines that end in each piece, and what is behind the last. Raises CutOffError at one that is too long."""
    size, begun = 0, list[bytes]()
    for piece in pieces:
        begun.append(piece)
        size += len(piece)
        if b"\n" in piece:
            lines = b"".join(begun).split(b"\n")
            begun = [lines.pop()]
            if size > line_bytes_most:
                fitting = list(takewhile(lambda line: len(line) <= line_bytes_most, lines))
                yield fitting
                if len(fitting) < len(lines):
                    raise _too_long(line_bytes_most)
            else:
                yield lines
            size = len(begun[0])
        if size > line_bytes_most:
            raise _too_long(line_bytes_most)
    if size:
        yield [b"".join(begun)]


def _pieces(path: Path, watch: Watch) -> Iterator[bytes]:
    """The content in pieces; `watch` is told of each how far the file was read for it."""
    seen = 0
    with open_regular(path, follow=True) as file:
        for piece in unpacked(file):
            yield piece
            seen, before = file.tell(), seen
            watch(seen - before)
        watch(os.fstat(file.fileno()).st_size - seen)


def _too_long(line_bytes_most: int) -> CutOffError:
    return CutOffError(f"a line of more than {line_bytes_most:,} bytes")


def _stopped(path: Path, lines: int, reason: object) -> ScenarioError:
    """The error for the line behind so many."""
    return ScenarioError(f"{path}:{lines + 1}: {reason}")

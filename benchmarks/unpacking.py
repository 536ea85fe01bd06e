"""Reading a bomb against reading a small file, for every packing: how much memory a process held at most.

A bomb is 256 MB of lines of 64 KiB that are all alike, which pack to between 400 bytes and 1 MB; the small file is one
such line. Each is read to its end by a process of its own, which imports the reader and nothing else. *widest* is a
zstd bomb with the largest window that is taken, *line* one endless line, which an import refuses at its limit: both are
bounded by what they may hold, and have no small file to be held against.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard
from child import python, watch_child
from contest import Line, at_most

from deleverage.events.errors import ScenarioError
from deleverage.sim.reading.lines import read_lines

__all__ = ["measure"]

_LINE = b"x" * 65_535 + b"\n"
_LINES, _LINES_SHORT = 4_096, 64
_LINE_BYTES_MOST = 1 << 26
"""An import's limit, `replay/importers/reading.py`, which is not imported here."""
_WIDEST_LOG = 27

Pack = Callable[[bytes], bytes]


def measure(*, short: bool) -> Iterator[Line]:
    """A ratio for each packing, and two bounds."""
    content = _LINE * (_LINES_SHORT if short else _LINES)
    with tempfile.TemporaryDirectory(prefix="deleverage-") as name:
        folder = Path(name)
        for kind, pack in _packers(folder).items():
            small, bomb = (_peak_bytes(folder, pack(data)) for data in (_LINE, content))
            medians = {"small_mb": round(small / 1e6, 1), "bomb_mb": round(bomb / 1e6, 1)}
            what = f"memory of reading {len(content) / 1e6:,.0f} MB of lines packed by {kind}, times that of one line"
            yield Line(f"unpacking.{kind}", what, bomb / small, bar=at_most(1.5), medians=medians)
        what = "memory of reading a zstd bomb with the largest window that is taken, 128 MiB"
        yield Line("unpacking.widest", what, _peak_bytes(folder, _wide(content)) / 1e6, "MB", at_most(200))
        what = "memory of refusing an endless line of an import, at 64 MiB"
        endless = gzip.compress(bytes(len(content)), 1)
        yield Line("unpacking.line", what, _peak_bytes(folder, endless) / 1e6, "MB", at_most(200))


def _packers(folder: Path) -> dict[str, Pack]:
    packers: dict[str, Pack] = {
        "gzip": gzip.compress,
        "bzip2": bz2.compress,
        "xz": lzma.compress,
        "zstd": zstandard.ZstdCompressor().compress,
        "zip": lambda data: _zipped(folder / "archive", data),
    }
    try:
        import lz4.frame  # noqa: PLC0415 - an extra
    except ImportError:
        return packers
    return packers | {"lz4": lz4.frame.compress}


def _zipped(path: Path, data: bytes) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("fills", data)
    return path.read_bytes()


def _wide(data: bytes) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=_WIDEST_LOG)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(data) + packer.flush()


def _peak_bytes(folder: Path, packed: bytes) -> int:
    path = folder / "packed"
    path.write_bytes(packed)
    return watch_child(python(__file__, str(path))).peak_bytes


def _read(path: Path) -> None:
    try:
        for _ in read_lines(path, _LINE_BYTES_MOST):
            pass
    except ScenarioError as error:
        if "a line of more than" not in str(error):
            raise


if __name__ == "__main__":
    _read(Path(sys.argv[1]))

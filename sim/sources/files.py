"""Finding, hashing and opening the files that sources read. Compression is told by the first bytes, not by the name."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Generator
from hashlib import sha256
from pathlib import Path

from ...events.errors import ScenarioError

__all__ = ["DATA_VARIABLE", "content_sha256", "find_data_file", "read_lines"]

DATA_VARIABLE = "DELEVERAGE_DATA"
"""Names the folder in which bare file names are sought as well."""

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 20


def find_data_file(name: str, where: str, folder: Path | None = None) -> Path:
    """The file that a scenario means by `name`.

    Tried in this order: the path as it is, from the working directory; from the scenario's `folder`; and, for a bare
    name, in the folder that DELEVERAGE_DATA names. `where` is the path of the key, for the error, which says what was
    tried.
    """
    places = [Path(name)]
    if folder is not None:
        places.append(folder / name)
    data = os.environ.get(DATA_VARIABLE)
    if data and Path(name).name == name:
        places.append(Path(data) / name)
    for place in places:
        if place.is_file():
            return place
    folder_named = next((place for place in places if place.is_dir()), None)
    if folder_named is not None:
        message = f"{where}: {name!r} is a directory; name the files in it"
        raise ScenarioError(message)
    tried = ", ".join(str(place) for place in dict.fromkeys(places))
    what_to_do = (
        "give a path that exists" if data else f"give a path that exists, or name its folder in {DATA_VARIABLE}"
    )
    message = f"{where}: there is no file {name!r}, tried {tried}; {what_to_do}"
    raise ScenarioError(message)


def content_sha256(path: Path) -> bytes:
    """SHA-256 of a file's bytes as they are on disk; O(bytes), in constant memory."""
    digest = sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise _unreadable(path, 1, error) from error
    return digest.digest()


def read_lines(path: Path) -> Generator[str, None, None]:
    """The lines of a text file, plain or gzip, without their ends. Bytes that are not UTF-8 become U+FFFD.

    A byte order mark and both kinds of line end are tolerated. Raises ScenarioError with the line where reading stops.
    """
    line_number = 1
    try:
        with _open(path) as stream:
            for line in stream:
                yield line.rstrip("\n")
                line_number += 1
    except (EOFError, OSError, zlib.error) as error:
        raise _unreadable(path, line_number, error) from error


def _open(path: Path) -> io.TextIOWrapper:
    with path.open("rb") as stream:
        packed = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    binary = gzip.GzipFile(path, "rb") if packed else path.open("rb")
    return io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace")


def _unreadable(path: Path, line: int, error: Exception) -> ScenarioError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ScenarioError(f"{path}:{line}: reading stops here ({reason}); fetch the file again or check its permissions")

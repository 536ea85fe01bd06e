"""Finding, hashing and reading the files that sources read; `sim/packing` unpacks them."""

from __future__ import annotations

import os
from collections.abc import Generator
from hashlib import sha256
from pathlib import Path

from ...events.errors import ScenarioError
from ...events.regular import kind_of, open_regular
from .lines import read_raw_lines

__all__ = ["DATA_VARIABLE", "LINE_BYTES_MOST", "content_sha256", "find_data_file", "read_lines"]

DATA_VARIABLE = "DELEVERAGE_DATA"
"""Names the folder in which bare file names are sought as well."""

LINE_BYTES_MOST = 1 << 20
"""A row of market data that is longer is none: 1 MiB."""

_CHUNK_BYTES = 1 << 20
_ADVICE = {"directory": "name the files in it"}
_WRITE_IT_OUT = "files are read more than once, so write what it gives to a file and name that"
_BYTE_ORDER_MARK = "\ufeff"


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
    kinds = {place: kind_of(place) for place in places}
    for place, kind in kinds.items():
        if kind == "file":
            return place
    for place, kind in kinds.items():
        if kind is not None:
            message = f"{where}: {str(place)!r} is a {kind}; {_ADVICE.get(kind, _WRITE_IT_OUT)}"
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
        with open_regular(path, follow=True) as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        message = f"{path}: it cannot be read ({error.strerror or error}); check the file, the disk and its permissions"
        raise ScenarioError(message) from error
    return digest.digest()


def read_lines(path: Path) -> Generator[str, None, None]:
    """The lines of a text file, packed or not, without their ends. Bytes that are not UTF-8 become U+FFFD.

    A byte order mark and both kinds of line end are tolerated. Raises ScenarioError with the line where reading stops.
    """
    for number, line in read_raw_lines(path, LINE_BYTES_MOST):
        text = line.decode("utf-8", "replace").removesuffix("\r")
        yield text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text

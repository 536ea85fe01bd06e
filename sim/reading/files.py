"""Finding and hashing the files that are read."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from ...events.errors import ScenarioError
from ...events.regular import kind_of, open_regular

__all__ = ["DATA_VARIABLE", "content_sha256", "find_data_file"]

DATA_VARIABLE = "DELEVERAGE_DATA"
"""Names the folder in which bare file names are sought as well."""

_CHUNK_BYTES = 1 << 20
_ADVICE = {"directory": "name the files in it"}
_WRITE_IT_OUT = "files are read more than once, so write what it gives to a file and name that"


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

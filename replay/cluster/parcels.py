"""What is sent to another machine: pickled, with the records that it is about named beside it.

1. A record is not sent. What is pickled of it is its path, with the SHA-256 of its manifest: whoever finds that record
   at that path reads it there, and whoever does not asks for it (`errand.py`) and reads it where it then is.
2. That holds of a path as of a `Run`, which is opened anew where it arrives.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from ...events.record.manifest import MANIFEST_NAME
from ...events.regular import read_regular

__all__ = ["Parcel", "RecordAt", "opened", "parcel_of"]

_BYTES_MOST = 1 << 28


class RecordAt(NamedTuple):
    """A record on the machine of whoever asks: its directory there, and the SHA-256 of its manifest."""

    path: str
    manifest_sha256: str

    @staticmethod
    def of(path: Path) -> RecordAt | None:
        """The record in a directory; None where there is none."""
        try:
            manifest = read_regular(path / MANIFEST_NAME, _BYTES_MOST)
        except OSError:
            return None
        return RecordAt(str(path.absolute()), sha256(manifest).hexdigest())

    @property
    def is_here(self) -> bool:
        """Whether this machine has it at that path."""
        return RecordAt.of(Path(self.path)) == self


class Parcel(NamedTuple):
    """Something pickled, and the records that are named in it."""

    data: bytes
    records: tuple[RecordAt, ...]

    @property
    def digest(self) -> str:
        """By which it is known."""
        return sha256(self.data).hexdigest()


def parcel_of(value: Any) -> Parcel:
    """Pickle something."""
    file = BytesIO()
    pickler = _Pickler(file)
    pickler.dump(value)
    return Parcel(file.getvalue(), tuple(pickler.records))


def opened(data: bytes, places: Mapping[RecordAt, str]) -> Any:
    """What was pickled, its records at the directories where they are here. Raises what opening a record does."""
    return _Unpickler(data, places).load()


class _Pickler(pickle.Pickler):
    def __init__(self, file: BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.records: dict[RecordAt, None] = {}

    def persistent_id(self, obj: Any) -> RecordAt | None:
        record = RecordAt.of(obj) if isinstance(obj, Path) else None
        if record is not None:
            self.records[record] = None
        return record and tuple(record)  # type: ignore[return-value]


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, places: Mapping[RecordAt, str]) -> None:
        super().__init__(BytesIO(data))
        self._places = places

    def persistent_load(self, pid: Any) -> Path:
        return Path(self._places[RecordAt(*pid)])

"""What a worker of the cluster runs: it sees to the records, and lets its attendant do the task.

A record that this machine does not have at the path where it was asked about comes as a pack through the cluster's
object store, and is read from this user's folder for what can be made again (`events/record/packs.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from platform import node
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from ...events.errors import QueryError
from ...events.record.fingerprint import code_sha256
from ...events.record.packs import unpacked
from .attendant import Attendant, AttendantLostError, answer_of
from .parcels import Parcel, RecordAt

__all__ = ["Unseen", "errand"]

Packs = Mapping[RecordAt, Any]
"""Where in the object store records are, packed."""


class Unseen(NamedTuple):
    """The answer of whoever does not find records: with their packs it is to be asked again."""

    records: tuple[RecordAt, ...]


def errand(code: str, perform: Parcel, task: Parcel, packs: Packs) -> bytes | Unseen:
    """What came of a task, for `attendant.answer_of`. Raises AttendantLostError where it is to be done again."""
    if code != code_sha256():
        return answer_of(_refuse)
    named = dict.fromkeys((*perform.records, *task.records))
    places = {record: _node.place(record, packs) for record in named}
    unseen = tuple(record for record, place in places.items() if place is None)
    if unseen:
        return Unseen(unseen)
    return _node.answer(perform, task, {record: place for record, place in places.items() if place is not None})


def _refuse() -> None:
    message = f"{node()} of the cluster has other code of deleverage than is asked with; install the same there"
    raise QueryError(message)


class _Node:
    """What this process keeps from one errand to the next."""

    def __init__(self) -> None:
        self._attendant: Attendant | None = None
        self._unpacked: dict[RecordAt, str] = {}

    def place(self, record: RecordAt, packs: Packs) -> str | None:
        """Where a record is on this machine; None where it is not and no pack of it was given."""
        if record.is_here:
            return record.path
        if record not in self._unpacked and record in packs:
            self._unpacked[record] = _unpacked(import_module("ray").get(packs[record]))
        return self._unpacked.get(record)

    def answer(self, perform: Parcel, task: Parcel, places: Mapping[RecordAt, str]) -> bytes:
        """Ask the attendant, which is started with the first errand, and after one that was lost."""
        attendant, self._attendant = self._attendant or Attendant(), None
        try:
            found = attendant.answer(perform, task, places)
        except AttendantLostError:
            raise
        except BaseException:
            attendant.end()
            raise
        self._attendant = attendant
        return found


def _unpacked(pack: bytes) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder, "record.pack")
        path.write_bytes(pack)
        return str(unpacked(path))


_node = _Node()

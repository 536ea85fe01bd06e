"""Taking snapshots on the way: where, how many, whole or as a difference.

1. A snapshot may be taken where a block ends, once there is a price, so that going on from it begins with a block.
2. They are spaced by bytes: all of them together take at most `SHARE_PERCENT` of what the record takes. The first is
   taken once the record is as large as it is, and small ones follow for a part of what the record grows by. If the
   record ends before that is enough for all, those that are too many are deleted again, the last ones first.
3. The first is whole. Others hold what differs from the last whole one, until those differences add up to more than
   it: then the next is whole again, as soon as the record is large enough for that.
4. They are disposable: where the disk does not take one, or a figure is too large for a file, snapshotting stops
   silently; the run is unaffected.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..ledger import Ledger
from ..record import PAGE_EVENTS
from ..regular import open_new
from .snapshot import Parts, Snapshot, name_of, parts_of

__all__ = ["SHARE_PERCENT", "SnapshotKeeper"]

SHARE_PERCENT = 32
"""Of the record's bytes; only how many there are depends on it, nothing that is decided."""

_AHEAD_PERCENT = 8
"""Of what the record grew by since the last whole one: so much may differences take that all could not afford yet."""

_SPACING_BYTES = 1 << 17
_FIRST_DIFFERENCE = 16
"""How much smaller than what it differs from a difference is taken to be before there is one."""

_NEVER = 1 << 63


class SnapshotKeeper:
    """Told of each block that a record has; `ledger` is the state that the record's writer or reader carries on."""

    def __init__(self, directory: Path, ledger: Ledger) -> None:
        self._directory, self._ledger = directory, ledger
        self._base: Parts | None = None
        self._base_seq, self._base_identity = 0, b""
        self._base_bytes = self._difference_bytes = self._based_bytes = 0
        self._spent_bytes = 0
        self._due_bytes = 0
        self.taken: list[int] = []
        self._identities: dict[int, bytes] = {}
        self._sizes: dict[int, int] = {}

    def block_written(self, count: int, stored_bytes: int, head: Callable[[], bytes]) -> None:
        """A block ends after `count` events and `stored_bytes`; `head` gives the record's up to there.

        Mostly nothing is to be done; a snapshot costs some 2 us an account.
        """
        ledger = self._ledger
        begun = ledger.repriced_seq or ledger.imported
        if stored_bytes < self._due_bytes or ledger.seq != count or count % PAGE_EVENTS or not begun:
            return
        whole = self._base is None or self._is_outgrown(stored_bytes)
        try:
            parts = parts_of(ledger)
            payload = parts.payload(None if whole else self._base)
        except OverflowError:
            self._due_bytes = _NEVER
            return
        snapshot = Snapshot(count, 0 if whole else self._base_seq, head(), parts.digest, payload)
        data = snapshot.pack()
        due_bytes = self._affording(len(data), whole=whole)
        if stored_bytes < due_bytes:
            self._due_bytes = due_bytes
            return
        identity = snapshot.identity(b"" if whole else self._base_identity)
        if whole:
            self._base, self._base_seq, self._base_bytes, self._difference_bytes = parts, count, len(data), 0
            self._base_identity, self._based_bytes = identity, stored_bytes
        else:
            self._difference_bytes += len(data)
        next_bytes = len(data) // _FIRST_DIFFERENCE if whole else len(data)
        self._identities[count] = identity
        if self._keep(count, data):
            self._due_bytes = max(stored_bytes + _SPACING_BYTES, self._affording(next_bytes, whole=False))

    def sealed(self, stored_bytes: int) -> list[bytes]:
        """The record ends with so many bytes: let go of snapshots that are too large for it.

        Returns the identities of those that were taken.
        """
        while self.taken and stored_bytes < _affording(self._spent_bytes):
            count = self.taken.pop()
            self._spent_bytes -= self._sizes[count]
            with suppress(OSError):
                (self._directory / name_of(count)).unlink(missing_ok=True)
        return list(self._identities.values())

    def _is_outgrown(self, stored_bytes: int) -> bool:
        """Whether the differences add up to more than their base, and the record is large enough for another."""
        if self._difference_bytes <= self._base_bytes:
            return False
        return stored_bytes >= self._affording(self._base_bytes, whole=True)

    def _affording(self, size_bytes: int, *, whole: bool) -> int:
        """How large the record must be for one more, of so many bytes."""
        if self._base is None:
            return size_bytes
        in_all = _affording(self._spent_bytes + size_bytes)
        if whole:
            return in_all
        ahead = _affording(self._difference_bytes + size_bytes, _AHEAD_PERCENT)
        return min(in_all, self._based_bytes + ahead)

    def _keep(self, count: int, data: bytes) -> bool:
        """Put it beside the record; whether the disk took it."""
        path = self._directory / name_of(count)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")  # two readers may make the same one at once
        try:
            with open_new(temporary) as file:
                file.write(data)
            temporary.replace(path)
        except OSError:
            self._due_bytes = _NEVER
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            return False
        self.taken.append(count)
        self._sizes[count] = len(data)
        self._spent_bytes += len(data)
        return True


def _affording(snapshot_bytes: int, percent: int = SHARE_PERCENT) -> int:
    """How large a record must be for so many bytes of snapshots."""
    return -(-snapshot_bytes * 100 // percent)

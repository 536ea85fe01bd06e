"""Finding the snapshots of a record, and restoring states from them.

1. A snapshot is used only if its hash is its own and the record's head up to there is the one it was taken at. One that
   is not is ignored and reported, and so is whatever rests on it.
2. Files that say they were taken beyond the record (it was torn, and cut) are left out silently.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ..ledger import Ledger
from .snapshot import Snapshot, name_of, read_snapshot, restore

__all__ = ["SnapshotShelf"]

_CACHED = 2
_SUFFIX = ".state.idx"

Heads = Callable[[Iterable[int]], Mapping[int, bytes]]
"""The heads of the record as it was after each of so many events."""


class _Orphaned(ValueError):  # noqa: N818 - it says what a snapshot is, and never leaves this file
    """A snapshot whose base cannot be used, which is what is reported."""


class SnapshotShelf:
    """The snapshots in one directory, for the record with these heads."""

    def __init__(self, directory: Path, count: int, heads: Heads) -> None:
        """List them; none is read yet."""
        self._directory = directory
        self.reports: list[str] = []
        self.seqs = sorted(seq for seq in map(_seq_of, _listed(directory)) if seq is not None and 0 < seq <= count)
        self._heads_of = heads
        self._heads: Mapping[int, bytes] | None = None
        self._cache: OrderedDict[int, Snapshot] = OrderedDict()

    def nearest(self, seq: int) -> Ledger | None:
        """The latest state that is kept of at most `seq` events; None if there is none that can be used."""
        while self.seqs:
            place = bisect_right(self.seqs, seq) - 1
            if place < 0:
                return None
            found = self.seqs[place]
            try:
                return self._restored(found)
            except _Orphaned:  # its base has left the list already
                self.seqs.remove(found)
            except (OSError, ValueError) as error:
                self._ignore(found, error)
        return None

    def digest(self, seq: int) -> str | None:
        """The digest of the state after exactly `seq` events, in hex, if that is kept. The state itself is restored."""
        try:
            return self._digest(seq) if seq in self.seqs else None
        except _Orphaned:
            self.seqs.remove(seq)
        except (OSError, ValueError) as error:
            self._ignore(seq, error)
        return None

    def discard(self) -> None:
        """Delete all of them, as far as the directory can be written; they can be made again."""
        for path in _listed(self._directory):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        self.seqs, self._heads, self._cache = [], None, OrderedDict()

    def _digest(self, seq: int) -> str:
        told = self._read(seq).digest.hex()
        if self._restored(seq).digest() != told:
            message = "it is not the state of its digest"
            raise ValueError(message)
        return told

    def _restored(self, seq: int) -> Ledger:
        snapshot = self._read(seq)
        return restore(snapshot, self._base(snapshot.base_seq) if snapshot.base_seq else None)

    def _base(self, seq: int) -> Ledger:
        """The state that differences are to. Raises _Orphaned where it cannot be used, which is reported once."""
        try:
            return self._restored(seq)
        except (OSError, ValueError) as error:
            if seq in self.seqs:
                self._ignore(seq, error)
            raise _Orphaned from error

    def _read(self, seq: int) -> Snapshot:
        """One of them, from the few that are kept or from the disk, checked."""
        snapshot = self._cache.get(seq)
        if snapshot is None:
            snapshot = read_snapshot(self._directory / name_of(seq))
            if self._heads is None:
                self._heads = self._heads_of(self.seqs)
            if (snapshot.seq, snapshot.head) != (seq, self._heads.get(seq)):
                message = "it is of another record, or of another place in it"
                raise ValueError(message)
            self._cache[seq] = snapshot
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        self._cache.move_to_end(seq)
        return snapshot

    def _ignore(self, seq: int, error: Exception) -> None:
        path = self._directory / name_of(seq)
        self.reports.append(f"{path}: a damaged snapshot ({error}) is ignored")
        self.seqs.remove(seq)


def _listed(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"*{_SUFFIX}"))


def _seq_of(path: Path) -> int | None:
    text = path.name.removesuffix(_SUFFIX)
    seq = int(text) if text.isascii() and text.isdigit() else None
    return seq if seq is not None and path.name == name_of(seq) else None

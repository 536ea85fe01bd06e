"""Finding the snapshots of a record, and restoring states from them.

1. A file whose hash is not its own is ignored and reported, and so is whatever rests on it.
2. A state is given only if it is known to be the record's (events/record/known.py): the fold has come to it once. A
   snapshot of which that is not known is passed over silently, until `hold` is told what the fold comes to there. If it
   is another state, or says that it was taken at another head, it is ignored and reported, too.
3. Files that say they were taken beyond the record (it was torn, and cut) are left out silently.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..ledger import Ledger
from ..record import Known
from .snapshot import Snapshot, name_of, read_snapshot, restore

__all__ = ["SnapshotShelf"]

_CACHED = 2
_ELSEWHERE = "it is of another record, or of another place in it"
_SUFFIX = ".state.idx"

Heads = Callable[[Iterable[int]], Mapping[int, bytes]]
"""The heads of the record as it was after each of so many events."""


_Answer = TypeVar("_Answer")


class _Orphaned(ValueError):  # noqa: N818 - internal signal; not part of the error tree
    """A snapshot whose base cannot be used, which is what is reported."""


class SnapshotShelf:
    """The snapshots in one directory, for the record with these heads; None for one that has none."""

    def __init__(self, directory: Path, count: int, heads: Heads | None, known: Known) -> None:
        self._directory, self._known = directory, known
        self.reports: list[str] = []
        self.seqs = sorted(seq for seq in map(_seq_of, _listed(directory)) if seq is not None and 0 < seq <= count)
        self._heads_of = heads
        self._heads: Mapping[int, bytes] | None = None
        self._cache: OrderedDict[int, Snapshot] = OrderedDict()
        self._identities: dict[int, bytes] = {}
        self._bases: OrderedDict[int, Ledger] = OrderedDict()

    def nearest(self, seq: int, beyond: int = 0) -> Ledger | None:
        """The latest state that is known of at most `seq` events and more than `beyond`; None if there is none."""
        for kept in reversed(self.seqs[bisect_right(self.seqs, beyond) : bisect_right(self.seqs, seq)]):
            if kept in self.seqs and self._is_known(kept):
                ledger = self._usable(kept, lambda kept=kept: self._restored(kept))  # type: ignore[misc]
                if ledger is not None:
                    return ledger
        return None

    def unheld(self, beyond: int, seq: int) -> list[int]:
        """After how many events there are snapshots that are not known, up to `seq` and beyond the other."""
        passed = self.seqs[bisect_right(self.seqs, beyond) : bisect_right(self.seqs, seq)]
        return [kept for kept in passed if not self._is_known(kept)]

    def hold(self, ledger: Ledger) -> None:
        """Hold the snapshot that was taken here against the state that the events fold to: known from then on."""
        if ledger.seq in self.seqs and self._usable(ledger.seq, lambda: self._check(ledger)):
            self._known.add([self._identity(ledger.seq)])

    def digest(self, seq: int) -> str | None:
        """The digest of the state after exactly `seq` events, in hex, as kept, whether it is known or not.

        The state itself is restored.
        """
        return self._usable(seq, lambda: self._digest(seq)) if seq in self.seqs else None

    def note_all(self) -> None:
        """Note all that are left as known: for who has held each of them against the fold."""
        self._known.add(self._identity(seq) for seq in self.seqs)

    def discard(self) -> None:
        """Delete all of them, as far as the directory can be written; they can be made again."""
        for path in _listed(self._directory):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        self.seqs, self._heads, self._identities = [], None, {}
        self._cache.clear()
        self._bases.clear()

    def _usable(self, seq: int, ask: Callable[[], _Answer]) -> _Answer | None:
        """What is asked of a snapshot; None where it cannot be used, which is reported once."""
        try:
            return ask()
        except _Orphaned:
            self.seqs.remove(seq)
        except (OSError, ValueError) as error:
            self._ignore(seq, error)
        return None

    def _is_known(self, seq: int) -> bool:
        identity = self._usable(seq, lambda: self._identity(seq))
        return identity is not None and identity in self._known

    def _identity(self, seq: int) -> bytes:
        identity = self._identities.get(seq)
        if identity is None:
            snapshot = self._read(seq)
            base = self._of_base(snapshot, self._identity) if snapshot.base_seq else b""
            identity = self._identities[seq] = snapshot.identity(base)
        return identity

    def _check(self, ledger: Ledger) -> bool:
        """Raises ValueError where the snapshot is not of this state."""
        if self._digest(ledger.seq) != ledger.digest():
            message = "it is not the state that the events fold to"
            raise ValueError(message)
        return True

    def _digest(self, seq: int) -> str:
        """What a snapshot says of itself, if that is so."""
        snapshot = self._read(seq)
        if self._heads_of is not None:
            if self._heads is None:
                self._heads = self._heads_of(self.seqs)
            if snapshot.head != self._heads.get(seq):
                raise ValueError(_ELSEWHERE)
        if self._restored(seq).digest() != snapshot.digest.hex():
            message = "it is not the state of its digest"
            raise ValueError(message)
        return snapshot.digest.hex()

    def _restored(self, seq: int) -> Ledger:
        snapshot = self._read(seq)
        return restore(snapshot, self._of_base(snapshot, self._base) if snapshot.base_seq else None)

    def _base(self, seq: int) -> Ledger:
        """The state that others differ from, which is given to nobody: its accounts stay packed."""
        base = self._bases.get(seq)
        if base is None:
            base = self._bases[seq] = self._restored(seq)
            if len(self._bases) > _CACHED:
                self._bases.popitem(last=False)
        self._bases.move_to_end(seq)
        return base

    def _of_base(self, snapshot: Snapshot, ask: Callable[[int], _Answer]) -> _Answer:
        """What is asked of the base of a difference. Raises _Orphaned where it cannot be used, reported once."""
        seq = snapshot.base_seq
        try:
            if self._read(seq).base_seq:
                message = "it differs from a base and is one itself"
                raise ValueError(message)  # noqa: TRY301 - it is the base's fault, whoever finds it
            return ask(seq)
        except (OSError, ValueError) as error:
            if seq in self.seqs:
                self._ignore(seq, error)
            raise _Orphaned from error

    def _read(self, seq: int) -> Snapshot:
        """One of them, from the few that are kept or from the disk, checked."""
        snapshot = self._cache.get(seq)
        if snapshot is None:
            snapshot = read_snapshot(self._directory / name_of(seq))
            if snapshot.seq != seq:
                raise ValueError(_ELSEWHERE)
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

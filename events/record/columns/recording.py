"""Writing the columns beside a record that is being written.

Rules:
1. No trouble with a column reaches the record: one that the disk does not take is given up and its file deleted.
2. A block's part is written once the block counts, at the offset where the part before ended; it counts from the one
   step in which `_stored` is replaced. So an interrupt between any two leaves nothing that is not written again.
3. The trailers come after the record's seal, so that they take none of the room that is kept for it. Nothing is forced
   to the disk: whoever reads a column checks it.
4. Of each file the SHA-256 that it must have is told at the end, so that it can be known again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import google_crc32c

from ...envelope import Event
from ...regular import new_file
from ..files import write_at
from ..pages import ClosedPage, Progress
from .column import Column
from .facts import PageFacts, facts_of
from .kinds import KINDS
from .layout import pack_header, pack_trailer

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

__all__ = ["ColumnRecorder"]


class _End(NamedTuple):
    """Where a file ends, and the checksums of it."""

    size_bytes: int = 0
    crc32c: int = 0
    hashed: Hash = sha256()

    def after(self, data: bytes) -> _End:
        """The end after more bytes."""
        hashed = self.hashed.copy()
        hashed.update(data)
        return _End(self.size_bytes + len(data), google_crc32c.extend(self.crc32c, data), hashed)


class _Stored(NamedTuple):
    """The columns as far as they are in their files; those that were given up are missing. None before the first."""

    stop_seq: int = 0
    ends: Mapping[type[Column], _End] | None = None


class ColumnRecorder:
    """The columns of a record that is being written into `directory`. Never raises OSError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._noted: dict[int, PageFacts] = {}
        self._funds = set[int]()
        self._stored = _Stored()
        self._files: dict[type[Column], FileIO] = {}

    def note(self, page: ClosedPage, events: Sequence[Event]) -> None:
        """Remember a page until its block counts. Noting it again changes nothing."""
        self.note_facts(facts_of(events, page.root, page.kinds, self._funds))

    def note_facts(self, facts: PageFacts) -> None:
        """Remember what is to be kept of a page."""
        self._noted[facts.first_seq] = facts

    def follow(self, stop_seq: int) -> None:
        """Write what was noted before `stop_seq`, where the last block that counts ends; call it once a block or more.

        Cost: some 60 us a block of 16 pages, most of it the system taking the bytes.
        """
        pages = [page for seq, page in self._noted.items() if self._stored.stop_seq <= seq < stop_seq]
        if pages:
            ends = self._begun(pages[0].first_seq) if self._stored.ends is None else self._stored.ends
            grown = {kind: self._grown(kind, end, pages) for kind, end in ends.items()}
            self._stored = _Stored(stop_seq, {kind: end for kind, end in grown.items() if end})
        self._noted = {seq: page for seq, page in self._noted.items() if seq >= stop_seq}

    def finish(self, progress: Progress) -> list[bytes]:
        """Say in each file that it is whole for a record that was sealed so, and return what each hashes to."""
        self.follow(progress.count)
        digests = []
        for kind, end in (self._stored.ends or {}).items():
            trailer = pack_trailer(progress.count, progress.head, end.crc32c)
            digests.append(end.after(trailer).hashed.digest())
            self._put(kind, end, trailer)
        for file in self._files.values():
            with suppress(OSError):
                file.close()
        return digests

    def _begun(self, first_seq: int) -> Mapping[type[Column], _End]:
        """The columns' files with their headers."""
        begun = {kind: self._put(kind, _End(), pack_header(kind.magic, first_seq)) for kind in KINDS}
        return {kind: end for kind, end in begun.items() if end}

    def _grown(self, kind: type[Column], end: _End, pages: Sequence[PageFacts]) -> _End | None:
        """A file with one more block; None if the column cannot hold it."""
        try:
            data = kind.pack(pages)
        except OverflowError:
            self._give_up(kind)
            return None
        return self._put(kind, end, data)

    def _put(self, kind: type[Column], end: _End, data: bytes) -> _End | None:
        """Write at the end of a file; None if the disk does not take it."""
        try:
            if kind not in self._files:
                self._files[kind] = new_file(self._directory / kind.name)
            if self._files[kind].closed:
                return None  # given up or finished, and then an interrupt came
            write_at(self._files[kind].fileno(), data, end.size_bytes)
        except OSError:
            self._give_up(kind)
            return None
        return end.after(data)

    def _give_up(self, kind: type[Column]) -> None:
        """Delete a column's file, as far as the disk lets us."""
        with suppress(OSError):
            if kind in self._files:
                self._files[kind].close()
        with suppress(OSError):
            (self._directory / kind.name).unlink(missing_ok=True)

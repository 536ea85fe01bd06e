"""Writing a record: pages become blocks, blocks go to segment files, sealing says how far it came.

Theory of operation: `append` collects (sink.py); each 256th event closes a page (pages.py), which waits encoded until a
block is full; a block is packed (blocks.py) and written (segments.py). The record has come as far as its last written
block: `Stored` says how far that is, with the head up to there, and is replaced in one step.

Rules:
1. manifest.json says "recording" from before the first event until the record is sealed. A process that dies leaves a
   torn record, which is readable up to its last good block. What is certain then is in `docs/record.md`.
2. A file of zeros keeps room for sealing. Where the disk takes no more, the record is cut to its last good block, that
   room is let go of, the record is sealed as "failed", and RecordFullError says so.
3. One writer at a time: the directory is locked for as long as the process lives or until the record is sealed.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn, Protocol

import msgspec

from ..bodies.run import RunEnded, RunStarted
from ..envelope import Event
from ..errors import RecordError, RecordExistsError, RecordFullError
from .blocks import BlockPacker
from .columns.facts import PageFacts
from .columns.recording import ColumnRecorder
from .disk import DISK, Disk
from .files import exclusive
from .known import Known, past_digest
from .manifest import (
    RESERVE_NAME,
    ForkPoint,
    Manifest,
    SealedStatus,
    is_never_begun,
    manifest_digest,
    new_manifest,
    utc_now,
    write_manifest,
)
from .pages import PAGE_EVENTS, ClosedPage, Progress
from .segments import SegmentFiles, Stored
from .settings import RecordSettings
from .sink import PageSink

__all__ = ["Companion", "RecordWriter", "sealed_manifest"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def sealed_manifest(manifest: Manifest, stored: Stored, status: SealedStatus, error: str | None) -> Manifest:
    """The manifest of a record that ends here. What it says of the run is what the run's first event says."""
    progress = stored.progress
    first = None if progress.first is None else progress.first.body
    return msgspec.structs.replace(
        manifest,
        scenario=first.scenario if isinstance(first, RunStarted) else manifest.scenario,
        seed=first.seed if isinstance(first, RunStarted) else manifest.seed,
        status=status,
        error=error,
        sealed=utc_now(),
        count=progress.count,
        head=progress.head.hex(),
        first_at_ns=progress.first.at_ns if progress.first else None,
        last_at_ns=progress.last.at_ns if progress.last else None,
        blocks=sum(figures.blocks for figures in stored.segments),
        segments=stored.segments,
        forks=tuple(seq for seq in manifest.forks if seq < progress.count),
    )


class Companion(Protocol):
    """Who keeps something beside a record, and is told how far it has come."""

    def block_written(self, count: int, stored_bytes: int, head: Callable[[], bytes], /) -> None:
        """A block ends after so many events and bytes; `head` gives the record's head there."""

    def sealed(self, stored_bytes: int, /) -> Iterable[bytes]:
        """The record ends with so many bytes; returns what is kept beside it, by what it hashes to."""


class RecordWriter(PageSink):
    """A record that is being written into a new directory.

    `scenario`, `seed`, `parent` and `forks` are facts for the manifest. A fork goes on from `base`, its parent's
    progress at the end of a page; without one a record begins at event 0. That there is a record is certain when this
    returns. Raises RecordExistsError if the directory exists, RecordFullError if there is no room to begin, RecordError
    if it cannot be created.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        settings: RecordSettings | None = None,
        scenario: str = "",
        seed: int | None = None,
        parent: ForkPoint | None = None,
        forks: tuple[int, ...] = (),
        base: Progress | None = None,
        disk: Disk = DISK,
    ) -> None:
        super().__init__()
        self.path = Path(path)
        self._settings = settings or RecordSettings()
        self._manifest = new_manifest(self._settings, scenario, seed, parent, forks)
        self._packer = BlockPacker(self._settings)
        self._disk = disk
        self._segments = SegmentFiles(self.path, self._settings, base, disk)
        self._columns = ColumnRecorder(self.path)
        self._pending: list[ClosedPage] = []
        self.companion: Companion | None = None
        self._lock = ExitStack()
        self._create()

    @property
    def manifest(self) -> Manifest:
        """The manifest as it is on the disk."""
        return self._manifest

    @property
    def _progress(self) -> Progress:
        return self._pending[-1].progress if self._pending else self._segments.stored.progress

    def _create(self) -> None:
        try:
            self._disk.make_directory(self.path)
        except FileExistsError:
            self._check_never_begun()
        except (OSError, ValueError) as error:
            raise _refusal(error, f"{self.path}: it cannot be created") from error
        try:
            self._lock.enter_context(exclusive(self.path))
            self._disk.allocate(self.path / RESERVE_NAME, self._settings.reserve_bytes)
            write_manifest(self.path, self._manifest, self._disk)
        except OSError as error:
            self._lock.close()
            shutil.rmtree(self.path, ignore_errors=True)
            raise _refusal(error, f"{self.path}: the record cannot be begun") from error

    def _check_never_begun(self) -> None:
        """Let a directory pass that a writer made and left before it wrote anything. Raises RecordExistsError."""
        if not is_never_begun(self.path):
            message = f"{self.path}: it exists already, and a record is never written over; give another name"
            raise RecordExistsError(message)

    def _take(self, page: ClosedPage, events: Sequence[Event]) -> None:
        self._columns.note(page, events)
        self._keep(page)

    def _take_ticks(self, page: ClosedPage, facts: PageFacts) -> None:
        self._columns.note_facts(facts)
        self._keep(page)

    def _keep(self, page: ClosedPage) -> None:
        self._pending.append(page)
        settings = self._settings
        if len(self._pending) >= settings.pages_per_block or self._pending_bytes() >= settings.block_bytes:
            self._write_block()

    def unwatched(self, page_bytes_most: int) -> int:
        """Up to the end of a block, of which the companion is told after the last of them."""
        if self.companion is None:
            return super().unwatched(page_bytes_most)
        settings = self._settings
        pages = settings.pages_per_block - len(self._pending)
        pages = min(pages, (settings.block_bytes - self._pending_bytes()) // page_bytes_most)
        return pages * PAGE_EVENTS - len(self._page)

    def _pending_bytes(self) -> int:
        return sum([len(page.data) for page in self._pending])

    def _write_block(self) -> None:
        """Put what is pending into one block, without pages that were stored when an interrupt came."""
        stored_count = self._segments.stored.progress.count
        self._columns.follow(stored_count)
        pages = [page for page in self._pending if page.first.seq >= stored_count]
        if pages:
            try:
                self._segments.write_block(self._packer.pack(pages), pages[-1].progress)
            except OSError as error:
                self._fail(error)
            self._tell_of_block()
        self._pending = []

    def _tell_of_block(self) -> None:
        if self.companion is not None:
            progress = self._segments.stored.progress
            self.companion.block_written(progress.count, self._stored_bytes(), lambda: progress.head)

    def _stored_bytes(self) -> int:
        return sum(figures.size_bytes for figures in self._segments.stored.segments)

    def _finish(self, status: SealedStatus, error: str | None) -> None:
        self._write_block()
        try:
            self._seal(status, error)
        except OSError as failure:
            self._status, self._room = "failed", 0
            raise _refusal(failure, f"{self.path}: it cannot be sealed; {self._advice()}") from failure

    def _fail(self, error: OSError) -> NoReturn:
        """Cut back to the last good block and seal there; then say so."""
        self._page, self._pending, self._room, self._status = [], [], 0, "failed"
        count = self._segments.stored.progress.count
        where = f"{self._segments.path}: the disk took {count} events and then no more"
        try:
            self._seal("failed", f"{where} ({error.strerror})")
        except OSError as second:
            raise _refusal(error, f"{where}, not even a seal ({second.strerror}); {self._advice()}") from error
        raise _refusal(error, f"{where}; sealed as failed up to there, make room and run it again") from error

    def _seal(self, status: SealedStatus, error: str | None) -> None:
        self._segments.close()
        self._disk.remove(self.path / RESERVE_NAME)
        self._manifest = sealed_manifest(self._manifest, self._segments.stored, status, error)
        write_manifest(self.path, self._manifest, self._disk)
        self._note_as_known()
        self._lock.close()

    def _note_as_known(self) -> None:
        """What was written here need not be held against the head again, as long as it stays as it is."""
        progress, parent = self._segments.stored.progress, self._manifest.parent
        digests = [*self._segments.digests, *self._columns.finish(progress)]
        if self.companion is not None:
            digests += self.companion.sealed(self._stored_bytes())
        if parent is not None and parent.first_seq:
            digests.append(past_digest(bytes.fromhex(parent.head), parent.first_seq))
        if self._status_is_true():
            digests.append(manifest_digest(self._manifest))
        Known(progress.head).add(digests)

    def _status_is_true(self) -> bool:
        """Whether the run ended, if that is said of it."""
        last = self._segments.stored.progress.last
        return self._manifest.status != "complete" or (last is not None and isinstance(last.body, RunEnded))

    def _advice(self) -> str:
        return f"make room, then `deleverage recover {self.path}`"


def _refusal(error: OSError | ValueError, what: str) -> RecordError:
    """The disk's refusal in our words; a ValueError is its refusal of a name."""
    if not isinstance(error, OSError):
        return RecordError(f"{what} ({error})")
    kind = RecordFullError if error.errno in _FULL else RecordError
    return kind(f"{what} ({error.strerror})")

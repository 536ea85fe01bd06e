"""Reading a record: by its headers first, a block's events only when they are asked for.

Rules:
1. Reading never writes into a segment or a manifest.
2. A block is used only after its CRC, its length and its sequence numbers are found right; a wrong one is refused with
   file and offset, never skipped.
3. A torn record (never sealed) is served up to its last good block, and says so: `torn` and `warning`.
4. A sealed record must be as long as its manifest says, or it is not opened. An event of it is given only once it was
   held against the head: its block is known (`known.py`), or its page has the root that leads to the head.
5. A fork's files begin at `first_seq`; what is before is read from its parent (`ancestry.py`), once the pages that they
   share lead to the fork's own head. Whoever asks need not know: events, times and pages are of the whole run. `blocks`
   and `files` are the record's own.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path

import msgspec

from ..envelope import Event
from ..errors import QueryError, RecordNotFoundError
from ..regular import kind_of
from .ancestry import check_parent, parent_directory
from .blocks import BLOCK_HEADER_BYTES, block_is_intact, block_pages, block_payload
from .columns.opened import Columns
from .decoded import DecodedBlock, Stretch
from .files import damaged, readable, refuse_irregular
from .known import Known, past_digest
from .manifest import Manifest, RunStatus, read_manifest
from .merkle import Frontier, leaf_hash
from .numbers import existing_seq
from .opening import check_sizes, check_totals
from .pages import PAGE_EVENTS, Progress, page_root
from .scan import BlockEntry, Scan, SegmentFile, read_block, scan_blocks, segment_files

__all__ = ["RecordReader"]

_CACHED_BLOCKS = 4
"""So many decoded blocks are kept, unless whoever reads asks for more (`cached_blocks`)."""


class RecordReader:
    """A record on disk, opened for reading. Holds no file open, and a few decoded blocks in memory."""

    def __init__(
        self, path: Path, manifest: Manifest, files: list[SegmentFile], scan: Scan, parent: RecordReader | None = None
    ) -> None:
        self.path = path
        self.manifest = manifest
        self.parent = parent
        self.first_seq = 0 if parent is None or manifest.parent is None else manifest.parent.first_seq
        self.files = files
        self.blocks: list[BlockEntry] = scan.entries
        self.fault, self.behind = scan.fault, scan.behind
        self.known = Known(bytes.fromhex(manifest.head) if manifest.head else None)
        self.reports: list[str] = [] if parent is None else parent.reports
        """What was found damaged beside it or beside its parents, ignored and made again: a line each."""
        self.cached_blocks = _CACHED_BLOCKS
        self.packed_in: Path | None = None
        """The pack that it was taken from, if it was; `path` is then where the reader keeps it."""
        self._first_seqs = [entry.header.first_seq for entry in scan.entries]
        self._last_at_ns = [entry.header.last_at_ns for entry in scan.entries]
        self._digests: dict[int, bytes] = {}
        self._cache: OrderedDict[int, DecodedBlock] = OrderedDict()

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RecordReader:
        """Open a record, or the one in a pack. Some 4 us a block; no event is decoded.

        One that was never sealed is read whole. Raises RecordNotFoundError if there is none (or, for a fork, no parent
        where it should be) or a later version wrote it, RecordDamagedError if it is not what was written.
        """
        path = Path(path)
        if kind_of(path) != "file":
            return cls._open(path, ())
        from .packs import is_pack, unpacked  # noqa: PLC0415 - zip files are only for who has one

        if not is_pack(path):
            return cls._open(path, ())
        reader = cls._open(unpacked(path), ())
        reader.packed_in = path
        return reader

    @classmethod
    def _open(cls, directory: Path, children: tuple[Path, ...]) -> RecordReader:
        """The record in a directory, and its parents; `children` are those that led here."""
        refuse_irregular(directory)
        manifest = read_manifest(directory)
        fork = manifest.parent
        parent = None
        if fork is not None and fork.first_seq:
            parent = cls._open(parent_directory(directory, fork, children), (*children, directory))
            check_parent(directory, fork, parent.manifest)
        sealed = manifest.status != "recording"
        with readable(directory):
            files = segment_files(directory)
            if sealed:
                check_sizes(directory, manifest, files)
            scan = scan_blocks(files, sealed=sealed, first_seq=0 if fork is None else fork.first_seq)
        reader = cls(directory, manifest, files, scan, parent)
        if sealed:
            found = (len(reader.blocks), reader.count, reader.first_at_ns, reader.last_at_ns) if reader.count else None
            check_totals(directory, manifest, files, reader.blocks, found or (0, 0, None, None))
        return reader

    @property
    def status(self) -> RunStatus:
        """How the record was sealed; "recording" if it never was."""
        return self.manifest.status

    @property
    def torn(self) -> bool:
        """Whether the record was never sealed, so that only what reached the disk whole is served."""
        return self.status == "recording"

    @property
    def warning(self) -> str | None:
        """What a reader of a torn record must be told, in one line. None for a sealed one."""
        if not self.torn:
            return None
        end = f"; {self.fault.path}: offset {self.fault.offset}: {self.fault.reason}" if self.fault else ""
        lost = f"; not served: {self.behind}" if self.behind.size_bytes else ""
        return (
            f"{self.path}: torn, it was never sealed{end}{lost}; its first {self.count} events are served, "
            f"`deleverage recover {self.path}` cuts and seals it"
        )

    @property
    def count(self) -> int:
        """How many events can be read, those of a fork's parent included."""
        return self.blocks[-1].header.stop_seq if self.blocks else self.first_seq

    @property
    def first_at_ns(self) -> int:
        """The time of the run's first event. Raises IndexError where there is none."""
        return self.blocks[0].header.first_at_ns if self.parent is None else self.parent.first_at_ns

    @property
    def last_at_ns(self) -> int:
        """The time of the last event. Raises IndexError where there is none."""
        if self.blocks or self.past is None:
            return self.blocks[-1].header.last_at_ns
        return self.past.event(self.first_seq - 1).at_ns

    @property
    def lineage(self) -> list[RecordReader]:
        """The records that this one is made of, the oldest first, itself last."""
        return [self] if self.parent is None else [*self.parent.lineage, self]

    @cached_property
    def past(self) -> RecordReader | None:
        """A fork's parent, once the pages that they share lead to the fork's head. None for what is no fork.

        Raises RecordDamagedError if they do not.
        """
        if self.parent is None or self.torn:
            return self.parent
        shared = past_digest(self.parent.head, self.first_seq)
        if shared not in self.known:
            self.columns.open_roots()
            self.known.add([shared])
        return self.parent

    def certain_lineage(self) -> list[RecordReader]:
        """The same, each the past of the next for certain. Raises RecordDamagedError if one is not."""
        return [self] if self.past is None else [*self.past.certain_lineage(), self]

    @cached_property
    def columns(self) -> Columns:
        """The columns beside the record: causes, page roots, account postings."""
        return Columns(self)

    @cached_property
    def head(self) -> bytes:
        """The head, 32 bytes: as the manifest has it, or computed from all events where a torn record has none."""
        return bytes.fromhex(self.manifest.head) if self.manifest.head else self.recompute_head()

    def recompute_head(self) -> bytes:
        """The head of what is on the disk, from every byte of it. Raises RecordDamagedError at the first bad block."""
        return self.measure().head

    def progress_at(self, seq: int, page_roots: Sequence[bytes]) -> Progress:
        """How far the record had come at the end of a page, `seq` being the event after it, from the roots of pages."""
        tree = Frontier()
        for root in page_roots[: seq // PAGE_EVENTS]:
            tree = tree.add(leaf_hash(root))
        return Progress(tree, self.event(0), self.event(seq - 1)) if seq else Progress()

    def measure(self) -> Progress:
        """How far the record comes, from every byte of it. Raises RecordDamagedError at the first bad block."""
        progress = Progress()
        for events, data in self.pages():
            progress = progress.after(events, page_root(events, data))
        return progress

    def note_all(self, known: Known | None = None) -> None:
        """Note all that was read of this record as known: for who has held every page of it against the head.

        `known` is of the head that it has from now on, where that is not yet in its manifest.
        """
        digests = self._digests.values() if len(self._digests) == len(self.blocks) else ()
        past = () if self.parent is None else (past_digest(self.parent.head, self.first_seq),)
        (known or self.known).add([*digests, *past])

    def pages(self, first_seq: int = 0) -> Iterator[tuple[list[Event], bytes]]:
        """Each page: its events, and their msgpack list as recorded, which is what hashes are over.

        From the page on that holds `first_seq`. They are not held against the head: it is what they are read for.
        """
        if self.parent is not None and first_seq < self.first_seq:
            shared = self.first_seq // PAGE_EVENTS - first_seq // PAGE_EVENTS
            yield from islice(self.parent.pages(first_seq), shared)
        for index in range(max(bisect_right(self._first_seqs, first_seq) - 1, 0), len(self.blocks)):
            block = self._read(index)
            skipped = max(first_seq - self._first_seqs[index], 0) // PAGE_EVENTS
            try:
                pages = block.pages
            except msgspec.ValidationError as error:
                raise self._unknown(index, error) from error
            yield from islice(zip(pages, block.data, strict=True), skipped, None)

    def events(self, first_seq: int = 0, stop_seq: int | None = None) -> Iterator[Event]:
        """The events from `first_seq` up to but without `stop_seq`, or to the end. Blocks are decoded on the way."""
        if first_seq < 0:
            message = f"events from {first_seq}: an event's number is counted from 0"
            raise QueryError(message)
        stop = self.count if stop_seq is None else min(stop_seq, self.count)
        own = chain.from_iterable(self._slices(max(first_seq, self.first_seq), stop))
        if self.past is None or first_seq >= self.first_seq:
            return own
        return chain(self.past.events(first_seq, min(stop, self.first_seq)), own)

    def stretches(self, first_seq: int, stop_seq: int) -> Iterator[Stretch]:
        """The same span as bytes, a block at a time, held against the head as events are."""
        if first_seq < self.first_seq and self.past is not None:
            yield from self.past.stretches(first_seq, min(stop_seq, self.first_seq))
        for index, first, stop in self._places(max(first_seq, self.first_seq), stop_seq):
            header, start = self.blocks[index].header, self._first_seqs[index]
            payload = self._proved(index, first, stop).payload
            yield Stretch(payload, start, header.stop_seq, start + first, start + stop)

    def existing(self, seq: int) -> int:
        """The number itself, if there is such an event. Raises QueryError if there is none."""
        return existing_seq(seq, self.count, self.path)

    def event(self, seq: int) -> Event:
        """One event. Raises QueryError if there is none. Decodes its block, unless it was among the last few."""
        self.existing(seq)
        if self.past is not None and seq < self.first_seq:
            return self.past.event(seq)
        index = bisect_right(self._first_seqs, seq) - 1
        place = seq - self._first_seqs[index]
        return self._events_of(index, place, place + 1)[0]

    def seq_at_time(self, at_ns: int) -> int:
        """How many events had happened by `at_ns`, it included: the seq of the first one after.

        Finds the block by the headers' times and then reads it and the one before, so that both times that decided are
        certain. At most two blocks are decoded.
        """
        index = bisect_right(self._last_at_ns, at_ns)
        if index > 0:
            count = self.blocks[index - 1].header.count
            self._events_of(index - 1, count - 1, count)
        if index == len(self.blocks):
            found = self.count
        else:
            places = range(self.blocks[index].header.count)
            found = self._first_seqs[index] + bisect_right(places, at_ns, key=lambda place: self._at_ns(index, place))
        if self.past is None or found > self.first_seq:
            return found
        return min(self.past.seq_at_time(at_ns), self.first_seq)

    def _slices(self, first_seq: int, stop_seq: int) -> Iterator[list[Event]]:
        """The events asked for, a block at a time."""
        return (self._events_of(*places) for places in self._places(first_seq, stop_seq))

    def _places(self, first_seq: int, stop_seq: int) -> Iterator[tuple[int, int, int]]:
        """Blocks with the places in each, where the first of those asked for stands, and the one after the last."""
        first_index = max(bisect_right(self._first_seqs, first_seq) - 1, 0)
        for index in range(first_index, len(self.blocks)):
            start = self._first_seqs[index]
            if start >= stop_seq:
                return
            first, stop = max(first_seq - start, 0), stop_seq - start
            yield index, first, min(stop, self.blocks[index].header.count)

    def _at_ns(self, index: int, place: int) -> int:
        return self._events_of(index, place, place + 1)[0].at_ns

    def _events_of(self, index: int, first: int, stop: int) -> list[Event]:
        """The events at these places of one block."""
        try:
            return self._proved(index, first, stop).events(first, stop)
        except msgspec.ValidationError as error:
            raise self._unknown(index, error) from error

    def _proved(self, index: int, first: int, stop: int) -> DecodedBlock:
        """A block of which these places are proved, from the few that are kept or from the disk."""
        block = self._cache.get(index)
        if block is None:
            block = self._cache[index] = self._read(index)
            if len(self._cache) > self.cached_blocks:
                self._cache.popitem(last=False)
        self._cache.move_to_end(index)
        if block.unproved:
            self._prove(index, block, first, stop)
        return block

    def _prove(self, index: int, block: DecodedBlock, first: int, stop: int) -> None:
        """Hold the pages of these events against the head. Raises RecordDamagedError."""
        entry, roots = self.blocks[index], self.columns.roots.roots
        before = (entry.header.first_seq - self.first_seq) // PAGE_EVENTS
        for place in range(first // PAGE_EVENTS, -(-stop // PAGE_EVENTS)):
            if place not in block.unproved:
                continue
            (events,) = block.pages_between(place, place + 1)
            if page_root(events, block.data[place]) != roots[before + place]:
                what = f"events {events[0].seq} to {events[-1].seq} do not lead to the head {self.manifest.head}"
                raise damaged(self.files[entry.segment].path, entry.offset, what)
            block.unproved.discard(place)

    def _read(self, index: int) -> DecodedBlock:
        """One block from the disk, checked."""
        entry = self.blocks[index]
        path = self.files[entry.segment].path
        with readable(path):
            data = read_block(path, entry)
        if not block_is_intact(data):
            raise damaged(path, entry.offset, "the block's CRC is wrong")
        digest = self._digests[index] = sha256(data).digest()
        try:
            payload = block_payload(entry.header, data[BLOCK_HEADER_BYTES:])
            if digest in self.known:
                return DecodedBlock(entry.header.count, payload)
            block = DecodedBlock(entry.header.count, payload, block_pages(entry.header, payload))
        except msgspec.ValidationError as error:
            raise self._unknown(index, error) from error
        except ValueError as error:
            raise damaged(path, entry.offset, str(error)) from error
        if not self.torn:
            block.prove_pages()
        return block

    def _unknown(self, index: int, error: msgspec.ValidationError) -> RecordNotFoundError:
        """What to raise of a block that does not decode. Its CRC is right: a version that knows more wrote it."""
        entry = self.blocks[index]
        message = (
            f"{self.files[entry.segment].path}: offset {entry.offset}: it holds an event that this version does not "
            f"know ({error}); read it with the version that wrote it (deleverage {self.manifest.deleverage}) or a "
            "later one"
        )
        return RecordNotFoundError(message)

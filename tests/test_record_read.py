"""Reading a record: the same events back, by block, without touching anything."""

from __future__ import annotations

import json
from bisect import bisect_right
from hashlib import sha256
from pathlib import Path
from typing import Any

import google_crc32c
import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.base import BodyBase
from deleverage.events.bodies.inputs import Deposited
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.codec import encode_event
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import QueryError, RecordDamagedError, RecordError, RecordNotFoundError
from deleverage.events.record import (
    MemoryRecord,
    RecordReader,
    RecordSettings,
    RecordWriter,
    blocks,
    leaf_hash,
    leaf_spans,
    leaves_of_page,
    page_root,
    reader,
    scan,
)
from deleverage.events.record.files import whole
from deleverage.events.record.pages import PAGE_EVENTS
from deleverage.events.record.proof import LeafProof, root_with, roots_beside

COUNT = 3333


def make_event(seq: int) -> Event:
    """Marks with deposits between them; instants of one to nine events, with gaps."""
    body = Deposited(2, seq) if seq % 5 == 2 else MarkPriced(1, seq, 0, seq)
    return Event(seq, 1000 + seq // 9 * 10 + (seq % 9 > 6), Origin.INPUT, None, (), None, body)


EVENTS = [make_event(seq) for seq in range(COUNT)]
TIMES = [event.at_ns for event in EVENTS]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed record of blocks of two pages in several segments."""
    path = tmp_path_factory.mktemp("records") / "a.run"
    writer = RecordWriter(path, settings=RecordSettings(pages_per_block=2, segment_bytes=9000), scenario="calm", seed=3)
    writer.append_many(EVENTS)
    writer.seal()
    return path


@pytest.fixture(scope="module")
def sealed(path: Path) -> RecordReader:
    """That record, opened once."""
    return RecordReader.open(path)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first seq of each block that is unpacked from now on."""
    first_seqs: list[int] = []

    def counting(header: Any, stored: bytes) -> bytes:
        first_seqs.append(header.first_seq)
        return blocks.block_payload(header, stored)

    monkeypatch.setattr(reader, "block_payload", counting)
    return first_seqs


def test_the_same_events_come_back(sealed: RecordReader) -> None:
    """Across blocks and segments every event comes back as it was appended."""
    assert list(sealed.events()) == EVENTS
    assert (sealed.count, sealed.status, sealed.torn, sealed.warning) == (COUNT, "complete", False, None)
    assert (sealed.manifest.scenario, sealed.manifest.seed) == ("calm", 3)
    assert len({entry.segment for entry in sealed.blocks}) > 1
    assert sealed.recompute_head() == sealed.head


@given(st.integers(0, COUNT + 300), st.none() | st.integers(-5, COUNT + 300))
def test_any_slice(sealed: RecordReader, first_seq: int, stop_seq: int | None) -> None:
    """Any range of events is the slice of them all, as it is in memory."""
    memory = MemoryRecord()
    memory.append_many(EVENTS)
    expected = [event for event in EVENTS[first_seq:] if stop_seq is None or event.seq < stop_seq]
    assert list(sealed.events(first_seq, stop_seq)) == expected
    assert list(memory.events(first_seq, stop_seq)) == expected


@pytest.mark.parametrize("seq", [0, 1, 511, 512, 3071, 3072, COUNT - 1])
def test_one_event(sealed: RecordReader, seq: int) -> None:
    """Any one event can be had by its number."""
    assert sealed.event(seq) == EVENTS[seq]


@pytest.mark.parametrize("seq", [-1, COUNT, 1 << 70])
def test_an_event_that_is_not_there(sealed: RecordReader, seq: int) -> None:
    """A number outside the record is the question's fault, and the answer says what there is."""
    memory = MemoryRecord()
    memory.append_many(EVENTS)
    for record in (sealed, memory):
        with pytest.raises(QueryError, match=rf"no event {seq}; .* {COUNT}, counted from 0"):
            record.event(seq)


def test_a_negative_start(sealed: RecordReader) -> None:
    """Ranges do not count from the end, on disk or in memory."""
    for record in (sealed, MemoryRecord()):
        with pytest.raises(QueryError, match="events from -3"):
            record.events(-3)


def test_seq_at_time_against_a_sweep(sealed: RecordReader) -> None:
    """At, just before and just after each instant: the number of events that had happened, on disk and in memory."""
    memory = MemoryRecord()
    memory.append_many(EVENTS)
    for at_ns in sorted({time + step for time in TIMES for step in (-1, 0, 1)} | {0, 1 << 62, -5}):
        expected = sum(1 for time in TIMES[: bisect_right(TIMES, at_ns + 2)] if time <= at_ns)
        assert sealed.seq_at_time(at_ns) == memory.seq_at_time(at_ns) == expected


def test_opening_decodes_nothing(path: Path, decoded: list[int]) -> None:
    """Opening reads headers only; whatever they tell is had without decoding an event."""
    record = RecordReader.open(path)
    assert (record.count, len(record.head), len(record.blocks), record.status) == (COUNT, 32, 7, "complete")
    assert decoded == []


def test_only_the_blocks_asked_for_are_decoded(path: Path, decoded: list[int]) -> None:
    """One event costs one block, a range the blocks under it, an instant at most two; the last few are kept."""
    record = RecordReader.open(path)
    record.event(600)
    record.event(1000)
    assert decoded == [512]
    assert next(iter(record.events(1100))) == EVENTS[1100]
    assert decoded == [512, 1024]
    list(record.events(1500, 1600))
    assert decoded == [512, 1024, 1536]
    record.seq_at_time(TIMES[2900])
    assert decoded == [512, 1024, 1536, 2048, 2560]
    for _ in record.events():
        pass
    assert sorted(set(decoded)) == list(range(0, COUNT, 512))


def test_memory_stays_small(path: Path, decoded: list[int]) -> None:
    """Of the decoded blocks only a few are kept: going back to the first after reading all decodes it again."""
    record = RecordReader.open(path)
    for _ in record.events():
        pass
    record.event(0)
    assert decoded == [*range(0, COUNT, 512), 0]


def test_the_blocks_last_used_are_kept(path: Path, decoded: list[int]) -> None:
    """A block that is used again outlives one that was read after it."""
    record = RecordReader.open(path)
    for seq in (0, 600, 1100, 1600, 0, 2100, 0):
        record.event(seq)
    assert decoded == [0, 512, 1024, 1536, 2048]


def test_pages_prove_an_event(sealed: RecordReader) -> None:
    """From what a reader gives, an event is proved up to the recorded head."""
    pages = list(sealed.pages())
    roots = [page_root(events, data) for events, data in pages]
    events, data = pages[4]
    position = next(place for place, event in enumerate(events) if type(event.body) is Deposited)
    place, leaves = leaf_spans(events).index((position, position + 1)), leaves_of_page(events, data)
    shown, entries = {place: leaf_hash(encode_event(events[position]))}, [leaf_hash(root) for root in roots]
    assert root_with(len(leaves), shown, roots_beside(leaves, [place])) == roots[4]
    assert root_with(len(entries), {4: leaf_hash(roots[4])}, roots_beside(entries, [4])) == sealed.head


def test_reading_never_writes(path: Path) -> None:
    """Names, bytes and times of a record's files are the same after everything was read."""

    def state() -> list[tuple[str, bytes, int]]:
        return sorted((file.name, file.read_bytes(), file.stat().st_mtime_ns) for file in path.iterdir())

    before, changed_ns = state(), path.stat().st_mtime_ns
    record = RecordReader.open(path)
    record.recompute_head()
    list(record.events())
    record.seq_at_time(TIMES[1000])
    assert (state(), path.stat().st_mtime_ns) == (before, changed_ns)


def test_a_record_is_read_while_it_is_written(tmp_path: Path) -> None:
    """A reader beside a writer is served what reached the files, and told that it is not sealed."""
    writer = RecordWriter(tmp_path / "a.run", settings=RecordSettings(pages_per_block=1, segment_bytes=5000))
    for stop in (100, 256, 1500, COUNT):
        writer.append_many(EVENTS[writer.count : stop])
        record = RecordReader.open(tmp_path / "a.run")
        assert list(record.events()) == EVENTS[: stop - stop % 256]
        assert record.torn
        assert "never sealed" in (record.warning or "")
        memory = MemoryRecord()
        memory.append_many(EVENTS[: record.count])
        assert record.head == memory.head


@pytest.mark.parametrize("name", ["nowhere.run", "empty.run", "file.run"])
def test_no_record_there(tmp_path: Path, name: str) -> None:
    """No directory, one without a manifest, or a file: not found, in one line that says what to give."""
    (tmp_path / "empty.run").mkdir()
    (tmp_path / "file.run").write_text("not a directory")
    with pytest.raises(RecordNotFoundError, match=rf"{name}: no record there .*give the directory"):
        RecordReader.open(tmp_path / name)


def rewrite_manifest(path: Path, **changes: object) -> None:
    """Change fields of a manifest and give it the hash that belongs to them."""
    fields = json.loads((path / "manifest.json").read_text()) | changes
    fields.pop("sha256")
    fields["sha256"] = sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    (path / "manifest.json").write_text(json.dumps(fields))


@pytest.mark.parametrize("field", ["format", "schema"])
def test_a_record_of_a_later_version(tmp_path: Path, field: str) -> None:
    """A newer layout or schema is not damage: the message says which version can read it."""
    RecordWriter(tmp_path / "a.run").seal()
    rewrite_manifest(tmp_path / "a.run", **{field: 9, "deleverage": "4.2.0", "segments": "told otherwise"})
    with pytest.raises(RecordNotFoundError, match=rf"{field} 9, and this version reads up to 1; .*deleverage 4\.2\.0"):
        RecordReader.open(tmp_path / "a.run")


def test_a_manifest_with_later_fields(tmp_path: Path) -> None:
    """Fields that this version does not know leave a record readable."""
    RecordWriter(tmp_path / "a.run").seal()
    rewrite_manifest(tmp_path / "a.run", mood="calm")
    assert RecordReader.open(tmp_path / "a.run").count == 0


@pytest.mark.parametrize("changes", [{"count": "many"}, {"status": "fine"}, {"settings": None}])
def test_a_manifest_that_is_none(tmp_path: Path, changes: dict[str, object]) -> None:
    """A manifest whose hash is right and whose fields are not is refused by the field."""
    RecordWriter(tmp_path / "a.run").seal()
    rewrite_manifest(tmp_path / "a.run", **changes)
    with pytest.raises(
        RecordDamagedError, match=rf"manifest\.json: offset 0: not a manifest .*\$\.{next(iter(changes))}"
    ):
        RecordReader.open(tmp_path / "a.run")


class Foretold(BodyBase, frozen=True, tag=119):
    """A type of event that this version does not have."""

    what: str


def test_an_event_that_this_version_does_not_know(tmp_path: Path) -> None:
    """An unknown type of event in a block whose CRC is right asks for the version that wrote it."""
    writer = RecordWriter(tmp_path / "a.run")
    writer.append(Event(0, 0, Origin.INPUT, None, (), None, Foretold("rain")))  # type: ignore[arg-type]
    writer.seal()
    with pytest.raises(RecordNotFoundError, match=r"00000000\.seg: offset 24: .*does not know .*version that wrote it"):
        list(RecordReader.open(tmp_path / "a.run").events())


def forge(path: Path, raw_bytes: int, stored: bytes, codec: int = 1) -> None:
    """A record of one event whose only block has this payload, and every CRC and hash right."""
    writer = RecordWriter(path)
    writer.append(make_event(0))
    writer.seal()
    file = path / "00000000.seg"
    header = blocks._BLOCK.pack(b"DLVB", codec, 0, 1, 1000, 1000, raw_bytes, len(stored), 0)[:-4]
    crc32c = google_crc32c.extend(google_crc32c.value(header), stored)
    file.write_bytes(file.read_bytes()[:24] + header + crc32c.to_bytes(4, "little") + stored)
    rewrite_manifest(path, segments=[{"first_seq": 0, "blocks": 1, "size_bytes": file.stat().st_size}])


BOMB = zstandard.ZstdCompressor(level=1).compress(bytes(1 << 28))


@pytest.mark.parametrize(
    ("raw_bytes", "stored", "codec", "message"),
    [
        (100, BOMB, 1, "announces 100 bytes and holds 268435456"),
        ((1 << 32) - 1, BOMB, 1, "header is impossible: codec 1, 1 events, 4294967295 bytes"),
        (100, BOMB, 7, "header is impossible: codec 7"),
        (100, b"no frame", 1, "content size"),
        (100, BOMB[:4] + b"\xff" * 40, 1, ""),
        (6, b"\xdd\xff\xff\xff\xff\x90", 0, "truncated"),
        (1, b"\x90", 0, "announces 1 events and holds pages of []"),
        (2, b"\x91\x90", 0, "announces 1 events and holds pages of [0]"),
        (17, b"\x91\x91" + encode_event(make_event(1))[:15], 0, "truncated"),
    ],
)
def test_a_forged_block(tmp_path: Path, raw_bytes: int, stored: bytes, codec: int, message: str) -> None:
    """A payload that is not what its header announces is refused before it takes memory, with every CRC right."""
    forge(tmp_path / "a.run", raw_bytes, stored, codec)
    with pytest.raises(RecordDamagedError) as caught:
        list(RecordReader.open(tmp_path / "a.run").events())
    assert f"{tmp_path}/a.run/00000000.seg: offset 24: " in str(caught.value)
    assert message in str(caught.value)


def test_a_forged_sequence(tmp_path: Path) -> None:
    """Events that are not the ones their header announces are refused."""
    payload = msgspec.msgpack.encode([[make_event(8)]])
    forge(tmp_path / "a.run", len(payload), payload, 0)
    with pytest.raises(RecordDamagedError, match=r"announces .* \(0, 1, 1000, 1000\) and holds \(8, 9, 1001, 1001\)"):
        list(RecordReader.open(tmp_path / "a.run").events())


def test_a_block_too_large_to_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer refuses a block that no reader would take."""
    monkeypatch.setattr(blocks, "RAW_BYTES_MAX", 2000)
    writer = RecordWriter(tmp_path / "a.run", settings=RecordSettings(pages_per_block=1))
    with pytest.raises(RecordError, match=r"events 0 to 255 take .* bytes; a block holds up to 2000"):
        writer.append_many(EVENTS)


def test_a_block_of_exactly_the_limit_is_written_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of the most bytes goes there and back; where a byte less is the most it is neither written nor read."""
    settings, events = RecordSettings(pages_per_block=1, codec="none"), EVENTS[:256]
    writer = RecordWriter(tmp_path / "a.run", settings=settings)
    writer.append_many(events)
    writer.seal()
    header = blocks.unpack_block_header((tmp_path / "a.run" / "00000000.seg").read_bytes()[24:])
    assert header is not None
    monkeypatch.setattr(blocks, "RAW_BYTES_MAX", header.raw_bytes)
    monkeypatch.setattr(scan, "RAW_BYTES_MAX", header.raw_bytes)
    monkeypatch.setattr(scan, "STORED_BYTES_MAX", header.stored_bytes)
    writer = RecordWriter(tmp_path / "b.run", settings=settings)
    writer.append_many(events)
    writer.seal()
    assert list(RecordReader.open(tmp_path / "b.run").events()) == events
    monkeypatch.setattr(scan, "STORED_BYTES_MAX", header.stored_bytes - 1)
    with pytest.raises(RecordDamagedError, match="header is impossible"):
        list(RecordReader.open(tmp_path / "b.run").events())
    monkeypatch.setattr(scan, "STORED_BYTES_MAX", header.stored_bytes)
    monkeypatch.setattr(scan, "RAW_BYTES_MAX", header.raw_bytes - 1)
    with pytest.raises(RecordDamagedError, match="header is impossible"):
        list(RecordReader.open(tmp_path / "b.run").events())
    monkeypatch.setattr(blocks, "RAW_BYTES_MAX", header.raw_bytes - 1)
    with pytest.raises(ValueError, match=f"it announces {header.raw_bytes} bytes; a block holds up to"):
        blocks.block_payload(header, bytes(header.raw_bytes))
    writer = RecordWriter(tmp_path / "c.run", settings=settings)
    with pytest.raises(RecordError, match=f"a block holds up to {header.raw_bytes - 1}"):
        writer.append_many(events)


@pytest.mark.parametrize("most", [99, 100, 101])
def test_a_file_of_a_record_has_a_most(most: int, tmp_path: Path) -> None:
    """A file of exactly the most bytes is read, one of a byte more is not."""
    path = tmp_path / "manifest.json"
    path.write_bytes(bytes(100))
    if most >= 100:
        assert whole(path, most) == bytes(100)
    else:
        with pytest.raises(OSError, match="it has more than 99 bytes"):
            whole(path, most)


@pytest.mark.parametrize("name", ["first_seq", "place"])
def test_numbers_of_a_proof_have_63_bits(name: str) -> None:
    """2^63 - 1 is a number of a proof, 2^63 is none, and neither is -1."""
    fields = {"place": 0, "first_seq": 0, "events": 1, "data": b""}
    assert getattr(msgspec.convert(fields | {name: 2**63 - 1}, LeafProof), name) == 2**63 - 1
    for number in (-1, 2**63):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(fields | {name: number}, LeafProof)


@pytest.mark.parametrize(("events", "holds"), [(0, False), (1, True), (PAGE_EVENTS, True), (PAGE_EVENTS + 1, False)])
def test_a_leaf_of_a_proof_has_a_page_at_most(events: int, holds: bool) -> None:
    """A leaf has an event at least, and no more than a page has."""
    fields = {"place": 0, "first_seq": 0, "events": events, "data": b""}
    if holds:
        assert msgspec.convert(fields, LeafProof).events == events
    else:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(fields, LeafProof)

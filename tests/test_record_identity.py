"""A record's head depends on its events and on nothing else."""

from __future__ import annotations

import tempfile
import tracemalloc
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import Deposited
from deleverage.events.bodies.margin import MarginCalled, MarkPriced
from deleverage.events.codec import encode_event
from deleverage.events.envelope import Event, Origin
from deleverage.events.record import (
    EMPTY_ROOT,
    EventSink,
    HeadOnly,
    MemoryRecord,
    RecordReader,
    RecordSettings,
    RecordWriter,
)


def make_event(seq: int, kind: int) -> Event:
    """A mark, a margin call or a deposit; four events share an instant."""
    body = (MarkPriced(3, 5000 + seq, -2, 4998 + seq), MarginCalled(seq % 9, 70, 80, 2500), Deposited(seq % 9, seq))[
        kind
    ]
    return Event(seq, 1_760_000_000_000_000_000 + seq // 4 * 1000, Origin.DECIDED, None, (), 0, body)


def make_events(runs: list[tuple[int, int]]) -> list[Event]:
    """Events in runs of (kind, length)."""
    kinds = [kind for kind, length in runs for _ in range(length)]
    return [make_event(seq, kind) for seq, kind in enumerate(kinds)]


def tree(entries: list[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962, word by word."""
    if len(entries) < 2:
        return sha256(b"\x00" + entries[0]).digest() if entries else sha256(b"").digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return sha256(b"\x01" + tree(entries[:split]) + tree(entries[split:])).digest()


def expected_head(events: list[Event]) -> bytes:
    """The head as the rules in `record.md` say it, from single events."""
    roots = []
    for start in range(0, len(events), 256):
        entries = []
        for public, run in groupby(events[start : start + 256], key=lambda event: type(event.body) is MarkPriced):
            pieces = [encode_event(event) for event in run]
            entries += [b"".join(pieces)] if public else pieces
        roots.append(tree(entries))
    return tree(roots)


RUNS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 300)), max_size=8).map(make_events)
SETTINGS = st.builds(
    RecordSettings,
    codec=st.sampled_from(["zstd", "none"]),
    level=st.sampled_from([1, 3, 19]),
    pages_per_block=st.integers(1, 20),
    block_bytes=st.sampled_from([1, 5000, 1 << 20]),
    segment_bytes=st.sampled_from([1, 4000, 30_000, 256 << 20]),
    durability=st.sampled_from(["block", "interval", "none"]),
    interval_ms=st.sampled_from([0, 1000]),
    reserve_bytes=st.sampled_from([0, 4096]),
)


@settings(max_examples=40, deadline=None)
@given(RUNS, SETTINGS)
def test_head_is_the_same_however_it_is_stored(events: list[Event], how: RecordSettings) -> None:
    """Codec, level, block and segment cuts, flushing, and the kind of sink leave the head as the rules give it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.run"
        sinks: list[EventSink] = [RecordWriter(path, settings=how), MemoryRecord(), HeadOnly()]
        for sink in sinks:
            sink.append_many(events)
            sink.seal()
        reader = RecordReader.open(path)
        heads = [sink.head for sink in sinks] + [reader.head, reader.recompute_head()]
        assert heads == [expected_head(events)] * 5
        assert list(reader.events()) == events


@settings(max_examples=40, deadline=None)
@given(RUNS, st.data())
def test_head_is_the_same_however_it_is_appended(events: list[Event], data: st.DataObject) -> None:
    """One by one or many at once, cut anywhere, with the head asked for in between: the head of what there is."""
    cut = data.draw(st.integers(0, len(events)))
    for sink in (MemoryRecord(), HeadOnly()):
        for event in events[:cut]:
            sink.append(event)
        assert (sink.count, sink.head) == (cut, expected_head(events[:cut]))
        sink.append_many(iter(events[cut:]))
        assert (sink.count, sink.head) == (len(events), expected_head(events))


def test_head_while_recording(tmp_path: Path) -> None:
    """A writer's head and count are right at any time, whatever waits for its page or block."""
    events = make_events([(0, 300), (1, 500), (2, 20)])
    writer = RecordWriter(tmp_path / "a.run", settings=RecordSettings(pages_per_block=2))
    for event in events:
        writer.append(event)
        if event.seq % 100 == 0 or event.seq in (255, 256, 511, 512):
            assert (writer.count, writer.head) == (event.seq + 1, expected_head(events[: event.seq + 1]))


def test_head_of_nothing(tmp_path: Path) -> None:
    """An empty record's head is SHA-256 of nothing."""
    writer = RecordWriter(tmp_path / "a.run")
    writer.seal()
    reader = RecordReader.open(tmp_path / "a.run")
    assert writer.head == reader.head == reader.recompute_head() == MemoryRecord().head == HeadOnly().head == EMPTY_ROOT
    assert (reader.count, list(reader.events()), reader.torn) == (0, [], False)


def test_head_is_pinned() -> None:
    """The head of these events never changes; if it does, every published head is void."""
    record = MemoryRecord()
    record.append_many(make_events([(0, 200), (1, 3), (0, 100), (2, 300), (0, 1)]))
    assert record.head.hex() == "4d2b5ceeb7c62d2710d544573103eb71c09233cb9f00280b0e1b48c93fb54d12"


@pytest.mark.parametrize("position", [0, 255, 256, 599])
def test_head_depends_on_every_event(position: int) -> None:
    """A change in any event changes the head."""
    events = make_events([(0, 300), (1, 300)])
    other = list(events)
    other[position] = make_event(position, 2)
    assert expected_head(other) != expected_head(events)
    record = MemoryRecord()
    record.append_many(other)
    assert record.head == expected_head(other)


def test_head_only_stores_nothing() -> None:
    """A sink without a file stays as large as it is, however many events go through."""
    sink = HeadOnly()
    tracemalloc.start()
    sink.append_many(make_event(seq, 0) for seq in range(60_000))
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sink.count == 60_000
    assert kept_bytes < 500_000

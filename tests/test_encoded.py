"""Events read in columns from their bytes: each column is what the decoded events hold, whatever forms numbers have."""

from __future__ import annotations

from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.codec import encode_event, list_header
from deleverage.events.envelope import Event, Origin
from deleverage.events.msgpack_columns import Cursors, Lists, Nothing, UnreadError, padded
from deleverage.events.record import PAGE_EVENTS
from deleverage.events.record.decoded import Stretch
from deleverage.events.record.encoded import EncodedEvents, TypedEvents
from deleverage.events.vocabulary import TYPES_BY_NAME
from deleverage.replay.tables.fields import array_of_column, array_of_values
from deleverage.replay.tables.tables import tables_of

from .support.command_line import small_record

NUMBERS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([sign * 2**n - 1 for n in range(63) for sign in (1, -1)]),
)
TEXTS = st.one_of(st.none(), st.text(max_size=40))
WRITE = msgspec.msgpack.encode


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small crash."""
    return small_record(tmp_path_factory.mktemp("encoded"))


def cursors_over(values: list[Any]) -> Cursors:
    """A cursors that stands at the beginning of each."""
    each = [WRITE(value) for value in values]
    starts = np.cumsum([0, *map(len, each)], dtype=np.int64)[:-1]
    return Cursors(padded(b"".join(each)), starts)


@given(st.lists(st.tuples(NUMBERS, TEXTS, st.binary(max_size=300), st.sampled_from([True, False, None])), min_size=1))
@settings(max_examples=60, deadline=None)
def test_columns_are_what_was_encoded(rows: list[tuple[Any, ...]]) -> None:
    """Numbers of every width, texts, bytes and flags, one behind the other in each message."""
    cursors = cursors_over(rows)
    cursors.header(4)
    columns = [cursors.wholes(), cursors.texts(), cursors.binaries(), cursors.flags()]
    assert list(zip(*(array_of_column(one).to_pylist() for one in columns), strict=True)) == rows


@given(st.lists(st.lists(st.tuples(st.integers(0, 2**40), st.integers(-(2**40), 2**40)), max_size=20), min_size=1))
@settings(max_examples=60, deadline=None)
def test_lists_are_what_was_encoded(rows: list[list[tuple[int, int]]]) -> None:
    """Of pairs and of numbers; some of them are those of the same events."""
    for values, width, kind in ((rows, 2, "prices"), ([list(chain.from_iterable(row)) for row in rows], 1, "links")):
        column, places = cursors_over(values).lists(width), np.arange(len(values) - 1, -1, -2)
        assert array_of_column(column).equals(array_of_values(kind, values))
        assert array_of_column(column.at(places)).equals(array_of_values(kind, [values[place] for place in places]))


def test_what_is_of_another_kind_is_not_guessed() -> None:
    """A text where a number should be, a number of 64 bits without a sign, something where nothing should be."""
    for values in (["1"], [2**63], [1.0], [[1]]):
        with pytest.raises(UnreadError):
            cursors_over(values).wholes()
    for read in (Cursors.texts, Cursors.flags, Cursors.lists, Cursors.nothing, Cursors.binaries):
        with pytest.raises(UnreadError):
            read(cursors_over([1]))
    with pytest.raises(UnreadError):
        cursors_over([[1], None]).lists()
    assert cursors_over([None, None]).nothing() == Nothing(2)


def held_against_events(encoded: EncodedEvents, events: list[Event]) -> set[str]:
    """The types that were read in columns; each column and event is held against these events."""
    of_type: dict[type, list[Event]] = {}
    for event in events:
        of_type.setdefault(type(event.body), []).append(event)
    read = set()
    for typed in encoded.by_type():
        wanted = of_type.pop(typed.type)
        assert typed.events == wanted
        for field, column in typed.envelope().items():
            values = [getattr(event, field) for event in wanted]
            assert array_of_column(column).equals(array_of_values("links" if field == "links" else "event", values))
        for field, column in (typed.bodies() or {}).items():
            values, found = [getattr(event.body, field) for event in wanted], array_of_column(column).to_pylist()
            if isinstance(column, Lists):
                found = [tuple(tuple(one.values()) for one in some) for some in found]
            assert found == values
            read.add(typed.type.__name__)
    assert not of_type
    return read


def test_columns_of_a_record_are_its_events(recorded: Path) -> None:
    """In several blocks at once, and in a span that begins and ends within one."""
    reader = open_run(recorded).reader
    for first, stop in ((0, reader.count), (1_000, 2_000)):
        stretches, events = iter(reader.stretches(first, stop)), reader.events(first, stop)
        read = set[str]()
        while some := list(islice(stretches, 3)):
            encoded = EncodedEvents(some)
            read |= held_against_events(encoded, list(islice(events, len(encoded))))
        assert {"MarkPriced", "PriceTicked"} <= read
        assert next(events, None) is None
    assert {"LiquidationFilled", "PositionDeleveraged", "AccountOpened"} <= {
        typed.type.__name__ for typed in EncodedEvents(list(reader.stretches(0, reader.count))).by_type()
    }


@pytest.mark.parametrize("first_seq", [0, 100, 200, 65_400, 2**32 - 200])
def test_events_are_found_whatever_their_numbers(first_seq: int) -> None:
    """Where numbers grow longer, at the start, and where a figure looks like the beginning of an event."""
    head = int.from_bytes(b"\x97" + WRITE(first_seq + 5)[:1], "big")
    events = [
        Event(seq, 1_000 + seq, Origin.INPUT, None, (), None, PriceTicked(((0, head), (1, seq))))
        if seq % 3
        else mark(seq)
        for seq in range(first_seq, first_seq + 2 * PAGE_EVENTS + 7)
    ]
    pages = [events[place : place + PAGE_EVENTS] for place in range(0, len(events), PAGE_EVENTS)]
    payload = list_header(len(pages)) + b"".join(map(encode_event, pages))
    whole = Stretch(payload, first_seq, events[-1].seq + 1, first_seq, events[-1].seq + 1)
    assert held_against_events(EncodedEvents([whole]), events) == {"PriceTicked", "MarkPriced"}
    parts = list(whole.cut(100))
    assert held_against_events(EncodedEvents(parts[1:3]), events[100:300]) == {"PriceTicked", "MarkPriced"}


def mark(seq: int) -> Event:
    """A mark whose figure is encoded as the beginning of the event after the next."""
    looks = int.from_bytes(b"\x97" + WRITE(seq + 2), "big") if seq > 2**16 else 7
    return Event(seq, 9, Origin.DECIDED, max(seq - 1, 0), (seq,), 0, MarkPriced(0, 5, 0, looks % 2**62))


def test_tables_are_those_of_decoded_events(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole batches, of every type: nothing depends on whether a type is read in columns."""
    tables = tables_of(open_run(recorded))
    found = list(tables.batches(TYPES_BY_NAME))
    monkeypatch.setattr(TypedEvents, "bodies", lambda _self: None)
    for (name, batch), (wanted_name, wanted) in zip(found, tables.batches(TYPES_BY_NAME), strict=True):
        assert name == wanted_name
        assert batch.equals(wanted)

"""What proves events of a record under its head: trees with some leaves shown, and whole proofs of events."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.codec import encode_event
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import QueryError, RecordDamagedError, RecordNotFoundError
from deleverage.events.record import PAGE_EVENTS, RecordReader, leaf_hash, page_root, prove_events, proved_events
from deleverage.events.record.merkle import tree_root
from deleverage.events.record.proof import (
    LeafProof,
    PageProof,
    RecordProof,
    root_with,
    roots_beside,
)
from deleverage.events.vocabulary import PUBLIC_TYPES

from .support.command_line import small_record
from .support.crash import recorded

EVENTS = recorded()
SIZES = st.integers(1, 70)


def leaves_of(size: int) -> list[bytes]:
    """So many leaf hashes, all different."""
    return [leaf_hash(bytes([number])) for number in range(size)]


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[bytes], list[int]]:
    """Leaf hashes, and the places of those that are shown, at least one."""
    size = draw(SIZES)
    return leaves_of(size), sorted(draw(st.sets(st.integers(0, size - 1), min_size=1)))


@given(trees())
def test_what_is_shown_and_what_is_beside_give_the_root(tree: tuple[list[bytes], list[int]]) -> None:
    """Whichever leaves are shown, the roots beside them complete the tree."""
    leaves, shown = tree
    others = roots_beside(leaves, shown)
    assert root_with(len(leaves), {place: leaves[place] for place in shown}, others) == tree_root(leaves)
    assert len(others) <= len(leaves) - len(shown)


@given(trees(), st.data())
def test_a_tree_that_was_changed_has_another_root_or_none(
    tree: tuple[list[bytes], list[int]], data: st.DataObject
) -> None:
    """Another leaf, a leaf at another place, and one root more, fewer or other beside them never give the root."""
    leaves, shown = tree
    others, root = roots_beside(leaves, shown), tree_root(leaves)
    known, place = {number: leaves[number] for number in shown}, data.draw(st.sampled_from(shown))
    wrong = leaf_hash(b"wrong")
    assert root_with(len(leaves), known | {place: wrong}, others) != root
    assert root_with(len(leaves), known, [*others, wrong]) is None
    if others:
        at = data.draw(st.integers(0, len(others) - 1))
        assert root_with(len(leaves), known, others[:at] + others[at + 1 :]) is None
        assert root_with(len(leaves), known, [*others[:at], wrong, *others[at + 1 :]]) != root
    elsewhere = data.draw(st.integers(0, len(leaves) - 1))
    if elsewhere not in known:
        moved = {number: leaf for number, leaf in known.items() if number != place} | {elsewhere: leaves[place]}
        assert root_with(len(leaves), moved, others) != root


@given(
    st.integers(-3, 1 << 70),
    st.dictionaries(st.integers(-2, 1 << 70), st.binary(max_size=33), max_size=4),
    st.lists(st.binary(max_size=33), max_size=80),
)
def test_nonsense_is_no_tree(size: int, shown: dict[int, bytes], others: list[bytes]) -> None:
    """Whatever size, places and hashes are given, the answer is a root or None, never an error."""
    root = root_with(size, shown, others)
    assert root is None or 0 <= min(shown) <= max(shown) < size


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> RecordReader:
    """The small crash, recorded and opened."""
    return RecordReader.open(small_record(tmp_path_factory.mktemp("records")))


@pytest.fixture(scope="module")
def roots(reader: RecordReader) -> list[bytes]:
    """Its page roots."""
    return [page_root(events, data) for events, data in reader.pages()]


def test_the_head_is_over_the_page_roots(reader: RecordReader, roots: list[bytes]) -> None:
    """The roots of all pages, each hashed as an entry, give the head."""
    assert len(roots) == -(-len(EVENTS) // PAGE_EVENTS)
    assert tree_root([leaf_hash(root) for root in roots]) == reader.head


@given(st.sets(st.integers(0, len(EVENTS) - 1), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_any_events_are_proved(reader: RecordReader, roots: list[bytes], seqs: set[int]) -> None:
    """Any set of events is proved under the head; beside them nothing is shown but public events of the same leaves."""
    proof = prove_events(reader, seqs, roots)
    shown = proved_events(proof, reader.head)
    assert seqs <= set(shown)
    assert all(event == EVENTS[seq] for seq, event in shown.items())
    assert all(type(shown[seq].body) in PUBLIC_TYPES for seq in set(shown) - seqs)
    assert [page.page for page in proof.pages] == sorted({seq // PAGE_EVENTS for seq in seqs})


def test_a_leaf_is_shown_once(reader: RecordReader, roots: list[bytes]) -> None:
    """Events that share a leaf are proved by one copy of it."""
    leaf = prove_events(reader, [0], roots).pages[0].shown[0]
    assert leaf.events > 3
    assert prove_events(reader, range(leaf.events), roots).pages[0].shown == (leaf,)


def test_the_order_of_the_question_does_not_matter(reader: RecordReader, roots: list[bytes]) -> None:
    """Events asked for in any order, and more than once, have one proof."""
    assert prove_events(reader, [5, 4711], roots) == prove_events(reader, [4711, 5, 4711], roots)


@pytest.mark.parametrize("seq", [-1, len(EVENTS)])
def test_an_event_that_is_not_there(reader: RecordReader, roots: list[bytes], seq: int) -> None:
    """An event's number outside the record is refused."""
    with pytest.raises(QueryError, match=f"there is no event {seq}"):
        prove_events(reader, [3, seq], roots)


def test_pages_that_do_not_give_the_head(reader: RecordReader, roots: list[bytes]) -> None:
    """Where a page root is not that of the record's bytes, shown or not, nothing is proved."""
    for page in (0, len(roots) - 1):
        wrong = [*roots[:page], bytes(32), *roots[page + 1 :]]
        with pytest.raises(RecordDamagedError, match="its pages do not lead to its head"):
            prove_events(reader, [4711], wrong)


def bent(proof: RecordProof) -> dict[str, RecordProof]:
    """The proof with one thing changed, in every way."""
    page, leaf = proof.pages[0], proof.pages[0].shown[0]
    replace = msgspec.structs.replace

    def with_page(**changes: object) -> RecordProof:
        return replace(proof, pages=(replace(page, **changes), *proof.pages[1:]))

    def with_leaf(**changes: object) -> RecordProof:
        return with_page(shown=(replace(leaf, **changes), *page.shown[1:]))

    return {
        "data": with_leaf(data=leaf.data[:-1] + bytes([leaf.data[-1] ^ 1])),
        "more data": with_leaf(data=leaf.data + b"\xc0"),
        "place": with_leaf(place=leaf.place + 1),
        "first_seq": with_leaf(first_seq=leaf.first_seq + 1),
        "another page's": with_leaf(first_seq=leaf.first_seq + PAGE_EVENTS),
        "fewer events": with_leaf(events=leaf.events - 1),
        "more events": with_leaf(events=leaf.events + 1),
        "page": with_page(page=page.page + 1),
        "no leaf": with_page(shown=()),
        "twice": with_page(shown=(leaf, *page.shown)),
        "page twice": replace(proof, pages=(page, *proof.pages)),
        "order": replace(proof, pages=proof.pages[::-1]),
        "page's others": with_page(others=page.others[:-1]),
        "others": replace(proof, others=proof.others[1:]),
        "few pages": replace(proof, count=1),
        "no pages": replace(proof, count=0),
        "nothing": RecordProof(proof.count, (), ()),
    }


def test_a_proof_that_was_changed_proves_nothing(reader: RecordReader, roots: list[bytes]) -> None:
    """Other bytes, other places, other numbers, leaves or pages missing or doubled: each is refused."""
    proof = prove_events(reader, [3, 2000, 4711], roots)
    for name, changed in bent(proof).items():
        with pytest.raises(RecordDamagedError):
            pytest.fail(f"{name} was not noticed: {len(proved_events(changed, reader.head))} events")
    with pytest.raises(RecordDamagedError, match="do not lead to the head"):
        proved_events(proof, leaf_hash(reader.head))


def test_no_more_events_than_it_speaks_of(reader: RecordReader, roots: list[bytes]) -> None:
    """A count within the same page that is below an event shown is refused, although it gives the same tree."""
    last = len(EVENTS) - 1
    proof = prove_events(reader, [last], roots)
    with pytest.raises(RecordDamagedError, match=f"more than the {last} that it speaks of"):
        proved_events(msgspec.structs.replace(proof, count=last), reader.head)


def single(data: bytes, events: int = 1) -> tuple[RecordProof, bytes]:
    """A proof of a record that is one leaf of these bytes, and its head."""
    proof = RecordProof(events, (PageProof(0, 1, (LeafProof(0, 0, events, data),), ()),), ())
    return proof, leaf_hash(leaf_hash(data))


def test_a_leaf_that_is_under_the_head_and_not_a_leaf() -> None:
    """Bytes that are no event, and two events in one leaf that names accounts, are refused even under the head."""
    events = [Event(seq, 0, Origin.INPUT, None, (), None, MarkPriced(0, 1, 0, 1)) for seq in range(2)]
    proof, head = single(b"".join(map(encode_event, events)), 2)
    assert list(proved_events(proof, head).values()) == events
    for data in (b"", b"\xc1", encode_event(events[1]), encode_event(events[0]) * 2):
        with pytest.raises(RecordDamagedError, match="is not the leaf of that event"):
            proved_events(*single(data))
    named = next(event for event in EVENTS if type(event.body) not in PUBLIC_TYPES)
    pair = [msgspec.structs.replace(named, seq=seq) for seq in range(2)]
    with pytest.raises(RecordDamagedError, match="is not the leaf of that event"):
        proved_events(*single(b"".join(map(encode_event, pair)), 2))


def test_an_event_of_a_later_version() -> None:
    """What lies under the head and is of no known kind is no damage: a later version can read it."""
    data = msgspec.msgpack.encode([0, 0, 0, None, [], None, [119, 1]])
    with pytest.raises(RecordNotFoundError, match="this version does not know"):
        proved_events(*single(data))


def test_a_head_that_the_pages_do_not_give(tmp_path: Path, roots: list[bytes]) -> None:
    """Where the manifest has another head than the pages lead to, nothing is proved."""
    reader = RecordReader.open(small_record(tmp_path))
    reader.head = bytes(32)
    with pytest.raises(RecordDamagedError, match="deleverage verify"):
        prove_events(reader, [4711], roots)

"""The hash trees against RFC 6962: a naive reading of its recursive definitions, and its well-known test vectors."""

from __future__ import annotations

from hashlib import sha256
from itertools import groupby

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import Deposited
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.codec import encode_event, list_header
from deleverage.events.envelope import Event, Origin
from deleverage.events.record.merkle import (
    EMPTY_ROOT,
    Frontier,
    leaf_hash,
    node_hash,
    tree_root,
    tree_roots,
)
from deleverage.events.record.pages import leaf_spans, leaves_of_page, page_root
from deleverage.events.record.proof import root_with, roots_beside

# The inputs, roots and audit paths that Certificate Transparency's implementations are tested with.
ENTRIES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
ENTRIES.append(bytes(range(0x60, 0x70)))
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {  # (index, size)
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def naive_root(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word by word."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    split = naive_split(len(entries))
    return sha256(b"\x01" + naive_root(entries[:split]) + naive_root(entries[split:])).digest()


def naive_path(index: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1, word by word."""
    if len(entries) == 1:
        return []
    split = naive_split(len(entries))
    if index < split:
        return [*naive_path(index, entries[:split]), naive_root(entries[split:])]
    return [*naive_path(index - split, entries[split:]), naive_root(entries[:split])]


def naive_split(count: int) -> int:
    """The largest power of two smaller than the count."""
    split = 1
    while split * 2 < count:
        split *= 2
    return split


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    """Roots over the first entries are the published ones."""
    assert tree_root([leaf_hash(entry) for entry in ENTRIES[:size]]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_known_paths(index: int, size: int) -> None:
    """The roots beside one leaf are its published audit path, from left to right, and lead to the published root."""
    leaves = [leaf_hash(entry) for entry in ENTRIES[:size]]
    path = roots_beside(leaves, [index])
    assert sorted(sibling.hex() for sibling in path) == sorted(PATHS[index, size])
    assert root_with(size, {index: leaves[index]}, path) == bytes.fromhex(ROOTS[size - 1])


def test_tree_over_nothing() -> None:
    """The root over no leaf is SHA-256 of nothing, by every way to get one."""
    assert tree_root([]) == Frontier().root() == EMPTY_ROOT == sha256(b"").digest()


@pytest.mark.parametrize("size", [*range(1, 35), 63, 64, 65, 127, 128, 129])
def test_every_shape_agrees_with_the_naive_tree(size: int) -> None:
    """Root, growing tree, paths and proofs agree with the recursive definitions for every leaf of every shape."""
    entries = [bytes([position]) * (position % 5) for position in range(size)]
    leaves = [leaf_hash(entry) for entry in entries]
    root, frontier = naive_root(entries), Frontier()
    for leaf in leaves:
        frontier = frontier.add(leaf)
    assert tree_root(leaves) == frontier.root() == root
    for index, leaf in enumerate(leaves):
        path = roots_beside(leaves, [index])
        assert sorted(path) == sorted(naive_path(index, entries))
        assert root_with(size, {index: leaf}, path) == root


@given(st.integers(0, 70))
def test_all_roots_of_a_tree_on_its_way(size: int) -> None:
    """The roots over the first so many leaves are those of trees that end there."""
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    assert tree_roots(leaves, range(size + 1)) == {count: tree_root(leaves[:count]) for count in range(size + 1)}


def test_a_growing_tree_keeps_what_it_was() -> None:
    """Adding to a tree leaves the one before as it was, in logarithmic memory."""
    leaves = [leaf_hash(bytes([position])) for position in range(200)]
    trees = [Frontier()]
    for leaf in leaves:
        trees.append(trees[-1].add(leaf))
    assert [tree.root() for tree in trees] == [tree_root(leaves[:size]) for size in range(201)]
    assert max(len(tree.peaks) for tree in trees) == 7


@given(st.lists(st.binary(max_size=40), min_size=2, max_size=40, unique=True), st.data())
def test_a_wrong_proof_is_refused(entries: list[bytes], data: st.DataObject) -> None:
    """A changed leaf, root, index or path, or a path too short or too long, proves nothing."""
    leaves = [leaf_hash(entry) for entry in entries]
    index = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.integers(0, len(leaves) - 1).filter(lambda position: position != index))
    size, path, root = len(leaves), roots_beside(leaves, [index]), tree_root(leaves)
    bent = [bytes([path[0][0] ^ 1]) + path[0][1:], *path[1:]]
    assert root_with(size, {index: leaves[other]}, path) != root
    assert root_with(size, {index: leaves[index]}, path) != leaf_hash(root)
    assert root_with(size, {other: leaves[index]}, path) != root
    for wrong in (path[:-1], [*path, root], bent):
        assert root_with(size, {index: leaves[index]}, wrong) != root


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 4), (4, 4), (0, -3), (1 << 200, (1 << 200) + 1)])
def test_a_senseless_proof_is_refused_without_an_error(index: int, size: int) -> None:
    """A proof with an impossible place or an absurd size leads nowhere, and is no exception."""
    assert root_with(size, {index: EMPTY_ROOT}, ()) is None


def test_a_salt_changes_the_leaf() -> None:
    """The salt goes between the prefix and the bytes, and the empty one is the default."""
    assert leaf_hash(b"data", b"salt") == sha256(b"\x00saltdata").digest()
    assert leaf_hash(b"data") == leaf_hash(b"data", b"") == sha256(b"\x00data").digest()


def test_a_node_is_not_a_leaf() -> None:
    """The bytes of two children hash to something else as an entry than as a node."""
    left, right = leaf_hash(b"l"), leaf_hash(b"r")
    assert node_hash(left, right) == sha256(b"\x01" + left + right).digest() != leaf_hash(left + right)


def events_of(publics: list[bool]) -> list[Event]:
    """A mark for each True, a deposit for each False."""
    return [
        Event(seq, 0, Origin.INPUT, None, (), None, MarkPriced(1, seq, 0, seq) if public else Deposited(seq, 5))
        for seq, public in enumerate(publics)
    ]


@given(st.lists(st.booleans(), max_size=256), st.binary(max_size=4))
def test_leaves_of_a_page(publics: list[bool], salt: bytes) -> None:
    """An event that names an account is a leaf; each maximal run of others is one, over its bytes one after another."""
    events = events_of(publics)
    page = list_header(len(events)) + b"".join(map(encode_event, events))
    expected = []
    for public, run in groupby(events, key=lambda event: type(event.body) is MarkPriced):
        pieces = [encode_event(event) for event in run]
        entries = [b"".join(pieces)] if public else pieces
        expected += [sha256(b"\x00" + salt + entry).digest() for entry in entries]
    assert leaves_of_page(events, page, salt) == expected
    spans = leaf_spans(events)
    assert [position for start, stop in spans for position in range(start, stop)] == list(range(len(events)))
    assert len(spans) == len(expected)


def test_an_event_is_proved_up_to_the_head() -> None:
    """Two proofs, event in page and page in head, lead from one event's bytes to the head of the record."""
    pages = [events_of([True] * 3 + [False] * 4 + [True]), events_of([False] * 5), events_of([True] * 9)]
    encoded = [list_header(len(page)) + b"".join(map(encode_event, page)) for page in pages]
    roots = [page_root(page, data) for page, data in zip(pages, encoded, strict=True)]
    head = naive_root(roots)
    leaves = leaves_of_page(pages[0], encoded[0])
    position = leaf_spans(pages[0]).index((5, 6))
    shown = {position: leaf_hash(encode_event(pages[0][5]))}
    assert root_with(len(leaves), shown, roots_beside(leaves, [position])) == roots[0]
    beside = roots_beside([leaf_hash(root) for root in roots], [0])
    assert root_with(len(roots), {0: leaf_hash(roots[0])}, beside) == head


@pytest.mark.parametrize("count", [0, 1, 15, 16, 255, 256, 65535, 65536, 1 << 20])
def test_list_header_is_the_encoders(count: int) -> None:
    """The header that is put before pages, and taken off them, is what the encoder writes for a list."""
    encoded = msgspec.msgpack.encode([None] * count)
    assert encoded == list_header(count) + b"\xc0" * count

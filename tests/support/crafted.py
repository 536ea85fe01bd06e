"""Changes to a record that somebody crafted: checksums and hashes are right again, all but the head.

A kind is a file, a field of it and a manner. What is derived is worked out anew from what was changed, where that is
what would deceive.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, product
from pathlib import Path
from typing import Any

import msgspec

from deleverage.events.bodies.inputs import BalanceStated
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.run import RunForked
from deleverage.events.envelope import Event, Origin
from deleverage.events.ledger import Ledger
from deleverage.events.record import PAGE_EVENTS, RecordReader
from deleverage.events.record.blocks import BlockPacker, pack_segment_header
from deleverage.events.record.columns.layout import Span, file_bytes, words_in, words_of
from deleverage.events.record.files import segment_name
from deleverage.events.record.manifest import FORMAT, Manifest, SegmentFigures, read_manifest, write_manifest
from deleverage.events.record.pages import ClosedPage, Progress, close_page
from deleverage.events.snapshots.snapshot import Snapshot, name_of, parts_of, read_snapshot, restore

from .rewritten import BY_PAGE, changed, moved, written

__all__ = ["Kind", "kinds_of", "kinds_of_a_fork"]

Kind = tuple[str, Callable[[Path], object]]
"""What it is called, and what it does to the record in a directory."""

_HEADER, _TRAILER = 16, 44


def kinds_of(events: Sequence[Event], reduction: Event, trader: int) -> list[Kind]:
    """All of them, for a record of these events of which a reduction and a trader are asked about."""
    return [
        *_states(trader),
        *_parents(events, reduction),
        *_postings(trader),
        *_other_columns(),
        *_events(events, reduction, trader),
        *_blocks(),
        *_manifests(events),
    ]


def kinds_of_a_fork(events: Sequence[Event], reduction: Event, trader: int) -> list[Kind]:
    """Those of what is beside a fork, and of what its manifest says of its parent."""
    beside = [*_states(trader), *_parents(events, reduction), *_postings(trader), *_other_columns()]
    return [*beside, *_manifests(events), *_of_another_parent()]


def _of_another_parent() -> Iterator[Kind]:
    def fork(record: Path, **fields: object) -> None:
        parent = read_manifest(record).parent
        assert parent is not None
        _told(record, parent=msgspec.structs.replace(parent, **fields))

    yield "manifest: no parent", lambda path: _told(path, parent=None)
    yield "manifest: another head of the parent", lambda path: fork(path, head="12" * 32)
    for more in (-256, -1, 1, 256):
        yield (
            f"manifest: left {more} later",
            lambda path, m=more: fork(path, at_seq=read_manifest(path).parent.at_seq + m),  # type: ignore[union-attr]
        )
    yield "manifest: the parent elsewhere", lambda path: fork(path, path="../nowhere.run")
    yield "manifest: its own parent", lambda path: fork(path, path="../child.run")
    yield "manifest: never forked", lambda path: _told(path, forks=())
    yield "a parent that went another way", _other_parent


def _other_parent(path: Path) -> None:
    """The parent's last events are others, in a record that is sound, and the fork's manifest has its head."""
    fork = read_manifest(path).parent
    assert fork is not None
    parent = path.parent / "small.run"
    events = [*RecordReader.open(parent).events()]
    shutil.rmtree(parent)
    written(parent, changed(events, 600, mark_ticks=5) if hasattr(events[600].body, "mark_ticks") else events[:-9])
    head = read_manifest(parent).head
    assert head is not None
    _told(path, parent=msgspec.structs.replace(fork, head=head))


# States


def _snapshots(path: Path) -> list[Path]:
    return sorted(path.glob("*.state.idx"))


def _state_of(path: Path, snapshot: Snapshot) -> Ledger:
    base = restore(read_snapshot(path / name_of(snapshot.base_seq))) if snapshot.base_seq else None
    return restore(snapshot, base)


def _lie(path: Path, place: int, change: Callable[[Ledger], object]) -> None:
    """Another state in the place of one that is kept, with its digest and the hash of the file."""
    file = _snapshots(path)[place]
    snapshot = read_snapshot(file)
    ledger = _state_of(path, snapshot)
    change(ledger)
    base = parts_of(_state_of(path, read_snapshot(path / name_of(snapshot.base_seq)))) if snapshot.base_seq else None
    payload, digest = parts_of(ledger).payload(base), bytes.fromhex(ledger.digest())
    file.write_bytes(snapshot._replace(payload=payload, digest=digest).pack())


def _moved_money(ledger: Ledger, trader: int) -> None:
    ledger.accounts[trader].balance_atoms += 10**6
    ledger.accounts[0].balance_atoms -= 10**6


def _no_positions(ledger: Ledger, trader: int) -> None:
    ledger.accounts[trader].positions.clear()


def _other_sizes(ledger: Ledger, trader: int) -> None:
    for account, sign in ((ledger.accounts[trader], 1), (ledger.accounts[1], -1)):
        for held in account.positions.values():
            held.size_lots += 7 * sign


def _renamed(ledger: Ledger, trader: int) -> None:
    ledger.account_names[trader] = f"not {ledger.account_names[trader]}"


def _other_marks(ledger: Ledger, _trader: int) -> None:
    for market in ledger.markets:
        if market.marked is not None:
            mark = market.marked
            market.marked = msgspec.structs.replace(
                mark, mark_ticks=mark.mark_ticks + 9, index_ticks=mark.index_ticks + 9
            )


def _other_scenario(ledger: Ledger, _trader: int) -> None:
    assert ledger.run is not None
    ledger.run = msgspec.structs.replace(ledger.run, scenario="another", seed=77)


def _other_policies(ledger: Ledger, _trader: int) -> None:
    ledger.producers = tuple(reversed(ledger.producers))


def _other_status(ledger: Ledger, trader: int) -> None:
    ledger.accounts[trader].status = "called"
    ledger.accounts[trader].calls += 3


def _later(ledger: Ledger, _trader: int) -> None:
    ledger.at_ns += 1


_LIES: dict[str, Callable[[Ledger, int], object]] = {
    "money moved": _moved_money,
    "no positions": _no_positions,
    "other sizes": _other_sizes,
    "renamed": _renamed,
    "other marks": _other_marks,
    "another scenario": _other_scenario,
    "other policies": _other_policies,
    "called": _other_status,
    "later": _later,
    "no timers": lambda ledger, _: ledger.timers.clear(),
    "no liquidations": lambda ledger, _: ledger.liquidations.clear(),
    "ended": lambda ledger, _: setattr(ledger, "ended", True),
    "no trader": lambda ledger, trader: ledger.accounts[trader].__setattr__("balance_atoms", 0),
}


def _states(trader: int) -> Iterator[Kind]:
    for place, (name, lie) in product((0, 1, -2, -1), _LIES.items()):
        yield f"state {place}: {name}", lambda path, p=place, one=lie: _lie(path, p, lambda ledger: one(ledger, trader))
    for place in (0, 1, -1):
        yield f"state {place}: of another head", lambda path, p=place: _replaced(path, p, head=b"\7" * 32)
        yield f"state {place}: of another place", lambda path, p=place: _replaced(path, p, seq=PAGE_EVENTS * 3)
        yield f"state {place}: an earlier one", lambda path, p=place: _earlier(path, p)
    yield (
        "states: all tell of money moved",
        lambda path: [
            _lie(path, place, lambda ledger: _moved_money(ledger, trader))
            for place in range(len(_snapshots(path)) - 1, -1, -1)
        ],
    )
    yield "states: two swapped", _swapped
    yield "states: one more, made up", lambda path: _one_more(path, trader)


def _replaced(path: Path, place: int, **fields: object) -> None:
    file = _snapshots(path)[place]
    file.write_bytes(read_snapshot(file)._replace(**fields).pack())  # type: ignore[arg-type]


def _earlier(path: Path, place: int) -> None:
    """The first state, said to be a later one."""
    first, file = read_snapshot(_snapshots(path)[0]), _snapshots(path)[place]
    ledger, later = _state_of(path, first), read_snapshot(file)
    ledger.seq = later.seq
    digest = bytes.fromhex(ledger.digest())
    file.write_bytes(Snapshot(later.seq, 0, later.head, digest, parts_of(ledger).payload(None)).pack())


def _swapped(path: Path) -> None:
    one, other = _snapshots(path)[1:3]
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def _one_more(path: Path, trader: int) -> None:
    last = read_snapshot(_snapshots(path)[-1])
    ledger, seq = _state_of(path, last), last.seq - PAGE_EVENTS
    ledger.seq = seq
    _moved_money(ledger, trader)
    digest = bytes.fromhex(ledger.digest())
    (path / name_of(seq)).write_bytes(Snapshot(seq, 0, last.head, digest, parts_of(ledger).payload(None)).pack())


# Columns


def _column(path: Path, name: str, change: Callable[[bytes], bytes], **span: Any) -> None:
    """Another body in a column's file, with its CRC and what it says it belongs to."""
    manifest, data = read_manifest(path), (path / name).read_bytes()
    assert manifest.head is not None
    first_seq = manifest.parent.first_seq if manifest.parent else 0
    own = Span(first_seq, manifest.count, bytes.fromhex(manifest.head))._replace(**span)
    (path / name).write_bytes(file_bytes(data[:4], change(data[_HEADER:-_TRAILER]), own))


def _words(change: Callable[[list[int]], list[int]]) -> Callable[[bytes], bytes]:
    return lambda body: words_of(change(list(words_in(body))))


def _with(place: int, number: int) -> Callable[[list[int]], list[int]]:
    return lambda words: [*words[:place], number, *words[place + 1 :]]


def _parents(events: Sequence[Event], reduction: Event) -> Iterator[Kind]:
    seq = reduction.seq
    cause = reduction.cause
    assert cause is not None
    for where, distance in product((seq, cause, len(events) - 1), (0, 1, 2, 100)):
        if (where, where - distance) not in {(seq, cause), (cause, events[cause].cause)}:
            name = f"parents: event {where} {distance} back"
            yield name, lambda path, w=where, d=distance: _column(path, "parents.idx", _words(_with(w, d)))
    yield "parents: none has any", lambda path: _column(path, "parents.idx", lambda body: bytes(len(body)))
    yield (
        "parents: each the one before",
        lambda path: _column(
            path, "parents.idx", _words(lambda words: [int(place > 0) for place in range(len(words))])
        ),
    )
    yield "parents: one further", lambda path: _column(path, "parents.idx", _words(lambda words: [0, *words[:-1]]))
    yield "parents: beyond the first", lambda path: _column(path, "parents.idx", _words(_with(seq, seq + 9)))
    yield "parents: turned round", lambda path: _column(path, "parents.idx", _words(lambda words: words[::-1]))
    yield "parents: shorter", lambda path: _column(path, "parents.idx", lambda body: body[:-4])


def _unpacked(words: list[int]) -> list[tuple[int, list[int]]]:
    """The events and the accounts of each block."""
    found, place = [], 0
    while place < len(words):
        stop = place + 2 + words[place + 1]
        found.append((words[place], words[place + 2 : stop]))
        place = stop
    return found


def _packed(blocks: list[tuple[int, list[int]]]) -> list[int]:
    return list(chain.from_iterable((count, len(accounts), *accounts) for count, accounts in blocks))


def _postings(trader: int) -> Iterator[Kind]:
    def without(accounts: list[int]) -> list[int]:
        return [account for account in accounts if account != trader]

    manners: dict[str, Callable[[list[tuple[int, list[int]]]], list[tuple[int, list[int]]]]] = {
        "the trader nowhere": lambda blocks: [(count, without(named)) for count, named in blocks],
        "the trader not at first": lambda blocks: [
            (count, without(named) if place < len(blocks) // 2 else named)
            for place, (count, named) in enumerate(blocks)
        ],
        "the trader not at last": lambda blocks: [
            (count, without(named) if place >= len(blocks) // 2 else named)
            for place, (count, named) in enumerate(blocks)
        ],
        "nobody anywhere": lambda blocks: [(count, []) for count, _ in blocks],
        "the fund nowhere": lambda blocks: [(count, [one for one in named if one > 3]) for count, named in blocks],
        "another in its place": lambda blocks: [
            (count, sorted({one + (one == trader) for one in named})) for count, named in blocks
        ],
        "out of order": lambda blocks: [(count, named[::-1]) for count, named in blocks],
        "a block earlier": lambda blocks: [
            (count, named) for (count, _), (_, named) in zip(blocks, [*blocks[1:], blocks[0]], strict=True)
        ],
        "one block": lambda blocks: [(sum(count for count, _ in blocks), [trader + 1])],
        "other blocks": lambda blocks: [
            (count + (1 if place == 0 else -1 if place == 1 else 0), named)
            for place, (count, named) in enumerate(blocks)
        ],
    }
    for name, (manner, change) in product(("accounts.idx", "forced.idx"), manners.items()):
        yield (
            f"{name}: {manner}",
            lambda path, n=name, c=change: _column(path, n, _words(lambda words: _packed(c(_unpacked(words))))),
        )


def _other_columns() -> Iterator[Kind]:
    def forks(*seqs: int) -> Callable[[bytes], bytes]:
        return lambda _body: b"".join(seq.to_bytes(8, "little") for seq in seqs)

    for seqs in ((5,), (3000,), (5, 3000), (0,)):
        yield f"forks: at {seqs}", lambda path, s=seqs: _column(path, "forks.idx", forks(*s))
        yield (
            f"forks: at {seqs}, and so in the manifest",
            lambda path, s=seqs: (_column(path, "forks.idx", forks(*s)), _told(path, forks=s)),
        )
    for place in (0, 5, -1):
        yield (
            f"roots: page {place}",
            lambda path, p=place: _column(path, "roots.idx", lambda body: _flipped(body, 32 * p)),
        )
    yield "roots: turned round", lambda path: _column(path, "roots.idx", lambda body: body[32:] + body[:32])
    yield "roots: one less", lambda path: _column(path, "roots.idx", lambda body: body[:-32])
    for name in ("roots.idx", "parents.idx", "accounts.idx", "forks.idx"):
        yield f"{name}: of another span", lambda path, n=name: _column(path, n, lambda body: body, first_seq=256)
        yield f"{name}: of another head", lambda path, n=name: _column(path, n, lambda body: body, head=b"\3" * 32)
        yield f"{name}: gone", lambda path, n=name: (path / n).unlink()


def _flipped(body: bytes, place: int) -> bytes:
    data = bytearray(body)
    data[place] ^= 1
    return bytes(data)


# Events


def _events(events: Sequence[Event], reduction: Event, trader: int) -> Iterator[Kind]:
    seq, cause = reduction.seq, reduction.cause
    assert cause is not None
    named = next(one for one in events if isinstance(one.body, BalanceStated) and one.body.account == trader)
    marked = next(one for one in events[seq - 200 :] if isinstance(one.body, MarkPriced))
    stories: dict[str, list[Event]] = {
        "another rank": changed(events, seq, rank=1),
        "another score": changed(events, seq, score=1),
        "another size": changed(events, seq, size_lots=1),
        "another price": changed(events, seq, price_ticks=1),
        "another account": changed(events, seq, account=trader + 1),
        "another cause": moved(events, seq, cause=cause - 1),
        "no cause": moved(events, seq, cause=None),
        "by another": moved(events, seq, producer=0),
        "as an input": moved(events, seq, origin=Origin.INPUT, cause=None, producer=None),
        "a link more": moved(events, seq, links=(1,)),
        "later": [msgspec.structs.replace(one, at_ns=one.at_ns + 1) if one.seq >= seq else one for one in events],
        "more money": changed(events, named.seq, balance_atoms=10**12),
        "another mark": changed(events, marked.seq, mark_ticks=1),
        "two swapped": [
            *events[: seq - 1],
            msgspec.structs.replace(events[seq], seq=seq - 1, cause=events[seq - 1].cause),
            msgspec.structs.replace(events[seq - 1], seq=seq, cause=events[seq].cause),
            *events[seq + 1 :],
        ],
        "the last ones gone": list(events[:-300]),
        "the last one gone": list(events[:-1]),
        "one more": [*events, msgspec.structs.replace(events[-1], seq=len(events))],
        "forked once": moved(events, 3001, body=RunForked(b"\1" * 32, 3001, (("adl.policy", "none"),))),
    }
    for (name, story), beside in product(stories.items(), ("as it was", "made anew", "gone")):
        yield f"events: {name}, what is beside {beside}", lambda path, s=story, b=beside: _retold(path, s, b)


def _retold(path: Path, events: Sequence[Event], beside: str) -> None:
    """Other events in the files, with a manifest that tells of these files and has the head of before."""
    before = read_manifest(path)
    assert before.head is not None
    with tempfile.TemporaryDirectory() as folder:
        other = written(Path(folder) / "other.run", events, before.status, before.error)  # type: ignore[arg-type]
        for file in [*path.glob("*.seg"), *(path.glob("*.idx") if beside != "as it was" else ())]:
            file.unlink()
        for file in [*other.glob("*.seg"), *(other.glob("*.idx") if beside == "made anew" else ())]:
            shutil.copy(file, path)
        told = read_manifest(other)
    _told(path, count=told.count, blocks=told.blocks, segments=told.segments, last_at_ns=told.last_at_ns)
    if beside == "made anew":
        head = bytes.fromhex(before.head)
        for name in ("roots.idx", "parents.idx", "accounts.idx", "forced.idx", "forks.idx"):
            _column(path, name, lambda body: body)
        for file in _snapshots(path):
            file.write_bytes(read_snapshot(file)._replace(head=head).pack())


# Blocks


def _pages(path: Path) -> list[ClosedPage]:
    pages, progress = [], Progress()
    for events, _ in RecordReader.open(path).pages():
        pages.append(close_page(events, progress))
        progress = pages[-1].progress
    return pages


def _put(path: Path, blocks: Sequence[bytes], **told: object) -> None:
    """These blocks in one segment, with a manifest that tells of its size."""
    data = pack_segment_header(FORMAT, 0, 0) + b"".join(blocks)
    for file in path.glob("*.seg"):
        file.unlink()
    (path / segment_name(0)).write_bytes(data)
    _told(path, blocks=len(blocks), segments=(SegmentFigures(0, len(blocks), len(data)),), **told)


def _blocks() -> Iterator[Kind]:
    packer = BlockPacker(BY_PAGE)

    def packed(path: Path) -> list[bytes]:
        return [packer.pack([page]) for page in _pages(path)]

    def cut(path: Path, blocks: list[bytes], last: ClosedPage) -> None:
        _put(path, blocks, count=last.last.seq + 1, last_at_ns=last.last.at_ns)

    yield (
        "blocks: cut otherwise",
        lambda path: _put(
            path, [packer.pack(_pages(path)[place : place + 3]) for place in range(0, len(_pages(path)), 3)]
        ),
    )
    yield (
        "blocks: not compressed",
        lambda path: _put(
            path, [BlockPacker(msgspec.structs.replace(BY_PAGE, codec="none")).pack([page]) for page in _pages(path)]
        ),
    )
    yield "blocks: the last gone", lambda path: cut(path, packed(path)[:-1], _pages(path)[-2])
    yield "blocks: the last five gone", lambda path: cut(path, packed(path)[:-5], _pages(path)[-6])
    yield "blocks: the last there twice", lambda path: _put(path, [*packed(path), packed(path)[-1]])
    yield (
        "blocks: all gone",
        lambda path: (
            [file.unlink() for file in path.glob("*.seg")],
            _told(path, blocks=0, segments=(), count=0, first_at_ns=None, last_at_ns=None),
        ),
    )
    for place in (0, 4, -2):
        yield (
            f"blocks: {place} gone",
            lambda path, p=place: _put(path, [block for block in packed(path) if block != packed(path)[p]]),
        )
        for field, stop in (("first_seq", 16), ("count", 20), ("first_at_ns", 28), ("last_at_ns", 36), ("raw", 40)):
            yield f"blocks: {place} says another {field}", lambda path, p=place, s=stop: _mislabelled(path, p, s)


def _mislabelled(path: Path, place: int, stop: int) -> None:
    """A header that says something else, with its CRC."""
    import google_crc32c  # noqa: PLC0415 - only here is one made by hand

    blocks = [BlockPacker(BY_PAGE).pack([page]) for page in _pages(path)]
    data = bytearray(blocks[place])
    data[stop - 4] = (data[stop - 4] + 1) % 256
    crc = google_crc32c.extend(google_crc32c.value(bytes(data[:44])), bytes(data[48:]))
    blocks[place] = bytes(data[:44]) + crc.to_bytes(4, "little") + bytes(data[48:])
    _put(path, blocks)


# Manifests


def _told(path: Path, **fields: object) -> None:
    write_manifest(path, msgspec.structs.replace(read_manifest(path), **fields))


def _manifests(events: Sequence[Event]) -> Iterator[Kind]:
    count = len(events)
    fields: list[tuple[str, object]] = [
        ("scenario", "another"),
        ("scenario", ""),
        ("seed", 2),
        ("seed", None),
        ("schema", 0),
        ("schema", 9),
        ("format", 9),
        ("status", "interrupted"),
        ("status", "failed"),
        ("status", "recovered"),
        ("status", "recording"),
        ("error", "it was somebody else"),
        ("count", count - 1),
        ("count", count + 1),
        ("count", count - 256),
        ("count", 0),
        ("head", "00" * 32),
        ("head", None),
        ("head", "Ab" * 32),
        ("first_at_ns", 0),
        ("last_at_ns", events[-1].at_ns + 1),
        ("last_at_ns", None),
        ("blocks", 1),
        ("segments", ()),
        ("segments", (SegmentFigures(0, 1, 100),)),
        ("segments", (SegmentFigures(256, 17, 100),)),
        ("forks", (5,)),
        ("forks", (3001,)),
        ("forks", (count,)),
        ("started", "2020-01-01T00:00:00+00:00"),
        ("sealed", None),
        ("host", "elsewhere"),
        ("settings", BY_PAGE),
        ("code_sha256", "ab" * 32),
        ("deleverage", "9.9"),
    ]
    for name, value in fields:
        yield f"manifest: {name} is {value!r}"[:70], lambda path, n=name, v=value: _told(path, **{n: v})
    assert {name for name, _ in fields} <= set(Manifest.__struct_fields__)

"""States kept beside a record: what a snapshot restores, where they are taken, and which of them are used."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import Deposited
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.ledger import Ledger
from deleverage.events.record import PAGE_EVENTS, Known, MemoryRecord
from deleverage.events.snapshots import SnapshotKeeper, SnapshotShelf, keeper
from deleverage.events.snapshots.snapshot import Parts, Snapshot, name_of, parts_of, read_snapshot, restore

from .support.crash import recorded
from .support.snapshots import snapshots_closely
from .support.venue import Book

EVENTS = recorded()
closely = pytest.fixture(snapshots_closely)
POINTS = st.integers(1, len(EVENTS))
PAGES = len(EVENTS) // PAGE_EVENTS


def fold(count: int) -> Ledger:
    """The state after so many events of the small crash."""
    return Ledger.of(EVENTS[:count])


def heads() -> dict[int, bytes]:
    """The heads of the small crash as it was after each page."""
    record, found = MemoryRecord(), dict[int, bytes]()
    for count in range(PAGE_EVENTS, len(EVENTS), PAGE_EVENTS):
        record.append_many(EVENTS[record.count : count])
        found[count] = record.head
    return found


HEADS = heads()


def snapshot_of(ledger: Ledger, base: tuple[int, Parts] | None = None) -> Snapshot:
    """A state, whole or as what differs from a base."""
    base_seq, parts = base or (0, None)
    digest = bytes.fromhex(ledger.digest())
    return Snapshot(ledger.seq, base_seq, HEADS.get(ledger.seq, b"\0" * 32), digest, parts_of(ledger).payload(parts))


def iterated(ledger: Ledger) -> list[object]:
    """Everything in a ledger that has an order, in its order."""
    positions = [list(account.positions) for account in ledger.accounts]
    rest = (ledger.account_ids, ledger.liquidations, ledger.timers, ledger.round_bases, ledger.notes)
    return [positions, ledger.account_names, *map(list, rest)]


@given(POINTS)
@settings(max_examples=25, deadline=None)
def test_a_whole_snapshot_is_the_state_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, count: int) -> None:
    """Written, read and restored, it is the fold of the events, and iterates in the same order."""
    ledger, path = fold(count), tmp_path_factory.getbasetemp() / name_of(count)
    path.write_bytes(snapshot_of(ledger).pack())
    restored = restore(read_snapshot(path))
    assert restored.encode() == ledger.encode()
    assert iterated(restored) == iterated(ledger)


@given(POINTS, POINTS)
@settings(max_examples=25, deadline=None)
def test_a_difference_is_the_state_byte_for_byte(one: int, other: int) -> None:
    """On top of its base, however far that is, it is the fold of the events, and iterates in the same order."""
    base, ledger = fold(min(one, other)), fold(max(one, other))
    difference = snapshot_of(ledger, (base.seq, parts_of(base)))
    restored = restore(difference, restore(snapshot_of(base)))
    assert restored.encode() == ledger.encode()
    assert iterated(restored) == iterated(ledger)


def test_a_restored_state_goes_on_like_the_one_that_ran() -> None:
    """The rest of the events, folded into a restored state, ends in the same bytes; its base is not touched by them."""
    base, ledger = fold(2000), fold(4000)
    parts = parts_of(base)
    before = list(parts.accounts)
    restored = restore(snapshot_of(ledger, (2000, parts)), restore(snapshot_of(base)))
    for event in EVENTS[4000:]:
        restored.fold(event)
        ledger.fold(event)
    assert restored.encode() == ledger.encode()
    assert parts.accounts == before


def test_a_difference_holds_only_what_differs() -> None:
    """A state that is as its base but for one account takes a fraction of a whole one, and is restored all the same."""
    ledger = fold(3000)
    whole, base = snapshot_of(ledger), parts_of(ledger)
    ledger.accounts[20].balance_atoms += 1
    difference = snapshot_of(ledger, (3000, base))
    assert len(difference.payload) < len(whole.payload) // 3
    assert restore(difference, restore(whole)).encode() == ledger.encode()


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_changed_byte_or_a_cut_is_no_snapshot(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Wherever it is, in header, hash or payload."""
    whole = snapshot_of(fold(1024)).pack()
    path = tmp_path_factory.getbasetemp() / "changed"
    place = data.draw(st.integers(0, 120) | st.integers(0, len(whole) - 1))
    changed = bytes([whole[place] ^ data.draw(st.integers(1, 255))])
    for wrong in (whole[:place] + changed + whole[place + 1 :], whole[:place], whole + changed):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=r"its hash is wrong|not a snapshot of this format|it ends after"):
            read_snapshot(path)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"payload": b"no zstd"}, "does not decode"),
        ({"seq": 1023}, "holds the state after 1024 events, not 1023"),
    ],
)
def test_what_does_not_fit_its_header_is_refused(wrong: dict[str, object], told: str) -> None:
    """A file may be whole and yet not hold what it says."""
    with pytest.raises(ValueError, match=told):
        restore(snapshot_of(fold(1024))._replace(**wrong))  # type: ignore[arg-type]


def test_a_difference_without_its_base_is_refused() -> None:
    """Most accounts are missing then, and that is said as a fault of the file."""
    base = fold(1024)
    difference = snapshot_of(fold(2048), (1024, parts_of(base)))
    with pytest.raises(ValueError, match="does not fit its base"):
        restore(difference)


class Kept:
    """The small crash as a record's writer would tell a keeper of it, `bytes_a_page` at a time."""

    def __init__(self, directory: Path, bytes_a_page: int = 4096) -> None:
        self.ledger, self.directory, self.bytes_a_page = Ledger(), directory, bytes_a_page
        self.keeper = SnapshotKeeper(directory, self.ledger)

    def to(self, pages: int) -> Kept:
        """Up to the end of a page."""
        while self.ledger.seq < pages * PAGE_EVENTS:
            for event in EVENTS[self.ledger.seq : self.ledger.seq + PAGE_EVENTS]:
                self.ledger.fold(event)
            count = self.ledger.seq
            head = HEADS[count]
            self.keeper.block_written(count, count // PAGE_EVENTS * self.bytes_a_page, lambda head=head: head)
        return self

    @property
    def files(self) -> dict[int, Snapshot]:
        """What is on the disk."""
        return {int(path.name[:12]): read_snapshot(path) for path in sorted(self.directory.glob("*.state.idx"))}

    def shelf(self, count: int = len(EVENTS), heads: Mapping[int, bytes] | None = None) -> SnapshotShelf:
        """Those files, for a record of so many events."""
        told = HEADS if heads is None else heads

        def heads_of(seqs: Iterable[int]) -> dict[int, bytes]:
            return {seq: told[seq] for seq in seqs if seq in told}

        known = Known(None)
        known.add(self.keeper.sealed(1 << 60))
        return SnapshotShelf(self.directory, count, heads_of, known)


@pytest.mark.usefixtures("closely")
@pytest.mark.parametrize("bytes_a_page", [200, 400, 1500, 4096, 40_000])
def test_they_take_a_third_of_the_record_at_most(tmp_path: Path, bytes_a_page: int) -> None:
    """At every moment, but for the first: that may be as large as the record until it ends, and then goes if need be.

    Those that follow it take a third of what the record has grown by.
    """
    kept = Kept(tmp_path, bytes_a_page)
    for pages in range(1, PAGES + 1):
        kept.to(pages)
        first, *others = [path.stat().st_size for path in sorted(tmp_path.iterdir())] or [0]
        grown = pages * bytes_a_page - (kept.keeper.taken or [0])[0] // PAGE_EVENTS * bytes_a_page
        assert (first + sum(others)) * 3 <= pages * bytes_a_page or sum(others) * 3 <= grown
        assert first <= pages * bytes_a_page
    assert kept.keeper.taken == list(kept.files)
    assert bool(kept.files) == (bytes_a_page > 200)
    kept.keeper.sealed(PAGES * bytes_a_page)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) * 3 <= PAGES * bytes_a_page
    assert kept.keeper.taken == list(kept.files)
    assert bool(kept.files) == (bytes_a_page > 400)


@pytest.mark.usefixtures("closely")
def test_the_first_is_whole_and_another_where_the_differences_outgrow_it(tmp_path: Path) -> None:
    """Each other is a difference to the last whole one, until those add up to more than it took."""
    files = Kept(tmp_path, 40_000).to(PAGES).files
    sizes = {seq: len(one.pack()) for seq, one in files.items()}
    base, spent, wholes = 0, 0, 0
    for seq, one in files.items():
        due_whole = not base or spent > sizes[base]
        assert one.base_seq == (0 if due_whole else base)
        base, spent = (seq, 0) if due_whole else (base, spent + sizes[seq])
        wholes += due_whole
    assert 1 < wholes < len(files)


def test_they_are_spaced_by_bytes(tmp_path: Path) -> None:
    """The first as soon as the record is as large as it, the others 128 KiB apart at least."""
    taken = Kept(tmp_path, 40_000).to(PAGES).keeper.taken
    assert taken[0] == next(event.seq for event in EVENTS if isinstance(event.body, MarkPriced)) // 256 * 256 + 256
    assert len(taken) > 2
    assert all((later - earlier) // PAGE_EVENTS * 40_000 >= 1 << 17 for earlier, later in pairwise(taken))


@pytest.mark.usefixtures("closely")
def test_none_is_taken_where_going_on_would_not_begin_with_a_page(tmp_path: Path) -> None:
    """Nor of a state that stands elsewhere than the record, nor before there is a price."""
    ledger = fold(1000)
    kept = SnapshotKeeper(tmp_path, ledger)
    kept.block_written(1000, 1 << 20, lambda: b"")
    kept.block_written(1024, 1 << 20, lambda: b"")
    SnapshotKeeper(tmp_path, fold(PAGE_EVENTS)).block_written(PAGE_EVENTS, 1 << 20, lambda: b"")
    assert not list(tmp_path.iterdir())
    for event in EVENTS[1000:1024]:
        ledger.fold(event)
    kept.block_written(1024, 1 << 20, lambda: HEADS[1024])
    assert [path.name for path in tmp_path.iterdir()] == ["000000001024.state.idx"]


@pytest.mark.usefixtures("closely")
def test_a_disk_that_refuses_troubles_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it takes half is not left there, and no further one is tried."""
    kept, tried = Kept(tmp_path).to(12), list[str]()
    before = kept.keeper.taken
    assert before

    class Full(io.FileIO):
        """A file on a disk that takes half of what it is given."""

        def write(self, data: Any) -> int:
            tried.append(str(self.name))
            super().write(bytes(data)[: len(data) // 2])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeper, "open_new", lambda path: Full(path, "x"))
    kept.to(PAGES)
    assert kept.keeper.taken == before
    assert [path.name for path in sorted(tmp_path.iterdir())] == [name_of(seq) for seq in before]
    assert len(tried) == 1


@pytest.mark.usefixtures("closely")
def test_figures_that_no_file_holds_trouble_nobody(tmp_path: Path) -> None:
    """A sum may outgrow 64 bits where no event does: then there are no snapshots, and the run goes on."""
    book = Book()
    trader = book.user()
    for _ in range(3):
        book.put(Deposited(trader, 2**63 - 1))
    while book.ledger.seq < PAGE_EVENTS:
        book.mark(1000)
    kept = SnapshotKeeper(tmp_path, book.ledger)
    kept.block_written(PAGE_EVENTS, 1 << 20, lambda: b"\0" * 32)
    assert (kept.taken, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.usefixtures("closely")
@given(st.integers(0, PAGES * PAGE_EVENTS))
@settings(max_examples=25, deadline=None)
def test_the_nearest_is_the_latest_at_or_before(tmp_path_factory: pytest.TempPathFactory, count: int) -> None:
    """Restored, and checked against the fold; None before the first."""
    kept = Kept(tmp_path_factory.mktemp("kept")).to(PAGES)
    found, due = kept.shelf().nearest(count), max((seq for seq in kept.keeper.taken if seq <= count), default=0)
    assert (found.encode() if found else b"") == (fold(due).encode() if due else b"")


@pytest.mark.usefixtures("closely")
def test_each_call_gives_a_state_of_its_own(tmp_path: Path) -> None:
    """What is done to one that was given out does not show in the next."""
    shelf = Kept(tmp_path).to(PAGES).shelf()
    for seq in (shelf.seqs[-1], shelf.seqs[0]):
        first = shelf.nearest(seq)
        assert first is not None
        first.accounts[20].balance_atoms += 1
        assert shelf.nearest(seq).encode() == fold(seq).encode()  # type: ignore[union-attr]


def bad(path: Path, how: str) -> None:
    """Damage a snapshot in one of the ways that a disk, a person or another record can."""
    data = bytearray(path.read_bytes())
    if how == "flipped":
        data[len(data) // 2] ^= 4
    elif how == "cut":
        del data[len(data) // 2 :]
    elif how == "empty":
        data.clear()
    elif how == "foreign":
        one = read_snapshot(path)
        data[:] = one._replace(head=sha256(one.head).digest()).pack()
    elif how == "unfit":
        data[:] = read_snapshot(path)._replace(payload=snapshot_of(fold(17)).payload).pack()
    elif how == "its own base":
        data[:] = read_snapshot(path)._replace(base_seq=int(path.name[:12])).pack()
    path.write_bytes(data)


WAYS = ["flipped", "cut", "empty", "foreign", "unfit", "its own base"]


@pytest.mark.usefixtures("closely")
@pytest.mark.parametrize("how", WAYS)
def test_a_bad_one_is_ignored_and_reported_once(tmp_path: Path, how: str) -> None:
    """The one before it serves, and whoever asks again is not told again.

    One of which every hash is right is passed over as unknown, and reported when the fold comes to it.
    """
    kept = Kept(tmp_path).to(PAGES)
    before, last = kept.keeper.taken[-2:]
    bad(tmp_path / name_of(last), how)
    shelf = kept.shelf()
    for _ in range(2):
        assert shelf.nearest(PAGES * PAGE_EVENTS).encode() == fold(before).encode()  # type: ignore[union-attr]
        assert len(shelf.reports) == (0 if how in ("foreign", "unfit") else 1)
    for _ in range(2):
        shelf.hold(fold(last))
    assert len(shelf.reports) == 1
    assert str(tmp_path / name_of(last)) in shelf.reports[0]
    assert "\n" not in shelf.reports[0]


@pytest.mark.usefixtures("closely")
@pytest.mark.parametrize("how", WAYS)
def test_what_rests_on_a_bad_base_is_not_used(tmp_path: Path, how: str) -> None:
    """Differences to it go with it, silently, for the report names what is wrong."""
    kept = Kept(tmp_path).to(PAGES)
    bases = {seq: one.base_seq for seq, one in kept.files.items()}
    base = next(seq for seq in bases.values() if seq)
    bad(tmp_path / name_of(base), how)
    shelf = kept.shelf()
    for seq in sorted(bases, reverse=True):
        usable = [one for one in bases if one <= seq and base not in (one, bases[one])]
        found = shelf.nearest(seq)
        assert (found.seq if found else 0) == max(usable, default=0)
        if found:
            assert found.encode() == fold(found.seq).encode()
    for seq in sorted(bases, reverse=True):
        shelf.hold(fold(seq))
    assert len(shelf.reports) == 1


@pytest.mark.usefixtures("closely")
def test_a_misnamed_one_is_not_what_its_name_says(tmp_path: Path) -> None:
    """Neither at another page's end, nor between two of them, nor under a name that none has."""
    kept = Kept(tmp_path).to(PAGES)
    first, second, *_ = kept.keeper.taken
    data = (tmp_path / name_of(first)).read_bytes()
    for seq in (second, second + 1):
        (tmp_path / name_of(seq)).write_bytes(data)
    (tmp_path / f"{second}.state.idx").write_bytes(data)
    (tmp_path / "copy of it.state.idx").write_bytes(data)
    shelf = kept.shelf()
    found = shelf.nearest(second + PAGE_EVENTS)
    assert found is not None
    assert found.encode() == fold(first).encode()
    assert len(shelf.reports) == 2
    assert all("it is of another" in report for report in shelf.reports)


@pytest.mark.usefixtures("closely")
def test_those_beyond_the_record_are_left_out_silently(tmp_path: Path) -> None:
    """A record that was cut has fewer events than what was kept of it."""
    kept = Kept(tmp_path).to(PAGES)
    cut = kept.keeper.taken[-1] - 1
    shelf = kept.shelf(cut)
    assert shelf.seqs == kept.keeper.taken[:-1]
    assert shelf.nearest(1 << 40).encode() == fold(shelf.seqs[-1]).encode()  # type: ignore[union-attr]
    assert shelf.reports == []


@pytest.mark.usefixtures("closely")
def test_digests_are_those_of_the_states(tmp_path: Path) -> None:
    """None where no state is kept, nor where it is damaged or is not the state that it says it is."""
    kept = Kept(tmp_path).to(PAGES)
    *others, third, second, last = kept.keeper.taken
    bad(tmp_path / name_of(last), "flipped")
    for seq in (third, second):
        path = tmp_path / name_of(seq)
        one = read_snapshot(path)
        lie = {"digest": b"\1" * 32} if seq == third else {"payload": lying(one)}
        path.write_bytes(one._replace(**lie).pack())  # type: ignore[arg-type]
    shelf = kept.shelf()
    assert {seq: shelf.digest(seq) for seq in others} == {seq: fold(seq).digest() for seq in others}
    assert [shelf.digest(seq) for seq in (third, second, last, 77)] == [None] * 4
    assert len(shelf.reports) == 3


def lying(one: Snapshot) -> bytes:
    """The payload of a state in which somebody is richer."""
    ledger, base = fold(one.seq), fold(one.base_seq)
    ledger.accounts[20].balance_atoms += 1
    return parts_of(ledger).payload(parts_of(base) if one.base_seq else None)


@pytest.mark.usefixtures("closely")
def test_discarded_and_made_again_elsewhere_they_are_found(tmp_path: Path) -> None:
    """What is known of the heads is that of the files that are there now; one that cannot be deleted is no trouble."""
    kept = Kept(tmp_path).to(PAGES)
    shelf = kept.shelf()
    assert shelf.nearest(PAGES * PAGE_EVENTS)
    (tmp_path / "stuck.state.idx").mkdir()
    shelf.discard()
    assert (shelf.seqs, [path.name for path in tmp_path.iterdir()]) == ([], ["stuck.state.idx"])
    other = PAGE_EVENTS * 3
    (tmp_path / name_of(other)).write_bytes(snapshot_of(fold(other)).pack())
    shelf.seqs = [other]
    assert shelf.nearest(other + 5) is None
    shelf.hold(fold(other))
    assert shelf.nearest(other + 5).encode() == fold(other).encode()  # type: ignore[union-attr]
    assert shelf.reports == []


@pytest.mark.usefixtures("closely")
def test_a_state_is_given_only_once_the_fold_came_to_it(tmp_path: Path) -> None:
    """Of unknown files none is; those that the fold came to are, a difference with its base, by whoever asks later."""
    kept = Kept(tmp_path).to(PAGES)
    known, head = Known(None), HEADS[PAGES * PAGE_EVENTS - PAGE_EVENTS]
    shelf = SnapshotShelf(tmp_path, len(EVENTS), lambda _: HEADS, known)
    assert shelf.nearest(len(EVENTS)) is None
    assert shelf.unheld(0, len(EVENTS)) == kept.keeper.taken
    difference = next(seq for seq, one in kept.files.items() if one.base_seq)
    for of in (known, Known(head)):
        shelf = SnapshotShelf(tmp_path, len(EVENTS), lambda _: HEADS, of)
        shelf.hold(fold(difference))
        assert shelf.unheld(0, len(EVENTS)) == [seq for seq in kept.keeper.taken if seq != difference]
    later = SnapshotShelf(tmp_path, len(EVENTS), lambda _: HEADS, Known(head))
    assert later.nearest(len(EVENTS)).encode() == fold(difference).encode()  # type: ignore[union-attr]
    assert later.nearest(len(EVENTS), difference) is None
    assert SnapshotShelf(tmp_path, len(EVENTS), lambda _: HEADS, Known(HEADS[PAGE_EVENTS])).nearest(9999) is None
    assert later.reports == []


@pytest.mark.usefixtures("closely")
def test_a_known_difference_is_not_given_on_another_base(tmp_path: Path) -> None:
    """Whoever changes the base and corrects its hash has changed what rests on it, and that is not known."""
    kept = Kept(tmp_path).to(PAGES)
    difference, one = next((seq, one) for seq, one in kept.files.items() if one.base_seq)
    base, state = read_snapshot(tmp_path / name_of(one.base_seq)), fold(one.base_seq)
    then = fold(difference).accounts
    quiet = next(n for n, account in enumerate(state.accounts) if account.kind == "user" and account == then[n])
    state.accounts[quiet].balance_atoms += 1  # the difference says nothing of it
    lie = base._replace(payload=parts_of(state).payload(None), digest=bytes.fromhex(state.digest()))
    (tmp_path / name_of(base.seq)).write_bytes(lie.pack())
    shelf = kept.shelf()
    assert shelf.nearest(difference) is None
    assert shelf.reports == []
    shelf.hold(fold(difference))
    shelf.hold(fold(base.seq))
    assert shelf.nearest(difference) is None
    assert "it is not the state that the events fold to" in shelf.reports[-1]


@pytest.mark.usefixtures("closely")
def test_a_base_is_whole(tmp_path: Path) -> None:
    """A difference to a difference is refused, so that nobody is led round in circles or down a long way."""
    kept = Kept(tmp_path).to(PAGES)
    second, third = [seq for seq, one in kept.files.items() if one.base_seq][:2]
    (tmp_path / name_of(third)).write_bytes(kept.files[third]._replace(base_seq=second).pack())
    shelf = kept.shelf()
    assert shelf.nearest(third) is not None
    assert f"{name_of(second)}: a damaged snapshot (it differs from a base and is one itself)" in shelf.reports[0]

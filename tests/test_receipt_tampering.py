"""A receipt that was changed: any byte, with its own hash left as it was or worked out anew, and whole forgeries."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run
from deleverage.events.bodies.inputs import Deposited
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import DeleverageError, QueryError, RecordDamagedError
from deleverage.events.record import prove_events, proved_events
from deleverage.handlers.pseudonyms import run_key
from deleverage.replay.receipt import check
from deleverage.replay.receipt.check import check_receipt
from deleverage.replay.receipt.file import Receipt, decode_receipt, encode_receipt
from deleverage.replay.receipt.receipt import receipt_of
from deleverage.replay.run import Run

from .support.command_line import small_record
from .support.crash import recorded

EVENTS = recorded()
REDUCTIONS = [event for event in EVENTS if isinstance(event.body, PositionDeleveraged)]
ROUNDS = {event.body.round: event.body for event in EVENTS if isinstance(event.body, DeleveragingStarted)}
HASH_KEY = b',"receipt_sha256":"'


def continued(number: int) -> int:
    """How many rounds before it a round continues."""
    base = ROUNDS[number].base_round
    return 0 if base is None else 1 + continued(base)


FIRST = next(event.seq for event in REDUCTIONS if not continued(event.body.round))  # type: ignore[union-attr]
LATER = [event.seq for event in REDUCTIONS if continued(event.body.round) > 3][-1]  # type: ignore[union-attr]
INPUT = 5


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, recorded and opened."""
    return open_run(small_record(tmp_path_factory.mktemp("records")))


@pytest.fixture(scope="module")
def head(run: Run) -> bytes:
    """Its head."""
    return bytes.fromhex(run.head)


@pytest.fixture(scope="module")
def receipts(run: Run) -> dict[int, bytes]:
    """The files for an input, for a reduction in a round that began a ranking, and for one in a further round."""
    return {seq: encode_receipt(receipt_of(run, seq)) for seq in (INPUT, FIRST, LATER)}


def resealed(covered: bytes) -> bytes:
    """A document without its own hash, with the hash that is right for it."""
    return covered + HASH_KEY + sha256(covered).hexdigest().encode() + b'"}\n'


def covered_by(data: bytes) -> bytes:
    """What the file's own hash is over."""
    return data[: data.index(HASH_KEY)]


def refused(data: bytes, head: bytes) -> bool:
    """Whether it does not hold, and that is said in one line."""
    try:
        check_receipt(data, head)
    except RecordDamagedError as error:
        return "\n" not in str(error)
    return False


def says(data: bytes) -> object:
    """The values of a document; the bytes themselves where it is none."""
    try:
        return json.loads(data)
    except ValueError:
        return data


@pytest.mark.parametrize("seq", [INPUT, FIRST])
def test_every_byte_counts(receipts: dict[int, bytes], head: bytes, seq: int) -> None:
    """Each single byte of a small receipt, changed, cut or doubled, makes it fail, unless all values are the same."""
    data = receipts[seq]
    due = says(data)
    assert not refused(data, head)
    for at in range(len(data)):
        flipped = data[:at] + bytes([data[at] ^ (1 + at % 255)]) + data[at + 1 :]
        for other in (flipped, data[:at] + data[at + 1 :], data[:at] + data[at : at + 1] + data[at:]):
            assert refused(other, head) == (says(other) != due), at


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_random_bytes_of_a_large_one(receipts: dict[int, bytes], head: bytes, data: st.DataObject) -> None:
    """Some bytes of a large receipt, changed, make it fail."""
    whole = bytearray(receipts[LATER])
    for at in data.draw(st.sets(st.integers(0, len(whole) - 1), min_size=1, max_size=3)):
        whole[at] ^= data.draw(st.integers(1, 255))
    assert refused(bytes(whole), head) == (says(bytes(whole)) != says(receipts[LATER]))


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_truncated_file(receipts: dict[int, bytes], head: bytes, data: st.DataObject) -> None:
    """What is left of a receipt after any cut fails; what is hardly more than nothing is no receipt."""
    whole = receipts[LATER]
    cut = whole[: data.draw(st.integers(30, len(whole) - 2))]
    assert refused(cut, head)
    with pytest.raises(QueryError, match="no receipt"):
        check_receipt(whole[: data.draw(st.integers(0, 20))], head)


def spans_without_proof(covered: bytes) -> set[int]:
    """Where the sizes of trees stand: they shape a tree, and more than one can fit."""
    found: set[int] = set()
    for key in (b'"count":', b'"leaves":'):
        at = covered.find(key)
        while at >= 0:
            at += len(key)
            while covered[at : at + 1].isdigit():
                found.add(at)
                at += 1
            at = covered.find(key, at)
    return found


@pytest.mark.parametrize("seq", [INPUT, FIRST])
def test_a_forger_who_knows_the_hash_fails_too(receipts: dict[int, bytes], head: bytes, seq: int) -> None:
    """With the file's own hash worked out anew, every changed byte that says anything is still found."""
    covered = covered_by(receipts[seq])
    unproved = spans_without_proof(covered)
    for at in set(range(0, len(covered), 3)) - unproved:
        flipped = covered[:at] + bytes([covered[at] ^ (1 + at % 127)]) + covered[at + 1 :]
        with pytest.raises(DeleverageError):
            pytest.fail(f"byte {at}: {check_receipt(resealed(flipped), head).receipt.event}")


def forged(receipt: Receipt) -> dict[str, tuple[Receipt, str]]:
    """Receipts of a reduction in a further round that say something else, and what should be said of each."""
    replace, proof, rounds = msgspec.structs.replace, receipt.proof, receipt.rounds
    first, last = rounds[0], rounds[-1]
    swapped = first.rows[80:160] + first.rows[:80] + first.rows[160:]
    score = first.rows[:39] + bytes([first.rows[39] ^ 1]) + first.rows[40:]
    return {
        "head": (replace(receipt, head="00" * 32), "a receipt under the head 0000"),
        "event": (replace(receipt, event=receipt.event + 10_000), "is not in the file"),
        "another event": (replace(receipt, event=0), "is about account"),
        "account": (replace(receipt, account=7), "is about account 7, and it is not"),
        "no account": (replace(receipt, account=None), "is about account None"),
        "a page less": (replace(receipt, proof=replace(proof, pages=proof.pages[:-1])), "do not lead to the head"),
        "no rounds": (replace(receipt, rounds=()), "the round that began the ranking is not in the file"),
        "first round gone": (
            replace(receipt, rounds=rounds[1:]),
            "the round that began the ranking is not in the file",
        ),
        "last round gone": (replace(receipt, rounds=rounds[:-1]), "does not belong to the round"),
        "rounds in another order": (replace(receipt, rounds=(first, *rounds[:0:-1])), "does not continue the ranking"),
        "a round twice": (replace(receipt, rounds=(first, *rounds)), "does not continue the ranking"),
        "rows swapped": (
            replace(receipt, rounds=(replace(first, rows=swapped), *rounds[1:])),
            "do not give the digest",
        ),
        "a score": (replace(receipt, rounds=(replace(first, rows=score), *rounds[1:])), "do not give the digest"),
        "rows of another": (
            replace(receipt, rounds=(*rounds[:-1], replace(last, rows=first.rows))),
            "do not give the digest",
        ),
        "no round there": (replace(receipt, rounds=(replace(first, started=0), *rounds[1:])), "the start of a round"),
        "words": (replace(receipt, about=("All is well.",)), "are not the words of a receipt"),
        "another format": (replace(receipt, format="deleverage receipts"), "are not the words of a receipt"),
        "an old version": (replace(receipt, version=0), "are not the words of a receipt"),
    }


def test_a_forgery_with_the_right_hash(receipts: dict[int, bytes], head: bytes) -> None:
    """A document that says something else than the record does is refused with what does not hold."""
    for name, (forgery, words) in forged(decode_receipt(receipts[LATER])).items():
        with pytest.raises(RecordDamagedError) as raised:
            pytest.fail(f"{name} was not noticed: {check_receipt(encode_receipt(forgery), head).receipt.event}")
        assert words in str(raised.value), name


def test_a_ranking_where_none_belongs(receipts: dict[int, bytes], head: bytes) -> None:
    """An event that no ranking chose cannot be given one."""
    ranked, plain = decode_receipt(receipts[FIRST]), decode_receipt(receipts[INPUT])
    with pytest.raises(RecordDamagedError, match="follows from none"):
        check_receipt(encode_receipt(msgspec.structs.replace(plain, rounds=ranked.rounds)), head)


def test_a_chain_with_a_gap(run: Run, head: bytes) -> None:
    """A proof that leaves out one of the causes is refused, though all that it has is true."""
    whole = receipt_of(run, FIRST)
    chain, shown = run.chain(FIRST), [one.started for one in whole.rounds]
    for gone in chain[:-1]:
        proof = prove_events(run.reader, {0, *shown, *chain} - {gone}, run.columns.page_roots)
        if gone not in proved_events(proof, head):
            with pytest.raises(RecordDamagedError, match=f"event {gone}, which it needs, is not in the file"):
                check_receipt(encode_receipt(msgspec.structs.replace(whole, proof=proof)), head)


def test_what_is_no_document_of_this_kind(receipts: dict[int, bytes], head: bytes) -> None:
    """A name twice or too many, a fraction, other types, another text for bytes: refused though the hash is right."""
    covered = covered_by(receipts[FIRST])
    data = covered.index(b'"data":"') + len(b'"data":"')
    others = {
        "a key twice": covered.replace(b'"version":1', b'"version":1,"version":1'),
        "a key more": covered + b',"note":"paid"',
        "a key more inside": covered.replace(b'"pages":', b'"note":0,"pages":'),
        "a key less": covered.replace(b',"rounds":', b',"round":'),
        "a fraction": covered.replace(b'"version":1', b'"version":1.5'),
        "a fraction that no float tells": covered.replace(b'"version":1', b'"version":1.' + b"0" * 40 + b"1"),
        "a huge number": covered.replace(b'"version":1', b'"version":1e999999999'),
        "a number of many digits": covered.replace(b'"version":1', b'"version":' + b"1" * 5000),
        "no number": covered.replace(b'"version":1', b'"version":NaN'),
        "a truth": covered.replace(b'"version":1', b'"version":true'),
        "a text for a number": covered.replace(b'"version":1', b'"version":"1"'),
        "a text for bytes": covered[:data] + b"*" + covered[data + 1 :],
        "half a character": covered.replace(b"deleverage check", b"\\ud800eleverage check"),
        "not UTF-8": covered.replace(b"deleverage check", b"\xffdeleverage check"),
        "no version": covered.replace(b'"version":1,', b""),
        "a list": b"[" + covered[1:],
        "much too deep": covered + b',"more":' + b"[" * 200_000,
    }
    for name, other in others.items():
        assert other != covered, name
        assert refused(resealed(other), head), name


def test_base64_has_one_text(receipts: dict[int, bytes], head: bytes) -> None:
    """Bits that base64 leaves unused must be zero: a document with others is refused."""
    covered = covered_by(receipts[FIRST])
    at = covered.index(b'=="')
    changed = covered[: at - 1] + bytes([covered[at - 1] + 1]) + covered[at:]
    assert b64decode(changed[changed.rindex(b'"', 0, at) + 1 : at + 2]) == b64decode(
        covered[covered.rindex(b'"', 0, at) + 1 : at + 2]
    )
    assert refused(resealed(changed), head)


def test_a_later_version_is_no_damage(receipts: dict[int, bytes], head: bytes) -> None:
    """A receipt of a version to come, whatever else it holds, is not called forged, if its hash is right."""
    covered = covered_by(receipts[FIRST]).replace(b'"version":1', b'"version":2,"more":[]')
    with pytest.raises(QueryError, match="a receipt of version 2 and this program knows 1"):
        check_receipt(resealed(covered), head)
    assert refused(receipts[FIRST].replace(b'"version":1', b'"version":2'), head)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format":"other"}\n', b"\x89PNG\r\n", b"x" * 4096, b"null"])
def test_what_is_no_receipt(head: bytes, data: bytes) -> None:
    """Any other file is not damaged but no receipt."""
    with pytest.raises(QueryError, match="no receipt"):
        check_receipt(data, head)


def test_another_head(receipts: dict[int, bytes], head: bytes) -> None:
    """Under any other head than the record's nothing holds, and both are named."""
    other = sha256(head).digest()
    with pytest.raises(RecordDamagedError, match=f"under the head {head.hex()}, not under {other.hex()}"):
        check_receipt(receipts[FIRST], other)


def test_the_run_key_must_be_the_one_committed_to(receipts: dict[int, bytes], head: bytes) -> None:
    """The right key is taken, and any other refused."""
    assert check_receipt(receipts[LATER], head, run_key(1)).key == "given"
    assert check_receipt(receipts[LATER], head).key == "seed"
    for data in receipts.values():
        with pytest.raises(RecordDamagedError, match="not the one that the run commits to"):
            check_receipt(data, head, run_key(2))


@pytest.mark.parametrize(
    ("cause_seq", "cause_at_ns", "holds"),
    [(4, 99, True), (4, 100, True), (4, 101, False), (5, 100, False), (6, 100, False)],
)
def test_a_cause_is_never_later(cause_seq: int, cause_at_ns: int, holds: bool) -> None:
    """A cause of the same instant is one; a nanosecond later it is none, nor is the event itself, nor one after it."""
    body = Deposited(4, 1)
    events = {
        cause_seq: Event(cause_seq, cause_at_ns, Origin.INPUT, None, (), None, body),
        5: Event(5, 100, Origin.DECIDED, cause_seq, (), 0, body),
    }
    if holds:
        assert [event.seq for event in check._chain(5, events)] == [4, 5]
    else:
        with pytest.raises(
            RecordDamagedError, match=rf"event 5 names event {cause_seq} as its cause, which comes after"
        ):
            check._chain(5, events)

"""A receipt as a file: one JSON document, which any JSON tool may write anew.

    {"format", "version", "about": [...], "head": hex, "event": seq, "account": number or null,
     "proof": {"count", "pages": [{"page", "leaves", "others": [...],
                         "shown": [{"place", "first_seq", "events", "data"}]}], "others": [...]},
     "rounds": [{"started": seq, "rows"}], "receipt_sha256": hex}

1. It is written in UTF-8 with the keys in this order, without spaces; bytes are base64 with padding, `head` and
   `receipt_sha256` hex; a newline ends it. Numbers count events, accounts and places, far below 2^53, so that they come
   through programs whose numbers are floating-point; amounts are only within the base64.
2. `receipt_sha256` is SHA-256 over all bytes before `,"receipt_sha256"` as they are first written. They follow from the
   values: so other spacing, order of keys, escapes, encoding or spelling of numbers is no change, and another value is.
   The hash finds damage; what was forged is found by the proof.
3. `about` says in plain words what the file is and whom it shows. Its words belong to the version.
4. `account` is the account that the event is about, `rounds` are empty unless it is a `PositionDeleveraged`: then they
   are the round that began the ranking with all of its rows, and each round that continued it with the rows that
   changed, up to the event's own. Rows are those of `handlers/ranking.py`.

A receipt on the disk: written whole to a name that was free, or not at all; read within a bound.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ...events.errors import QueryError, RecordDamagedError
from ...events.record import RecordProof
from ...events.regular import read_regular
from ...events.vocabulary import Body
from .values import ensure, read_json

__all__ = [
    "Receipt",
    "RoundRows",
    "account_of",
    "decode_receipt",
    "encode_receipt",
    "read_bytes",
]

_FORMAT = "deleverage receipt"
_VERSION = 1
_ABOUT = (
    "This file proves an event of a venue's record, and the chain of events that led to it, under the record's head.",
    "If the event closed a position by auto-deleveraging, the file also has the ranking that chose the position.",
    "To check it: deleverage check FILE --head HEX. Take the head from where the venue publishes it, not from here.",
    "Events are the recorded bytes (msgpack) in base64, and rows of a ranking are 80 bytes each, big-endian:",
    "the pseudonym in 32 bytes, then score, profit, notional, cost, equity and size in 8 each (atoms, lots).",
    "Accounts that the chain or a round of the ranking is about are here by number, for they are the explanation.",
    "All other accounts are in the ranking under pseudonyms, which whoever has the run key can undo.",
    "A venue keeps the run key secret. In a simulation it follows from the seed, which is here, and they hide nobody.",
    "Hashes stand for events that are not shown. Whoever guesses such an event exactly can confirm the guess by them.",
)

_HASH = "receipt_sha256"

_Seq = Annotated[int, msgspec.Meta(ge=0)]

_BYTES_MAX = 1 << 28
"""256 MiB: the largest receipts, of a round of a million candidates, have 80 MB of rows, a third more in base64."""


class RoundRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rows of one round's digest, packed, and the `DeleveragingStarted` that holds the digest."""

    started: int
    rows: bytes


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a receipt says, before any of it is checked."""

    format: str = _FORMAT
    version: int = _VERSION
    about: tuple[str, ...] = _ABOUT
    head: str
    event: _Seq
    account: int | None
    proof: RecordProof
    rounds: tuple[RoundRows, ...] = ()

    def __repr__(self) -> str:
        """One line: of what it is, without the proof."""
        return f"<Receipt event {self.event}, account {self.account}, rounds={len(self.rounds)}, head {self.head[:8]}>"


_decoder = msgspec.json.Decoder(Receipt)


def account_of(body: Body) -> int | None:
    """The account that an event is about; None where it is about none."""
    account: int | None = getattr(body, "account", None)
    return account


def encode_receipt(receipt: Receipt) -> bytes:
    """The bytes of the file."""
    covered = _covered(receipt)
    return covered + f',"{_HASH}":"{sha256(covered).hexdigest()}"}}\n'.encode()


def decode_receipt(data: bytes) -> Receipt:
    """What the file says.

    Raises QueryError if it is no receipt or of a later version, RecordDamagedError if it was one and does not say what
    was written.
    """
    document = _document(data)
    own_hash, version = document.pop(_HASH, None), document.get("version")
    if isinstance(version, int) and version > _VERSION:
        _later(document, version, own_hash)
    receipt = _receipt(document)
    words = receipt.format, receipt.version, receipt.about
    ensure(_digest(_covered(receipt)) == own_hash, _OTHERWISE)
    ensure(words == (_FORMAT, _VERSION, _ABOUT), "what it says about itself are not the words of a receipt")
    return receipt


def _document(data: bytes) -> dict[str, Any]:
    """The values of the file. Raises QueryError if it is none of this kind, RecordDamagedError if it is broken."""
    try:
        document = read_json(data)
    except ValueError as error:
        plain = data.replace(b"\0", b"")  # there are zeros in UTF-16
        _must_be_one(_FORMAT.encode() in plain or _HASH.encode() in plain)
        message = f"it is not laid out as a receipt is: {error}"
        raise RecordDamagedError(message) from error
    _must_be_one(document.get("format") == _FORMAT or _HASH in document)
    return document


def _must_be_one(is_one: bool) -> None:  # noqa: FBT001 - a question
    if not is_one:
        message = "it is no receipt; give a file that `deleverage receipt` has written"
        raise QueryError(message)


_OTHERWISE = "it is not as it was written: its values do not give its own hash"


def _receipt(document: dict[str, Any]) -> Receipt:
    """The document's values, each spelled in the one way in which a value is written as text."""
    try:
        receipt = _decoder.decode(_written(document))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"it is not laid out as a receipt is: {error}"
        raise RecordDamagedError(message) from error
    ensure(msgspec.json.decode(_covered(receipt) + b"}") == document, "its values are not spelled as they are written")
    return receipt


def _later(document: dict[str, Any], version: int, own_hash: object) -> None:
    """A document of a later version, of which no more is known than that its hash is right."""
    ensure(_digest(_written(document)[:-1]) == own_hash, f"{_OTHERWISE}, and it says that it is of version {version}")
    message = f"it is a receipt of version {version} and this program knows {_VERSION}; check it with a later one"
    raise QueryError(message)


def _covered(receipt: Receipt) -> bytes:
    """All bytes that the hash is over: the document as it is first written, without its last brace."""
    return msgspec.json.encode(receipt)[:-1]


def _written(document: dict[str, Any]) -> bytes:
    """A document in the order in which it came, without spaces; no UTF-8 where a text has half a character."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")


def _digest(covered: bytes) -> str:
    return sha256(covered).hexdigest()


def read_bytes(path: Path) -> bytes:
    """The whole of a file. Raises QueryError if it cannot be read or is too large for a receipt."""
    try:
        return read_regular(path, _BYTES_MAX, follow=True)
    except OSError as error:
        message = f"{path}: it cannot be read ({error.strerror}); give a file that `deleverage receipt` has written"
        raise QueryError(message) from error

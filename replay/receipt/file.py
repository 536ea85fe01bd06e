"""A receipt as a file: one JSON document in UTF-8, and only one way to write it.

    {"format", "version", "about": [...], "head": hex, "event": seq, "account": number or null,
     "proof": {"count", "pages": [{"page", "leaves", "others": [...],
                         "shown": [{"place", "first_seq", "events", "data"}]}], "others": [...]},
     "rounds": [{"started": seq, "rows"}], "receipt_sha256": hex}

1. Keys come in this order, without spaces; bytes are base64 with padding, `head` and `receipt_sha256` hex; a newline
   ends the file. A document that would be written otherwise is refused: so an unknown key, one that is there twice, a
   space and a stray bit are all found.
2. `receipt_sha256` is SHA-256 over all bytes before `,"receipt_sha256"`. It finds damage; what was forged is found by
   the proof.
3. `about` says in plain words what the file is and whom it shows. Its words belong to the version.
4. `account` is the account that the event is about, `rounds` are empty unless it is a `PositionDeleveraged`: then they
   are the round that began the ranking with all of its rows, and each round that continued it with the rows that
   changed, up to the event's own. Rows are those of `handlers/ranking.py`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated

import msgspec

from ...events.errors import QueryError, RecordDamagedError
from ...events.record import RecordProof
from ...events.vocabulary import Body
from .faults import ensure

__all__ = ["Receipt", "RoundRows", "account_of", "decode_receipt", "encode_receipt"]

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

_START = f'{{"format":"{_FORMAT}"'.encode()
_HASH_KEY = b',"receipt_sha256":"'
_END = b'"}\n'
_TAIL_BYTES = len(_HASH_KEY) + 2 * sha256().digest_size + len(_END)

_Seq = Annotated[int, msgspec.Meta(ge=0)]


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


class _Versioned(msgspec.Struct):
    """What every version of a receipt has."""

    version: int


_decoder = msgspec.json.Decoder(Receipt)
_version_decoder = msgspec.json.Decoder(_Versioned)


def account_of(body: Body) -> int | None:
    """The account that an event is about; None where it is about none."""
    account: int | None = getattr(body, "account", None)
    return account


def encode_receipt(receipt: Receipt) -> bytes:
    """The bytes of the file."""
    covered = _covered(receipt)
    return covered + _HASH_KEY + sha256(covered).hexdigest().encode() + _END


def decode_receipt(data: bytes) -> Receipt:
    """What the file says.

    Raises QueryError if it is no receipt or of a later version, RecordDamagedError if it was one and is not as it was
    written.
    """
    if not data.startswith(_START) and _HASH_KEY not in data[-2 * _TAIL_BYTES :]:
        message = "it is no receipt; give a file that `deleverage receipt` has written"
        raise QueryError(message)
    covered, tail = data[:-_TAIL_BYTES], data[-_TAIL_BYTES:]
    own_hash = sha256(covered).hexdigest().encode()
    ensure(tail == _HASH_KEY + own_hash + _END, "it is not as it was written: its bytes do not give its own hash")
    document = covered + b"}"
    try:
        version = _version_decoder.decode(document).version
        receipt = _decoder.decode(document) if version <= _VERSION else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"it is not laid out as a receipt is: {error}"
        raise RecordDamagedError(message) from error
    if receipt is None:
        message = f"it is a receipt of version {version} and this program knows {_VERSION}; check it with a later one"
        raise QueryError(message)
    ensure(_covered(receipt) == covered, "it is not spelled as `deleverage receipt` does it")
    words = receipt.format, receipt.version, receipt.about
    ensure(words == (_FORMAT, _VERSION, _ABOUT), "what it says about itself are not the words of a receipt")
    return receipt


def _covered(receipt: Receipt) -> bytes:
    """All bytes of the file that its hash is over: the document without its last brace."""
    return msgspec.json.encode(receipt)[:-1]

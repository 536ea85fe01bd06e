"""One snapshot as a file: the state after so many events, whole, or as a difference to a base.

    header    magic "DLVT", format, events folded, those of the base (0: none), the record's head up to there, the
              state's digest, SHA-256 over the rest of the header and the payload
    payload   msgpack, zstd: the state without its accounts; the names of the accounts opened since the base; the
              accounts that are not as in the base, by number

1. A restored state iterates like the one that ran: accounts stand by number, everything else is stored in its order.
2. A file whose hash is not its own is no snapshot. What it is of is told by the record's head up to there.
"""

from __future__ import annotations

import copy
from functools import cache
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple

import msgspec
import zstandard

from ..ledger import Ledger
from ..regular import read_regular
from .packed import PackedAccounts

__all__ = ["Parts", "Snapshot", "name_of", "parts_of", "read_snapshot", "restore"]

_MAGIC, _FORMAT = b"DLVT", 8
_HEADER = Struct("<4sH2xQQ32s32s")
_HASH_BYTES = 32
_LEVEL = 1
_FILE_BYTES_MOST = 1 << 31
_STATE_BYTES_MOST, _RATIO_MOST = 1 << 26, 64
"""A state unpacks to so many bytes, or to so many times those of its file; one that claims more is not unpacked."""

_encoder = msgspec.msgpack.Encoder()


class Snapshot(NamedTuple):
    """What a file says: the state after `seq` events, relative to the one after `base_seq` (0: nothing)."""

    seq: int
    base_seq: int
    head: bytes
    digest: bytes
    payload: bytes

    def pack(self) -> bytes:
        """The bytes of the file."""
        return self._header() + self.hashed() + self.payload

    def hashed(self) -> bytes:
        """The hash that stands in the file: over all the rest of it."""
        return sha256(self._header() + self.payload).digest()

    def identity(self, base: bytes = b"") -> bytes:
        """What stands for the state that a file gives: its hash, with the identity of the base that it differs from."""
        return sha256(base + self.hashed()).digest()

    def _header(self) -> bytes:
        return _HEADER.pack(_MAGIC, _FORMAT, self.seq, self.base_seq, self.head, self.digest)


class Parts(NamedTuple):
    """A state taken apart: its digest, the encoding of each account, and the rest as a ledger without accounts."""

    digest: bytes
    accounts: list[bytes]
    names: list[str]
    rest: Ledger

    def payload(self, base: Parts | None) -> bytes:
        """All of it, or what differs from a base."""
        known = 0 if base is None else len(base.accounts)
        before = [] if base is None else base.accounts
        changed = {
            number: msgspec.Raw(data)
            for number, data in enumerate(self.accounts)
            if number >= known or data != before[number]
        }
        raw = _encoder.encode((self.rest, self.names[known:], changed))
        return zstandard.ZstdCompressor(level=_LEVEL).compress(raw)


def name_of(seq: int) -> str:
    """The name of the file for the state after `seq` events."""
    return f"{seq:012d}.state.idx"


def parts_of(ledger: Ledger) -> Parts:
    """Take a state apart; O(accounts), some 0.6 us each, of which each is encoded once."""
    rest, accounts = copy.copy(ledger), list(map(_encoder.encode, ledger.accounts))
    encoded: list[Any] = list(map(msgspec.Raw, accounts))
    rest.accounts = encoded
    digest = bytes.fromhex(rest.digest())
    rest.accounts, rest.account_names, rest.account_ids = [], [], {}
    return Parts(digest, accounts, list(ledger.account_names), rest)


def read_snapshot(path: Path) -> Snapshot:
    """The snapshot in a file. Raises ValueError saying what is wrong with it, OSError where the disk does."""
    data = read_regular(path, _FILE_BYTES_MOST)
    if len(data) < _HEADER.size + _HASH_BYTES:
        message = f"it ends after {len(data)} bytes"
        raise ValueError(message)
    magic, number, seq, base_seq, head, digest = _HEADER.unpack_from(data)
    if (magic, number) != (_MAGIC, _FORMAT) or not base_seq < seq:
        message = "it is not a snapshot of this format"
        raise ValueError(message)
    snapshot = Snapshot(seq, base_seq, head, digest, data[_HEADER.size + _HASH_BYTES :])
    if snapshot.pack() != data:
        message = "its hash is wrong"
        raise ValueError(message)
    return snapshot


def _unpacked(payload: bytes) -> bytes:
    """The state as it was encoded. Raises ValueError for one that claims to be larger than any that was packed so."""
    size = zstandard.frame_content_size(payload)
    if not 0 <= size <= _STATE_BYTES_MOST + _RATIO_MOST * len(payload):
        message = f"it claims to unpack to {size:,} bytes"
        raise ValueError(message)
    return zstandard.ZstdDecompressor().decompress(payload)


@cache
def _decoder() -> msgspec.msgpack.Decoder[tuple[Ledger, list[str], dict[int, msgspec.Raw]]]:
    """Made when a state is first restored, which whoever only keeps them need not wait for."""
    return msgspec.msgpack.Decoder(tuple[Ledger, list[str], dict[int, msgspec.Raw]])


def restore(snapshot: Snapshot, base: Ledger | None = None) -> Ledger:
    """The state, on top of that of its base, which is not to move on any more. Raises ValueError where they do not fit.

    Accounts stay packed until somebody asks for them, so it costs 0.1 us for each of its base, and 0.4 us for each of
    its own. Those of a file of which it is not known what it holds may turn out not to be accounts at all.
    """
    try:
        ledger, names, accounts = _decoder().decode(_unpacked(snapshot.payload))
    except (zstandard.ZstdError, msgspec.DecodeError, RecursionError) as error:
        message = f"it does not decode ({error})"
        raise ValueError(message) from error
    kept = PackedAccounts(()) if base is None else PackedAccounts.shared_of(base.accounts)
    known = len(kept)
    try:
        kept.put(accounts, known + len(names))
    except LookupError:
        message = "it does not fit its base"
        raise ValueError(message) from None
    ledger.accounts = kept
    ledger.account_names = names if base is None else base.account_names + names
    ledger.account_ids = {} if base is None else dict(base.account_ids)
    ledger.account_ids.update(zip(names, range(known, known + len(names)), strict=True))
    if ledger.seq != snapshot.seq:
        message = f"it holds the state after {ledger.seq} events, not {snapshot.seq}"
        raise ValueError(message)
    return ledger

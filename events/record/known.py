"""What this reader knows of a record: hashes of bytes that were held against its head before.

Theory of operation: whatever is read of a record is only a claim until it is held against the head. For an event that
costs the hashes of its page. For a state or a column it takes a pass over the whole record. But what was once found
true of a head stays true of it. So the SHA-256 of each file and block that was found true is noted. Bytes with a noted
hash are believed, in whatever copy of the record they lie.

Rules:
1. Only bytes that this program wrote itself or held against the head are noted.
2. The notes are in a directory that only the reader can write, never beside a record: whoever can alter a record could
   alter them there. `DELEVERAGE_CACHE` says where; if it is empty, nothing is kept.
3. The notes can be deleted at any time. Without them, everything is held against the head anew.
4. What is derived follows from the code that derives it: notes of other code are not used.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from .fingerprint import reading_sha256

__all__ = ["VARIABLE", "Known", "own_folder", "past_digest"]

VARIABLE = "DELEVERAGE_CACHE"

_MAGIC = b"deleverage knows 1\n"
_HASH_BYTES = 32
_ENDING = ".known"
_RECORDS_MOST = 1024
"""Above so many records the older half of the notes is deleted."""


def past_digest(head: bytes, first_seq: int) -> bytes:
    """Stands for: the events before `first_seq` are those of the record with this other head."""
    return sha256(b"past" + head + first_seq.to_bytes(8)).digest()


class Known:
    """What is known of the record with this head. Without a head (None) nothing outlives this process."""

    def __init__(self, head: bytes | None) -> None:
        self._head = head

    def __contains__(self, digest: bytes) -> bool:
        """Whether bytes with this SHA-256 are known to be true."""
        return digest in self._digests

    def add(self, digests: Iterable[bytes]) -> None:
        """Note what was found true of the record, at least for this process."""
        stored = frozenset[bytes]() if self._head is None else _read(self._head)
        self._digests = stored.union(self._digests, digests)
        if self._head is not None and self._digests != stored:
            _write(self._head, self._digests)

    @cached_property
    def _digests(self) -> frozenset[bytes]:
        return frozenset() if self._head is None else _read(self._head)


def _read(head: bytes) -> frozenset[bytes]:
    """What is noted of a record."""
    path = _path_of(head)
    try:
        data = path.read_bytes() if path is not None else b""
    except OSError:
        data = b""
    start = _MAGIC + reading_sha256()
    if not data.startswith(start) or (len(data) - len(start)) % _HASH_BYTES:
        return frozenset()
    return frozenset(data[place : place + _HASH_BYTES] for place in range(len(start), len(data), _HASH_BYTES))


def _write(head: bytes, digests: Iterable[bytes]) -> None:
    """Through another name, so that a reader finds all of it or what was there before."""
    path = _path_of(head)
    if path is None:
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(_MAGIC + reading_sha256() + b"".join(sorted(digests)))
        temporary.replace(path)
        _forget_oldest(path.parent)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _forget_oldest(directory: Path) -> None:
    """Delete the older half of the notes if there are too many."""
    names = [name for name in os.listdir(directory) if name.endswith(_ENDING)]  # noqa: PTH208 - no path for each
    if len(names) > _RECORDS_MOST:
        for path in sorted((directory / name for name in names), key=_age)[: len(names) // 2]:
            with suppress(OSError):
                path.unlink()


def _age(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # another process let go of it
        return 0


def _path_of(head: bytes) -> Path | None:
    """Where the notes of a record are; None where nothing is kept."""
    directory = own_folder()
    return None if directory is None else directory / f"{head.hex()}{_ENDING}"


def own_folder() -> Path | None:
    """The directory for what can be made again; None if there is none that only this user can write."""
    told = os.environ.get(VARIABLE)
    if told == "":
        return None
    try:
        directory = Path(told) if told else _user_cache() / "deleverage"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
    except (OSError, RuntimeError):  # a user without a home
        return None
    own = found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return directory if own else None


def _user_cache() -> Path:
    """Where programs keep what can be made again."""
    told = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return told if told.is_absolute() else Path.home() / ".cache"

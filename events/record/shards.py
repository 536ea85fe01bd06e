"""Records of one venue, each with some of its accounts, under one head.

1. `shards.json` in a folder names the records beside it, in their order, with the count and the head of each.
2. An account is in the shard whose place is the first 8 bytes of SHA-256 of its name, modulo how many there are: of
   what stands before the first colon of the name, so that what one owner holds in several accounts is together.
3. The head over all is the root of the tree over the heads, each hashed as an entry, as that over pages is.
4. A head vouches for which events a shard has. That a shard has all events of its accounts, its importer vouches for.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec

from ..errors import RecordDamagedError, RecordNotFoundError
from ..regular import kind_of, write_whole
from .files import damaged, readable, whole
from .merkle import leaf_hash, tree_root

__all__ = [
    "SHARDS_MOST",
    "SHARDS_NAME",
    "Shard",
    "Shards",
    "is_sharded",
    "read_shards",
    "run_name",
    "shard_of",
    "write_shards",
]

SHARDS_NAME = "shards.json"
SHARDS_MOST = 4_096

_FORMAT = 1
_BYTES_MOST = 1 << 20
_HASH_BYTES = 8
_Head = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Shard(msgspec.Struct, frozen=True):
    """One record: its folder, how many events it has, its head."""

    run: str
    count: int
    head: _Head


class Shards(msgspec.Struct, frozen=True):
    """What `shards.json` says."""

    format: int
    shards: Annotated[tuple[Shard, ...], msgspec.Meta(min_length=1, max_length=SHARDS_MOST)]
    head: _Head

    @property
    def count(self) -> int:
        """How many events there are in all of them, those that several have counted in each."""
        return sum(shard.count for shard in self.shards)


def shard_of(name: str, shards: int) -> int:
    """The place of the shard that has an account of this name."""
    owner = name.partition(":")[0]
    return int.from_bytes(sha256(owner.encode()).digest()[:_HASH_BYTES], "big") % shards


def is_sharded(path: Path) -> bool:
    """Whether a path leads to a folder of shards."""
    return kind_of(path / SHARDS_NAME) == "file"


def write_shards(folder: Path, shards: Iterable[Shard]) -> Shards:
    """Put the records of a folder under one head."""
    told = tuple(shards)
    made = Shards(_FORMAT, told, _root(told))
    write_whole(folder / SHARDS_NAME, msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    return made


def read_shards(folder: Path) -> Shards:
    """The shards of a folder, whose heads lead to the head over them.

    Raises RecordNotFoundError where there are none or a later version wrote them, RecordDamagedError where they are not
    what was written.
    """
    path = folder / SHARDS_NAME
    with readable(path):
        data = whole(path, _BYTES_MOST)
    try:
        shards = msgspec.json.decode(data, type=Shards)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise damaged(path, 0, f"not what names the shards of a venue ({error})") from error
    if shards.format > _FORMAT:
        message = f"{path}: format {shards.format}, and this version reads up to {_FORMAT}; use a later one"
        raise RecordNotFoundError(message)
    _check(path, shards)
    return shards


def _check(path: Path, shards: Shards) -> None:
    """Raises RecordDamagedError for heads that do not lead to the one over them, and for a name that leads away."""
    if _root(shards.shards) != shards.head:
        raise damaged(path, 0, "the heads of the shards do not lead to the head that it says")
    if any(shard.run != run_name(place) for place, shard in enumerate(shards.shards)):
        message = f"{path}: the shards are not called {run_name(0)}, {run_name(1)}, ...; restore this file from a copy"
        raise RecordDamagedError(message)


def run_name(place: int) -> str:
    """The folder of a shard."""
    return f"{place:04}.run"


def _root(shards: Iterable[Shard]) -> str:
    return tree_root([leaf_hash(bytes.fromhex(shard.head)) for shard in shards]).hex()

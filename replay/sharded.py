"""A venue whose accounts are in several records, asked about one of them: the record that has it.

1. A question about an account is answered by its shard alone, which has all events of it; its numbers of events are
   that shard's. Whatever is about the whole venue is asked of every shard, by its path.
2. The shard must have the head that `shards.json` says, and the heads in there must lead to the one over them.
"""

from __future__ import annotations

from pathlib import Path

from ..events.errors import QueryError, RecordDamagedError
from ..events.record import Shards, read_shards, shard_of

__all__ = ["checked_shards", "shard_with"]


def checked_shards(folder: Path, head: str | None) -> Shards:
    """The shards of a folder, under `head` if that is given. Raises RecordDamagedError, RecordNotFoundError."""
    shards = read_shards(folder)
    if head is not None and shards.head != head.lower():
        message = f"{folder}: its head is {shards.head}, not {head.lower()}; it is not the one that was published"
        raise RecordDamagedError(message)
    return shards


def shard_with(folder: Path, head: str | None, account: str | None) -> tuple[Path, str]:
    """The record that has an account, and the head that it must have. Raises QueryError where no account is named."""
    shards = checked_shards(folder, head)
    names = f"{folder / shards.shards[0].run} to {shards.shards[-1].run}"
    if account is None:
        message = f"{folder}: it is {len(shards.shards)} records by account; name an --account, or give one of {names}"
        raise QueryError(message)
    if account.isdecimal():
        message = f"{folder}: account {account}: each of its records has numbers of its own; give the account's name"
        raise QueryError(message)
    found = shards.shards[shard_of(account, len(shards.shards))]
    return folder / found.run, found.head

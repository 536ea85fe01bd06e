"""Whether what the manifest of a sealed record says of its run is what the events say, which lead to its head.

1. Held against the events are all fields that tell of the run: scenario, seed, schema, count, times, forks, parent, and
   whether it is complete. How many blocks and files there are is held against these (`opening.py`).
2. What nobody can hold against anything is the writer's word: who wrote it, when and where, with which settings; and of
   a run that broke off how it did, `interrupted`, `failed` or `recovered`, and with which error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..bodies.run import RunEnded, RunForked, RunStarted
from ..errors import RecordDamagedError
from .files import damaged
from .manifest import MANIFEST_NAME, ForkPoint, manifest_digest

if TYPE_CHECKING:
    from .reader import RecordReader

__all__ = ["check_head", "check_manifest", "forks_told", "manifest_faults"]


def check_manifest(reader: RecordReader) -> None:
    """Raise RecordDamagedError where the manifest of a sealed record does not say what its events say.

    Reads nothing where the manifest is known.
    """
    digest = manifest_digest(reader.manifest)
    if digest not in reader.known:
        for fault in manifest_faults(reader):
            raise damaged(reader.path / MANIFEST_NAME, 0, fault)
        reader.known.add([digest] if not reader.torn else [])


def check_head(reader: RecordReader, head: str) -> None:
    """Raise RecordDamagedError where a record was not sealed under `head`, in hex."""
    if reader.manifest.head != head.lower():
        found = "it was never sealed, so that it has no head" if reader.torn else f"its head is {reader.manifest.head}"
        message = f"{reader.path}: {found}, and {head} is asked for; it is another record, or it was changed"
        raise RecordDamagedError(message)


def manifest_faults(reader: RecordReader) -> Iterator[str]:
    """What the manifest of a sealed record says otherwise than its events, but for the forks. Nothing of a torn one.

    Reads the first event and the last, and where a fork begins. The head is held against the roots of all pages, so
    that the end is certain.
    """
    if reader.torn:
        return
    manifest, count = reader.manifest, reader.count
    reader.columns.open_roots()
    first, last = (reader.event(0).body, reader.event(count - 1).body) if count else (None, None)
    if isinstance(first, RunStarted):
        schema = manifest.schema if manifest.parent is None else first.schema  # a fork has the schema of its parent
        told, found = (manifest.scenario, manifest.seed, schema), (first.scenario, first.seed, first.schema)
        if told != found:
            yield f"it tells of scenario, seed and schema {told}, and RunStarted says {found}"
    if manifest.status == "complete" and not isinstance(last, RunEnded):
        ends = "there is no event" if last is None else f"the last event, {count - 1}, is {type(last).__name__}"
        yield f"it says that the run is complete, and {ends}, not RunEnded"
    if manifest.parent is not None:
        yield from _fork_faults(reader, manifest.parent)


def _fork_faults(reader: RecordReader, fork: ForkPoint) -> Iterator[str]:
    """A fork with changes begins with RunForked: of this parent, and where the manifest says."""
    if fork.at_seq > reader.count and reader.manifest.status == "complete":
        yield f"it tells of a fork at event {fork.at_seq}, and the record ends with event {reader.count - 1}"
    own = {seq for seq in (*forks_told(reader), fork.at_seq) if fork.first_seq <= seq < reader.count}
    for seq in sorted(own):
        body = reader.event(seq).body
        if not isinstance(body, RunForked):
            continue
        found, told = (body.parent_head.hex(), body.at_seq), (fork.head, fork.at_seq)
        if found != told and (seq == fork.at_seq or body.parent_head.hex() == fork.head):
            says = f"RunForked says {found[0]} and {found[1]}"
            yield f"it tells of a fork of {told[0]} after {told[1]} events, and {says}"


def forks_told(reader: RecordReader) -> tuple[int, ...]:
    """The `RunForked` events that a manifest tells of; of a torn record those that can have reached the disk."""
    return tuple(seq for seq in reader.manifest.forks if seq < reader.count or not reader.torn)

"""The record on disk: written once, sealed, read back by block, and proved by its head.

The door: everything that other rooms use of a record is named here.
"""

from __future__ import annotations

from .ancestry import way_to
from .disk import Disk
from .known import Known
from .manifest import ForkPoint, Manifest, RunStatus, SealedStatus, SegmentFigures
from .memory import MemoryRecord
from .merkle import EMPTY_ROOT, Frontier, leaf_hash
from .pages import PAGE_EVENTS, leaf_spans, leaves_of_page, page_root
from .proof import RecordProof, prove_events, proved_events
from .reader import RecordReader
from .recover import Recovery, recover
from .scan import BlockEntry
from .settings import Codec, Durability, RecordSettings
from .shards import SHARDS_MOST, Shard, Shards, is_sharded, read_shards, run_name, shard_of, write_shards
from .sink import EventSink, HeadOnly
from .writer import RecordWriter

__all__ = [
    "EMPTY_ROOT",
    "PAGE_EVENTS",
    "SHARDS_MOST",
    "BlockEntry",
    "Codec",
    "Disk",
    "Durability",
    "EventSink",
    "ForkPoint",
    "Frontier",
    "HeadOnly",
    "Known",
    "Manifest",
    "MemoryRecord",
    "RecordProof",
    "RecordReader",
    "RecordSettings",
    "RecordWriter",
    "Recovery",
    "RunStatus",
    "SealedStatus",
    "SegmentFigures",
    "Shard",
    "Shards",
    "is_sharded",
    "leaf_hash",
    "leaf_spans",
    "leaves_of_page",
    "page_root",
    "prove_events",
    "proved_events",
    "read_shards",
    "recover",
    "run_name",
    "shard_of",
    "way_to",
    "write_shards",
]

"""Snapshots of the state, taken while a run is recorded."""

from __future__ import annotations

from ..events.ledger import Ledger
from ..events.record import EventSink, RecordWriter
from ..events.snapshots import SnapshotKeeper

__all__ = ["keep_states"]


def keep_states(sink: EventSink, ledger: Ledger) -> None:
    """Have the states of this ledger kept beside the record that it is written to, if it is written at all."""
    if isinstance(sink, RecordWriter):
        sink.companion = SnapshotKeeper(sink.path, ledger)

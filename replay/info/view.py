"""What a record is, as plain data: the document that `info --json` prints. Its names are stable.

Read are the manifest, the headers of the blocks, what is declared before the first price, and the sources behind that;
with `by_type` every event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...events.bodies.inputs import FillReported, PriceTicked
from ...events.bodies.run import Producer, RunForked, SourceOpened
from ...events.record import Manifest, RecordReader
from ...sim.units import format_time_ns
from ..run import Run
from ..studies import studies_beside
from ..verify.versions import differences

__all__ = ["info_view"]

Document = dict[str, Any]


def info_view(run: Run, *, by_type: bool = False) -> Document:
    """The whole of it. Raises QueryError for a record without an event."""
    started, manifest, directory = run.started, run.manifest, run.directory
    names = {number: listed.name for number, listed in directory.assets.items()}
    document: Document = {
        "run": str(run.reader.packed_in or run.path),
        "packed": run.reader.packed_in is not None,
        "status": manifest.status,
        "ending": run.ending,
        "events": run.count,
        "head": run.sealed_head,
        "start": format_time_ns(run.start_ns),
        "end": format_time_ns(run.end_ns),
        "start_ns": run.start_ns,
        "end_ns": run.end_ns,
        "scenario": started.scenario,
        "rulebook": started.rulebook,
        "seed": started.seed,
        "prices": started.prices,
        "assets": [{"name": listed.name, "decimals": listed.decimals} for listed in directory.assets.values()],
        "instruments": [
            {
                "name": listed.name,
                "venue": listed.venue,
                "kind": listed.kind,
                "asset": names[listed.asset],
                "tick_size": listed.tick_size,
                "lot_size": listed.lot_size,
            }
            for listed in directory.instruments.values()
        ],
        "accounts": dict(sorted(Counter(opened.kind for opened in directory.accounts.values()).items())),
        "producers": [_producer(producer) for producer in run.producers_at(run.count - 1)],
        "sources": list(_sources(run)),
        "lineage": [_record(reader) for reader in run.reader.lineage],
        "forks": [_fork(run, seq) for seq in run.forks],
        "written": _written(manifest),
        "differences": differences(run),
        "studies": [path.name for path in studies_beside(run)],
    }
    if by_type:
        document["by_type"] = dict(sorted(Counter(type(event.body).__name__ for event in run.events()).items()))
    return document


def _producer(producer: Producer) -> Document:
    return {
        "handler": producer.handler,
        "policy": producer.policy,
        "version": producer.version,
        "latency_ns": producer.latency_ns,
        "parameters": producer.parameters,
    }


def _sources(run: Run) -> Iterator[Document]:
    """Sources are opened before the first of their rows is there."""
    for event in run.events():
        if isinstance(event.body, SourceOpened):
            opened = event.body
            yield {"name": opened.name, "layout": opened.layout, "sha256": opened.sha256.hex()}
        elif isinstance(event.body, PriceTicked | FillReported):
            return


def _record(reader: RecordReader) -> Document:
    """One of the records that it is made of, the oldest first."""
    own = {part.name for part in reader.path.glob("*.idx")}
    return {
        "run": reader.path.name,
        "from_seq": reader.first_seq,
        "head": reader.manifest.head,
        "segments": len(reader.files),
        "bytes": sum(part.size_bytes for part in reader.files),
        "states": sum(name.endswith(".state.idx") for name in own),
        "derived_bytes": sum((reader.path / name).stat().st_size for name in sorted(own)),
    }


def _fork(run: Run, seq: int) -> Document:
    event = run.event(seq)
    assert isinstance(event.body, RunForked)
    changes = [f"{key}={value}" for key, value in event.body.changes]
    return {"seq": seq, "at": format_time_ns(event.at_ns), "at_ns": event.at_ns, "changes": changes}


def _written(manifest: Manifest) -> Document:
    """By whom and when. None of it is part of what the record proves."""
    return {
        "started": manifest.started,
        "sealed": manifest.sealed,
        "error": manifest.error,
        "deleverage": manifest.deleverage,
        "code_sha256": manifest.code_sha256,
        "python": manifest.python,
        "platform": manifest.platform,
        "host": manifest.host,
    }

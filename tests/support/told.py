"""Hand-made venues on disk, opened again: what `why` is asked about when every figure is known beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from deleverage import open_run
from deleverage.events.bodies.run import Producer, RunEnded, RunStarted
from deleverage.events.envelope import Event, Origin
from deleverage.events.record import RecordSettings, RecordWriter
from deleverage.events.vocabulary import Body
from deleverage.handlers.registry import build, producer_of
from deleverage.replay.run import Run

from .stage import Stage
from .venue import Book

__all__ = ["producers", "staged", "written"]


def producers(**settings: Mapping[str, Any]) -> tuple[Producer, ...]:
    """Producers by slot, with these settings, in the order given."""
    made = [producer_of(slot, given, f"$.{slot}") for slot, given in settings.items()]
    return tuple(producer for producer in made if producer is not None)


def staged(path: Path, opening: Book, deciding: tuple[Producer, ...], *inputs: tuple[int, Body]) -> Run:
    """Run these inputs from this opening under these producers, record it at `path`, and open it."""
    _declare(opening, deciding)
    stage = Stage(opening, *map(build, deciding))
    stage.run(*inputs, until_ns=inputs[-1][0])
    return written(path, stage.record.events())


def written(path: Path, events: Iterable[Event], deciding: tuple[Producer, ...] = ()) -> Run:
    """Record these events and the run's end at `path`, as decided by these producers, and open it."""
    writer = RecordWriter(path, scenario="test", seed=1, settings=RecordSettings(durability="none"))
    for event in events:
        writer.append(_declared(event, deciding) if deciding and not event.seq else event)
    writer.append(Event(event.seq + 1, event.at_ns, Origin.INPUT, None, (), None, RunEnded()))
    writer.seal("complete")
    return open_run(path)


def _declare(opening: Book, deciding: tuple[Producer, ...]) -> None:
    opening.events[0] = _declared(opening.events[0], deciding)


def _declared(event: Event, deciding: tuple[Producer, ...]) -> Event:
    assert isinstance(event.body, RunStarted)
    body = msgspec.structs.replace(event.body, producers=deciding)
    return msgspec.structs.replace(event, body=body)

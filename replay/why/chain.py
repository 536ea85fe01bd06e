"""The causal chain: from the input that began it, step by step, down to the event; and any event as such a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...events.envelope import Event, Origin
from ...sim.units import format_time_ns
from ..run import Run
from .names import Names
from .parts import Link, Step
from .words_imported import words_of

__all__ = ["chain_of", "decided_by", "step_of"]

_TAKEN_IN = {Origin.IMPORTED: "imported", Origin.INFERRED: "inferred"}


def chain_of(run: Run, events: Sequence[Event], names: Names) -> tuple[Step, ...]:
    """The steps, each with the further events that contributed to it."""
    return tuple(step_of(run, event, names) for event in events)


def step_of(run: Run, event: Event, names: Names, linked: Mapping[int, Event] | None = None) -> Step:
    """One event as a step; `linked` are the events that it links to, where they were read already."""
    look = run.event if linked is None else linked.__getitem__
    return Step(
        event.seq,
        event.at_ns,
        format_time_ns(event.at_ns),
        type(event.body).__name__,
        event.cause,
        decided_by(run, event),
        words_of(event, names),
        tuple(_link(look(seq), names) for seq in event.links),
    )


def decided_by(run: Run, event: Event) -> str | None:
    """Handler and policy, or how it was taken in; None for an input."""
    producer = run.producer_of(event)
    return _TAKEN_IN.get(event.origin) if producer is None else f"{producer.handler}:{producer.policy}"


def _link(event: Event, names: Names) -> Link:
    return Link(event.seq, type(event.body).__name__, words_of(event, names))

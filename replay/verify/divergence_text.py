"""Where the decisions part, for a person and as data: both events, and what led to each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from rich.console import Console

from ...events.envelope import Event
from ...sim.console import print_line, print_rows
from ..log.selection import event_fields
from ..log.text import event_line
from ..run import Run
from .comparison import Divergence, producer_in

__all__ = ["divergence_view", "print_divergence"]

_CHAIN_SHOWN = 12


def print_divergence(console: Console, run: Run, divergence: Divergence) -> None:
    """Expected and got, what differs, and the chain of each from its input down."""
    expected, got = divergence.expected, divergence.got
    print_line(console)
    for label, event in (("expected", expected), ("got", got)):
        if event is None:
            print_rows(console, [(label, "nothing")])
            continue
        print_rows(console, [(label, event_line(event, run.directory)), ("", f"by {_maker(run, event)}")])
        if event is got and expected is not None and expected.cause == got.cause:
            print_rows(console, [("", "from the same events")])
        else:
            print_rows(console, _because(run, event))
    if expected is not None and got is not None:
        print_rows(console, [("differs", ", ".join(_differences(expected, got)))])
    if divergence.error is not None:
        print_rows(console, [("error", divergence.error)])


def _differences(expected: Event, got: Event) -> Iterator[str]:
    """The fields that are not the same, as they are recorded."""
    then, now = event_fields(expected), event_fields(got)
    for name in dict.fromkeys([*then, *now]):
        if then.get(name) != now.get(name):
            yield f"{name} is {_told(then, name)} in the record and {_told(now, name)} now"


def _told(fields: dict[str, Any], name: str) -> str:
    return str(fields[name]) if name in fields else "no field"


def _because(run: Run, event: Event) -> Iterator[tuple[str, str]]:
    causes = _causes(run, event)
    if len(causes) > _CHAIN_SHOWN:
        yield "", f"{len(causes) - _CHAIN_SHOWN} earlier causes from {event_line(causes[0], run.directory)}"
    for cause in causes[-_CHAIN_SHOWN:]:
        yield "", f"from {event_line(cause, run.directory)}"


def _causes(run: Run, event: Event) -> list[Event]:
    """The chain above an event: what led to it is as recorded, for it is the first that differs."""
    return [] if event.cause is None else list(run.causes(event.cause))


def _maker(run: Run, event: Event) -> str:
    if event.producer is None:
        return "nobody: it is an input"
    producer = producer_in(run.producers_at(event.seq), event)
    if producer is None:
        return f"producer {event.producer}, which is nobody"
    return f"{producer.handler}:{producer.policy} version {producer.version}"


def divergence_view(run: Run, divergence: Divergence) -> dict[str, Any]:
    """The same as data: seq, expected, got, their chains, handler, policy, version, error, state."""
    producer = divergence.producer(run.producers_at(divergence.seq))
    view: dict[str, Any] = {"seq": divergence.seq, "error": divergence.error, "state": divergence.state}
    for name, event in (("expected", divergence.expected), ("got", divergence.got)):
        view[name] = None if event is None else event_fields(event)
        view[f"{name}_chain"] = [] if event is None else [event_fields(cause) for cause in _causes(run, event)]
    for name in ("handler", "policy", "version"):
        view[name] = None if producer is None else getattr(producer, name)
    builtins: dict[str, Any] = msgspec.to_builtins(view)
    return builtins

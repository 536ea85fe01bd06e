"""Events as the page shows them: those around an instant, and one of them with what it changed and what it rests on.

What is shown of an account before and after an event is what `history` tells; the chain and the grounds are those of
`why`, and so is the answer, whose sections are passed on as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec

from ...events.envelope import Event, Origin
from ...events.errors import QueryError
from ...events.ledger import Ledger
from ...events.vocabulary import accounts_named
from ..history.steps import HistoryStep, view_beside
from ..history.text import changes_between
from ..log.selection import event_fields, types_named
from ..run import Run
from ..state.view import View
from ..why.explain import explain
from ..why.grounds.graph import GroundGraph, graph_of
from ..why.page.blocks import Block, Node
from ..why.page.sections import answer_sections
from ..why.story import decided_by
from .panels import EventLine, event_line_of

__all__ = ["AccountChange", "EventAnswer", "EventDetail", "WhyPart", "detail_of", "events_around", "graph_below", "why"]

_ACCOUNTS_MOST = 4
_SCANNED_MOST = 200_000
_NODES_MOST = 24
"""So many events of the grounds are drawn: more are not to be read."""


class AccountChange(msgspec.Struct, frozen=True):
    """An account that an event names: what the event changed of it, as label, before, after; its status, its equity."""

    account: int
    name: str
    opened: bool
    changed: tuple[tuple[str, str, str], ...]


class EventDetail(msgspec.Struct, frozen=True):
    """An event whole. `chain` are its causes from the input down; `followed` the first few that it led to."""

    line: EventLine
    origin: str
    decided_by: str | None
    fields: View
    chain: tuple[EventLine, ...]
    followed: tuple[EventLine, ...]
    accounts: tuple[AccountChange, ...]
    more_accounts: int
    explained: bool


class WhyPart(msgspec.Struct, frozen=True):
    """A section of the answer: blocks are `kind` and the fields of that kind."""

    title: str
    blocks: tuple[View, ...]


class EventAnswer(msgspec.Struct, frozen=True):
    """Why an event is in the record, or why that cannot be told."""

    seq: int
    sections: tuple[WhyPart, ...]
    unknown: str = ""


def events_around(
    run: Run,
    ledger: Ledger,
    seq: int,
    count: int,
    types: tuple[str, ...] = (),
    account: int | None = None,
    *,
    back: bool = False,
) -> tuple[EventLine, ...]:
    """So many events from one on, or up to it; only of some types, or that name an account.

    A type that is rare is looked for among the nearest 200,000 events.
    """
    wanted = types_named(types)
    if account is None:
        span = range(seq, max(seq - _SCANNED_MOST, -1), -1) if back else range(seq, min(seq + _SCANNED_MOST, run.count))
        events = (event for event in map(run.event, span) if not wanted or type(event.body) in wanted)
        found = list(islice(events, count))
    elif back:
        found = [*run.events_naming(account, 0, seq + 1)][-count:][::-1]
    else:
        found = list(islice(run.events_naming(account, seq), count))
    return tuple(event_line_of(run, event.seq, ledger) for event in found)


def detail_of(run: Run, seq: int, state_after: Callable[[int], Ledger]) -> EventDetail:
    """An event with the accounts that it names right before and right after it; two states."""
    event = run.event(seq)
    named = list(dict.fromkeys(accounts_named(event.body)))
    shown = named[:_ACCOUNTS_MOST]
    before = state_after(seq)
    views = [view_beside(before, number, event.body) for number in shown]
    after = state_after(seq + 1)
    chain = tuple(event_line_of(run, one, after) for one in run.chain(seq))
    following = (one for one in run.events(seq + 1, seq + 400) if one.cause == seq)
    return EventDetail(
        line=event_line_of(run, seq, after),
        origin=event.origin.name.lower(),
        decided_by=decided_by(run, event),
        fields=_fields(event),
        chain=chain,
        followed=tuple(event_line_of(run, one.seq, after) for one in islice(following, 12)),
        accounts=tuple(_change(after, event, number, view) for number, view in zip(shown, views, strict=True)),
        more_accounts=len(named) - len(shown),
        explained=event.origin is not Origin.INPUT,
    )


def _fields(event: Event) -> View:
    """The fields of the body; without those of the envelope, and numbers that a browser would round as text."""
    envelope = ("seq", "at_ns", "origin", "cause", "producer", "type")
    return {name: _told(value) for name, value in event_fields(event).items() if name not in envelope}


def _told(value: Any) -> Any:
    if isinstance(value, int) and abs(value) >= 2**53:
        return str(value)
    if isinstance(value, dict):
        return {name: _told(one) for name, one in value.items()}
    return [_told(one) for one in value] if isinstance(value, list | tuple) else value


def _change(after: Ledger, event: Event, number: int, before: View | None) -> AccountChange:
    step = HistoryStep(event, before, view_beside(after, number, event.body))
    asset = after.assets[after.accounts[number].asset]
    changed = () if before is None or step.after is None else tuple(changes_between(before, step.after, asset))
    return AccountChange(number, after.name(number), before is None, changed)


def graph_below(run: Run, seq: int) -> GroundGraph:
    """The grounds of a decision and theirs, the nearest 24 events; some 10 ms each."""
    return graph_of(run, seq, nodes_max=_NODES_MOST)


def why(run: Run, seq: int) -> EventAnswer:
    """The answer of `why`, or what it says instead. Costs what `why` costs, mostly under a second."""
    try:
        answer = explain(run, seq)
    except QueryError as error:
        return EventAnswer(seq, (), str(error))
    parts = tuple(WhyPart(one.title, tuple(map(_block, one.blocks))) for one in answer_sections(answer))
    return EventAnswer(seq, parts)


def _block(block: Block) -> View:
    """A block as plain data, with its kind."""
    return {"kind": type(block).__name__.lower(), **{name: _nodes(value) for name, value in block._asdict().items()}}


def _nodes(value: Any) -> Any:
    if isinstance(value, Node):
        return {"text": value.text, "children": _nodes(value.children)}
    return [_nodes(one) for one in value] if isinstance(value, tuple | list) else value

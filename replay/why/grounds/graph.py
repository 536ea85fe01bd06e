"""What a decision rests on: the events that set the figures which it compared, and what those rest on in turn.

The *trigger* of a decision is the delivery that made a handler act; its *grounds* are the events that set the figures
which it compared. Each type of event declares which kinds of figures those are (`events/grounds.py`). For each kind
there is a finder here: in the state before the decision it names what was set, and the event that set it last. Rules:

1. Each ground comes before its decision, so that grounds of grounds make a graph without cycles. Its ends are inputs
   and declarations of rules.
2. One event that set several figures is one ground, with all of them.
3. A kind finds nothing where the decision had no such figure, such as a liquidation without a call before it.
4. A graph goes level by level from the decision, and at each level from the last event to the first. It stops at a
   number of events: those whose own grounds are left out say so.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ....events.bodies.run import RunForked, RunStarted
from ....events.envelope import Event, Origin
from ....events.ledger import LedgerState
from ....sim.units import format_time_ns
from ...run import Run
from ..names import RunNames
from ..parts import EventStep
from ..story import step_of
from ..venue.taken_in import words_of
from .finders import FINDERS
from .lookback import Decision, Lookback

__all__ = [
    "DEFINITION",
    "NODES_MAX",
    "EventGround",
    "GroundGraph",
    "GroundNode",
    "NamedGround",
    "RestsOn",
    "Verdict",
    "graph_of",
    "grounds_of",
    "named_grounds",
]

NODES_MAX = 400
"""A graph has so many events unless more are asked for."""

DEFINITION = (
    "Each was taken away by executing the run again from there, everything else left to follow. The decision stands if "
    "up to the end of its instant the same type of event is decided about the same account, instrument and direction, "
    "whatever its figures. A ground is necessary if it does not stand without it, and one of several if it does."
)
"""What a verdict means, for whoever reads one; `proof.py` has it in full."""

_RULE = "RULE"


class Verdict(msgspec.Struct, frozen=True):
    """Whether the decision stands without a ground: what was done to it, what came of that, and how far it was run.

    `verdict` is `necessary` (it does not stand), `one of several` (it stands), `not removable` or `not tried`.
    """

    verdict: Literal["necessary", "one of several", "not removable", "not tried"]
    text: str
    removed: str | None = None
    from_seq: int | None = None


class EventGround(msgspec.Struct, frozen=True):
    """An event that set figures: which kinds, which figures, the event, and what it rests on itself."""

    sets: str
    step: EventStep
    rests_on: tuple[EventGround, ...] = ()
    kinds: tuple[str, ...] = ()
    proof: Verdict | None = None


class RestsOn(msgspec.Struct, frozen=True):
    """An edge of the graph: the event that set a figure, the kinds of ground that it is, and the figures."""

    seq: int
    kinds: tuple[str, ...]
    sets: str


class GroundNode(msgspec.Struct, frozen=True):
    """One event of the graph.

    `end` says why nothing is below it: it came from outside, it declares the rules, or the graph was cut there; null
    where `rests_on` has its grounds.
    """

    seq: int
    at: str
    type: str
    text: str
    level: int
    end: Literal["input", "rule", "cut"] | None
    rests_on: tuple[RestsOn, ...] = ()


class GroundGraph(msgspec.Struct, frozen=True):
    """The grounds of a decision and theirs, by falling number; `whole` says that nothing was cut."""

    seq: int
    whole: bool
    nodes: tuple[GroundNode, ...]


class NamedGround(msgspec.Struct, frozen=True):
    """An event that is a ground, and of what."""

    event: Event
    kinds: tuple[str, ...]
    sets: str


def grounds_of(
    run: Run, event: Event, ledger: LedgerState, names: RunNames, *, levels: int = 2, look: Lookback | None = None
) -> tuple[EventGround, ...]:
    """The grounds of a decision, and for each its own, `levels` deep; `ledger` stands at the decision or before it.

    Costs some 10 ms an event. Empty for what was not decided here. Of a rule only the first level tells.
    """
    look = look or Lookback(run, ledger)
    found = []
    for one in named_grounds(look, event, names):
        below: tuple[EventGround, ...] = ()
        if levels > 1:
            below = grounds_of(run, one.event, ledger, names, levels=levels - 1, look=look)
        told = tuple(ground for ground in below if ground.kinds != (_RULE,))
        found.append(EventGround(one.sets, step_of(run, one.event, names), told, one.kinds))
    return tuple(found)


def graph_of(run: Run, seq: int, *, nodes_max: int | None = NODES_MAX) -> GroundGraph:
    """The whole graph below a decision, or its first `nodes_max` events. Costs a state, and some 10 ms an event.

    Raises QueryError if there is no such event.
    """
    root, ledger = run.event(seq), run.before(seq)
    look, names = Lookback(run, ledger), RunNames(ledger)
    levels, found, level = {seq: 0}, dict[int, tuple[NamedGround, ...]](), [root]
    while level:
        below = dict[int, Event]()
        for event in sorted(level, key=lambda one: -one.seq):
            named = named_grounds(look, event, names)
            new = {one.event.seq: one.event for one in named if one.event.seq not in levels}
            if nodes_max is not None and len(levels) + len(new) > nodes_max and event is not root:
                continue
            found[event.seq] = named
            levels |= dict.fromkeys(new, levels[event.seq] + 1)
            below |= new
        level = list(below.values())
    nodes = tuple(_node(look.event(one), levels[one], found.get(one), names) for one in sorted(levels, reverse=True))
    return GroundGraph(seq, not any(node.end == "cut" for node in nodes), nodes)


def named_grounds(look: Lookback, event: Event, names: RunNames) -> tuple[NamedGround, ...]:
    """The grounds of a decision by its type's kinds, each event once; none of what was not decided here."""
    if event.origin is not Origin.DECIDED or event.producer is None:
        return ()
    case, found = Decision(look, event, names), dict[int, tuple[Event, list[tuple[str, str]]]]()
    for kind in event.body.rested_on():
        for sets, one in FINDERS[kind](case):
            if one is not None:
                found.setdefault(one.seq, (one, []))[1].append((kind.name, sets))
    return tuple(
        NamedGround(
            one, tuple(dict.fromkeys(kind for kind, _ in told)), "; ".join(dict.fromkeys(sets for _, sets in told))
        )
        for one, told in found.values()
    )


def _node(event: Event, level: int, named: tuple[NamedGround, ...] | None, names: RunNames) -> GroundNode:
    end: Literal["input", "rule", "cut"] | None = None
    if event.origin is not Origin.DECIDED:
        end = "rule" if isinstance(event.body, RunStarted | RunForked) else "input"
    elif not named:
        end = "cut"
    edges = tuple(RestsOn(one.event.seq, one.kinds, one.sets) for one in named or ())
    kind = type(event.body).__name__
    return GroundNode(event.seq, format_time_ns(event.at_ns), kind, words_of(event, names), level, end, edges)

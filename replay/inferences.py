"""What of an imported record no file states, counted by the rules that it was concluded by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from ..events.bodies.inputs import BalanceStated, PositionStated
from ..events.bodies.margin import MarkPriced
from ..events.bodies.waterfall import DeleveragingStarted
from ..events.envelope import Origin
from .run import Run
from .why.venue.taken_in import format_of, rule_of

__all__ = ["Inference", "inferences_before"]

_TELLING = (BalanceStated, PositionStated, MarkPriced, DeleveragingStarted)


class Inference(msgspec.Struct, frozen=True):
    """So many things that no file states, and the rule by which they were concluded."""

    what: str
    times: int
    rule: str


def inferences_before(run: Run, seq: int) -> Iterator[Inference]:
    """What the states of accounts and rounds before an event rest on; reads every event before it."""
    found = Counter[tuple[str, str]]()
    for event in run.events(0, seq):
        if event.origin is Origin.INFERRED and isinstance(event.body, _TELLING):
            found[type(event.body).__name__, rule_of(event, format_of(run))] += 1
    for (what, rule), times in sorted(found.items()):
        yield Inference(what, times, rule)

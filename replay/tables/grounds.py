"""The table of grounds: for each decision the events that set the figures which it compared, as `why` finds them.

It is made where it is asked for by name, since a decision costs as much as a hundred rows of other tables: some 0.1 ms.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...events.kinds import AccountNumber, EventNumber
from ..run import Run
from ..why.grounds.graph import named_grounds
from ..why.grounds.lookback import Lookback
from ..why.names import RunNames
from .states import StateRow

__all__ = ["GroundRow", "ground_rows"]


class GroundRow(StateRow, frozen=True, gc=False):
    """A ground of a decision: an event that set figures which decision `seq` compared."""

    type: str
    account: AccountNumber | None
    ground: EventNumber
    ground_type: str
    kinds: str
    sets: str


def ground_rows(run: Run, first_seq: int, stop_seq: int) -> Iterator[GroundRow]:
    """The grounds of the decisions of a span, in the order of the decisions.

    Costs the state before the span, then some 0.1 ms a decision. `kinds` and `sets` are several where the event set
    several figures.
    """
    ledger = run.before(first_seq) if first_seq < run.count else run.at()
    look, names = Lookback(run, ledger), RunNames(ledger)
    for event in run.events(first_seq, stop_seq):
        for one in named_grounds(look, event, names):
            yield GroundRow(
                event.seq,
                event.at_ns,
                type(event.body).__name__,
                getattr(event.body, "account", None),
                one.event.seq,
                type(one.event.body).__name__,
                ", ".join(one.kinds),
                one.sets,
            )
        ledger.fold(event)
        look.moved_on()

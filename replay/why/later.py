"""What a position that was reduced would have been worth later: a minute and an hour after it, and at the end."""

from __future__ import annotations

import msgspec

from ...events.bodies.margin import MarkPriced
from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...sim.figures import percent
from ...sim.units import format_time_ns
from ..run import Run
from .closed import mark_before
from .names import Names

__all__ = ["Later", "later_of"]

_MINUTE_NS = 60 * 10**9
_AFTER_NS = (_MINUTE_NS, 60 * _MINUTE_NS)


class Later(msgspec.Struct, frozen=True):
    """A later mark, and what closing the same lots at it would have brought over the price of the reduction.

    `gained_atoms` is above zero where whoever was reduced would have done better then; `share` is that of the profit
    at the mark on what was closed, in percent, null where that was no profit.
    """

    at_ns: int
    at: str
    mark_seq: int
    mark_ticks: int
    mark: str
    gained_atoms: int
    gained: str
    share: str | None = None


def later_of(run: Run, event: Event, ledger: LedgerState, paper_atoms: int, names: Names) -> tuple[Later, ...]:
    """The marks of a reduction's instrument after it, those that the record has; funding is left out.

    `paper_atoms` is the profit at the mark on what was closed.
    """
    body = event.body
    if not isinstance(body, PositionDeleveraged):
        return ()
    asked = (event.at_ns + after_ns for after_ns in _AFTER_NS)
    times = [*(at_ns for at_ns in asked if at_ns < run.end_ns), run.end_ns]
    found = []
    for at_ns in times:
        marked = mark_before(run, body.instrument, run.first_at(at_ns + 1))
        if marked is None or marked.seq < event.seq or not isinstance(marked.body, MarkPriced):
            continue
        payoff, mark_ticks = ledger.markets[body.instrument].payoff, marked.body.mark_ticks
        gained_atoms = body.value_atoms - payoff.value_atoms(body.size_lots, mark_ticks)
        found.append(
            Later(
                at_ns,
                format_time_ns(at_ns),
                marked.seq,
                mark_ticks,
                names.price(body.instrument, mark_ticks),
                gained_atoms,
                names.money(body.account, gained_atoms),
                percent(gained_atoms, paper_atoms) if paper_atoms > 0 else None,
            )
        )
    return tuple(found)

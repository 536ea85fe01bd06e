"""What an account's figures rest on: the events that set the marks, the balance and positions, and the rule in force.

The *trigger* of a decision is the delivery that made a handler act; its *grounds* are the events that set the figures
which it compared. They follow from the record and the state that it was decided in:

1. For each instrument that the account holds, the event that made the mark; under it the price from outside that the
   mark stands on, and, where forced orders hold it away from that, the last fill that did.
2. The last event that changed its balance or its positions.
3. The event that declared who decides by which rules: the run's first event, or the fork that changed them.
"""

from __future__ import annotations

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.liquidation import LiquidationFilled
from ...events.bodies.margin import MarkPriced, PositionReduced
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.ledger.postings import POSTINGS
from ..run import Run
from .chain import step_of
from .closed import backwards, mark_before
from .names import Names
from .parts import Step

__all__ = ["Ground", "grounds_of"]

_NEAR = 1 << 12


class Ground(msgspec.Struct, frozen=True):
    """An event that set a figure: which figure, the event, and the events that it stands on itself."""

    sets: str
    step: Step
    rests_on: tuple[Step, ...] = ()


def grounds_of(run: Run, event: Event, ledger: LedgerState, number: int, names: Names) -> tuple[Ground, ...]:
    """The grounds of a decision about an account; `ledger` stands before it. Some 10 ms an instrument.

    Empty for the venue's own accounts, and for what was not decided here.
    """
    if number >= len(ledger.accounts) or ledger.accounts[number].kind != "user" or event.producer is None:
        return ()
    instruments = sorted({instrument for instrument, _ in ledger.accounts[number].positions})
    found = [_mark(run, event, instrument, names) for instrument in instruments]
    found += [_last_change(run, event, number, names), _rule(run, event, names)]
    return tuple(ground for ground in found if ground is not None)


def _mark(run: Run, event: Event, instrument: int, names: Names) -> Ground | None:
    """The mark that held, the price from outside under it, and the last forced trade that moved it."""
    mark = mark_before(run, instrument, event.seq)
    if mark is None:
        return None
    steps = tuple(step_of(run, one, names) for one in _under(run, instrument, mark))
    return Ground(f"the mark of {names.instrument(instrument)}", step_of(run, mark, names), steps)


def _under(run: Run, instrument: int, mark: Event) -> list[Event]:
    """The price from outside and the fill that a mark stands on; looked for among the events near it."""
    assert isinstance(mark.body, MarkPriced)
    tick, fill = None, None
    for event in backwards(run, max(mark.seq - _NEAR, 0), mark.seq):
        body = event.body
        if isinstance(body, PriceTicked) and any(one == instrument for one, _ in body.prices):
            tick = tick or event
        elif isinstance(body, LiquidationFilled | PositionReduced) and body.instrument == instrument:
            fill = fill or event
        if tick is not None and (fill is not None or not mark.body.impact_ticks):
            break
    found = [tick, fill if mark.body.impact_ticks else None]
    return [event for event in found if event is not None]


def _last_change(run: Run, event: Event, number: int, names: Names) -> Ground | None:
    """What changed its balance or its positions last; read from the end."""
    for first_seq, stop_seq in reversed(run.columns.spans_naming(number, 0, event.seq)):
        changes = [one for one in run.events_naming(number, first_seq, stop_seq) if type(one.body) in POSTINGS]
        if changes:
            return Ground("its balance and positions", step_of(run, changes[-1], names))
    return None


def _rule(run: Run, event: Event, names: Names) -> Ground:
    """Where the rules were declared that were in force."""
    producer = run.producer_of(event)
    assert producer is not None
    rule = f"the rule, {producer.handler}:{producer.policy} version {producer.version}"
    return Ground(rule, step_of(run, run.event(run.declared_at(event.seq)), names))

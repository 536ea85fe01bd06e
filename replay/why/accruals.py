"""When funding accrued before a point of a run: what a lone account must know of the markets.

1. A handler sets its next funding timer together with the accrual, so from the timer that is pending one can go back
   from accrual to accrual, without reading what lies between.
2. What was found is held against the cumulative funding of the ledger. Where that differs (another way of setting
   timers, a delivery under way), the whole record up to the point is read instead.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from ...events.bodies.margin import FundingAccrued
from ...events.bodies.venue import TimerFired
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...handlers.funding import Funding
from ..run import Run

__all__ = ["Accruals", "accruals_of"]


class Accruals:
    """Cumulative funding per instrument, before any event."""

    def __init__(self, events: Iterable[Event]) -> None:
        """From the accruals, in any order."""
        self._seqs: dict[int, list[int]] = {}
        self._totals: dict[int, list[int]] = {}
        for event in sorted(events, key=lambda event: event.seq):
            body = event.body
            assert isinstance(body, FundingAccrued)
            totals = self._totals.setdefault(body.instrument, [0])
            totals.append(totals[-1] + body.payment_nanoatoms)
            self._seqs.setdefault(body.instrument, []).append(event.seq)

    def before(self, instrument: int, seq: int) -> int:
        """The cumulative funding of an instrument, in nanoatoms a lot, before event `seq`; O(log accruals)."""
        seqs = self._seqs.get(instrument)
        return 0 if seqs is None else self._totals[instrument][bisect_left(seqs, seq)]

    def explain(self, ledger: LedgerState) -> bool:
        """Whether the cumulative funding of every market of a ledger follows from these."""
        return all(
            market.cumulative_funding_nanoatoms == self.before(number, ledger.seq)
            for number, market in enumerate(ledger.markets)
        )


def accruals_of(run: Run, ledger: LedgerState) -> Accruals:
    """All accruals before the point at which `ledger` stands; a few events for each, or one reading of the record."""
    found = Accruals(_walked(run, ledger))
    if found.explain(ledger):
        return found
    return Accruals(event for event in run.events(0, ledger.seq) if isinstance(event.body, FundingAccrued))


def _walked(run: Run, ledger: LedgerState) -> Iterator[Event]:
    """Back from each funding timer that is pending."""
    for seq, pending in ledger.timers.items():
        if pending.producer is None or ledger.producers[pending.producer].handler != Funding.name:
            continue
        timer: int | None = seq
        while timer is not None:
            fired = run.event(timer).cause
            accrual = run.event(timer - 1)
            if isinstance(accrual.body, FundingAccrued) and accrual.cause == fired:
                yield accrual
            timer = _timer_of(run, fired)


def _timer_of(run: Run, fired: int | None) -> int | None:
    """The timer whose firing a funding followed from; None at the first one."""
    body = None if fired is None else run.event(fired).body
    return body.timer if isinstance(body, TimerFired) else None

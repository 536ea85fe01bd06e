"""When an account could trade an instrument with the market: not in its liquidation, nor in a halt, nor unmarked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.listing import InstrumentListed
from ...events.bodies.venue import TradingHalted
from ...events.ledger import LedgerState
from ..run import Run

__all__ = ["Free", "Tradeable"]


class Free(NamedTuple):
    """Where an account can trade: after which event, in which state, and what is in the way of a later point."""

    seq: int
    ledger: LedgerState
    later: str


class Tradeable:
    """The points of a run at which an instrument could be traded, from event `first_seq` on."""

    def __init__(self, run: Run, listing: InstrumentListed, first_seq: int) -> None:
        """Nothing is read yet."""
        self._run, self._listing, self._first_seq = run, listing, max(1, first_seq)

    def backwards(self, account: int, seq: int, ledger: LedgerState | None = None) -> Iterator[Free]:
        """The last points of instants with a price, backwards from an event, after which the state is `ledger`."""
        later = "that was the last instant before it"
        while (free := self.last(account, seq, ledger)) is not None:
            later = free.later or later
            yield free._replace(later=later)
            seq, ledger = self._earlier_tick(free.seq) - 1, None

    def last(self, account: int, seq: int, ledger: LedgerState | None = None) -> Free | None:
        """The last point up to an event, after which the state is `ledger`; None where there is none."""
        later = ""
        while seq >= self._first_seq:
            ledger = ledger or self._run.at(seq=seq)
            blocked = self._blocked_since(ledger, seq, account)
            if blocked is None:
                return Free(seq, ledger, later)
            since_seq, later = blocked
            seq, ledger = self._run.first_at(self._run.event(since_seq).at_ns) - 1, None
        return None

    def _blocked_since(self, ledger: LedgerState, seq: int, account: int) -> tuple[int, str] | None:
        """The event since which the account cannot trade, and that in words; None where it can."""
        market, number = ledger.markets[self._listing.instrument], ledger.accounts[account].liquidation_id
        if number is not None:
            started_seq = ledger.liquidations[number].started_seq
            return started_seq, f"from event {started_seq} on it was in liquidation"
        if market.halted_until_ns is not None:
            halt_seq = next(event.seq for event in self._run.backwards(seq + 1) if self._halts(event.body))
            return halt_seq, f"from event {halt_seq} on {self._listing.name} was halted"
        return None if market.mark_ticks else (0, f"before, {self._listing.name} had no mark")

    def _halts(self, body: object) -> bool:
        return isinstance(body, TradingHalted) and body.instrument == self._listing.instrument

    def _earlier_tick(self, seq: int) -> int:
        """The first event of the instant of the last price at or before an event."""
        ticks = (event.seq for event in self._run.backwards(seq + 1) if isinstance(event.body, PriceTicked))
        return self._run.first_at(self._run.event(next(ticks, 0)).at_ns)

"""The ledger: `ledger = fold(events[:n])`, in memory.

1. Only `fold` changes it. Handlers read it.
2. The running simulation and every replay use this same fold.
3. Two ledgers are equal when their canonical bytes are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from ..envelope import DecidedRow, Event
from ..errors import LedgerError
from ..named import number_named
from ..notebook import html_table
from .account import Account
from .books import Books
from .effects import FOLD
from .laws import check
from .market import Market
from .rows import fold_alike

if TYPE_CHECKING:
    from ..quiet_ticks import QuietTicks

__all__ = ["Ledger"]

_encoder = msgspec.msgpack.Encoder()
_SHOWN_MOST = 12


class Ledger(Books):
    """State after the first `seq` events."""

    __slots__ = ()

    def fold(self, event: Event) -> None:
        """Take the next event. Raises LedgerError where it cannot follow; O(1) but for what the event itself holds."""
        seq, at_ns = event.seq, event.at_ns
        if seq != self.seq or at_ns < self.at_ns:
            self._refuse(event)
        self.at_ns = at_ns
        body = event.body
        effect = FOLD[type(body)]
        if effect is not None:
            effect(body, self, event)
        self.seq = seq + 1

    def fold_beyond(self, event: Event) -> None:
        """Take an event that may stand further on: whoever asks knows that those between change nothing asked about."""
        assert event.seq >= self.seq
        self.seq = event.seq
        self.fold(event)

    def fold_row(self, row: DecidedRow) -> None:
        """Take events that were decided in a row, as `fold` does one after the other. Raises LedgerError like it."""
        done = 0
        while done < len(row):
            self.fold(row[done])
            done += 1
            done += fold_alike(self, row, done)

    def fold_ticks(self, ticks: QuietTicks) -> None:
        """Take a run of prices and their marks: the fold of their events, of which only the last two instants are left.

        There are at least two, all later than now, and nothing is delivered at an average of marks. O(instruments).
        """
        assert ticks.instants > 1
        assert self.at_ns < ticks.times_ns[0]
        assert not self.deliveries
        self.at_ns, self.seq = int(ticks.times_ns[-1]), self.seq + ticks.events
        for place, instrument in enumerate(ticks.instruments):
            self.markets[instrument].follow(ticks.mark_at(place, -2), ticks.mark_at(place), self.at_ns)
        self.repriced_seq = self.seq - 1

    def _refuse(self, event: Event) -> None:
        if event.seq != self.seq:
            message = f"event {event.seq} cannot be folded: the ledger stands before event {self.seq}"
        else:
            message = f"event {event.seq}: its time {event.at_ns} is before {self.at_ns}; time never runs backwards"
        raise LedgerError(message)

    def account(self, account: int | str) -> Account:
        """An account by name or number; amounts in atoms. Raises QueryError with the nearest names."""
        return self.accounts[number_named(account, self.account_ids, "account")]

    def market(self, instrument: int | str) -> Market:
        """What is known of an instrument, prices in ticks. Raises QueryError with the nearest names."""
        numbers = {market.listing.name: number for number, market in enumerate(self.markets)}
        return self.markets[number_named(instrument, numbers, "instrument")]

    def __repr__(self) -> str:
        """One line: where it stands, and how much is in it."""
        stands = f"after event {self.seq - 1}, at_ns={self.at_ns}" if self.seq else "before the first event"
        return f"<Ledger {stands}: accounts={len(self.accounts)}, instruments={len(self.markets)}>"

    def _repr_html_(self) -> str:
        """Each instrument with its prices, in ticks, as a small table."""
        shown = self.markets[:_SHOWN_MOST]
        rows = [(one.listing.name, one.listing.tick_size, one.mark_ticks, one.oracle_ticks) for one in shown]
        left = len(self.markets) - len(shown)
        more = [(f"and {left:,} more", "", "", "")] if left else []
        return html_table(
            repr(self).strip("<>"), [*rows, *more], ("instrument", "tick_size", "mark_ticks", "oracle_ticks")
        )

    def check(self) -> None:
        """Assert every law. Raises LedgerError naming the first that is broken; O(accounts)."""
        check(self)

    def encode(self) -> bytes:
        """The canonical bytes of the whole state."""
        return _encoder.encode(self)

    def digest(self) -> str:
        """SHA-256 of the canonical bytes, in hex."""
        return hashlib.sha256(self.encode()).hexdigest()

    @classmethod
    def of(cls, events: Iterable[Event]) -> Ledger:
        """The fold of a record from its first event on."""
        ledger = cls()
        for event in events:
            ledger.fold(event)
        return ledger

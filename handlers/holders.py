"""Who holds which side of an instrument: an index, so that a ranking need not look at everybody."""

from __future__ import annotations

from collections.abc import Iterable

from ..events.ledger import LedgerState

__all__ = ["Holders"]


class Holders:
    """Accounts per (instrument, side), side +1 long, -1 short.

    A superset: it may include former holders but never omits a current one.
    """

    def __init__(self) -> None:
        self._accounts: dict[tuple[int, int], set[int]] = {}
        self._noted: set[int] = set()

    def note(self, accounts: Iterable[int]) -> None:
        """These accounts may have opened a position or turned one round; they are looked at when somebody asks."""
        self._noted.update(accounts)

    def rebuild(self, ledger: LedgerState) -> None:
        """All accounts of the ledger."""
        self._accounts, self._noted = {}, set(range(len(ledger.accounts)))
        self._look(ledger)

    def count(self, ledger: LedgerState, instrument: int, side: int) -> int:
        """How many may hold this side; O(positions of who was noted)."""
        self._look(ledger)
        return len(self._accounts.get((instrument, side), ()))

    def of(self, ledger: LedgerState, instrument: int, side: int) -> list[int]:
        """Who may hold this side, in order of accounts."""
        self._look(ledger)
        return sorted(self._accounts.get((instrument, side), ()))

    def _look(self, ledger: LedgerState) -> None:
        """At the positions of who was noted. Traders only count."""
        for account in map(ledger.accounts.__getitem__, self._noted):
            if account.kind == "user":
                for (instrument, _), held in account.positions.items():
                    side = (instrument, 1 if held.size_lots > 0 else -1)
                    self._accounts.setdefault(side, set()).add(account.account)
        self._noted.clear()

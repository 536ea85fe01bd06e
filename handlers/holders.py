"""Who holds which side of an instrument: an index, so that a ranking need not look at everybody."""

from __future__ import annotations

from collections.abc import Iterable

from ..events.ledger import LedgerState

__all__ = ["Holders"]


class Holders:
    """Accounts per (instrument, side), side +1 long, -1 short. It may name some who hold it no more, never miss one."""

    def __init__(self) -> None:
        """Nobody holds anything."""
        self._accounts: dict[tuple[int, int], set[int]] = {}

    def note(self, ledger: LedgerState, accounts: Iterable[int]) -> None:
        """These accounts may have opened a position or turned one round; O(their positions). Traders only count."""
        traders = [account for account in map(ledger.accounts.__getitem__, accounts) if account.kind == "user"]
        for account in traders:
            for (instrument, _), held in account.positions.items():
                side = (instrument, 1 if held.size_lots > 0 else -1)
                self._accounts.setdefault(side, set()).add(account.account)

    def rebuild(self, ledger: LedgerState) -> None:
        """All accounts of the ledger."""
        self._accounts = {}
        self.note(ledger, range(len(ledger.accounts)))

    def count(self, instrument: int, side: int) -> int:
        """How many may hold this side."""
        return len(self._accounts.get((instrument, side), ()))

    def of(self, instrument: int, side: int) -> list[int]:
        """Who may hold this side, in order of accounts."""
        return sorted(self._accounts.get((instrument, side), ()))

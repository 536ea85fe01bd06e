"""Who holds options: an index, so that neither expiry nor margin looks at everybody."""

from __future__ import annotations

from collections.abc import Collection

from ...events.ledger import Account, LedgerState
from ...events.vocabulary import Body, accounts_named

__all__ = ["OptionHolders"]

_NOBODY: frozenset[int] = frozenset()


class OptionHolders:
    """Accounts with a position in an option on an underlying; the venue's liquidity, which has the rest, is not one."""

    def __init__(self) -> None:
        self._numbers: dict[int, set[int]] = {}

    def note(self, body: Body, ledger: LedgerState) -> None:
        """Whoever an event names that moved an option may hold one now, or none any more."""
        instrument = getattr(body, "instrument", None)
        option = None if instrument is None else ledger.options.get(instrument)
        if option is not None:
            numbers = self._numbers.setdefault(option.underlying, set())
            for number in accounts_named(body):
                _note(numbers, ledger.accounts[number], option.underlying, ledger)

    def rebuild(self, ledger: LedgerState) -> None:
        """Whoever holds one; O(accounts)."""
        self._numbers = {option.underlying: set() for option in ledger.options.values()}
        for underlying, numbers in self._numbers.items():
            for account in ledger.accounts:
                _note(numbers, account, underlying, ledger)

    def of(self, underlying: int) -> Collection[int]:
        """Whoever holds one, by number, in no order."""
        return self._numbers.get(underlying, _NOBODY)


def _note(numbers: set[int], account: Account, underlying: int, ledger: LedgerState) -> None:
    options = ledger.options
    held = account.kind != "liquidity" and any(
        instrument in options and options[instrument].underlying == underlying for instrument, _ in account.positions
    )
    (numbers.add if held else numbers.discard)(account.account)

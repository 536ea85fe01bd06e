"""What the venue's notices say of liquidations, beside the fills that carry them out.

1. A notice says what the account was worth (an isolated position: what that was worth) when it was liquidated. The
   liquidation that the fills of the same instant begin is then imported, with that equity; what was required of it is
   not told.
2. A notice without a fill of its account in that instant is recorded as a liquidation that the files show nothing of:
   it started, which is imported, and ended, which is inferred.
"""

from __future__ import annotations

from ....events.bodies.liquidation import LiquidationEnded, LiquidationOutcome, LiquidationStarted
from ....events.envelope import Origin
from ..session import Session
from .deltas import Liquidated
from .market import CoinNames
from .survey import DEFAULT_ASSET

__all__ = ["Liquidations"]


class Liquidations:
    """The notices of one instant that no fill has answered yet."""

    def __init__(self, session: Session, names: CoinNames) -> None:
        self._session, self._names = session, names
        self._equity_atoms: dict[int, int] = {}

    def told(self, notice: Liquidated) -> None:
        """Take in a notice. Raises ScenarioError for a value that is no amount."""
        value, address, isolated, names = notice
        equity_atoms, _ = self._names.amount(value, DEFAULT_ASSET, self._session.faults)
        coins = [self._names.coins[name] for name in names if name in self._names.coins] if isolated else []
        accounts = [coin.accounts[address] for coin in coins] or [self._names.accounts[DEFAULT_ASSET][address]]
        for account in accounts:
            self._equity_atoms[account] = equity_atoms

    def start(self, liquidation_id: int, account: int, cause: int | None) -> int:
        """Record that a liquidation began, and return the event's number."""
        equity_atoms = self._equity_atoms.pop(account, None)
        body = LiquidationStarted(liquidation_id, account, equity_atoms or 0, 0)
        origin = Origin.INFERRED if equity_atoms is None else Origin.IMPORTED
        return self._session.imported(body, cause, origin=origin)

    def flush(self) -> None:
        """The instant is over: record what no fill has answered."""
        for account in list(self._equity_atoms):
            ledger = self._session.ledger
            number = ledger.liquidations_started + 1
            started = self.start(number, account, None)
            outcome: LiquidationOutcome = "restored" if ledger.accounts[account].positions else "closed"
            self._session.inferred(LiquidationEnded(number, account, outcome, 0), started)
            self._session.faults.note("liquidations without a fill")

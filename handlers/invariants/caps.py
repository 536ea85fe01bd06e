"""What one block may force of an account, and cost the insurance fund."""

from __future__ import annotations

from typing import Any, ClassVar

from ...events.bodies.liquidation import LiquidationFilled
from ...events.bodies.waterfall import InsuranceFundDebited
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from ..conversion import in_asset
from .invariant import HELD, UNKNOWN, Break, Invariant, Outcome, ThisInstant

__all__ = ["CapsABlock"]

_CAPPED: tuple[type[Body], ...] = (LiquidationFilled, InsuranceFundDebited)


class CapsABlock(Invariant):
    """At one instant, which is a block, no more is sold of an account, nor paid for it, than the caps allow.

    `block_notional_max` is of forced orders, `block_fund_loss_max` of what the fund pays, each of one account, in the
    first asset; 0 bounds nothing. One lot may always be sold.
    """

    name: ClassVar[str] = "caps a block"
    rule: ClassVar[str] = "sums of an account at one instant <= block_notional_max, block_fund_loss_max"
    judges: ClassVar[tuple[type[Body], ...]] = _CAPPED
    notes: ClassVar[tuple[type[Body], ...]] = _CAPPED

    def __init__(self, parameters: Any) -> None:
        self._most = dict(
            zip(_CAPPED, (parameters.block_notional_max_atoms, parameters.block_fund_loss_max_atoms), strict=True)
        )
        self._sums = ThisInstant[tuple[int, int]]()

    def forget(self) -> None:
        """Nothing was sold."""
        self._sums.clear()

    def note(self, event: Event) -> None:
        """Whose it is, and how much of it: atoms, and lots."""
        body: Any = event.body
        self._sums.note(event, (type(body), body.account), (_atoms(body), _lots(body)))

    def judged(self, event: Event, ledger: LedgerState) -> Outcome:
        """Broken once, by the event that goes beyond."""
        body: Any = event.body
        account = ledger.accounts[body.account]
        if account.kind == "insurance" or not self._most[type(body)]:
            return HELD
        most_atoms = in_asset(ledger, account.asset, self._most[type(body)])
        if not most_atoms:
            return UNKNOWN
        before = self._sums.before(event, (type(body), body.account))
        before_atoms, lots = (sum(one[place] for _, one in before) for place in (0, 1))
        now_atoms = before_atoms + _atoms(body)
        within = now_atoms <= most_atoms or before_atoms > most_atoms
        if within or lots + _lots(body) == 1:
            return HELD
        instrument, links = getattr(body, "instrument", None), tuple(seq for seq, _ in before)
        return Break("amount", "at most", most_atoms, now_atoms, instrument, body.account, None, links)


def _atoms(body: Any) -> int:
    atoms: int = body.amount_atoms if isinstance(body, InsuranceFundDebited) else abs(body.value_atoms)
    return atoms


def _lots(body: Any) -> int:
    lots: int = 0 if isinstance(body, InsuranceFundDebited) else abs(body.size_lots)
    return lots

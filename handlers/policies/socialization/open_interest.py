"""Drift: the loss is spread over every contract of the instrument, long and short alike."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ....events.bodies.waterfall import BalanceWrittenOff, LossSocialized
from ....events.ledger import Account, LedgerState
from ...loss_socialization import LossSocialization, Measured, Paid
from ...protocol import NoParameters
from ...valuation import margin_of

__all__ = ["OpenInterest", "loss_per_unit"]

_PRECISION = 10**6


class OpenInterest(LossSocialization):
    """per lot = ceil(loss / (OI_long + OI_short)), in micro-atoms; each holder pays that for its lots, rounded up.

    1. The insurance fund has paid; the fee pool pays next, as far as it goes.
    2. Holders pay in order of account, never more than what is left, so rounding favours the last. The source takes it
       through funding from anyone; here nobody pays more than their equity, nor who is in liquidation.

    The instrument is the one that the account's liquidation traded last; of a loss of the fund's own, all. Cost: one
    payment a holder. Source: drift-labs/protocol-v2, math/liquidation.rs:
    calculate_funding_rate_deltas_to_resolve_bankruptcy; controller/liquidation.rs: resolve_perp_bankruptcy.
    """

    policy: ClassVar[str] = "open-interest"
    formula: ClassVar[str] = "ceil(loss / (OI_long + OI_short)) per lot, long and short"
    source: ClassVar[str] = "drift-labs/protocol-v2 programs/drift/src/math/liquidation.rs"
    Parameters: ClassVar[type[msgspec.Struct]] = NoParameters
    among: ClassVar[str] = "over all that traders hold, long and short alike, each for what it holds"

    def __init__(self, parameters: msgspec.Struct) -> None:
        """Nothing to set: everyone who holds the instrument pays."""

    def shared(self, debtor: Account, liquidation_id: int, loss_atoms: int, ledger: LedgerState) -> list[Paid]:
        """The fee pool first, then the holders."""
        pool, paid = ledger.venue(debtor.asset).fees, list[Paid]()
        pooled_atoms = 0 if pool is None else max(0, min(loss_atoms, ledger.accounts[pool].balance_atoms))
        if pool is not None and pooled_atoms:
            paid.append(BalanceWrittenOff(liquidation_id, debtor.account, pool, pooled_atoms))
        left_atoms = loss_atoms - pooled_atoms
        for account, due_atoms in self._dues(debtor, left_atoms, ledger):
            paid_atoms = min(due_atoms, left_atoms, margin_of(account, ledger).equity_atoms)
            if paid_atoms > 0:
                left_atoms -= paid_atoms
                paid.append(LossSocialized(liquidation_id, debtor.account, account.account, paid_atoms))
        return paid

    def _dues(self, debtor: Account, loss_atoms: int, ledger: LedgerState) -> list[tuple[Account, int]]:
        """What each holder owes for its lots, in order of account."""
        holders = self._holders(debtor, ledger)
        units = sum(lots for _, lots in holders)
        rate = loss_per_unit(loss_atoms, units, _PRECISION) if units else 0
        return [(account, -(-rate * lots // _PRECISION)) for account, lots in holders]

    def measured(self, number: int, debtor: Account, ledger: LedgerState) -> Measured:
        """The lots of a holder, and of all."""
        held = {account.account: lots for account, lots in self._holders(debtor, ledger)}
        return Measured(
            held[number], sum(held.values()), len(held), in_lots=True, instrument=_instrument(debtor, ledger)
        )

    def _holders(self, debtor: Account, ledger: LedgerState) -> list[tuple[Account, int]]:
        """Who holds lots of the instrument, and how many of either side, in order of account."""
        instrument, found = _instrument(debtor, ledger), list[tuple[Account, int]]()
        for account in ledger.accounts:
            if account.kind == "user" and account.asset == debtor.asset and account.liquidation_id is None:
                positions = account.positions.items()
                lots = sum(abs(p.size_lots) for key, p in positions if instrument in (None, key[0]))
                if lots:
                    found.append((account, lots))
        return found


def _instrument(debtor: Account, ledger: LedgerState) -> int | None:
    """The instrument whose holders pay; None for those of all."""
    number = debtor.liquidation_id
    return None if number is None else ledger.liquidations[number].last_instrument


def loss_per_unit(loss: int, units: int, precision: int) -> int:
    """ceil(loss / units), in parts of `precision`."""
    return -(-loss * precision // units)

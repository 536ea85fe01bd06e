"""What the ledger keeps of insurance funds: what they stand behind, how far their cash may go, what they paid for.

1. Its floor is the one that the fund's rule states (`floor_atoms`, 0 where it states none), or what it was last given
   or left with from outside, if that is less: so a fund that begins under its floor has spent nothing.
2. A declared deficit lets exactly so much more be paid out.
3. A record made before there were deficits keeps to no floor: its fund's rule was the first version of its policy.
4. An asset's first fund stands behind every instrument that no other was named for.
5. What a fund paid for an instrument is the value of what it traded of it, what it paid in cash for accounts of which
   that instrument was closed last, less the fees of such. So the lots at the mark less that, with the funding, are
   what it gained by the instrument (`handlers/inventory.py`).
"""

from __future__ import annotations

from typing import Any

from ..bodies.listing import FundAssigned
from ..bodies.run import Producer
from ..bodies.waterfall import (
    BalanceWrittenOff,
    FundDeficitDeclared,
    InsuranceFundCredited,
    InsuranceFundDebited,
    ShortfallDeclared,
)
from ..envelope import Event
from ..errors import LedgerError
from .account import funding_of
from .state import STOPPED_NS, FundStanding, LedgerState

__all__ = [
    "deficit_declared",
    "fund_assigned",
    "fund_opened",
    "fund_traded",
    "funds_ruled_anew",
    "paid_by_fund",
    "paid_from_outside",
    "shortfall_declared",
]

_SLOT = "insurance_fund"
_WITHOUT_DEFICITS = frozenset(
    (policy, "1") for policy in ("floor", "drawdown", "fee-capped", "insurance-fee", "backstop-vault")
)


def fund_opened(ledger: LedgerState, account: int) -> None:
    """A fund comes into being, empty, under the rule in force."""
    ledger.funds[account] = FundStanding()
    _ruled(ledger, account)


def funds_ruled_anew(ledger: LedgerState) -> None:
    """Other producers decide: their floor holds from here on."""
    for account in ledger.funds:
        _ruled(ledger, account)


def paid_from_outside(ledger: LedgerState, _event: Event, body: Any) -> None:
    """Money came to a fund from outside, or went there: what it has now it has not spent."""
    for account in (body.account, getattr(body, "to_account", None)):
        if account in ledger.funds:
            _ruled(ledger, account)


def shortfall_declared(ledger: LedgerState, event: Event, body: ShortfallDeclared) -> None:
    """Of an account that holds nothing any more it is the fund's last word, which is noted."""
    account = ledger.accounts[body.account]
    if account.liquidation_id is not None and not account.positions:
        ledger.liquidations[account.liquidation_id].short_seq = event.seq


def deficit_declared(ledger: LedgerState, _event: Event, body: FundDeficitDeclared) -> None:
    """So much more may be paid out; and every instrument that the fund stands behind is halted without an end."""
    ledger.funds[body.fund].deficit_atoms += body.deficit_atoms
    for instrument in ledger.instruments_of(body.fund):
        ledger.markets[instrument].halted_until_ns = STOPPED_NS


def fund_assigned(ledger: LedgerState, _event: Event, body: FundAssigned) -> None:
    """This fund stands behind the instrument. Raises LedgerError for what is no fund of its asset, or too late."""
    market, fund = ledger.markets[body.instrument], body.fund
    if fund not in ledger.funds or ledger.accounts[fund].asset != market.listing.asset:
        message = f"instrument {market.listing.name!r}: account {fund} is no insurance fund of its asset"
        raise LedgerError(message)
    if ledger.liquidations_started:
        message = f"instrument {market.listing.name!r} is given another insurance fund after liquidations began"
        raise LedgerError(message)
    market.fund = fund


def fund_traded(ledger: LedgerState, instrument: int, size_lots: int, value_atoms: int) -> None:
    """A fund bought (sold, negative) lots of the instrument for this value."""
    market = ledger.markets[instrument]
    market.fund_paid_atoms += value_atoms
    market.fund_funding_atoms += funding_of(size_lots, market.cumulative_funding_nanoatoms)


def paid_by_fund(ledger: LedgerState, _event: Event, body: Any) -> None:
    """Cash of a fund for an account in liquidation, or from it, goes to the instrument that was closed last."""
    assert isinstance(body, InsuranceFundCredited | InsuranceFundDebited | BalanceWrittenOff)
    liquidation = ledger.liquidations.get(body.liquidation_id)
    if liquidation is None or liquidation.last_instrument is None:
        return
    if isinstance(body, BalanceWrittenOff) and body.against not in ledger.funds:
        return
    sign = -1 if isinstance(body, InsuranceFundCredited) else 1
    ledger.markets[liquidation.last_instrument].fund_paid_atoms += sign * body.amount_atoms


def _ruled(ledger: LedgerState, account: int) -> None:
    standing, rule = ledger.funds[account], _rule(ledger.producers)
    standing.bound = rule is not None and (rule.policy, rule.version) not in _WITHOUT_DEFICITS
    stated = 0 if rule is None else rule.parameters.get("floor_atoms", 0)
    standing.floor_atoms = min(stated, ledger.accounts[account].balance_atoms + standing.deficit_atoms)


def _rule(producers: tuple[Producer, ...]) -> Producer | None:
    return next((one for one in producers if one.handler == _SLOT), None)

"""What the ledger keeps of each insurance fund: how far its cash may go down, and what it owes beyond that.

1. Its floor is the one that the fund's rule states (`floor_atoms`, 0 where it states none), or what it was last given
   or left with from outside, if that is less: so a fund that begins under its floor has spent nothing.
2. A declared deficit lets exactly so much more be paid out.
3. A record made before there were deficits keeps to no floor: its fund's rule was the first version of its policy.
"""

from __future__ import annotations

from typing import Any

from ..bodies.run import Producer
from ..bodies.waterfall import FundDeficitDeclared, ShortfallDeclared
from ..envelope import Event
from .state import STOPPED_NS, FundStanding, LedgerState

__all__ = ["deficit_declared", "fund_opened", "funds_ruled_anew", "paid_from_outside", "shortfall_declared"]

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
    asset = ledger.accounts[body.fund].asset
    for market in ledger.markets:
        if market.listing.asset == asset:
            market.halted_until_ns = STOPPED_NS


def _ruled(ledger: LedgerState, account: int) -> None:
    standing, rule = ledger.funds[account], _rule(ledger.producers)
    standing.bound = rule is not None and (rule.policy, rule.version) not in _WITHOUT_DEFICITS
    stated = 0 if rule is None else rule.parameters.get("floor_atoms", 0)
    standing.floor_atoms = min(stated, ledger.accounts[account].balance_atoms + standing.deficit_atoms)


def _rule(producers: tuple[Producer, ...]) -> Producer | None:
    return next((one for one in producers if one.handler == _SLOT), None)

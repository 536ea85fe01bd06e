"""What comes into being: assets, instruments, accounts, each under the next number.

1. Numbers are given without gaps, so a number is a place in the ledger's lists.
2. A name is declared once, and an account of the venue's own once per asset. Of insurance funds there may be several:
   the first is the asset's, the others stand behind the instruments that they are named for (`funds.py`).
3. Whatever settles does so in an asset that was listed before it.
"""

from __future__ import annotations

from ..bodies.listing import AccountOpened, AssetListed, InstrumentListed
from ..envelope import Event
from ..errors import LedgerError
from .account import Account
from .funds import fund_opened
from .market import market_of
from .state import LedgerState, VenueAccounts

__all__ = ["account_opened", "asset_listed", "instrument_listed", "next_number"]


def asset_listed(ledger: LedgerState, _event: Event, body: AssetListed) -> None:
    """A new asset, with no account of the venue's own yet."""
    next_number("asset", body.asset, len(ledger.assets))
    ledger.assets.append(body)
    ledger.venue_accounts.append(VenueAccounts())


def instrument_listed(ledger: LedgerState, _event: Event, body: InstrumentListed) -> None:
    """A new market without a price. Raises LedgerError for an asset that is not there."""
    next_number("instrument", body.instrument, len(ledger.markets))
    _listed(ledger, f"instrument {body.name!r}", body.asset)
    ledger.markets.append(market_of(body))


def account_opened(ledger: LedgerState, _event: Event, body: AccountOpened) -> None:
    """A new account, empty. Raises LedgerError for a name or a venue account that is there already."""
    next_number("account", body.account, len(ledger.accounts))
    if body.name in ledger.account_ids:
        message = f"account name {body.name!r} is declared twice"
        raise LedgerError(message)
    _listed(ledger, f"account {body.name!r}", body.asset)
    if body.kind not in ("user", "vault"):
        _venue_account_opened(ledger.venue_accounts[body.asset], body)
    opened = Account(body.account, body.kind, body.mode, body.asset, body.owner, body.parent, 0, {})
    ledger.accounts.append(opened)
    ledger.account_names.append(body.name)
    ledger.account_ids[body.name] = body.account
    if body.kind == "insurance":
        fund_opened(ledger, body.account)


def _venue_account_opened(own: VenueAccounts, body: AccountOpened) -> None:
    if getattr(own, body.kind) is not None:
        if body.kind == "insurance":
            return
        message = f"account {body.name!r} is a second {body.kind} account of its asset; a venue has one"
        raise LedgerError(message)
    setattr(own, body.kind, body.account)


def _listed(ledger: LedgerState, what: str, asset: int) -> None:
    if not 0 <= asset < len(ledger.assets):
        message = f"{what} settles in asset {asset}, which is not listed"
        raise LedgerError(message)


def next_number(what: str, number: int, expected: int) -> None:
    """Refuse a number that is not the next one."""
    if number != expected:
        message = f"{what} {number} is declared where {expected} is next; numbers are given without gaps"
        raise LedgerError(message)

"""Carrying out what is posted: each declaration becomes the function that books it."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

from ..bodies.declaring import FEES, LIQUIDITY, OUTSIDE, Exchange, Payment, Posting, Swap, Trade
from ..envelope import Event
from ..errors import LedgerError
from .account import Account, funding_of, trade
from .market import Market
from .state import LedgerState

__all__ = ["Effect", "booked"]

Effect = Callable[[Any, Any, Event], None]
"""Given body, ledger and event."""

_OWN = {OUTSIDE: "outside", LIQUIDITY: "liquidity", FEES: "fees"}


class _Party(NamedTuple):
    """A party: `number` reads its account from the body, or from the venue's accounts of the asset if it is `own`."""

    number: Callable[[Any], int | None]
    own: str


def _party(name: str) -> _Party:
    own = _OWN.get(name, "")
    return _Party(attrgetter(own or name), own)


def _payment(row: Payment) -> Effect:
    subject_pays = row.payer not in _OWN
    subject = attrgetter(row.payer if subject_pays else row.payee)
    number, own = _party(row.payee if subject_pays else row.payer)
    amount, stated = attrgetter(row.amount), row.stated

    def pay(body: Any, ledger: LedgerState, _event: Event) -> None:
        accounts = ledger.accounts
        source = target = accounts[subject(body)]
        other = number(ledger.venue_accounts[source.asset] if own else body)
        if other is None:
            other = ledger.own(source.asset, own)
        if subject_pays:
            target = accounts[other]
        else:
            source = accounts[other]
        if source.asset != target.asset:
            message = f"{type(body).__name__} between accounts {source.account} and {target.account} of unlike assets"
            raise LedgerError(message)
        atoms = amount(body) - target.balance_atoms if stated else amount(body)
        source.balance_atoms -= atoms
        target.balance_atoms += atoms

    return pay


def _coin_payment(row: Payment) -> Effect:
    """A payment of a named asset between an account and the venue's own one of that asset."""
    subject_pays = row.payer not in _OWN
    subject, own = (row.payer, _OWN[row.payee]) if subject_pays else (row.payee, _OWN[row.payer])
    assert row.asset is not None
    terms, sign, stated = attrgetter(subject, row.asset, row.amount), -1 if subject_pays else 1, row.stated

    def pay(body: Any, ledger: LedgerState, _event: Event) -> None:
        number, asset, atoms = terms(body)
        account = ledger.accounts[number]
        ledger.check_coin(account, asset)
        if stated:
            atoms -= account.amount_of(asset)
        account.receive(asset, sign * atoms)
        ledger.accounts[ledger.own(asset, own)].balance_atoms -= sign * atoms

    return pay


def _handover(row: Payment) -> Effect:
    """A payment of a named asset between two accounts."""
    assert row.asset is not None
    terms = attrgetter(row.payer, row.payee, row.asset, row.amount)

    def pay(body: Any, ledger: LedgerState, _event: Event) -> None:
        payer, payee, asset, atoms = terms(body)
        _hand_over(ledger, asset, atoms, payer, payee)

    return pay


def _hand_over(ledger: LedgerState, asset: int, atoms: int, giver: int, taker: int) -> None:
    for account, sign in ((ledger.accounts[giver], -1), (ledger.accounts[taker], 1)):
        ledger.check_coin(account, asset)
        account.receive(asset, sign * atoms)


def _swap(row: Swap) -> Effect:
    terms = attrgetter(row.giver, row.taker, row.asset, row.amount, row.value_asset, row.value)
    fee = attrgetter(row.fee) if row.fee else None

    def swap(body: Any, ledger: LedgerState, _event: Event) -> None:
        giver, taker, asset, atoms, value_asset, value_atoms = terms(body)
        fee_atoms = fee(body) if fee else 0
        _hand_over(ledger, asset, atoms - fee_atoms, giver, taker)
        _hand_over(ledger, value_asset, value_atoms, taker, giver)
        if fee_atoms:
            pool = ledger.own(asset, "fees")
            _hand_over(ledger, asset, fee_atoms, *((pool, taker) if row.fee_back else (giver, pool)))

    return swap


def _exchange(row: Exchange) -> Effect:
    terms = attrgetter(row.giver, row.asset, row.amount, row.value)

    def exchange(body: Any, ledger: LedgerState, _event: Event) -> None:
        number, asset, given_atoms, value_atoms = terms(body)
        account, accounts = ledger.accounts[number], ledger.accounts
        ledger.check_coin(account, asset)
        account.receive(asset, -given_atoms)
        account.balance_atoms += value_atoms
        accounts[ledger.liquidity(asset)].balance_atoms += given_atoms
        accounts[ledger.liquidity(account.asset)].balance_atoms -= value_atoms

    return exchange


def _trade(row: Trade) -> Effect:
    (giver, own), giver_leg = _party(row.giver), attrgetter(row.giver_leg) if row.giver_leg else None
    terms = attrgetter(row.taker, row.taker_leg, row.size, row.value)

    def exchange(body: Any, ledger: LedgerState, _event: Event) -> None:
        instrument, accounts = body.instrument, ledger.accounts
        market = ledger.markets[instrument]
        taker, leg, lots, atoms = terms(body)
        cumulative = market.cumulative_funding_nanoatoms
        funding = funding_of(lots, cumulative) if cumulative else 0
        number = giver(ledger.venue_accounts[market.listing.asset] if own else body)
        if number is None:
            number = ledger.own(market.listing.asset, own)
        takes, gives = accounts[taker], accounts[number]
        if takes is gives or not lots or not takes.asset == gives.asset == market.listing.asset:
            raise _no_trade(body, takes, gives, market)
        trade(takes, (instrument, leg), lots, atoms, funding)
        trade(gives, (instrument, giver_leg(body) if giver_leg else 0), -lots, -atoms, -funding)

    return exchange


def _no_trade(body: Any, takes: Account, gives: Account, market: Market) -> LedgerError:
    """Why two accounts cannot trade: an instrument settles between two accounts of its own asset."""
    if not body.size_lots:
        what = " of no lots, which is no trade"
    elif takes is gives:
        what = f": account {takes.account} cannot trade with itself"
    else:
        name, asset = market.listing.name, market.listing.asset
        held = f"accounts {takes.account} and {gives.account} of assets {takes.asset} and {gives.asset}"
        what = f": {name} settles in asset {asset}, which {held} cannot trade"
    return LedgerError(f"{type(body).__name__}{what}")


def _takeover(row: Trade) -> Effect:
    """Only an insurance fund keeps what it took by liquidation; a vault holds it like any position of its own."""
    into_inventory, into_position = _trade(row), _trade(row._replace(taker_leg="leg"))
    taker = attrgetter(row.taker)

    def take(body: Any, ledger: LedgerState, event: Event) -> None:
        fund = ledger.accounts[taker(body)]
        (into_inventory if fund.kind == "insurance" else into_position)(body, ledger, event)

    return take


def booked(row: Posting) -> Effect:
    """The function that moves what a row says, given ledger, event and body."""
    if isinstance(row, Payment):
        if row.asset is None:
            return _payment(row)
        return _coin_payment(row) if {row.payer, row.payee} & _OWN.keys() else _handover(row)
    if isinstance(row, Swap):
        return _swap(row)
    if isinstance(row, Exchange):
        return _exchange(row)
    return _takeover(row) if row.taker_leg == "liquidation_id" else _trade(row)

"""Carrying out the table of postings: each row becomes the function that books it."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from ..envelope import Event
from ..errors import LedgerError
from .account import funding_of, trade
from .postings import FEES, LIQUIDITY, OUTSIDE, Payment, Posting, Trade
from .state import LedgerState

__all__ = ["Effect", "booked"]

Effect = Callable[[LedgerState, Event, Any], None]
Party = Callable[[LedgerState, Any, int], int]


def _party(name: str) -> Party:
    """How to find a party: a field of the body, or the venue's account of the asset at hand."""
    own = {OUTSIDE: "outside", LIQUIDITY: "liquidity", FEES: "fees"}.get(name)
    if own is not None:
        return lambda ledger, _body, asset: ledger.own(asset, own)
    field = attrgetter(name)
    return lambda _ledger, body, _asset: field(body)


def _payment(row: Payment) -> Effect:
    payer, payee, amount = _party(row.payer), _party(row.payee), attrgetter(row.amount)
    subject = attrgetter(row.payee if row.payer in (OUTSIDE, FEES) else row.payer)

    def pay(ledger: LedgerState, _event: Event, body: Any) -> None:
        asset = ledger.accounts[subject(body)].asset
        source, target = ledger.accounts[payer(ledger, body, asset)], ledger.accounts[payee(ledger, body, asset)]
        if source.asset != target.asset:
            message = f"{type(body).__name__} between accounts {source.account} and {target.account} of unlike assets"
            raise LedgerError(message)
        atoms = amount(body) - target.balance_atoms if row.stated else amount(body)
        source.balance_atoms -= atoms
        target.balance_atoms += atoms

    return pay


def _trade(row: Trade) -> Effect:
    taker, giver = _party(row.taker), _party(row.giver)
    size, value, taker_leg = attrgetter(row.size), attrgetter(row.value), attrgetter(row.taker_leg)
    giver_leg = attrgetter(row.giver_leg) if row.giver_leg else lambda _body: 0

    def exchange(ledger: LedgerState, _event: Event, body: Any) -> None:
        instrument, accounts = body.instrument, ledger.accounts
        market = ledger.markets[instrument]
        asset, cumulative = market.listing.asset, market.cumulative_funding_nanoatoms
        lots, atoms = size(body), value(body)
        funding = funding_of(lots, cumulative) if cumulative else 0
        takes, gives = accounts[taker(ledger, body, asset)], accounts[giver(ledger, body, asset)]
        if takes is gives or not lots:
            what = f": account {takes.account} cannot trade with itself" if lots else " of no lots, which is no trade"
            message = f"{type(body).__name__}{what}"
            raise LedgerError(message)
        trade(takes, (instrument, taker_leg(body)), lots, atoms, funding)
        trade(gives, (instrument, giver_leg(body)), -lots, -atoms, -funding)

    return exchange


def _takeover(row: Trade) -> Effect:
    """Only an insurance fund keeps what it took by liquidation; a vault holds it like any position of its own."""
    into_inventory, into_position = _trade(row), _trade(row._replace(taker_leg="leg"))
    taker = _party(row.taker)

    def take(ledger: LedgerState, event: Event, body: Any) -> None:
        fund = ledger.accounts[taker(ledger, body, 0)]
        (into_inventory if fund.kind == "insurance" else into_position)(ledger, event, body)

    return take


def booked(row: Posting) -> Effect:
    """The function that moves what a row says, given ledger, event and body."""
    if isinstance(row, Payment):
        return _payment(row)
    return _takeover(row) if row.taker_leg == "liquidation_id" else _trade(row)

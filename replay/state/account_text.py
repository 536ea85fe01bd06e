"""One account at one instant, for a person: its standing, its margin, its positions. All amounts are exact."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from ...events.ledger import Account, LedgerState, PositionKey
from ...handlers.valuation import profit_atoms
from ...sim.console import print_line, print_rows
from ...sim.figures import count, exact_money, price, size
from .text import TRADERS, print_title, ratio_text
from .view import marked_margin, notional_atoms

__all__ = ["print_account"]

Rows = Iterator[tuple[str, str]]


def print_account(console: Console, ledger: LedgerState, number: int) -> None:
    """Everything about one account."""
    account = ledger.accounts[number]
    print_title(console, ledger)
    print_line(console)
    print_rows(console, _standing(ledger, account))
    print_rows(console, _margin(ledger, account))
    for key in account.positions:
        print_rows(console, _position(ledger, account, key))


def _standing(ledger: LedgerState, account: Account) -> Rows:
    """Who it is and where it stands in its life."""
    yield "account", f"{ledger.name(account.account)}, number {account.account}, {account.kind}, {account.mode}"
    if account.owner is not None:
        yield "owner", ledger.name(account.owner)
    if account.parent is not None:
        yield "parent", ledger.name(account.parent)
    liquidation = "" if account.liquidation_id is None else f", liquidation {account.liquidation_id}"
    yield "status", f"{account.status.replace('_', ' ')}{liquidation}"
    if account.called_seq is not None:
        yield "called", f"{count(account.calls, 'time')}, last by event {account.called_seq}"


def _margin(ledger: LedgerState, account: Account) -> Rows:
    asset, margin = ledger.assets[account.asset], marked_margin(ledger, account)
    yield "balance", exact_money(account.balance_atoms, asset)
    if margin is None:
        yield "equity", "unknown: an instrument that it holds has no mark yet"
        return
    yield "equity", exact_money(margin.equity_atoms, asset)
    if account.kind in TRADERS:
        yield "requirement", exact_money(margin.requirement_atoms, asset)
        yield "ratio", f"{ratio_text(margin)}; liquidation is below 1.00x"


def _position(ledger: LedgerState, account: Account, key: PositionKey) -> Rows:
    """One position in three lines: what it is, what it is worth, what it has made."""
    market, held, asset = ledger.markets[key[0]], account.positions[key], ledger.assets[account.asset]
    listing = market.listing
    entry = price(market.payoff.price_ticks(held.size_lots, held.cost_atoms), listing)
    side = "long" if held.size_lots > 0 else "short"
    yield listing.name, f"{side} {size(abs(held.size_lots), listing)} from {entry}{_leg(account, key[1])}"
    if market.marked is not None:
        yield "", f"{exact_money(notional_atoms(market, held), asset)} at {price(market.mark_ticks, listing)}"
        yield "", f"{exact_money(profit_atoms(market, held), asset)} of profit, not realised"


def _leg(account: Account, leg: int) -> str:
    if account.kind == "insurance":
        return f", from liquidation {leg}"
    return f", leg {leg}" if leg else ""

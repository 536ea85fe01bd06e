"""One account at one instant, for a person: its standing, its margin, its positions. All amounts are exact."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from ...events.ledger import Account, LedgerState, Market, PositionKey
from ...handlers.valuation import BPS, Margin, notional_atoms, profit_atoms, slack
from ...sim.console import print_line, print_rows
from ...sim.figures import count, exact_money, price, score_text, size
from .queues import Queues
from .standing import TRADERS, Prospect, marked_margin, prospects_of, ratio_bps
from .text import leg_text, print_title, ratio_text

__all__ = ["print_account"]

Rows = Iterator[tuple[str, str]]


def print_account(console: Console, ledger: LedgerState, number: int, queues: Queues) -> None:
    """Everything about one account; `queues` are those of the same ledger."""
    account = ledger.accounts[number]
    margin = marked_margin(ledger, account)
    prospects = prospects_of(ledger, account, margin)
    print_title(console, ledger)
    print_line(console)
    print_rows(console, _standing(ledger, account))
    print_rows(console, _margin(ledger, account, margin))
    for key in account.positions:
        print_rows(console, _position(ledger, account, key))
        if margin is not None and key in prospects:
            print_rows(console, _prospect(ledger, account, key, margin, prospects[key]))
        if account.kind == "user":
            print_rows(console, (("", _queue(queues, account, key)),))


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


def _margin(ledger: LedgerState, account: Account, margin: Margin | None) -> Rows:
    asset = ledger.assets[account.asset]
    yield "balance", exact_money(account.balance_atoms, asset)
    if margin is None:
        yield "equity", "unknown: an instrument that it holds has no mark yet"
        return
    yield "equity", exact_money(margin.equity_atoms, asset)
    if account.kind in TRADERS:
        yield "requirement", exact_money(margin.requirement_atoms, asset)
        ratio = f"{ratio_text(ratio_bps(margin))}; liquidation is below 1.00x"
        yield "ratio", ratio if account.positions else "none: it holds no position"


def _position(ledger: LedgerState, account: Account, key: PositionKey) -> Rows:
    """One position in three lines: what it is, what it is worth, what it has made."""
    market, held, asset = ledger.markets[key[0]], account.positions[key], ledger.assets[account.asset]
    listing = market.listing
    entry = price(market.payoff.price_ticks(held.size_lots, held.cost_atoms), listing)
    side = "long" if held.size_lots > 0 else "short"
    yield listing.name, f"{side} {size(abs(held.size_lots), listing)} from {entry}{leg_text(account.kind, key[1])}"
    if market.marked is not None:
        yield "", f"{exact_money(notional_atoms(market, held), asset)} at {price(market.mark_ticks, listing)}"
        yield "", f"{exact_money(profit_atoms(market, held), asset)} of profit, not realised"


def _prospect(ledger: LedgerState, account: Account, key: PositionKey, margin: Margin, prospect: Prospect) -> Rows:
    """What would end the position."""
    market = ledger.markets[key[0]]
    alone = all(instrument == key[0] for instrument, _ in account.positions)
    if slack(margin, BPS) < 0:
        yield "", "liquidation now: below its requirement"
    else:
        yield "", f"{_liquidation(market, prospect)}{'' if alone else ', if only this mark moves'}"
    if prospect.bankruptcy_ticks is not None:
        share = "" if len(account.positions) == 1 else ", on its share of the equity"
        yield "", f"bankruptcy price {price(prospect.bankruptcy_ticks, market.listing)}{share}"
    else:
        yield "", f"no bankruptcy price: {'solvent' if margin.equity_atoms > 0 else 'bankrupt'} at any mark"


def _liquidation(market: Market, prospect: Prospect) -> str:
    below, above = prospect.liquidation
    ends = [] if below is None else [f"{price(below, market.listing)} or below"]
    ends += [] if above is None else [f"{price(above, market.listing)} or above"]
    return f"liquidation at {', '.join(ends)}" if ends else "no liquidation at any mark"


def _queue(queues: Queues, account: Account, key: PositionKey) -> str:
    if queues.unknown:
        return f"whether and where it is in the ADL queue is unknown: {queues.unknown}"
    place = queues.place_of(account, key)
    if place is None:
        return f"not in the ADL queue: {queues.why_not(account, key)}"
    return f"ADL queue {place.rank:,} of {place.of:,}, score {score_text(place.score)}"

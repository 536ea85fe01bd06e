"""A ledger as plain data: what `state --json` prints. Its names are stable.

1. Amounts are whole atoms, sizes lots, prices ticks; beside prices and sizes stands their text in quote and units.
2. What depends on a mark is null as long as an instrument that it needs has none.
3. `margin_ratio_bps` is equity over maintenance requirement in basis points, rounded down: liquidation is below 10000.
4. `entry_price` is what a position cost per unit, rounded down to a tick; `cost_atoms` is exact.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ...events.bodies.listing import InstrumentListed
from ...events.ledger import Account, LedgerState, Market, Position, PositionKey
from ...events.ledger.laws import LAWS
from ...handlers.valuation import BPS, MICRO, Margin, margin_of, profit_atoms
from ...sim.units import format_time_ns, ticks_to_text

__all__ = [
    "account_view",
    "fund_view",
    "law_checks",
    "margin_ratio_bps",
    "marked_margin",
    "notional_atoms",
    "state_view",
]

View = dict[str, Any]


def state_view(ledger: LedgerState, account: int | None = None) -> View:
    """The state after the ledger's last event: everything, or of the accounts only the one; O(accounts)."""
    shown = ledger.accounts if account is None else [ledger.accounts[account]]
    return {
        "seq": ledger.seq - 1,
        "at_ns": ledger.at_ns,
        "at": format_time_ns(ledger.at_ns),
        "scenario": None if ledger.run is None else ledger.run.scenario,
        "prices": None if ledger.run is None else ledger.run.prices,
        "ended": ledger.ended,
        "markets": [_market_view(market) for market in ledger.markets],
        "insurance_fund": fund_view(ledger),
        "accounts": [account_view(ledger, one) for one in shown],
        "liquidations_open": sum(not liquidation.ended for liquidation in ledger.liquidations.values()),
        "timers_pending": len(ledger.timers),
        "checks": law_checks(ledger),
    }


def law_checks(ledger: LedgerState) -> list[View]:
    """Each law of the ledger by name, with what is broken."""
    checks = []
    for law in LAWS:
        broken = list(law(ledger))
        checks.append({"law": law.__name__.strip("_"), "ok": not broken, "broken": broken})
    return checks


def _market_view(market: Market) -> View:
    listing, marked = market.listing, market.marked
    return {
        "instrument": listing.instrument,
        "name": listing.name,
        "mark_ticks": None if marked is None else marked.mark_ticks,
        "mark": None if marked is None else _price(marked.mark_ticks, listing),
        "index_ticks": None if marked is None else marked.index_ticks,
        "impact_ticks": None if marked is None else marked.impact_ticks,
        "marked_at_ns": None if marked is None else market.marked_at_ns,
        "cumulative_funding_nanoatoms": market.cumulative_funding_nanoatoms,
        "halted_until_ns": market.halted_until_ns,
    }


def fund_view(ledger: LedgerState) -> View | None:
    """The insurance fund of the first asset: cash, inventory by instrument, and both together at the mark."""
    number = ledger.venue(0).insurance if ledger.assets else None
    if number is None:
        return None
    fund = ledger.accounts[number]
    margin = marked_margin(ledger, fund)
    instruments = sorted({instrument for instrument, _ in fund.positions})
    return {
        "account": number,
        "name": ledger.name(number),
        "balance_atoms": fund.balance_atoms,
        "equity_atoms": None if margin is None else margin.equity_atoms,
        "inventory": [_inventory_view(ledger.markets[instrument], fund) for instrument in instruments],
    }


def _inventory_view(market: Market, fund: Account) -> View:
    """All that the fund holds of one instrument, over all the liquidations that it came from."""
    held = [position for (instrument, _), position in fund.positions.items() if instrument == market.listing.instrument]
    lots = sum(position.size_lots for position in held)
    return {
        "instrument": market.listing.instrument,
        "name": market.listing.name,
        "liquidations": len(held),
        "size_lots": lots,
        "size": _size(lots, market.listing),
        "cost_atoms": sum(position.cost_atoms for position in held),
        "unrealised_profit_atoms": None if market.marked is None else sum(profit_atoms(market, one) for one in held),
    }


def account_view(ledger: LedgerState, account: Account) -> View:
    """One account with its positions."""
    margin = marked_margin(ledger, account)
    return {
        "account": account.account,
        "name": ledger.name(account.account),
        "kind": account.kind,
        "mode": account.mode,
        "asset": ledger.assets[account.asset].name,
        "owner": account.owner,
        "parent": account.parent,
        "status": account.status,
        "calls": account.calls,
        "called_seq": account.called_seq,
        "liquidation_id": account.liquidation_id,
        "balance_atoms": account.balance_atoms,
        "equity_atoms": None if margin is None else margin.equity_atoms,
        "requirement_atoms": None if margin is None else margin.requirement_atoms,
        "margin_ratio_bps": _ratio_bps(margin),
        "positions": [_position_view(ledger.markets[key[0]], key, held) for key, held in account.positions.items()],
    }


def marked_margin(ledger: LedgerState, account: Account) -> Margin | None:
    """Equity and requirement at the marks; None while an instrument that it holds has none."""
    if any(ledger.markets[instrument].marked is None for instrument, _ in account.positions):
        return None
    return margin_of(account, ledger.markets)


def margin_ratio_bps(equity_atoms: int, requirement_microatoms: int) -> int | None:
    """Equity over requirement in basis points, rounded down; None without a requirement."""
    return equity_atoms * BPS * MICRO // requirement_microatoms if requirement_microatoms else None


def _ratio_bps(margin: Margin | None) -> int | None:
    return None if margin is None else margin_ratio_bps(margin.equity_atoms, margin.requirement_microatoms)


def notional_atoms(market: Market, held: Position) -> int:
    """What a position is worth at the mark, without its sign."""
    return abs(market.payoff.value_atoms(held.size_lots, market.mark_ticks))


def _position_view(market: Market, key: PositionKey, held: Position) -> View:
    listing, marked = market.listing, market.marked
    entry_ticks = market.payoff.price_ticks(held.size_lots, held.cost_atoms)
    return {
        "instrument": listing.instrument,
        "name": listing.name,
        "leg": key[1],
        "size_lots": held.size_lots,
        "size": _size(held.size_lots, listing),
        "cost_atoms": held.cost_atoms,
        "entry_price_ticks": entry_ticks,
        "entry_price": _price(entry_ticks, listing),
        "mark_ticks": None if marked is None else marked.mark_ticks,
        "mark": None if marked is None else _price(marked.mark_ticks, listing),
        "notional_atoms": None if marked is None else notional_atoms(market, held),
        "unrealised_profit_atoms": None if marked is None else profit_atoms(market, held),
    }


def _price(ticks: int, listing: InstrumentListed) -> str:
    return ticks_to_text(ticks, Decimal(listing.tick_size))


def _size(lots: int, listing: InstrumentListed) -> str:
    return ticks_to_text(lots, Decimal(listing.lot_size))

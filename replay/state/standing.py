"""Where an account stands at the marks: its margin, and for each position the prices that would end it.

1. What depends on a mark is None as long as an instrument that the account holds has none.
2. Liquidation and bankruptcy prices are those of traders; the venue's own accounts are never liquidated.
3. A liquidation price is the first mark at which the account would be liquidated, if no other mark moved (see
   `handlers.liquidation_price`); it is the same for all legs of one instrument.
4. A bankruptcy price is the worst price at which the position can be closed so that it costs no more than its share of
   the account's equity, shared by requirement (see `bankruptcy_values`): None where that is less than a tick.
"""

from __future__ import annotations

from typing import NamedTuple

from ...events.ledger import Account, LedgerState, Market, Position, PositionKey
from ...events.payoff import PRICE_TICKS_MOST
from ...handlers.liquidation_price import LiquidationPrices, liquidation_prices
from ...handlers.valuation import BPS, MICRO, Margin, bankruptcy_values, margin_of

__all__ = ["TRADERS", "Prospect", "is_marked", "marked_margin", "prospects_of", "ratio_bps"]

TRADERS = ("user", "vault")
"""The kinds of account that have a margin to keep."""


class Prospect(NamedTuple):
    """Prices in ticks that would end a position."""

    liquidation: LiquidationPrices
    bankruptcy_ticks: int | None


def is_marked(ledger: LedgerState, account: Account) -> bool:
    """Whether every instrument that the account holds has a mark."""
    return all(ledger.markets[instrument].marked is not None for instrument, _ in account.positions)


def marked_margin(ledger: LedgerState, account: Account) -> Margin | None:
    """Equity and requirement at the marks; None while an instrument that it holds has none."""
    return margin_of(account, ledger.markets) if is_marked(ledger, account) else None


def ratio_bps(margin: Margin | None) -> int | None:
    """Equity over requirement in basis points, rounded down; None without a requirement."""
    if margin is None or not margin.requirement_microatoms:
        return None
    return margin.equity_atoms * BPS * MICRO // margin.requirement_microatoms


def prospects_of(ledger: LedgerState, account: Account, margin: Margin | None) -> dict[PositionKey, Prospect]:
    """The prospect of each position; none without a `margin`, or for an account that is no trader's."""
    if margin is None or account.kind != "user":
        return {}
    prices = liquidation_prices(account, ledger.markets, margin)
    return {
        key: Prospect(prices[key[0]], _bankruptcy_ticks(ledger.markets[key[0]], account.positions[key], value_atoms))
        for key, value_atoms in bankruptcy_values(account, ledger).items()
    }


def _bankruptcy_ticks(market: Market, held: Position, value_atoms: int) -> int | None:
    ticks = market.payoff.price_at_least(held.size_lots, value_atoms)
    return ticks if 0 < ticks < PRICE_TICKS_MOST else None

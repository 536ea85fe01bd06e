"""A hedge within a liquidation: an order on the underlying that makes up for the delta of the options on it.

1. As large as the delta of the unit at the marks, its futures included, rounded down to a lot. It is sent only where
   the account would require less with it, and where the underlying trades and somebody quotes it.
2. `delta first`: before each order on what the account holds. Source: OKX, portfolio margin: dynamic delta hedging
   first, then reduction, as a copy of its help page has it.
3. `delta last`: what requires most is ordered first, then the next that requires something and that somebody quotes;
   only where nobody quotes any of it is a hedge sent, if that lowers what is required. Source: Deribit, article
   25944825289245, of August 2023; a hedge is the user's afterwards. Where it gains in the worst cell it requires
   nothing, so that it is not closed again while the options stand.
4. Of two orders in a row one at most is a hedge, so that what finds nobody does not hold up the rest.
5. No hedge trades at a price at which it would cost all of the equity.
"""

from __future__ import annotations

from typing import NamedTuple

from ...events.ledger import Account, LedgerState, Liquidation, Market, PositionKey
from ..depth import walk
from ..faults import why_nothing_trades
from ..valuation import largest_position, lots_worth, margin_of, requirement_with, requirements
from .book import holds_options
from .parameters import OptionsParameters, rules_of
from .sensitivities import unit_greeks

__all__ = ["Hedge", "hedge_next", "position_next"]

_PERCENT = 100
_MICRO = 10**6


class Hedge(NamedTuple):
    """An order on an underlying, signed like a trade; what is required as it is and with the hedge, in atoms."""

    instrument: int
    size_lots: int
    limit_ticks: int
    requirement_atoms: int
    would_atoms: int


def position_next(account: Account, ledger: LedgerState, now_ns: int) -> PositionKey | None:
    """What a liquidation orders next: the largest position, of those that somebody quotes where a hedge comes last."""
    if holds_options(account, ledger) and _rules(account, ledger).hedges == "delta last":
        needed = [key for key, needs in requirements(account, ledger).items() if needs]
        quoted = {key[0] for key in needed if _closes(account, key, ledger, now_ns)}
        found = largest_position(account, ledger, lambda one: one not in quoted or ledger.is_stopped(one))
        if found is not None:
            return found
    return largest_position(account, ledger, ledger.is_stopped)


def hedge_next(
    account: Account, liquidation: Liquidation, key: PositionKey, ledger: LedgerState, now_ns: int
) -> Hedge | None:
    """The hedge that is ordered before a position; None where the position is."""
    if not holds_options(account, ledger) or (liquidation.order is not None and liquidation.order.hedges):
        return None
    when = _rules(account, ledger).hedges
    if when == "delta first" or (when == "delta last" and not _closes(account, key, ledger, now_ns)):
        return _hedge(account, ledger, now_ns)
    return None


def _rules(account: Account, ledger: LedgerState) -> OptionsParameters:
    return rules_of(ledger, ledger.venue_of(account.account))


def _closes(account: Account, key: PositionKey, ledger: LedgerState, now_ns: int) -> bool:
    """Whether anybody would take a lot of a position."""
    closing = -1 if account.positions[key].size_lots > 0 else 1
    return _is_quoted(account, ledger.markets[key[0]], closing, now_ns)


def _is_quoted(account: Account, market: Market, lots: int, now_ns: int) -> bool:
    """Whether anybody else quotes what so many lots (below zero: sold) could trade with."""
    return any(True for _ in walk(market, lots, None, now_ns, account.account))


def _hedge(account: Account, ledger: LedgerState, now_ns: int) -> Hedge | None:
    """Of the first underlying, by its number, whose hedge lowers the requirement."""
    margin = margin_of(account, ledger)
    if margin.equity_atoms <= 0:
        return None
    for unit in unit_greeks(account, ledger):
        market, held = ledger.markets[unit.underlying], account.positions.get((unit.underlying, 0))
        lots = lots_worth(market, market.mark_ticks, abs(unit.delta_atoms) * _PERCENT)
        size_lots = -lots if unit.delta_atoms > 0 else lots
        stopped = why_nothing_trades(ledger, unit.underlying) is not None
        if stopped or not _is_quoted(account, market, size_lots, now_ns):
            continue
        then_lots = size_lots + (0 if held is None else held.size_lots)
        would_microatoms = requirement_with(account, ledger, (unit.underlying, 0), then_lots)
        if would_microatoms < margin.requirement_microatoms:
            least_atoms = market.payoff.value_atoms(-size_lots, market.mark_ticks) - margin.equity_atoms
            limit_ticks = max(1, market.payoff.price_at_least(-size_lots, least_atoms))
            would_atoms = -(-would_microatoms // _MICRO)
            return Hedge(unit.underlying, size_lots, limit_ticks, margin.requirement_atoms, would_atoms)
    return None

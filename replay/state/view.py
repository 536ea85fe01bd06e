"""A ledger as plain data: what `state --json` prints. Its names are stable.

1. Amounts are whole atoms, sizes lots, prices ticks; beside prices and sizes stands their text in quote and units.
2. What depends on a mark is null as long as an instrument that it needs has none.
3. `margin_ratio_bps` is equity over maintenance requirement in basis points, rounded down: liquidation is below 10000.
   Of equity in other assets only a part counts there: `collateral_atoms` is the equity that does. `conversions` and the
   accounts' `coins` are described in `coins.py`.
4. `entry_price` is what a position cost per unit, rounded down to a tick; `cost_atoms` is exact.
5. `liquidation_price` is the first mark at which a trader's account would be liquidated if no other mark moved, the
   nearer of `liquidation_below_ticks` and `liquidation_above_ticks` (today's where it is below its requirement now);
   `bankruptcy_price` the worst price at which the position can be closed on its share of the equity, by requirement.
   Null where no price would do that.
6. `adl_queue` is the place among those that would be deleveraged if a position of the other side had to be closed now:
   `rank` counted from 1, `of` how many, `score` = floor(score x 10^9); null for who is no candidate. Where the policy
   is not at hand these three are null, and `unknown` says why. `adl_queues` has each instrument's, with the policy of
   the venue that lists it and how many stand on each side.
7. Where a lending protocol is in force there are `exposures` and, of who owes, `lending`: see `lending.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ...events.bodies.listing import InstrumentListed
from ...events.kinds import FOR_GOOD_NS
from ...events.ledger import Account, LedgerState, Market, Position, PositionKey
from ...events.ledger.laws import LAWS
from ...events.ledger.state import STOPPED_NS
from ...handlers.options.book import holds_options
from ...handlers.options.sensitivities import unit_greeks
from ...handlers.valuation import notional_atoms, profit_atoms
from ...sim.quantities import Quantity, price_scale, size_scale
from ...sim.units import format_time_ns
from .coins import coins_view, conversions_view
from .lending import exposures_view, lending_view
from .queues import Prospect, Queues, marked_margin, prospects_of, ratio_bps

__all__ = ["PositionRows", "View", "account_view", "fund_view", "funds_view", "law_checks", "market_view", "state_view"]

View = dict[str, Any]
"""Names and values, ready for JSON."""


def state_view(ledger: LedgerState, queues: Queues, account: int | None = None) -> View:
    """The state after the ledger's last event: everything, or of the accounts only the one; O(accounts log accounts).

    `queues` are those of the same ledger.
    """
    shown = ledger.accounts if account is None else [ledger.accounts[account]]
    return {
        "seq": ledger.seq - 1,
        "at_ns": ledger.at_ns,
        "at": format_time_ns(ledger.at_ns),
        "scenario": None if ledger.run is None else ledger.run.scenario,
        "prices": None if ledger.run is None else ledger.run.prices,
        "ended": ledger.ended,
        "assets": [{"asset": asset.name, "decimals": asset.decimals} for asset in ledger.assets],
        "conversions": conversions_view(ledger),
        **exposures_view(ledger),
        "markets": [market_view(market) for market in ledger.markets],
        "adl_queues": [_lengths_view(ledger, queues, number) for number in range(len(ledger.markets))],
        "insurance_fund": fund_view(ledger),
        "insurance_funds": funds_view(ledger),
        "accounts": [account_view(ledger, one, queues) for one in shown],
        "liquidations_open": sum(not liquidation.ended for liquidation in ledger.liquidations.values()),
        "timers_pending": len(ledger.timers),
        "faults": [
            {
                "fault": number,
                "kind": one.body.kind,
                "since_seq": one.seq,
                "until_ns": None if one.body.until_ns == FOR_GOOD_NS else one.body.until_ns,
            }
            for number, one in ledger.faults.items()
        ],
        "checks": law_checks(ledger),
    }


def law_checks(ledger: LedgerState) -> list[View]:
    """Each law of the ledger by name, with what is broken."""
    checks = []
    for law in LAWS:
        broken = list(law(ledger))
        checks.append({"law": law.__name__.strip("_"), "ok": not broken, "broken": broken})
    return checks


def market_view(market: Market) -> View:
    """One market: its mark, of which how much is index and how much forced, its funding, and whether it is halted."""
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
        "halted_until_ns": None if market.halted_until_ns == STOPPED_NS else market.halted_until_ns,
        "stopped": market.halted_until_ns == STOPPED_NS,
    }


def fund_view(ledger: LedgerState) -> View | None:
    """The first insurance fund of the first asset; `insurance_funds` has all of them."""
    number = ledger.venue(0).insurance if ledger.assets else None
    return None if number is None else _fund_view(ledger, number)


def funds_view(ledger: LedgerState) -> list[View]:
    """Every insurance fund."""
    return [_fund_view(ledger, number) for number in ledger.funds]


def _fund_view(ledger: LedgerState, number: int) -> View:
    """A fund: cash, inventory by instrument, both at the mark, what it cannot pay, and what it stands behind."""
    fund = ledger.accounts[number]
    margin = marked_margin(ledger, fund)
    instruments = sorted({instrument for instrument, _ in fund.positions})
    return {
        "account": number,
        "name": ledger.name(number),
        "asset": ledger.assets[fund.asset].name,
        "balance_atoms": fund.balance_atoms,
        "equity_atoms": None if margin is None else margin.equity_atoms,
        "floor_atoms": ledger.funds[number].floor_atoms,
        "deficit_atoms": ledger.funds[number].deficit_atoms,
        "inventory": [_inventory_view(ledger.markets[instrument], fund) for instrument in instruments],
        "behind": [ledger.markets[instrument].listing.name for instrument in ledger.instruments_of(number)],
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


class PositionRows:
    """The rows of an account's positions, without what would end them: each made anew where it is another."""

    def __init__(self) -> None:
        self._rows: dict[PositionKey, tuple[tuple[object, ...], View]] = {}

    def of(self, market: Market, key: PositionKey, held: Position) -> View:
        """The row of a position at the mark as it is, which nobody may change."""
        funding = market.cumulative_funding_nanoatoms
        stands = held.size_lots, held.cost_atoms, held.funding_atoms, market.marked, funding
        found = self._rows.get(key)
        if found is None or found[0] != stands:
            found = self._rows[key] = stands, _position_view(market, key, held)
        return found[1]


def account_view(
    ledger: LedgerState,
    account: Account,
    queues: Queues | None = None,
    keys: Collection[PositionKey] | None = None,
    *,
    rows: PositionRows | None = None,
    prospects: bool = True,
) -> View:
    """One account with its positions, or of them only those of `keys`; without `queues` there is no `adl_queue`.

    `rows` are those of the same account in a state before. Without `prospects` the prices that would end a position are
    left out.
    """
    margin = marked_margin(ledger, account)
    endings = prospects_of(ledger, account, margin) if prospects else {}
    row_of = _position_view if rows is None else rows.of
    positions = []
    for key in account.positions if keys is None else [key for key in keys if key in account.positions]:
        market = ledger.markets[key[0]]
        view = row_of(market, key, account.positions[key])
        if prospects:
            view = view | _prospect_view(market, endings.get(key))
        positions.append(view if queues is None else view | {"adl_queue": _queue_view(queues, account, key)})
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
        "coins": coins_view(ledger, account),
        "equity_atoms": None if margin is None else margin.equity_atoms,
        "collateral_atoms": None if margin is None else margin.collateral_atoms,
        "requirement_atoms": None if margin is None else margin.requirement_atoms,
        "margin_ratio_bps": ratio_bps(margin),
        "positions": positions,
        **lending_view(ledger, account),
        **_greeks_view(ledger, account),
    }


def _greeks_view(ledger: LedgerState, account: Account) -> View:
    """What a book with options answers to, an underlying at a time; nothing of any other account."""
    if not holds_options(account, ledger) or marked_margin(ledger, account) is None:
        return {}
    return {
        "greeks": [
            {"instrument": one.underlying, "name": ledger.markets[one.underlying].listing.name}
            | {name: value for name, value in one._asdict().items() if name != "underlying"}
            for one in unit_greeks(account, ledger)
        ]
    }


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


def _prospect_view(market: Market, prospect: Prospect | None) -> View:
    """The prices that would end a position, each null where there is none."""
    nearest, below, above, bankruptcy = None, None, None, None
    if prospect is not None:
        below, above = prospect.liquidation
        nearest = prospect.liquidation.nearest_ticks(market.mark_ticks)
        bankruptcy = prospect.bankruptcy_ticks
    return {
        "liquidation_price_ticks": nearest,
        "liquidation_price": None if nearest is None else _price(nearest, market.listing),
        "liquidation_below_ticks": below,
        "liquidation_above_ticks": above,
        "bankruptcy_price_ticks": bankruptcy,
        "bankruptcy_price": None if bankruptcy is None else _price(bankruptcy, market.listing),
    }


def _queue_view(queues: Queues, account: Account, key: PositionKey) -> View | None:
    unknown = queues.rule_of(key[0]).unknown
    if unknown:
        return {"rank": None, "of": None, "score": None, "unknown": unknown}
    place = queues.place_of(account, key)
    return None if place is None else place._asdict() | {"lights": place.lights}


def _lengths_view(ledger: LedgerState, queues: Queues, instrument: int) -> View:
    """The queues of an instrument: by which policy of its venue, and how many stand there on each side."""
    long, short = queues.lengths(instrument) or (None, None)
    return {
        "instrument": instrument,
        "name": ledger.markets[instrument].listing.name,
        "policy": queues.rule_of(instrument).name or None,
        "long": long,
        "short": short,
    }


def _price(ticks: int, listing: InstrumentListed) -> str:
    return Quantity(ticks, price_scale(listing)).value


def _size(lots: int, listing: InstrumentListed) -> str:
    return Quantity(lots, size_scale(listing)).value

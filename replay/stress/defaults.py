"""What the default of the largest accounts would cost, and what it would cost to close the largest positions.

1. An account that *defaults* does not answer and puts nothing in: all its positions are closed at once at the shocked
   prices against the depth that is left (`handlers/depth.py`), and what it then owes beyond all it has is the loss.
2. Of several that default together each is margined by itself, so that what one has left bears nothing of another's
   loss; they are closed one after the other into one depth, whoever costs most alone first.
3. Cover k is the k accounts that cost most together, out of every set of k among the `AMONG` that cost most alone
   (Principles for Financial Market Infrastructures, principle 4: cover 1 and cover 2).
4. Lots beyond the depth are closed at the farthest band of it; at the mark where there is none. How many is told.
5. It is reckoned from the state, without the engine: nobody else is liquidated and no price answers. Those are the
   trials (`trial.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from itertools import combinations

import msgspec

from ...events.bodies.inputs import TradeExecuted
from ...events.bodies.liquidation import LiquidationFilled
from ...events.bodies.margin import PositionReduced
from ...events.bodies.trading import OrderFilled
from ...events.ledger import Account, Ledger, LedgerState, PositionKey
from ...events.ledger.market import Market
from ...handlers.conversion import in_first
from ...handlers.depth import eaten_lots, walk
from ...handlers.inventory import inventory_atoms
from ...handlers.valuation import margin_of, notional_atoms
from ..run import Run
from .directions import moved_ticks, thinned

__all__ = ["AMONG", "Cover", "LargePosition", "Volume", "concentrations", "covers", "shocked", "traded"]

AMONG = 12
"""So many that cost most alone are taken together in every way."""

_TRADES = (TradeExecuted, LiquidationFilled, OrderFilled, PositionReduced)
_DAY_NS = 86_400 * 10**9


class Cover(msgspec.Struct, frozen=True):
    """Accounts that default together: their notional at the shocked marks, what they owe, and what funds are left with.

    Amounts in the first asset; `beyond_depth_bps` is the share of their notional that the depth does not take.
    """

    accounts: tuple[int, ...]
    notional_atoms: int
    loss_atoms: int
    fund_atoms: int
    beyond_depth_bps: int


class LargePosition(msgspec.Struct, frozen=True):
    """One position: its share of the open interest on its side, and what closing it at once costs against the mark.

    `days_millis` is its size in thousandths of a day's volume, None where no volume is known.
    """

    account: int
    instrument: int
    size_lots: int
    notional_atoms: int
    share_bps: int
    days_millis: int | None
    cost_atoms: int
    beyond_depth_lots: int


class Volume(msgspec.Struct, frozen=True):
    """Lots a day of an instrument, and where that is known from."""

    lots: int
    stated: str


def shocked(ledger: Ledger, moves: Mapping[int, int], gone_bps: int) -> dict[int, Market]:
    """The markets at other prices, as copies: marks and what the depth stands around moved, the depth thinned."""
    return {number: _moved(market, moves.get(number, 0), gone_bps) for number, market in enumerate(ledger.markets)}


def _moved(market: Market, bps: int, gone_bps: int) -> Market:
    found = copy(market)
    found.bids, found.asks = thinned(market.bids, gone_bps), thinned(market.asks, gone_bps)
    found.mark_ticks = moved_ticks(market.mark_ticks, bps) if market.mark_ticks else 0
    if market.marked is not None:
        found.marked = msgspec.structs.replace(market.marked, index_ticks=moved_ticks(market.index_ticks, bps))
    if market.book is not None:
        found.book = msgspec.structs.replace(market.book, centre_ticks=moved_ticks(market.book.centre_ticks, bps))
    return found


class _Closed(msgspec.Struct, frozen=True):
    """What it costs to close something against the mark, and how much of it the depth did not take."""

    cost_atoms: int
    beyond_lots: int
    beyond_atoms: int


def _close(market: Market, size_lots: int, now_ns: int) -> _Closed:
    """Trade a position away; what was eaten stays so on this copy of the market."""
    left, got_atoms, last_ticks = -size_lots, 0, market.mark_ticks
    sign = 1 if left > 0 else -1
    eaten = eaten_lots(market, selling=left < 0, now_ns=now_ns)
    for fill in walk(market, left, None, now_ns):
        got_atoms += market.payoff.value_atoms(sign * fill.lots, fill.price_ticks)
        left, eaten, last_ticks = left - sign * fill.lots, fill.eaten_lots, fill.price_ticks
    if size_lots > 0:
        market.eaten_bid_lots, market.eaten_bid_at_ns = eaten, now_ns
    else:
        market.eaten_ask_lots, market.eaten_ask_at_ns = eaten, now_ns
    got_atoms += market.payoff.value_atoms(left, last_ticks)
    paid_atoms = market.payoff.value_atoms(size_lots, market.mark_ticks)
    return _Closed(paid_atoms + got_atoms, abs(left), abs(market.payoff.value_atoms(left, market.mark_ticks)))


def covers(ledger: Ledger, moves: Mapping[int, int], gone_bps: int, most: int) -> list[Cover]:
    """Cover 1 up to `most`, at prices moved so far in bps and with so much of the depth gone; O(accounts)."""
    markets = shocked(ledger, moves, gone_bps)
    traders = [one for one in ledger.accounts if one.kind == "user" and one.positions]
    alone = {one.account: _defaulted(ledger, markets, [one]) for one in traders}
    order = sorted(alone, key=lambda number: (-alone[number].loss_atoms, -alone[number].notional_atoms, number))
    among = order[:AMONG]
    found = []
    for size in range(1, min(most, len(among)) + 1):
        sets = (
            _defaulted(ledger, markets, [ledger.accounts[number] for number in one])
            for one in combinations(among, size)
        )
        found.append(max(sets, key=lambda one: (one.loss_atoms, one.notional_atoms)))
    return found


def _defaulted(ledger: Ledger, markets: Mapping[int, Market], accounts: Sequence[Account]) -> Cover:
    """So many accounts default, in this order, into one depth."""
    keys = {key[0] for account in accounts for key in account.positions}
    own = {**markets, **{number: copy(markets[number]) for number in keys}}
    loss_atoms = all_atoms = beyond_atoms = 0
    for account in accounts:
        has_atoms = margin_of(account, ledger, own).equity_atoms
        for key, held in sorted(account.positions.items()):
            market = own[key[0]]
            closed = _close(market, held.size_lots, ledger.at_ns)
            has_atoms -= closed.cost_atoms
            all_atoms += in_first(ledger, market.listing.asset, notional_atoms(market, held))
            beyond_atoms += in_first(ledger, market.listing.asset, closed.beyond_atoms)
        loss_atoms += in_first(ledger, account.asset, max(0, -has_atoms))
    share_bps = beyond_atoms * 10_000 // all_atoms if all_atoms else 0
    numbers = tuple(account.account for account in accounts)
    return Cover(numbers, all_atoms, loss_atoms, funds_worth(ledger) - loss_atoms, share_bps)


def funds_worth(ledger: LedgerState) -> int:
    """What all insurance funds are worth in the first asset, inventory at the mark."""
    worths = (
        (ledger.accounts[fund].asset, ledger.accounts[fund].balance_atoms + inventory_atoms(ledger, fund))
        for fund in ledger.funds
    )
    return sum(in_first(ledger, asset, atoms) for asset, atoms in worths)


def concentrations(ledger: Ledger, volumes: Mapping[int, Volume], most: int) -> list[LargePosition]:
    """The largest positions of traders by notional, at the marks and depth of the state; O(positions)."""
    held = [
        (one, key)
        for one in ledger.accounts
        if one.kind == "user"
        for key in one.positions
        if key[0] not in ledger.options
    ]
    interest: dict[tuple[int, bool], int] = {}
    for one, key in held:
        lots = one.positions[key].size_lots
        interest[key[0], lots > 0] = interest.get((key[0], lots > 0), 0) + abs(lots)
    worths = sorted((-_worth(ledger, one, key), one.account, key) for one, key in held)
    return [_concentration(ledger, volumes, interest, number, key) for _, number, key in worths[:most]]


def _worth(ledger: LedgerState, account: Account, key: PositionKey) -> int:
    market = ledger.markets[key[0]]
    return in_first(ledger, market.listing.asset, notional_atoms(market, account.positions[key]))


def _concentration(
    ledger: Ledger,
    volumes: Mapping[int, Volume],
    interest: Mapping[tuple[int, bool], int],
    number: int,
    key: PositionKey,
) -> LargePosition:
    account, market, volume = ledger.accounts[number], ledger.markets[key[0]], volumes.get(key[0])
    lots = account.positions[key].size_lots
    closed = _close(copy(market), lots, ledger.at_ns)
    return LargePosition(
        account=number,
        instrument=key[0],
        size_lots=lots,
        notional_atoms=_worth(ledger, account, key),
        share_bps=abs(lots) * 10_000 // interest[key[0], lots > 0],
        days_millis=abs(lots) * 1_000 // volume.lots if volume and volume.lots else None,
        cost_atoms=in_first(ledger, market.listing.asset, max(0, closed.cost_atoms)),
        beyond_depth_lots=closed.beyond_lots,
    )


def traded(run: Run, stop_seq: int) -> dict[int, Volume]:
    """A day's volume by the trades of a record before an event, brought to a day; none of an instrument without any."""
    lots: dict[int, int] = {}
    for event in run.events(0, stop_seq):
        if isinstance(event.body, _TRADES):
            lots[event.body.instrument] = lots.get(event.body.instrument, 0) + abs(event.body.size_lots)
    length_ns = run.event(stop_seq - 1).at_ns - run.start_ns if stop_seq else 0
    if not length_ns:
        return {}
    return {number: Volume(one * _DAY_NS // length_ns, "the record's trades") for number, one in lots.items()}

"""What a trader's own order must keep to: initial margin, leverage, position and open interest.

1. An order is judged as it reaches the book, by what the depth would give it then: the account is booked as it would
   stand after these fills, at the marks as they are. An order that would breach is refused whole.
2. One that only reduces a position is never refused, whatever the account stands at; one that turns it round does not
   only reduce.
3. *Initial margin*: the equity afterwards must be at least what the initial tiers ask of all that the account holds;
   an instrument without any counts with its maintenance tiers, a book with options by its venue's rules of them. An
   order after which such a book requires no more than before is not refused for it. *Leverage*: what it holds of the
   instrument is worth at most so many times that equity. *Position*: its side of the instrument, on all legs, in lots
   and at the mark. *Open interest*: all traders' lots on that side.
4. What is held when the rules change is not touched by this, only what is ordered next: maintenance is what liquidates.
5. A maker's quotes are no orders. It quotes no more on a side than it may still add there (`room_lots`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from ..events.bodies.trading import OrderLimit, OrderRefused
from ..events.ledger import Account, LedgerState, Market, PositionKey
from ..events.ledger.account import Position, funding_of, trade
from ..events.ledger.liquidation import OwnOrder
from .options.book import holds_options, initial_of
from .valuation import BPS, MICRO, initial_collateral_atoms, maintenance_microatoms, notional_atoms, sides_atoms

__all__ = ["SideTotals", "initial_microatoms", "only_reduces", "refused", "room_lots"]

Trades = Iterable[tuple[int, int]]
"""(lots, value in atoms) of each fill, signed like a trade."""

_LOTS_MOST = 1 << 40


class SideTotals:
    """All traders' lots on each side of each instrument; it is asked only where there is a cap."""

    def __init__(self) -> None:
        self._of_account: dict[int, dict[tuple[int, bool], int]] = {}
        self._lots: dict[tuple[int, bool], int] = {}
        self._noted: set[int] = set()
        self.capped = False

    def note(self, accounts: Iterable[int]) -> None:
        """Their positions may have changed; they are looked at when somebody asks."""
        self._noted.update(accounts)

    def rebuild(self, ledger: LedgerState) -> None:
        """All accounts of the ledger, where an instrument of it has a cap."""
        self._of_account, self._lots = {}, {}
        caps = (market.limits.open_interest_lots for market in ledger.markets if market.limits is not None)
        self.capped = any(cap is not None for cap in caps)
        self._noted = set(range(len(ledger.accounts))) if self.capped else set()

    def lots(self, ledger: LedgerState, instrument: int, *, long: bool) -> int:
        """What traders hold of a side; O(those noted since it was asked last)."""
        for number in sorted(self._noted):
            account = ledger.accounts[number]
            if account.kind == "user":
                self._take(account)
        self._noted.clear()
        return self._lots.get((instrument, long), 0)

    def _take(self, account: Account) -> None:
        held: dict[tuple[int, bool], int] = {}
        for (instrument, _), position in account.positions.items():
            side = instrument, position.size_lots > 0
            held[side] = held.get(side, 0) + abs(position.size_lots)
        for side, lots in self._of_account.pop(account.account, {}).items():
            self._lots[side] -= lots
        for side, lots in held.items():
            self._lots[side] = self._lots.get(side, 0) + lots
        if held:
            self._of_account[account.account] = held


def initial_microatoms(account: Account, ledger: LedgerState) -> int:
    """What the initial tiers ask of all that an account holds, of a book with options its rules; O(its positions)."""
    markets = ledger.markets
    book = initial_of(account, ledger, markets) if ledger.options and holds_options(account, ledger) else {}
    covered = {instrument for instrument, _ in book}
    sides = ((one, atoms) for (one, _), atoms in sides_atoms(account, markets).items() if one not in covered)
    by_tiers = (maintenance_microatoms(markets[one].initial or markets[one].tiers, atoms) for one, atoms in sides)
    return sum(book.values()) + sum(by_tiers)


def only_reduces(account: Account, key: PositionKey, lots: int) -> bool:
    """Whether a trade of so many lots, signed, makes a position smaller and does no more."""
    held = account.positions.get(key)
    return held is not None and (held.size_lots > 0) != (lots > 0) and abs(lots) <= abs(held.size_lots)


def refused(
    number: int, order: OwnOrder, trades: Trades, ledger: LedgerState, open_interest: SideTotals
) -> OrderRefused | None:
    """The refusal of an order that would trade so, by the first limit that it breaches; None where it keeps to all."""
    market, account, key = (
        ledger.markets[order.instrument],
        ledger.accounts[order.account],
        (order.instrument, order.leg),
    )
    filled = list(trades)
    lots = sum(size for size, _ in filled)
    if market.limits is None or not lots or order.reduces or only_reduces(account, key, lots):
        return None
    after = _after(account, key, filled, market)
    for breach in _breaches(account, after, market, ledger, open_interest, long=lots > 0):
        return OrderRefused(number, order.account, order.instrument, order.size_lots, *breach)
    return None


class _Breach(NamedTuple):
    """A limit, and what there would be beside what there may be: in atoms, or in lots."""

    limit: OrderLimit
    would_atoms: int = 0
    may_atoms: int = 0
    would_lots: int = 0
    may_lots: int = 0


def _breaches(
    account: Account, after: Account, market: Market, ledger: LedgerState, open_interest: SideTotals, *, long: bool
) -> Iterator[_Breach]:
    """Those of the limits that the account would be beyond, in the order of point 3."""
    limits, instrument = market.limits, market.listing.instrument
    assert limits is not None
    lots = _side_lots(after, instrument, long=long)
    side_atoms = sides_atoms(after, ledger.markets).get((instrument, long), 0)
    yield from _margin_breaches(account, after, market, ledger)
    if limits.position_lots is not None and lots > limits.position_lots:
        yield _Breach("position", would_lots=lots, may_lots=limits.position_lots)
    if limits.position_atoms is not None and side_atoms > limits.position_atoms:
        yield _Breach("position value", side_atoms, limits.position_atoms)
    if limits.open_interest_lots is not None:
        held_lots = open_interest.lots(ledger, instrument, long=long)
        all_lots = held_lots + lots - _side_lots(account, instrument, long=long)
        if all_lots > limits.open_interest_lots:
            yield _Breach("open interest", would_lots=all_lots, may_lots=limits.open_interest_lots)


def _eases(account: Account, needed: int, ledger: LedgerState) -> bool:
    """Whether a book with options requires no more afterwards than it does now."""
    return bool(ledger.options) and holds_options(account, ledger) and needed <= initial_microatoms(account, ledger)


def _margin_breaches(account: Account, after: Account, market: Market, ledger: LedgerState) -> Iterator[_Breach]:
    """What the equity would not bear; nothing while an instrument that the account holds has no mark."""
    limits, markets = market.limits, ledger.markets
    if limits is None or not all(markets[instrument].mark_ticks for instrument, _ in after.positions):
        return
    equity_atoms = initial_collateral_atoms(after, ledger)
    if market.initial:
        needed = initial_microatoms(after, ledger)
        if equity_atoms * MICRO < needed and not _eases(account, needed, ledger):
            yield _Breach("initial margin", -(-needed // MICRO), equity_atoms)
    if limits.leverage_bps is not None:
        held = (one for key, one in after.positions.items() if key[0] == market.listing.instrument)
        atoms = sum(notional_atoms(market, one) for one in held)
        if atoms * BPS > max(0, equity_atoms) * limits.leverage_bps:
            yield _Breach("leverage", atoms, max(0, equity_atoms) * limits.leverage_bps // BPS)


def _after(account: Account, key: PositionKey, trades: Trades, market: Market) -> Account:
    """A copy of the account, booked as it would stand."""
    positions = {
        one: Position(held.size_lots, held.cost_atoms, held.funding_atoms) for one, held in account.positions.items()
    }
    after = msgspec.structs.replace(account, positions=positions)
    for lots, atoms in trades:
        trade(after, key, lots, atoms, funding_of(lots, market.cumulative_funding_nanoatoms))
    return after


def _side_lots(account: Account, instrument: int, *, long: bool) -> int:
    held = (one.size_lots for key, one in account.positions.items() if key[0] == instrument)
    return sum(abs(lots) for lots in held if (lots > 0) == long)


def room_lots(
    account: Account, market: Market, sign: int, ledger: LedgerState, open_interest: SideTotals, most_lots: int
) -> int:
    """How many of so many lots more in a direction an account may hold, bought or sold at the mark.

    What only reduces always has room. All are tried first, then it is found by halving: what is allowed
    of more lots is allowed of fewer.
    """
    key, low = (market.listing.instrument, 0), 0
    held = account.positions.get(key)
    if held is not None and held.size_lots * sign < 0:
        low = min(abs(held.size_lots), most_lots)
    high = middle = min(most_lots, _LOTS_MOST)
    while low < high:
        trades = [(sign * middle, market.payoff.value_atoms(sign * middle, market.mark_ticks))]
        after = _after(account, key, trades, market)
        fits = not any(True for _ in _breaches(account, after, market, ledger, open_interest, long=sign > 0))
        low, high = (middle, high) if fits else (low, middle - 1)
        middle = (low + high + 1) // 2
    return low

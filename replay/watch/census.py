"""Who would be liquidated, and where: every trader's liquidation prices, and the common move that ends it.

1. Traders are accounts of kind `user` whose positions all have a mark. Who holds options is left out: no one price ends
   what a book is worth.
2. A liquidation price is the first mark of one instrument that liquidates, all other marks as they are
   (`handlers.liquidation_price`).
3. A *common move* of m basis points takes every mark p to floor(p (10000 + m) / 10000), m negative for a fall, and to a
   tick at least. The account falls due at the smallest |m| at which equity < requirement at those marks; 0 either way
   where it is in liquidation, or below its requirement, already. Of linear contracts slack is concave along the move,
   and of one inverse contract it only falls on one side, so that chords and bisection find it. An account whose inverse
   contracts hedge each other may fall due more than once along a move; of that one place is found.
4. A linear position alone in its account falls due by rule 2 alone, whatever the mark is: such a price is kept until
   the account, the tiers or the funding change (`_Kept`). All else is worked out again at each census. Both ways give
   the same, which a test holds against each account's margin at every move.

Cost: some 10 us an account that is kept, some 50 us one that holds several instruments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import NamedTuple

from ...events.ledger import Account, LedgerState, Market
from ...handlers.liquidation_price import LiquidationPrices, liquidation_prices
from ...handlers.options.book import holds_options
from ...handlers.valuation import BPS, MICRO, Margin, is_marked, margin_of, notional_atoms

__all__ = ["MOVE_BPS_MOST", "Census", "Moved", "Trader", "moved_ticks"]

MOVE_BPS_MOST = 2_000
"""No common move beyond 20% is asked about."""


class Trader(NamedTuple):
    """One trader at the marks: lots and notional by instrument, and what ends it.

    `due_bps` is the smallest fall and the smallest rise, as unsigned basis points, that liquidate it; None where none
    of up to `MOVE_BPS_MOST` does. `prices` are by instrument.
    """

    account: int
    asset: int
    equity_atoms: int
    lots: dict[int, int]
    notionals_atoms: dict[int, int]
    prices: dict[int, LiquidationPrices]
    due_bps: tuple[int | None, int | None]

    @property
    def notional_atoms(self) -> int:
        """Of all that it holds."""
        return sum(self.notionals_atoms.values())


class _Kept(NamedTuple):
    """The liquidation prices of an account with one linear instrument, and what they follow from."""

    follows_from: tuple[object, ...]
    prices: LiquidationPrices


def moved_ticks(mark_ticks: int, move_bps: int) -> int:
    """A mark after a common move, rounded down to a tick, of which it is one at least; 0 where there is no mark."""
    return max(1, mark_ticks * (BPS + move_bps) // BPS) if mark_ticks else 0


class Moved:
    """The markets of a ledger after common moves."""

    def __init__(self, ledger: LedgerState) -> None:
        self._markets = ledger.markets
        self._found: dict[tuple[int, int], Market] = {}

    def markets(self, instruments: list[int], move_bps: int) -> Mapping[int, Market]:
        """These markets after a move; the first of each costs a copy."""
        return {one: self._market(one, move_bps) for one in instruments}

    def _market(self, instrument: int, move_bps: int) -> Market:
        key = instrument, move_bps
        if key not in self._found:
            market = self._found[key] = copy(self._markets[instrument])
            market.mark_ticks = moved_ticks(market.mark_ticks, move_bps)
        return self._found[key]


class Census:
    """Takes a census of one ledger whenever it is asked, and keeps between them what cannot have changed."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    def traders(self, ledger: LedgerState) -> list[Trader]:
        """Every trader with a position, in the order of accounts."""
        moved = Moved(ledger)
        return [
            self._trader(account, ledger, moved)
            for account in ledger.accounts
            if account.kind == "user" and account.positions and _is_told(account, ledger)
        ]

    def _trader(self, account: Account, ledger: LedgerState, moved: Moved) -> Trader:
        margin, markets = margin_of(account, ledger), ledger.markets
        lots: dict[int, int] = {}
        notionals: dict[int, int] = {}
        for (instrument, _), held in account.positions.items():
            lots[instrument] = lots.get(instrument, 0) + held.size_lots
            notionals[instrument] = notionals.get(instrument, 0) + notional_atoms(markets[instrument], held)
        prices = self._prices(account, ledger, margin)
        if _in_liquidation(account, margin):
            due: tuple[int | None, int | None] = 0, 0
        elif len(prices) == 1 and len(account.positions) == 1:
            due = _due_alone(markets[next(iter(prices))].mark_ticks, *prices.values())
        else:
            due = _due_together(account, ledger, moved, _slack(margin))
        return Trader(account.account, account.asset, margin.equity_atoms, lots, notionals, prices, due)

    def _prices(self, account: Account, ledger: LedgerState, margin: Margin) -> dict[int, LiquidationPrices]:
        if len(account.positions) != 1 or account.coins or _slack(margin) < 0:
            return liquidation_prices(account, ledger.markets, margin)
        ((instrument, _), held), market = (
            next(iter(account.positions.items())),
            ledger.markets[next(iter(account.positions))[0]],
        )
        if market.listing.kind != "linear":
            return liquidation_prices(account, ledger.markets, margin)
        funding = market.cumulative_funding_nanoatoms
        follows_from = (
            instrument,
            account.balance_atoms,
            held.size_lots,
            held.cost_atoms,
            held.funding_atoms,
            funding,
            market.tiers,
        )
        kept = self._kept.get(account.account)
        if kept is None or kept.follows_from != follows_from:
            found = liquidation_prices(account, ledger.markets, margin)[instrument]
            kept = self._kept[account.account] = _Kept(follows_from, found)
        return {instrument: kept.prices}


def _is_told(account: Account, ledger: LedgerState) -> bool:
    return is_marked(account, ledger) and not (ledger.options and holds_options(account, ledger))


def _slack(margin: Margin) -> int:
    return margin.collateral_atoms * MICRO - margin.requirement_microatoms


def _in_liquidation(account: Account, margin: Margin) -> bool:
    return account.status not in ("healthy", "called") or _slack(margin) < 0


def _due_alone(mark_ticks: int, prices: LiquidationPrices) -> tuple[int | None, int | None]:
    """The least falls and rises that reach the prices: floor(p (10000 - y) / 10000) <= below, and the like above."""
    below, above = prices
    falls = None if below is None else max((mark_ticks - below - 1) * BPS // mark_ticks + 1, 0)
    rises = None if above is None else max(-(-(above - mark_ticks) * BPS // mark_ticks), 0)
    return _within(falls), _within(rises)


def _within(move_bps: int | None) -> int | None:
    return None if move_bps is None or move_bps > MOVE_BPS_MOST else move_bps


def _due_together(account: Account, ledger: LedgerState, moved: Moved, slack: int) -> tuple[int | None, int | None]:
    instruments = list(dict.fromkeys(instrument for instrument, _ in account.positions))

    def slack_at(sign: int) -> Callable[[int], int]:
        return lambda bps: _slack(margin_of(account, ledger, moved.markets(instruments, sign * bps)))

    return _first_below_zero(slack, slack_at(-1)), _first_below_zero(slack, slack_at(1))


def _first_below_zero(slack: int, slack_at: Callable[[int], int]) -> int | None:
    """The least move at which the slack is below zero; None where it is not at the greatest.

    A chord of a concave function lies below it, so that where the chord meets zero the account is still safe, or, on a
    straight piece, ended one basis point on. Where rounding to ticks has it otherwise, the interval is halved.
    """
    safe, ended = (0, slack), (MOVE_BPS_MOST, slack_at(MOVE_BPS_MOST))
    if ended[1] >= 0:
        return None
    chord = True
    while ended[0] - safe[0] > 1:
        root = safe[0] + safe[1] * (ended[0] - safe[0]) // (safe[1] - ended[1]) if chord else (safe[0] + ended[0]) // 2
        for move in (root, root + 1):
            if safe[0] < move < ended[0]:
                found = move, slack_at(move)
                safe, ended = (found, ended) if found[1] >= 0 else (safe, found)
        chord = not chord
    return ended[0]

"""Accounts in columns: what a ranking needs of 100,000 holders, updated incrementally for touched accounts.

1. Per trader: whether it can be a candidate, or could if being liquidated did not matter; its balance, its amounts of
   other assets, and per instrument its size, cost and funding. Everything is a whole number of 64 bits, and before
   numbers are multiplied or summed the largest result is worked out exactly: what might not fit is left to the plain
   ranking (`Unfit`), and so are inverse contracts and hedge mode.
2. A new mark then needs arithmetic on columns only. Nothing here decides: the figures are those of `candidate_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from ..core import native
from ..events.ledger import Account, LedgerState, Market
from ..events.payoff import LinearPayoff
from .policies.ranking import PROFITABLE, Terms
from .ranking import STANDING

__all__ = ["Column", "Eligible", "RankingColumns", "Unfit"]

Column = NDArray[np.int64]

_LIMIT = 2**62
_NANO = 10**9
_FLAT = (0, 0, 0)
_STANDING, _LIQUIDATING = 2, 3
"""Where a trader stands, as the C core has it."""


class Unfit(Exception):  # noqa: N818 - no error: the plain ranking takes over
    """What is in the ledger does not fit columns."""


class Eligible(NamedTuple):
    """The candidates of one side in order of account, ingredient by ingredient."""

    account: Column
    profit: Column
    notional: Column
    cost: Column
    equity: Column
    size: Column


class RankingColumns:
    """The accounts of a ledger. Built in O(accounts), kept in O(touched)."""

    def __init__(self, ledger: LedgerState) -> None:
        """Take in all accounts. Raises Unfit."""
        self.touched: set[int] = set()
        self._markets = len(ledger.markets)
        self._can = np.zeros(0, np.bool_)
        self._liquidating = np.zeros(0, np.bool_)
        self._balance = np.zeros(0, np.int64)
        self._held = np.zeros((self._markets, 3, 0), np.int64)
        self._coins = {asset: np.zeros(0, np.int64) for asset in ledger.conversions}
        self._take_in(ledger, [*range(len(ledger.accounts))])

    def refresh(self, ledger: LedgerState) -> None:
        """Take in again who was touched. Raises Unfit."""
        if len(ledger.markets) != self._markets or len(ledger.conversions) != len(self._coins):
            message = "an instrument was listed"
            raise Unfit(message)
        self._take_in(ledger, [*self.touched])
        self.touched.clear()

    def eligible(self, ledger: LedgerState, instrument: int, side: int, terms: Terms = PROFITABLE) -> Eligible:
        """Who holds the other side with an equity and, but for the terms, a profit and no liquidation. Raises Unfit."""
        self._check(ledger)
        sizes = self._held[instrument, 0]
        can = self._can | self._liquidating if terms.liquidating else self._can
        account = np.flatnonzero(can & ((sizes < 0) if side > 0 else (sizes > 0)))
        value, funding = self._worth(ledger.markets[instrument], instrument, account)
        cost = self._held[instrument, 1].take(account)
        profit = value - cost + self._held[instrument, 2].take(account) - funding
        equity = self._balance.take(account) + profit
        for other, market in enumerate(ledger.markets):
            if other != instrument:
                more, owed = self._worth(market, other, account)
                equity += more - self._held[other, 1].take(account) + self._held[other, 2].take(account) - owed
        for asset, amounts in self._coins.items():
            one = ledger.conversions[asset]
            equity += amounts[account] * (one.price_ticks * one.quote_atoms) // one.asset_atoms
        good = np.flatnonzero((equity > 0) if terms.any_profit else (profit > 0) & (equity > 0))
        columns = (account, profit, np.abs(value), cost, equity, sizes[account])
        return Eligible(*(column.take(good) for column in columns))

    def _worth(self, market: Market, instrument: int, account: Column) -> tuple[Column, Column]:
        """What the positions are worth at the mark, and the cumulative funding of their lots."""
        size = self._held[instrument, 0].take(account)
        value = size * (market.mark_ticks * _linear(market).multiplier_atoms)
        cumulative = market.cumulative_funding_nanoatoms
        if not cumulative:
            return value, np.zeros_like(value)
        whole, rest = divmod(abs(cumulative), _NANO)
        lots = np.abs(size)
        owed = lots * whole + lots * rest // _NANO
        return value, owed * np.sign(size) * (1 if cumulative > 0 else -1)

    def _check(self, ledger: LedgerState) -> None:
        """That no product or sum of `eligible` can leave 62 bits."""
        bound = _most(self._balance)
        for asset, amounts in self._coins.items():
            bound += (
                max(1, _most(amounts)) * ledger.conversions[asset].price_ticks * ledger.conversions[asset].quote_atoms
            )
        for instrument, market in enumerate(ledger.markets):
            size, cost, funding = map(_most, self._held[instrument])
            rate = abs(market.cumulative_funding_nanoatoms)
            bound += max(1, size) * market.mark_ticks * _linear(market).multiplier_atoms + cost + funding
            bound += max(1, size) * (rate // _NANO + 1)
            if bound >= _LIMIT or (rate and size * _NANO >= _LIMIT):
                message = "figures beyond 62 bits"
                raise Unfit(message)

    def _take_in(self, ledger: LedgerState, numbers: list[int]) -> None:
        missing = len(ledger.accounts) - len(self._balance)
        if missing:
            self._can = np.pad(self._can, (0, missing))
            self._liquidating = np.pad(self._liquidating, (0, missing))
            self._balance = np.pad(self._balance, (0, missing))
            self._held = np.pad(self._held, ((0, 0), (0, 0), (0, missing)))
            self._coins = {asset: np.pad(amounts, (0, missing)) for asset, amounts in self._coins.items()}
        packed = None if native is None else native.figures_of(ledger.accounts, numbers, self._markets)
        if packed is not None:
            self._take_in_rows(ledger, np.array(numbers, np.int64), np.frombuffer(packed, np.int64))
            return
        traders = [account for account in map(ledger.accounts.__getitem__, numbers) if account.kind == "user"]
        if not traders:
            return
        places = np.array([account.account for account in traders])
        try:
            self._balance[places] = [account.balance_atoms for account in traders]
            for asset, amounts in self._coins.items():
                amounts[places] = [account.coins.get(asset, 0) for account in traders]
            self._take_in_positions(traders, places)
        except OverflowError:
            message = "figures beyond 64 bits"
            raise Unfit(message) from None
        statuses = [account.status for account in traders]
        self._can[places] = [status in STANDING for status in statuses]
        self._liquidating[places] = [status == "liquidating" for status in statuses]

    def _take_in_rows(self, ledger: LedgerState, numbers: Column, figures: Column) -> None:
        """The same as the C core has it in rows: where a trader stands, its balance, and what it holds."""
        rows = figures.reshape(len(numbers), 2 + len(_FLAT) * self._markets).T
        traders = np.flatnonzero(rows[0])
        places = numbers.take(traders)
        stands, self._balance[places], *held = rows.take(traders, axis=1)
        self._can[places], self._liquidating[places] = stands == _STANDING, stands == _LIQUIDATING
        self._held[:, :, places] = np.reshape(held, (self._markets, len(_FLAT), len(places)))
        for asset, amounts in self._coins.items():
            amounts[places] = [ledger.accounts[number].coins.get(asset, 0) for number in places.tolist()]

    def _take_in_positions(self, traders: Sequence[Account], places: Column) -> None:
        """Size, cost and funding of each trader's net positions. Raises Unfit for one in hedge mode."""
        left = sum([len(account.positions) for account in traders])
        for instrument in range(self._markets):
            key = (instrument, 0)
            held = [account.positions.get(key) for account in traders]
            rows = [_FLAT if one is None else astuple(one) for one in held]
            left -= len(held) - held.count(None)
            columns = np.fromiter(chain.from_iterable(rows), np.int64, len(_FLAT) * len(rows))
            self._held[instrument][:, places] = columns.reshape(-1, len(_FLAT)).T
        if left:
            message = "a trader in hedge mode"
            raise Unfit(message)


def _linear(market: Market) -> LinearPayoff:
    if not isinstance(market.payoff, LinearPayoff):
        message = "an inverse contract"
        raise Unfit(message)
    return market.payoff


def _most(column: Column) -> int:
    """The greatest absolute value, exactly."""
    return max(abs(int(column.max(initial=0))), abs(int(column.min(initial=0))))

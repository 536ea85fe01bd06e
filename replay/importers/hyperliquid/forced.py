"""Liquidations, takeovers and deleveraging, as one block tells them.

1. What the venue forced of one account in one block is one liquidation. That it started and ended, and that a backstop
   or a deleveraging means bankruptcy, nobody published: these are inferred, with equity and requirement 0, but for a
   beginning that a notice tells of.
2. The mark that a forced fill carries is the venue's own: it is imported before the liquidation starts.
3. A fill against the book is `LiquidationFilled`; one by the method backstop is `PositionTakenOver` by whoever took
   it; one with the word Auto-Deleveraging is `PositionDeleveraged` against the liquidated user.
4. A round is what was deleveraged against one account in one coin in one block. Its ranks are the order of the file;
   scores, candidates and the ranking itself were not published.

What the venue's notices say of liquidations, beside the fills that carry them out.

1. A notice says what the account was worth (an isolated position: what that was worth) when it was liquidated. The
   liquidation that the fills of the same instant begin is then imported, with that equity; what was required of it is
   not told.
2. A notice without a fill of its account in that instant is recorded as a liquidation that the files show nothing of:
   it started, which is imported, and ended, which is inferred.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Literal, NamedTuple

import msgspec

from ....events.bodies.base import Provenance
from ....events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOutcome,
    LiquidationStarted,
    PositionTakenOver,
)
from ....events.bodies.margin import MarkPriced
from ....events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ....events.envelope import Origin
from ..session import Session
from .admission import Side, Trade
from .deltas import Liquidated
from .fills import DELEVERAGED
from .market import Coin, CoinNames
from .survey import DEFAULT_ASSET

__all__ = ["Done", "ForcedTrades", "Kind", "Liquidations", "kind_of", "roles"]

Kind = Literal["filled", "taken over", "deleveraged"]


class Done(NamedTuple):
    """A trade between two accounts: `size_lots` and `value_atoms` signed for `account`."""

    coin: Coin
    account: int
    other: int
    size_lots: int
    price_ticks: int
    value_atoms: int
    trade_id: int
    order_id: int
    provenance: Provenance | None


class _Liquidation(msgspec.Struct):
    liquidation_id: int
    started_seq: int
    bankrupt_seq: int | None = None


class _ForcedRound(msgspec.Struct):
    round: int
    started_seq: int
    size_lots: int
    trades: int
    done: int = 0
    closed_lots: int = 0


def kind_of(trade: Trade) -> Kind | None:
    """What was forced of a trade, if anything."""
    first, second = trade
    if DELEVERAGED in (first[2].direction, "" if second is None else second[2].direction):
        return "deleveraged"
    forced = first[2].liquidation
    if forced is None:
        return None
    return "taken over" if forced.method == "backstop" else "filled"


def roles(trade: Trade) -> tuple[Side, Side] | None:
    """(the liquidated side, the other one); None where neither is the liquidated user's, or one is missing."""
    first, second = trade
    if second is None:
        return None
    forced = first[2].liquidation or second[2].liquidation
    if forced is not None and first[1] == forced.liquidated_user:
        return first, second
    if forced is not None and second[1] == forced.liquidated_user:
        return second, first
    if (first[2].direction == DELEVERAGED) != (second[2].direction == DELEVERAGED):
        return (first, second) if second[2].direction == DELEVERAGED else (second, first)
    return None


class ForcedTrades:
    """The liquidations of one block after the other."""

    def __init__(self, session: Session, liquidations: Liquidations) -> None:
        self._session, self._liquidations = session, liquidations
        self._open: dict[int, _Liquidation] = {}
        self._marks: dict[int, tuple[int, int]] = {}
        self._rounds: dict[tuple[int, int], _ForcedRound] = {}
        self._planned: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)

    def plan(self, liquidated: int, coin: Coin, size_lots: int, value_atoms: int) -> None:
        """A deleveraging against this account is to come in this block; size and value are signed for the account."""
        self._planned[liquidated, coin.instrument].append((size_lots, value_atoms))

    def mark(self, coin: Coin, mark_ticks: int) -> int:
        """The event of the venue's mark."""
        known = self._marks.get(coin.instrument)
        if known is None or known[0] != mark_ticks:
            seq = self._session.imported(MarkPriced(coin.instrument, mark_ticks, 0, mark_ticks))
            known = self._marks[coin.instrument] = mark_ticks, seq
        return known[1]

    def start(self, liquidated: int, cause: int | None = None) -> None:
        """Begin a liquidation, if none of the account is under way."""
        if liquidated not in self._open:
            number = self._session.ledger.liquidations_started + 1
            seq = self._liquidations.start(number, liquidated, cause)
            self._open[liquidated] = _Liquidation(number, seq)

    def take(self, kind: Kind, done: Done, links: tuple[int, ...]) -> int:
        """Record a forced trade; `done.account` is the liquidated one."""
        one = self._open[done.account]
        if kind == "filled":
            filled = LiquidationFilled(
                liquidation_id=one.liquidation_id,
                order_id=done.order_id,
                trade_id=done.trade_id,
                account=done.account,
                counterparty=done.other,
                instrument=done.coin.instrument,
                leg=0,
                size_lots=done.size_lots,
                price_ticks=done.price_ticks,
                value_atoms=done.value_atoms,
                left_lots=0,
                eaten_lots=0,
                provenance=done.provenance,
            )
            return self._session.imported(filled, one.started_seq, links)
        if one.bankrupt_seq is None:
            reason = "the venue's backstop took over" if kind == "taken over" else "others were deleveraged against it"
            bankrupt = BankruptcyDeclared(one.liquidation_id, done.account, 0, 0, reason)
            one.bankrupt_seq = self._session.inferred(bankrupt, one.started_seq)
        if kind == "taken over":
            return self._taken_over(one, done, links)
        return self._deleveraged(one, done, links)

    def _taken_over(self, one: _Liquidation, done: Done, links: tuple[int, ...]) -> int:
        taken = PositionTakenOver(
            liquidation_id=one.liquidation_id,
            account=done.account,
            fund=done.other,
            instrument=done.coin.instrument,
            leg=0,
            size_lots=-done.size_lots,
            value_atoms=-done.value_atoms,
            price_ticks=done.price_ticks,
            provenance=done.provenance,
        )
        return self._session.imported(taken, one.bankrupt_seq, links)

    def _deleveraged(self, one: _Liquidation, done: Done, links: tuple[int, ...]) -> int:
        key = (done.account, done.coin.instrument)
        under_way = self._rounds.get(key) or self._begin_round(one, done)
        under_way.done += 1
        under_way.closed_lots += abs(done.size_lots)
        moved = PositionDeleveraged(
            round=under_way.round,
            liquidation_id=one.liquidation_id,
            against=done.account,
            against_leg=0,
            account=done.other,
            instrument=done.coin.instrument,
            leg=0,
            size_lots=-done.size_lots,
            price_ticks=done.price_ticks,
            value_atoms=-done.value_atoms,
            rank=under_way.done,
            score=0,
            provenance=done.provenance,
        )
        seq = self._session.imported(moved, under_way.started_seq, links)
        if under_way.done == under_way.trades:
            self._end_round(key)
        return seq

    def _end_round(self, key: tuple[int, int]) -> None:
        account, instrument = key
        over, one = self._rounds.pop(key), self._open[account]
        left_lots = over.size_lots - over.closed_lots
        ended = DeleveragingEnded(
            over.round, "bankruptcy", one.liquidation_id, account, instrument, 0, over.closed_lots, left_lots
        )
        self._session.inferred(ended, over.started_seq)

    def _begin_round(self, one: _Liquidation, done: Done) -> _ForcedRound:
        key = (done.account, done.coin.instrument)
        planned = self._planned.pop(key)
        size_lots, value_atoms = -sum(lots for lots, _ in planned), -sum(atoms for _, atoms in planned)
        number = self._session.ledger.rounds + 1
        started = DeleveragingStarted(
            round=number,
            trigger="bankruptcy",
            liquidation_id=one.liquidation_id,
            policy=self._session.venue,
            account=done.account,
            instrument=done.coin.instrument,
            leg=0,
            size_lots=size_lots,
            value_atoms=value_atoms,
            price_ticks=done.price_ticks,
            candidates=0,
            ranking_digest=b"",
        )
        seq = self._session.inferred(started, one.bankrupt_seq)
        begun = self._rounds[key] = _ForcedRound(number, seq, abs(size_lots), len(planned))
        return begun

    def end_block(self) -> None:
        """End what this block began."""
        for key in list(self._rounds):
            self._end_round(key)
        for number, one in self._open.items():
            account = self._session.ledger.accounts[number]
            outcome: LiquidationOutcome = "restored" if account.positions else "closed"
            if one.bankrupt_seq is not None:
                outcome = "bankrupt"
            ended = LiquidationEnded(one.liquidation_id, number, outcome, 0)
            self._session.inferred(ended, one.bankrupt_seq or one.started_seq)
        for told in (self._open, self._marks, self._planned):
            told.clear()


class Liquidations:
    """The notices of one instant that no fill has answered yet."""

    def __init__(self, session: Session, names: CoinNames) -> None:
        self._session, self._names = session, names
        self._equity_atoms: dict[int, int] = {}

    def told(self, notice: Liquidated) -> None:
        """Take in a notice. Raises ScenarioError for a value that is no amount."""
        value, address, isolated, names = notice
        equity_atoms, _ = self._names.amount(value, DEFAULT_ASSET, self._session.faults)
        coins = [self._names.coins[name] for name in names if name in self._names.coins] if isolated else []
        accounts = [coin.accounts[address] for coin in coins] or [self._names.accounts[DEFAULT_ASSET][address]]
        for account in accounts:
            self._equity_atoms[account] = equity_atoms

    def start(self, liquidation_id: int, account: int, cause: int | None) -> int:
        """Record that a liquidation began, and return the event's number."""
        equity_atoms = self._equity_atoms.pop(account, None)
        body = LiquidationStarted(liquidation_id, account, equity_atoms or 0, 0)
        origin = Origin.INFERRED if equity_atoms is None else Origin.IMPORTED
        return self._session.imported(body, cause, origin=origin)

    def flush(self) -> None:
        """The instant is over: record what no fill has answered."""
        for account in list(self._equity_atoms):
            ledger = self._session.ledger
            number = ledger.liquidations_started + 1
            started = self.start(number, account, None)
            outcome: LiquidationOutcome = "restored" if ledger.accounts[account].positions else "closed"
            self._session.inferred(LiquidationEnded(number, account, outcome, 0), started)
            self._session.faults.note("liquidations without a fill")

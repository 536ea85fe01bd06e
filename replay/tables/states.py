"""Tables of states: who stood how at an instant, a row each, declared as the events are and made columns in one way.

1. `seq` and `time` are those of the event after which it stood so. One state is the last one; others are asked for.
2. What depends on a mark is null as long as an instrument that it needs has none; equity and requirement are those of
   the margin monitor, places in a queue those that a round decided then would record.
3. A round is no state: `rounds` has each of the span of events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from ...events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event
from ...events.kinds import (
    AccountAmount,
    AccountNumber,
    AssetNumber,
    Count,
    EventNumber,
    FundAmount,
    InstrumentAmount,
    InstrumentNumber,
    Leg,
    LiquidationNumber,
    OrderNumber,
    Price,
    RateBps,
    RoundNumber,
    Score,
    Size,
    Time,
)
from ...events.ledger import LedgerState
from ...handlers.valuation import notional_atoms, profit_atoms
from ..run import Run
from ..state.queues import TRADERS, marked_margin, prospects_of, queues_of, ratio_bps

__all__ = ["STATE_TABLES", "Rounds", "StateRow", "state_rows"]


class StateRow(msgspec.Struct, frozen=True, gc=False):
    """Something at an instant: after event `seq`."""

    seq: EventNumber
    time_ns: Time


class AccountRow(StateRow, frozen=True, gc=False):
    """An account: its status, what it has, and what it must have."""

    account: AccountNumber
    number: Count
    kind: str
    mode: str
    asset: AssetNumber
    status: str
    calls: Count
    liquidation_id: LiquidationNumber | None
    balance_atoms: AccountAmount
    equity_atoms: AccountAmount | None
    requirement_atoms: AccountAmount | None
    margin_ratio_bps: RateBps | None


class PositionRow(StateRow, frozen=True, gc=False):
    """A position, at the mark, with the prices that would end it."""

    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    cost_atoms: InstrumentAmount
    entry_ticks: Price
    mark_ticks: Price | None
    notional_atoms: InstrumentAmount | None
    profit_atoms: InstrumentAmount | None
    liquidation_ticks: Price | None
    bankruptcy_ticks: Price | None


class MarkRow(StateRow, frozen=True, gc=False):
    """A market: its mark, and until when it is halted."""

    instrument: InstrumentNumber
    mark_ticks: Price | None
    index_ticks: Price | None
    impact_ticks: Price | None
    marked_at_ns: Time | None
    halted: bool
    halted_until_ns: Time | None


class FundRow(StateRow, frozen=True, gc=False):
    """An insurance fund: cash, inventory at the mark, floor and declared deficit."""

    fund: AccountNumber
    cash_atoms: FundAmount
    equity_atoms: FundAmount | None
    floor_atoms: FundAmount
    deficit_atoms: FundAmount
    lots_held: Count


class OrderRow(StateRow, frozen=True, gc=False):
    """An order that is working: a forced one, or a trader's own."""

    order_id: OrderNumber
    whose: Literal["forced", "own"]
    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    trigger_ticks: Price | None
    limit_ticks: Price | None
    reduces: bool


class RankingRow(StateRow, frozen=True, gc=False):
    """A place in a queue for auto-deleveraging."""

    instrument: InstrumentNumber
    side: Literal["long", "short"]
    rank: Count
    candidates: Count
    account: AccountNumber
    leg: Leg
    score: Score
    policy: str


class RoundRow(StateRow, frozen=True, gc=False):
    """A round of auto-deleveraging, from its start to its end."""

    round: RoundNumber
    trigger: str
    policy: str
    account: AccountNumber
    instrument: InstrumentNumber
    liquidation_id: LiquidationNumber
    size_lots: Size
    closed_lots: Size | None
    unclosed_lots: Size | None
    price_ticks: Price
    value_atoms: InstrumentAmount
    candidates: Count
    deleveraged: Count
    ended_seq: EventNumber | None


Rows = Iterator[StateRow]


def state_rows(run: Run, table: str, ledger: LedgerState) -> Rows:
    """The rows of a table at the state that a ledger has."""
    return _ROWS[table](run, ledger, ledger.seq - 1, ledger.at_ns)


def _accounts(_run: Run, ledger: LedgerState, seq: int, at_ns: int) -> Rows:
    for one in ledger.accounts:
        margin = marked_margin(ledger, one)
        equity, requirement = (None, None) if margin is None else (margin.equity_atoms, margin.requirement_atoms)
        yield AccountRow(
            seq,
            at_ns,
            account=one.account,
            number=one.account,
            kind=one.kind,
            mode=one.mode,
            asset=one.asset,
            status=one.status,
            calls=one.calls,
            liquidation_id=one.liquidation_id,
            balance_atoms=one.balance_atoms,
            equity_atoms=equity,
            requirement_atoms=requirement,
            margin_ratio_bps=ratio_bps(margin),
        )


def _positions(_run: Run, ledger: LedgerState, seq: int, at_ns: int) -> Rows:
    for one in ledger.accounts:
        prospects = prospects_of(ledger, one, marked_margin(ledger, one)) if one.positions else {}
        for key, held in one.positions.items():
            market, prospect = ledger.markets[key[0]], prospects.get(key)
            marked = market.marked is not None
            yield PositionRow(
                seq,
                at_ns,
                account=one.account,
                instrument=key[0],
                leg=key[1],
                size_lots=held.size_lots,
                cost_atoms=held.cost_atoms,
                entry_ticks=market.payoff.price_ticks(held.size_lots, held.cost_atoms),
                mark_ticks=market.mark_ticks if marked else None,
                notional_atoms=notional_atoms(market, held) if marked else None,
                profit_atoms=profit_atoms(market, held) if marked else None,
                liquidation_ticks=prospect and prospect.liquidation.nearest_ticks(market.mark_ticks),
                bankruptcy_ticks=prospect and prospect.bankruptcy_ticks,
            )


def _marks(_run: Run, ledger: LedgerState, seq: int, at_ns: int) -> Rows:
    for number, market in enumerate(ledger.markets):
        marked = market.marked
        yield MarkRow(
            seq,
            at_ns,
            instrument=number,
            mark_ticks=None if marked is None else marked.mark_ticks,
            index_ticks=None if marked is None else marked.index_ticks,
            impact_ticks=None if marked is None else marked.impact_ticks,
            marked_at_ns=None if marked is None else market.marked_at_ns,
            halted=market.halted_until_ns is not None,
            halted_until_ns=market.halted_until_ns,
        )


def _funds(_run: Run, ledger: LedgerState, seq: int, at_ns: int) -> Rows:
    for number, standing in ledger.funds.items():
        fund = ledger.accounts[number]
        margin = marked_margin(ledger, fund)
        yield FundRow(
            seq,
            at_ns,
            fund=number,
            cash_atoms=fund.balance_atoms,
            equity_atoms=None if margin is None else margin.equity_atoms,
            floor_atoms=standing.floor_atoms,
            deficit_atoms=standing.deficit_atoms,
            lots_held=len(fund.positions),
        )


def _orders(_run: Run, ledger: LedgerState, seq: int, at_ns: int) -> Rows:
    for one in ledger.liquidations.values():
        order = one.order
        if order is not None and order.open:
            yield OrderRow(
                seq,
                at_ns,
                order_id=order.order_id,
                whose="forced",
                account=one.account,
                instrument=order.instrument,
                leg=order.leg,
                size_lots=order.left_lots,
                trigger_ticks=None,
                limit_ticks=None,
                reduces=not order.hedges,
            )
    for number, own in ledger.own_orders.items():
        yield OrderRow(
            seq,
            at_ns,
            order_id=number,
            whose="own",
            account=own.account,
            instrument=own.instrument,
            leg=own.leg,
            size_lots=own.size_lots,
            trigger_ticks=own.trigger_ticks,
            limit_ticks=own.limit_ticks,
            reduces=own.reduces,
        )


def _rankings(run: Run, ledger: LedgerState, seq: int, at_ns: int) -> Rows:
    queues = queues_of(run, ledger)
    found = list[RankingRow]()
    for one in ledger.accounts:
        for key, held in one.positions.items() if one.kind in TRADERS else ():
            place = queues.place_of(one, key)
            if place is not None:
                side: Literal["long", "short"] = "long" if held.size_lots > 0 else "short"
                row = RankingRow(
                    seq,
                    at_ns,
                    instrument=key[0],
                    side=side,
                    rank=place.rank,
                    candidates=place.of,
                    account=one.account,
                    leg=key[1],
                    score=place.score,
                    policy=queues.rule_of(key[0]).name,
                )
                found.append(row)
    yield from sorted(found, key=lambda row: (row.instrument, row.side, row.rank))


class Rounds:
    """The rounds that there were, from events as they come by."""

    types = (DeleveragingStarted, PositionDeleveraged, DeleveragingEnded)

    def __init__(self) -> None:
        self._open: dict[int, Event] = {}
        self._taken: dict[int, int] = {}
        self._ended: list[RoundRow] = []

    def see(self, events: Sequence[Event]) -> None:
        """Take events in, in their order."""
        for event in events:
            body = event.body
            if isinstance(body, DeleveragingStarted):
                self._open[body.round] = event
            elif isinstance(body, PositionDeleveraged):
                self._taken[body.round] = self._taken.get(body.round, 0) + 1
            elif isinstance(body, DeleveragingEnded) and body.round in self._open:
                started, taken = self._open.pop(body.round), self._taken.pop(body.round, 0)
                self._ended.append(_round(started, taken, event.seq, body))

    def rows(self) -> list[RoundRow]:
        """In the order in which they began; one that had not ended has no end."""
        still = [_round(started, self._taken.get(number, 0)) for number, started in self._open.items()]
        return sorted([*self._ended, *still], key=lambda row: row.seq)


def _round(
    started: Event, taken: int, ended_seq: int | None = None, ended: DeleveragingEnded | None = None
) -> RoundRow:
    body = started.body
    assert isinstance(body, DeleveragingStarted)
    return RoundRow(
        started.seq,
        started.at_ns,
        round=body.round,
        trigger=body.trigger,
        policy=body.policy,
        account=body.account,
        instrument=body.instrument,
        liquidation_id=body.liquidation_id,
        size_lots=body.size_lots,
        closed_lots=None if ended is None else ended.closed_lots,
        unclosed_lots=None if ended is None else ended.left_lots,
        price_ticks=body.price_ticks,
        value_atoms=body.value_atoms,
        candidates=body.candidates,
        deleveraged=taken,
        ended_seq=ended_seq,
    )


STATE_TABLES: dict[str, type[StateRow]] = {
    "accounts": AccountRow,
    "positions": PositionRow,
    "marks": MarkRow,
    "funds": FundRow,
    "orders": OrderRow,
    "rankings": RankingRow,
    "rounds": RoundRow,
}
"""What the tables of states hold."""

_ROWS: dict[str, Callable[[Run, LedgerState, int, int], Rows]] = {
    "accounts": _accounts,
    "positions": _positions,
    "marks": _marks,
    "funds": _funds,
    "orders": _orders,
    "rankings": _rankings,
}

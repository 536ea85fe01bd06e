"""The fold: what it takes, what it refuses, and that the ledger that ran is the ledger of the record."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from deleverage.events.bodies.inputs import FillReported, TradeExecuted
from deleverage.events.bodies.liquidation import (
    LiquidationEnded,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
    PositionTakenOver,
)
from deleverage.events.bodies.listing import AccountOpened, AssetListed, FundAssigned
from deleverage.events.bodies.margin import FundingAccrued, MarkPriced
from deleverage.events.bodies.run import RunEnded
from deleverage.events.bodies.venue import HandlerStateNoted, TimerFired, TimerSet, TradingHalted, TradingResumed
from deleverage.events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted
from deleverage.events.codec import decode_event, encode_event
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import LedgerError
from deleverage.events.ledger import Ledger
from deleverage.events.ledger.effects import FOLD
from deleverage.events.ledger.liquidation import OpenOrder
from deleverage.events.record import MemoryRecord, RecordReader, RecordSettings, RecordWriter
from deleverage.events.vocabulary import BODY_TYPES, Body

from .support.crash import recorded, simulation_of
from .support.made import made
from .support.venue import FUND, Book, filled, listed

SETTINGS = RecordSettings(pages_per_block=2, durability="none")


def _round(number: int) -> DeleveragingStarted:
    return made(
        DeleveragingStarted,
        round=number,
        trigger="bankruptcy",
        liquidation_id=1,
        policy="p",
        account=4,
        size_lots=3,
        value_atoms=30,
        price_ticks=10,
    )


def _assigned_late(book: Book) -> FundAssigned:
    book.liquidate(4)
    return FundAssigned(0, FUND)


GAPS: dict[str, Callable[[Book], Body]] = {
    "asset 2 is declared where 1 is next": lambda _: AssetListed(2, "BTC", 8),
    "instrument 3 is declared where 1 is next": lambda _: listed(3),
    "account 9 is declared where 5 is next": lambda _: AccountOpened(9, "z", "test", "user", "cross", 0),
    "liquidation 2 is declared where 1 is next": lambda _: LiquidationStarted(2, 4, 0, 0),
    "order 5 is declared where 1 is next": lambda b: made(
        LiquidationOrdered, liquidation_id=b.liquidate(4), order_id=5, account=4, size_lots=-1, step=1, whole=True
    ),
    "round 2 is declared where 1 is next": lambda _: _round(2),
    "account name 'user4' is declared twice": lambda _: AccountOpened(5, "user4", "test", "user", "cross", 0),
    "account 'z' settles in asset 1, which is not listed": lambda _: AccountOpened(5, "z", "test", "user", "cross", 1),
    "instrument 'I1' settles in asset 3, which is not listed": lambda _: msgspec.structs.replace(listed(1), asset=3),
    "account 'z' is a second fees account of its asset; a venue has one": lambda _: AccountOpened(
        5, "z", "test", "fees", "cross", 0
    ),
    "instrument 'I0': account 4 is no insurance fund of its asset": lambda _: FundAssigned(0, 4),
    "instrument 'I0' is given another insurance fund after liquidations began": _assigned_late,
    "timer 9 (nap) is due at 0, which is not later than now": lambda _: TimerSet("nap", 0),
    "timer 3 (nap) fires but is not pending": lambda _: TimerFired(3, "nap"),
}


@pytest.mark.parametrize("said", GAPS)
def test_what_does_not_follow_is_refused(said: str) -> None:
    """Numbers with gaps, names given twice, timers that cannot be: each is refused with what is wrong."""
    book = Book()
    book.user(10)
    body = GAPS[said](book)
    with pytest.raises(LedgerError, match=re.escape(said)):
        book.put(body)


def test_an_event_out_of_its_place_is_refused() -> None:
    """The fold takes event n when it stands before n, and no other."""
    book = Book()
    for seq in (0, book.ledger.seq - 1, book.ledger.seq + 1):
        with pytest.raises(LedgerError, match=f"event {seq} cannot be folded: the ledger stands before event"):
            book.ledger.fold(Event(seq, 0, Origin.INPUT, None, (), None, RunEnded()))


def test_time_never_runs_backwards() -> None:
    """An event earlier than the one before it is refused with both times."""
    book = Book()
    book.now_ns = 50
    book.mark(10)
    book.now_ns = 49
    with pytest.raises(LedgerError, match="its time 49 is before 50; time never runs backwards"):
        book.mark(11)


def test_every_type_has_its_place_in_the_table() -> None:
    """The table holds the whole vocabulary; what a venue only says of a fill has nothing there."""
    assert set(FOLD) == set(BODY_TYPES)
    assert FOLD[FillReported] is None
    assert FOLD[TradeExecuted] is not None


def test_a_mark_is_the_last_thing_known_of_a_price() -> None:
    """Mark, index, and when; and that a ranking made before it is stale."""
    book = Book()
    book.now_ns = 9
    event = book.put(MarkPriced(0, 100, -3, 97))
    market = book.ledger.markets[0]
    assert (market.mark_ticks, market.index_ticks, market.marked_at_ns) == (97, 100, 9)
    assert book.ledger.repriced_seq == event.seq
    accrued = book.put(FundingAccrued(0, 1, 97, 12))
    assert (market.cumulative_funding_nanoatoms, book.ledger.repriced_seq) == (12, accrued.seq)


def test_halts_timers_notes_and_rounds_are_state() -> None:
    """What handlers must find again is in the ledger."""
    book = Book()
    book.now_ns = 9
    book.put(TradingHalted(0, 100, 80, 60))
    assert book.ledger.markets[0].halted_until_ns == 60
    book.put(TradingResumed(0))
    assert book.ledger.markets[0].halted_until_ns is None
    timer = book.put(TimerSet("nap", 60))
    assert list(book.ledger.timers) == [timer.seq]
    book.put(HandlerStateNoted("fund", "peak", (4, 5)))
    assert book.ledger.notes == {("fund", "peak"): (4, 5)}
    started = book.put(_round(1))
    assert (book.ledger.round_bases[0, 1].seq, book.ledger.open_round) == (started.seq, started.body)
    book.put(DeleveragingEnded(1, "bankruptcy", 1, 4, 0, 0, 0, 3))
    assert book.ledger.open_round is None


def test_two_ledgers_of_the_same_events_have_the_same_bytes() -> None:
    """The canonical encoding depends on the events and nothing else, also through their bytes."""
    events = recorded()
    again = Ledger.of(decode_event(encode_event(event)) for event in events)
    assert again.encode() == Ledger.of(events).encode()
    assert again.digest() != Ledger.of(events[:-2]).digest()


def test_the_ledger_that_ran_is_the_fold_of_its_record(tmp_path: Path) -> None:
    """Live state, the record on disk read back, and the record in memory: byte for byte the same."""
    on_disk = RecordWriter(tmp_path / "crash", scenario="crash", seed=1, settings=SETTINGS)
    simulation = simulation_of(on_disk)
    simulation.open()
    simulation.drive()
    on_disk.seal("complete")
    live = simulation.ledger.encode()
    assert Ledger.of(RecordReader.open(tmp_path / "crash").events()).encode() == live
    assert Ledger.of(recorded()).encode() == live


def test_every_state_on_the_way_is_the_fold_of_the_record_so_far() -> None:
    """At every 97th event the running ledger had the digest that folding the record up to there gives."""
    record, digests = MemoryRecord(), dict[int, str]()
    simulation = simulation_of(record)

    def note(event: Event, ledger: Ledger) -> None:
        if event.seq % 97 == 0:
            digests[event.seq] = ledger.digest()

    simulation.bus.tap(note)
    simulation.open()
    simulation.drive()
    ledger, told = Ledger(), dict[int, str]()
    for event in record.events():
        ledger.fold(event)
        if event.seq % 97 == 0:
            told[event.seq] = ledger.digest()
    assert told == digests
    assert len(told) > 30


def test_the_record_says_when_the_run_ended() -> None:
    """The run and its end are part of the state."""
    ledger = Ledger.of(recorded())
    assert ledger.ended
    assert ledger.run is not None
    assert ledger.run.scenario == "small-crash"


def test_a_liquidation_knows_its_order_from_placing_to_the_last_lot() -> None:
    """Which order, of what, whether of the whole, what is left of it, and whether it still works."""
    book = Book(listed(0), listed(1))
    book.mark(1000, 1000)
    account = book.user(5000, (1, 7, 1000))
    number = book.liquidate(account)
    liquidation = book.ledger.liquidations[number]
    assert (liquidation.account, liquidation.steps, liquidation.order, liquidation.is_waiting()) == (
        *(account, 0, None, False),
    )
    book.put(
        made(
            LiquidationOrdered,
            liquidation_id=number,
            order_id=1,
            account=account,
            instrument=1,
            size_lots=-7,
            step=3,
            whole=True,
        )
    )
    assert (liquidation.steps, liquidation.order) == (3, OpenOrder(1, 1, 0, 7, True, True))
    assert liquidation.is_waiting()
    for trade, (lots, left) in enumerate(((-4, 3), (-3, 0)), 1):
        book.put(
            filled(
                account,
                lots,
                990,
                liquidation_id=number,
                trade_id=trade,
                instrument=1,
                left_lots=left,
                eaten_lots=9,
            )
        )
        assert liquidation.order == OpenOrder(1, 1, 0, left, True, left > 0)
    assert (book.ledger.orders, book.ledger.trades, liquidation.is_waiting()) == (1, 2, False)


def test_a_cancelled_order_works_no_more() -> None:
    """Only the order that is named is cancelled; a trader's own orders are none of the liquidation's."""
    book = Book()
    book.mark(1000)
    account = book.user(5000, (0, 7, 1000))
    number = book.liquidate(account)
    book.put(
        made(
            LiquidationOrdered,
            liquidation_id=number,
            order_id=1,
            account=account,
            size_lots=-2,
            limit_ticks=900,
            step=1,
        )
    )
    order = book.ledger.liquidations[number].order
    assert order == OpenOrder(1, 0, 0, 2, False, True)
    for other in (None, 2):
        book.put(OrdersCancelled(number, account, other, 2, "another"))
        assert order.open
    book.put(OrdersCancelled(number, account, 1, 2, "no depth"))
    assert (order.open, order.left_lots) == (False, 2)


def test_a_liquidation_waits_for_its_own_timer() -> None:
    """It waits while its cooldown runs; other timers, of nothing or of another liquidation, do not hold it up."""
    book = Book()
    account, other = book.user(10), book.user(10)
    number, second = book.liquidate(account), book.liquidate(other)
    liquidation = book.ledger.liquidations[number]
    book.put(TimerSet("nap", 5))
    book.put(TimerSet("nap", 5, account))
    book.put(TimerSet("nap", 5, other, liquidation_id=second))
    book.put(TimerSet("nap", 5, account, liquidation_id=99))
    assert (liquidation.timer, liquidation.is_waiting()) == (None, False)
    timer = book.put(TimerSet("cooldown", 5, account, liquidation_id=number)).seq
    assert (liquidation.timer, liquidation.is_waiting()) == (timer, True)
    assert set(book.ledger.timers) == set(range(timer - 4, timer + 1))
    book.now_ns = 5
    book.put(TimerFired(timer - 1, "nap", account, liquidation_id=99))
    book.put(TimerFired(timer - 2, "nap", other, liquidation_id=second))
    assert (liquidation.timer, book.ledger.liquidations[second].timer) == (timer, None)
    book.put(TimerFired(timer, "cooldown", account, liquidation_id=number))
    assert (liquidation.timer, liquidation.is_waiting()) == (None, False)
    assert set(book.ledger.timers) == {timer - 4, timer - 3}


def test_a_liquidation_is_open_until_its_inventory_is_sold() -> None:
    """What the fund took over keeps it open behind its end; sales in parts, and reductions, count alike."""
    book = Book(listed(0), listed(1), fund_atoms=10_000)
    book.mark(1000, 1000)
    account = book.user(2_000, (0, 4, 1000), (1, -3, 1000))
    number = book.bankrupt(account).body.liquidation_id  # type: ignore[union-attr]
    liquidation = book.ledger.liquidations[number]
    book.put(PositionTakenOver(number, account, FUND, 0, 0, 4, 3_000, 750))
    book.put(PositionTakenOver(number, account, FUND, 1, 0, -3, -3_000, 1000))
    assert (liquidation.taken_lots, liquidation.sold_lots, liquidation.ended) == ({0: 4, 1: -3}, {}, False)
    book.put(LiquidationEnded(number, account, "bankrupt", 0))
    assert (liquidation.ended, liquidation.holds_inventory(), book.account(account).liquidation_id) == (
        *(True, True, None),
    )
    for trade, (instrument, lots) in enumerate(((0, -1), (0, -3), (1, 1), (1, 2)), 1):
        assert number in book.ledger.liquidations
        book.put(
            made(
                LiquidationOrdered,
                liquidation_id=number,
                order_id=trade,
                account=FUND,
                instrument=instrument,
                leg=number,
                size_lots=lots,
                step=1,
            )
        )
        fill = filled(
            FUND,
            lots,
            900,
            liquidation_id=number,
            order_id=trade,
            trade_id=trade,
            instrument=instrument,
            leg=number,
            eaten_lots=1,
        )
        book.put(fill)
    assert liquidation.sold_lots == {0: 4, 1: -3}
    assert number not in book.ledger.liquidations
    assert liquidation.steps == 0

"""Options in the ledger: what is listed, how marks follow, how an expiry is averaged and settled to the atom."""

from __future__ import annotations

import pytest

from deleverage.events.bodies.liquidation import BankruptcyDeclared, LiquidationStarted, PositionTakenOver
from deleverage.events.bodies.options import (
    DeliveryPriced,
    DeliveryStarted,
    OptionExpired,
    OptionListed,
    OptionSettled,
    VolatilityMarked,
)
from deleverage.events.bodies.run import Producer
from deleverage.events.bodies.venue import TimerFired, TimerSet
from deleverage.events.bodies.waterfall import FundDeficitDeclared
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import LedgerError
from deleverage.events.ledger import Ledger
from deleverage.events.vocabulary import Body
from deleverage.handlers.options.black76 import price_nanoticks
from deleverage.handlers.options.fixed_point import divided
from deleverage.handlers.options.keeper import OptionsKeeper
from deleverage.handlers.options.parameters import OptionsParameters
from deleverage.handlers.options.process import level_of

from .support.made import made
from .support.option_chain import DAY_NS, PERP, ChainBook, keeper, producers_of
from .support.venue import FUND, bodies

CHAIN = [(110_000, "call", 1), (90_000, "put", 1)]
WINDOW_NS = 1_800 * 10**9


def _at_timer(purpose: str, kept: OptionsKeeper, book: ChainBook) -> list[Body]:
    """What the keeper says as one of its timers fires, folded."""
    fired = Event(book.ledger.seq, book.now_ns, Origin.DECIDED, None, (), 0, TimerFired(0, purpose, None, PERP, None))
    said = list(kept.handle(fired, book.ledger, book.now_ns))
    book.take(said)
    return bodies(said)


def _to_expiry(book: ChainBook, *path: tuple[int, int]) -> list[Body]:
    """Marks so many seconds before the expiry of the first day, then what the keeper says at the expiry."""
    kept = keeper()
    kept.prime(book.ledger, ())
    book.now_ns = DAY_NS - WINDOW_NS
    book.mark(100_000)
    _at_timer("delivery window", kept, book)
    for seconds, ticks in path:
        book.now_ns = DAY_NS - seconds * 10**9
        book.mark(ticks)
    book.now_ns = DAY_NS
    return _at_timer("option expiry", kept, book)


def test_an_option_is_marked_at_its_price_to_the_nearest_tick_and_at_least_one() -> None:
    """Black's price at the mark of the underlying, on the surface; what is worth less than a tick is marked at one."""
    book = ChainBook([(110_000, "call", 30), (500_000, "call", 30)])
    book.mark(100_000)
    priced = divided(price_nanoticks(100_000, 110_000, "call", 600_000_000, 30 * DAY_NS), 10**9)
    assert [market.mark_ticks for market in book.ledger.markets] == [100_000, priced, 1]


def test_timers_are_set_once_an_expiry() -> None:
    """The first option of an expiry sets when its average begins and when it expires; the others set nothing."""
    book = ChainBook([*CHAIN, (100_000, "call", 2)])
    listed = [event for event in book.events if isinstance(event.body, OptionListed)]
    first, second = keeper().handle(listed[0], book.ledger, 0)
    assert [first, second] == [
        TimerSet("delivery window", DAY_NS - WINDOW_NS, None, PERP),
        TimerSet("option expiry", DAY_NS, None, PERP),
    ]
    assert list(keeper().handle(listed[1], book.ledger, 0)) == []
    assert len(list(keeper().handle(listed[2], book.ledger, 0))) == 2


def test_the_delivery_price_is_the_average_of_the_index_by_time() -> None:
    """Twenty minutes at 100,000 and ten at 130,000 are 110,000; a price at the very end has no weight."""
    book = ChainBook([(105_000, "call", 1)])
    said = _to_expiry(book, (600, 130_000), (0, 500_000))
    assert said[0] == DeliveryPriced(PERP, DAY_NS, WINDOW_NS, 110_000 * 10**6)
    assert said[1] == OptionExpired(1, 5_000)


def test_within_the_window_an_option_is_priced_on_what_is_averaged_so_far() -> None:
    """Half of the window over, a mark moves the forward by half: so marks run into the payoff."""
    book = ChainBook([(100_000, "call", 1)])
    book.now_ns = DAY_NS - WINDOW_NS
    book.mark(100_000)
    book.put(DeliveryStarted(PERP, DAY_NS, 100_000))
    book.now_ns = DAY_NS - WINDOW_NS // 2
    book.mark(120_000)
    expected = price_nanoticks(110_000, 100_000, "call", 600_000_000, WINDOW_NS // 2)
    assert book.ledger.markets[1].mark_ticks == divided(expected, 10**9)


def test_each_position_is_settled_by_one_event_and_money_sums_to_zero_at_each() -> None:
    """Every holder is closed at the payoff, outside liquidity with them; the laws hold after each single event."""
    book = ChainBook(CHAIN)
    book.mark(100_000)
    short, long = book.trader(100_000, {1: -3, 2: -2}), book.trader(0, {1: 2})
    said = _to_expiry(book, (900, 130_000))
    settled = [one for one in said if isinstance(one, OptionSettled)]
    assert settled == [
        OptionSettled(short, 1, 0, 3, 5_000, 15_000),
        OptionSettled(long, 1, 0, -2, 5_000, -10_000),
        OptionSettled(short, 2, 0, 2, 0, 0),
    ]
    accounts = book.ledger.accounts
    assert (accounts[short].balance_atoms, accounts[long].balance_atoms) == (85_000, 10_000)
    assert not any(account.positions for account in accounts)
    book.ledger.check()


def test_laws_hold_after_every_event_of_a_settlement() -> None:
    """Lots and money sum to zero not only at the end."""
    book = ChainBook(CHAIN)
    book.mark(100_000)
    for lots in (-5, 3, 7, -1):
        book.trader(1_000_000, {1: lots, 2: -lots})
    begun = len(book.events)
    _to_expiry(book, (900, 130_000))
    replayed = Ledger.of(book.events[:begun])
    for event in book.events[begun:]:
        replayed.fold(event)
        replayed.check()
    assert replayed.digest() == book.ledger.digest()


def test_a_coin_settled_option_pays_coins() -> None:
    """OKX's published example: a short 1600 put settled at 1580 costs 20 / 1580 of its coins."""
    book = ChainBook([(1_600, "put", 1)], spot_ticks=1_580, settled_in="coin")
    option = book.ledger.options[1]
    assert option.payoff_ticks(1_580 * 10**6) == divided(20 * 10**6, 1_580)


def test_what_is_not_an_options_payoff_is_refused() -> None:
    """The fold follows no settlement at another price, before the expiry, or of what is no option."""
    book = ChainBook(CHAIN)
    book.mark(100_000)
    trader = book.trader(100_000, {1: -3})
    with pytest.raises(LedgerError, match="not at an option's payoff"):
        book.put(OptionSettled(trader, 1, 0, 3, 5_000, 15_000))
    book = ChainBook(CHAIN)
    with pytest.raises(LedgerError, match="not its payoff"):
        book.put(OptionExpired(1, 7))
    with pytest.raises(LedgerError, match="is no option"):
        book.put(OptionListed(PERP, PERP, 100_000, "call", "cash", 1, 1))


def test_a_fund_that_cannot_pay_for_what_it_holds_declares_a_deficit_first() -> None:
    """So its cash is never under its floor by more than was declared; and its lots are gone from the liquidation."""
    fund = Producer("insurance_fund", "floor", "2", {"floor_atoms": 0}, 0)
    book = ChainBook([(100_000, "call", 1)], fund_atoms=1_000, producers=(*producers_of(), fund))
    book.mark(100_000)
    trader = book.trader(1, {1: -3})
    book.put(LiquidationStarted(1, trader, 1, 2))
    book.put(BankruptcyDeclared(1, trader, 0, 0, "test"))
    lots = {"size_lots": -3, "price_ticks": 1, "value_atoms": -3}
    book.put(made(PositionTakenOver, liquidation_id=1, account=trader, fund=FUND, instrument=1, **lots))
    said = _to_expiry(book, (900, 130_000))
    deficit = next(one for one in said if isinstance(one, FundDeficitDeclared))
    settled = next(one for one in said if isinstance(one, OptionSettled))
    assert settled == OptionSettled(FUND, 1, 1, 3, 15_000, 45_000, 1)
    assert deficit.deficit_atoms == -book.ledger.accounts[FUND].balance_atoms > 0
    assert not any(account.positions for account in book.ledger.accounts)
    book.ledger.check()


def test_volatility_rises_as_the_underlying_falls_and_jumps_where_it_moves_far() -> None:
    """Level = 1 + leverage x fall, and a jump where the mark moved by a percent since the level was marked."""
    book = ChainBook([(110_000, "call", 30)])
    book.mark(99_500)
    rules = OptionsParameters(leverage_ppm=4_000_000, jump_ppm=100_000, jump_move_bps=100)
    assert level_of(rules, PERP, book.ledger, 0) == VolatilityMarked(PERP, 99_500, 1_020_000, 0)
    book.mark(98_000)
    found = level_of(rules, PERP, book.ledger, 0)
    assert found == VolatilityMarked(PERP, 98_000, 1_180_000, 100_000)
    book.put(found)
    before = book.ledger.markets[1].mark_ticks
    book.mark(98_000)
    assert book.ledger.markets[1].mark_ticks > before
    book.now_ns = 3_600 * 10**9
    assert level_of(rules, PERP, book.ledger, book.now_ns) == VolatilityMarked(PERP, 98_000, 1_130_000, 50_000)

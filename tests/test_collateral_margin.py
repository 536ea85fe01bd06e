"""Margin with collateral: the monitor says of everyone what a sweep would, and never looks where nothing can be."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.collateral import (
    CoinDeposited,
    CoinStated,
    CoinWithdrawn,
    CollateralRated,
    CollateralTier,
    ConversionPriced,
)
from deleverage.events.bodies.inputs import Deposited, Withdrawn
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.margin import MarginCalled, MarginCallMet, MarkPriced
from deleverage.events.envelope import Event
from deleverage.events.ledger import Account
from deleverage.events.vocabulary import Body
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.protocol import Product
from deleverage.handlers.ranges import CEILING, FLOOR, MARK, conversion_slot, slot_of
from deleverage.handlers.safe_ranges import SafeRanges
from deleverage.handlers.valuation import margin_of, slack

from .support.collateral import COIN, PERP, SPOT, CoinBook
from .support.venue import bodies

WARNING, RECOVERY, MAINTENANCE = 12_500, 15_000, 10_000
PRICE = 1_000


class Watched:
    """A monitor that hears a book's events as the bus would tell it, and what a sweep over all accounts says."""

    def __init__(self, book: CoinBook) -> None:
        self.book, self.monitor = book, MarginMonitor(MarginParameters(WARNING, RECOVERY))
        for event in book.events:
            self._observe(event)

    def _observe(self, event: Event) -> None:
        if type(event.body) in self.monitor.observes:
            self.monitor.observe(event, self.book.ledger)

    def put(self, body: Body) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """Fold a body and deliver it: what the monitor says, and what is to be said."""
        event = self.book.put(body)
        self._observe(event)
        expected = list(swept(self.book))
        said: list[Product] = []
        if type(body) in self.monitor.subscribes and self.monitor.gate(type(body)):
            said = list(self.monitor.handle(event, self.book.ledger, 0))
        for made in self.book.take(said):
            self._observe(made)
        return [(one.account, type(one).__name__) for one in bodies(said)], expected  # type: ignore[union-attr]


def swept(book: CoinBook) -> list[tuple[int, str]]:
    """Who is to be liquidated, called or released now: each account looked at, by figures worked out anew."""
    found = []
    for account in book.ledger.accounts:
        if account.kind != "user" or account.status not in ("healthy", "called"):
            continue
        equity, required = by_hand(book, account)
        kind = None
        if equity * 10**10 < required * MAINTENANCE:
            kind = LiquidationStarted
        elif account.status == "called":
            kind = MarginCallMet if equity * 10**10 >= required * RECOVERY else None
        elif equity * 10**10 < required * WARNING:
            kind = MarginCalled
        if kind is not None:
            found.append((account.account, kind.__name__))
    return found


def by_hand(book: CoinBook, account: Account) -> tuple[int, int]:
    """Equity that counts, and the requirement in millionths, in the plainest way there is."""
    conversion, market = book.ledger.conversions[COIN], book.ledger.markets[PERP]
    equity, required = account.balance_atoms, 0
    for held in account.positions.values():
        equity += held.size_lots * market.mark_ticks - held.cost_atoms
        required += abs(held.size_lots) * market.mark_ticks * 100_000
    coins = account.coins.get(COIN, 0)
    counted, floors = 0, [tier.floor_atoms for tier in conversion.tiers[1:]] + [max(coins, 10**18)]
    for tier, end in zip(conversion.tiers, floors, strict=True):
        counted += max(0, min(coins, end) - tier.floor_atoms) * tier.ratio_ppm
    return equity + counted * conversion.price_ticks // 10**6, required


class Trader(NamedTuple):
    """An account as it begins."""

    balance: int
    lots: int
    coins: int


TRADERS = st.lists(
    st.builds(Trader, st.integers(-20_000, 40_000), st.integers(-60, 60), st.integers(0, 40)), min_size=1, max_size=6
)
RATIOS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 10**6)), max_size=2, unique_by=lambda row: row[0])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("mark"), st.integers(600, 1_400)),
        st.tuples(st.just("coin"), st.integers(400, 1_600)),
        st.tuples(st.just("slight"), st.integers(990, 1_010)),
        st.tuples(st.just("rate"), st.integers(0, 10**6)),
        st.tuples(st.just("deposit"), st.integers(1, 20_000)),
        st.tuples(st.just("coins in"), st.integers(1, 20)),
        st.tuples(st.just("withdraw"), st.integers(1, 5_000)),
    ),
    min_size=1,
    max_size=12,
)


def tiers(first_ppm: int, rows: list[tuple[int, int]]) -> tuple[CollateralTier, ...]:
    """The first tier from nothing on, then the others in order."""
    return (CollateralTier(0, first_ppm), *(CollateralTier(*row) for row in sorted(rows)))


def a_book(traders: list[Trader], first_ppm: int, rows: list[tuple[int, int]]) -> CoinBook:
    """All of them at a price of 1,000 of everything."""
    book = CoinBook()
    book.put(CollateralRated(COIN, SPOT, tiers(first_ppm, rows)))
    for one in traders:
        number = book.user(one.balance, *([(PERP, one.lots, PRICE)] if one.lots else []))
        if one.coins:
            book.put(CoinStated(number, COIN, one.coins))
    book.mark(PRICE, PRICE)
    book.price(PRICE)
    return book


@settings(max_examples=300)
@given(TRADERS, st.integers(0, 10**6), RATIOS, STEPS, st.data())
def test_the_monitor_says_what_a_sweep_says(
    traders: list[Trader],
    first_ppm: int,
    rows: list[tuple[int, int]],
    steps: list[tuple[str, int]],
    data: st.DataObject,
) -> None:
    """After any mark, conversion price, rating, deposit or withdrawal, of money or of coins."""
    book = a_book(traders, first_ppm, rows)
    watched = Watched(book)
    said, expected = watched.put(MarkPriced(PERP, PRICE, 0, PRICE))
    assert sorted(said) == expected
    first = next(a.account for a in book.ledger.accounts if a.kind == "user")
    for kind, amount in steps:
        number = data.draw(st.integers(first, first + len(traders) - 1))
        what: dict[str, Body] = {
            "mark": MarkPriced(PERP, amount, 0, amount),
            "coin": ConversionPriced(COIN, SPOT, amount, amount),
            "slight": ConversionPriced(COIN, SPOT, amount, amount),
            "rate": CollateralRated(COIN, SPOT, tiers(amount, rows)),
            "deposit": Deposited(number, amount),
            "coins in": CoinDeposited(number, COIN, amount),
            "withdraw": Withdrawn(number, amount),
        }
        said, expected = watched.put(what[kind])
        assert sorted(said) == expected, kind


@settings(max_examples=300)
@given(TRADERS, st.integers(1, 10**6), st.sampled_from([MAINTENANCE, WARNING, RECOVERY]), st.data())
def test_within_its_ranges_an_account_keeps_its_side(
    traders: list[Trader], first_ppm: int, level: int, data: st.DataObject
) -> None:
    """Wherever in its ranges the mark and the conversion price go together."""
    book = a_book(traders, first_ppm, [])
    for account in book.ledger.accounts:
        if account.kind != "user":
            continue
        margin = margin_of(account, book.ledger)
        under, ranges = slack(margin, level) < 0, SafeRanges(level)
        ends = (ranges.below if under else ranges.above)(account, book.ledger, margin)
        slots = [(slot_of(PERP, MARK, FLOOR), slot_of(PERP, MARK, CEILING))]
        slots.append((conversion_slot(COIN, FLOOR), conversion_slot(COIN, CEILING)))
        prices = [
            data.draw(st.integers(max(1, ends.get(low, 1)), max(1, ends.get(high, 3_000)))) for low, high in slots
        ]
        book.mark(prices[0])
        book.price(prices[1])
        assert (slack(margin_of(account, book.ledger), level) < 0) == under
        book.mark(PRICE)
        book.price(PRICE)


def test_a_benign_price_of_a_coin_looks_at_nobody() -> None:
    """However many hold it: a price that leaves no range costs two look-ups in an index."""
    traders = [Trader(50_000, 10, 20)] * 300
    watched = Watched(a_book(traders, 900_000, []))
    watched.put(MarkPriced(PERP, PRICE, 0, PRICE))
    looks = watched.monitor.looks
    for ticks in range(960, 1_040):
        watched.put(ConversionPriced(COIN, SPOT, ticks, ticks))
    assert watched.monitor.looks == looks


def test_coins_without_a_price_wait_for_one() -> None:
    """Nobody is judged by what is not worth anything yet."""
    book = CoinBook()
    book.rate((0, 900_000))
    number = book.user(0, (PERP, 10, PRICE))
    book.put(CoinStated(number, COIN, 100))
    watched = Watched(book)
    assert watched.put(MarkPriced(PERP, PRICE, 0, PRICE))[0] == []
    assert watched.put(ConversionPriced(COIN, SPOT, PRICE, PRICE)) == ([], [])
    assert watched.put(ConversionPriced(COIN, SPOT, 10, 10))[0] == [(number, "LiquidationStarted")]


def test_coins_that_leave_are_missed() -> None:
    """A withdrawal of coins is a change of the account as one of money is."""
    watched = Watched(a_book([Trader(0, 10, 20)], 900_000, []))
    number = len(watched.book.ledger.accounts) - 1
    watched.put(MarkPriced(PERP, PRICE, 0, PRICE))
    assert watched.put(CoinWithdrawn(number, COIN, 19))[0] == [(number, "LiquidationStarted")]


def test_who_owes_coins_and_holds_nothing_is_not_safe() -> None:
    """A debt in a coin grows with its price: whoever has no position but that is watched like anybody else."""
    book = CoinBook()
    book.rate((0, 900_000))
    number = book.user(20_000)
    book.mark(PRICE, PRICE)
    book.price(PRICE)
    watched = Watched(book)
    assert watched.put(CoinWithdrawn(number, COIN, 10)) == ([], [])
    assert watched.put(ConversionPriced(COIN, SPOT, 3 * PRICE, 3 * PRICE))[0] == [(number, "LiquidationStarted")]

"""The lazy look-out for unsafe borrowers says what a sweep would, and does not look where nothing can be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.chain import DebtIndexed, InterestSettled
from deleverage.events.bodies.collateral import CoinDeposited, ConversionPriced
from deleverage.events.bodies.inputs import Deposited
from deleverage.events.ledger.chain import INDEX_ONE
from deleverage.events.vocabulary import Body
from deleverage.handlers.onchain.borrowers import Weights
from deleverage.handlers.onchain.watch import HealthWatch, Watcher

from .support.chain import LendingBook

WEIGHTS = Weights(10_000, {"A": 8_000, "B": 6_500})
NAMES = ("A", "B")


class Watched:
    """A look-out that hears a book's events, asked after each of them."""

    def __init__(self, book: LendingBook) -> None:
        self.book, self.watch, self.seen = book, HealthWatch(), 0
        self.hear()

    def hear(self) -> None:
        """What has happened since."""
        for event in self.book.events[self.seen :]:
            if type(event.body) in Watcher.observes:
                self.watch.observe(event, self.book.ledger)
        self.seen = len(self.book.events)

    def put(self, body: Body) -> None:
        """Fold a body, and ask."""
        self.book.put(body)
        self.hear()
        assert self.watch.refreshed(WEIGHTS, self.book.ledger) == swept(self.book)
        again = HealthWatch()
        again.prime(self.book.ledger)
        assert again.refreshed(WEIGHTS, self.book.ledger) == swept(self.book)


def swept(book: LendingBook) -> list[int]:
    """Who is unsafe, each account looked at, in the plainest way there is."""
    found, chain = [], book.ledger.chain
    for account in book.ledger.accounts:
        if account.kind != "user":
            continue
        counted = owed = 0
        for asset, atoms in {0: account.balance_atoms, **account.coins}.items():
            conversion = book.ledger.conversions.get(asset)
            price, unit = (1, 1) if conversion is None else (conversion.price_ticks, conversion.asset_atoms)
            weight = 0 if conversion is None else WEIGHTS.of(asset, book.ledger)
            if atoms > 0:
                counted += atoms * price // unit * weight
            elif atoms < 0:
                settled = chain.loans.get(account.account, {}).get(asset, INDEX_ONE)
                grown = -(atoms * chain.indices.get(asset, INDEX_ONE) // settled)
                owed += -(-grown * price // unit)
        if counted < owed * WEIGHTS.scale:
            found.append(account.account)
    return found


BORROWERS = st.lists(
    st.tuples(st.integers(-200_000, 0), st.integers(-300, 600), st.integers(-200, 400)), min_size=1, max_size=6
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("price"), st.sampled_from(NAMES), st.integers(20_000, 60_000)),
        st.tuples(st.just("slight"), st.sampled_from(NAMES), st.integers(39_000, 41_000)),
        st.tuples(st.just("index"), st.sampled_from(("", *NAMES)), st.integers(1, 10**12)),
        st.tuples(st.just("grown"), st.sampled_from(("", *NAMES)), st.integers(10**12, 10**14)),
        st.tuples(st.just("deposit"), st.just(""), st.integers(1, 50_000)),
        st.tuples(st.just("coins"), st.sampled_from(NAMES), st.integers(1, 50)),
        st.tuples(st.just("settle"), st.just(""), st.integers(0, 5)),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(BORROWERS, STEPS)
def test_the_watch_says_what_a_sweep_says(
    borrowers: list[tuple[int, int, int]], steps: list[tuple[str, str, int]]
) -> None:
    """After each price, each growth of debts, and whatever touches an account: debts in coins and in money."""
    book = LendingBook({"A": 1, "B": 1})
    book.price(A=40_000, B=40_000)
    numbers = [book.borrower(balance, **{n: c for n, c in (("A", a), ("B", b)) if c}) for balance, a, b in borrowers]
    watched = Watched(book)
    for kind, name, size in steps:
        asset, number = book.numbers.get(name, 0), numbers[size % len(numbers)]
        body: Body = Deposited(number, size)
        if kind in ("price", "slight"):
            body = ConversionPriced(asset, asset - 1, size, size)
        elif kind in ("index", "grown"):
            body = DebtIndexed(asset, book.ledger.chain.index(asset) + size, 1, 1)
        elif kind == "coins":
            body = CoinDeposited(number, asset, size)
        elif kind == "settle":
            body = InterestSettled(number, numbers[0], 0, 0, book.ledger.chain.index(0))
        watched.put(body)


def test_a_price_that_nobody_is_near_costs_no_look() -> None:
    """Of a thousand safe borrowers none is looked at while a price moves a little, however often."""
    book = LendingBook({"A": 1, "B": 1})
    book.price(A=40_000, B=40_000)
    for _ in range(1_000):
        book.borrower(-1_000_000, A=200_000)
    watched = Watched(book)
    watched.put(ConversionPriced(1, 0, 40_000, 40_000))
    looks = watched.watch.looks
    for ticks in range(39_000, 41_000, 20):
        event = book.put(ConversionPriced(1, 0, ticks, ticks))
        watched.watch.observe(event, book.ledger)
        assert watched.watch.refreshed(WEIGHTS, book.ledger) == []
    assert watched.watch.looks == looks

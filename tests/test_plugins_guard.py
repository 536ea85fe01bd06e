"""What a plug-in's handler or shares may not be: each kind of nonsense is stopped with its name and value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import pytest

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.margin import CollateralAdded, PositionReduced
from deleverage.events.bodies.waterfall import LossSocialized, PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.errors import HandlerError
from deleverage.events.ledger import LedgerState
from deleverage.events.vocabulary import Body
from deleverage.handlers.plugins import handler_guard
from deleverage.handlers.plugins.handler_guard import guarded
from deleverage.handlers.plugins.ledger_watch import LedgerWatch, first_difference
from deleverage.handlers.plugins.ranking_guard import guarded_ranking
from deleverage.handlers.policies.ranking import Allocating, Candidate, Closing, LedgerReading, Ranked
from deleverage.handlers.protocol import Handler, Linked, NoParameters

from .support.made import made
from .support.venue import Book

SHORT, LONG, FLAT = 4, 5, 6


def venue() -> Book:
    """A short of 10 lots, a long of 10, an account without any, at a mark of 100."""
    book = Book()
    book.user(1_000, (0, -10, 100))
    book.user(1_000, (0, 10, 100))
    book.user(1_000)
    book.mark(100)
    return book


class Answering(Handler):
    """Does what a test says."""

    name: ClassVar[str] = "market"
    subscribes: ClassVar[tuple[type[Body], ...]] = (PriceTicked,)
    answer: ClassVar[Callable[[LedgerState], Any]]

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Any]:
        """The test's answer."""
        products: Iterable[Any] = type(self).answer(ledger)
        return products


def asked(answer: Callable[[LedgerState], Any], book: Book | None = None) -> list[Any]:
    """The watched handler's answer to a tick."""
    book = book or venue()
    kind = guarded(type("Answering", (Answering,), {"answer": staticmethod(answer)}))
    handler = kind(NoParameters())
    handler.plugin = "it.py:It"
    return list(handler.handle(book.put(PriceTicked(((0, 100),))), book.ledger, 0))


def reduction(lots: Any = 5, account: int = SHORT, against: int = LONG, instrument: int = 0) -> PositionDeleveraged:
    """A reduction of the short against the long."""
    return made(
        PositionDeleveraged,
        round=1,
        liquidation_id=1,
        against=against,
        account=account,
        instrument=instrument,
        size_lots=lots,
        price_ticks=100,
        value_atoms=500,
        rank=1,
        score=1,
    )


def test_what_is_right_passes() -> None:
    """Bodies and linked ones, in any iterable, and reductions up to the whole position."""
    assert asked(lambda _: iter([reduction(4), Linked(reduction(6), (0, 1))])) == [
        reduction(4),
        Linked(reduction(6), (0, 1)),
    ]


@pytest.mark.parametrize(
    ("products", "said"),
    [
        (
            [reduction(11)],
            "PositionDeleveraged with +11 lots for user4, which holds -10: that is more than the position",
        ),
        ([reduction(6), reduction(5)], "+5 lots for user4, which holds -4: that is more than the position"),
        ([reduction(-1)], "-1 lots for user4, which holds -10: that is the wrong side"),
        ([reduction(5, account=FLAT)], "+5 lots for user6, which holds +0: that is the wrong side"),
        ([reduction(5, against=FLAT)], "-5 lots for user6, which holds +0: that is the wrong side"),
        ([reduction(0)], "+0 lots for user4; a trade of no lots is none"),
        ([reduction(5 / 2)], "PositionDeleveraged with size_lots 2.5 (float): Expected `int`, got `float`"),
        ([reduction(lots=True)], "size_lots True (bool): Expected `int`, got `bool`"),
        ([reduction(5, account=-1)], "account -1, and there is no such account"),
        ([reduction(5, against=99)], "against 99, and there is no such account"),
        ([reduction(5, instrument=7)], "instrument 7, and there is no such instrument"),
        (
            [PositionReduced(SHORT, 1, 0, 0, -3, 100, -300, 0)],
            "-3 lots for user4, which holds -10: that is the wrong side",
        ),
        ([LossSocialized(1, SHORT, LONG, -7)], "LossSocialized with amount_atoms -7; a payment is not negative"),
        ([CollateralAdded(SHORT, "7")], "amount_atoms '7' (str): Expected `int`, got `str`"),  # type: ignore[arg-type]
        (["reduce"], "'reduce' (str), which is no type of event"),
        ([None], "None (NoneType), which is no type of event"),
        ([Linked(reduction(), (10**6,))], "links (1000000,) (tuple); numbers of earlier events are due"),
    ],
)
def test_nonsense_is_named_with_its_value(products: list[Any], said: str) -> None:
    """More than a position, the wrong side, nobody's account, a float, a bool, no event: each in one line."""
    with pytest.raises(HandlerError) as caught:
        asked(lambda _: products)
    assert str(caught.value).startswith("plug-in it.py:It: handle() gave ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_answer_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless one is cut off and named."""
    monkeypatch.setattr(handler_guard, "PRODUCTS_MOST", 100)

    def endless(_: LedgerState) -> Iterable[Any]:
        while True:
            yield CollateralAdded(SHORT, 1)

    with pytest.raises(HandlerError, match="gave more than 100 products"):
        asked(endless)


def test_what_it_raises_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in the middle of a generator."""

    def breaking(_: LedgerState) -> Iterable[Any]:
        yield CollateralAdded(SHORT, 1)
        message = "no more"
        raise ValueError(message)

    with pytest.raises(HandlerError, match=r"plug-in it\.py:It: handle\(\) raised ValueError: no more"):
        asked(breaking)


def rob(ledger: LedgerState) -> list[Any]:
    """Takes an account's money without an event."""
    ledger.accounts[FLAT].balance_atoms = 0
    return []


def test_a_write_into_the_ledger_is_named_with_its_place() -> None:
    """What was there, and what is."""
    with pytest.raises(HandlerError) as caught:
        asked(rob)
    assert "wrote into the ledger: accounts[6].balance_atoms was 1000 and is 0" in str(caught.value)


def test_a_write_is_found_though_each_call_pays_for_few_accounts() -> None:
    """In a large ledger the whole is compared at the first call and then as the calls pay for it."""
    book = venue()
    for _ in range(500):
        book.user(1)
    watch, found = LedgerWatch(), list[int]()
    for call in range(12):
        seen = watch.before(book.ledger, ())
        book.ledger.accounts[FLAT].balance_atoms += 1
        found += [call] if watch.written(seen, book.ledger, ()) else []
    assert found == [0, 6]


def test_a_difference_is_told_by_its_path() -> None:
    """Down to the value, or to where the shapes part."""
    assert first_difference({"a": [1, 2]}, {"a": [1, 3]}) == "a[1] was 2 and is 3"
    assert first_difference({"a": {1: 2}}, {"a": {}}) == "a was {1: 2} and is {}"
    assert not first_difference([1], [1])


class Sharing:
    """Shares as a test says."""

    formula = "profit"
    shares: ClassVar[Callable[[Closing, tuple[Ranked, ...]], Any]]

    def scores(self, candidates: Iterable[Candidate]) -> list[int]:
        """All alike."""
        return [0 for _ in candidates]

    def allocate(self, closing: Closing, places: tuple[Ranked, ...]) -> Any:
        """The test's shares."""
        return type(self).shares(closing, places)


PLACES = tuple(Ranked(rank, 0, Candidate(rank, 10, 100, 90, 50, 10), 0) for rank in (1, 2, 3))


def shared(shares: Callable[[Closing, tuple[Ranked, ...]], Any]) -> list[Any]:
    """The watched policy's shares of 25 lots, over which 100 atoms are lost: 12 lots a place by equity, 10 by size."""
    kind = type("Sharing", (Sharing,), {"shares": staticmethod(shares)})
    policy = guarded_ranking("it.py:It", "1", kind, kind())
    assert isinstance(policy, Allocating)
    assert not isinstance(policy, LedgerReading)
    return list(policy.allocate(Closing(25, 100), iter(PLACES)))


def test_shares_that_are_right_pass() -> None:
    """In the order of the ranking, all of a position where that is due."""
    assert shared(lambda _, places: [(places[0], 10), (places[2], 10)]) == [(PLACES[0], 10), (PLACES[2], 10)]


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        (lambda _, p: [(p[0], -1)], "-1 (int) lots to account 1 (rank 1); a whole number above zero is due"),
        (lambda _, p: [(p[0], 2.5)], "2.5 (float) lots to account 1 (rank 1)"),
        (lambda _, p: [(p[0], True)], "True (bool) lots to account 1 (rank 1)"),
        (lambda _, p: [(p[1], 11)], "11 lots to account 2 (rank 2), which holds 10"),
        (lambda _, p: [(place, 10) for place in p], "10 lots to account 3 (rank 3) where 5 are left to close"),
        (lambda _, p: [(p[1], 1), (p[0], 1)], "account 1 (rank 1) out of turn"),
        (lambda _, p: [(p[0], 1), (p[0], 1)], "account 1 (rank 1) out of turn"),
        (lambda _, p: [(p[0]._replace(rank=9), 1)], "which is no place of the ranking"),
        (lambda _, p: [p[0]], "pairs of a place and its lots are due"),
        (lambda _, p: [5], "5 (int); pairs of a place and its lots are due"),
    ],
)
def test_shares_that_cannot_be_are_named(shares: Callable[[Closing, tuple[Ranked, ...]], Any], said: str) -> None:
    """Negative, a float, a bool, more than held, more than is to be closed, somebody twice, nobody."""
    with pytest.raises(HandlerError) as caught:
        shared(shares)
    assert str(caught.value).startswith("plug-in it.py:It: allocate() gave ")
    assert said in str(caught.value)


def test_nobody_gives_more_than_its_equity_pays_for() -> None:
    """Also where it holds more."""
    poor = PLACES[0]._replace(candidate=PLACES[0].candidate._replace(equity=9))
    kind = type("Sharing", (Sharing,), {"shares": staticmethod(lambda _, places: [(places[0], 5)])})
    policy = guarded_ranking("it.py:It", "1", kind, kind())
    assert isinstance(policy, Allocating)
    with pytest.raises(HandlerError, match=r"5 lots to account 1 .* whose equity pays for 2"):
        policy.allocate(Closing(25, 100), [poor])


def test_scores_that_need_the_ledger_write_nothing() -> None:
    """A policy that reads the ledger is watched like a handler."""

    class Reading(Sharing):
        """Writes where it should read."""

        def scores_in(self, candidates: tuple[Candidate, ...], keys: object, ledger: LedgerState) -> list[int]:
            """Robs, and ranks all alike."""
            rob(ledger)
            return [0 for _ in candidates]

    policy = guarded_ranking("it.py:It", "1", Reading, Reading())
    assert isinstance(policy, LedgerReading)
    book = venue()
    with pytest.raises(HandlerError, match=r"scores_in\(\) wrote into the ledger: accounts\[6\]\.balance_atoms"):
        policy.scores_in([PLACES[0].candidate], [(0, 0)], book.ledger)


@pytest.mark.parametrize(("products", "taken"), [(99, True), (100, True), (101, False)])
def test_an_answer_of_exactly_the_most_passes(products: int, taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many products as there may be are taken, and one more is too many."""
    monkeypatch.setattr(handler_guard, "PRODUCTS_MOST", 100)
    if taken:
        assert len(asked(lambda _: [CollateralAdded(SHORT, 1)] * products)) == products
    else:
        with pytest.raises(HandlerError, match="gave more than 100 products"):
            asked(lambda _: [CollateralAdded(SHORT, 1)] * products)

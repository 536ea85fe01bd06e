"""The margin monitor never sweeps, and yet says of everyone what a sweep would say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.collateral import CoinStated
from deleverage.events.bodies.inputs import (
    BalanceStated,
    Deposited,
    PositionStated,
    TradeExecuted,
    Transferred,
    Withdrawn,
)
from deleverage.events.bodies.liquidation import LiquidationEnded, LiquidationStarted
from deleverage.events.bodies.listing import Tier
from deleverage.events.bodies.margin import (
    FeeCharged,
    FundingAccrued,
    MarginCalled,
    MarginCallMet,
    MarkPriced,
    RulesChanged,
)
from deleverage.events.bodies.waterfall import (
    BalanceWrittenOff,
    InsuranceFundCredited,
    LossSocialized,
    PositionDeleveraged,
)
from deleverage.events.envelope import Event
from deleverage.events.ledger.postings import POSTINGS
from deleverage.events.vocabulary import Body
from deleverage.handlers.margin_monitor import (
    LevelledMonitor,
    LevelParameters,
    MarginMonitor,
    MarginParameters,
    everyone_under,
)
from deleverage.handlers.protocol import Linked, Product

from .support.made import made
from .support.oracles import Verdict, sweep, worth
from .support.venue import FUND, LIQUIDITY, Book, bodies, listed, tiers_of
from .support.worlds import START_PRICE, books, tiers

RULES = MarginParameters(warning_bps=12_500, recovery_bps=15_000)
LEVELS = LevelParameters(calls_bps=(15_000, 12_500, 11_000), recovery_bps=16_000)
WILD = st.integers(500, 1500)
SLIGHT = st.integers(START_PRICE - 30, START_PRICE + 30)


class Watched:
    """A monitor on a book, told of the book's events as the bus would tell it."""

    def __init__(self, book: Book, monitor: MarginMonitor | None = None) -> None:
        self.book, self.monitor = book, monitor or MarginMonitor(RULES)
        for event in book.events:
            self._observe(event)

    def _observe(self, event: Event) -> None:
        if type(event.body) in self.monitor.observes:
            self.monitor.observe(event, self.book.ledger)

    def put(self, *happened: Body) -> tuple[list[Product], list[Verdict]]:
        """Fold events all at once, then deliver each; returns what the monitor said, and what a sweep says."""
        events = [self.book.put(body) for body in happened]
        for event in events:
            self._observe(event)
        foreseen = self.swept()
        said: list[Product] = []
        for event in events:
            if type(event.body) in self.monitor.subscribes and self.monitor.gate(type(event.body)):
                products = list(self.monitor.handle(event, self.book.ledger, self.book.now_ns))
                for product in self.book.take(products):
                    self._observe(product)
                said += products
        return said, foreseen

    def swept(self) -> list[Verdict]:
        """What a sweep by the monitor's levels says now."""
        return list(sweep(self.book.ledger, self.monitor.calls_bps, self.monitor.recovery_bps))

    def mark(self, *prices: int | None) -> tuple[list[Product], list[Verdict]]:
        """New marks of one instant."""
        return self.put(*(MarkPriced(i, price, 0, price) for i, price in enumerate(prices) if price is not None))


def verdicts(said: list[Product]) -> list[Verdict]:
    """Whom the monitor spoke of, and how, in its order."""
    return [Verdict(body.account, type(body).__name__) for body in bodies(said)]  # type: ignore[union-attr]


def next_step(draw: st.DrawFn, book: Book) -> list[Body]:
    """Marks of some instruments in one instant, funding, or a change of one account."""
    instruments = range(len(book.ledger.markets))
    user = draw(st.integers(4, len(book.ledger.accounts) - 1))
    instrument, lots = draw(st.sampled_from(instruments)), draw(st.integers(-30, 30).filter(bool))
    moved = draw(st.lists(st.sampled_from(instruments), min_size=1, unique=True))
    steps: list[Callable[[], list[Body]]] = [
        lambda: [MarkPriced(i, price, 0, price) for i in moved for price in [draw(SLIGHT)]],
        lambda: [MarkPriced(i, price, 0, price) for i in moved for price in [draw(WILD)]],
        lambda: [FundingAccrued(instrument, 1, 1, draw(st.integers(-(10**11), 10**11)))],
        lambda: [Deposited(user, draw(st.integers(1, 20_000)))],
        lambda: [Withdrawn(user, draw(st.integers(1, 5_000)))],
        lambda: [InsuranceFundCredited(1, user, FUND, draw(st.integers(1, 5_000)))],
        lambda: [_trade(book, user, instrument, lots)],
        lambda: [_reduction(book, user, instrument, lots)],
        lambda: _end_of(book, user),
        lambda: [_other_rules(book, instrument, draw(tiers()))],
    ]
    return draw(st.sampled_from(steps))()


def _trade(book: Book, user: int, instrument: int, lots: int) -> Body:
    market = book.ledger.markets[instrument]
    value = worth(market.listing, lots, market.mark_ticks)
    return made(
        TradeExecuted,
        account=user,
        counterparty=LIQUIDITY,
        instrument=instrument,
        size_lots=lots,
        price_ticks=market.mark_ticks,
        value_atoms=value,
        trade_id=1,
    )


def _reduction(book: Book, user: int, instrument: int, lots: int) -> Body:
    """Trader 4 is bankrupt from the start; whoever else is not in liquidation can be reduced against it."""
    if user == 4 or book.account(4).status not in ("bankrupt", "deleveraged") or book.account(user).liquidation_id:
        return _trade(book, user, instrument, lots)
    return made(
        PositionDeleveraged,
        round=1,
        liquidation_id=1,
        against=4,
        account=user,
        instrument=instrument,
        size_lots=lots,
        price_ticks=900,
        value_atoms=900 * lots,
        rank=1,
        score=1,
    )


def _end_of(book: Book, user: int) -> list[Body]:
    """The end of a liquidation, with a rescue that may not be enough: then it begins again at once."""
    liquidation_id = book.account(user).liquidation_id
    if liquidation_id is None:
        return [Deposited(user, 1)]
    return [Deposited(user, 10_000), LiquidationEnded(liquidation_id, user, "restored", 0)]


def _other_rules(book: Book, instrument: int, changed: tuple[Tier, ...]) -> Body:
    """The instrument's requirement is another one from here on."""
    before = book.ledger.markets[instrument].tiers[0].rate_ppm
    return RulesChanged(instrument, changed, (), before, changed[0].rate_ppm, "model")


@settings(max_examples=300, deadline=None)
@given(books(), st.data())
def test_it_says_of_everyone_what_a_sweep_says(book: Book, data: st.DataObject) -> None:
    """Through any marks, funding, trades, fees, reductions and ended liquidations: exactly those, in order."""
    book.bankrupt(4)
    watched = Watched(book)
    for _ in range(data.draw(st.integers(1, 12))):
        said, foreseen = watched.put(*next_step(data.draw, book))
        assert verdicts(said) == foreseen


@settings(max_examples=150, deadline=None)
@given(books(), st.data())
def test_primed_anywhere_it_says_the_same(book: Book, data: st.DataObject) -> None:
    """Primed before any instant it has armed whoever is safe, and goes on to say of everyone what a sweep says."""
    book.bankrupt(4)
    watched = Watched(book)
    for _ in range(data.draw(st.integers(1, 8))):
        watched.monitor.prime(book.ledger, ())
        at_once = {one.account for one in watched.swept()}
        assert watched.monitor.due == at_once
        said, foreseen = watched.put(*next_step(data.draw, book))
        assert verdicts(said) == foreseen


@settings(max_examples=200, deadline=None)
@given(books(), st.data())
def test_calls_of_several_levels_are_those_of_a_sweep(book: Book, data: st.DataObject) -> None:
    """Each level is called once on the way down, with the lowest that the equity is under; a deeper one follows."""
    book.bankrupt(4)
    watched = Watched(book, LevelledMonitor(LEVELS))
    for _ in range(data.draw(st.integers(1, 12))):
        before = [account.called_bps if account.status == "called" else 10**9 for account in book.ledger.accounts]
        said, foreseen = watched.put(*next_step(data.draw, book))
        assert verdicts(said) == foreseen
        for body in bodies(said):
            if isinstance(body, MarginCalled):
                assert body.warning_bps in LEVELS.calls_bps
                assert body.warning_bps < before[body.account]
        if data.draw(st.booleans()):
            watched.monitor.prime(book.ledger, ())


def test_a_change_of_the_requirement_looks_only_at_who_holds_the_instrument() -> None:
    """Rules of one instrument are no matter to who holds another: nobody else is looked at."""
    book = Book(listed(0), listed(1))
    book.mark(1000, 1000)
    for instrument in [0] * 20 + [1]:
        book.user(9_000, (instrument, 10, 1000))
    watched = Watched(book)
    watched.mark(1000, 1000)
    looks = watched.monitor.looks
    assert watched.put(_other_rules(book, 1, tiers_of((0, 200_000))))[0] == []
    assert watched.monitor.looks == looks + 1
    (called,) = watched.put(_other_rules(book, 1, tiers_of((0, 800_000))))[0]
    assert called == MarginCalled(24, 9_000, 8_000, 12_500)


@pytest.mark.parametrize("calls_bps", [(), (12_500, 12_500), (11_000, 12_500), (15_000, 9_999)])
def test_levels_out_of_order_are_refused(calls_bps: tuple[int, ...]) -> None:
    """Levels fall, and none is under the requirement itself."""
    with pytest.raises(ValueError, match="calls_bps"):
        LevelParameters(calls_bps=calls_bps)


@settings(max_examples=60, deadline=None)
@given(books(traders_most=12), st.lists(st.integers(1, 3000), min_size=1, max_size=8))
def test_a_path_of_prices(book: Book, path: list[int]) -> None:
    """All instruments jump together, up and down without bound: everyone is caught at the mark where a sweep would."""
    watched = Watched(book)
    for price in path:
        said, foreseen = watched.mark(*[price] * len(book.ledger.markets))
        assert verdicts(said) == foreseen


def one_long(balance: int = 2000) -> tuple[Watched, int]:
    """A trader with 10 long lots bought at 1000 and 10% maintenance: requirement 1000, called under 1250."""
    book = Book(listed(tiers=tiers_of((0, 100_000))))
    book.mark(1000)
    user = book.user(balance, (0, 10, 1000))
    watched = Watched(book)
    watched.mark(1000)
    return watched, user


def test_levels_are_strict() -> None:
    """At the warning level nobody is called, a tick below one is; and so with the requirement and liquidation."""
    watched, user = one_long()
    assert watched.mark(915)[0] == []
    (called,) = watched.mark(914)[0]
    assert called == MarginCalled(user, 1140, 914, 12_500)
    assert watched.mark(889)[0] == []
    (started,) = watched.mark(888)[0]
    assert started == Linked(LiquidationStarted(1, user, 880, 888), (watched.book.account(user).called_seq,))


def test_a_call_is_met_at_the_recovery_level() -> None:
    """Back at 150% of the requirement, and not before, the call is met, with a link to it."""
    watched, user = one_long()
    call = watched.book.ledger.seq + 1
    watched.mark(914)
    assert watched.mark(941)[0] == []
    assert watched.mark(942)[0] == [Linked(MarginCallMet(user, 1420, 942, 15_000), (call,))]


def test_a_fall_through_both_levels_is_one_liquidation() -> None:
    """Whoever falls under both levels at one mark is liquidated without a call."""
    watched, user = one_long()
    assert watched.mark(800)[0] == [LiquidationStarted(1, user, 0, 800)]


def test_a_hedged_account_is_tested_with_all_marks_in_place() -> None:
    """Long one, short the other: both fall together, and what would hold after the first alone does not count."""
    book = Book(listed(0), listed(1))
    book.mark(1000, 1000)
    book.user(3000, (0, 10, 1000), (1, -10, 1000))
    watched = Watched(book)
    watched.mark(1000, 1000)
    assert watched.mark(600, 600)[0] == []
    assert verdicts(watched.mark(600, 900)[0]) == [Verdict(4, "LiquidationStarted")]


def test_liquidations_are_numbered_in_order_of_accounts() -> None:
    """Several at one mark: sorted by account, numbered on from what the ledger has."""
    book = Book()
    book.mark(1000)
    users = [book.user(2000 + i, (0, 10, 1000)) for i in range(5)]
    watched = Watched(book)
    watched.mark(1000)
    numbered = [(body.liquidation_id, body.account) for body in bodies(watched.mark(10)[0])]  # type: ignore[union-attr]
    assert numbered == list(enumerate(users, 1))


def test_nobody_is_tested_before_every_instrument_has_a_mark() -> None:
    """A position without a price cannot be judged; its holder waits for the first mark."""
    book = Book(listed(0), listed(1))
    book.user(5, (0, 10, 1000), (1, 10, 1000))
    watched = Watched(book)
    assert watched.mark(1000)[0] == []
    assert verdicts(watched.mark(None, 1000)[0]) == [Verdict(4, "LiquidationStarted")]


def test_a_negative_balance_without_positions_is_a_liquidation() -> None:
    """There is no requirement, but equity is below zero: somebody must cover it."""
    watched, user = one_long(100_000)
    watched.put(_trade(watched.book, user, 0, -10))
    said, _ = watched.put(Withdrawn(user, 100_001))
    assert verdicts(said) == [Verdict(user, "LiquidationStarted")]


def test_a_mark_within_all_ranges_looks_at_nobody() -> None:
    """500 traders far from any level: small moves cost no look at all, and after a large one few are looked at."""
    book = Book()
    book.mark(1000)
    for i in range(500):
        book.user(5000 + i, (0, 10, 1000))
    watched = Watched(book)
    watched.mark(1000)
    looks = watched.monitor.looks
    for price in (1001, 990, 1010, 900, 1000):
        assert watched.mark(price)[0] == []
    assert watched.monitor.looks == looks == 500


def test_the_sweep_in_the_handlers_agrees_with_the_one_in_fractions() -> None:
    """`everyone_under`, which benchmarks measure against, names whom the oracle names."""
    book = Book(listed(tiers=tiers_of((0, 50_000), (8_000, 100_000))))
    book.mark(1000)
    for balance in range(0, 2000, 50):
        book.user(balance, (0, 10, 1000))
    under = list(everyone_under(book.ledger, 10_000))
    assert under == [v.account for v in sweep(book.ledger, (10_000,), 20_000) if v.what == "LiquidationStarted"]
    assert 0 < len(under) < 40


@pytest.mark.parametrize("levels", [(9_999, 15_000), (12_500, 12_499)])
def test_levels_that_cross_are_refused(levels: tuple[int, int]) -> None:
    """A call below the requirement, or met below the call, would call and release in one breath."""
    with pytest.raises(ValueError, match="warning_bps"):
        MarginParameters(*levels)


def test_every_event_that_moves_money_or_lots_is_heard() -> None:
    """What touches an account is read off the table of postings, so a new event of money cannot be missed."""
    assert set(POSTINGS) <= set(MarginMonitor.observes)
    assert set(POSTINGS) - {BalanceStated, CoinStated, PositionStated} <= set(MarginMonitor.subscribes)


@pytest.mark.parametrize(
    "taken",
    [
        Withdrawn(4, 60),
        Transferred(4, 5, 60),
        FeeCharged(4, 60, "trading"),
        InsuranceFundCredited(0, 4, FUND, 60),
        LossSocialized(0, 5, 4, 60),
        BalanceWrittenOff(0, 5, 4, 60),
    ],
    ids=lambda body: type(body).__name__,
)
def test_whoever_pays_may_fall_under_the_requirement(taken: Body) -> None:
    """With 150 of equity and 100 required, a payment of 60 is a liquidation, whichever event it is."""
    book = Book()
    book.mark(1000)
    book.user(150, (0, 1, 1000))
    book.user(10_000)
    watched = Watched(book)
    watched.put(MarkPriced(0, 1000, 0, 1000))
    said, foreseen = watched.put(taken)
    assert [type(body) for body in bodies(said)] == [LiquidationStarted]
    assert foreseen == [Verdict(4, "LiquidationStarted")]


RECOVERIES = {  # lots bought at 1000, balance, the mark that calls; then marks just short of 150%, at it, and over it
    "long": (10, 2010, 913, 939, 940, 941),
    "short": (-10, 1500, 1023, 1001, 1000, 999),
}


@pytest.mark.parametrize("met", [False, True], ids=["at", "above"])
@pytest.mark.parametrize(("lots", "balance", "call", "short_of", "at", "above"), RECOVERIES.values(), ids=RECOVERIES)
def test_recovery_is_exactly_at_the_level(
    lots: int, balance: int, call: int, short_of: int, at: int, above: int, met: bool
) -> None:
    """A mark that leaves less than 150% of the requirement meets no call; one that leaves just that, or more, does."""
    book = Book(listed(tiers=tiers_of((0, 100_000))))
    book.mark(1000)
    user = book.user(balance, (0, lots, 1000))
    watched = Watched(book)
    watched.mark(1000)
    assert verdicts(watched.mark(call)[0]) == [Verdict(user, "MarginCalled")]
    assert watched.mark(short_of)[0] == []
    (product,) = bodies(watched.mark(above if met else at)[0])
    assert isinstance(product, MarginCallMet)
    assert (product.account, 2 * product.equity_atoms > 3 * product.requirement_atoms) == (user, met)
    assert met or 2 * product.equity_atoms == 3 * product.requirement_atoms


@pytest.mark.parametrize(("atoms", "met"), [(237, False), (238, True), (239, True)])
def test_collateral_meets_a_call_from_exactly_the_level_on(atoms: int, met: bool) -> None:
    """At a mark of 912 the requirement is 912 and the equity 1130: 238 more are 150%, and an atom less is not."""
    watched, user = one_long(2010)
    assert verdicts(watched.mark(912)[0]) == [Verdict(user, "MarginCalled")]
    assert verdicts(watched.put(Deposited(user, atoms))[0]) == [Verdict(user, "MarginCallMet")] * met

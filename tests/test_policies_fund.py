"""The fund's and the last resort's rules beside the plain ones, each on a hand-made venue."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import BalanceStated
from deleverage.events.bodies.liquidation import LiquidationOrdered, PositionTakenOver
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.venue import HandlerStateNoted, TimerFired, TimerSet
from deleverage.events.bodies.waterfall import (
    BalanceWrittenOff,
    InsuranceFundCredited,
    InsuranceFundDebited,
    LossSocialized,
    ShortfallDeclared,
    ShortfallRemained,
)
from deleverage.events.envelope import Event
from deleverage.events.vocabulary import Body
from deleverage.handlers.policies.fund.backstop_vault import BackstopVault, BackstopVaultParameters
from deleverage.handlers.policies.fund.drawdown import Drawdown, DrawdownParameters
from deleverage.handlers.policies.fund.fee_capped import FeeCapped, FeeCappedParameters
from deleverage.handlers.policies.fund.insurance_fee import InsuranceFee, InsuranceFeeParameters
from deleverage.handlers.policies.fund.windows import with_peak
from deleverage.handlers.policies.socialization.day_profits import DayProfits, DayProfitsParameters
from deleverage.handlers.policies.socialization.open_interest import OpenInterest, loss_per_unit
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.socialized_loss import SocializedLoss

from .support.funded import Funded
from .support.made import made
from .support.oracles import equity
from .support.venue import FEES, FUND, Book, bodies, filled

DAY_NS = 86_400 * 10**9
PEAKS = "peaks of fund 2"


def drawn(fund_atoms: int = 1000, **figures: int) -> Funded:
    """A fund that samples every 10 over 80 and holds 10 lots taken over at 1000 and marked there."""
    book = Book(fund_atoms=fund_atoms)
    book.mark(1000)
    given = {"window_ns": 80, "sample_ns": 10, "retry_ns": 25, "capital_bps": 0, "fall_bps": 3_000, **figures}
    funded = Funded(book, Drawdown(DrawdownParameters(**given)))
    funded.asked(book.bankrupt(book.user(0, (0, 10, 1000))))
    return funded


def test_the_first_liquidation_notes_the_peak() -> None:
    """What the fund had before it paid anything, and the next sample's timer."""
    noted = [e.body for e in drawn().book.events if isinstance(e.body, HandlerStateNoted | TimerSet)]
    assert noted == [HandlerStateNoted("insurance_fund", PEAKS, (0, 1000)), TimerSet("fund sample", 10, FUND)]


def test_a_sample_notes_only_what_is_new() -> None:
    """The same value in the same step of the window: nothing but the next timer; a higher one is noted."""
    funded = drawn(window_ns=800)
    assert funded.due("fund sample") == [TimerSet("fund sample", 20, FUND)]
    funded.book.mark(1001)
    assert funded.due("fund sample")[0] == HandlerStateNoted("insurance_fund", PEAKS, (0, 1010))


@pytest.mark.parametrize(("mark", "fallen"), [(970, False), (969, True)], ids=["30 percent exactly", "more"])
def test_a_sample_finds_the_drawdown(mark: int, fallen: bool) -> None:
    """10 lots at 31 under cost: 310 of 1,000 gone, 10 beyond the share that the fund bears."""
    funded = drawn()
    funded.book.mark(mark)
    said = [body for body in funded.due("fund sample") if isinstance(body, ShortfallDeclared)]
    assert said == ([ShortfallDeclared(None, FUND, "drawdown", 10, 690, 1_000)] if fallen else [])


def test_a_drawdown_is_declared_once_in_retry_ns() -> None:
    """At 10, and again not before 25 later: the next sample that is due is at 40."""
    funded = drawn()
    funded.book.mark(960)
    seen = []
    for _ in range(4):
        said = funded.due("fund sample")
        seen += [funded.book.now_ns for body in said if isinstance(body, ShortfallDeclared)]
        retries = [n for n, t in funded.book.ledger.timers.items() if t.timer.purpose == "drawdown shortfall"]
        for number in retries:
            due = funded.book.ledger.timers[number].timer
            if due.due_ns <= funded.book.now_ns + 5:
                funded.put(TimerFired(number, due.purpose, due.account))
    assert seen == [10, 40]


def test_a_bankrupt_account_is_deleveraged_in_a_drawdown() -> None:
    """Not taken over, though the fund could; once the peak has left the window it is taken over again."""
    funded = drawn()
    funded.book.mark(960)
    event = funded.book.bankrupt(funded.book.user(0, (0, 1, 960)))
    noted = HandlerStateNoted("insurance_fund", "drawdown of fund 2", (1, 100))
    assert funded.asked(event) == [noted, ShortfallDeclared(2, 5, "drawdown", 100, 600, 1_000)]
    for _ in range(10):
        funded.due("fund sample")
    event = funded.book.bankrupt(funded.book.user(0, (0, 1, 960)))
    assert [type(body) for body in funded.asked(event)] == [PositionTakenOver]


def test_a_fund_without_money_takes_nothing_over() -> None:
    """At a value of zero the account is deleveraged, also where taking it over would cost nothing."""
    book = Book(fund_atoms=1)
    book.put(BalanceStated(FUND, 0))
    book.mark(1000)
    funded = Funded(book, Drawdown(DrawdownParameters(capital_bps=0)))
    said = funded.asked(book.bankrupt(book.user(0, (0, 1, 1000))))
    assert said[-1] == ShortfallDeclared(1, 4, "bankruptcy", 0, 0, 0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-50, 50)), min_size=1, max_size=40))
def test_the_peaks_are_the_greatest_of_the_last_steps(samples: list[tuple[int, int]]) -> None:
    """Against all samples kept: the running step and the eight before it."""
    noted: tuple[int, ...] = ()
    step, all_samples = 0, list[tuple[int, int]]()
    for later, value in samples:
        step += later
        all_samples.append((step, value))
        noted = with_peak(noted, step, value)
        assert max(noted[1::2]) == max(v for at, v in all_samples if at >= step - 8)
        assert len(noted) <= 18


def forced_fill(book: Book, account: int, lots: int, price: int, left: int = 0) -> Event:
    """A fill of a forced order, booked."""
    book.liquidate(account)
    book.put(
        made(LiquidationOrdered, liquidation_id=1, order_id=1, account=account, size_lots=lots, step=1, whole=True)
    )
    return book.put(filled(account, lots, price, left_lots=left, eaten_lots=1))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 3_000), st.integers(1, 10), st.integers(500, 1_500), st.booleans(), st.integers(1, 500))
def test_a_settled_fill_makes_nobody_bankrupt(
    balance: int, lots: int, price: int, short: bool, fund_atoms: int
) -> None:
    """What is taken is within the cap, what is paid the fund's; settled in full, nobody falls below zero by it."""
    book = Book(fund_atoms=fund_atoms)
    book.mark(1000)
    side = -1 if short else 1
    account = book.user(balance, (0, side * 10, 1000))
    before = equity(book.account(account), book.ledger)
    event = forced_fill(book, account, -side * lots, price)
    paid_out = 0
    for body in bodies(FeeCapped(FeeCappedParameters(fee_ppm_max=20_000)).handle(event, book.ledger, 0)):
        assert isinstance(body, InsuranceFundCredited | InsuranceFundDebited)
        if isinstance(body, InsuranceFundCredited):
            assert 0 < body.amount_atoms <= lots * price * 20_000 // 10**6
        else:
            assert 0 < body.amount_atoms <= fund_atoms
            paid_out = body.amount_atoms
        book.put(body)
    if paid_out < fund_atoms:
        assert equity(book.account(account), book.ledger) >= min(before, 0)


def test_this_fund_takes_no_position_over() -> None:
    """dYdX: however rich, an account that is handed over with positions is deleveraged; a debt alone is paid."""
    book = Book(fund_atoms=10**6)
    book.mark(1000)
    fund = FeeCapped(FeeCappedParameters())
    event = book.bankrupt(book.user(0, (0, 10, 1001)))
    assert bodies(fund.handle(event, book.ledger, 0)) == [ShortfallDeclared(1, 4, "bankruptcy", 10, 10**6, 10**6)]
    event = book.bankrupt(book.user(-7))
    assert bodies(fund.handle(event, book.ledger, 0)) == [InsuranceFundDebited(2, 5, FUND, 7)]


def test_the_insurance_fee_is_what_room_the_margin_leaves() -> None:
    """Drift: of 1,000 taken at 990, the shortage being 0, 0.95 x (0.1 - 0.01) is over the cap: 1%, 10 atoms."""
    book = Book(fund_atoms=10**6)
    book.mark(1000)
    account = book.user(1000, (0, 10, 1000))
    fund = InsuranceFee(InsuranceFeeParameters(fee_ppm_max=10_000, restored_bps=10_000))
    assert bodies(fund.handle(forced_fill(book, account, -1, 990), book.ledger, 0)) == [
        InsuranceFundCredited(1, 4, FUND, 10)
    ]


def test_without_room_there_is_no_insurance_fee() -> None:
    """The shortage takes up all the margin that the whole position would free: nothing is left for the fund."""
    book = Book(fund_atoms=10**6)
    book.mark(1000)
    account = book.user(100, (0, 10, 1000))
    fund = InsuranceFee(InsuranceFeeParameters(restored_bps=10_000))
    assert bodies(fund.handle(forced_fill(book, account, -1, 990), book.ledger, 0)) == []


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (1000, PositionTakenOver(1, 4, FUND, 0, 0, 10, 10_000, 1000)),
        (1001, ShortfallDeclared(1, 4, "bankruptcy", 10, 10**6, 10**6)),
    ],
    ids=["worth nothing", "less than nothing"],
)
def test_the_vault_takes_over_who_is_not_negative(cost: int, said: Body) -> None:
    """Hyperliquid: an account below zero is deleveraged, whatever the vault has."""
    book = Book(fund_atoms=10**6)
    book.mark(1000)
    event = book.bankrupt(book.user(0, (0, 10, cost)))
    assert bodies(BackstopVault(BackstopVaultParameters(capital_bps=0)).handle(event, book.ledger, 0)) == [said]


def test_a_socialized_loss_takes_nobody_s_position() -> None:
    """The bankrupt account's positions go to the fund at the mark; of the fund's own it says what is left."""
    book = Book(fund_atoms=100)
    book.mark(1000)
    user = book.user(0, (0, 10, 1100))
    book.bankrupt(user)
    event = book.put(ShortfallDeclared(1, user, "bankruptcy", 1000, 100))
    handler = SocializedLoss(NoParameters())
    taken = book.take(handler.handle(event, book.ledger, 0))
    assert [e.body for e in taken] == [PositionTakenOver(1, user, FUND, 0, 0, 10, 10_000, 1000)]
    assert book.account(user).balance_atoms == -1000
    event = book.put(ShortfallDeclared(None, FUND, "inventory", 1, 0))
    assert bodies(handler.handle(event, book.ledger, 0)) == []
    book.mark(980)
    assert bodies(handler.handle(event, book.ledger, 0)) == [ShortfallRemained(FUND, "inventory", 100)]


def test_the_day_s_first_mark_is_noted() -> None:
    """At 08:00 a new day begins; within it further marks say nothing."""
    handler = DayProfits(DayProfitsParameters())
    book, told = Book(), []
    for now_ns, price in ((0, 1000), (1, 1100), (DAY_NS // 3 - 1, 900), (DAY_NS // 3, 950), (DAY_NS // 3 + 1, 960)):
        book.now_ns = now_ns
        event = book.put(MarkPriced(0, price, 0, price))
        told += [e.body for e in book.take(handler.handle(event, book.ledger, now_ns))]
    key = "day of instrument 0"
    assert told == [
        HandlerStateNoted("socialization", key, (-1, 1000)),
        HandlerStateNoted("socialization", key, (0, 950)),
    ]


def test_a_loss_goes_to_who_won_today() -> None:
    """Bought at 800 and at 1,000 before a day that began at 1,000: both won 100 a lot today; who lost pays nothing."""
    handler = DayProfits(DayProfitsParameters())
    book = Book(fund_atoms=100)
    for event in book.mark(1000):
        book.take(handler.handle(event, book.ledger, 0))
    early, late, today = (book.user(0, (0, 3, 800)), book.user(0, (0, 1, 1000)), book.user(0, (0, 4, 1050)))
    book.user(5_000, (0, -8, 1000))
    bankrupt = book.user(-300)
    for event in book.mark(1100):
        assert not list(handler.handle(event, book.ledger, 0))
    book.bankrupt(bankrupt)
    event = book.put(ShortfallDeclared(1, bankrupt, "bankruptcy", 300, 0))
    said = bodies(handler.handle(event, book.ledger, 0))
    assert said == [
        LossSocialized(1, bankrupt, early, 150),
        LossSocialized(1, bankrupt, today, 100),
        LossSocialized(1, bankrupt, late, 50),
    ]


@pytest.mark.parametrize(
    ("pool", "paid", "written_off"), [(40, [30, 30], [40]), (100, [], [100])], ids=["a part", "all of it"]
)
def test_the_fee_pool_pays_first(pool: int, paid: list[int], written_off: list[int]) -> None:
    """Drift: what the pool has is not asked of the holders."""
    book = Book()
    book.put(BalanceStated(FEES, pool))
    book.mark(1000)
    bankrupt = book.user(-100)
    book.user(500, (0, 5, 1000))
    book.user(500, (0, -5, 1000))
    book.bankrupt(bankrupt)
    event = book.put(ShortfallDeclared(1, bankrupt, "bankruptcy", 100, 0))
    said = [e.body for e in book.take(OpenInterest(NoParameters()).handle(event, book.ledger, 0))]
    assert [b.amount_atoms for b in said if isinstance(b, LossSocialized)] == paid
    assert [b.amount_atoms for b in said if isinstance(b, BalanceWrittenOff)] == written_off
    assert book.account(bankrupt).balance_atoms == 0


@pytest.mark.parametrize("pool", [None, -5, 0], ids=["none", "in debt", "empty"])
def test_without_a_fee_pool_the_holders_pay_all(pool: int | None) -> None:
    """Drift: a venue without a pool, or with one that has nothing, asks the holders for the whole loss."""
    book = Book()
    if pool is None:
        book.ledger.venue(0).fees = None
    else:
        book.put(BalanceStated(FEES, pool))
    book.mark(1000)
    bankrupt = book.user(-100)
    book.user(500, (0, 5, 1000))
    book.user(500, (0, -5, 1000))
    book.bankrupt(bankrupt)
    event = book.put(ShortfallDeclared(1, bankrupt, "bankruptcy", 100, 0))
    said = bodies(OpenInterest(NoParameters()).handle(event, book.ledger, 0))
    assert [b.amount_atoms for b in said if isinstance(b, LossSocialized)] == [50, 50]
    assert [b for b in said if isinstance(b, BalanceWrittenOff)] == []


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 50_000),
    st.lists(st.tuples(st.integers(-2_000, 9_000), st.integers(-20, 20).filter(bool)), max_size=8),
)
def test_a_loss_over_the_open_interest_is_covered_to_the_atom(loss: int, traders: list[tuple[int, int]]) -> None:
    """All pay the same for a lot, rounded up, but for the last and who has not as much; the rest is the fund's."""
    book = Book()
    book.mark(1000)
    bankrupt = book.user(-loss)
    holders = [book.user(balance, (0, lots, 1000)) for balance, lots in traders]
    has = {number: equity(book.account(number), book.ledger) for number in holders}
    lots = {number: abs(lots) for number, (_, lots) in zip(holders, traders, strict=True)}
    book.bankrupt(bankrupt)
    event = book.put(ShortfallDeclared(1, bankrupt, "bankruptcy", loss, 0))
    said = [e.body for e in book.take(OpenInterest(NoParameters()).handle(event, book.ledger, 0))]
    paid = {b.account: b.amount_atoms for b in said if isinstance(b, LossSocialized)}
    off = sum(b.amount_atoms for b in said if isinstance(b, BalanceWrittenOff))
    assert book.account(bankrupt).balance_atoms == 0
    assert sum(paid.values()) + off == loss
    assert all(0 < atoms <= has[account] for account, atoms in paid.items())
    if traders:
        rate = loss_per_unit(loss, sum(lots.values()), 10**6)
        due = {number: -(-rate * lots[number] // 10**6) for number in holders}
        assert all(atoms <= due[account] for account, atoms in paid.items())
        if not off:
            assert 0 <= sum(due.values()) - loss <= len(holders)

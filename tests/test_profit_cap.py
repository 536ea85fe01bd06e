"""The cap on profits: when it acts, how far winners are reduced, and what the pool is, on small venues by hand."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.margin import FundingAccrued
from deleverage.events.bodies.waterfall import (
    DeleveragingEnded,
    DeleveragingStarted,
    PositionDeleveraged,
    ProfitCapExceeded,
)
from deleverage.events.ledger import LedgerState
from deleverage.events.vocabulary import Body
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.plugins.products import fault_in
from deleverage.handlers.policies.adl.dydx import DydX
from deleverage.handlers.policies.adl.gmx import Gmx, is_enabled
from deleverage.handlers.policies.adl.wealth_pro_rata import WealthProRata
from deleverage.handlers.policies.ranking import RankingPolicy
from deleverage.handlers.pool import Pool
from deleverage.handlers.profit_cap import ProfitCap, ProfitCapParameters
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.valuation import margin_of, profit_atoms

from .support.venue import FUND, LIQUIDITY, Book, bodies, listed

PPM = 10**6
CASE = ProfitCapParameters(max_factor_ppm=100_000, min_factor_ppm=20_000)
"""The factors of case 33: 0.1 and 0.02."""


def cap_on(book: Book, parameters: ProfitCapParameters = CASE) -> ProfitCap:
    """The cap, primed with the book so far."""
    cap = ProfitCap(parameters)
    cap.prime(book.ledger, book.events)
    return cap


def exceeded(book: Book, *prices: int, parameters: ProfitCapParameters = CASE) -> list[Body]:
    """Mark at these prices, and what the cap says of the last mark."""
    return bodies(cap_on(book, parameters).handle(book.mark(*prices)[-1], book.ledger, book.now_ns))


def reduced(book: Book, caps: list[Body], policy: RankingPolicy | None = None) -> list[Body]:
    """Let the engine answer each exceeded cap in turn, and each end of a round; the books balance after every event."""
    engine = AdlEngine(policy or Gmx(NoParameters()))
    engine.prime(book.ledger, book.events)
    said: list[Body] = []
    for event in [book.put(cap) for cap in caps]:
        for body in bodies(engine.handle(event, book.ledger, book.now_ns)):
            told = book.put(body)
            book.ledger.check()
            if type(body) in engine.observes:
                engine.observe(told, book.ledger)
            said.append(body)
            if isinstance(body, DeleveragingEnded):
                assert list(engine.handle(told, book.ledger, book.now_ns)) == []
    return said


def taken(said: list[Body]) -> dict[int, int]:
    """Lots bought (or, below zero, sold) by account."""
    return {body.account: body.size_lots for body in said if isinstance(body, PositionDeleveraged)}


def pool_of(ledger: LedgerState) -> int:
    """The pool by another road: what fund and liquidity have, with everybody's pending profit counted back in."""
    costs = sum(p.cost_atoms - p.funding_atoms for a in ledger.accounts for p in a.positions.values())
    return ledger.accounts[FUND].balance_atoms + ledger.accounts[LIQUIDITY].balance_atoms - costs


def profit_of(ledger: LedgerState, side: int) -> int:
    """The profit of all traders of one side of the first instrument, one by one."""
    held = [p for a in ledger.accounts if a.kind == "user" for key, p in a.positions.items() if key[0] == 0]
    return sum(profit_atoms(ledger.markets[0], one) for one in held if one.size_lots * side > 0)


def case_33(pool: int = 5_000_000) -> tuple[Book, int]:
    """100,000 lots long from 20, 2,000,000 in all, over a pool of 5,000,000."""
    book = Book(listed(), fund_atoms=pool)
    return book, book.user(2_000_000, (0, 100_000, 20))


@pytest.mark.parametrize(("price", "enabled"), [(20, False), (22, False), (25, False), (26, True), (19, False)])
def test_case_33_the_cap_acts_above_it_and_not_at_it(price: int, enabled: bool) -> None:
    """At 25 the profit is a tenth of the pool exactly, which stays off."""
    book, _ = case_33()
    assert [type(body) for body in exceeded(book, price)] == [ProfitCapExceeded] * enabled


def test_case_33_down_to_the_minimum_factor() -> None:
    """At 26 profit is 600,000 of 5,000,000: 85,035 lots pay 510,210, and 89,790 of 4,489,790 are left, under 0.02."""
    book, user = case_33()
    said = reduced(book, exceeded(book, 26))
    started, reduction, ended = said
    assert isinstance(started, DeleveragingStarted)
    assert isinstance(reduction, PositionDeleveraged)
    assert isinstance(ended, DeleveragingEnded)
    assert (started.trigger, started.account, started.liquidation_id) == ("profit_cap", LIQUIDITY, 0)
    assert (started.size_lots, started.price_ticks, started.candidates) == (-85_035, 26, 1)
    assert (reduction.account, reduction.size_lots, reduction.rank) == (user, -85_035, 1)
    assert reduction.score == 6 * 10**9 // 26
    assert (ended.closed_lots, ended.left_lots) == (85_035, 0)
    assert (profit_of(book.ledger, 1), pool_of(book.ledger)) == (89_790, 4_489_790)
    assert not is_enabled(89_790, 4_489_790, CASE.min_factor_ppm)
    assert is_enabled(89_796, 4_489_796, CASE.min_factor_ppm)
    assert exceeded(book, 26) == []


def test_a_winner_is_paid_in_full() -> None:
    """Equity is the same before and after; only the position is smaller."""
    book, user = case_33()
    caps = exceeded(book, 26)
    before = margin_of(book.account(user), book.ledger).equity_atoms
    reduced(book, caps)
    assert margin_of(book.account(user), book.ledger).equity_atoms == before == 2_600_000
    assert (book.account(user).status, book.account(user).liquidation_id) == ("healthy", None)


def test_losers_of_the_side_count_and_are_not_closed() -> None:
    """A winner's 600 and a loser's -400 are 200 of a pool of 1,000: above 0.1, and only the winner is reduced."""
    book = Book(listed(), fund_atoms=1_000)
    winner, loser = book.user(9_000, (0, 100, 20)), book.user(9_000, (0, 100, 30))
    (cap,) = caps = exceeded(book, 26)
    assert isinstance(cap, ProfitCapExceeded)
    assert (cap.open_lots, cap.profit_atoms, cap.pool_atoms) == (200, 200, 1_000)
    assert set(taken(reduced(book, caps))) == {winner}
    assert book.account(loser).positions[0, 0].size_lots == 100


def test_longs_and_shorts_are_looked_at_apart() -> None:
    """A side's profit is not set off against the other's loss."""
    book = Book(listed(), fund_atoms=1_000)
    book.user(9_000, (0, 100, 20))
    short = book.user(9_000, (0, -100, 20))
    (cap,) = exceeded(book, 22)
    assert isinstance(cap, ProfitCapExceeded)
    assert (cap.open_lots, cap.profit_atoms) == (100, 200)
    (cap,) = caps = exceeded(book, 18)
    assert isinstance(cap, ProfitCapExceeded)
    assert (cap.open_lots, cap.profit_atoms) == (-100, 200)
    assert set(taken(reduced(book, caps))) == {short}


def test_the_greatest_gain_for_its_size_goes_first() -> None:
    """Whole, before the next gives any."""
    book = Book(listed(), fund_atoms=1_000)
    late, early = book.user(9_000, (0, 50, 24)), book.user(9_000, (0, 50, 20))
    said = taken(reduced(book, exceeded(book, 26)))
    assert list(said) == [early, late]
    assert said[early] == -50


def test_a_plugin_may_make_such_a_round() -> None:
    """Outside liquidity takes whatever side it is given; a winner gives no more than it has all the same."""
    book, user = case_33()
    (cap,) = exceeded(book, 26)
    engine = AdlEngine(Gmx(NoParameters()))
    engine.prime(book.ledger, book.events)
    said = bodies(engine.handle(book.put(cap), book.ledger, book.now_ns))
    assert fault_in(said, book.ledger) == ""
    greedy = msgspec.structs.replace(said[1], size_lots=-100_001)
    assert f"user{user}, which holds +100000: that is more than the position" in fault_in([greedy], book.ledger)
    nothing = msgspec.structs.replace(said[1], size_lots=0)
    assert "no lots" in fault_in([nothing], book.ledger)


def test_who_is_in_liquidation_is_no_candidate() -> None:
    """Nobody is left to reduce: no round is begun, and nothing is recorded."""
    book, user = case_33()
    caps = exceeded(book, 26)
    book.liquidate(user)
    assert reduced(book, caps) == []


def test_what_has_passed_is_not_acted_on() -> None:
    """When the engine comes to it late and the mark is back at the cap, nobody is reduced."""
    book, _ = case_33()
    caps = exceeded(book, 26)
    book.mark(25)
    assert reduced(book, caps) == []


@pytest.mark.parametrize("policy", [DydX, WealthProRata])
def test_any_ranking_is_a_queue_of_winners_here(policy: type) -> None:
    """Also one that takes losers, or shares out: what a share pays is not what those weigh."""
    book = Book(listed(), fund_atoms=1_000)
    winners = [book.user(9_000, (0, 100, price)) for price in (20, 21, 22)]
    book.user(9_000, (0, 10, 40))
    said = reduced(book, exceeded(book, 26), policy(policy.Parameters()))
    found = taken(said)
    assert set(found) <= set(winners)
    assert all(lots == -100 for lots in list(found.values())[:-1])
    assert not is_enabled(profit_of(book.ledger, 1), pool_of(book.ledger), CASE.min_factor_ppm)


def test_a_second_cap_at_the_same_mark_continues_the_ranking() -> None:
    """The digest of the further round is over who was touched since, as with any other."""
    book, _ = case_33(pool=1_600_000)
    book.user(2_000_000, (0, 50_000, 21))
    caps = exceeded(book, 26, parameters=ProfitCapParameters(500_000, 400_000))
    again = ProfitCapExceeded(0, 150_000, 0, 0, 100_000, 50_000)
    said = reduced(book, [*caps, again])
    rounds = [body for body in said if isinstance(body, DeleveragingStarted)]
    assert [(body.round, body.base_round) for body in rounds] == [(1, None), (2, 1)]


def test_funding_moves_profit_and_the_cap_hears_it() -> None:
    """Longs are owed two a lot: with 400 at the mark that is 600 of a pool of 5,000."""
    book = Book(listed(), fund_atoms=5_000)
    book.user(9_000, (0, 100, 20))
    cap = cap_on(book)
    (event,) = book.mark(24)
    assert list(cap.handle(event, book.ledger, 0)) == []
    accrued = book.put(FundingAccrued(0, -1, 24, -2 * 10**9))
    (found,) = cap.handle(accrued, book.ledger, 0)
    assert isinstance(found, ProfitCapExceeded)
    assert found.profit_atoms == profit_of(book.ledger, 1) == 600


HELD = st.tuples(st.integers(-60, 60).filter(bool), st.integers(50, 150))
FACTORS = st.tuples(st.integers(0, 999_999), st.integers(0, 10**6)).map(
    lambda pair: ProfitCapParameters(sum(pair), pair[0])
)


@settings(max_examples=150, deadline=None)
@given(st.lists(HELD, min_size=1, max_size=8), st.integers(0, 4_000), st.integers(40, 160), FACTORS)
def test_the_fewest_lots_that_serve(
    held: list[tuple[int, int]], pool: int, mark: int, factors: ProfitCapParameters
) -> None:
    """The factor ends at or under the minimum, one lot less would leave it above, and everybody keeps their equity."""
    book = Book(listed(), fund_atoms=pool)
    for lots, price in held:
        book.user(20_000, (0, lots, price))
    for cap in exceeded(book, mark, parameters=factors):
        assert isinstance(cap, ProfitCapExceeded)
        side = 1 if cap.open_lots > 0 else -1
        assert profit_of(book.ledger, side) == Pool(book.ledger).profit_atoms(book.ledger, 0, side)
        equity = [margin_of(account, book.ledger).equity_atoms for account in book.ledger.accounts[4:]]
        reductions = [body for body in reduced(book, [cap]) if isinstance(body, PositionDeleveraged)]
        assert equity == [margin_of(account, book.ledger).equity_atoms for account in book.ledger.accounts[4:]]
        profit, left = profit_of(book.ledger, side), pool_of(book.ledger)
        assert profit <= 0 or not is_enabled(profit, left, factors.min_factor_ppm)
        if reductions:
            per_lot = abs(mark - held[reductions[-1].account - 4][1])
            assert is_enabled(profit + per_lot, left + per_lot, factors.min_factor_ppm)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(HELD, st.integers(0, 500)), max_size=6), st.integers(-500, 500), st.data())
def test_the_pool_is_the_money_that_is_nobodys_collateral(
    traders: list[tuple[tuple[int, int], int]], funding: int, data: st.DataObject
) -> None:
    """Kept event by event it is what it is built anew, and what fund and liquidity have before pending profits."""
    book = Book(listed(), fund_atoms=700)
    index = Pool(book.ledger)
    for (lots, price), balance in traders:
        index.note(book.ledger, [book.user(balance, (0, lots, price))])
    book.mark(100)
    book.put(FundingAccrued(0, funding, 100, funding * 10**7))
    if traders:
        number = data.draw(st.integers(4, len(book.ledger.accounts) - 1))
        lots = data.draw(HELD)[0]
        book.hold(number, 0, lots, 90)
        index.note(book.ledger, [number])
    anew = Pool(book.ledger)
    assert index.value_atoms(book.ledger, 0) == anew.value_atoms(book.ledger, 0) == pool_of(book.ledger)
    for side in (1, -1):
        assert index.open_lots(0, side) == anew.open_lots(0, side)
        assert index.profit_atoms(book.ledger, 0, side) == anew.profit_atoms(book.ledger, 0, side)


def test_an_inverse_contract_is_capped_as_well() -> None:
    """Coins are rounded, so the end may be off by an atom or two; lots and money are exact all the same."""
    book = Book(listed(kind="inverse", multiplier_atoms=10**7), fund_atoms=2_000)
    users = [book.user(20_000, (0, lots, 100)) for lots in (3, 1, 7)]
    said = reduced(book, exceeded(book, 127))
    assert set(taken(said)) <= set(users)
    assert taken(said)
    profit, pool = profit_of(book.ledger, 1), pool_of(book.ledger)
    assert not is_enabled(profit - 2 * len(users), pool, CASE.min_factor_ppm)


@pytest.mark.parametrize("factors", [(100_000, 200_000), (2 * PPM, PPM), (5, -1)])
def test_factors_that_make_no_sense_are_refused(factors: tuple[int, int]) -> None:
    """The least above the greatest, the whole pool, and below nothing."""
    given_ppm = {"max_factor_ppm": factors[0], "min_factor_ppm": factors[1]}
    with pytest.raises(msgspec.ValidationError, match="min_factor_ppm"):
        msgspec.convert(given_ppm, ProfitCapParameters)

"""Auto-deleveraging held against the venues' own worked examples: each case with its id, inputs, figures and source."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest

from deleverage.events.bodies.inputs import PositionStated, PriceTicked
from deleverage.events.bodies.waterfall import PositionDeleveraged, ShortfallDeclared
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.policies.adl.binance import Binance
from deleverage.handlers.policies.adl.bitmex import BitMex
from deleverage.handlers.policies.adl.dydx import DydX
from deleverage.handlers.policies.adl.gmx import is_enabled, profit_to_realise
from deleverage.handlers.policies.adl.hyperliquid import Hyperliquid
from deleverage.handlers.policies.adl.okx import Okx
from deleverage.handlers.policies.adl.queue import Queue
from deleverage.handlers.policies.adl.risk_aware_pro_rata import RiskAwareProRata, RiskParameters
from deleverage.handlers.policies.allocation import greedy
from deleverage.handlers.policies.ranking import Candidate, Closing, Ranked, RankingPolicy
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.ranking import Ranking, Row

from .support.adl_batch import explained_by_policy
from .support.venue import Book, listed, tiers_of

USD, WHOLE_BTC = 10**6, 10**8
BTC = 0


def one_btc_short(usdc: int, maintenance_ppm: int = 100_000) -> tuple[Book, int]:
    """BTC at 50,000 USD, in quantums of 1e-8 BTC and 1e-6 USD; an account with so much USDC and a short of one BTC."""
    book = Book(listed(BTC, tiers=tiers_of((0, maintenance_ppm))))
    book.mark(500)
    return book, account(book, usdc, -WHOLE_BTC)


def account(book: Book, usdc: int, lots: int) -> int:
    """An account by its net USDC: its position has no cost."""
    number = book.user(usdc * USD)
    book.hold(number, BTC, lots, 0)
    return number


def usdc(book: Book, number: int) -> Fraction:
    """Net USDC as the source has it: balance less cost, in dollars."""
    held = book.account(number).positions.values()
    return Fraction(book.account(number).balance_atoms - sum(position.cost_atoms for position in held), USD)


def lots_of(book: Book, number: int) -> int:
    """The BTC that an account holds, in quantums."""
    return sum(position.size_lots for position in book.account(number).positions.values())


def deleverage(
    book: Book, bankrupt: int, policy: RankingPolicy, *, liquidation_id: int = 1
) -> list[PositionDeleveraged]:
    """One round for a bankrupt account; its reductions, folded."""
    book.bankrupt(bankrupt)
    engine = AdlEngine(policy)
    engine.prime(book.ledger, ())
    event = book.put(ShortfallDeclared(liquidation_id, bankrupt, "bankruptcy", 1, 0))
    taken = book.take(engine.handle(event, book.ledger, 0))
    book.ledger.check()
    return [event.body for event in taken if isinstance(event.body, PositionDeleveraged)]


@pytest.mark.decided
def test_case_13_dydx_closes_both_sides_at_the_bankruptcy_price() -> None:
    """A short with 54,999 USDC against a long with 50,000: nothing is left of it, and 104,999 is there, at 54,999."""
    book, short = one_btc_short(54_999)
    other = account(book, 50_000, WHOLE_BTC)
    (reduction,) = deleverage(book, short, DydX(NoParameters()))
    assert (usdc(book, short), lots_of(book, short)) == (0, 0)
    assert (usdc(book, other), lots_of(book, other)) == (104_999, 0)
    assert Fraction(reduction.value_atoms * WHOLE_BTC, USD * reduction.size_lots) == 54_999


@pytest.mark.decided
def test_case_16_dydx_closes_a_tenth() -> None:
    """0.1 BTC of it: 49,499.1 USDC and -0.9 BTC are left, and the other has 55,499.9."""
    book, short = one_btc_short(54_999)
    other = account(book, 50_000, WHOLE_BTC // 10)
    deleverage(book, short, DydX(NoParameters()))
    assert (usdc(book, short), lots_of(book, short)) == (Fraction("49499.1"), -WHOLE_BTC * 9 // 10)
    assert usdc(book, other) == Fraction("55499.9")


def test_dydx_skips_pairs_that_do_not_overlap_and_asks_no_profit() -> None:
    """Closed at 54,999, a long that would owe USDC is skipped whole; one at a loss, but solvent, is taken."""
    book, short = one_btc_short(54_999)
    poor = account(book, -54_999, WHOLE_BTC)
    loser = book.user(60_000 * USD)
    book.hold(loser, BTC, WHOLE_BTC, 600)
    book.mark(560)
    (reduction,) = deleverage(book, short, DydX(NoParameters()))
    assert reduction.account == loser
    assert (lots_of(book, poor), lots_of(book, loser)) == (WHOLE_BTC, 0)


@pytest.mark.decided
def test_case_18_dydx_scans_two_halves() -> None:
    """Two longs of 0.5 BTC with 50,000 each: 77,499.5 each, nothing remains, no open interest."""
    book, short = one_btc_short(54_999, 1_000_000)
    others = [account(book, 50_000, WHOLE_BTC // 2) for _ in range(2)]
    reductions = deleverage(book, short, DydX(NoParameters()))
    assert sorted(reduction.account for reduction in reductions) == others
    assert [usdc(book, other) for other in others] == [Fraction("77499.5")] * 2
    assert sum(abs(lots_of(book, number)) for number in (short, *others)) == 0


@pytest.mark.parametrize(
    ("lacking", "other_usdc", "taken"),
    [(1, -90_001, True), (50, -99_900, True), (51, -99_900, False), (5_100, -89_900, True), (5_101, -89_900, False)],
    ids=[
        "in liquidation with 9,999 of 10,000, and above the requirement of 5,000 afterwards",
        "in liquidation with 100 of 10,000, and 50 of 5,000 afterwards: no worse",
        "the same with 49 of 5,000 afterwards: worse",
        "with 10,100 of 10,000, and 5,000 of 5,000 afterwards",
        "the same with 4,999 of 5,000 afterwards: under it, and worse",
    ],
)
def test_dydx_takes_whoever_is_no_worse_off_also_in_liquidation(lacking: int, other_usdc: int, taken: bool) -> None:
    """A short of one BTC lacks so much, which half of a long of two would have to bear (updates.go, Risk.Cmp)."""
    book, short = one_btc_short(50_000 - lacking)
    other = account(book, other_usdc, 2 * WHOLE_BTC)
    if other_usdc < -90_000:
        book.liquidate(other)
    reductions = deleverage(book, short, DydX(NoParameters()), liquidation_id=2 if other_usdc < -90_000 else 1)
    assert [reduction.account for reduction in reductions] == ([other] if taken else [])
    assert lots_of(book, other) == (WHOLE_BTC if taken else 2 * WHOLE_BTC)


def test_dydx_takes_nobody_who_is_bankrupt_or_has_no_equity() -> None:
    """A long with the same position whose own deficit is in the waterfall, and one that is worth nothing."""
    book, short = one_btc_short(49_999)
    waiting, empty = account(book, -49_000, WHOLE_BTC), account(book, -50_000, WHOLE_BTC)
    book.bankrupt(waiting)
    book.liquidate(empty)
    assert deleverage(book, short, DydX(NoParameters()), liquidation_id=3) == []


def test_other_policies_take_nobody_in_liquidation() -> None:
    """BitMEX ranks whoever holds the other side, but not who is being liquidated."""
    book, short = one_btc_short(49_999)
    book.liquidate(account(book, -45_001, WHOLE_BTC))
    assert deleverage(book, short, BitMex(NoParameters()), liquidation_id=2) == []


@pytest.mark.parametrize(("price", "enabled"), [(20, False), (22, False), (25, False), (26, True)])
def test_case_33_gmx_is_on_above_the_cap_and_not_at_it(price: int, enabled: bool) -> None:
    """2,000,000 USD long from 20, a pool of 5,000,000, a cap of 0.1: at 25 the factor is 0.1 and nothing happens."""
    assert is_enabled(100_000 * (price - 20) * USD, 5_000_000 * USD, 100_000) == enabled


def test_case_33_gmx_reduces_to_the_minimum_factor() -> None:
    """At 26: closing 1,000,000 of 2,000,000 USD leaves 1,000,000; down to 0.02 takes 510,204.08 of 600,000 USD."""
    size, closed, profit, pool = 2_000_000 * USD, 1_000_000 * USD, 600_000 * USD, 5_000_000 * USD
    assert size - closed == 1_000_000 * USD
    assert is_enabled(profit - profit * closed // size, pool - profit * closed // size, 20_000)
    paid = profit_to_realise(profit, pool, 20_000)
    assert paid == 510_204_081_633
    assert not is_enabled(profit - paid, pool - paid, 20_000)
    assert is_enabled(profit - paid + 1, pool - paid + 1, 20_000)


def ranked(scores: dict[int, int], sizes: dict[int, int], **figures: dict[int, int]) -> list[Ranked]:
    """Accounts by given scores, at a profit and with an equity that bears anything but what is said."""
    order = sorted(scores, key=lambda number: (-scores[number], number))
    return [
        Ranked(rank, scores[number], candidate(number, sizes[number], **figures), 0)
        for rank, number in enumerate(order, 1)
    ]


def candidate(number: int, size: int, **figures: dict[int, int]) -> Candidate:
    """One account's figures."""
    profit, equity = (figures.get(name, {}).get(number, 10**12) for name in ("profit", "equity"))
    return Candidate(number, profit, 1, 1, equity, size)


def test_case_40_bitmex_takes_by_descending_score() -> None:
    """A short of 20 at 650 against six longs: the second and the fifth give 10 each, in the order 2, 5, 4, 1, 6, 3."""
    longs = {1: (10, 3), 2: (10, 6), 3: (20, 1), 4: (30, 4), 5: (20, 5), 6: (10, 2)}
    places = ranked({n: score for n, (_, score) in longs.items()}, {n: size for n, (size, _) in longs.items()})
    assert [place.candidate.account for place in places] == [2, 5, 4, 1, 6, 3]
    assert {place.candidate.account: lots for place, lots in greedy(Closing(20, 0), places)} == {2: 10, 5: 10}


@pytest.mark.decided
def test_case_40_bitmex_closes_at_the_bankruptcy_price() -> None:
    """The same through a round: two longs by profit share x effective leverage give 10 each at 650."""
    book = Book(listed(tiers=tiers_of((0, 5_000))))
    longs = [book.user(balance, (0, size, 400)) for size, balance in ((10, 3000), (10, 500), (30, 9000), (20, 1500))]
    short = book.user(5_000, (0, -20, 400))
    book.mark(660)
    reductions = deleverage(book, short, BitMex(NoParameters()))
    assert [(r.account, -r.size_lots, r.price_ticks) for r in reductions] == [(longs[1], 10, 650), (longs[3], 10, 650)]


def test_bitmex_ranks_losers_by_profit_share_over_leverage() -> None:
    """At 660, after the winner: the least loss a unit of entry value, divided by leverage; article 18589621443357.

    5 from 650 with 1,050 of equity: 50/3,250 x 3,300/1,050 = 0.0483516...; 10 from 670 with 1,000: -100/6,700 /
    (6,600/1,000) = -0.0022614...; 10 from 700 with 1,000: -400/7,000 / 6.6 = -0.0086580...; the same with 6,600, at a
    leverage of 1: -0.0571428...; each rounded down in the ninth place.
    """
    book = Book(listed(tiers=tiers_of((0, 5_000))))
    figures = ((7_000, 10, 700), (1_400, 10, 700), (1_100, 10, 670), (1_000, 5, 650))
    poorest, poor, slight, winner = (book.user(balance, (0, lots, entry)) for balance, lots, entry in figures)
    short = book.user(5_000, (0, -20, 400))
    book.mark(660)
    places = list(Ranking(book.ledger, 0, -1, BitMex(NoParameters()), (poorest, poor, slight, winner)))
    assert [(place.candidate.account, place.score) for place in places] == [
        (winner, 48_351_648),
        (slight, -2_261_421),
        (poor, -8_658_009),
        (poorest, -57_142_858),
    ]
    reductions = deleverage(book, short, BitMex(NoParameters()))
    assert [(r.account, -r.size_lots, r.score) for r in reductions] == [
        (winner, 5, 48_351_648),
        (slight, 10, -2_261_421),
        (poor, 5, -8_658_009),
    ]


def test_bitmex_ranks_a_loser_whose_score_is_minus_one() -> None:
    """The least loss there is a billionth: it is a candidate, which the digest tells from who is none any more."""
    book = Book(listed(multiplier_atoms=10**6, tiers=tiers_of((0, 5_000))))
    user = book.user(10**9)
    book.put(PositionStated(user, 0, 0, 10, 10**10 + 1))
    book.mark(1000)
    (place,) = Ranking(book.ledger, 0, -1, BitMex(NoParameters()), (user,))
    assert (place.score, place.candidate.profit) == (-1, -1)
    assert not Row(bytes(32), place.score, *place.candidate[1:]).gone
    assert Row(bytes(32), -1, 0, 0, 0, 0, 0).gone


def test_binance_ranks_everyone_and_a_loser_at_nothing() -> None:
    """PNL percent is max(0, UPNL) / max(1, WB): who is at a loss comes last, with 0, and is taken after all others."""
    book = Book(listed(tiers=tiers_of((0, 5_000))))
    loser, winner = book.user(1_400, (0, 10, 700)), book.user(1_000, (0, 5, 650))
    short = book.user(5_000, (0, -20, 400))
    book.mark(660)
    reductions = deleverage(book, short, Binance(NoParameters()))
    assert [(r.account, -r.size_lots) for r in reductions] == [(winner, 5), (loser, 10)]
    assert reductions[1].score == 0 < reductions[0].score


@pytest.mark.decided
def test_case_44_queue_seizes_greedily() -> None:
    """Capacities 8, 4 and 0.5, a budget of half of 15, in the order 2, 1, 3: 3.5, 4 and nothing, 0.4375 and all."""
    profit, equity = {1: 80, 2: 40, 3: 5}, {1: 100, 2: 50, 3: 10}
    places = ranked({1: 2, 2: 3, 3: 1}, dict.fromkeys((1, 2, 3), 1000), profit=profit, equity=equity)
    taken = {p.candidate.account: lots for p, lots in Queue(NoParameters()).allocate(Closing(75, 75), places)}
    assert taken == {2: 40, 1: 35}
    assert [Fraction(taken.get(n, 0), profit[n]) for n in (1, 2, 3)] == [Fraction("0.4375"), 1, 0]
    assert [Fraction(equity[n] - taken.get(n, 0), 10) for n in (1, 2, 3)] == [Fraction("6.5"), 1, 1]


RAP = {
    "linear": (RiskParameters("linear"), ("0.164", "0.589", "0.246")),
    "power": (RiskParameters("power"), ("0.155", "0.498", "0.348")),
    "cvar_0.9": (RiskParameters("cvar", 9_000), ("0.149", "0.114", "0.737")),
}


@pytest.mark.decided
@pytest.mark.parametrize("name", RAP)
def test_case_48_risk_aware_shares(name: str) -> None:
    """Shares of A, C and E go by e x lambda x g(lambda), to the printed digits.

    Those printed for the linear rule sum to 0.999 and for the power rule to 1.001, and the notionals have two digits:
    so there a unit of the last digit is allowed, else half of one.
    """
    parameters, expected = RAP[name]
    figures = ((13_000, 12_613), (52_000, 56_214), (13_000, 8_397))
    candidates = [
        Candidate(n, 1, notional * 10**8, 1, equity * 10**8, 1) for n, (notional, equity) in enumerate(figures)
    ]
    weights = RiskAwareProRata(parameters).scores(candidates)
    shares = [Fraction(weight, sum(weights)) for weight in weights]
    allowed = Fraction("0.001") if sum(map(Fraction, expected)) != 1 else Fraction("0.0005")
    assert all(abs(share - Fraction(text)) <= allowed for share, text in zip(shares, expected, strict=True))


def test_case_48_wealth_shares() -> None:
    """Pro-rata by equity: 0.163, 0.728 and 0.109."""
    equities = [12_613, 56_214, 8_397]
    assert [round(1000 * Fraction(equity, sum(equities))) for equity in equities] == [163, 728, 109]


@pytest.mark.parametrize(("policy", "price"), [(Okx, 900), (Hyperliquid, 950)], ids=["mark", "previous oracle price"])
def test_what_a_reduction_is_worth(policy: type[Okx | Hyperliquid], price: int) -> None:
    """OKX closes at the mark, Hyperliquid at the oracle price before; what the bankrupt account lacks stays with it."""
    book = Book(fund_atoms=1_000)
    winner, user = book.user(10_000, (0, -10, 1000)), book.user(0, (0, 10, 1000))
    for price_ticks in (950, 900):
        book.now_ns += 1
        book.put(PriceTicked(((0, price_ticks),)))
        book.mark(price_ticks)
    (reduction,) = deleverage(book, user, policy(NoParameters()))
    assert (reduction.account, reduction.price_ticks, reduction.value_atoms) == (winner, price, 10 * price)
    assert book.account(user).balance_atoms == 10 * (price - 1000)


AVAX: Sequence[tuple[str, int]] = (
    ("profit-leverage", 14),
    ("profit-share", 12),
    ("bybit", 14),
    ("okx", 14),
    ("hyperliquid", 12),
    ("hyperliquid-reverse-engineered", 14),
    ("gmx", 14),
    ("queue", 14),
)


def test_no_queue_explains_the_recorded_batch() -> None:
    """Of the 50 fills of AVAX each queue's order explains 12 to 14, hardly more than the 11 of a random order."""
    assert explained_by_policy() == dict(AVAX)

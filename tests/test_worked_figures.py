"""Worked figures of venues and papers that this foundation covers, copied with their sources.

dYdX: dydxprotocol/v4-chain@84d4664, protocol/x/clob/keeper/, the test files named below. Binance: FAQ
b3c689c1f50a44cabb3a84e663b81d93, figures as carried in freqtrade tests/exchange/test_binance.py. BitMEX:
testnet.bitmex.com/app/autoDeleveragingExamples. The paper: arXiv 2512.01112,
pluriholonomic/autodeleveraging-analysis@aae0be8.

Not here, because they belong to the rulebooks that come later: dYdX's fillable prices, its fees as a difference to the
bankruptcy price and its rounding of *parts* (it floors the change of the margin; a part here is its share of the whole
position's bankruptcy value, rounded down, which differs by an atom where that does not divide); Drift, GMX and the
policies of the paper; inverse contracts; drawdown triggers.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

import msgspec
import pytest

from deleverage.events.bodies.inputs import BalanceStated, PositionStated
from deleverage.events.bodies.liquidation import BankruptcyDeclared
from deleverage.events.bodies.listing import AccountOpened, Tier
from deleverage.events.bodies.waterfall import InsuranceFundDebited, PositionDeleveraged, ShortfallDeclared
from deleverage.events.vocabulary import Body
from deleverage.handlers.adl_engine import AdlEngine
from deleverage.handlers.insurance_fund import FundParameters, InsuranceFund
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.policies.profit_leverage import ProfitLeverage
from deleverage.handlers.policies.ranking import Candidate
from deleverage.handlers.protocol import NoParameters
from deleverage.handlers.ranges import FLOOR, MARK, slot_of
from deleverage.handlers.safe_ranges import SafeRanges
from deleverage.handlers.valuation import (
    BPS,
    bankruptcy_price,
    bankruptcy_values,
    maintenance_microatoms,
    margin_of,
    slack,
)

from .support.venue import Book, bodies, filled, listed

USD = 10**6  # an atom is a millionth of a dollar, dYdX's quote quantum
BTC, ETH = 0, 1
BTC_LOTS, ETH_LOTS = 10**8, 10**9  # a lot is dYdX's base quantum of 1e-8 BTC or 1e-9 ETH
TENTH = (Tier(0, 100_000, 0),)


def dydx_book(usdc: int, btc: int = 0, eth: int = 0) -> tuple[Book, int]:
    """BTC at 50,000 and ETH at 3,000, maintenance 10%, and an account with so much USDC and so many quantums."""
    book = Book(listed(BTC, tiers=TENTH), listed(ETH, tiers=TENTH))
    book.mark(500, 3)  # atoms per lot: 50,000 USD x 1e-8 and 3,000 USD x 1e-9
    return book, dydx_account(book, usdc, btc, eth)


def dydx_account(book: Book, usdc: int | str, btc: int = 0, eth: int = 0) -> int:
    """An account by its net USDC: here balance less cost, so positions are stated at no cost."""
    number = len(book.ledger.accounts)
    book.put(AccountOpened(number, f"dydx{number}", "dydx", "user", "cross", 0))
    book.put(BalanceStated(number, int(Fraction(usdc) * USD)))
    for instrument, lots in ((BTC, btc), (ETH, eth)):
        if lots:
            book.put(PositionStated(number, instrument, 0, lots, 0))
    return number


@pytest.mark.parametrize(("usdc", "liquidatable"), [(-4000, False), (-4500, False), (-4501, True)])
def test_dydx_is_liquidatable_below_the_requirement_and_not_at_it(usdc: int, liquidatable: bool) -> None:
    """From liquidations_test.go TestIsLiquidatable: 0.1 BTC, three boundary rows; liquidatable iff TNC < MMR."""
    book, account = dydx_book(usdc, BTC_LOTS // 10)
    monitor = MarginMonitor(MarginParameters(BPS, BPS))
    monitor.prime(book.ledger, ())
    said = bodies(list(monitor.handle(book.events[-1], book.ledger, 0)))
    assert [type(body).__name__ for body in said] == ["LiquidationStarted"] * liquidatable
    assert all(body.account == account for body in said)  # type: ignore[union-attr]


BANKRUPTCY = {
    "long slightly below maintenance": (-4501, BTC_LOTS // 10, 0, BTC, 4_501_000_000),
    "long at the bankruptcy price": (-5000, BTC_LOTS // 10, 0, BTC, 5_000_000_000),
    "long below the bankruptcy price": (-5100, BTC_LOTS // 10, 0, BTC, 5_100_000_000),
    "multiple long positions": (-490, 400_000, 100_000_000, ETH, 294_000_000),
    "a long and a short position": (110, 400_000, -100_000_000, ETH, -306_000_000),
}


@pytest.mark.parametrize("row", BANKRUPTCY.values(), ids=BANKRUPTCY)
def test_dydx_bankruptcy_price_of_a_whole_position(row: tuple[int, int, int, int, int]) -> None:
    """From liquidations_test.go TestGetBankruptcyPriceInQuoteQuantums, the rows that close a whole position: exact."""
    usdc, btc, eth, instrument, quote_quantums = row
    book, account = dydx_book(usdc, btc, eth)
    assert bankruptcy_values(book.account(account), book.ledger)[instrument, 0] == quote_quantums


def test_dydx_bankruptcy_price_of_a_part() -> None:
    """Same test, half of a short at its bankruptcy price: exact; where the share does not divide, an atom apart."""
    book, account = dydx_book(5000, -BTC_LOTS // 10)
    whole = bankruptcy_values(book.account(account), book.ledger)[BTC, 0]
    assert whole * 5_000_000 // 10_000_000 == -2_500_000_000
    book, account = dydx_book(13, -BTC_LOTS)
    whole = bankruptcy_values(book.account(account), book.ledger)[BTC, 0]
    assert whole * 21_347 // BTC_LOTS == -2_775 - 1  # dYdX floors the change of the margin instead, and has -2,775


class Given:
    """A policy whose scores are given."""

    policy: ClassVar[str] = "given"
    version: ClassVar[str] = "1"
    Parameters: ClassVar[type[msgspec.Struct]] = NoParameters

    def __init__(self, scores: dict[int, int]) -> None:
        self.given = scores

    def scores(self, candidates: Sequence[Candidate]) -> list[int]:
        """As given."""
        return [self.given[candidate.account] for candidate in candidates]


def deleveraged(book: Book, account: int, policy: Given | ProfitLeverage) -> list[PositionDeleveraged]:
    """Bankrupt the account, let one round of ADL close what it can, and give the reductions."""
    book.bankrupt(account)
    engine = AdlEngine(policy)
    engine.prime(book.ledger, ())
    event = book.put(ShortfallDeclared(1, account, "bankruptcy", 1, 0))
    taken = book.take(engine.handle(event, book.ledger, 0))
    return [event.body for event in taken if isinstance(event.body, PositionDeleveraged)]


def net_usdc(book: Book, account: int) -> Fraction:
    """An account's net USDC as dYdX has it: balance less cost, in dollars."""
    held = book.account(account).positions.values()
    return Fraction(book.account(account).balance_atoms - sum(p.cost_atoms for p in held), USD)


@pytest.mark.parametrize("offsetting", [[BTC_LOTS], [BTC_LOTS // 2, BTC_LOTS // 2]], ids=["one", "two halves"])
def test_dydx_deleveraging_closes_at_the_bankruptcy_price(offsetting: list[int]) -> None:
    """From deleveraging_test.go: a short of 1 BTC with 54,999 USDC against longs with 50,000 each, at 54,999."""
    book, account = dydx_book(54_999, -BTC_LOTS)
    others = [dydx_account(book, 50_000, lots) for lots in offsetting]
    said = deleveraged(book, account, Given(dict.fromkeys(others, 1)))
    assert [b.account for b in said] == others
    assert (net_usdc(book, account), book.account(account).positions) == (0, {})
    after = {1: [Fraction(104_999)], 2: [Fraction("77499.5"), Fraction("77499.5")]}[len(others)]
    assert [net_usdc(book, other) for other in others] == after


def test_dydx_partial_deleveraging() -> None:
    """From deleveraging_test.go, 0.1 of 1 BTC: 49,499.1 USDC and -0.9 BTC are left, the other has 55,499.9."""
    book, account = dydx_book(54_999, -BTC_LOTS)
    other = dydx_account(book, 50_000, BTC_LOTS // 10)
    deleveraged(book, account, Given({other: 1}))
    assert (net_usdc(book, account), book.account(account).positions[BTC, 0].size_lots) == (
        Fraction("49499.1"),
        -9 * BTC_LOTS // 10,
    )
    assert net_usdc(book, other) == Fraction("55499.9")


def test_dydx_the_fund_covers_a_fill_beyond_bankruptcy() -> None:
    """From TestGetLiquidationInsuranceFundDelta: a short of 0.1 BTC with 4,900 USDC, bought for 4,949, costs it 49."""
    book, account = dydx_book(4_900, -BTC_LOTS // 10)
    book.put(BalanceStated(2, 49 * USD))
    book.liquidate(account)
    book.put(filled(account, 10**7, 495, value_atoms=4949 * USD, instrument=BTC, eaten_lots=1))
    assert absorbed(book, account) == [InsuranceFundDebited(1, account, 2, 49 * USD)]


@pytest.mark.parametrize(
    ("fund", "needed", "valid"), [(10_000, "10000", True), (10_000, "10000.000001", False), (0, "0.000001", False)]
)
def test_dydx_the_fund_never_goes_below_zero(fund: int, needed: str, valid: bool) -> None:
    """From deleveraging_test.go TestIsValidInsuranceFundDelta: balance + delta >= 0; else nothing is paid."""
    book = Book(fund_atoms=fund * USD)
    account = dydx_account(book, f"-{needed}")
    book.liquidate(account)
    assert isinstance(absorbed(book, account)[0], InsuranceFundDebited) == valid


def absorbed(book: Book, account: int) -> list[Body]:
    """What the fund says when this account, in liquidation 1, is declared bankrupt."""
    fund = InsuranceFund(FundParameters(fee_bps=0, payment="whole"))
    fund.prime(book.ledger, ())
    declared = book.put(BankruptcyDeclared(1, account, 0, 0, "test"))
    return bodies(list(fund.handle(declared, book.ledger, 0)))


def test_binance_maintenance_amounts_are_continuous() -> None:
    """Binance FAQ ceccfcfb4e3a45e3b48b0b1bb1a8ae46, COIN-M level 5: 50 x (5% - 2.5%) + 0.56 = 1.81 BTC."""
    decimals = 10**8
    amount = 50 * decimals * (50_000 - 25_000) + 56 * decimals // 100 * 10**6
    assert Fraction(amount, decimals * 10**6) == Fraction("1.81")
    before, after = Tier(0, 25_000, 56 * decimals // 100 * 10**6), Tier(50 * decimals, 50_000, amount)
    at_floor = maintenance_microatoms((before, after), 50 * decimals)
    assert at_floor == maintenance_microatoms((before,), 50 * decimals) == Fraction("0.69") * decimals * 10**6


CENT_LOT = 10  # a tick of 0.01 on a lot of 0.001, in millionths of a dollar


def binance_book(*positions: tuple[str, str, str, int, int]) -> tuple[Book, int]:
    """Positions (quantity, entry, mark, rate in ppm, maintenance amount) of an account with 1,535,443.01."""
    tiers = [(Tier(0, rate, amount * USD * 10**6),) for *_, rate, amount in positions]
    book = Book(*(listed(i, tiers=t, multiplier_atoms=CENT_LOT) for i, t in enumerate(tiers)))
    book.mark(*(int(Fraction(mark) * 100) for _, _, mark, _, _ in positions))
    lots_and_entries = [
        (int(Fraction(quantity) * 1000), int(Fraction(entry) * 100)) for quantity, entry, *_ in positions
    ]
    held = [(i, lots, entry) for i, (lots, entry) in enumerate(lots_and_entries)]
    return book, book.user(int(Fraction("1535443.01") * USD), *held)


def test_binance_liquidation_price_isolated() -> None:
    """Binance FAQ: 109.488 BTC bought at 32,481.98, 2.5% less 16,300: the last range ends at 18,778.73."""
    book, account = binance_book(("109.488", "32481.98", "31967.27", 25_000, 16_300))
    end, before = 0, None
    while end != before:
        before = end
        margin = margin_of(book.account(account), book.ledger)
        end = SafeRanges(BPS).above(book.account(account), book.ledger, margin)[slot_of(0, MARK, FLOOR)]
        book.mark(end)
    assert end == 18_778_73
    book.mark(end - 1)
    assert slack(margin_of(book.account(account), book.ledger), BPS) < 0


def test_binance_liquidation_price_cross() -> None:
    """Binance FAQ: beside that BTC, 3,683.979 ETH bought at 1,456.84, 10% less 135,365: liquidated under 1,153.26."""
    book, account = binance_book(
        ("109.488", "32481.98", "31967.27", 25_000, 16_300), ("3683.979", "1456.84", "1335.18", 100_000, 135_365)
    )
    book.mark(None, 1_153_26)
    assert slack(margin_of(book.account(account), book.ledger), BPS) >= 0
    book.mark(None, 1_153_25)
    assert slack(margin_of(book.account(account), book.ledger), BPS) < 0


def test_bitmex_queue() -> None:
    """BitMEX autoDeleveragingExamples: a short of 20 at 650 against six longs by score: 10 of 2, then 10 of 5."""
    longs = {1: (10, 3), 2: (10, 6), 3: (20, 1), 4: (30, 4), 5: (20, 5), 6: (10, 2)}
    book = Book(listed())
    accounts = {name: book.user(100_000, (0, quantity, 500)) for name, (quantity, _) in longs.items()}
    short = book.user(0, (0, -20, 650))
    book.mark(700)
    ranks = Given({accounts[name]: score for name, (_, score) in longs.items()})
    said = deleveraged(book, short, ranks)
    names = {account: name for name, account in accounts.items()}
    assert [(names[b.account], -b.size_lots, b.price_ticks) for b in said] == [(2, 10, 650), (5, 10, 650)]
    order = sorted(longs, key=lambda name: -longs[name][1])
    assert order == [2, 5, 4, 1, 6, 3]


PAPER = {
    "A": (1, 2, 1, 0),
    "B": (1, 0.6666666666666666, 1, 0.3333333333333333),
    "C": (4, 2.6666666666666665, -1, 1.6666666666666667),
}
PAPER |= {"D": (1, 0.10526315789473684, 1, 0.8947), "E": (1, 0.10101010101010101, -1, 1.101)}


@pytest.mark.parametrize("row", PAPER.values(), ids=PAPER)
def test_paper_bankruptcy_prices(row: tuple[int, float, int, float]) -> None:
    """From arXiv 2512.01112 (paper/main_corrected.tex), bankruptcy prices of P5 at p0 = 1: max(p0 - c/(b q), 0)."""
    quantity, collateral, side, price = row
    scale = 10**9
    book = Book(listed())
    account = book.user(int(Fraction(collateral) * scale), (0, side * quantity, scale))
    book.mark(scale)
    found = Fraction(bankruptcy_price(book.account(account), book.ledger, (0, 0)), scale)
    assert abs(found - Fraction(price)) < Fraction(1, 10_000)

"""The table of postings: each row moves what it says and sums to zero, per asset and per instrument."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import msgspec
import pytest

from deleverage.events.bodies.auctions import AuctionOpened
from deleverage.events.bodies.chain import ChainBody
from deleverage.events.bodies.inputs import BalanceStated, PositionStated
from deleverage.events.bodies.liquidation import LiquidationOrdered, PositionTakenOver
from deleverage.events.bodies.listing import AccountOpened, AssetListed
from deleverage.events.bodies.loans import LoansBody
from deleverage.events.bodies.lots import LotsBody
from deleverage.events.bodies.venues import TransferArrived, TransferStarted
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.errors import LedgerError
from deleverage.events.ledger.postings import POSTINGS, Exchange, Payment, Swap, Trade
from deleverage.events.vocabulary import BODY_TYPES, TYPES_BY_NAME, Body

from .support.examples import EXAMPLES
from .support.made import made
from .support.venue import FEES, FUND, LIQUIDITY, OUTSIDE, Book, listed

ALICE, BOB, ELSEWHERE = 4, 5, 6
MONEY = {"amount_atoms": 70}
TRADED = {"instrument": 1, "leg": 0, "size_lots": -3, "price_ticks": 11, "value_atoms": -33}
FIELDS = {
    "account": ALICE,
    "to_account": BOB,
    "against": FUND,
    "fund": FUND,
    "bankrupt": BOB,
    "counterparty": LIQUIDITY,
    "payer": ALICE,
    "payee": BOB,
}
FIELDS |= {"liquidation_id": 1, "order_id": 1, "against_leg": 0, "counterparty_leg": 0, "cost_atoms": -33}
FIELDS |= {"balance_atoms": 1070} | MONEY | TRADED

# Who gains (money, lots of instrument 1) by each type: 70 atoms, or 3 lots sold for 33.
MOVED = {
    "Deposited": {ALICE: (70, 0), OUTSIDE: (-70, 0)},
    "Withdrawn": {ALICE: (-70, 0), OUTSIDE: (70, 0)},
    "Transferred": {ALICE: (-70, 0), BOB: (70, 0)},
    "BalanceStated": {ALICE: (70, 0), OUTSIDE: (-70, 0)},
    "CollateralAdded": {ALICE: (70, 0), OUTSIDE: (-70, 0)},
    "FeeCharged": {ALICE: (-70, 0), FEES: (70, 0)},
    "InsuranceFundCredited": {ALICE: (-70, 0), FUND: (70, 0)},
    "InsuranceFundDebited": {ALICE: (70, 0), FUND: (-70, 0)},
    "LossSocialized": {ALICE: (-70, 0), BOB: (70, 0)},
    "BalanceWrittenOff": {ALICE: (70, 0), FUND: (-70, 0)},
    "BatchSettled": {ALICE: (70, 0), FUND: (-70, 0)},
    "BailInCharged": {ALICE: (-70, 0), BOB: (70, 0)},
    "AdlPremiumPaid": {ALICE: (-70, 0), LIQUIDITY: (70, 0)},
    "AdlCompensated": {ALICE: (70, 0), LIQUIDITY: (-70, 0)},
    "PositionStated": {ALICE: (33, -3), LIQUIDITY: (-33, 3)},
    "TradeExecuted": {ALICE: (33, -3), LIQUIDITY: (-33, 3)},
    "PositionReduced": {ALICE: (33, -3), LIQUIDITY: (-33, 3)},
    "LiquidationFilled": {ALICE: (33, -3), LIQUIDITY: (-33, 3)},
    "PositionTakenOver": {ALICE: (-33, 3), FUND: (33, -3)},
    "PositionDeleveraged": {ALICE: (33, -3), FUND: (-33, 3)},
    "OrderFilled": {ALICE: (33, -3), LIQUIDITY: (-33, 3)},
    "CollateralWithdrawn": {ALICE: (-70, 0), OUTSIDE: (70, 0)},
    "TransferStarted": {ALICE: (-70, 0), OUTSIDE: (70, 0)},
    "TransferArrived": {ALICE: (70, 0), OUTSIDE: (-70, 0)},
    "AuctionFilled": {ALICE: (33, -3), LIQUIDITY: (-33, 3)},
    "VaultDeposited": {ALICE: (-70, 0), FUND: (70, 0)},
    "InterestCharged": {ALICE: (-70, 0), FEES: (70, 0)},
    "PluginPaid": {ALICE: (-70, 0), BOB: (70, 0)},
}
ELSEWHERE_MOVED = {"CoinStated", "CoinDeposited", "CoinWithdrawn", "CollateralSold", "RedemptionRequested"}
ELSEWHERE_MOVED |= {"RedemptionPaid"}
ELSEWHERE_MOVED |= {"OptionSettled"}  # an expired option at its payoff: test_options_ledger.py
ELSEWHERE_MOVED |= {
    kind.__name__ for kind in (*get_args(ChainBody), *get_args(LotsBody), *get_args(LoansBody)) if kind in POSTINGS
}
"""Types that move another asset than an account settles in: test_collateral_ledger.py and test_chain_ledger.py."""


def a_book() -> Book:
    """Two traders with 1000 atoms each and a bankrupt account whose liquidation is number 1."""
    book = Book(listed(0), listed(1), fund_atoms=500)
    book.user(1000), book.user(1000)
    return book


def prepare(book: Book, name: str) -> None:
    """What must have happened before an event of the type can."""
    if name in ("LiquidationFilled", "PositionTakenOver", "PositionDeleveraged"):
        book.bankrupt(ALICE)
    if name == "AuctionFilled":
        book.liquidate(ALICE)
        book.put(made(AuctionOpened, liquidation_id=1, order_id=1, account=ALICE, instrument=1, size_lots=-3))
    if name.startswith("Transfer") and name != "Transferred":
        book.put(AssetListed(1, "USDT@elsewhere", 6))
        for number, kind in ((ELSEWHERE, "outside"), (ELSEWHERE + 1, "user")):
            book.put(AccountOpened(number, f"{kind} elsewhere", "elsewhere", kind, "cross", 1))
    if name == "TransferArrived":
        book.put(TransferStarted(ELSEWHERE + 1, ALICE, 70, 1_000))


def moved_by(book: Book, body: Body) -> dict[int, tuple[int, int]]:
    """What an event changed: per account, money (balance less cost) and lots of instrument 1."""
    before = Counter(_holdings(book))
    book.put(body)
    change = Counter(_holdings(book))
    change.subtract(before)
    accounts = sorted({account for (account, _), amount in change.items() if amount})
    return {account: (change[account, "money"], change[account, "lots"]) for account in accounts}


def _holdings(book: Book) -> dict[tuple[int, str], int]:
    held: dict[tuple[int, str], int] = {}
    for account in book.ledger.accounts:
        positions = account.positions
        held[account.account, "money"] = account.balance_atoms - sum(p.cost_atoms for p in positions.values())
        held[account.account, "lots"] = sum(p.size_lots for (i, _), p in positions.items() if i == 1)
    return held


def example_of(name: str) -> Body:
    """A body of the type that moves 70 atoms or 3 lots between the parties above."""
    body_type = TYPES_BY_NAME[name]
    other = next(e for e in EXAMPLES if type(e) is body_type)
    return body_type(**{f: FIELDS.get(f, getattr(other, f)) for f in body_type.__struct_fields__})


@pytest.mark.parametrize("name", [kind.__name__ for kind in POSTINGS if kind.__name__ not in ELSEWHERE_MOVED])
def test_each_row_moves_what_it_says(name: str) -> None:
    """An event of the type moves money or lots between exactly its two parties, in opposite amounts."""
    book = a_book()
    prepare(book, name)
    body = example_of(name)
    if isinstance(body, TransferStarted):
        body = msgspec.structs.replace(body, to_account=ELSEWHERE + 1)
    if isinstance(body, TransferArrived):
        body = msgspec.structs.replace(body, transfer=next(iter(book.ledger.transfers)))
    moved = moved_by(book, body)
    assert moved == MOVED[name]
    assert [sum(amounts) for amounts in zip(*moved.values(), strict=True)] == [0, 0]


def test_every_type_that_names_an_amount_has_a_row() -> None:
    """No event can carry a value or an amount past the table, but for those that only tell of one."""
    telling = {"InputRefused", "DeleveragingStarted", "BadDebtRealised", "CollateralLooped", "LoopUnwound"}
    amounts = {"amount_atoms", "value_atoms", "balance_atoms", "cost_atoms"}
    named = {t.__name__ for t in BODY_TYPES if amounts & set(t.__struct_fields__)}
    assert {kind.__name__ for kind in POSTINGS} == named - telling == set(MOVED) | ELSEWHERE_MOVED


def test_rows_name_fields_that_their_type_has() -> None:
    """A row's parties, legs and amounts are fields of the body or accounts of the venue."""
    for kind, row in POSTINGS.items():
        if isinstance(row, Exchange):
            assert {row.giver, row.asset, row.amount, row.value} <= set(kind.__struct_fields__), kind.__name__
            continue
        if isinstance(row, Swap):
            fields = {row.giver, row.taker, row.asset, row.amount, row.value_asset, row.value, row.fee or row.amount}
            assert fields <= set(kind.__struct_fields__), kind.__name__
            continue
        parties = {row.payer, row.payee} if isinstance(row, Payment) else {row.taker, row.giver}
        names = parties - {"OUTSIDE", "LIQUIDITY", "FEES"}
        names |= (
            {row.amount, row.asset or row.amount} if isinstance(row, Payment) else {row.taker_leg, row.size, row.value}
        )
        names |= {row.giver_leg} - {None} if isinstance(row, Trade) else set()
        assert names <= set(kind.__struct_fields__), kind.__name__


def test_legs_go_where_the_row_says() -> None:
    """A takeover lands in the fund under its liquidation; a reduction takes from the leg it names."""
    book = a_book()
    book.hold(BOB, 1, 3, 11, leg=7)
    book.bankrupt(BOB)
    book.put(PositionTakenOver(1, BOB, FUND, 1, 7, 3, 33, 11))
    assert set(book.account(FUND).positions) == {(1, 1)}
    book.put(
        made(
            PositionDeleveraged,
            round=1,
            liquidation_id=1,
            against=FUND,
            against_leg=1,
            account=ALICE,
            instrument=1,
            leg=9,
            size_lots=3,
            price_ticks=11,
            value_atoms=33,
            rank=1,
            score=1,
        )
    )
    assert set(book.account(ALICE).positions) == {(1, 9)}
    assert book.account(FUND).positions == book.account(BOB).positions == {}


def test_a_stated_balance_is_what_the_account_then_has() -> None:
    """Stated twice, the second counts, and the difference is the outside world's."""
    book = a_book()
    book.put(BalanceStated(ALICE, 40))
    assert book.account(ALICE).balance_atoms == 40
    assert moved_by(book, BalanceStated(ALICE, 45)) == {OUTSIDE: (-5, 0), ALICE: (5, 0)}


def test_unlike_assets_do_not_mix() -> None:
    """A payment between accounts of two assets is refused."""
    book = a_book()
    book.put(AssetListed(1, "BTC", 8))
    book.put(AccountOpened(6, "carol", "test", "user", "cross", 1))
    with pytest.raises(LedgerError, match="Transferred between accounts 4 and 6 of unlike assets"):
        book.put(TYPES_BY_NAME["Transferred"](ALICE, 6, 10))


def test_a_missing_venue_account_is_named() -> None:
    """Money from outside needs the outside world's account of that asset."""
    book = a_book()
    book.put(AssetListed(1, "BTC", 8))
    book.put(AccountOpened(6, "carol", "test", "user", "cross", 1))
    with pytest.raises(LedgerError, match="asset 'BTC' has no outside account; open one before it is needed"):
        book.put(TYPES_BY_NAME["Deposited"](6, 10))


def test_a_fill_without_its_liquidation_is_refused() -> None:
    """A forced order or fill of a liquidation that is not open cannot be followed."""
    book = a_book()
    for body in (
        made(
            LiquidationOrdered,
            liquidation_id=3,
            order_id=1,
            account=ALICE,
            instrument=1,
            size_lots=-1,
            step=1,
            whole=True,
        ),
        example_of("LiquidationFilled"),
    ):
        with pytest.raises(LedgerError, match=r"liquidation \d is not open"):
            book.put(body)


def test_opening_positions_are_held_against_outside_liquidity() -> None:
    """Stated positions of both sides leave outside liquidity with their net, so sizes sum to zero from the start."""
    book = a_book()
    book.put(PositionStated(ALICE, 1, 0, 5, 50))
    book.put(PositionStated(BOB, 1, 0, -2, -22))
    assert book.account(LIQUIDITY).positions[1, 0].size_lots == -3
    book.ledger.check()

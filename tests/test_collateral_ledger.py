"""Balances per asset: what coins move, what they are worth, and that each asset sums to zero."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.collateral import (
    CoinDeposited,
    CoinStated,
    CoinWithdrawn,
    CollateralRated,
    CollateralSold,
    CollateralTier,
    ConversionPriced,
    InterestCharged,
)
from deleverage.events.bodies.listing import AssetListed
from deleverage.events.bodies.redemption import RedemptionPaid, RedemptionRequested
from deleverage.events.bodies.run import Producer
from deleverage.events.bodies.venue import TimerSet
from deleverage.events.codec import decode_event, encode_event
from deleverage.events.errors import LedgerError
from deleverage.events.ledger.conversion import Conversion
from deleverage.events.ledger.state import LedgerState, PendingTimer
from deleverage.handlers.collateral.rules import first_interest
from deleverage.handlers.valuation import margin_of

from .support.collateral import COIN, SPOT, CoinBook
from .support.made import made
from .support.venue import FEES, LIQUIDITY, OUTSIDE


def a_book() -> tuple[CoinBook, int]:
    """An account with 1,000 atoms and 500 coins worth 20 each; of the first 100 coins 90% count, then half."""
    book = CoinBook()
    user = book.user(1_000)
    book.put(CollateralRated(COIN, SPOT, (CollateralTier(0, 900_000), CollateralTier(100, 500_000))))
    book.put(CoinStated(user, COIN, 500))
    book.price(20)
    return book, user


def test_coins_are_kept_beside_the_balance_and_worth_what_their_price_says() -> None:
    """500 coins at 20 are 10,000; of them 100 x 0.9 + 400 x 0.5 = 290 count, which is 5,800."""
    book, user = a_book()
    margin = margin_of(book.account(user), book.ledger)
    assert book.account(user).coins == {COIN: 500}
    assert (margin.equity_atoms, margin.haircut_atoms, margin.collateral_atoms) == (11_000, 4_200, 6_800)


def test_every_event_of_coins_moves_exactly_its_two_parties() -> None:
    """A deposit, a withdrawal, a sale and interest: the coin and the money each sum to zero after each of them."""
    book, user = a_book()
    held = {"coins": 500, "money": 1_000}
    sale = made(
        CollateralSold,
        account=user,
        asset=COIN,
        instrument=SPOT,
        amount_atoms=50,
        value_atoms=950,
        size_lots=-50,
        price_ticks=19,
        eaten_lots=50,
    )
    for body, coins, money in (
        (CoinDeposited(user, COIN, 30), 30, 0),
        (CoinWithdrawn(user, COIN, 10), -10, 0),
        (sale, -50, 950),
        (InterestCharged(user, 7, 70, 10**8), 0, -7),
        (RedemptionRequested(user, COIN, SPOT, 20, 20, 0, 5), -20, 0),
    ):
        book.put(body)
        book.ledger.check()
        held["coins"] += coins
        held["money"] += money
        assert (book.account(user).coins[COIN], book.account(user).balance_atoms) == tuple(held.values())
    assert book.account(FEES).balance_atoms == 7
    assert book.account(LIQUIDITY).balance_atoms == -950
    assert book.ledger.accounts[book.coin_liquidity].balance_atoms == 50
    assert book.account(OUTSIDE).balance_atoms == -1_000


def test_a_redemption_is_kept_until_it_is_paid_and_paid_once() -> None:
    """The coins are gone when it is requested; the money comes when it is paid, to whoever requested it."""
    book, user = a_book()
    seq = book.put(RedemptionRequested(user, COIN, SPOT, 100, 20, 0, 5)).seq
    assert (book.account(user).coins, list(book.ledger.redemptions)) == ({COIN: 400}, [seq])
    other = book.user(0)
    with pytest.raises(LedgerError, match=f"redemption {seq} is paid to account {other}"):
        book.put(RedemptionPaid(other, SPOT, 2_100, 21, seq))


def test_a_redemption_is_paid_once_and_of_what_there_is() -> None:
    """A second payment, and a request for more than the account has, are the record's fault."""
    book, user = a_book()
    seq = book.put(RedemptionRequested(user, COIN, SPOT, 100, 20, 0, 5)).seq
    book.put(RedemptionPaid(user, SPOT, 2_100, 21, seq))
    book.ledger.check()
    assert (book.account(user).balance_atoms, book.ledger.redemptions) == (3_100, {})
    assert book.account(OUTSIDE).balance_atoms == -3_100
    with pytest.raises(LedgerError, match="which has none of that number"):
        book.put(RedemptionPaid(user, SPOT, 1, 21, seq))
    with pytest.raises(LedgerError, match="is of more of asset 1 than"):
        book.put(RedemptionRequested(user, COIN, SPOT, 401, 20, 0, 5))


def test_what_is_all_gone_is_not_kept() -> None:
    """An account without coins is one that never had any: its bytes are the same."""
    book, user = a_book()
    book.put(CoinWithdrawn(user, COIN, 500))
    assert book.account(user).coins == {}


def test_a_coin_that_is_not_converted_is_no_collateral() -> None:
    """What no price converts into the account's own asset cannot be held by it."""
    book, user = a_book()
    with pytest.raises(LedgerError, match="is not converted"):
        book.put(CoinDeposited(user, COIN + 1, 10))


def test_a_conversion_is_set_once_and_by_what_is_listed() -> None:
    """A second one, one by an instrument that is not there, and one of an asset into itself are refused."""
    book, _ = a_book()
    for asset, quote, instrument in ((COIN, 0, SPOT), (0, COIN, 9), (COIN, COIN, SPOT)):
        with pytest.raises(LedgerError, match="cannot be converted"):
            book.convert(asset, quote, instrument)


def test_the_ledger_with_coins_survives_its_own_bytes() -> None:
    """The canonical bytes hold the coins and the conversions."""
    book, _ = a_book()
    other, _ = a_book()
    assert book.ledger.encode() == other.ledger.encode()
    book.price(21)
    assert book.ledger.encode() != other.ledger.encode()


def test_the_events_survive_their_bytes() -> None:
    """Decoding gives the tiers back as they were."""
    book, _ = a_book()
    rated = next(event for event in book.events if isinstance(event.body, CollateralRated))
    assert decode_event(encode_event(rated)) == rated


TIERS = st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), max_size=4)


@given(
    tiers=TIERS,
    first_ppm=st.integers(0, 10**6),
    atoms=st.integers(-(10**9), 10**9),
    price=st.integers(1, 10**9),
    scale=st.tuples(st.integers(1, 10**9), st.integers(1, 10**6)),
)
def test_what_counts_is_what_a_sum_over_atoms_says(
    tiers: list[tuple[int, int]], first_ppm: int, atoms: int, price: int, scale: tuple[int, int]
) -> None:
    """Tier by tier; never more than the worth; and the ends of prices are exactly where the value changes."""
    floors = {0: first_ppm} | dict(tiers)
    rows = tuple(CollateralTier(floor, floors[floor]) for floor in sorted(floors))
    one = Conversion(1, 0, 0, *scale, rows, price, price)
    counted, ends = one.counted_microatoms(atoms), [row.floor_atoms for row in rows[1:]] + [None]
    slow = sum(
        row.ratio_ppm * max(0, (atoms if end is None else min(end, atoms)) - row.floor_atoms)
        for row, end in zip(rows, ends, strict=True)
    )
    assert counted == (slow if atoms > 0 else atoms * 10**6)
    assert one.counted_atoms(atoms) <= one.worth_atoms(atoms)
    if counted:
        value, up = one.counted_atoms(atoms), 1 if counted > 0 else -1
        least, most = one.price_at_least(counted, value), one.price_at_most(counted, value)
        assert [_value(one, counted, ticks) for ticks in (least, most)] == [value, value]
        assert _value(one, counted, least - up) < value < _value(one, counted, most + up)


def _value(one: Conversion, counted: int, ticks: int) -> int:
    return counted * ticks * one.quote_atoms // (one.asset_atoms * 10**6)


def test_a_price_is_set_by_its_event() -> None:
    """Both prices and who set them are kept."""
    book, _ = a_book()
    book.put(ConversionPriced(COIN, SPOT, 19, 20))
    kept = book.ledger.conversions[COIN]
    assert (kept.index_ticks, kept.price_ticks, kept.priced_seq) == (19, 20, book.ledger.seq - 1)


def test_interest_begins_once_at_each_venue() -> None:
    """With the first asset that is converted there, whatever another venue has begun with."""
    ledger = LedgerState(producers=tuple(Producer(f"collateral@{venue}", "haircut", "1", {}) for venue in "ab"))
    for number, name in enumerate(("USDT@a", "COIN@a", "COIN2@a", "USDT@b", "COIN@b")):
        ledger.assets.append(AssetListed(number, name, 6))
    ledger.conversions = {asset: Conversion(asset, quote, 0, 1, 1) for asset, quote in ((1, 0), (2, 0), (4, 3))}
    begun = {asset: list(first_interest(ledger, asset, "interest", 5)) for asset in ledger.conversions}
    assert begun == {1: [TimerSet("interest", 5)], 2: [], 4: [TimerSet("interest", 5)]}
    ledger.timers[9] = PendingTimer(0, TimerSet("interest", 5))
    assert [list(first_interest(ledger, asset, "interest", 5)) for asset in (1, 4)] == [[], [TimerSet("interest", 5)]]

"""Ranges: within them an account is surely safe, they end where it is not, and the index knows who left his."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.margin import FundingAccrued, MarkPriced
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.ledger import Account, Ledger
from deleverage.events.payoff import PRICE_TICKS_MOST
from deleverage.handlers.ranges import CEILING, FLOOR, FUNDING, MARK, RangeIndex, conversion_slot, new_index, slot_of
from deleverage.handlers.safe_ranges import SafeRanges, outlasts, tightest
from deleverage.handlers.valuation import BPS, margin_of, slack

from .support.made import made
from .support.oracles import equity, requirement, requirement_of
from .support.venue import LIQUIDITY, Book, listed, tiers_of
from .support.worlds import START_PRICE, books

LEVELS = st.sampled_from([BPS, 12_500, 15_000])
FAR = 10**30


def ranges_above(account: Account, ledger: Ledger, level_bps: int) -> dict[int, int]:
    """The ranges of an account that is at or above the level."""
    return SafeRanges(level_bps).above(account, ledger, margin_of(account, ledger))


def ranges_below(account: Account, ledger: Ledger, level_bps: int) -> dict[int, int]:
    """The ranges of an account that is below the level."""
    return SafeRanges(level_bps).below(account, ledger, margin_of(account, ledger))


def is_under(account: Account, ledger: Ledger, level_bps: int) -> bool:
    """Whether equity is below the level of the requirement, in fractions."""
    return equity(account, ledger) * BPS < level_bps * requirement_of(account, ledger)


def within(draw: st.DrawFn, low: int, high: int, now: int, reach: int) -> int:
    """A number from low to high, near now, often one of the ends."""
    low, high = max(low, now - reach), min(high, now + reach)
    return draw(st.one_of(st.sampled_from(sorted({low, high})), st.integers(low, high)))


def moved_within(draw: st.DrawFn, book: Book, ends: dict[int, int]) -> None:
    """New marks and cumulative funding, every one of them within its range."""
    for i, market in enumerate(book.ledger.markets):
        low, high = ends.get(slot_of(i, MARK, FLOOR), 1), ends.get(slot_of(i, MARK, CEILING), FAR)
        price = within(draw, max(1, low), high, market.mark_ticks, 3000)
        now = market.cumulative_funding_nanoatoms
        low, high = ends.get(slot_of(i, FUNDING, FLOOR), -FAR), ends.get(slot_of(i, FUNDING, CEILING), FAR)
        book.put(FundingAccrued(i, 1, 1, within(draw, low, high, now, 10**13) - now))
        book.put(MarkPriced(i, price, 0, price))


def above(account: Account, book: Book, level: int) -> dict[int, int]:
    """The ranges within which the account stays at or above the level."""
    return SafeRanges(level).above(account, book.ledger, margin_of(account, book.ledger))


def below(account: Account, book: Book, level: int) -> dict[int, int]:
    """The ranges within which the account stays below the level."""
    return SafeRanges(level).below(account, book.ledger, margin_of(account, book.ledger))


@settings(max_examples=200, deadline=None)
@given(books(traders_most=3), LEVELS, st.integers(-(10**12), 10**12), st.data())
def test_within_its_ranges_an_account_keeps_its_side(book: Book, level: int, funding: int, data: st.DataObject) -> None:
    """Above a level it stays above, below it stays below, wherever in their ranges marks and funding go together."""
    book.put(FundingAccrued(0, 1, 1, funding))
    sides = {}
    for account in book.ledger.accounts[4:]:
        room = slack(margin_of(account, book.ledger), level)
        side = ranges_above if room >= 0 else ranges_below
        sides[account.account] = room < 0, side(account, book.ledger, level)
    number = data.draw(st.sampled_from(sorted(sides)))
    was_under, ends = sides[number]
    assert is_under(book.account(number), book.ledger, level) == was_under
    moved_within(data.draw, book, ends)
    assert is_under(book.account(number), book.ledger, level) == was_under


@given(st.integers(-60, 60).filter(bool), st.integers(0, 900), LEVELS, st.data())
def test_for_one_instrument_the_range_ends_at_the_liquidation_price(
    lots: int, spare: int, level: int, data: st.DataObject
) -> None:
    """Near the level the range ends at the last price at which the account is safe, across tiers, long and short."""
    tiers = data.draw(
        st.sampled_from([((0, 50_000),), ((0, 10_000), (20_000, 40_000)), ((0, 5_000), (9_999, 300_000))])
    )
    book = Book(listed(tiers=tiers_of(*tiers)))
    book.mark(START_PRICE)
    needed = requirement(book.ledger.markets[0].listing.tiers, abs(lots) * START_PRICE) * level / BPS
    number = book.user(int(needed) + 1 + abs(lots) * spare // 60, (0, lots, START_PRICE))
    account = book.account(number)
    ends = ranges_above(account, book.ledger, level)
    end = ends[slot_of(0, MARK, FLOOR if lots > 0 else CEILING)]
    assert slot_of(0, MARK, CEILING if lots > 0 else FLOOR) not in ends
    book.mark(end)
    assert not is_under(account, book.ledger, level)
    book.mark(end - 1 if lots > 0 else end + 1)
    assert is_under(account, book.ledger, level)


@given(st.integers(-60, 60).filter(bool), st.integers(0, 900), LEVELS, st.data())
def test_for_one_inverse_instrument_it_ends_there_too(lots: int, spare: int, level: int, data: st.DataObject) -> None:
    """Value is not straight in the price and is rounded: the last price at which the account is safe all the same."""
    tiers = data.draw(
        st.sampled_from([((0, 50_000),), ((0, 10_000), (20_000, 40_000)), ((0, 5_000), (9_999, 300_000))])
    )
    book = Book(listed(tiers=tiers_of(*tiers), kind="inverse", multiplier_atoms=START_PRICE**2))
    book.mark(START_PRICE)
    needed = requirement(book.ledger.markets[0].listing.tiers, abs(lots) * START_PRICE) * level / BPS
    account = book.account(book.user(int(needed) + 1 + abs(lots) * spare // 60, (0, lots, START_PRICE)))
    ends = ranges_above(account, book.ledger, level)
    end = ends[slot_of(0, MARK, FLOOR if lots > 0 else CEILING)]
    assert slot_of(0, MARK, CEILING if lots > 0 else FLOOR) not in ends
    book.mark(end)
    assert not is_under(account, book.ledger, level)
    book.mark(end - 1 if lots > 0 else end + 1)
    assert is_under(account, book.ledger, level) or (lots < 0 and end == PRICE_TICKS_MOST)


def test_the_last_of_a_far_accounts_ranges_ends_there_too() -> None:
    """Far from the level funding keeps a share; following the end and arming again comes to the liquidation price."""
    book = Book(listed(tiers=tiers_of((0, 50_000))))
    book.mark(1000)
    account = book.account(book.user(60_000, (0, 100, 1000)))
    ends, looks = [1000], 0
    while looks == 0 or ends[-1] < ends[-2]:
        looks += 1
        ends.append(ranges_above(account, book.ledger, BPS)[slot_of(0, MARK, FLOOR)])
        book.mark(ends[-1])
    assert ends[-1] == 422  # the first whole price at which 60,000 + 100 x (price - 1000) >= 5% of 100 x price
    assert looks <= 4


@given(st.integers(-60, 60).filter(bool), st.integers(1, 400))
def test_in_one_tier_the_range_below_ends_at_recovery(lots: int, missing: int) -> None:
    """Under a level, the end of the range is the last price at which the account is still under it."""
    book = Book(listed(tiers=tiers_of((0, 50_000))))
    book.mark(START_PRICE)
    account = book.account(book.user(abs(lots) * 50 - missing, (0, lots, START_PRICE)))
    ends = ranges_below(account, book.ledger, BPS)
    end = ends[slot_of(0, MARK, CEILING if lots > 0 else FLOOR)]
    book.mark(end)
    assert is_under(account, book.ledger, BPS)
    book.mark(end + 1 if lots > 0 else end - 1)
    assert not is_under(account, book.ledger, BPS)


@given(st.sampled_from([-3, -2, -1, 1, 2, 3]), st.integers(0, 5_000), LEVELS)
def test_mark_and_funding_at_both_their_ends_are_safe(lots: int, spare: int, level: int) -> None:
    """With a lot or three there is nothing in the ticks to hide an atom too much: the sum of both shares is kept."""
    book = Book(listed(tiers=tiers_of((0, 1_000))))
    book.mark(START_PRICE)
    account = book.account(book.user(abs(lots) * START_PRICE // 50 + spare, (0, lots, START_PRICE)))
    ends = ranges_above(account, book.ledger, level)
    mark, side = (FLOOR, CEILING) if lots > 0 else (CEILING, FLOOR)
    book.mark(max(1, ends[slot_of(0, MARK, mark)]))
    book.put(FundingAccrued(0, 1, 1, ends[slot_of(0, FUNDING, side)]))
    assert not is_under(account, book.ledger, level)


def test_near_the_level_any_funding_paid_is_looked_at() -> None:
    """Close to liquidation the funding axis ends at today's rate on the side that pays, and is open on the other."""
    book = Book(listed(tiers=tiers_of((0, 50_000))))
    book.mark(1000)
    for lots, side in ((10, CEILING), (-10, FLOOR)):
        account = book.account(book.user(510, (0, lots, 1000)))
        ends = ranges_above(account, book.ledger, BPS)
        assert ends[slot_of(0, FUNDING, side)] == 0
        assert slot_of(0, FUNDING, 1 - side) not in ends


def test_an_account_without_positions_has_no_ranges() -> None:
    """Nothing that moves can touch it."""
    book = Book()
    account = book.account(book.user(10))
    assert ranges_above(account, book.ledger, BPS) == {}
    assert ranges_below(account, book.ledger, BPS) == {}


def test_the_tightest_end_counts() -> None:
    """Of two sets of ranges the nearer end on every side: floors the higher, ceilings the lower."""
    floor, ceiling, other = slot_of(0, MARK, FLOOR), slot_of(0, MARK, CEILING), slot_of(1, MARK, FLOOR)
    assert tightest({floor: 3, ceiling: 9}, {floor: 5, ceiling: 8, other: 1}) == {floor: 5, ceiling: 8, other: 1}


ENDS = st.dictionaries(st.integers(0, 7), st.integers(-(10**12), 10**12) | st.integers(-5, 5), max_size=4)
CHANGES = st.lists(st.dictionaries(st.integers(0, 40), ENDS, max_size=30), max_size=8)


def crossed(armed: dict[int, dict[int, int]], floors: int, value: int) -> set[int]:
    """Who left a range on this axis, by looking at everybody."""
    below = {a for a, ends in armed.items() if floors in ends and value < ends[floors]}
    return below | {a for a, ends in armed.items() if floors + CEILING in ends and value > ends[floors + CEILING]}


indices = pytest.mark.parametrize("empty", [RangeIndex, new_index], ids=["plain", "core"])


@indices
@settings(max_examples=200, deadline=None)
@given(CHANGES, st.lists(st.integers(-(10**12), 10**12) | st.integers(-6, 6), min_size=1, max_size=6))
def test_the_index_is_a_table_of_ends(
    empty: Callable[[], RangeIndex], rounds: list[dict[int, dict[int, int]]], values: list[int]
) -> None:
    """Whoever is armed, armed again, or disarmed: those who crossed are exactly those whose end was passed."""
    index, armed = empty(), dict[int, dict[int, int]]()
    index.grow(2)
    for changes in rounds:
        for account, ends in changes.items():
            index.arm(account, ends)
        index.settle()
        armed = {account: ends for account, ends in (armed | changes).items() if ends}
        assert len(index) == len(armed)
        for instrument, value in [(i, v) for i in (0, 1) for v in values]:
            marks, funding = slot_of(instrument, MARK, FLOOR), slot_of(instrument, FUNDING, FLOOR)
            assert_same(index.crossed_by_mark(instrument, value), crossed(armed, marks, value))
            assert_same(index.crossed_by_funding(instrument, value), crossed(armed, funding, value))
            outside = value < index.floor_ticks[instrument] or value > index.ceiling_ticks[instrument]
            assert outside == bool(crossed(armed, marks, value))


def assert_same(found: Iterable[int], expected: set[int]) -> None:
    """The same accounts, whatever their order."""
    assert set(found) == expected


@indices
@pytest.mark.parametrize("accounts", [10, 1000])
def test_single_changes_and_changes_in_bulk_agree(empty: Callable[[], RangeIndex], accounts: int) -> None:
    """Replacing one end among many, or all of them, leaves the same table."""
    index, slot = empty(), slot_of(0, MARK, FLOOR)
    index.grow(1)
    for account in range(accounts):
        index.arm(account, {slot: account})
    index.settle()
    index.arm(3, {slot: 10**6})
    index.settle()
    assert set(index.crossed_by_mark(0, accounts)) == {3}
    assert index.floor_ticks[0] == 10**6


@indices
def test_the_range_of_an_asset_is_no_end_of_a_mark(empty: Callable[[], RangeIndex]) -> None:
    """Whatever the price of an asset may do, marks come to their own ends first, as if nobody held coins."""
    index = empty()
    index.grow(1, 3)
    index.arm(7, {slot_of(0, MARK, FLOOR): 90, slot_of(0, MARK, CEILING): 120})
    for asset in range(3):
        index.arm(8 + asset, {conversion_slot(asset, FLOOR): 100, conversion_slot(asset, CEILING): 101})
    index.settle()
    assert (index.floor_ticks, index.ceiling_ticks) == ([90], [120])
    assert list(index.crossed_by_mark(0, 89)) == [7]
    assert [list(index.crossed_by_conversion(asset, 99)) for asset in range(3)] == [[8], [9], [10]]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(books(traders_most=3), LEVELS, st.data())
def test_ranges_outlast_a_reduction_at_a_price_within_them(book: Book, level: int, data: st.DataObject) -> None:
    """Where `outlasts` says so the account stays above the level wherever in its old ranges marks and funding go."""
    safe = [one for one in book.ledger.accounts[4:] if one.positions and not is_under(one, book.ledger, level)]
    assume(safe)
    account = data.draw(st.sampled_from(safe))
    ends = ranges_above(account, book.ledger, level)
    (instrument, leg), held = data.draw(st.sampled_from(sorted(account.positions.items(), key=lambda item: item[0])))
    before = held.size_lots
    sides = [slot_of(instrument, MARK, side) for side in (FLOOR, CEILING)]
    near, other = sides if before > 0 else reversed(sides)
    assume(leg == 0 and near in ends and other not in ends)
    closed = data.draw(st.integers(1, abs(before))) * (1 if before > 0 else -1)
    market = book.ledger.markets[instrument]
    price = max(1, ends[near] + data.draw(st.integers(-3, 40)) * (1 if before > 0 else -1))
    value = market.payoff.value_atoms(-closed, price)
    reduced = made(
        PositionDeleveraged,
        against=LIQUIDITY,
        account=account.account,
        instrument=instrument,
        size_lots=-closed,
        price_ticks=price,
        value_atoms=value,
        rank=1,
    )
    book.put(reduced)
    if outlasts(market, ends[near], before, before - closed, -value):
        moved_within(data.draw, book, ends)
        assert not is_under(account, book.ledger, level)


def test_a_reduction_beyond_the_end_may_leave_less_than_there_was() -> None:
    """A long with a floor of 422: sold above it the range holds; at it, or of a position that grew, nobody says so."""
    (market,) = Book(listed(tiers=tiers_of((0, 50_000)))).ledger.markets
    assert outlasts(market, 422, 100, 40, 60 * 423)
    assert not outlasts(market, 422, 100, 40, 60 * 422)
    assert not outlasts(market, 422, 40, 100, 60 * 423)
    assert not outlasts(market, 422, 40, -20, 60 * 423)

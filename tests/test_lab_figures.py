"""What the lab measures: every figure worked out by hand on runs made by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.liquidation import LiquidationEnded
from deleverage.events.bodies.waterfall import (
    DeleveragingEnded,
    DeleveragingStarted,
    LossSocialized,
    PositionDeleveraged,
    ShortfallDeclared,
)
from deleverage.replay.lab.meter import Figures, Meter, measured
from deleverage.replay.lab.metrics import metrics_of, rounded, shown
from deleverage.replay.lab.scores import interval_place, spread
from deleverage.replay.lab.waves import gini

from .support.made import made
from .support.squeeze import USDT, squeeze
from .support.venue import Book, filled

SECOND = 10**9
LOSER, FIRST, SECOND_WINNER = 4, 5, 6


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """The squeeze, measured: round 1 closes 10 lots at 600 on a mark of 590, round 2 one at 870 on a mark of 560."""
    return measured(squeeze(tmp_path_factory.mktemp("lab") / "squeeze.run").events())


def test_what_was_closed(figures: Figures) -> None:
    """Bert's 6 lots and 5 of cleo's were closed, in contracts and in what they were traded at."""
    assert figures.accounts_deleveraged == 2
    assert figures.lots_deleveraged == {"I0": 11}
    assert figures.value_deleveraged_atoms == (10 * 600 + 870) * USDT


def test_what_was_taken_and_what_was_needed(figures: Figures) -> None:
    """Each lot cost what its price was off the mark: 10 lots by 10, one by 310; nothing beyond that."""
    assert figures.equity_taken_atoms == figures.equity_needed_atoms == 410 * USDT


def test_the_largest_share(figures: Figures) -> None:
    """Cleo gave 310 of 12,480 in the second wave, more than bert's 60 of 3,460 in the first."""
    assert Fraction(*figures.share_taken_max) == Fraction(310, 12_480)


def test_the_gini_counts_who_was_spared(figures: Figures) -> None:
    """Three accounts had won: 350 were taken from cleo, 60 from bert, nothing from emil."""
    assert figures.gini == Fraction(2 * 350, 3 * 410).as_integer_ratio()


def test_survivors_against_deficits(figures: Figures) -> None:
    """In the first wave cleo kept 2,420 of profit for a deficit of 100; in the second 570 for one of 10."""
    assert figures.ptsr == figures.pmr == Fraction(2_420, 100).as_integer_ratio()


def test_the_rest_of_the_waterfall(figures: Figures) -> None:
    """The fund got back what it had paid for ivan's lot; anna and ivan were bankrupt; nobody shared a loss."""
    assert figures.fund_used_atoms == 0
    assert figures.accounts_bankrupt == 2
    assert (figures.socialised_loss_atoms, figures.written_off_atoms) == (0, 0)


def test_the_time_to_solvency(figures: Figures) -> None:
    """From the shortfall at 3 s to the end of the last round at 12 s."""
    assert figures.time_to_solvency_ns == 9 * SECOND
    assert figures.solvent


def crowd() -> Book:
    """A loser long 10 at 100 with 200, two winners short 5 at 100 with 1,000 each; the mark is at 70."""
    book = Book()
    book.user(200, (0, 10, 100))
    book.user(1_000, (0, -5, 100))
    book.user(1_000, (0, -5, 100))
    book.mark(70)
    return book


def started(book: Book, number: int, lots: int, value: int) -> None:
    """A round against the loser."""
    body = made(
        DeleveragingStarted,
        round=number,
        trigger="bankruptcy",
        liquidation_id=1,
        policy="test",
        account=LOSER,
        size_lots=lots,
        value_atoms=value,
        price_ticks=value // lots,
        candidates=2,
        ranking_digest=bytes(32),
    )
    book.put(body)


def reduced(book: Book, number: int, account: int, lots: int, price: int) -> None:
    """A winner buys back so many lots from the loser."""
    book.put(
        made(
            PositionDeleveraged,
            round=number,
            liquidation_id=1,
            against=LOSER,
            account=account,
            size_lots=lots,
            price_ticks=price,
            value_atoms=lots * price,
            rank=1,
        )
    )


def ended(book: Book, number: int, lots: int) -> None:
    """The round is over."""
    book.put(DeleveragingEnded(number, "bankruptcy", 1, LOSER, 0, 0, lots, 0))


def two_rounds(book: Book, later_ns: int) -> None:
    """Four lots of the loser are closed at a mark of 70, and five of the other six later, at 60."""
    started(book, 1, 4, 320)
    reduced(book, 1, FIRST, 4, 80)
    ended(book, 1, 4)
    book.now_ns = later_ns
    book.mark(60)
    started(book, 2, 6, 480)
    reduced(book, 2, SECOND_WINNER, 5, 80)
    ended(book, 2, 5)


def test_a_wave_is_valued_at_its_last_reduction() -> None:
    """Two rounds 4 s apart are one wave: the first one's reduction costs what the second one's mark says."""
    book = crowd()
    book.bankrupt(LOSER)
    book.put(ShortfallDeclared(1, LOSER, "bankruptcy", 100, 0))
    two_rounds(book, 4 * SECOND)
    found = measured(book.events)
    assert found.equity_taken_atoms == 4 * 20 + 5 * 20
    assert found.equity_needed_atoms == 4 * 10 + 5 * 20
    assert found.ptsr == Fraction(5 * 30 - 4 * 20, 100).as_integer_ratio()
    assert Fraction(*found.share_taken_max) == Fraction(100, 1_000 + 5 * 40)


def test_after_five_seconds_a_wave_is_another() -> None:
    """Five seconds later the first reduction keeps the mark that it met."""
    book = crowd()
    book.bankrupt(LOSER)
    two_rounds(book, 5 * SECOND)
    assert measured(book.events).equity_taken_atoms == 4 * 10 + 5 * 20


def test_a_gain_from_one_is_no_relief_for_another() -> None:
    """Who is closed on the right side of the mark gave nothing, yet it is counted into what was needed."""
    book = crowd()
    book.bankrupt(LOSER)
    started(book, 1, 10, 700)
    reduced(book, 1, FIRST, 5, 80)
    reduced(book, 1, SECOND_WINNER, 5, 60)
    ended(book, 1, 10)
    found = measured(book.events)
    assert (found.equity_taken_atoms, found.equity_needed_atoms) == (50, 100)


def test_socialised_losses_are_added_up() -> None:
    """What two accounts paid of a loss, in atoms."""
    book = crowd()
    book.bankrupt(LOSER)
    for account, atoms in ((FIRST, 30), (SECOND_WINNER, 12)):
        book.put(LossSocialized(1, LOSER, account, atoms))
    assert measured(book.events).socialised_loss_atoms == 42


def filled_in(book: Book, lots: int, cause: int | None) -> int:
    """A forced order of the loser's fills; gives the number of the event."""
    trade = book.ledger.trades + 1
    body = filled(LOSER, -lots, 70, trade_id=trade, eaten_lots=lots)
    return book.put(body, cause=cause).seq


def test_the_depth_counts_fills_along_causes() -> None:
    """Two fills of one order stand side by side; a third that one of them caused is one deeper."""
    book = crowd()
    root = book.bankrupt(LOSER).seq
    first = filled_in(book, 1, root)
    filled_in(book, 1, root)
    assert measured(book.events).cascade_depth_fills == 1
    filled_in(book, 1, first)
    assert measured(book.events).cascade_depth_fills == 2


def test_a_liquidation_in_progress_is_waited_for() -> None:
    """Solvency comes when the liquidation that was open at the last shortfall has ended, and not before."""
    book = crowd()
    book.bankrupt(LOSER)
    book.put(ShortfallDeclared(1, LOSER, "bankruptcy", 100, 0))
    book.now_ns = 3 * SECOND
    book.mark(71)
    found = measured(book.events)
    assert (found.time_to_solvency_ns, found.solvent) == (3 * SECOND, False)
    book.now_ns = 7 * SECOND
    book.put(LiquidationEnded(1, LOSER, "bankrupt", 0))
    book.now_ns = 9 * SECOND
    book.mark(72)
    found = measured(book.events)
    assert (found.time_to_solvency_ns, found.solvent) == (7 * SECOND, True)


def test_a_calm_run_has_nothing_to_tell() -> None:
    """Without a shortfall everything is zero, and what would be a ratio of nothing is None."""
    found = measured(crowd().events)
    assert (found.accounts_deleveraged, found.equity_taken_atoms, found.time_to_solvency_ns) == (0, 0, 0)
    assert (found.gini, found.ptsr, found.pmr, found.solvent) == (None, None, None, True)


def test_every_metric_says_its_unit(figures: Figures) -> None:
    """Contracts, value of contracts and equity are told apart, and each figure reads as a person would write it."""
    told = {metric.name: (metric.unit, shown(metric.value(figures), metric)) for metric in metrics_of(figures)}
    assert told["contracts_deleveraged:I0"] == ("contracts, in units", "11")
    assert told["contract_value_deleveraged"] == ("USDT, value of contracts", "6,870.00")
    assert told["equity_taken"] == ("USDT of equity", "410.00")
    assert told["equity_overshoot"] == ("USDT of equity", "0.00")
    assert told["equity_share_taken_max"] == ("of their equity", "0.0248")
    assert told["time_to_solvency_s"] == ("seconds", "9")


def test_a_meter_is_a_tap() -> None:
    """Watching a run gives the figures that reading it gives."""
    meter, book = Meter(), crowd()
    for event in book.events:
        meter.tap(event, None)
    assert meter.figures() == measured(book.events)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_gini_is_the_mean_difference(amounts: list[int]) -> None:
    """It is half the mean absolute difference of all pairs over the mean."""
    total, count = sum(amounts), len(amounts)
    pairs = sum(abs(one - other) for one in amounts for other in amounts)
    assert gini(amounts) == (Fraction(pairs, 2 * count * total) if total else None)


def test_intervals_by_order_statistics() -> None:
    """The places of a table of the sign test's intervals, and no interval under five values."""
    assert [interval_place(count)[0] for count in (1, 4, 5, 7, 8, 20, 100)] == [0, 0, 1, 1, 2, 6, 42]
    assert interval_place(20)[1] == 1 - Fraction(2 * (1 + 20 + 190 + 1140 + 4845 + 15504), 2**20)


@given(st.lists(st.integers(-50, 50).map(Fraction), min_size=1, max_size=40))
def test_the_interval_holds_the_median(values: list[Fraction]) -> None:
    """Low, median and high are in order, and turning all signs round turns them round."""
    found, turned = spread(values), spread([-value for value in values])
    assert found.seeds == len(values)
    assert found.median is not None
    assert turned.median == -found.median
    if found.low is not None:
        assert found.high is not None
        assert found.low <= found.median <= found.high
        assert (turned.low, turned.high) == (-found.high, -found.low)


def test_numbers_are_rounded_half_to_even() -> None:
    """To so many decimals, exactly."""
    assert [str(rounded(Fraction(one, 8), 2)) for one in (1, 3, -1)] == ["0.12", "0.38", "-0.12"]

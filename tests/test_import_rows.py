"""Rows of market data: which are in order, sorted, numbered, doubled, of their day, of the symbol that is asked for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import DepthQuoted, InputRefused, PriceTicked
from deleverage.events.bodies.liquidation import LiquidationFilled
from deleverage.events.bodies.listing import InstrumentListed
from deleverage.events.errors import ScenarioError
from deleverage.replay.importers.binance.opening import open_binance
from deleverage.replay.importers.feed import sorting
from deleverage.replay.importers.feed.sorting import Timed, Twins, in_time
from deleverage.replay.importers.feed.window import span_of
from deleverage.replay.importers.tardis.layouts import open_tardis
from deleverage.sim.sources.bands import Band, Quotes
from deleverage.sim.units import format_time_ns

from .support.market_data import MS, US, bodies, events, recorded, written

ROWS = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
DAY = "2025-10-10.csv"
BAR = "{at},{prices},0,{close},0,60,0,0,0"


def trade(number: int, price: str, after_ms: int = 0) -> str:
    """One line of a file of trades."""
    return f"{number},{price},0.5,50,{MS + after_ms},true"


def bar(minute: int, seconds: int = 60) -> str:
    """One line of a file of bars, of a minute unless it is said to be longer."""
    opens = MS + 60_000 * minute
    return BAR.format(at=opens, prices="100,130,90,120", close=opens + seconds * 1000 - 1)


def ticks(result: object) -> list[int]:
    """The prices, in ticks."""
    return [one.prices[0][1] for one in bodies(result, PriceTicked)]  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 9)), max_size=40), st.integers(1, 7))
def test_sorting_with_files_is_sorting(rows: list[tuple[int, int | None]], run_rows: int) -> None:
    """However few rows are held at once: by time, equal times as they stood, and every row once."""
    timed = [Timed(key, line, key, received, [str(line)]) for line, (key, received) in enumerate(rows)]
    displaced: list[int] = []
    held, sorting.RUN_ROWS = sorting.RUN_ROWS, run_rows
    try:
        assert list(in_time(timed, displaced.append)) == sorted(timed, key=lambda row: (row.key_ns, row.line))
    finally:
        sorting.RUN_ROWS = held
    behind = sum(any(other.key_ns > row.key_ns for other in timed[: row.line]) for row in timed)
    assert displaced == ([behind] if behind else [])


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("BTCUSDT-trades-2025-10-10.csv", "2025-10-09T00:00:00Z", "2025-10-12T00:00:00Z"),
        ("BTCUSDT-aggTrades-2025-12.zip", "2025-11-30T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("BTC_USDT-202510.csv.gz", "2025-09-30T00:00:00Z", "2025-11-02T00:00:00Z"),
    ],
)
def test_a_name_tells_a_day_or_a_month(name: str, first: str, last: str) -> None:
    """With a day before and behind it, as publishers cut by their own clocks."""
    span = span_of(name)
    assert span is not None
    assert tuple(map(format_time_ns, span)) == (first, last)


@pytest.mark.parametrize("name", ["mine.csv", "BTCUSD_260327-x.csv", "2025-10-10-to-2025-10-12.csv", "2025-13-01.csv"])
def test_a_name_without_one_date_tells_nothing(name: str) -> None:
    """None, two, or one that is none."""
    assert span_of(name) is None


def test_a_fault_is_recorded_where_its_row_stands(tmp_path: Path) -> None:
    """Rows are read ahead to find which of them is wrong; the record tells it between the rows around it."""
    rows = [trade(1, "100"), "2,broken", trade(3, "102", 5), trade(4, "103", 7_200_000), trade(5, "104", 10)]
    result = recorded(tmp_path, open_binance([written(tmp_path, f"BTCUSDT-trades-{DAY}", *rows)]), "skip")
    told = [event.body for event in events(result) if isinstance(event.body, PriceTicked | InputRefused)]
    assert [one.refused if isinstance(one, InputRefused) else one.prices[0][1] for one in told] == [
        100,
        "broken row",
        102,
        "row out of order",
        104,
    ]


def test_a_row_of_another_day_is_wrong_even_in_the_last_line(tmp_path: Path) -> None:
    """Its place does not show it, the name of the file does; a name that fits no row says nothing."""
    rows = [trade(1, "100"), trade(2, "101", 5), trade(3, "102", 31 * 86_400_000)]
    result = recorded(tmp_path, open_binance([written(tmp_path, f"BTCUSDT-trades-{DAY}", *rows)]), "skip")
    assert [(one.reason, one.first_row) for one in result.faults] == [("row of another day", 3)]
    elsewhere = written(tmp_path, "BTCUSDT-trades-2020-01-01.csv", *rows)
    assert len(ticks(recorded(tmp_path / "other", open_binance([elsewhere])))) == 3


def test_a_bar_that_closes_too_late_is_blamed_and_not_the_good_ones_behind_it(tmp_path: Path) -> None:
    """The one of five hours goes, and the minutes that it covers stay."""
    rows = [bar(0), bar(1, 5 * 3600), bar(2), bar(3)]
    result = recorded(tmp_path, open_binance([written(tmp_path, "BTCUSDT-1m-x.csv", *rows)]), "skip")
    assert [(one.reason, one.rows, one.first_row) for one in result.faults] == [("row out of order", 1, 2)]
    assert len(ticks(result)) == 12


def test_gaps_are_counted_between_files_and_not_where_a_row_was_left_out(tmp_path: Path) -> None:
    """4 is missing between two files; 2 is left out for its price, and is told as such."""
    first = written(tmp_path, "BTCUSDT-trades-a.csv", trade(1, "100"), trade(2, "x"), trade(3, "101", 2))
    second = written(tmp_path, "BTCUSDT-trades-b.csv", trade(5, "102", 3), trade(6, "103", 4))
    result = recorded(tmp_path, open_binance([second, first]), "skip")
    assert dict(result.noted) == {"gaps in trade ids": 1}
    assert [one.rows for one in result.faults] == [1]


def test_ids_of_other_exchanges_are_no_numbers(tmp_path: Path) -> None:
    """Only where a venue counts its trades one by one does a missing number mean a missing trade."""
    rows = [f"{{}},BTCUSDT,{US + number},{US + number},{number * 5},buy,100,1" for number in (1, 2)]
    for exchange, gaps in (("bybit", 0), ("binance-futures", 1)):
        lines = [row.format(exchange) for row in rows]
        name = written(tmp_path, f"{exchange}_trades_{DAY}", ROWS, *lines)
        result = recorded(tmp_path / exchange, open_tardis([name]))
        assert dict(result.noted).get("gaps in trade ids", 0) == gaps


def test_clocks_may_differ_by_a_little(tmp_path: Path) -> None:
    """A tenth of a second early is noted; more is a fault."""
    for early_us, fault in ((100_000, False), (100_001, True)):
        name = written(tmp_path, f"{early_us}_trades.csv", ROWS, f"bybit,BTCUSDT,{US + early_us},{US},1,buy,100,1")
        if fault:
            with pytest.raises(ScenarioError, match="is after it was received"):
                recorded(tmp_path / str(early_us), open_tardis([name]))
        else:
            result = recorded(tmp_path / str(early_us), open_tardis([name]))
            assert result.noted == (("rows received up to 0.1 s before their time", 1),)


@pytest.mark.parametrize(
    ("rows", "taken"),
    [("aabb", "ab"), ("aaaabb", "aab"), ("ab", "ab"), ("aab", "aab"), ("aabbc", "abc")],
)
def test_a_file_doubles_if_most_of_its_rows_do(rows: str, taken: str) -> None:
    """Every second of equal rows goes; in a file that does not double all are there."""
    twins = Twins()
    for row in rows:
        twins.count(0, row)
    twins.begin()
    assert "".join(row for row in rows if not twins.is_second(0, row)) == taken


def test_a_file_of_another_symbol_is_refused_unless_it_is_mapped(tmp_path: Path) -> None:
    """--symbol says what nameless files hold, what is taken, and what a name counts as."""
    eth, nameless = (written(tmp_path, name, trade(1, "100")) for name in (f"ETHUSDT-trades-{DAY}", "mine.csv"))
    with pytest.raises(ScenarioError, match=r"it is named after ETHUSDT, and BTCUSDT is asked for; .* ETHUSDT=BTCUSDT"):
        open_binance([eth], symbol="BTCUSDT")
    for number, (name, symbol, listed) in enumerate(
        ((eth, "ETHUSDT=BTCUSDT", "BTCUSDT"), (eth, "ETHUSDT", "ETHUSDT"), (nameless, "BTCUSDT", "BTCUSDT"))
    ):
        result = recorded(tmp_path / str(number), open_binance([name], symbol=symbol))
        assert [one.name for one in bodies(result, InstrumentListed)] == [listed]
    with pytest.raises(ScenarioError, match="is neither SYMBOL nor NAME=SYMBOL"):
        open_binance([eth], symbol="=BTCUSDT")


def test_rows_of_other_symbols_are_counted(tmp_path: Path) -> None:
    """Of a file with several symbols one is taken, under the name that is asked for."""
    rows = [f"bybit,{name}USDT,{US},{US},,buy,100,1" for name in ("BTC", "ETH", "SOL")]
    name = written(tmp_path, "liquidations.csv", ROWS, *rows)
    result = recorded(tmp_path, open_tardis([name], symbol=("BTCUSDT", "ETHUSDT=ETH-PERP")))
    assert result.noted == (("rows of other symbols", 1),)
    assert [(one.name, one.kind) for one in bodies(result, InstrumentListed)] == [
        ("BTCUSDT", "linear"),
        ("ETH-PERP", "linear"),
    ]
    assert len(bodies(result, LiquidationFilled)) == 2


def test_a_ticker_beside_trades_says_what_of_it_was_not_used(tmp_path: Path) -> None:
    """Its last price is no price where the trades are given, and the summary says so."""
    ticker = (
        "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,"
        "open_interest,last_price,index_price,mark_price"
    )
    told = written(tmp_path, "ticker.csv", ticker, f"bybit,BTCUSDT,{US},{US},,,,,100.5,,100")
    trades = written(tmp_path, "trades.csv", ROWS, f"bybit,BTCUSDT,{US},{US},1,buy,101,1")
    result = recorded(tmp_path, open_tardis([told, trades]))
    assert result.noted == (("last prices of a ticker beside the trades", 1),)


def _quote(at_ns: int, depths: dict[int, tuple[int, int]]) -> list[Band[int]]:
    return [
        Band(at_ns * 10 + place, at_ns, bps, depth, (Decimal(depth), Decimal(depth * price)))
        for place, (bps, (depth, price)) in enumerate(depths.items())
    ]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("frozen_from", [0, 1, 3])
def test_a_band_is_frozen_from_its_third_equal_quote_on_and_back_to_its_first(side: int, frozen_from: int) -> None:
    """On either side, wherever it begins; two equal quotes are chance."""
    quotes = []
    for at_ns in range(6):
        depth = 50 if at_ns >= frozen_from else 40 + at_ns
        depths = {-200: (200 + at_ns, 99), -100: (100 + at_ns, 99), 100: (100 + at_ns, 101), 200: (200 + at_ns, 101)}
        quotes.append(_quote(at_ns, {**depths, side * 100: (depth, 100)}))
    left_out: list[object] = []
    found = [quote.frozen for quote in Quotes[int](lambda *told: left_out.append(told)).of(quotes)]
    assert found == [0] * frozen_from + [1] * (6 - frozen_from)
    assert left_out == []


def test_a_book_that_stands_still_as_a_whole_is_not_frozen() -> None:
    """Nothing moved, so nothing was left behind."""
    quotes = [_quote(at_ns, {-100: (5, 99), 100: (5, 101)}) for at_ns in range(4)]
    assert [quote.frozen for quote in Quotes[int](lambda *_: None).of(quotes)] == [0] * 4


def test_a_nearer_band_with_too_much_goes_alone(tmp_path: Path) -> None:
    """One damaged band does not drive out the good ones further out."""
    at = "2025-10-10 00:00:01"
    rows = [f"{at},{bps},{depth},1" for bps, depth in ((-3, 30), (-2, 20), (-1, 9999), (1, 10), (2, 20), (3, 30))]
    name = written(tmp_path, f"BTCUSDT-bookDepth-{DAY}", "timestamp,percentage,depth,notional", *rows)
    result = recorded(tmp_path, open_binance([name]), "skip")
    assert [(one.reason, one.rows, one.first_row) for one in result.faults] == [("band above a farther one", 1, 4)]
    assert [[bps for bps, _ in one.bids] for one in bodies(result, DepthQuoted)] == [[200, 300]]

"""Binance's public data: each layout, with and without a header, what is refused and what is left out."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from deleverage.events.bodies.base import Provenance
from deleverage.events.bodies.inputs import DepthQuoted, InputRefused, PositionStated, PriceTicked
from deleverage.events.bodies.liquidation import (
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
)
from deleverage.events.bodies.listing import AccountOpened, InstrumentListed
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.run import RunEnded, SourceOpened
from deleverage.events.envelope import Origin
from deleverage.events.errors import ScenarioError
from deleverage.replay.importers.binance.opening import open_binance
from deleverage.replay.importers.importing import ImportResult
from deleverage.replay.importers.reading import open_sources
from deleverage.replay.run import open_run
from deleverage.replay.verify.verification import verify

from .support.command_line import call
from .support.market_data import MS, NS, bodies, events, recorded, with_origin, written
from .support.real_data import real_file

TRADES = "id,price,qty,quote_qty,time,is_buyer_maker"
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
DEPTH = "timestamp,percentage,depth,notional"
FORCED = (
    "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,"
    "last_fill_quantity,accumulated_fill_quantity"
)
DAY = "2025-10-10.csv"


def trade(number: int, price: str, after_ms: int = 0) -> str:
    """One line of a file of trades."""
    return f"{number},{price},0.5,50,{MS + after_ms},true"


def bar(minute: int, prices: str = "100,130,90,120") -> str:
    """One line of a file of bars: open, high, low, close in a minute."""
    opens = MS + 60_000 * minute
    return f"{opens},{prices},0,{opens + 59_999},0,60,0,0,0"


def order(side: str, size: str, filled: str, average: str = "100.5", after_ms: int = 0) -> str:
    """One line of a file of forced orders, with a limit of 101."""
    return f"{MS + after_ms},{side},LIMIT,IOC,{size},101,{average},FILLED,{filled},{filled}"


def ticks(result: ImportResult) -> list[tuple[int, int]]:
    """(ns after the start, ticks) of every price."""
    return [
        (event.at_ns - NS, event.body.prices[0][1]) for event in events(result) if isinstance(event.body, PriceTicked)
    ]


def listed(result: ImportResult) -> InstrumentListed:
    """The one instrument."""
    (found,) = bodies(result, InstrumentListed)
    return found


@pytest.mark.parametrize("header", [(), (TRADES,), ("id,price,qty,quoteQty,time,isBuyerMaker",)])
def test_trades_are_prices_with_and_without_a_header(tmp_path: Path, header: tuple[str, ...]) -> None:
    """Each price is a tick from outside with its line, and trades of one instant are the last of them."""
    rows = (trade(7, "100.5"), trade(8, "100.25"), trade(9, "101.0", 1_000))
    result = recorded(tmp_path, open_binance([written(tmp_path, f"BTCUSDT-trades-{DAY}", *header, *rows)]))
    first = len(header) + 2
    assert [one.provenance for one in bodies(result, PriceTicked)] == [
        Provenance(0, first, NS),
        Provenance(0, first + 1, NS + 10**9),
    ]
    assert ticks(result) == [(0, 10_025), (10**9, 10_100)]
    (ended,) = bodies(result, RunEnded)
    assert (ended.sources[0].rows, ended.sources[0].merged) == (3, 1)


def test_a_mark_that_nobody_published_is_inferred_from_its_price(tmp_path: Path) -> None:
    """Only a price that moves makes a mark, and the price is its cause."""
    rows = (trade(7, "100.5"), trade(8, "100.5", 5), trade(9, "101", 9))
    result = recorded(tmp_path, open_binance([written(tmp_path, f"BTCUSDT-trades-{DAY}", *rows)]))
    marks = [event for event in events(result) if isinstance(event.body, MarkPriced)]
    assert [(event.origin, event.body.mark_ticks) for event in marks] == [
        (Origin.INFERRED, 1005),
        (Origin.INFERRED, 1010),
    ]
    assert all(event.cause == event.seq - 1 for event in marks)


@pytest.mark.parametrize(
    ("name", "row", "kind", "asset"),
    [
        (f"BTCUSDT-trades-{DAY}", f"1,100.5,0.5,50,{MS},true", "linear", "USDT"),
        (f"BTCUSDT-trades-{DAY}", f"1,100.5,0.5,50,{MS}000,true,true", "spot", "USDT"),
        (f"BTCUSD_PERP-trades-{DAY}", f"1,100.5,3,0.5,{MS},true", "inverse", "BTC"),
        (f"ETHUSDT-aggTrades-{DAY}", f"1,100.5,0.5,10,12,{MS},true", "linear", "USDT"),
        (f"ETHBTC-aggTrades-{DAY}", f"1,0.025,0.5,10,12,{MS}000,true,true", "spot", "BTC"),
    ],
)
def test_each_layout_of_trades_is_told_by_its_fields(
    tmp_path: Path, name: str, row: str, kind: str, asset: str
) -> None:
    """Spot, USD-margined and coin-margined trades, single and aggregated, in either unit of time."""
    result = recorded(tmp_path, open_binance([written(tmp_path, name, row)]))
    assert (listed(result).kind, result.start_ns) == (kind, NS)
    assert bodies(result, AccountOpened)[0].name == f"outside:{asset}"


def test_bars_are_four_prices_in_the_order_of_a_scenario(tmp_path: Path) -> None:
    """Low before high in a bar that rises, high before low in one that falls; the last at the close."""
    name = written(tmp_path, f"BTCUSD_PERP-1m-{DAY}", KLINES, bar(0), bar(1, "120,125,80,85.5"))
    result = recorded(tmp_path, open_binance([name]))
    assert [price for _, price in ticks(result)] == [1000, 900, 1300, 1200, 1200, 1250, 800, 855]
    assert ticks(result)[3][0] == 59_999 * 10**6
    assert (listed(result).kind, listed(result).lot_size) == ("inverse", "100")
    assert result.noted == ()


def test_bars_of_marks_are_the_venues_own_marks(tmp_path: Path) -> None:
    """The folder, the name or the option says that they are marks; these are imported, and no price is made of them."""
    name = written(tmp_path, f"markPriceKlines/BTCUSDT-1m-{DAY}", KLINES, bar(0))
    other = written(tmp_path, f"ETHUSDT-1m-{DAY}", KLINES, bar(2))
    for number, importer in enumerate((open_binance([name]), open_binance([other], marks=True))):
        result = recorded(tmp_path / str(number), importer)
        marks = [event for event in events(result) if isinstance(event.body, MarkPriced)]
        assert [event.body.mark_ticks for event in marks] == [100, 90, 130, 120]
        assert {event.origin for event in marks} == {Origin.IMPORTED}
        assert bodies(result, PriceTicked) == []
        assert bodies(result, SourceOpened)[0].layout == "binance markPriceKlines"


def test_a_missing_bar_is_noted_and_the_price_stays(tmp_path: Path) -> None:
    """A gap is no fault, and is not silent."""
    result = recorded(tmp_path, open_binance([written(tmp_path, f"BTCUSDT-1m-{DAY}", bar(0), bar(5))]))
    assert result.noted == (("gaps between bars", 1),)


def test_bands_of_one_instant_are_a_quote(tmp_path: Path) -> None:
    """Nearest first, cumulative, in lots as fine as the depth is written."""
    at = "2025-10-10 00:00:07"
    rows = (f"{at},-2,5.5,1", f"{at},-1,2.25,1", f"{at},1,3,1", f"{at},2,4,1")
    result = recorded(tmp_path, open_binance([written(tmp_path, f"btcusdt-bookdepth-{DAY}", DEPTH, *rows)]))
    (quote,) = bodies(result, DepthQuoted)
    assert (quote.bids, quote.asks) == (((100, 225), (200, 550)), ((100, 300), (200, 400)))
    assert quote.provenance == Provenance(0, 2, NS + 7 * 10**9)
    assert listed(result).name == "BTCUSDT"


def test_half_a_book_is_a_fault_and_left_out_whole(tmp_path: Path) -> None:
    """With skip each of its rows is counted; a band below a nearer one goes alone."""
    whole = [
        f"2025-10-10 00:00:0{second},{side},{depth},1"
        for second in (1, 3)
        for side, depth in ((-2, 5), (-1, 6), (1, 3), (2, 4))
    ]
    half = ["2025-10-10 00:00:02,-1,2,1", "2025-10-10 00:00:02,1,2,1", "2025-10-10 00:00:02,2,3,1"]
    lines = [DEPTH, *whole[:4], *half, *whole[4:]]
    result = recorded(tmp_path, open_binance([written(tmp_path, f"BTCUSDT-bookDepth-{DAY}", *lines)]), "skip")
    assert [(one.reason, one.rows, one.first_row) for one in result.faults] == [
        ("band below a nearer one", 2, 2),
        ("incomplete group", 3, 6),
    ]
    assert len(bodies(result, DepthQuoted)) == 2


def test_a_forced_order_is_a_liquidation_of_nobody_in_particular(tmp_path: Path) -> None:
    """Order and fill are the venue's, all else is inferred, and the account ends with nothing."""
    name = written(tmp_path, f"BTCUSDT-liquidationSnapshot-{DAY}", FORCED, order("SELL", "2", "2"))
    result = recorded(tmp_path, open_binance([name]))
    (filled,), (ordered,) = bodies(result, LiquidationFilled), bodies(result, LiquidationOrdered)
    assert (filled.size_lots, filled.price_ticks, filled.left_lots) == (-2, 1005, 0)
    assert filled.provenance == Provenance(0, 2, NS)
    assert (ordered.size_lots, ordered.limit_ticks) == (-2, 1010)
    imported = with_origin(result, Origin.IMPORTED, AccountOpened)
    assert imported == ["LiquidationOrdered", "LiquidationFilled"]
    inferred = with_origin(result, Origin.INFERRED, AccountOpened)
    assert inferred == ["MarkPriced", "PositionStated", "LiquidationStarted", "LiquidationEnded"]
    ledger = open_run(Path(result.run)).at(seq=result.events - 1)
    account = ledger.accounts[filled.account]
    assert (ledger.name(filled.account), account.positions, account.balance_atoms) == ("forced:BTCUSDT", {}, 0)
    ledger.check()


def test_what_an_order_did_not_fill_is_cancelled(tmp_path: Path) -> None:
    """A part leaves nothing behind; an order that filled nothing moves nothing."""
    rows = (order("BUY", "2", "1.5"), order("BUY", "3", "0", "0", 1))
    result = recorded(tmp_path, open_binance([written(tmp_path, f"BTCUSDT-liquidationSnapshot-{DAY}", FORCED, *rows)]))
    assert [one.left_lots for one in bodies(result, OrdersCancelled)] == [5, 30]
    assert [one.outcome for one in bodies(result, LiquidationEnded)] == ["closed", "restored"]
    assert [one.size_lots for one in bodies(result, PositionStated)] == [-15]


@pytest.mark.parametrize("place", [0, 1])
def test_a_file_of_forced_orders_may_say_its_symbols(tmp_path: Path, place: int) -> None:
    """A symbol in the first or second column is the row's own; coin-margined sizes are contracts."""
    rows = []
    for symbol in ("BTCUSD_PERP", "ETHUSD_PERP"):
        fields = order("SELL", "3", "3").split(",")
        rows.append(",".join([*fields[:place], symbol, *fields[place:]]))
    result = recorded(tmp_path, open_binance([written(tmp_path, "forced.csv", *rows)]))
    assert [(one.name, one.lot_size) for one in bodies(result, InstrumentListed)] == [
        ("BTCUSD_PERP", "100"),
        ("ETHUSD_PERP", "10"),
    ]
    assert len(bodies(result, LiquidationStarted)) == 2


def test_a_forced_order_that_stands_twice_is_taken_once(tmp_path: Path) -> None:
    """The venue's own files repeat rows: that is noted, and stops nothing."""
    row = order("SELL", "2", "2")
    result = recorded(
        tmp_path, open_binance([written(tmp_path, f"BTCUSDT-liquidationSnapshot-{DAY}", FORCED, row, row)])
    )
    assert len(bodies(result, LiquidationFilled)) == 1
    assert result.noted == (("forced orders that stood twice", 1),)


def test_files_of_one_import_are_merged_by_the_venues_time(tmp_path: Path) -> None:
    """At one instant the files follow the order in which they are given."""
    trades = written(tmp_path, f"BTCUSDT-trades-{DAY}", trade(1, "100"), trade(2, "102", 2))
    forced = written(tmp_path, f"BTCUSDT-liquidationSnapshot-{DAY}", FORCED, order("SELL", "1", "1", after_ms=2))
    result = recorded(tmp_path, open_binance([forced, trades]))
    kinds = [type(event.body) for event in events(result) if isinstance(event.body, PriceTicked | LiquidationFilled)]
    assert kinds == [PriceTicked, LiquidationFilled, PriceTicked]
    assert len(bodies(result, InstrumentListed)) == 1


BAD = [
    ("broken row", "3,100.5,0.5,50", "4 fields where 6 are expected"),
    ("broken row", f"3, 100.5,0.5,50,{MS},true", "white space around a field"),
    ("not a value", f"3,1x0,0.5,50,{MS},true", "'1x0' is not a number"),
    ("not a value", f"3,-1,0.5,50,{MS},true", "price -1 is not above 0"),
    ("not a value", f"3,1e-40,0.5,50,{MS},true", "has more than 12 decimals"),
    ("time in the wrong unit", f"3,100.5,0.5,50,{MS}000,true", "is in microseconds; milliseconds since 1970"),
    ("time in the wrong unit", f"3,100.5,0.5,50,{MS}000000,true", "is in nanoseconds; milliseconds since 1970"),
    ("time in the wrong unit", f"3,100.5,0.5,50,{MS // 1000},true", "is in seconds; milliseconds since 1970"),
    ("row out of order", f"3,100.5,0.5,50,{MS - 1},true", "is before that of a row above"),
    ("id twice", f"1,100.5,0.5,50,{MS},true", "id 1 was there before"),
]


@pytest.mark.parametrize(("reason", "row", "told"), BAD)
def test_a_bad_row_stops_or_is_left_out_and_recorded(tmp_path: Path, reason: str, row: str, told: str) -> None:
    """With stop the error has file and line and nothing is kept; with skip the row is counted and recorded."""
    name = written(tmp_path, f"BTCUSDT-trades-{DAY}", TRADES, trade(1, "100"), row, trade(9, "101", 5))
    with pytest.raises(ScenarioError, match=f"{DAY}:3: .*{told}"):
        recorded(tmp_path, open_binance([name]))
    assert not (tmp_path / "run").exists()
    result = recorded(tmp_path, open_binance([name]), "skip")
    assert [(one.reason, one.rows, one.first_row) for one in result.faults] == [(reason, 1, 3)]
    assert [price for _, price in ticks(result)] == [100, 101]
    (refused,) = bodies(result, InputRefused)
    assert told in refused.reason
    assert bodies(result, RunEnded)[0].sources[0].left_out == ((reason, 1, 3),)


def test_a_file_that_is_cut_off_is_kept_up_to_there_if_asked(tmp_path: Path) -> None:
    """A truncated archive stops with its line, or is counted and what was before it stays."""
    rows = [trade(number, f"{number}.5", number) for number in range(1, 50_000)]
    packed = gzip.compress("\n".join([TRADES, *rows]).encode(), 1)
    path = tmp_path / f"BTCUSDT-trades-{DAY}.gz"
    path.write_bytes(packed[: -len(packed) // 8])
    with pytest.raises(ScenarioError, match=rf"{DAY}.gz:[0-9]+: reading stops here"):
        recorded(tmp_path, open_binance([str(path)]))
    result = recorded(tmp_path, open_binance([str(path)]), "skip")
    (fault,) = result.faults
    assert (fault.reason, fault.first_row) == ("file cut off", result.sources[0][1] + 2)
    assert len(ticks(result)) == result.sources[0][1]


@pytest.mark.parametrize(
    ("name", "lines", "told"),
    [
        ("mine.csv", (TRADES, trade(1, "100")), "say it with --symbol"),
        (f"BTCUSDT-trades-{DAY}", ("a,b,c", "1,2,3"), "of no known kind of file"),
        (f"BTCUSDT-trades-{DAY}", ("1,2,3",), "3 fields are no known layout"),
        (f"BTCUSDT-trades-{DAY}", (TRADES,), "no row that can be used"),
        (f"indexPriceKlines/BTCUSDT-1m-{DAY}", (KLINES, bar(0)), "no prices of an instrument"),
        (f"BTCUSDT-trades-{DAY}", ("PK\x03\x04...",), "reading stops here"),
    ],
)
def test_a_file_that_cannot_be_told_is_refused(tmp_path: Path, name: str, lines: tuple[str, ...], told: str) -> None:
    """The error names the file and says what to do."""
    path = written(tmp_path, name, *lines)
    with pytest.raises(ScenarioError, match=told):
        recorded(tmp_path, open_binance([path]))


def test_a_bar_twice_one_over_another_and_one_that_cannot_be(tmp_path: Path) -> None:
    """A bar is told by its open; one that opens within another is out of order; a close beyond the high is no value."""
    within = bar(1).replace(str(MS + 60_000), str(MS + 59_000))
    first = written(tmp_path, f"BTCUSDT-1m-{DAY}", KLINES, bar(0), bar(0), within, bar(1, "100,110,90,120"), bar(2))
    other = written(tmp_path, "BTCUSDT-1m-2025-10-11.csv", KLINES, bar(2), bar(3))
    result = recorded(tmp_path, open_binance([first, other]), "skip")
    assert sorted((one.reason, one.rows, one.first_row) for one in result.faults) == [
        ("id twice", 1, 2),
        ("id twice", 1, 3),
        ("not a value", 1, 5),
        ("row out of order", 1, 4),
    ]
    assert len(ticks(result)) == 4 * 3


def test_a_part_of_a_contract_is_no_size(tmp_path: Path) -> None:
    """Coin-margined sizes count contracts; the row is left out, the others stay."""
    rows = (order("SELL", "1.5", "1.5"), order("SELL", "2", "2", after_ms=1))
    name = written(tmp_path, f"BTCUSD_PERP-liquidationSnapshot-{DAY}", FORCED, *rows)
    with pytest.raises(ScenarioError, match=r":2: 1.5 is not a whole number"):
        recorded(tmp_path, open_binance([name]))
    result = recorded(tmp_path, open_binance([name]), "skip")
    assert [one.size_lots for one in bodies(result, LiquidationFilled)] == [-2]


def test_options_are_part_of_what_was_imported(tmp_path: Path) -> None:
    """Another contract, symbol or market is another record; the symbol and market are as told."""
    name = written(tmp_path, "mine.csv", trade(1, "100"))
    heads = {
        recorded(tmp_path / str(number), importer).head
        for number, importer in enumerate(
            (
                open_binance([name], symbol="ABCUSDT"),
                open_binance([name], symbol="ABCUSDT", part="spot"),
                open_binance([name], symbol="ABCUSDT", contracts={"ABCUSDT": Decimal(1)}),
            )
        )
    }
    assert len(heads) == 3
    assert open_sources(((name, "x"),))[0].path == Path(name)


def test_the_command_imports_and_the_record_answers(tmp_path: Path) -> None:
    """Import, state, log and verify from the command line; a second import to the same place is refused."""
    name = written(tmp_path, f"BTCUSDT-liquidationSnapshot-{DAY}", FORCED, order("SELL", "2", "2"))
    done = call("import", "binance", name, "-o", tmp_path / "run")
    assert done.exit_code == 0, done.output
    assert "1 liquidation fill" in done.stdout
    assert "laws         all hold" in call("state", tmp_path / "run").stdout
    assert call("verify", tmp_path / "run").exit_code == 0
    assert "forced:BTCUSDT" in call("why", tmp_path / "run", str(bodies_at(tmp_path / "run", LiquidationEnded))).stdout
    assert call("import", "binance", name, "-o", tmp_path / "run").exit_code == 2
    assert call("import", "binance", name, "--contract", "BTCUSDT", "-o", tmp_path / "x").exit_code == 2


def bodies_at(path: Path, body_type: type) -> int:
    """The number of the first event of a type."""
    return next(event.seq for event in open_run(path).events() if isinstance(event.body, body_type))


def test_the_real_bars_and_depth_become_a_record_that_verifies(tmp_path: Path) -> None:
    """Two days of bars and a day of depth: every bar four prices, the low of the crash, one damaged line left out."""
    names = [
        "btcusd-perp-1m-2025-10-09.csv.gz",
        "btcusd-perp-1m-2025-10-10.csv.gz",
        "btcusdt-bookdepth-2025-10-10.csv.gz",
    ]
    paths = [real_file(name) for name in names]
    result = recorded(tmp_path, open_binance([str(path) for path in paths]), "skip")
    prices = [price for _, price in ticks(result)]
    assert (len(prices), min(prices)) == (4 * 2 * 1440, 10_249_748_513_403)
    assert [(one.reason, one.rows, one.first_row) for one in result.faults] == [
        ("broken row", 1, 25_883),
        ("incomplete group", 9, 25_882),
    ]
    assert len(bodies(result, DepthQuoted)) == 28_790 // 10 - 1
    assert verify(Path(result.run)).sound

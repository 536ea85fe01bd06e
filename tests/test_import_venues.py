"""Files of trades as Bybit, OKX, BitMEX, Deribit and Gate publish them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.listing import InstrumentListed
from deleverage.events.errors import ScenarioError
from deleverage.replay.importers.venues.layouts import Venue
from deleverage.replay.importers.venues.opening import open_venue

from .support.command_line import call
from .support.market_data import MS, NS, bodies, events, recorded, written

EXECUTED = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"
S = MS // 1000

FILES: dict[str, tuple[Venue, str, tuple[str, ...], str, str]] = {
    "bybit linear": (
        "bybit",
        "BTCUSDT2025-10-10.csv",
        (EXECUTED, f"{S}.25,BTCUSDT,Sell,0.5,101.5,PlusTick,a,1,1,1", f"{S + 1},BTCUSDT,Buy,0.5,102,PlusTick,b,1,1,1"),
        "BTCUSDT",
        "linear",
    ),
    "bybit inverse, with a newer column": (
        "bybit",
        "BTCUSD2025-10-10.csv",
        (
            f"{EXECUTED},RPI",
            f"{S}.25,BTCUSD,Sell,5,101.5,PlusTick,a,1,1,1,0",
            f"{S + 1},BTCUSD,Buy,5,102,PlusTick,b,1,1,1,0",
        ),
        "BTCUSD",
        "inverse",
    ),
    "bybit spot": (
        "bybit",
        "BTCUSDT_2025-10-10.csv",
        ("id,timestamp,price,volume,side", f"1,{MS + 250},101.5,0.5,sell", f"2,{MS + 1000},102,0.5,buy"),
        "BTCUSDT",
        "spot",
    ),
    "okx": (
        "okx",
        "BTC-USDT-SWAP-trades-2025-10-10.csv",
        (
            "instrument_name,trade_id,side,price,size,created_time,source",
            f"BTC-USDT-SWAP,7,buy,101.5,0.5,{MS + 250},0",
            f"BTC-USDT-SWAP,8,sell,102,5,{MS + 1000},0",
        ),
        "BTC-USDT-SWAP",
        "linear",
    ),
    "okx, older": (
        "okx",
        "BTC-USD-SWAP-trades-2025-10-10.csv",
        (
            "trade_id/\u64ae\u5408id,side/\u4ea4\u6613\u65b9\u5411,size/\u6570\u91cf,price/\u4ef7\u683c,created_time/x",
            f"7,BUY,0.5,101.5,{MS + 250}",
            f"8,SELL,5,102,{MS + 1000}",
        ),
        "BTC-USD-SWAP",
        "inverse",
    ),
    "bitmex": (
        "bitmex",
        "20251010.csv",
        (
            f"{EXECUTED},trdType",
            "2025-10-10D00:00:00.250000000,XBTUSD,Sell,100,101.5,PlusTick,a,1,1,1,Regular",
            "2025-10-10T00:00:01.000Z,XBTUSD,Buy,100,102,PlusTick,b,1,1,1,Regular",
        ),
        "XBTUSD",
        "inverse",
    ),
    "deribit": (
        "deribit",
        "trades.csv",
        (
            "trade_seq,trade_id,timestamp,price,amount,direction,instrument_name,index_price",
            f"7,x7,{MS + 250},101.5,10,buy,BTC-PERPETUAL,1",
            f"8,x8,{MS + 1000},102,20,sell,BTC-PERPETUAL,1",
        ),
        "BTC-PERPETUAL",
        "inverse",
    ),
    "gate": (
        "gate",
        "BTC_USDT-202510.csv",
        (f"{S}.25,7,101.5,-5", f"{S + 1}.0,8,102,7"),
        "BTC_USDT",
        "linear",
    ),
    "gate spot": (
        "gate",
        "BTC_USDT-202510.csv",
        (f"{S}.25,7,101.5,0.5,1", f"{S + 1},8,102,0.7,2"),
        "BTC_USDT",
        "spot",
    ),
}


@pytest.mark.parametrize("layout", FILES)
def test_each_layout_is_read(tmp_path: Path, layout: str) -> None:
    """Two trades become two prices at the venue's times, of the instrument that rows or the file's name say."""
    venue, name, lines, symbol, kind = FILES[layout]
    result = recorded(tmp_path, open_venue(venue, [written(tmp_path, name, *lines)]))
    ticks = [
        (event.at_ns - NS, event.body.prices[0][1]) for event in events(result) if isinstance(event.body, PriceTicked)
    ]
    assert ticks == [(250 * 10**6, 1015), (10**9, 1020)]
    assert [(one.name, one.kind, one.venue) for one in bodies(result, InstrumentListed)] == [(symbol, kind, venue)]
    assert (result.noted, result.faults) == ((), ())


def test_deribits_own_answer_is_read(tmp_path: Path) -> None:
    """The newest first on one line, a trade a line, and a line that is none: numbers keep their digits."""
    trades = [
        {
            "trade_seq": number,
            "trade_id": f"x{number}",
            "timestamp": MS + number,
            "price": 100 + number / 10,
            "amount": 10.0,
            "direction": "buy",
            "instrument_name": "BTC-PERPETUAL",
        }
        for number in range(1, 6)
    ]
    lines = [
        json.dumps({"result": {"trades": trades[2::-1], "has_more": True}}),
        json.dumps(trades[3]),
        json.dumps(trades[4]),
    ]
    result = recorded(tmp_path, open_venue("deribit", [written(tmp_path, "t.jsonl", *lines)]))
    assert [one.prices[0][1] for one in bodies(result, PriceTicked)] == [1001, 1002, 1003, 1004, 1005]
    broken = written(tmp_path, "broken.jsonl", lines[0], "{", lines[1])
    with pytest.raises(ScenarioError, match=r"broken.jsonl:2: the line cannot be read"):
        recorded(tmp_path / "stop", open_venue("deribit", [broken]))
    result = recorded(tmp_path / "skip", open_venue("deribit", [broken]), "skip")
    assert [(one.reason, one.first_row) for one in result.faults] == [("broken row", 2)]


def test_a_file_of_bitmex_is_sorted_by_symbol_and_comes_in_by_time(tmp_path: Path) -> None:
    """All symbols in order of time, indices and settlements counted; or one symbol alone."""
    rows = [
        f"2025-10-10D00:00:0{second},{symbol},Buy,1,100.{second},x,{number},1,1,1,{kind}"
        for number, (second, symbol, kind) in enumerate(
            ((2, "ETHUSD", "Regular"), (4, "ETHUSD", "Settlement"), (1, "XBTUSD", "Regular"), (3, ".BXBT", ""))
        )
    ]
    name = written(tmp_path, "20251010.csv", f"{EXECUTED},trdType", *rows)
    result = recorded(tmp_path, open_venue("bitmex", [name]))
    assert [one.prices[0][1] for one in bodies(result, PriceTicked)] == [1001, 1002]
    assert result.noted == (("rows sorted by time", 2), ("rows that are no trades", 2))
    alone = recorded(tmp_path / "alone", open_venue("bitmex", [name], symbol="XBTUSD"))
    assert [one.name for one in bodies(alone, InstrumentListed)] == ["XBTUSD"]
    assert dict(alone.noted)["rows of other symbols"] == 3


@pytest.mark.parametrize("venue", ["bybit", "okx", "bitmex", "deribit", "gate", "tardis", "binance"])
def test_an_unknown_header_names_what_was_expected(tmp_path: Path, venue: str) -> None:
    """Not only that it is wrong, but what would be right."""
    name = written(tmp_path, "BTCUSDT-trades-2025-10-10.csv", "when,what,much,so", "1,2,3,4")
    told = call("import", venue, name, "-o", tmp_path / "run")
    assert told.exit_code == 2
    assert "expected" in told.stderr
    assert "price" in told.stderr
    assert "BTCUSDT-trades-2025-10-10.csv:1: " in told.stderr


@pytest.mark.parametrize(
    ("venue", "row", "reason"),
    [
        ("bybit", f"{S},BTCUSDT,up,1,100,x,c,1,1,1", "not a value"),
        ("bybit", f"{S},,Buy,1,100,x,c,1,1,1", "not a value"),
        ("bybit", f"{MS},BTCUSDT,Buy,1,100,x,c,1,1,1", "time in the wrong unit"),
        ("bybit", f"{S}.1234567891,BTCUSDT,Buy,1,100,x,c,1,1,1", "time in the wrong unit"),
        ("bybit", f"{S},BTCUSDT,Buy,1,100,x,a,1,1,1", "id twice"),
        ("bybit", f"{S},BTCUSDT,Buy,0,100,x,c,1,1,1", "not a value"),
        ("bybit", f"{S},ODDCOIN,Buy,1,100,x,c,1,1,1", "no contract specification"),
    ],
)
def test_a_bad_row_is_left_out_with_its_reason(tmp_path: Path, venue: Venue, row: str, reason: str) -> None:
    """As in any file of market data."""
    good = f"{S},BTCUSDT,Sell,0.5,101.5,PlusTick,a,1,1,1"
    result = recorded(tmp_path, open_venue(venue, [written(tmp_path, "x.csv", EXECUTED, good, row)]), "skip")
    assert [(one.reason, one.rows, one.first_row) for one in result.faults] == [(reason, 1, 3)]


def test_a_newest_first_file_is_sorted_if_asked(tmp_path: Path) -> None:
    """Without it the message says how; the summary says how many rows had to move."""
    rows = [f"{S + second},BTCUSD,Buy,1,10{second},x,{second},1,1,1" for second in (3, 2, 1)]
    name = written(tmp_path, "x.csv", EXECUTED, *rows)
    with pytest.raises(ScenarioError, match=r"x.csv:3: .* say --sort"):
        recorded(tmp_path, open_venue("bybit", [name]))
    result = recorded(tmp_path / "sorted", open_venue("bybit", [name], sort=True))
    assert [one.prices[0][1] for one in bodies(result, PriceTicked)] == [101, 102, 103]
    assert result.noted == (("rows sorted by time", 2),)

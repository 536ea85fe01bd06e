"""Tardis' datasets: trades, tickers and liquidations of any exchange, merged by time, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.base import Provenance
from deleverage.events.bodies.inputs import FundingRateSet, PriceTicked
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationOrdered
from deleverage.events.bodies.listing import AssetListed, InstrumentListed
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.run import RunEnded, RunStarted
from deleverage.events.envelope import Origin
from deleverage.events.errors import ScenarioError
from deleverage.replay.importers.tardis.layouts import open_tardis
from deleverage.replay.verify.verification import verify

from .support.command_line import call
from .support.market_data import NS, US, bodies, events, recorded, written
from .support.real_data import real_file

TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
TICKER = (
    "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,"
    "open_interest,last_price,index_price,mark_price"
)


def trade(
    number: int,
    price: str,
    after_us: int = 0,
    market: str = "binance-futures,BTCUSDT",
    side: str = "buy",
    size: str = "0.5",
) -> str:
    """One line of trades, or of liquidations."""
    return f"{market},{US + after_us},{US + after_us + 7},{number or ''},{side},{price},{size}"


def ticker(after_us: int = 0, rate: str = "", last: str = "", index: str = "", mark: str = "") -> str:
    """One line of a ticker."""
    return f"binance-futures,BTCUSDT,{US + after_us},{US + after_us + 7},,{rate},,,{last},{index},{mark}"


def test_trades_are_prices_with_both_times(tmp_path: Path) -> None:
    """The venue's time orders the record; the time of receipt is kept with the line."""
    name = written(tmp_path, "x_trades_y.csv", TRADES, trade(1, "100.5"), trade(2, "101", 5))
    result = recorded(tmp_path, open_tardis([name]))
    assert [one.provenance for one in bodies(result, PriceTicked)] == [
        Provenance(0, 2, NS, NS + 7_000),
        Provenance(0, 3, NS + 5_000, NS + 12_000),
    ]
    assert bodies(result, RunStarted)[0].rulebook == "binance-futures"


def test_a_ticker_gives_marks_indices_and_rates(tmp_path: Path) -> None:
    """Each is the venue's own, recorded when it changes; a field that is empty says nothing."""
    rows = (
        ticker(0, "0.0001", "", "99.5", "100.25"),
        ticker(1, "0.0001", "", "99.5", "100.25"),
        ticker(2, "-1.5e-7", "", "", "100.5"),
        ticker(3, "", "", "99.75", ""),
    )
    result = recorded(tmp_path, open_tardis([written(tmp_path, "any.csv", TICKER, *rows)]))
    marks = [event for event in events(result) if isinstance(event.body, MarkPriced)]
    assert [(one.body.index_ticks, one.body.mark_ticks) for one in marks] == [
        (9950, 10025),
        (9950, 10050),
        (9975, 10050),
    ]
    assert {one.origin for one in marks} == {Origin.IMPORTED}
    assert [one.rate_ppb for one in bodies(result, FundingRateSet)] == [100_000, -150]
    assert bodies(result, PriceTicked) == []


def test_a_tickers_last_price_counts_where_no_trades_are_given(tmp_path: Path) -> None:
    """With trades of the market beside it, their prices are the ticks; and no mark is inferred of either."""
    told = written(tmp_path, "any.csv", TICKER, ticker(0, last="100.5", mark="100"))
    alone = recorded(tmp_path / "alone", open_tardis([told]))
    assert [one.prices for one in bodies(alone, PriceTicked)] == [((0, 1005),)]
    trades = written(tmp_path, "trades.csv", TRADES, trade(1, "101", 5))
    both = recorded(tmp_path / "both", open_tardis([told, trades]))
    assert [one.prices for one in bodies(both, PriceTicked)] == [((0, 1010),)]
    assert [one.mark_ticks for one in bodies(both, MarkPriced)] == [1000]


def test_marks_finer_than_a_tick_are_rounded_and_noted(tmp_path: Path) -> None:
    """A tick goes along with marks until a tick of a lot is less than an atom of 8 decimals."""
    told = written(tmp_path, "any.csv", TICKER, ticker(0, mark="100.12345678"))
    forced = written(tmp_path, "liquidations.csv", TRADES, trade(0, "99.5", 5))
    result = recorded(tmp_path, open_tardis([told, forced]))
    (listed,) = bodies(result, InstrumentListed)
    assert (listed.tick_size, listed.lot_size, bodies(result, AssetListed)[0].decimals) == ("0.0000001", "0.1", 8)
    assert bodies(result, MarkPriced)[0].mark_ticks == 1_001_234_568
    assert result.noted == (("prices rounded to a tick", 1),)


def test_a_liquidation_tells_the_fill_and_not_the_order(tmp_path: Path) -> None:
    """The fill is the venue's; the order behind it is inferred and has no limit."""
    rows = (trade(0, "99.5", 5, side="sell"), trade(0, "99.5", 6, "deribit,BTC-PERPETUAL", size="3"))
    name = written(tmp_path, "x_liquidations_y.csv", TRADES, *rows)
    result = recorded(tmp_path, open_tardis([name], contracts={"BTC-PERPETUAL": Decimal("0.5")}))
    found = {type(event.body): event for event in reversed(events(result))}
    assert (found[LiquidationFilled].origin, found[LiquidationOrdered].origin) == (Origin.IMPORTED, Origin.INFERRED)
    assert [one.limit_ticks for one in bodies(result, LiquidationOrdered)] == [None, None]
    assert bodies(result, LiquidationFilled)[0].size_lots < 0 < bodies(result, LiquidationFilled)[1].size_lots


def test_one_symbol_on_two_exchanges_is_two_instruments(tmp_path: Path) -> None:
    """Their names have the exchange in front; markets of a spot exchange are no derivatives."""
    rows = (trade(1, "100"), trade(1, "101", 0, "binance,BTCUSDT"), trade(2, "7", 1, "bybit,ETHUSDT"))
    result = recorded(tmp_path, open_tardis([written(tmp_path, "trades.csv", TRADES, *rows)]))
    assert [(one.name, one.kind) for one in bodies(result, InstrumentListed)] == [
        ("binance-futures:BTCUSDT", "linear"),
        ("binance:BTCUSDT", "spot"),
        ("ETHUSDT", "linear"),
    ]
    assert result.faults == ()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (trade(2, "100").replace(str(US), str(US // 1000), 1), "is in milliseconds; microseconds since 1970"),
        (trade(2, "100").replace(str(US), f"{US}000", 1), "is in nanoseconds; microseconds since 1970"),
        (trade(2, "100", -1), "is before that of a row above"),
        (trade(1, "100"), "id 1 was there before"),
        (trade(2, "100", side="up"), "side 'up' is none of"),
        (trade(2, "nan"), "is not a number"),
        (trade(2, "100", market=","), "exchange or symbol is empty"),
        (trade(2, "100") + ",", "9 fields where 8 are expected"),
    ],
)
def test_a_bad_row_stops_with_its_line_or_is_counted(tmp_path: Path, row: str, told: str) -> None:
    """The times of another unit are named; what is left out is told at the end of the record."""
    name = written(tmp_path, "trades.csv", TRADES, trade(1, "100"), row)
    with pytest.raises(ScenarioError, match=f"trades.csv:3: .*{told}"):
        recorded(tmp_path, open_tardis([name]))
    result = recorded(tmp_path, open_tardis([name]), "skip")
    assert len(bodies(result, PriceTicked)) == 1
    (left_out,) = bodies(result, RunEnded)[0].sources[0].left_out
    assert left_out[1:] == (1, 3)


def test_a_row_that_was_received_later_may_lag(tmp_path: Path) -> None:
    """Files are sorted by the time of receipt: an older time is recorded with the row above, and kept; not for long."""
    lagging = trade(2, "101", 5).replace(str(US + 5), str(US - 1_000_000), 1)
    result = recorded(tmp_path, open_tardis([written(tmp_path, "trades.csv", TRADES, trade(1, "100", 1), lagging)]))
    (last,) = bodies(result, PriceTicked)
    assert last.provenance == Provenance(0, 3, NS - 10**9, NS + 12_000)
    noted = (("rows whose time lags", 1), ("trades of an instant whose last is its price", 1))
    assert (result.start_ns, result.noted) == (NS + 1_000, noted)
    stale = trade(2, "101", 5).replace(str(US + 5), str(US - 61_000_000), 1)
    with pytest.raises(ScenarioError, match="is before that of a row above"):
        recorded(tmp_path / "2", open_tardis([written(tmp_path, "2_trades.csv", TRADES, trade(1, "100", 1), stale)]))


def test_a_file_that_nothing_tells_needs_its_kind(tmp_path: Path) -> None:
    """Trades and liquidations have the same columns: the name tells, or the option does."""
    name = written(tmp_path, "mine.csv", TRADES, trade(0, "100"))
    with pytest.raises(ScenarioError, match="say it with --kind"):
        open_tardis([name])
    assert len(bodies(recorded(tmp_path, open_tardis([name], kind="liquidations")), LiquidationFilled)) == 1
    with pytest.raises(ScenarioError, match="not the columns of a dataset"):
        open_tardis([written(tmp_path, "other_trades.csv", "a,b", "1,2")])


PRICES = st.lists(st.tuples(st.integers(0, 50), st.decimals("0.01", "999.99", places=2)), min_size=1, max_size=20)


@settings(max_examples=25, deadline=None)
@given(PRICES, PRICES)
def test_every_instant_keeps_its_last_price_and_time_never_runs_back(
    one: list[tuple[int, Decimal]], other: list[tuple[int, Decimal]]
) -> None:
    """Two files of two markets: of each the prices are as written, in the order of the file, the last of an instant."""
    with TemporaryDirectory() as folder:
        files, told = [], []
        for number, (market, rows) in enumerate((("binance-futures,BTCUSDT", one), ("bybit,ETHUSDT", other))):
            rows.sort(key=lambda row: row[0])
            lines = [trade(place, f"{price}", after, market) for place, (after, price) in enumerate(rows, 1)]
            files.append(written(Path(folder), f"{number}_trades.csv", TRADES, *lines))
            told.append(dict(rows))
        result = recorded(Path(folder), open_tardis(files))
        found = events(result)
        assert all(earlier.at_ns <= later.at_ns for earlier, later in pairwise(found))
        instruments = {one.instrument: one for one in bodies(result, InstrumentListed)}
        for event in found:
            if isinstance(event.body, PriceTicked):
                ((instrument, ticks),) = event.body.prices
                listed = instruments[instrument]
                expected = told[listed.name == "ETHUSDT"].pop((event.at_ns - NS) // 1000)
                assert ticks * Decimal(listed.tick_size) == expected
        assert told == [{}, {}]


def test_the_command_says_what_it_took(tmp_path: Path) -> None:
    """From the command line: import and state; a contract that is none is a wrong command line."""
    name = written(tmp_path, "liquidations.csv", TRADES, trade(0, "100", size="3"))
    done = call("import", "tardis", name, "-o", tmp_path / "run", "--contract", "BTCUSDT=0.5")
    assert done.exit_code == 0, done.output
    assert "1 liquidation fill" in done.stdout
    assert "amounts in BTC" in call("state", tmp_path / "run").stdout
    assert call("import", "tardis", name, "-o", tmp_path / "x", "--contract", "BTCUSDT=none").exit_code == 2


def test_the_real_trades_become_a_record_that_verifies(tmp_path: Path) -> None:
    """A day of a coin-margined perpetual: 137,632 trades, each row accounted for, the low of the crash."""
    path = real_file("avaxusd-perp-trades-2025-10-10.csv.gz")
    result = recorded(tmp_path, open_tardis([str(path)]))
    prices = [one.prices[0][1] for one in bodies(result, PriceTicked)]
    (tally,) = bodies(result, RunEnded)[0].sources
    assert (tally.rows, len(prices) + tally.merged, min(prices), prices[-1]) == (137_632, 137_632, 602, 2076)
    assert verify(Path(result.run)).sound

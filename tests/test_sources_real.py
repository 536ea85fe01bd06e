"""The real files of 10 October 2025, read whole. Skipped where DELEVERAGE_DATA (or ../shared/data) is absent."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from deleverage.events.bodies.run import SourceTally
from deleverage.sim.sources.base import InstrumentScale
from deleverage.sim.sources.bookdepth import BookDepthSettings, BookDepthSource
from deleverage.sim.sources.klines import KlinesSettings, open_klines
from deleverage.sim.sources.tardis import TardisSettings, TardisSource
from deleverage.sim.units import format_time_ns, parse_time_ns

from .support.real_data import real_file

AVAX = InstrumentScale(0, "AVAX", Decimal("0.01"), Decimal("0.1"))
BTC = InstrumentScale(0, "BTC", Decimal("0.01"), Decimal("0.001"))


def real(name: str) -> str:
    """The path of a real file."""
    return str(real_file(name))


def test_every_trade_of_avax_is_read() -> None:
    """137,632 trades are as many ticks and merged rows; 28.41 at first, 6.02 at the bottom."""
    source = TardisSource(TardisSettings(real("avaxusd-perp-trades-2025-10-10.csv.gz")), [AVAX])
    inputs = list(source.inputs(1))
    assert source.tally(1) == SourceTally(1, 137_632, 137_632 - 67_109)
    assert len(inputs) == 67_109
    assert source.opening == inputs[0][1].prices == ((0, 2841),)
    bottom_ns, bottom = min(inputs, key=lambda pair: pair[1].prices[0][1])
    assert bottom.prices == ((0, 602),)
    assert format_time_ns(bottom_ns).startswith("2025-10-10T21:")
    assert all(a[0] < b[0] for a, b in pairwise(inputs))


def test_two_days_of_bitcoin_bars_are_read() -> None:
    """1,440 bars a day, the low of 102,497.49 at 21:20 UTC on the second."""
    names = tuple(real(f"btcusd-perp-1m-2025-10-{day}.csv.gz") for day in ("09", "10"))
    first, second = open_klines(KlinesSettings(files=names), [BTC])
    assert len(list(first.inputs(0))) == 4 * 1440
    low_ns, low = min(second.inputs(1), key=lambda pair: pair[1].prices[0][1])
    assert low.prices == ((0, 10_249_749),)
    assert format_time_ns(low_ns).startswith("2025-10-10T21:20:")
    assert second.tally(1) == SourceTally(1, 1440, 0)


def test_the_depth_file_and_its_malformed_row() -> None:
    """Of 2,879 groups one holds the padded row of line 25,883: it is left out and counted, the others are kept."""
    source = BookDepthSource(BookDepthSettings(real("btcusdt-bookdepth-2025-10-10.csv.gz")), [BTC])
    quotes = list(source.inputs(2))
    left_out = (("padded field", 1, 25_882), ("incomplete group", 9, 25_881))
    assert len(quotes) == 2879 - 1
    assert source.tally(2) == SourceTally(2, 28_790, 28_790 - 10 - 2878, left_out)
    assert parse_time_ns("2025-10-10T21:34:32Z") not in {at_ns for at_ns, _ in quotes}
    first = quotes[0][1]
    assert first.bids[0] == (100, 1_496_750)
    assert first.asks[-1] == (500, 6_182_925)
    assert all(len(quote.bids) == len(quote.asks) == 5 for _, quote in quotes)

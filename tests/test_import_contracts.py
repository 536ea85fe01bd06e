"""Contract specifications: what the table says of symbols, what `--contract` says, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from deleverage.events.bodies.liquidation import LiquidationFilled
from deleverage.events.bodies.listing import AssetListed, InstrumentListed
from deleverage.events.errors import ScenarioError
from deleverage.replay.importers.feed.contracts import Contract, Contracts, Told
from deleverage.replay.importers.feed.items import VenueMarket
from deleverage.replay.importers.feed.specifications import SPECIFICATIONS
from deleverage.replay.importers.tardis.layouts import open_tardis
from deleverage.sim.units import format_time_ns

from .support.command_line import call
from .support.market_data import US, bodies, recorded, written

ROWS = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"

KNOWN = [
    ("bitmex", "XBTUSD", "inverse", "XBT", "1"),
    ("bitmex", "XRPUSD", "linear", "XBT", "0.0002"),
    ("bitmex", "XBTUSDT", "linear", "USDT", "0.000001"),
    ("bybit", "BTCUSD", "inverse", "BTC", "1"),
    ("bybit", "BTCPERP", "linear", "USDC", "1"),
    ("okex-swap", "BTC-USD-SWAP", "inverse", "BTC", "100"),
    ("okex-swap", "ETH-USD-SWAP", "inverse", "ETH", "10"),
    ("okex-swap", "BTC-USDT-SWAP", "linear", "USDT", "0.01"),
    ("deribit", "ETH-PERPETUAL", "inverse", "ETH", "1"),
    ("deribit", "SOL_USDC-PERPETUAL", "linear", "USDC", "1"),
    ("gate-io-futures", "BTC_USD", "inverse", "BTC", "1"),
    ("gate-io-futures", "ETH_USDT", "linear", "USDT", "0.01"),
    ("binance-delivery", "ETHUSD_PERP", "inverse", "ETH", "10"),
    ("binance-futures", "ETHUSDC", "linear", "USDC", "1"),
    ("huobi-dm-swap", "BTC-USD", "inverse", "BTC", "100"),
    ("cryptofacilities", "PI_XBTUSD", "inverse", "XBT", "1"),
    ("binance", "BTCTUSD", "spot", "TUSD", "1"),
    ("binance-us", "DOTUSD", "spot", "USD", "1"),
]


@pytest.mark.parametrize(("exchange", "symbol", "kind", "asset", "size"), KNOWN)
def test_a_symbol_is_what_its_exchange_says(exchange: str, symbol: str, kind: str, asset: str, size: str) -> None:
    """Kind, settlement asset and what a size of 1 is worth; none of them ends."""
    found = Contracts().of(VenueMarket(exchange, symbol))
    assert (found.kind, found.asset, found.size, found.expiry_ns) == (kind, asset, Decimal(size), None)


@pytest.mark.parametrize(
    ("exchange", "symbol", "ends"),
    [
        ("bitmex", "XBTZ25", "2025-12-26T12:00:00Z"),
        ("bybit", "BTCUSDH26", "2026-03-27T08:00:00Z"),
        ("deribit", "BTC-5JUN26", "2026-06-05T08:00:00Z"),
        ("okex-futures", "BTC-USD-260327", "2026-03-27T08:00:00Z"),
        ("binance-delivery", "BTCUSD_251226", "2025-12-26T08:00:00Z"),
        ("gate-io-futures", "BTC_USDT_20250328", "2025-03-28T08:00:00Z"),
    ],
)
def test_a_dated_future_is_no_perpetual(exchange: str, symbol: str, ends: str) -> None:
    """It ends at the hour of its venue on the day that its symbol names."""
    expiry_ns = Contracts().of(VenueMarket(exchange, symbol)).expiry_ns
    assert expiry_ns is not None
    assert format_time_ns(expiry_ns) == ends


@pytest.mark.parametrize(
    ("exchange", "symbol", "told"),
    [
        ("okex-swap", "NEWCOIN-USDT-SWAP", "what one contract of NEWCOIN-USDT-SWAP .* is worth is not known; say it"),
        ("bitmex", "XRPH21", "in no contract specification that is known; say it with --contract XRPH21="),
        ("nowhere", "BTCUSDT", "in no contract specification that is known"),
        ("huobi-dm", "BTC_CQ", "in no contract specification that is known"),
        ("deribit", "BTC-26DEC25-100000-C", "is an option, for which there is no payoff here; leave it out"),
        ("bybit", "BTC-26DEC25-100000-P-USDT", "is an option"),
        ("okex-futures", "BTC-USD-261399", "261399 is no date"),
    ],
)
def test_what_is_not_known_is_refused_and_never_guessed(exchange: str, symbol: str, told: str) -> None:
    """The message says how to tell it; it is the same each time that it is asked."""
    contracts = Contracts()
    for _ in range(2):
        with pytest.raises(ScenarioError, match=told):
            contracts.of(VenueMarket(exchange, symbol))


@pytest.mark.parametrize(
    ("told", "exchange", "symbol", "expected"),
    [
        (Decimal(1), "bitmex", "XBTUSD", Contract("inverse", "XBT", Decimal(1), in_parts=False)),
        (Decimal(100), "nowhere", "BATUSD", Contract("inverse", "BAT", Decimal(100), in_parts=False)),
        (Decimal(5), "nowhere", "BTC-USD_PERP", Contract("inverse", "BTC", Decimal(5), in_parts=False)),
        (Told("linear", Decimal("0.1")), "nowhere", "FOOUSDT", Contract("linear", "USDT", Decimal("0.1"))),
        (Told("linear", Decimal(3), "EUR"), "nowhere", "X", Contract("linear", "EUR", Decimal(3))),
        (
            Told("quanto", Decimal("0.001"), "XBT"),
            "bitmex",
            "FOOUSD",
            Contract("linear", "XBT", Decimal("0.001"), is_quanto=True, in_parts=False),
        ),
    ],
)
def test_what_is_told_counts(told: Told | Decimal, exchange: str, symbol: str, expected: Contract) -> None:
    """A bare size is inverse; an asset that is not told is the table's, or follows from the letters."""
    assert Contracts({symbol: told}).of(VenueMarket(exchange, symbol)) == expected


def test_an_asset_that_no_letter_tells_must_be_said() -> None:
    """A quanto contract settles in what its symbol does not say."""
    with pytest.raises(ScenarioError, match="does not follow from its name"):
        Contracts({"FOOUSD": Told("quanto", Decimal(1))}).of(VenueMarket("nowhere", "FOOUSD"))


def test_every_row_of_the_table_has_a_source() -> None:
    """A figure without a source is a guess."""
    assert all(row.source and row.exchanges and row.pattern.pattern for row in SPECIFICATIONS)


@pytest.mark.parametrize(
    ("exchange", "symbol", "size", "price", "value"),
    [
        ("bitmex", "ETHUSD", "1000", "500.05", 50_005_000),
        ("okex-swap", "BTC-USD-SWAP", "12.5", "125000", 1_000_000),
        ("okex-swap", "BTC-USDT-SWAP", "50.5", "110000.5", 5_555_025_250_000),
        ("deribit", "BTC-PERPETUAL", "50000", "125000", 40_000_000),
    ],
)
def test_a_fill_is_worth_what_its_contract_says(
    tmp_path: Path, exchange: str, symbol: str, size: str, price: str, value: int
) -> None:
    """In atoms of the settlement asset: a quanto, an inverse contract of 100 USD in parts, a multiplied one, USD."""
    name = written(tmp_path, "liquidations.csv", ROWS, f"{exchange},{symbol},{US},{US},,buy,{price},{size}")
    result = recorded(tmp_path, open_tardis([name]))
    (filled,), (asset,) = bodies(result, LiquidationFilled), bodies(result, AssetListed)
    scale = 10 ** (asset.decimals - 8)
    assert abs(filled.value_atoms) == value * scale


def test_a_symbol_without_specification_is_a_fault_of_its_rows(tmp_path: Path) -> None:
    """It stops with file and line, or its rows are left out and counted; the others come in."""
    rows = (f"okex-swap,{name}-USDT-SWAP,{US},{US},,buy,100,1" for name in ("BTC", "NEWCOIN"))
    name = written(tmp_path, "liquidations.csv", ROWS, *rows)
    with pytest.raises(ScenarioError, match=r"liquidations.csv:3: what one contract of NEWCOIN-USDT-SWAP"):
        recorded(tmp_path, open_tardis([name]))
    result = recorded(tmp_path, open_tardis([name]), "skip")
    assert [(one.reason, one.rows, one.first_row) for one in result.faults] == [("no contract specification", 1, 3)]
    assert [one.name for one in bodies(result, InstrumentListed)] == ["BTC-USDT-SWAP"]
    told = {"NEWCOIN-USDT-SWAP": Told("linear", Decimal(10))}
    assert len(bodies(recorded(tmp_path / "told", open_tardis([name], contracts=told)), LiquidationFilled)) == 2


@pytest.mark.parametrize("told", ["BTCUSD", "=1", "X=1:2:3:4", "X=option:1", "X=linear:", "X=linear:x", "Y=1"])
def test_a_contract_that_says_nothing_is_a_wrong_command(tmp_path: Path, told: str) -> None:
    """No symbol, no kind, no size, or a symbol that no row has."""
    name = written(tmp_path, "liquidations.csv", ROWS, f"bybit,BTCUSDT,{US},{US},,buy,100,1")
    assert call("import", "tardis", name, "-o", tmp_path / "run", "--contract", told).exit_code == 2

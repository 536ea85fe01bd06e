"""Inputs after public reports that came out wrong, with the right values worked out by hand (`tests/cases/`)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from deleverage.events.bodies.inputs import DepthQuoted, FillReported, PositionStated, PriceTicked, TradeExecuted
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationStarted
from deleverage.events.bodies.listing import AssetListed, InstrumentListed
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Origin
from deleverage.events.ledger import LedgerState
from deleverage.replay.importers.adl_table.importer import AdlTableImporter
from deleverage.replay.importers.audit.audit import audit_of
from deleverage.replay.importers.binance.opening import open_binance
from deleverage.replay.importers.faults import OnError
from deleverage.replay.importers.hyperliquid.importer import HyperliquidImporter
from deleverage.replay.importers.importing import ImportResult
from deleverage.replay.importers.tardis.layouts import open_tardis
from deleverage.replay.run import open_run

from .support.command_line import call
from .support.market_data import bodies, events, recorded

CASES = Path(__file__).parent / "cases"
USDC = 10**8


def case(name: str) -> str:
    """A case by name."""
    return str(CASES / name)


def address(number: int) -> str:
    """0x00..05."""
    return f"0x{number:040x}"


def balance(ledger: LedgerState, name: str) -> int:
    """What an account has, in atoms."""
    return ledger.accounts[ledger.account_ids[name]].balance_atoms


def prices(result: ImportResult) -> list[str]:
    """The prices, as decimals."""
    ticks = {one.instrument: one.tick_size for one in bodies(result, InstrumentListed)}
    return [
        f"{ticked * Decimal(ticks[instrument]):.1f}"
        for one in bodies(result, PriceTicked)
        for instrument, ticked in one.prices
    ]


def test_cash_carries_from_row_to_row(tmp_path: Path) -> None:
    """F1: 1,000 and profits of 200 and 300 come to 1,500, and the audit finds the 200 that the table takes back."""
    result = recorded(tmp_path, AdlTableImporter([case("adlcash.csv")]))
    run = open_run(Path(result.run))
    assert balance(run.at(), "0xaaa1") == 1_500 * 10**6
    assert result.noted == (("rows whose cash is not what the row before leaves", 1),)
    (law,) = (one for one in audit_of(run).laws if one.law == "cash")
    assert (law.checked, law.broken) == (1, 1)
    assert law.offenders[0].text == "has a cash of 1,000 where the row before it leaves 1,200: -200 in between"
    assert call("audit", result.run).exit_code == 1


@pytest.mark.parametrize(("exchange", "symbol", "asset"), [("bitmex", "XBTUSD", "XBT"), ("bybit", "BTCUSD", "BTC")])
def test_an_inverse_contract_settles_in_its_coin(tmp_path: Path, exchange: str, symbol: str, asset: str) -> None:
    """F2: 50,000 contracts of 1 USD at 110,000 are 0.45454546 coins, as values are rounded up to an atom."""
    result = recorded(tmp_path, open_tardis([case(f"{exchange}_liquidations_2025-10-10_{symbol}.csv")]))
    assert [(one.name, one.decimals) for one in bodies(result, AssetListed)] == [(asset, 8)]
    assert [one.kind for one in bodies(result, InstrumentListed)] == ["inverse"]
    assert [abs(one.value_atoms) for one in bodies(result, LiquidationFilled)] == [45_454_546]


@pytest.mark.parametrize(("name", "lone"), [("dust.jsonl", 3), ("dust2.jsonl", 2)])
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_dust_of_the_spot_market_is_reported_and_moves_nothing(
    tmp_path: Path, name: str, lone: int, on_error: OnError
) -> None:
    """F3: every fill of it has the trade id 0, which is none: each is reported alone, and no fault."""
    result = recorded(tmp_path, HyperliquidImporter([case(name)]), on_error)
    assert result.faults == ()
    assert dict(result.noted)["spot trades, which move nothing"] == lone
    reports = [one for one in bodies(result, FillReported) if one.direction == "Spot Dust Conversion"]
    assert [one.trade_id for one in reports] == [0] * lone
    found = audit_of(open_run(Path(result.run)))
    (sides,) = (one for one in found.laws if (one.law, one.market) == ("sides", "spot"))
    assert (sides.broken, sum(sides.not_checkable.values())) == (0, lone)


def test_sends_and_commissions_of_leaders_move_money(tmp_path: Path) -> None:
    """F4: each account has what the venue's own events leave it, the leader paid by the vault."""
    result = recorded(tmp_path, HyperliquidImporter([case("plain.jsonl")], [case("send-misc.jsonl")]))
    ledger = open_run(Path(result.run)).at()
    told = {1: 57_975, 2: 39_325, 4: 700, 9: 100}
    assert {number: balance(ledger, address(number)) for number in told} == {
        number: cents * USDC // 100 for number, cents in told.items()
    }
    ledger.check()


def test_a_liquidation_has_the_value_that_the_venue_says(tmp_path: Path) -> None:
    """F5: 580.50 of a cross account and 12.25 of an isolated one, imported; nothing is left untaken."""
    result = recorded(tmp_path, HyperliquidImporter([case("liq.jsonl")], [case("liq-misc.jsonl")]))
    ledger = open_run(Path(result.run)).at()
    started = [event for event in events(result) if isinstance(event.body, LiquidationStarted)]
    assert [
        (ledger.name(one.body.account), one.body.equity_atoms, ledger.accounts[one.body.account].mode, one.origin)
        for one in started
    ] == [
        (address(5), 58_050_000_000, "cross", Origin.IMPORTED),
        (address(7), 1_225_000_000, "isolated", Origin.IMPORTED),
    ]
    assert result.noted == ()
    told = call("why", result.run, started[0].seq).stdout
    assert "liquidated with an equity of 580.50000000 USDC" in " ".join(told.split())


def test_the_one_row_that_is_ahead_is_left_out(tmp_path: Path) -> None:
    """F6: of ten trades the one with a time of next month, and none of those behind it."""
    result = recorded(tmp_path, open_binance([case("OUSDT-trades-2025-03-01.csv")]), "skip")
    assert len(prices(result)) == 9
    assert [(one.rows, one.first_row) for one in result.faults] == [(1, 3)]


def test_two_streams_in_one_file_can_be_sorted(tmp_path: Path) -> None:
    """F6: all six rows in order of time, of which two of one instant are one price."""
    result = recorded(tmp_path, open_binance([case("XUSDT-aggTrades-2023-05.csv")], sort=True))
    assert prices(result) == ["100.0", "100.1", "100.2", "89.9", "89.8"]
    assert (result.faults, dict(result.noted)["rows sorted by time"]) == ((), 2)
    left = recorded(tmp_path / "skip", open_binance([case("XUSDT-aggTrades-2023-05.csv")]), "skip")
    assert sum(one.rows for one in left.faults) == 2


def test_nothing_is_received_before_it_happens(tmp_path: Path) -> None:
    """F6: the row whose venue time is two hours after its receipt is left out, and those behind it are not."""
    result = recorded(tmp_path, open_tardis([case("binance-futures_trades_2025-10-10_BTCUSDT.csv")]), "skip")
    assert prices(result) == ["110000.0", "110002.0", "110003.0"]
    assert [(one.reason, one.first_row) for one in result.faults] == [("received before its time", 3)]
    assert result.noted == ()


def test_equal_liquidations_are_as_many_where_the_feed_does_not_double(tmp_path: Path) -> None:
    """F7: two equal rows of a dataset without ids are two fills of 1."""
    result = recorded(tmp_path, open_tardis([case("bybit_liquidations_2025-10-10_BTCUSDT.csv")]))
    assert [one.size_lots for one in bodies(result, LiquidationFilled)] == [-1, -1]
    assert result.noted == ()


def test_a_file_that_holds_every_row_twice_is_halved(tmp_path: Path) -> None:
    """F7: a row that stands four times is two orders: 0.5, 0.5 and 0.4 are filled."""
    result = recorded(tmp_path, open_binance([case("LUSDT-liquidationSnapshot-2023-07-31.csv")]))
    assert [one.size_lots for one in bodies(result, LiquidationFilled)] == [-5, -5, 4]
    assert result.noted == (("forced orders that stood twice", 4),)


def test_bands_that_the_market_has_left_behind_are_noted(tmp_path: Path) -> None:
    """F8: three asks stand still at 100 while the market goes to 120: counted, frozen and at another price."""
    result = recorded(tmp_path, open_binance([case("F2USDT-bookDepth-2026-09-04.csv")]))
    assert dict(result.noted) == {
        "frozen bands of depth": 9,
        "bands of depth at another price than the other side": 6,
    }


def test_a_frozen_band_never_drives_out_a_good_one(tmp_path: Path) -> None:
    """F8: where both cannot be, the nine frozen bands go, and the outer ones that move stay."""
    result = recorded(tmp_path, open_binance([case("FUSDT-bookDepth-2026-09-04.csv")]), "skip")
    assert [(one.reason, one.rows, one.first_row) for one in result.faults] == [("frozen band", 9, 8)]
    assert [[bps for bps, _ in one.asks] for one in bodies(result, DepthQuoted)] == [[300, 400, 500]] * 3
    assert [len(one.bids) for one in bodies(result, DepthQuoted)] == [6] * 3
    assert "frozen" in call("import", "binance", case("FUSDT-bookDepth-2026-09-04.csv"), "-o", tmp_path / "x").stderr


def test_gaps_in_trade_ids_are_noted(tmp_path: Path) -> None:
    """F9: trade 502, and 504 to 509, are in no aggregate: two gaps."""
    result = recorded(tmp_path, open_binance([case("GUSDT-aggTrades-2024-07-04.csv")]))
    assert result.noted == (("gaps in trade ids", 2),)


def test_node_trades_are_read(tmp_path: Path) -> None:
    """F10: both sides with their start positions, at the venue's nanosecond, the buyer being the taker."""
    result = recorded(tmp_path, HyperliquidImporter([case("node_trades.jsonl")]))
    reports = bodies(result, FillReported)
    assert [(one.size_lots, one.start_lots, one.order_id, one.maker) for one in reports] == [
        (1000, 0, 1, False),
        (-1000, -5, 2, True),
    ]
    assert reports[0].provenance is not None
    assert reports[0].provenance.venue_ns % 10**9 == 123_456_789
    assert [one.value_atoms for one in bodies(result, TradeExecuted)] == [950_000_000]
    assert [one.size_lots for one in bodies(result, PositionStated)] == [-5]


def test_equal_instants_follow_receipt_and_not_the_order_of_files(tmp_path: Path) -> None:
    """F12: the ticker was received first, so the mark stands first, and the head is the same either way."""
    names = [case(f"binance-futures_{kind}_2025-10-10_TIE.csv") for kind in ("trades", "derivative_ticker")]
    results = [
        recorded(tmp_path / str(number), open_tardis(files)) for number, files in enumerate((names, names[::-1]))
    ]
    for result in results:
        kinds = [type(one.body) for one in events(result) if isinstance(one.body, PriceTicked | MarkPriced)]
        assert kinds == [MarkPriced, PriceTicked]
    assert results[0].head == results[1].head

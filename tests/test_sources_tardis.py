"""Trades in the Tardis layout: merged by instant, followed by all instruments, every bad row named."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from deleverage.events.bodies.base import Provenance
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.run import SourceTally
from deleverage.events.errors import ScenarioError
from deleverage.sim.sources.base import InstrumentScale, check
from deleverage.sim.sources.registry import PriceSettings, open_prices
from deleverage.sim.sources.tardis import TARDIS_COLUMNS, TardisSettings, TardisSource

AVAX = InstrumentScale(0, "AVAX", Decimal("0.01"), Decimal("0.1"))
BTC = InstrumentScale(1, "BTC", Decimal("0.1"), Decimal("0.001"), Decimal(100_000))
HEADER = ",".join(TARDIS_COLUMNS)
US = 1_760_054_401_433_000


def row(at_us: int | str = US, price: str = "28.41", **other: str) -> str:
    """One line of the file."""
    fields = {"local_timestamp": str(US + 5), "id": "7", "side": "buy", "amount": "105"} | other
    first = f"{fields.get('exchange', 'venue')},{fields.get('symbol', 'AVAX-PERP')}"
    return f"{first},{at_us},{fields['local_timestamp']},{fields['id']},{fields['side']},{price},{fields['amount']}"


def source(tmp_path: Path, *lines: str, late_rows: str = "refuse", instrument: str | None = None) -> TardisSource:
    """A source of a file with these lines below the header."""
    path = tmp_path / "trades.csv"
    path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    settings = msgspec.convert({"file": str(path), "late_rows": late_rows, "instrument": instrument}, TardisSettings)
    return TardisSource(settings, [AVAX, BTC])


def test_one_instant_is_one_tick_at_its_last_price(tmp_path: Path) -> None:
    """Rows of one timestamp are merged; the last in file order gives price and provenance; the rest are counted."""
    read = source(tmp_path, row(US, "28.41"), row(US, "28.40"), row(US + 1, "28.39"))
    inputs = list(read.inputs(4))
    assert [at_ns for at_ns, _ in inputs] == [US * 1000, (US + 1) * 1000]
    assert inputs[0][1] == PriceTicked(((0, 2840), (1, 1_000_000)), Provenance(4, 2, US * 1000, (US + 5) * 1000))
    assert read.tally(4) == SourceTally(4, 3, 1)
    assert read.opening == ((0, 2840), (1, 1_000_000))
    assert read.start_ns == US * 1000


def test_the_others_move_with_the_driven_one(tmp_path: Path) -> None:
    """A fall by a quarter takes a quarter off every instrument, rounded half to even, and never below one tick."""
    read = source(tmp_path, row(US, "20"), row(US + 1, "15"), row(US + 2, "0.01"))
    prices = [body.prices for _, body in read.inputs(0)]
    assert prices == [((0, 2000), (1, 1_000_000)), ((0, 1500), (1, 750_000)), ((0, 1), (1, 500))]


def test_another_instrument_may_be_driven(tmp_path: Path) -> None:
    """The named instrument takes the prices of a file that is mapped to it; who has no start price cannot follow."""
    path = tmp_path / "trades.csv"
    path.write_text(f"{HEADER}\n{row(US, '20')}\n", encoding="utf-8")
    priced = InstrumentScale(0, "AVAX", Decimal("0.01"), Decimal("0.1"), Decimal(30))
    read = TardisSource(TardisSettings(str(path), "BTC", symbol="AVAX-PERP"), [priced, BTC])
    assert read.opening == ((0, 3000), (1, 200))
    with pytest.raises(ScenarioError, match="instrument 'AVAX' has no start_price, and it follows 'BTC'; give it one"):
        TardisSource(TardisSettings(str(path), "BTC", symbol="AVAX-PERP"), [AVAX, BTC])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, 'the file is of AVAX-PERP, and is to drive BTC; name .* or say symbol = "AVAX-PERP"'),
        ({"symbol": "AVAXUSDT"}, "the file is of AVAX-PERP, and symbol says AVAXUSDT"),
    ],
)
def test_a_file_of_another_symbol_is_refused(tmp_path: Path, settings: dict[str, str], told: str) -> None:
    """Prices of one coin never drive another because nobody said that they should not."""
    path = tmp_path / "trades.csv"
    path.write_text(f"{HEADER}\n{row(US, '20')}\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=f"trades.csv:2: {told}"):
        TardisSource(TardisSettings(str(path), "BTC", **settings), [AVAX, BTC])


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    """The tally starts anew with every reading."""
    read = source(tmp_path, row(US), row(US), row(US + 1))
    assert list(read.inputs(0)) == list(read.inputs(0))
    assert read.tally(0) == SourceTally(0, 3, 1)


def test_gzip_is_read_as_it_is(tmp_path: Path) -> None:
    """The compressed file gives the same ticks under another hash."""
    plain = source(tmp_path, row(US), row(US + 1, "28.5"))
    packed = tmp_path / "trades.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "trades.csv").read_bytes(), mtime=0))
    read = TardisSource(TardisSettings(str(packed)), [AVAX, BTC])
    assert list(read.inputs(0)) == list(plain.inputs(0))
    assert read.sha256 != plain.sha256
    assert read.name == "trades.csv.gz"


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (row(price="28,41"), "9 fields where 8 are expected"),
        (row(price="abc"), "'abc' is not a number"),
        (row(price=""), "'' is not a number"),
        (row(price="nan"), "'nan' is not a number"),
        (row(price="-28.41"), "price -28.41 is not above 0"),
        (row(price="0"), "price 0 is not above 0"),
        (row(US + 1, price="0.001"), "less than one tick of 0.01"),
        (row(US + 1, price="1e20"), "passes 2^63 - 1"),
        (row(amount="x"), "'x' is not a number"),
        (row(amount="0"), "amount 0 is not above 0"),
        (row(side="long"), "side 'long' is none of buy, sell, unknown"),
        (row("17600544014330.5"), "timestamp '17600544014330.5' is not a whole number"),
        (row(US // 1000), "is not in microseconds since 1970"),
        (row(local_timestamp="1"), "local_timestamp 1 is not in microseconds"),
        (row(symbol="BTC-PERP"), "'BTC-PERP' of 'venue' after 'AVAX-PERP'; give a file of one symbol"),
        (row(US - 1), "the time runs backwards"),
        ("garbage", "1 fields where 8 are expected"),
    ],
)
def test_every_bad_row_names_file_and_line(tmp_path: Path, bad: str, what: str) -> None:
    """What cannot be read is one line with file, line, fault and remedy."""
    with pytest.raises(ScenarioError) as raised:
        check(source(tmp_path, row(), row(), bad))
    text = str(raised.value)
    assert text.startswith(f"{tmp_path / 'trades.csv'}:4: ")
    assert what in text
    assert ";" in text
    assert "\n" not in text


def test_a_bad_first_row_is_found_at_once(tmp_path: Path) -> None:
    """What the source is anchored at is read when it is made."""
    with pytest.raises(ScenarioError, match=r"trades.csv:2: 'x' is not a number"):
        source(tmp_path, row(price="x"))


def test_late_rows_may_be_left_out(tmp_path: Path) -> None:
    """With late_rows = leave_out a row that runs backwards is counted, not used."""
    read = source(tmp_path, row(US + 5), row(US, "99"), row(US + 6), late_rows="leave_out")
    assert [at_ns for at_ns, _ in read.inputs(0)] == [(US + 5) * 1000, (US + 6) * 1000]
    assert read.tally(0) == SourceTally(0, 3, 0, (("late row", 1, 2),))


def test_a_row_ahead_of_its_time_is_left_out_and_not_those_behind_it(tmp_path: Path) -> None:
    """One trade of next month among others, and one that was received before it happened."""
    late = str(US + 10**12)
    rows = [
        row(US),
        row(int(late), local_timestamp=late),
        row(US + 10**9, local_timestamp=str(US)),
        row(US + 1),
        row(US + 2),
    ]
    read = source(tmp_path, *rows, late_rows="leave_out")
    assert [at_ns // 1000 - US for at_ns, _ in read.inputs(0)] == [0, 1, 2]
    left_out = (("received before its time", 1, 3), ("row ahead of its time", 1, 2))
    assert read.tally(0) == SourceTally(0, 5, 0, left_out)
    with pytest.raises(ScenarioError, match=r"trades.csv:4: it was received before its time"):
        check(source(tmp_path, row(US), row(US + 1), row(US + 10**9, local_timestamp=str(US))))


def test_an_unknown_instrument_is_named(tmp_path: Path) -> None:
    """A typo in the instrument lists those that there are."""
    with pytest.raises(
        ScenarioError, match=r"\$.prices.instrument: unknown instrument 'AVX'; the scenario lists AVAX, BTC"
    ):
        source(tmp_path, row(), instrument="AVX")


def test_settings_are_strict() -> None:
    """An unknown key and a tolerance that does not exist are refused with their path."""
    for extra, path in (({"fiel": "x"}, "fiel"), ({"file": "x", "late_rows": "ignore"}, "late_rows")):
        with pytest.raises(msgspec.ValidationError, match=path):
            msgspec.convert({"source": "tardis"} | extra, PriceSettings)


def test_the_registry_opens_it(tmp_path: Path) -> None:
    """The tag picks the source; a relative path is sought in the scenario's folder."""
    source(tmp_path, row())
    settings = msgspec.convert({"source": "tardis", "file": "trades.csv"}, PriceSettings)
    (read,) = open_prices(settings, [AVAX, BTC], start_ns=0, seed=1, folder=tmp_path)
    assert (read.name, read.layout, read.start_ns) == ("trades.csv", "tardis trades", US * 1000)

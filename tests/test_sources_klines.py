"""Bars in the Binance klines layout: four ticks a bar in a stated order, either unit, one file or several."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from deleverage.events.bodies.base import Provenance
from deleverage.events.bodies.run import SourceTally
from deleverage.events.errors import ScenarioError
from deleverage.sim.sources.base import InstrumentScale, check
from deleverage.sim.sources.klines import KLINES_COLUMNS, KlinesSettings, KlinesSource, open_klines

BTC = InstrumentScale(0, "BTC", Decimal(1), Decimal("0.001"))
HEADER = ",".join(KLINES_COLUMNS)
MS = 1_760_054_400_000
NS = MS * 10**6


def bar(minute: int = 0, prices: str = "100,130,90,120", *, unit: int = 1, closes: int = 59_999) -> str:
    """One line: open, high, low, close in a minute."""
    opens = (MS + 60_000 * minute) * unit
    return f"{opens},{prices},0,{opens + closes * unit},0,60,0,0,0"


def written(tmp_path: Path, *lines: str, name: str = "bars.csv") -> str:
    """A file with these lines, by path."""
    (tmp_path / name).write_text("\n".join([*lines, ""]), encoding="utf-8")
    return str(tmp_path / name)


def source(tmp_path: Path, *lines: str, late_rows: str = "refuse") -> KlinesSource:
    """The source of one file with a header."""
    raw = {"file": written(tmp_path, HEADER, *lines), "late_rows": late_rows}
    return open_klines(msgspec.convert(raw, KlinesSettings), [BTC])[0]


def test_a_rising_bar_shows_its_low_first(tmp_path: Path) -> None:
    """Open, low, high, close at the start, one third, two thirds and the end of the bar, all from its row."""
    inputs = list(source(tmp_path, bar()).inputs(2))
    assert [body.prices[0][1] for _, body in inputs] == [100, 90, 130, 120]
    assert [at_ns - NS for at_ns, _ in inputs] == [0, 19_999_666_666, 39_999_333_333, 59_999_000_000]
    assert inputs[1][1].provenance == Provenance(2, 1, NS + 19_999_666_666)


def test_a_falling_bar_shows_its_high_first(tmp_path: Path) -> None:
    """A close below the open puts the high before the low."""
    inputs = source(tmp_path, bar(0, "120,130,90,100")).inputs(0)
    assert [body.prices[0][1] for _, body in inputs] == [120, 130, 90, 100]


def test_a_flat_bar_counts_as_rising(tmp_path: Path) -> None:
    """A close at the open shows the low first."""
    inputs = source(tmp_path, bar(0, "100,130,90,100")).inputs(0)
    assert [body.prices[0][1] for _, body in inputs] == [100, 90, 130, 100]


@pytest.mark.parametrize("unit", [1, 1000])
def test_either_unit_is_told_by_its_digits(tmp_path: Path, unit: int) -> None:
    """Thirteen digits are milliseconds, sixteen microseconds."""
    read = source(tmp_path, bar(unit=unit), bar(1, unit=unit))
    assert read.start_ns == NS
    assert [at_ns for at_ns, _ in read.inputs(0)][-1] == NS + 119_999_000_000


def test_the_header_may_be_absent(tmp_path: Path) -> None:
    """Without a header the first line is row 1, and errors still name the right line."""
    path = written(tmp_path, bar(0), bar(1), "garbage")
    (read,) = open_klines(KlinesSettings(path), [BTC])
    with pytest.raises(ScenarioError, match=r"bars.csv:3: 1 fields where 12 are expected"):
        check(read)
    assert read.opening == ((0, 100),)


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (bar(1, "100,130,90,x"), "'x' is not a number"),
        (bar(1, "100,99,90,95"), "do not lie between its low and high"),
        (bar(1, "100,130,101,120"), "do not lie between its low and high"),
        (bar(1, "100,130,0,120"), "above 0"),
        (bar(1, "100,130,0.3,120"), "less than one tick of 1"),
        (bar(1, closes=0), "closes before it opens"),
        (bar(1, unit=1000), "not in the unit of the file"),
        (bar(0), "the time runs backwards"),
        (bar(-1), "the time runs backwards"),
        ("1,2,3", "3 fields where 12 are expected"),
    ],
)
def test_every_bad_row_names_file_and_line(tmp_path: Path, bad: str, what: str) -> None:
    """What cannot be read is one line with file, line, fault and remedy."""
    read = source(tmp_path, bar(0), bad)
    with pytest.raises(ScenarioError) as raised:
        check(read)
    assert str(raised.value).startswith(f"{tmp_path / 'bars.csv'}:3: ")
    assert what in str(raised.value)
    assert ";" in str(raised.value)


def test_a_first_time_of_neither_unit_is_refused(tmp_path: Path) -> None:
    """Seconds are not a unit that this layout has."""
    with pytest.raises(ScenarioError, match=r"bars.csv:2: time 1760054400 is not in the unit of the file; 13 digits"):
        source(tmp_path, bar().replace(str(MS), str(MS // 1000)))


def test_a_bar_ahead_of_its_time_is_left_out_and_not_those_behind_it(tmp_path: Path) -> None:
    """One of next month, wherever it stands, and one that closes hours too late."""
    for rows in ([bar(50_000), bar(0), bar(1), bar(2)], [bar(0), bar(1), bar(50_000), bar(2)]):
        read = source(tmp_path, *rows, late_rows="leave_out")
        assert (read.start_ns, len(list(read.inputs(0)))) == (NS, 12)
        assert [(reason, times) for reason, times, _ in read.tally(0).left_out] == [("row ahead of its time", 1)]
    read = source(tmp_path, bar(0), bar(1, closes=9_999_999), bar(2), bar(3), late_rows="leave_out")
    assert len(list(read.inputs(0))) == 12
    assert read.tally(0).left_out == (("late row", 1, 2),)


def test_a_file_of_another_symbol_is_refused_unless_it_is_mapped(tmp_path: Path) -> None:
    """What a file is named after must be of the coin that it drives, or be what symbol says."""
    name = written(tmp_path, HEADER, bar(), name="ETHUSDT-1m-2025-10-10.csv")
    with pytest.raises(ScenarioError, match=r"ETHUSDT-1m-2025-10-10.csv: the file is of ETHUSDT, and is to drive BTC"):
        open_klines(KlinesSettings(name), [BTC])
    assert open_klines(KlinesSettings(name, symbol="ETHUSDT"), [BTC])[0].start_ns == NS
    for right in ("BTCUSDT-1m-2025-10-10.csv", "btcusd-perp-1m-x.csv", "XBTUSD-1m.csv", "mine.csv"):
        assert open_klines(KlinesSettings(written(tmp_path, HEADER, bar(), name=right)), [BTC])[0].start_ns == NS


def test_late_bars_may_be_left_out(tmp_path: Path) -> None:
    """With late_rows = leave_out a bar that opens before the last one closed is counted, not used."""
    read = source(tmp_path, bar(0), bar(0), bar(1), late_rows="leave_out")
    assert len(list(read.inputs(0))) == 8
    assert read.tally(0) == SourceTally(0, 3, 0, (("late row", 1, 2),))


def test_missing_minutes_are_no_error(tmp_path: Path) -> None:
    """The price stays where it was until the next bar."""
    assert len(list(source(tmp_path, bar(0), bar(7)).inputs(0))) == 8


def test_several_files_are_several_sources_with_one_anchor(tmp_path: Path) -> None:
    """Each file keeps its own name and hash; followers are anchored at the first price of the first."""
    names = [written(tmp_path, bar(0), name="a.csv"), written(tmp_path, bar(5, "50,50,50,50"), name="b.csv")]
    eth = InstrumentScale(1, "ETH", Decimal(1), Decimal(1), Decimal(1000))
    first, second = open_klines(KlinesSettings(files=tuple(names)), [BTC, eth])
    assert (first.name, second.name) == ("a.csv", "b.csv")
    assert first.sha256 != second.sha256
    assert next(second.inputs(1))[1].prices == ((0, 50), (1, 500))


def test_files_out_of_order_are_refused(tmp_path: Path) -> None:
    """The second file must begin later than the first."""
    names = [written(tmp_path, bar(5), name="a.csv"), written(tmp_path, bar(0), name="b.csv")]
    with pytest.raises(ScenarioError, match=r"b.csv:1: begins no later than .*a.csv; give the files in order of time"):
        open_klines(KlinesSettings(files=tuple(names)), [BTC])


def test_files_that_overlap_are_refused(tmp_path: Path) -> None:
    """A bar that reaches into the next file is named with its line."""
    names = [written(tmp_path, bar(0), bar(5), name="a.csv"), written(tmp_path, bar(5), name="b.csv")]
    first, _ = open_klines(KlinesSettings(files=tuple(names)), [BTC])
    with pytest.raises(ScenarioError, match=r"a.csv:2: the bar reaches into .*b.csv; give files in order of time"):
        check(first)


@pytest.mark.parametrize("raw", [{}, {"file": "a", "files": ["b"]}])
def test_one_way_of_naming_files(raw: dict[str, object]) -> None:
    """No file at all, or both file and files, is refused."""
    with pytest.raises(msgspec.ValidationError, match="give either file or files"):
        msgspec.convert(raw, KlinesSettings)

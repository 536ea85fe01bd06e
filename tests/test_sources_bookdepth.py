"""Depth in the Binance bookDepth layout: one quote a group, half books left out, every bad row named."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from deleverage.events.bodies.base import Provenance
from deleverage.events.bodies.inputs import DepthQuoted
from deleverage.events.bodies.run import SourceTally
from deleverage.events.errors import ScenarioError
from deleverage.sim.sources.base import InstrumentScale, check
from deleverage.sim.sources.bookdepth import BOOKDEPTH_COLUMNS, BookDepthSettings, BookDepthSource
from deleverage.sim.sources.registry import DepthSettings, open_depth
from deleverage.sim.units import parse_time_ns

BTC = InstrumentScale(2, "BTC", Decimal("0.1"), Decimal("0.001"))
HEADER = ",".join(BOOKDEPTH_COLUMNS)
T0, T1, T2 = (f"2025-10-10 00:00:{second}" for second in ("07", "37", "59"))


def group(time: str = T0, near: str = "1.5", far: str = "4") -> list[str]:
    """A whole group of four bands, in the order of the files."""
    return [f"{time},-2,{far},800", f"{time},-1,{near},300", f"{time},1,{near},300", f"{time},2,{far},800"]


def source(tmp_path: Path, *lines: str, start_ns: int = 0, **settings: object) -> BookDepthSource:
    """A source of a file with these lines below the header."""
    path = tmp_path / "depth.csv"
    path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    return BookDepthSource(
        msgspec.convert({"file": str(path), **settings}, BookDepthSettings), [BTC], start_ns=start_ns
    )


def test_a_group_is_one_quote(tmp_path: Path) -> None:
    """Nearest first, cumulative, percentages as basis points, units as lots; one row kept, three merged."""
    read = source(tmp_path, *group())
    at_ns = parse_time_ns("2025-10-10T00:00:07Z")
    side = ((100, 1500), (200, 4000))
    assert list(read.inputs(3)) == [(at_ns, DepthQuoted(2, side, side, Provenance(3, 1, at_ns)))]
    assert read.tally(3) == SourceTally(3, 4, 3)


def test_depth_is_scaled_and_rounded_down(tmp_path: Path) -> None:
    """A twentieth of 1.5 and 4 units, in thousandths."""
    read = source(tmp_path, *group(near="1.5999"), scale=Decimal("0.05"))
    ((_, quote),) = read.inputs(0)
    assert quote.bids == ((100, 79), (200, 200))


def test_fractions_of_a_percent_and_the_newer_column_are_read(tmp_path: Path) -> None:
    """A band at 0.20% is 20 basis points; the average price is not used."""
    path = tmp_path / "new.csv"
    path.write_text(f"{HEADER},weighted_avg_price\n{T0},-0.20,1,2,3\n{T0},0.20,1,2,3\n", encoding="utf-8")
    ((_, quote),) = BookDepthSource(BookDepthSettings(str(path)), [BTC]).inputs(0)
    assert quote.bids == quote.asks == ((20, 1000),)


def test_a_padded_row_takes_its_group_with_it(tmp_path: Path) -> None:
    """The row is left out as padded, the rest of its group as incomplete: half a book never passes for a thin one."""
    spoilt = group(T1)
    spoilt[1] = " " + spoilt[1]
    read = source(tmp_path, *group(T0), *spoilt, *group(T2))
    assert len(list(read.inputs(0))) == 2
    assert read.tally(0) == SourceTally(0, 12, 6, (("padded field", 1, 6), ("incomplete group", 3, 5)))


def test_a_group_that_lost_both_sides_of_a_band_is_incomplete(tmp_path: Path) -> None:
    """A group with fewer bands than the fullest before it is left out even if its sides mirror each other."""
    read = source(tmp_path, *group(T0), *group(T1)[1:3], *group(T2))
    assert len(list(read.inputs(0))) == 2
    assert read.tally(0).left_out == (("incomplete group", 2, 5),)


def test_a_band_below_a_nearer_one_is_left_out(tmp_path: Path) -> None:
    """Depth is cumulative: a farther band cannot hold less."""
    read = source(tmp_path, *group(near="5", far="4"))
    ((_, quote),) = read.inputs(0)
    assert quote.bids == quote.asks == ((100, 5000),)
    assert read.tally(0) == SourceTally(0, 4, 1, (("band below a nearer one", 2, 1),))


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    """Rows read are quotes, merged rows and rows left out."""
    read = source(tmp_path, *group(T0, "5"), *group(T1)[:3], "", *group(T2))
    quotes = len(list(read.inputs(0)))
    tally = read.tally(0)
    assert tally.rows == quotes + tally.merged + sum(rows for _, rows, _ in tally.left_out)


def test_the_last_quote_before_the_start_is_given_at_the_start(tmp_path: Path) -> None:
    """Earlier ones are left out; its own time stays in the provenance."""
    start_ns = parse_time_ns(T1) + 1
    read = source(tmp_path, *group(T0), *group(T1, "2"), *group(T2), start_ns=start_ns)
    (first_ns, first), (second_ns, _) = read.inputs(0)
    assert (first_ns, second_ns) == (start_ns, parse_time_ns(T2))
    assert first.bids[0] == (100, 2000)
    assert first.provenance == Provenance(0, 5, start_ns - 1)
    assert read.tally(0) == SourceTally(0, 12, 9, (("before the start", 1, 1),))


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (f"{T1},-1,x,3", "'x' is not a number"),
        (f"{T1},-1,-4,3", "depth -4 is below 0"),
        (f"{T1},-1,4,-3", "notional -3 is below 0"),
        (f"{T1},0,4,3", "percentage 0 is no distance"),
        (f"{T1},-100,4,3", "percentage -100 is no distance"),
        (f"{T1},0.001,4,3", "not a whole number of steps of 0.01"),
        (f"{T1},1,1e20,3", "passes 2^63 - 1"),
        ("10/10/2025 00:00,-1,4,3", "is not a time"),
        (f"{T0},-1,4,3", "percentage -1 comes twice"),
        ("2025-10-09 00:00:00,-1,4,3", "the time runs backwards"),
        (f"{T1},-1,4", "3 fields where 4 are expected"),
    ],
)
def test_every_bad_row_names_file_and_line(tmp_path: Path, bad: str, what: str) -> None:
    """What cannot be read is one line with file, line, fault and remedy."""
    read = source(tmp_path, *group(), bad)
    with pytest.raises(ScenarioError) as raised:
        check(read)
    assert str(raised.value).startswith(f"{tmp_path / 'depth.csv'}:6: ")
    assert what in str(raised.value)
    assert ";" in str(raised.value)


def test_late_rows_may_be_left_out(tmp_path: Path) -> None:
    """With late_rows = leave_out rows that run backwards are counted, not used."""
    read = source(tmp_path, *group(T1), *group(T0), *group(T2), late_rows="leave_out")
    assert len(list(read.inputs(0))) == 2
    assert read.tally(0).left_out == (("late row", 4, 5),)


def test_a_quote_ahead_of_its_time_is_left_out_and_not_those_behind_it(tmp_path: Path) -> None:
    """The four bands of next month go."""
    read = source(tmp_path, *group(T0), *group("2025-11-10 00:00:00"), *group(T1), *group(T2), late_rows="leave_out")
    assert len(list(read.inputs(0))) == 3
    assert read.tally(0).left_out == (("row ahead of its time", 4, 5),)


def test_depth_of_another_symbol_is_refused(tmp_path: Path) -> None:
    """Unless symbol says that it is meant."""
    path = tmp_path / "ETHUSDT-bookDepth-2025-10-10.csv"
    path.write_text("\n".join([HEADER, *group(), ""]), encoding="utf-8")
    with pytest.raises(ScenarioError, match="the file is of ETHUSDT, and is to drive BTC"):
        BookDepthSource(BookDepthSettings(str(path)), [BTC])
    assert len(list(BookDepthSource(BookDepthSettings(str(path), symbol="ETHUSDT"), [BTC]).inputs(0))) == 1


def test_frozen_bands_never_drive_out_good_ones(tmp_path: Path) -> None:
    """Of two that contradict each other the one that moves stays."""
    lines = [line for time, far in ((T0, "4"), (T1, "4.1"), (T2, "4.2")) for line in group(time, near="9", far=far)]
    read = source(tmp_path, *lines)
    assert [quote.asks for _, quote in read.inputs(0)] == [((200, 4000),), ((200, 4100),), ((200, 4200),)]
    assert read.tally(0).left_out == (("frozen band", 6, 2),)


@pytest.mark.parametrize("scale", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("1e12")])
def test_a_senseless_scale_is_refused(scale: Decimal) -> None:
    """The scale is a number above 0."""
    with pytest.raises(msgspec.ValidationError, match="scale must"):
        msgspec.convert({"file": "x", "scale": scale}, BookDepthSettings)


def test_the_registry_opens_it(tmp_path: Path) -> None:
    """The tag picks the source; the key of an unknown instrument is in the error."""
    source(tmp_path, *group())
    settings = msgspec.convert({"source": "bookdepth", "file": "depth.csv"}, DepthSettings)
    assert open_depth(settings, [BTC], start_ns=0, opening=(), folder=tmp_path).layout == "binance bookDepth"
    settings = msgspec.convert({"source": "bookdepth", "file": "depth.csv", "instrument": "X"}, DepthSettings)
    with pytest.raises(ScenarioError, match=r"\$.depth.instrument: unknown instrument 'X'"):
        open_depth(settings, [BTC], start_ns=0, opening=(), folder=tmp_path)

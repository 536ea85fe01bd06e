"""The studies without the real files: exact arithmetic, verdicts, and what a faulty file is answered with."""

from __future__ import annotations

import gzip
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.study.arithmetic import exact, percentile, quotient, rounded, same, total
from research.study.findings import Findings, Verdict, _plain
from research.study.published import FIGURES, SECTIONS, Figure, Prices
from research.study.sample import SAMPLE
from research.study.study import STUDIES

from .support.command_line import call_study

HEADER = (
    "user,coin,time,adl_price,adl_size,adl_notional,closed_pnl,position_size,entry_price,account_value_realtime,"
    "total_unrealized_pnl,total_equity,is_negative_equity,leverage_realtime,position_unrealized_pnl,pnl_percent"
)
ROWS = (
    "0xa,BTC,1760130964831,100,2,200,20,-2,110,4,20,24,False,50,20,10",
    "0xb,ETH,1760131026037,50,1,50,7,3,40,1e-06,-5,-4.999999,True,150000000,30,20",
)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12)


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    """A sample of these rows."""
    (folder / SAMPLE).write_bytes(gzip.compress("\n".join([header, *rows, ""]).encode()))
    return folder


def refused(folder: Path) -> str:
    """The one line with which the sample is refused."""
    called = call_study("adl-fills-sample", "--data", folder)
    assert called.exit_code == 2
    assert not called.stdout
    assert called.stderr.count("\n") == 1
    return called.stderr


@given(st.lists(NUMBERS, min_size=1))
def test_a_sum_is_exact_whatever_the_digits(values: list[Decimal]) -> None:
    """The sum of decimals is the sum of the fractions they stand for."""
    with exact():
        assert Fraction(total(values)) == sum(map(Fraction, values))


@given(st.lists(NUMBERS, min_size=1), st.integers(0, 100))
def test_a_percentile_lies_between_its_neighbours(values: list[Decimal], percentage: int) -> None:
    """It is what proportion between the two nearest ranks gives, in exact fractions."""
    ranked = sorted(map(Fraction, values))
    place = Fraction(percentage * (len(ranked) - 1), 100)
    below = int(place)
    above = min(below + 1, len(ranked) - 1)
    with exact():
        found = Fraction(percentile(values, percentage))
    assert found == ranked[below] + (ranked[above] - ranked[below]) * (place - below)


@given(NUMBERS, st.integers(-6, 6))
def test_a_figure_agrees_with_what_rounds_to_it(value: Decimal, decimals: int) -> None:
    """A value agrees with its own rounding, whatever the digits, and differs from the next figure but one."""
    with exact():
        unit = Decimal(1).scaleb(-decimals)
        published = rounded(value, decimals)
        figure = Figure("waves.needed", "", published, "", Prices.NONE, None, 0)
        assert _plain(figure, value) is Verdict.AGREES
        assert _plain(figure, value + 2 * unit) is Verdict.DIFFERS


@given(NUMBERS, NUMBERS)
def test_two_figures_are_one_within_a_billionth(one: Decimal, other: Decimal) -> None:
    """A float's dust does not part two figures; more than a billionth of the larger does."""
    with exact():
        apart = abs(Fraction(one) - Fraction(other))
        assert same(one, other) == (apart * 10**9 <= max(abs(Fraction(one)), abs(Fraction(other))))


def test_a_quotient_ends() -> None:
    """A third has fifty digits although sums have all of theirs, and nothing over nothing is 0."""
    with exact():
        assert quotient(1, 3) == Decimal("0." + "3" * 50)
        assert quotient(0, 0) == 0


def test_what_does_not_come_out_as_published_is_never_called_double_counted() -> None:
    """A figure is double counted only if summing it so gives what was published; otherwise it differs."""
    findings = Findings()
    findings.double_counted("impact.total", Decimal("7614154355.91"), 5, "twice")
    findings.double_counted("impact.total", Decimal("7614154355.41"), 5, "twice")
    assert [line.verdict for line in findings.lines] == [Verdict.DOUBLE_COUNTED, Verdict.DIFFERS]
    assert [line.recomputed for line in findings.lines] == [5, Decimal("7614154355.41")]


def test_every_figure_has_a_section_and_a_source_if_it_was_published() -> None:
    """The table of published figures is complete."""
    assert {figure.section for figure in FIGURES.values()} == set(SECTIONS)
    assert all(figure.source is not None for figure in FIGURES.values() if figure.published is not None)


def test_a_small_sample_is_made_again(tmp_path: Path) -> None:
    """Two rows, one of them long, whose columns follow from each other, and one closed profit that does not."""
    called = call_study("adl-fills-sample", "--data", written(tmp_path, *ROWS))
    assert called.exit_code == 0
    text = called.stdout.partition("What was published")[0]
    assert text.count("recomputed  2\n") == 7
    assert "worst: line 3, ETH," in " ".join(text.split())
    assert "printed 7.00, made again 10.00" in " ".join(text.split())


def test_an_unpacked_file_is_found_too(tmp_path: Path) -> None:
    """A file serves with its .gz left off."""
    (tmp_path / SAMPLE.removesuffix(".gz")).write_text("\n".join([HEADER, *ROWS]), encoding="utf-8")
    assert call_study("adl-fills-sample", DELEVERAGE_DATA=str(tmp_path)).exit_code == 0


def test_no_folder_is_asked_for() -> None:
    """Without an option and without the variable, one line says how to name the folder."""
    called = call_study("adl-fills-sample", DELEVERAGE_DATA="")
    assert called.exit_code == 2
    assert called.stderr.startswith("deleverage: which folder holds the files? name it with --data")


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    """One line names every file that the folder lacks, and tells a folder that is none."""
    written(tmp_path, *ROWS)
    called = call_study("adl-2025-10-10", "--data", tmp_path)
    assert called.exit_code == 2
    assert called.stderr.count("\n") == 1
    assert all(name in called.stderr for name in STUDIES["adl-2025-10-10"].files)
    assert "is no folder" in refused(tmp_path / "gone")


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        ((), HEADER, f"{SAMPLE}:1: there are no rows"),
        (ROWS, HEADER.replace("entry_price", "entry"), f"{SAMPLE}:1: there is no column 'entry_price'"),
        ((ROWS[0], ROWS[1].replace("1e-06", "nan")), HEADER, f"{SAMPLE}:3: account_value_realtime: 'nan' is not a num"),
        ((ROWS[0], ROWS[1].replace("1e-06", "")), HEADER, f"{SAMPLE}:3: account_value_realtime: '' is not a number"),
        (
            (ROWS[0].replace("False", "no"), ROWS[1]),
            HEADER,
            f"{SAMPLE}:2: is_negative_equity: 'no' is neither True nor",
        ),
        ((ROWS[0], "0xc,BTC"), HEADER, f"{SAMPLE}:3: 2 cells where the header has 16"),
        ((ROWS[0], '"0xc'), HEADER, f"{SAMPLE}:3: 1 cells where the header has 16"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(
    tmp_path: Path, rows: tuple[str, ...], header: str, said: str
) -> None:
    """One line on stderr names file and line, and nothing is printed of a study that cannot be made."""
    assert said in refused(written(tmp_path, *rows, header=header))


def test_a_torn_archive_is_refused(tmp_path: Path) -> None:
    """A gzip file that ends early is no shorter table."""
    path = written(tmp_path, *ROWS) / SAMPLE
    path.write_bytes(path.read_bytes()[:-12])
    assert f"{SAMPLE}:" in refused(tmp_path)


def test_huge_and_tiny_numbers_are_printed_whole(tmp_path: Path) -> None:
    """A file with absurd but well-formed numbers is answered and not fallen over."""
    absurd = ROWS[0].replace(",200,", ",1e99,").replace(",20,24,", ",1e-99,24,")
    called = call_study("adl-fills-sample", "--data", written(tmp_path, absurd))
    assert called.exit_code == 0
    assert "1" + ",000" * 33 in called.stdout

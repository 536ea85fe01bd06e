"""Files and rows: found where the scenario means, read as they are, refused with file and line."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from deleverage.events.bodies.run import SourceTally
from deleverage.events.errors import ScenarioError
from deleverage.sim.reading.files import DATA_VARIABLE, content_sha256, find_data_file
from deleverage.sim.reading.lines import read_lines
from deleverage.sim.reading.rows import LINE_BYTES_MOST, CsvTable, csv_rows, expect_header, parse_whole
from deleverage.sim.reading.tally import Tally


def fields_of(path: Path) -> list[list[str]]:
    """What the lines of a file hold."""
    return [row.fields for row in csv_rows(read_lines(path, LINE_BYTES_MOST))]


def table_of(tmp_path: Path, text: str) -> CsvTable:
    """A table of a file with that text."""
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return CsvTable(path)


def test_a_path_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An existing path wins over the scenario's folder and the data folder."""
    for folder in ("here", "scenario", "data"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").touch()
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path / "here")
    assert find_data_file("x.csv", "$.prices.file", tmp_path / "scenario") == Path("x.csv")
    (tmp_path / "here" / "x.csv").unlink()
    assert find_data_file("x.csv", "$.prices.file", tmp_path / "scenario") == tmp_path / "scenario" / "x.csv"
    (tmp_path / "scenario" / "x.csv").unlink()
    assert find_data_file("x.csv", "$.prices.file", tmp_path / "scenario") == tmp_path / "data" / "x.csv"


def test_a_missing_file_names_the_key_and_every_place_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which key, which file, and where it was sought."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    with pytest.raises(ScenarioError) as raised:
        find_data_file("gone.csv", "$.prices.file", tmp_path)
    text = str(raised.value)
    assert text.startswith("$.prices.file: there is no file 'gone.csv'")
    assert str(tmp_path / "gone.csv") in text
    assert str(tmp_path / "data" / "gone.csv") in text


def test_without_the_variable_nothing_is_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unset data folder is not tried, and the error says that it could be set."""
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError, match=r"tried gone.csv; .*name its folder in DELEVERAGE_DATA"):
        find_data_file("gone.csv", "$.prices.file")


def test_only_a_bare_name_is_sought_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path with folders in it means that path."""
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "sub" / "x.csv").touch()
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError, match="there is no file"):
        find_data_file("sub/x.csv", "$.prices.file")


def test_the_hash_is_of_the_bytes_on_disk(tmp_path: Path) -> None:
    """A compressed file is named by its compressed bytes."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert content_sha256(path) == hashlib.sha256(path.read_bytes()).digest()


def test_compression_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    """A gzip file without the ending and a plain file with it are both read."""
    packed, plain = tmp_path / "packed.csv", tmp_path / "plain.csv.gz"
    packed.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    plain.write_bytes(b"a,b\n1,2\n")
    assert fields_of(packed) == fields_of(plain) == [["a", "b"], ["1", "2"]]


def test_a_truncated_gzip_names_the_line(tmp_path: Path) -> None:
    """A download that broke off is an error with the line where it does, not a short file."""
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress("".join(f"{n},{n * n}\n" for n in range(5000)).encode())[:-40])
    with pytest.raises(ScenarioError, match=r"cut.gz:\d+: reading stops here"):
        fields_of(path)


def test_a_flipped_bit_in_a_gzip_is_found(tmp_path: Path) -> None:
    """The checksum of the compressed file is heeded."""
    path = tmp_path / "bad.gz"
    packed = bytearray(gzip.compress(b"a,b\n1,2\n"))
    packed[-6] ^= 1
    path.write_bytes(packed)
    with pytest.raises(ScenarioError, match="reading stops here"):
        fields_of(path)


def test_harmless_differences_are_tolerated(tmp_path: Path) -> None:
    """A byte order mark, Windows line ends and a missing last line end change nothing."""
    path = tmp_path / "dos.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4")
    tally = Tally()
    table = CsvTable(path)
    assert table.columns == ("a", "b")
    assert list(table.rows(tally)) == [(1, ["1", "2"]), (2, ["3", "4"])]
    assert tally.closed(0) == SourceTally(0, 2, 0)


@pytest.mark.parametrize("padded", [" 1,2", "1,2 ", "1, 2", "1 ,2", "\t1,2"])
def test_a_padded_row_is_left_out_and_counted(tmp_path: Path, padded: str) -> None:
    """White space around a field, not within one, has its row left out with its number."""
    tally = Tally()
    rows = list(table_of(tmp_path, f"a,b\n5 6,7\n{padded}\n{padded}\n8,9\n").rows(tally))
    assert rows == [(1, ["5 6", "7"]), (4, ["8", "9"])]
    assert tally.closed(3) == SourceTally(3, 4, 0, (("padded field", 2, 2),))


def test_an_empty_line_is_left_out_and_counted(tmp_path: Path) -> None:
    """A blank line is no row with a missing field."""
    tally = Tally()
    assert [row for row, _ in table_of(tmp_path, "a,b\n1,2\n\n3,4\n\n").rows(tally)] == [1, 3]
    assert tally.closed(0).left_out == (("empty line", 2, 2),)


@pytest.mark.parametrize("ragged", ["1", "1,2,3", ",,", "garbage"])
def test_a_ragged_row_names_file_and_line(tmp_path: Path, ragged: str) -> None:
    """Too few or too many fields stop the reading."""
    table = table_of(tmp_path, f"a,b\n1,2\n{ragged}\n")
    with pytest.raises(ScenarioError, match=r"rows.csv:3: \d fields where 2 are expected; mend or remove the line"):
        list(table.rows(Tally()))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """No header, no table."""
    with pytest.raises(ScenarioError, match=r"rows.csv:1: the file is empty"):
        table_of(tmp_path, "")


def test_a_file_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    """A header alone, or with nothing but rows that are left out, gives no prices."""
    with pytest.raises(ScenarioError, match="there is no row that can be used"):
        table_of(tmp_path, "a,b\n 1,2\n\n").first_row()


@pytest.mark.parametrize(
    ("header", "differs"),
    [
        ("a,c", "lacks b and has unknown 'c'"),
        ("a", "lacks b"),
        ("a,b,d", "has unknown 'd'"),
        ("b,a", "has its columns in another order"),
        ("a, b", "lacks b and has unknown ' b'"),
    ],
)
def test_a_wrong_header_says_what_differs(tmp_path: Path, header: str, differs: str) -> None:
    """The error names the columns that are missing or unknown, and the ones expected."""
    with pytest.raises(ScenarioError, match=f"rows.csv:1: the header {differs}; expected a,b$"):
        expect_header(table_of(tmp_path, f"{header}\n"), ("a", "b"))


def test_the_nearest_of_several_layouts_is_expected(tmp_path: Path) -> None:
    """Where a file has no layout that is known, the error compares with the one that is closest."""
    with pytest.raises(ScenarioError, match=r"the header lacks d; expected a,b,c,d$"):
        expect_header(table_of(tmp_path, "a,b,c\n"), ("x", "y"), ("a", "b", "c", "d"))


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1_0", " 1", "\u0661", "9" * 20, "\ufffd"])
def test_a_whole_number_is_plain_digits(text: str) -> None:
    """What int() would let pass is refused."""
    with pytest.raises(ScenarioError, match=r"id .* is not a whole number"):
        parse_whole(text, "id")

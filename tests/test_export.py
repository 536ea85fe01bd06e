"""Exported files, read back by other programs: the rows of the record, its head, and nothing of what was refused."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from deleverage import open_run
from deleverage.events.errors import QueryError, RecordExistsError
from deleverage.replay.export.export import export
from deleverage.replay.export.files import TableFiles, _parts
from deleverage.replay.tables.tables import tables_of

from .support.command_line import call, small_record, tear

pyarrow = pytest.importorskip("pyarrow")
duckdb = pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small crash."""
    return small_record(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="module")
def parquet(recorded: Path) -> Path:
    """The whole of it as Parquet, a file an hour."""
    path = recorded.parent / "parquet"
    result = call("export", recorded, "-o", path, "--by", "hour")
    assert result.exit_code == 0, result.stderr
    return path


def counts(recorded: Path) -> dict[str, int]:
    """How many events of each type there are."""
    found: dict[str, int] = {}
    for event in open_run(recorded).events():
        name = type(event.body).__name__
        found[name] = found.get(name, 0) + 1
    return found


def fills(recorded: Path) -> list[dict[str, Any]]:
    """The fills as rows."""
    batches = [batch for _, batch in tables_of(open_run(recorded)).batches(["LiquidationFilled"])]
    return pyarrow.Table.from_batches(batches).drop_columns(["links", "time"]).to_pylist()


def test_parquet_has_every_event_once_and_the_head_in_each_file(recorded: Path, parquet: Path) -> None:
    """Rows a type, over files of an hour each; `export.json` tells the same."""
    head, told = open_run(recorded).head, json.loads((parquet / "export.json").read_text())
    for name, count in counts(recorded).items():
        files = sorted((parquet / name).glob("hour=*/rows.parquet"))
        read = [pyarrow.parquet.ParquetFile(file) for file in files]
        assert sum(file.metadata.num_rows for file in read) == count
        assert {file.schema_arrow.metadata[b"head"].decode() for file in read} == {head}
    assert {one["table"]: one["rows"] for one in told["tables"]}.items() >= counts(recorded).items()
    assert told["record"]["head"] == head
    assert len(list((parquet / "MarkPriced").iterdir())) > 1


@pytest.mark.parametrize("layout", ["parquet", "arrow", "csv", "duckdb"])
def test_each_format_gives_the_same_rows(recorded: Path, tmp_path: Path, layout: str) -> None:
    """What another program reads of the file is what the tables hold, digit for digit."""
    export(open_run(recorded), tmp_path / "out", layout, tables=["LiquidationFilled"])
    wanted = fills(recorded)
    if layout == "csv":
        (path,) = (tmp_path / "out").glob("*/*/rows.csv")
        with path.open(newline="") as file:
            read = list(csv.DictReader(file))
        assert [(row["account"], Decimal(row["value"])) for row in read] == [
            (row["account"], row["value"]) for row in wanted
        ]
        assert read[0]["time"].endswith("Z")
        return
    if layout == "duckdb":
        with duckdb.connect(str(tmp_path / "out" / "record.duckdb"), read_only=True) as connection:
            table = connection.sql("FROM LiquidationFilled").to_arrow_table()
            assert connection.execute("SELECT value FROM record WHERE name = 'head'").fetchone() == (
                open_run(recorded).head,
            )
            units = connection.execute("SELECT comment FROM duckdb_columns() WHERE column_name = 'value'").fetchall()
            assert ("USDT",) in units
    else:
        dataset = pytest.importorskip("pyarrow.dataset")
        table = dataset.dataset(tmp_path / "out" / "LiquidationFilled", format=layout).to_table()
    assert table.drop_columns(["links", "time"]).to_pylist() == wanted


def test_a_decimal_in_csv_has_no_exponent(tmp_path: Path) -> None:
    """Nothing of many decimals is 0E-7, which not every program reads as a number."""
    schema = pyarrow.schema([("time", pyarrow.timestamp("ns", "UTC")), ("fine", pyarrow.decimal128(19, 9))])
    batch = pyarrow.record_batch([[0, 1, 2], [Decimal("1E-9"), Decimal(0), None]], schema=schema)
    files = TableFiles(tmp_path, "csv", "day")
    files.write("Fine", batch)
    files.close()
    with (tmp_path / "Fine" / "date=1970-01-01" / "rows.csv").open(newline="") as file:
        assert [row["fine"] for row in csv.DictReader(file)] == ["0.000000001", "0.000000000", ""]


def test_rows_are_cut_where_a_span_ends() -> None:
    """Every row stands in the part of its own span, in order."""
    times = pyarrow.array([5, 9, 10, 11, 29, 30], pyarrow.timestamp("ns", "UTC"))
    parts = list(_parts(pyarrow.record_batch([times], names=["time"]), 10))
    assert [(start, part.num_rows) for start, part in parts] == [(0, 2), (10, 2), (20, 1), (30, 1)]


def test_a_torn_record_is_exported_up_to_the_tear(recorded: Path, tmp_path: Path) -> None:
    """With a line that says so, exit code 3, and no head."""
    torn = copytree(recorded, tmp_path / "torn.run")
    tear(torn)
    result = call("export", torn, "-o", tmp_path / "out", "--table", "PriceTicked", "--json")
    assert (result.exit_code, json.loads(result.stdout)["record"]["head"]) == (3, "")
    assert "torn" in result.stderr
    assert list((tmp_path / "out" / "PriceTicked").glob("*/rows.parquet"))


def test_what_is_there_is_never_written_over(recorded: Path, tmp_path: Path) -> None:
    """Nor is anything left of an export that was refused."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(RecordExistsError):
        export(open_run(recorded), tmp_path / "out")
    with pytest.raises(QueryError, match="there is no table 'Nobody'"):
        export(open_run(recorded), tmp_path / "other", tables=["Nobody"])
    result = call("export", recorded, "-o", tmp_path / "other", "--format", "xlsx")
    assert result.exit_code == 2
    assert "'xlsx' is not one of" in result.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_who_lacks_the_extra_is_told_what_to_install(recorded: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """In one line."""
    monkeypatch.setattr("deleverage.replay.tables.arrow.find_spec", lambda _name: None)
    result = call("export", recorded, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr == "deleverage: pyarrow is not installed; pip install 'deleverage[export]'\n"

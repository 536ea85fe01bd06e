"""Receipts for all who were deleveraged, and for what a venue reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deleverage import open_run
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.errors import QueryError, RecordExistsError
from deleverage.replay.receipt.check import check_receipt
from deleverage.replay.receipt.everyone import write_receipts
from deleverage.replay.receipt.file import encode_receipt
from deleverage.replay.receipt.receipt import receipt_of
from deleverage.replay.receipt.words import not_proved, proved
from deleverage.replay.run import Run

from .support.adl_table import HEADER, TABLE, written
from .support.command_line import call, small_record, tear


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash."""
    return small_record(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of deleveraged positions, taken in."""
    folder = tmp_path_factory.mktemp("imported")
    path = folder / "batch.run"
    result = call("import", "adl-table", written(folder, *TABLE, name="batch.csv"), "-o", path)
    assert result.exit_code == 0, result.stderr
    return path


def reductions(run: Run) -> list[Event]:
    """All of them."""
    return [event for event in run.events() if isinstance(event.body, PositionDeleveraged)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_is_what_one_alone_is(record: Path, tmp_path: Path, jobs: int) -> None:
    """Byte for byte, by its account's name and its event; so many as there are reductions."""
    run, told = open_run(record), list[tuple[int, int]]()
    made = write_receipts(run, tmp_path / "all", jobs=jobs, watch=lambda done, of: told.append((done, of)))
    found = reductions(run)
    files = {path.name: path.read_bytes() for path in (tmp_path / "all").iterdir()}
    assert (made.receipts, made.size_bytes) == (len(found), sum(map(len, files.values())))
    assert told[-1] == (len(found), len(found))
    names = [f"{one.body.account}-{run.directory.account_name(one.body.account)}.{one.seq}.json" for one in found]  # type: ignore[union-attr]
    assert sorted(names) == sorted(files)
    for name, one in list(zip(names, found, strict=True))[:: max(1, len(found) // 12)]:
        assert files[name] == encode_receipt(receipt_of(run, one.seq))


def test_what_a_venue_reported_is_proved_with_its_row(imported: Path) -> None:
    """The file by its hash and the row; no ranking, and it says so."""
    run = open_run(imported)
    for one in reductions(run):
        checked = check_receipt(encode_receipt(receipt_of(run, one.seq)), bytes.fromhex(run.head))
        assert (checked.standing, checked.receipt.rounds) == (None, ())
        assert checked.source is not None
        file, row = checked.source
        line = (HEADER, *TABLE)[row - 1]
        assert str(run.directory.account_name(checked.receipt.account)).split()[-1] in line  # type: ignore[arg-type]
        assert dict(proved(checked))["source"].endswith(f"a file with the SHA-256 {file.sha256.hex()}.")
        assert "it has no ranking" in dict(not_proved(checked))["reported"]


def test_the_command_for_what_was_taken_in(imported: Path, tmp_path: Path) -> None:
    """Folder, number and bytes; each file checks under the record's head and tells its row."""
    result = call("receipt", imported, "--everyone", "-o", tmp_path / "all", "--json")
    told = json.loads(result.stdout)
    files = sorted((tmp_path / "all").iterdir())
    assert told["number"] == len(files) == len(reductions(open_run(imported)))
    for path in files:
        checked = json.loads(call("check", path, "--head", told["head"], "--json").stdout)
        assert checked["holds"]
        assert checked["source"]["name"] == "batch.csv"
        assert "reported     in batch.csv, row " in call("check", path, "--head", told["head"]).stdout


def test_nothing_half_written(record: Path, tmp_path: Path) -> None:
    """A folder that holds something, one that cannot be made, and a record in which nobody was deleveraged."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "a").touch()
    with pytest.raises(RecordExistsError, match="not an empty folder"):
        write_receipts(open_run(record), tmp_path / "taken", jobs=1)
    with pytest.raises(QueryError, match="cannot be written there"):
        write_receipts(open_run(record), tmp_path / "no" / "such", jobs=1)
    calm = tmp_path / "calm.run"
    assert call("run", "calm", "--set", "population.accounts=20", "-o", calm).exit_code == 0
    with pytest.raises(QueryError, match="nobody was deleveraged"):
        write_receipts(open_run(calm), tmp_path / "none", jobs=1)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("arguments", [(), ("5", "--everyone"), ("5", "--jobs", "2")], ids=" ".join)
def test_one_event_or_everyone(record: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Not both and not neither, in one line."""
    result = call("receipt", record, *arguments, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "one event, or --everyone" in result.stderr


def test_a_torn_record_gives_none(tmp_path: Path) -> None:
    """And the way out is named."""
    path = small_record(tmp_path)
    tear(path)
    with pytest.raises(QueryError, match=r"torn.*deleverage recover"):
        write_receipts(open_run(path), tmp_path / "all", jobs=1)
    assert not (tmp_path / "all").exists()

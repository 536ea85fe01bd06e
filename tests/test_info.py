"""`deleverage info`, and what the commands print for programs: names and decimals beside the numbers."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from deleverage import open_run
from deleverage.events.bodies.listing import AssetListed
from deleverage.replay.info.view import info_view
from deleverage.sim.scaled import scaled

from .support.command_line import call, small_record, tear

USDT, BTC = AssetListed(0, "USDT", 6), AssetListed(1, "BTC", 8)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, recorded."""
    return small_record(tmp_path_factory.mktemp("records"))


def test_info_says_what_the_record_is(record: Path) -> None:
    """Its figures are those of the run; with --types every event is counted."""
    run, told = open_run(record), json.loads(call("info", record, "--types", "--json").stdout)
    assert (told["head"], told["events"], told["status"]) == (run.head, run.count, "complete")
    assert sum(told["accounts"].values()) == len(run.at().accounts)
    assert told["by_type"] == dict(Counter(type(event.body).__name__ for event in run.events()))
    assert [one["handler"] for one in told["producers"]] == [one.handler for one in run.started.producers]
    assert told["lineage"][0]["bytes"] == sum(path.stat().st_size for path in record.glob("*.seg"))
    assert told["differences"] == []


def test_info_reads_only_the_beginning(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --types nothing behind the first price is decoded but the last event and the forks."""
    run = open_run(record)
    seen = []
    events = type(run).events

    def spied(self: object, *args: int) -> object:
        for event in events(self, *args):  # type: ignore[arg-type]
            seen.append(event.seq)
            yield event

    monkeypatch.setattr(type(run), "events", spied)
    info_view(run)
    assert max(seen) < run.count // 2


def test_info_for_people(record: Path) -> None:
    """One screen, the rules with their figures, the head last."""
    told = call("info", record).stdout
    assert told.splitlines()[0] == f"record       {record}"
    assert "adl" in told
    assert told.splitlines()[-1].endswith(open_run(record).head)


def test_info_of_a_torn_record(record: Path, tmp_path: Path) -> None:
    """It has no head, and the command ends as of any torn record."""
    torn = small_record(tmp_path)
    tear(torn)
    told = call("info", torn, "--json")
    assert told.exit_code == 3
    assert json.loads(told.stdout)["head"] is None
    assert call("info", torn).stdout.splitlines()[-1].endswith("none, it was never sealed")


def test_amounts_have_decimals_beside_them() -> None:
    """By the asset that the nearest object names; of several assets none is guessed; nothing is written over."""
    document = {
        "asset": "USDT",
        "fee_atoms": 62_400_000,
        "owed_atoms": None,
        "sums_atoms": {"paid": 5, "BTC": 7},
        "held": [{"asset": "BTC", "worth_atoms": -1}, {"left_atoms": 1, "left": "kept"}],
    }
    found = scaled(document, [USDT, BTC])
    assert found["fee"] == "62.400000"
    assert "owed" not in found
    assert found["sums"] == {"paid": "0.000005", "BTC": "0.00000007"}
    assert found["held"][0]["worth"] == "-0.00000001"
    assert found["held"][1]["left"] == "kept"
    assert "worth" not in scaled({"worth_atoms": 1}, [USDT, BTC])
    assert scaled({"worth_atoms": 1}, [USDT])["worth"] == "0.000001"


def test_lines_of_the_log_say_what_numbers_stand_for(record: Path) -> None:
    """`values` has names and decimals; they are those of the columns."""
    lines = [
        json.loads(line) for line in call("log", record, "--type", "PositionDeleveraged", "--json").stdout.splitlines()
    ]
    names = "seq,at,account,instrument,size_lots,value_atoms,links"
    text = call("log", record, "--type", "PositionDeleveraged", "--columns", names).stdout.splitlines()
    assert text[0].split("\t") == names.split(",")
    directory = open_run(record).directory
    for line, row in zip(lines, text[1:], strict=True):
        cells, values = row.split("\t"), line["values"]
        assert cells[:2] == [str(line["seq"]), line["at"]]
        assert cells[2] == values["account"] == directory.account_name(line["account"])
        assert Decimal(values["value_atoms"]) == Decimal(line["value_atoms"]).scaleb(-6)
        assert cells[3:6] == [values["instrument"], values["size_lots"], values["value_atoms"]]


def test_what_is_not_there_is_said(record: Path) -> None:
    """No match is no silence, and a column that no event has is refused with the nearest."""
    nothing = call("log", record, "--type", "RunForked")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert nothing.stderr.startswith("deleverage: there is no such event among the ")
    refused = call("log", record, "--columns", "seq,acount")
    assert refused.exit_code == 2
    assert "nearest are account" in refused.stderr


def test_a_log_goes_to_a_file(tmp_path: Path) -> None:
    """-v logs milestones, and with --log-file nothing of it is on stderr."""
    file = tmp_path / "run.log"
    done = call("run", "calm", "--set", "population.accounts=20", "-v", "--log-json", "--log-file", file)
    assert (done.exit_code, done.stderr) == (0, "")
    told = [json.loads(line)["event"] for line in file.read_text().splitlines()]
    assert (told[0], told[-1]) == ("run started", "run ended")
    refused = call("run", "calm", "-v", "--log-file", tmp_path / "none" / "run.log")
    assert refused.exit_code == 2
    assert "--log-file" in refused.stderr

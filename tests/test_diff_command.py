"""`deleverage diff`: what is printed, as text, as JSON and as CSV, and its exit code."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from deleverage import Scenario, open_run, run
from deleverage.events.bodies.inputs import BalanceStated
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.bodies.run import RunEnded
from deleverage.events.envelope import Event, Origin
from deleverage.events.record import RecordSettings, RecordWriter
from deleverage.replay.diff import accounts_csv, diff
from deleverage.replay.diff.shown import shown

from .support.command_line import call, small_record, tear
from .support.crash import SMALL_CRASH
from .support.venue import Book

Document = dict[str, Any]
SETTINGS = RecordSettings(pages_per_block=1, durability="none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash under two policies: `small.run` and `other.run`."""
    folder = tmp_path_factory.mktemp("records")
    small_record(folder)
    run(Scenario.load(SMALL_CRASH, ["adl.policy=profit-share"]), folder / "other.run", settings=SETTINGS)
    return folder


@pytest.fixture(scope="module")
def records(folder: Path) -> tuple[Path, Path]:
    """A and B."""
    return folder / "small.run", folder / "other.run"


@pytest.fixture(scope="module")
def document(records: tuple[Path, Path]) -> Document:
    """What `--json` prints."""
    result = call("diff", *records, "--json", "--top", "4")
    assert (result.exit_code, result.stderr) == (0, "")
    found: Document = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def text(records: tuple[Path, Path]) -> str:
    """What is printed for people."""
    result = call("diff", *records, "--top", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_the_names_are_stable(document: Document) -> None:
    """Every level has the names that the module promises."""
    assert list(document) == [
        "a",
        "b",
        "same",
        "identical",
        "warnings",
        "shared_events",
        "forks",
        "rules",
        "events",
        "origins",
        "totals",
        "accounts",
    ]
    runs = ["run", "head", "scenario", "seed", "prices", "status", "events", "start_ns", "end_ns"]
    assert list(document["a"]) == list(document["b"]) == runs
    assert list(document["events"]) == ["same", "changed", "only_a", "only_b", "types"]
    assert list(document["origins"]) == ["count", "by_slot", "shown"]
    assert list(document["origins"]["by_slot"][0]) == ["slot", "origins", "differing", "following"]
    assert list(document["totals"][0]) == ["asset", "decimals", "a", "b"]
    account = document["accounts"][0]
    amounts = ["equity_difference_atoms", "equity_difference", "gain_atoms", "gain"]
    assert list(account) == ["name", "kind", "asset", "a", "b", *amounts]
    assert list(account["a"])[:5] == ["account", "balance_atoms", "balance", "equity_atoms", "equity"]
    origin = ["at_ns", "slot", "cause_a", "cause_b", "seq_a", "seq_b", "changed", "only_a", "only_b", "following"]
    origin += ["cause_type", "type", "what", "account", "instrument", "changes"]
    assert list(document["origins"]["shown"][0]) == origin


def test_the_figures_are_those_of_the_comparison(document: Document, records: tuple[Path, Path]) -> None:
    """The document says what `diff` says; accounts that fared alike are left out."""
    found = diff(*map(open_run, records))
    assert (document["same"], document["identical"], document["shared_events"]) == (False, False, found.shared_events)
    assert document["rules"] == [{"key": "adl.policy", "a": "profit-leverage", "b": "profit-share"}]
    gains = {one.name: one.gain_atoms for one in found.accounts if one.differs}
    assert {one["name"]: one["gain_atoms"] for one in document["accounts"]} == gains
    assert sum(gain or 0 for gain in gains.values()) == sum(one.gain_atoms or 0 for one in found.accounts)
    assert document["origins"]["count"] == len(found.origins)
    told = document["origins"]["by_slot"]
    assert sum(one["differing"] + one["following"] for one in told) == found.differing
    assert sum(document["events"][what] for what in ("changed", "only_a", "only_b")) == found.differing


def test_the_origins_shown(document: Document, records: tuple[Path, Path]) -> None:
    """The first decision that differs and the largest, in the order of time, with what has changed in each."""
    origins = document["origins"]["shown"]
    assert len(origins) == 4
    assert [one["at_ns"] for one in origins] == sorted(one["at_ns"] for one in origins)
    first = origins[0]
    assert (first["slot"], first["cause_type"], first["type"]) == ("adl", "ShortfallDeclared", "DeleveragingStarted")
    assert {"field": "policy", "a": "profit-leverage", "b": "profit-share"} in first["changes"]
    a, b = map(open_run, records)
    assert type(a.event(first["cause_a"]).body) is type(b.event(first["cause_b"]).body)
    assert a.event(first["seq_a"]).cause == first["cause_a"]
    assert b.event(first["seq_b"]).cause == first["cause_b"]
    found = diff(a, b)
    largest = max(one.differing + one.following for one in found.origins)
    assert largest in [one.origin.differing + one.origin.following for one in shown(found, 4)]
    assert shown(found, 0) == []


def test_it_fits_sixty_columns(text: str) -> None:
    """No line is wider than the terminal, and none ends in blanks."""
    assert [line for line in text.splitlines() if len(line) > 60 and ".run" not in line] == []
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


def table(text: str, title: str) -> dict[str, list[str]]:
    """The rows under a title, by their first cell."""
    lines = text[text.index(title) :].splitlines()[1:]
    rows = {}
    for line in lines:
        if not line.strip() or ":" in line.rpartition("  ")[0].replace(":USDT", ""):
            break
        name, *cells = [cell for cell in line.strip().split("  ") if cell]
        rows.setdefault(name, [cell.strip() for cell in cells])
    return rows


def test_the_text_says_what_the_document_says(text: str, document: Document) -> None:
    """Counts and totals of the tables are those of the JSON, rounded to hundredths."""
    types = table(text, "events  ")
    for one in document["events"]["types"]:
        counts = [f"{one[what]:,}" for what in ("same", "changed", "only_a", "only_b")]
        assert types.get(one["type"]) == (None if counts[1:] == ["0", "0", "0"] else counts)
    assert types["all types"][0] == f"{document['events']['same']:,}"
    totals = document["totals"][0]
    rows = table(text, "totals, USDT")
    figures = [totals[side]["fund_used_atoms"] for side in ("a", "b")]
    cents = [round(atoms / 10_000) for atoms in (*figures, figures[1] - figures[0])]
    assert [round(float(cell.replace(",", "")) * 100) for cell in rows["used"]] == cents
    assert rows["liquidations"][:2] == [f"{totals[side]['liquidations']:,}" for side in ("a", "b")]
    assert rows["BTC-PERP"][0] == f"{totals['a']['deleveraged_lots']['BTC-PERP'] / 1000:.3f}"
    gains = {one["name"]: one["gain_atoms"] for one in document["accounts"]}
    lost = table(text, "lost most")
    worst = sorted((gain, name) for name, gain in gains.items() if name.startswith("trader"))[:2]
    assert list(lost) == [name for _, name in worst]
    assert [cells[2].replace(",", "") for cells in lost.values()] == [f"{gain / 10**6:.2f}" for gain, _ in worst]


def test_what_is_said_of_a_change(text: str) -> None:
    """The first origin stands there with slot, cause, account and the changed field; the changed rule is marked."""
    flat = " ".join(text.split())
    assert "rule adl.policy: profit-leverage in A, profit-share in B" in flat
    assert "1. 2025-10-10T20:" in flat
    assert " adl on ShortfallDeclared " in flat
    assert "policy profit-leverage in A, profit-share in B; differing there" in flat
    assert "\nadl * " in text


def test_equal_runs(records: tuple[Path, Path], tmp_path: Path) -> None:
    """A copy is the same, byte for byte: one line, no tables, exit code 0."""
    shutil.copytree(records[0], tmp_path / "copy.run")
    result = call("diff", records[0], tmp_path / "copy.run")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "The same, byte for byte."
    assert "totals" not in result.stdout
    document = json.loads(call("diff", records[0], tmp_path / "copy.run", "--json").stdout)
    assert (document["same"], document["identical"]) == (True, True)
    assert (document["accounts"], document["origins"]["shown"], document["rules"]) == ([], [], [])


def test_a_fork(records: tuple[Path, Path], tmp_path: Path) -> None:
    """What the fork changed is said, and that it is an input that only B has."""
    child = tmp_path / "child.run"
    made = call("fork", records[0], "--at", "3000", "--set", "adl.policy=profit-share", "-o", child)
    assert made.exit_code == 0
    result = call("diff", records[0], child)
    assert (result.exit_code, result.stderr) == (0, "")
    flat = " ".join(result.stdout.split())
    assert "fork B left A after " in flat
    assert "events: adl.policy = profit-share" in flat
    assert "input: RunForked only in B" in flat
    (fork,) = json.loads(call("diff", records[0], child, "--json").stdout)["forks"]
    assert fork["side"] == "b"
    assert fork["parent_head"] == open_run(records[0]).head
    assert fork["changes"] == [{"key": "adl.policy", "value": "profit-share"}]


def rows_of(path: Path) -> list[dict[str, str]]:
    """A CSV file's rows."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_has_a_row_for_each_account(records: tuple[Path, Path], document: Document, tmp_path: Path) -> None:
    """All accounts, those that fared alike too; the figures are those of the JSON; nothing is left beside the file."""
    path = tmp_path / "accounts.csv"
    path.write_text("what was there before")
    result = call("diff", *records, "--csv", path)
    rows = {row["name"]: row for row in rows_of(path)}
    assert len(rows) == len(open_run(records[0]).at().accounts) == 254
    assert result.stdout.splitlines()[-1] == f"254 accounts in {path}"
    assert [file.name for file in tmp_path.iterdir()] == ["accounts.csv"]
    for one in document["accounts"]:
        row = rows[one["name"]]
        assert int(row["gain_atoms"]) == one["gain_atoms"]
        assert int(row["equity_difference_atoms"]) == one["equity_difference_atoms"]
        for side in ("a", "b"):
            end = one[side]
            assert int(row[f"account_{side}"]) == end["account"]
            for name in ("balance_atoms", "equity_atoms", "paid_in_atoms", "liquidations", "reductions"):
                assert int(row[f"{name}_{side}"]) == end[name]
            assert int(row[f"equity_taken_atoms_{side}"]) == end["equity_taken_atoms"]
            lots = {name: int(row[f"{name}_lots_{side}"]) for name in ("AVAX-PERP", "BTC-PERP", "ETH-PERP")}
            assert {name: held for name, held in lots.items() if held} == end["deleveraged_lots"]
    alike = set(rows) - {one["name"] for one in document["accounts"]}
    assert {rows[name]["gain_atoms"] for name in alike} == {"0"}


def test_a_csv_that_cannot_be_written(records: tuple[Path, Path], tmp_path: Path) -> None:
    """No such folder, or a folder in the file's place: one line, exit code 2, and nothing is printed or left."""
    for path, part in ((tmp_path / "none" / "a.csv", "cannot be written"), (tmp_path, "is no file")):
        result = call("diff", *records, "--csv", path)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert part in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_csv_is_never_half_there(records: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk takes no more the older file stays as it was, and nothing stays beside it."""
    path = tmp_path / "accounts.csv"
    path.write_text("what was there before")

    def full(path: Path, data: bytes) -> None:
        path.with_name(path.name + ".tmp").write_bytes(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(accounts_csv, "replace_file", full)
    result = call("diff", *records, "--csv", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "No space left" in result.stderr
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("accounts.csv", "what was there before")]


def test_names_with_anything_in_them(tmp_path: Path) -> None:
    """A name may hold commas, quotes, line ends and control characters: CSV has it exact, a terminal its escape."""
    name = 'a, "b"\n\x1b[31mc'
    for record, mark in (("a", 5), ("b", 4)):
        book = Book()
        book.put(AccountOpened(4, name, "test", "user", "cross", 0))
        book.hold(4, 0, 1, 5)
        book.put(MarkPriced(0, mark, 0, mark), cause=0)
        book.put(RunEnded())
        writer = RecordWriter(tmp_path / record, settings=SETTINGS)
        writer.append_many(book.events)
        writer.seal()
    result = call("diff", tmp_path / "a", tmp_path / "b", "--csv", tmp_path / "out.csv")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    assert 'a, "b"\\n\\x1b[31mc' in result.stdout
    assert [(row["name"], row["gain_atoms"]) for row in rows_of(tmp_path / "out.csv")][4:] == [(name, "-1")]


def test_a_torn_record(records: tuple[Path, Path], tmp_path: Path) -> None:
    """It is compared as far as it goes, with a warning, and the exit code says so."""
    torn = tmp_path / "torn.run"
    shutil.copytree(records[0], torn)
    tear(torn)
    for pair in ((records[0], torn), (torn, records[0])):
        result = call("diff", *pair, "--json")
        assert result.exit_code == 3
        assert "was never sealed" in result.stderr
        assert "do not end at the same time" in result.stderr
        side = "ab"[pair.index(torn)]
        document = json.loads(result.stdout)
        assert document[side]["status"] == "torn"
        assert document["events"][f"only_{side}"] == 0


def test_what_cannot_be_compared(records: tuple[Path, Path], tmp_path: Path) -> None:
    """No record, or one that is no whole run: one line, exit code 2."""
    writer = RecordWriter(tmp_path / "part.run", settings=SETTINGS)
    for seq, body in enumerate((BalanceStated(0, 1), RunEnded())):
        writer.append(Event(seq, 0, Origin.INPUT, None, (), None, body))
    writer.seal()
    for path, part in ((tmp_path / "none.run", "no record there"), (tmp_path / "part.run", "it is no whole run")):
        result = call("diff", records[0], path)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert part in result.stderr


def test_runs_without_a_price_in_common(records: tuple[Path, Path], tmp_path: Path) -> None:
    """Another seed: a warning on stderr, the tables all the same."""
    other = Scenario.load(SMALL_CRASH, ["prices.phases=[]", "prices.duration_ns=5m"], seed=5)
    run(other, tmp_path / "seed.run", settings=SETTINGS)
    result = call("diff", records[0], tmp_path / "seed.run")
    assert result.exit_code == 0
    assert result.stderr.startswith("deleverage: of 661 prices in A and 31 in B 1 are the same")
    assert "totals, USDT" in result.stdout

"""Bad input to an import: what is refused, with file and line, what is left out and counted, what is left behind."""

from __future__ import annotations

import gzip
import json
import os
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import InputRefused, TradeExecuted
from deleverage.events.bodies.listing import AssetListed
from deleverage.events.errors import RecordExistsError, ScenarioError
from deleverage.events.record.manifest import read_manifest
from deleverage.replay.importers.digits import snapped, whole
from deleverage.replay.importers.hyperliquid import admission
from deleverage.replay.importers.hyperliquid.importer import HyperliquidImporter
from deleverage.replay.importers.importing import run_import
from deleverage.replay.importers.reading import open_sources, read_rows
from deleverage.replay.run import open_run

from .support.command_line import call, tear
from .support.node_fills import ANN, BOB, START_MS, block, bodies, fill, imported, trade, written

GOOD = block(1, *trade("SOL", "1.0", "50.0", tid=10_001))
LAST = block(9, *trade("SOL", "1.0", "50.0", {"startPosition": "1.0"}, {"startPosition": "-1.0"}, tid=10_009), second=9)

TRADE = {"startPosition": "1.0"}, {"startPosition": "-1.0"}


def _between(number: int, *sides: list[Any], **more: int) -> str:
    return block(number, *sides, second=more.get("second", 5))


FAULTY = {
    "not a block": "{'events': []}",
    "a field missing": '{"block_time": "2025-10-27T17:00:05", "events": [["0xa", {"coin": "SOL"}]]}',
    "a time that is none": '{"block_time": "yesterday", "events": []}',
    "seconds": _between(2, *trade("SOL", "1.0", "50.0", time=START_MS // 1000)),
    "microseconds": _between(2, *trade("SOL", "1.0", "50.0", time=START_MS * 1000)),
    "a block again": GOOD,
    "time that runs backwards": block(2, *trade("SOL", "1.0", "50.0", time=START_MS - 60_000)),
    "a trade again": _between(2, *trade("SOL", "1.0", "50.0", *TRADE, tid=10_001)),
    "an unknown coin": _between(2, *trade("?!", "1.0", "50.0")),
    "neither side": _between(2, fill(ANN, "SOL", "X", "1.0", "50.0", tid=77)),
    "unlike sides": _between(2, fill(ANN, "SOL", "B", "1.0", "50.0"), fill(BOB, "SOL", "A", "1.0", "51.0")),
    "no number": _between(2, *trade("SOL", "1.0", "50.0", {"fee": "1e-3"})),
    "more than 64 bits": _between(2, *trade("SOL", "1.0", "50.0", {"startPosition": "9" * 19 + ".0"})),
    "worth more than 64 bits": _between(2, *trade("SOL", "1000000000.0", "999999.0")),
    "an id of more than 64 bits": _between(2, *trade("SOL", "1.0", "50.0", tid=2**64)),
    "no price": _between(2, *trade("SOL", "1.0", "-50.0")),
    "no size": _between(2, *trade("SOL", "0.0", "50.0")),
    "finer than a lot can be": _between(2, *trade("SOL", "1.12345678", "50.0")),
}
"""A second line that is wrong, between a first and a third that are not."""

REASONS = {
    "not a block": "not a block",
    "a field missing": "not a block",
    "a time that is none": "not a block",
    "seconds": "time unit",
    "microseconds": "time unit",
    "a block again": "block out of order",
    "time that runs backwards": "block out of order",
    "a trade again": "trade twice",
    "an unknown coin": "unknown coin",
    "neither side": "not a fill",
    "unlike sides": "sides differ",
    "no number": "value",
    "more than 64 bits": "value",
    "worth more than 64 bits": "value",
    "an id of more than 64 bits": "not a block",
    "no price": "value",
    "no size": "value",
    "finer than a lot can be": "value",
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_stops_the_import(tmp_path: Path, name: str) -> None:
    """The first bad row ends it with file and line and what to do, and nothing is left behind."""
    with pytest.raises(
        ScenarioError, match=r"fills\.jsonl:2: .*; put it right, or go on .* --on-error skip$"
    ) as caught:
        imported(tmp_path, GOOD, FAULTY[name], LAST)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "import.run").exists()


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_left_out_and_counted(tmp_path: Path, name: str) -> None:
    """With skip the rows around it come in; the record, its end and the summary say what was left out, and why."""
    result = imported(tmp_path, GOOD, FAULTY[name], LAST, on_error="skip")
    ended = list(bodies(result, InputRefused))
    faults = {fault.reason: fault for fault in result.faults}
    expected = faults[REASONS[name]]
    assert (expected.first_row, len(list(bodies(result, TradeExecuted)))) == (2, 2)
    assert expected.reason in {event.body.refused for event in ended}
    run = open_run(result.run)
    tally = run.event(run.count - 1).body.sources[0]
    assert (tally.rows, {reason: rows for reason, rows, _ in tally.left_out}) == (
        3,
        {fault.reason: fault.rows for fault in result.faults},
    )
    run.at().check()


def _packed(path: Path, data: bytes, kind: str) -> Path:
    if kind == "gzip":
        packed = gzip.compress(data[:40]) + gzip.compress(data[40:])
    elif kind == "zstd":
        packer = zstandard.ZstdCompressor()
        packed = packer.compress(data[:40]) + packer.compress(data[40:])
    elif kind == "lz4":
        frame = pytest.importorskip("lz4.frame", reason="lz4 is not installed; pip install 'deleverage[lz4]'")
        packed = frame.compress(data[:40]) + frame.compress(data[40:])
    elif kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("fills", data)
        return path
    else:
        packed = data
    path.write_bytes(packed)
    return path


@pytest.mark.parametrize("kind", ["plain", "gzip", "zstd", "lz4", "zip"])
def test_packed_files_are_read_as_they_are(tmp_path: Path, kind: str) -> None:
    """Packing is told by the first bytes; several streams one behind the other are one file; rows are lines."""
    path = _packed(tmp_path / "fills", b"first\n\nthird\n" + b"x" * 100 + b"\nlast", kind)
    (source,) = open_sources(((str(path), "lines"),))
    seen: list[int] = []
    rows = list(read_rows(source, seen.append))
    assert rows == [(1, b"first"), (3, b"third"), (4, b"x" * 100), (5, b"last")]
    assert sum(seen) == path.stat().st_size


@pytest.mark.parametrize("kind", ["gzip", "zstd", "lz4", "zip"])
def test_a_cut_off_archive_is_refused(tmp_path: Path, kind: str) -> None:
    """A file that ends within a packed stream is no whole file."""
    lines = "\n".join([GOOD, *[block(number, second=6) for number in range(2, 500)]]).encode()
    path = _packed(tmp_path / "fills", lines, kind)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ScenarioError, match=r"fills:\d+: reading stops here .* cut off or damaged"):
        run_import(HyperliquidImporter([str(path)]), tmp_path / "a.run")
    assert not (tmp_path / "a.run").exists()


@pytest.mark.parametrize("kind", ["gzip", "zstd", "lz4"])
def test_of_a_cut_off_archive_the_start_can_be_kept(tmp_path: Path, kind: str) -> None:
    """With `skip` all before the cut is taken in, and the cut is counted with its line."""
    lines = "\n".join([GOOD, *[block(number, second=6) for number in range(2, 3_000)]]).encode()
    path = _packed(tmp_path / "fills", lines, kind)
    path.write_bytes(path.read_bytes()[:-30])
    result = run_import(HyperliquidImporter([str(path)]), tmp_path / "a.run", on_error="skip")
    (fault,) = result.faults
    assert (fault.reason, fault.rows) == ("file cut off", 1)
    assert "reading stops here" in fault.message
    assert 2 < fault.first_row < 3_000
    assert dict(result.sources) == {"fills": fault.first_row - 1}


def test_where_nothing_is_left_the_first_fault_is_told(tmp_path: Path) -> None:
    """Files whose every line is left out end with how many there were, and why the first."""
    path = written(tmp_path, "null", "[1]", name="damaged")
    with pytest.raises(ScenarioError, match=r"no trade that can be used; 2 were left out, the first: .*damaged:1: "):
        run_import(HyperliquidImporter([str(path)]), tmp_path / "a.run", on_error="skip")


def test_a_damaged_first_line_spoils_no_file(tmp_path: Path) -> None:
    """The layout is told by the first line that has the form of one."""
    path = written(tmp_path, "null", GOOD, name="damaged")
    result = run_import(HyperliquidImporter([str(path)]), tmp_path / "a.run", on_error="skip")
    assert [(fault.reason, fault.first_row) for fault in result.faults] == [("not a block", 1)]
    assert dict(result.counts)["TradeExecuted"]


def test_a_directory_is_said_to_be_one(tmp_path: Path) -> None:
    """It is there, and still no file."""
    with pytest.raises(ScenarioError, match="is a directory; name the files in it"):
        HyperliquidImporter([str(tmp_path)])


@pytest.mark.parametrize("kind", ["gzip", "zstd", "lz4"])
def test_rows_before_a_cut_are_read(tmp_path: Path, kind: str) -> None:
    """A stream that breaks off names the line where it does, not the first of the piece that it was in."""
    lines = b"\n".join(os.urandom(40).hex().encode() for _ in range(9_000))
    path = _packed(tmp_path / "fills", lines, kind)
    path.write_bytes(path.read_bytes()[:-5_000])
    rows = read_rows(open_sources(((str(path), "lines"),))[0])
    read: list[bytes] = []
    with pytest.raises(ScenarioError, match=r"reading stops here") as caught:
        read.extend(line for _, line in rows)
    assert len(read) > 100
    assert f":{len(read) + 1}: " in str(caught.value)
    assert read == lines.split(b"\n")[: len(read)]


def test_a_zip_of_several_files_is_refused(tmp_path: Path) -> None:
    """Which of them is meant cannot be told."""
    path = tmp_path / "fills.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one", b"1")
        archive.writestr("two", b"2")
    with pytest.raises(ScenarioError, match="a zip archive of 2 files; unpack it"):
        list(read_rows(open_sources(((str(path), "lines"),))[0]))


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_corrupt_archive_is_refused(tmp_path: Path, kind: str) -> None:
    """Bytes that do not unpack are no file either."""
    path = _packed(tmp_path / "fills", os.urandom(20_000), kind)
    data = bytearray(path.read_bytes())
    data[9_000:9_400] = bytes(400)
    path.write_bytes(data)
    with pytest.raises(ScenarioError, match=r"fills:\d+: "):
        run_import(HyperliquidImporter([str(path)]), tmp_path / "a.run")


def test_lz4_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the message says how to get it."""
    monkeypatch.setitem(__import__("sys").modules, "lz4.frame", None)
    path = tmp_path / "fills.lz4"
    path.write_bytes(b"\x04\x22\x4d\x18" + bytes(20))
    with pytest.raises(ScenarioError, match=r"needs `pip install 'deleverage\[lz4\]'`"):
        run_import(HyperliquidImporter([str(path)]), tmp_path / "a.run")


def test_an_empty_file_and_one_twice_are_refused(tmp_path: Path) -> None:
    """No line, no trade, or the same bytes under two names: each is said."""
    empty, idle = written(tmp_path, name="empty"), written(tmp_path, block(1, *[]), name="idle")
    first, second = written(tmp_path, GOOD, name="a"), written(tmp_path, GOOD, name="b")
    with pytest.raises(ScenarioError, match="no line that can be used"):
        run_import(HyperliquidImporter([str(empty)]), tmp_path / "a.run")
    with pytest.raises(ScenarioError, match="no trade that can be used; is the file whole"):
        run_import(HyperliquidImporter([str(idle)]), tmp_path / "a.run")
    with pytest.raises(ScenarioError, match="the same bytes as"):
        HyperliquidImporter([str(first), str(second)])


def test_a_trade_is_remembered_for_a_window_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was met within the window is found again; memory does not grow beyond two of them."""
    monkeypatch.setattr(admission, "WINDOW_TRADES", 2)
    lines = [
        block(number, *trade("@1", "1.0", "5.0", tid=tid)) for number, tid in enumerate((1, 2, 3, 2, 4, 5, 6, 7, 1))
    ]
    result = imported(tmp_path, *lines, on_error="skip")
    assert [(fault.reason, fault.rows, fault.first_row) for fault in result.faults] == [("trade twice", 2, 4)]


def test_the_same_files_give_the_same_head(tmp_path: Path) -> None:
    """Name, packing of the record and time play no part in it; the packing of the file and its content do."""
    first = imported(tmp_path, GOOD, LAST)
    again = run_import(HyperliquidImporter([str(tmp_path / "fills.jsonl")]), tmp_path / "again.run")
    assert (first.head, first.events) == (again.head, again.events)
    assert imported(tmp_path, GOOD, name="other.run").head != first.head


def _unfinished(path: Path, how: str) -> None:
    if how == "torn":
        tear(path, 10)
    else:
        (path / "manifest.json").unlink()


def test_an_interrupted_import_is_readable_and_starts_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C seals what there is as interrupted; the same command replaces it by the whole; a whole one stays."""
    lines = [block(number, *trade("@1", "1.0", "5.0"), second=number) for number in range(20)]
    path = written(tmp_path, *lines)
    whole_one = run_import(HyperliquidImporter([str(path)]), tmp_path / "whole.run")
    take = admission.Admission.of
    passes = 0

    def interrupted(self: Any, blocks: Any) -> Any:
        nonlocal passes
        passes += 1
        for number, admitted in enumerate(take(self, blocks)):
            if passes == 1 and number == 10:
                raise KeyboardInterrupt
            yield admitted

    monkeypatch.setattr(admission.Admission, "of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_import(HyperliquidImporter([str(path)]), tmp_path / "a.run")
    assert read_manifest(tmp_path / "a.run").status == "interrupted"
    assert 0 < open_run(tmp_path / "a.run").count < whole_one.events
    result = run_import(HyperliquidImporter([str(path)]), tmp_path / "a.run")
    assert (result.status, result.head) == ("complete", whole_one.head)
    with pytest.raises(RecordExistsError, match="never written over"):
        run_import(HyperliquidImporter([str(path)]), tmp_path / "a.run")


def test_a_torn_import_starts_clean(tmp_path: Path) -> None:
    """One whose process died in the middle is replaced; a torn run that no import made is not."""
    result = imported(tmp_path, GOOD, LAST)
    tear(Path(result.run), 10)
    again = run_import(HyperliquidImporter([str(tmp_path / "fills.jsonl")]), Path(result.run))
    assert (again.status, again.head) == ("complete", result.head)
    (tmp_path / "else").mkdir()
    with pytest.raises(RecordExistsError):
        run_import(HyperliquidImporter([str(tmp_path / "fills.jsonl")]), tmp_path / "else")


def test_the_command_says_what_came_in_and_what_did_not(tmp_path: Path) -> None:
    """Text and JSON agree, no line of prose passes 60 columns, and a bad row is named with its line."""
    path = written(tmp_path, GOOD, FAULTY["an unknown coin"], LAST)
    told = call("import", "hyperliquid", path, "-o", tmp_path / "a.run", "--on-error", "skip")
    assert told.exit_code == 0, told.output
    assert "2 trades" in told.output
    assert "unknown coin, 2 rows" in " ".join(told.output.split())
    document = json.loads(
        call("import", "hyperliquid", path, "-o", tmp_path / "b.run", "--on-error", "skip", "--json").output
    )
    assert (document["status"], document["faults"][0]["reason"]) == ("complete", "unknown coin")
    refused = call("import", "hyperliquid", path, "-o", tmp_path / "c.run")
    assert (refused.exit_code, "fills.jsonl:2" in refused.output) == (2, True)


@pytest.mark.parametrize("command", ["verify", "state", "log", "why", "history", "diff", "fork", "split", "stress"])
def test_the_commands_work_on_an_import(tmp_path: Path, command: str) -> None:
    """Each opens an imported run; verify says that there is nothing to execute again, forks that they cannot be."""
    path = imported(tmp_path, GOOD, LAST).run
    more = {"why": ["12"], "history": ["--account", ANN], "diff": [path], "fork": ["--at", "12", "-o", tmp_path / "f"]}
    told = call(command, f"{path}@12" if command == "stress" else path, *more.get(command, []))
    assert told.exit_code == (2 if command in ("fork", "split", "stress") else 0), told.output
    text = " ".join(told.output.split())
    if command == "verify":
        assert "nothing to execute again: it was imported" in text
    if command in ("fork", "split", "stress"):
        assert "was imported" in text


def test_ctrl_c_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is 130, as for a run."""
    path = written(tmp_path, GOOD)

    def interrupt(*_: object) -> object:
        signal.raise_signal(signal.SIGINT)
        raise KeyboardInterrupt

    monkeypatch.setattr(HyperliquidImporter, "survey", interrupt)
    assert call("import", "hyperliquid", path, "-o", tmp_path / "a.run").exit_code == 130


@given(st.integers(-(10**12), 10**12), st.integers(0, 12), st.integers(0, 6))
def test_decimals_are_read_exactly(number: int, written_decimals: int, extra: int) -> None:
    """Any number of decimals, scaled to as many or more, is the whole number that it says."""
    digits = f"{abs(number):0{written_decimals + 1}d}"
    split = len(digits) - written_decimals
    text = ("-" if number < 0 else "") + digits[:split] + (f".{digits[split:]}" if written_decimals else "")
    assert whole(text, written_decimals + extra) == number * 10**extra
    assert snapped(text, written_decimals + extra) == (number * 10**extra, False)


@pytest.mark.parametrize(
    ("text", "decimals", "value"),
    [
        ("-1544223.1000000001", 1, -15_442_231),
        ("0.300000000999", 1, 3),
        ("92506772.4702170044", 7, 925_067_724_702_170),
    ],
)
def test_artefacts_are_snapped(text: str, decimals: int, value: int) -> None:
    """Within 10^-9, or within what a double of that size can tell apart."""
    assert snapped(text, decimals) == (value, True)


@pytest.mark.parametrize(
    "text", ["0.300000001001", "1.05", "", "-", "1e5", "nan", "1_000", "0x1", " 1", "+1", "1.", ".5", "\u0661"]
)
def test_what_is_no_such_number_is_refused(text: str) -> None:
    """Anything but digits with a sign and a point, and anything further off than an artefact."""
    with pytest.raises(ScenarioError):
        snapped(text, 1)


def test_a_lone_side_keeps_its_place_in_the_block(tmp_path: Path) -> None:
    """What an account did after it in the same block starts where it ended: no break, and the audit finds none."""
    lone = fill(ANN, "ETH", "B", "1.0", "100.0", tid=20_001)
    after = trade("ETH", "2.0", "100.0", {"startPosition": "1.0"}, {"startPosition": "0.0"}, tid=20_002)
    result = imported(tmp_path, block(1, lone, *after), on_error="skip")
    assert [fault.reason for fault in result.faults] == ["other side missing"]
    assert "start positions that do not follow" not in dict(result.noted)


@pytest.mark.parametrize("token", ["", "USD T", "\x1b[1mUSDT"])
def test_a_token_that_is_no_name_is_a_fault(tmp_path: Path, token: str) -> None:
    """Nothing that a terminal would act on becomes an asset."""
    sides = [GOOD, block(2, *trade("ETH", "1.0", "100.0", buyer={"feeToken": token}), second=1)]
    with pytest.raises(ScenarioError, match=r"fills.jsonl:2: .* is no name of a token"):
        imported(tmp_path, *sides)
    result = imported(tmp_path, *sides, on_error="skip")
    assert {fault.reason for fault in result.faults} == {"unknown token", "other side missing"}
    assert [event.body.name for event in bodies(result, AssetListed)] == ["USDC"]


def test_a_start_position_of_no_whole_lot_is_a_fault_of_its_fill(tmp_path: Path) -> None:
    """It is told with its line, and stops nothing where faults are left out."""
    sides = [GOOD, block(2, *trade("ETH", "1.0", "100.0", buyer={"startPosition": "0.00000001"}), second=1)]
    with pytest.raises(ScenarioError, match=r"fills.jsonl:2: .*0.00000001"):
        imported(tmp_path, *sides)
    result = imported(tmp_path, *sides, on_error="skip")
    assert result.status == "complete"
    assert [fault.first_row for fault in result.faults] == [2]

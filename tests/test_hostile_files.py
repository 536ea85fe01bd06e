"""Records, receipts and files to import that hold what nobody means, or that are no files at all."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.record.blocks import BlockHeader, block_payload
from deleverage.events.record.disk import replace_file
from deleverage.events.record.manifest import read_manifest
from deleverage.events.regular import IrregularFileError, kind_of, open_regular
from deleverage.events.snapshots.snapshot import Snapshot, restore
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.replay.run import open_run

from .support.adl_table import HEADER, TABLE
from .support.command_line import call, small_record, tear
from .support.hostile import CELLS, JSON_VALUES, is_one_line, places, put, within
from .support.made import made
from .support.market_data import MS, US
from .support.node_fills import ANN, BOB, START_MS, block, trade

ASKED = (("log",), ("state", "--at", "3100"), ("verify",), ("recover",), ("history", "--account", "trader-7"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, a fork of it, and one that was torn."""
    home = tmp_path_factory.mktemp("home")
    record = small_record(home)
    fork(open_run(record), 3000, Changes(("adl.policy=profit-share",)), home / "child.run")
    shutil.copytree(record, home / "torn.run")
    tear(home / "torn.run")
    return home


@pytest.fixture
def record(home: Path, tmp_path: Path) -> Path:
    """A copy to be hurt."""
    return Path(shutil.copytree(home / "small.run", tmp_path / "hurt.run"))


def as_json(tree: Any, place: tuple[str | int, ...], value: str) -> str:
    """A tree as JSON, with `value` written at a place as it is."""
    return json.dumps(put(tree, place, "\0here"), separators=(",", ":")).replace('"\\u0000here"', value)


def with_own_hash(text: str) -> str:
    """A manifest whose hash is that of its fields, where there is one to be had."""
    try:
        fields = json.loads(text)
        fields.pop("sha256", None)
        canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return text
    return json.dumps({**fields, "sha256": sha256(canonical.encode()).hexdigest()})


def served_or_refused(path: Path, name: str) -> None:
    """Every question is answered, or refused in one line that names the record."""
    for command, *more in ASKED:
        with within(60):
            result = call(command, path, *more)
        if result.exit_code not in (0, 3):
            assert result.stderr.count("\n") <= 2, (name, command)
            assert result.exit_code in (1, 2), (name, command, result.stderr)
            assert "a fault of deleverage itself" not in result.stderr, (name, command, result.stderr)
            assert "the system refused" not in result.stderr, (name, command, result.stderr)
            assert path.name in result.stderr, (name, command, result.stderr)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(("small.run", "child.run", "torn.run")), st.sampled_from(JSON_VALUES))
def test_a_manifest_with_any_value_anywhere(home: Path, data: st.DataObject, name: str, value: str) -> None:
    """With its own hash right: the record is served as it is, or refused in one line; never a fault, never a hang."""
    fields = json.loads((home / name / "manifest.json").read_text(encoding="utf-8"))
    place = data.draw(st.sampled_from(sorted(places(fields), key=str)))
    copy = home / f"mutated-{name}"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(home / name, copy)
    (copy / "manifest.json").write_text(with_own_hash(as_json(fields, place, value)), encoding="utf-8")
    served_or_refused(copy, f"{place}={value[:40]}")


MANIFESTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a head of 64 z": (lambda fields: fields | {"head": "z" * 64}, "matching regex '^[0-9a-f]{64}$' - at `$.head`"),
    "a head of other digits": (lambda fields: fields | {"head": "\u0663" * 64}, "at `$.head`"),
    "no head": (lambda fields: fields | {"head": None}, "it says 'complete' and has no head"),
    "a count below zero": (lambda fields: fields | {"count": -1}, "Expected `int` >= 0 - at `$.count`"),
    "a level that zstd has not": (
        lambda fields: fields | {"settings": fields["settings"] | {"level": 99}},
        "settings: level is 99",
    ),
    "a parent behind a zero byte": (
        lambda fields: fields | {"parent": {"head": "0" * 64, "at_seq": 512, "path": "a\0b"}},
        "it is a fork, and its parent is not at",
    ),
    "a parent with a name without end": (
        lambda fields: fields | {"parent": {"head": "0" * 64, "at_seq": 512, "path": "x" * 5_000}},
        "it is a fork, and its parent is not at",
    ),
    "itself as its parent": (
        lambda fields: fields | {"parent": {"head": "0" * 64, "at_seq": 512, "path": "../hurt.run"}},
        "goes round in a circle",
    ),
    "a list": (lambda _fields: [1], "not a JSON object"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_what_is_wrong_with_a_manifest_is_named(record: Path, name: str) -> None:
    """In one line, with the file and the field."""
    change, said = MANIFESTS[name]
    changed = change(json.loads((record / "manifest.json").read_text(encoding="utf-8")))
    text = with_own_hash(json.dumps(changed)) if isinstance(changed, dict) else json.dumps(changed)
    (record / "manifest.json").write_text(text, encoding="utf-8")
    for command in ("log", "verify", "state", "recover"):
        result = call(command, record)
        assert is_one_line(result, 1, 2), result.stderr
        assert said in result.stderr
        assert str(record) in result.stderr


TEXTS = {
    "deep lists": ("[" * 200_000, "manifest.json: offset 0: not the JSON of a manifest"),
    "deep objects": ('{"a":' * 200_000, "manifest.json: offset 0: not the JSON of a manifest"),
    "a number without end": ('{"count": ' + "9" * 10_000 + "}", "not the JSON of a manifest"),
    "no whole number": ('{"count": NaN}', "not the JSON of a manifest (NaN is no whole number)"),
    "an exponent": ('{"count": 1e999999}', "not the JSON of a manifest (1e999999 is no whole number)"),
    "half of one": ('{"count": ', "manifest.json: offset 10: not JSON"),
    "nothing": ("", "manifest.json: offset 0: not JSON"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_manifest_that_is_none_is_damage(record: Path, name: str) -> None:
    """Nested 200,000 deep or cut off: exit code 1, file and place."""
    text, said = TEXTS[name]
    (record / "manifest.json").write_text(text, encoding="utf-8")
    with within(20):
        result = call("log", record)
    assert is_one_line(result, 1), result.stderr
    assert said in result.stderr


def test_a_manifest_without_end_is_not_read(record: Path) -> None:
    """One of a terabyte is refused by its size."""
    os.truncate(record / "manifest.json", 1 << 40)
    with within(20):
        result = call("log", record)
    assert is_one_line(result, 1, 2), result.stderr
    assert "manifest.json: it cannot be read (it has more than 16,777,216 bytes)" in result.stderr


def special(path: Path, kind: str, elsewhere: Path) -> None:
    """Something that is no file, at a path."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "symbolic link":
        path.symlink_to(elsewhere)
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as listening, pytest.MonkeyPatch.context() as patch:
            patch.chdir(path.parent)  # the name of a socket is short
            listening.bind(path.name)


KINDS = ("pipe", "symbolic link", "link to a device", "socket")
NAMES = ("manifest.json", "00000000.seg", "parents.idx", "accounts.idx", "seal.reserve", "x.json.tmp", "9.state.idx")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_file_in_a_record_is_refused(record: Path, name: str, kind: str) -> None:
    """A pipe, a link, a device or a socket by one of a record's names: one line, exit code 1, and nothing hangs."""
    kept = record.with_name("kept")
    if (record / name).exists():
        (record / name).rename(kept)
    special(record / name, kind, kept)
    called = "symbolic link" if "link" in kind else kind
    for command, *more in (*ASKED, ("receipt", "3000", "-o", "never.json"), ("why", "3000"), ("diff", str(record))):
        with within(20):
            result = call(command, record, *more)
        assert result.exit_code == 1, (command, result.stderr)
        assert f"{record / name}: it is a {called}, and a record holds nothing but files" in result.stderr
        assert result.stderr.count("\n") == 1
    assert not Path("never.json").exists()


def test_a_record_that_a_link_leads_to_is_served(record: Path, tmp_path: Path) -> None:
    """Whoever names a link means what it leads to; a fork finds its parent through one, too."""
    link = tmp_path / "link.run"
    link.symlink_to(record)
    assert call("log", link).stdout == call("log", record).stdout
    assert call("verify", link).exit_code == 0
    assert (
        call("fork", link, "--at", "3000", "--set", "adl.policy=profit-share", "-o", tmp_path / "c.run").exit_code == 0
    )
    assert call("verify", tmp_path / "c.run").exit_code == 0


def test_what_is_made_again_is_never_written_through_a_link(record: Path, tmp_path: Path) -> None:
    """A link by the name of a temporary file is refused; one that comes later is taken away and not followed."""
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    (record / "new").symlink_to(tmp_path / "mine")
    (record / "new").rename(record / "x.tmp")
    replace_file(record / "x", b"theirs")
    assert ((tmp_path / "mine").read_text(encoding="utf-8"), (record / "x").read_bytes()) == ("mine", b"theirs")


@pytest.mark.parametrize("made", [["seal.reserve"], ["seal.reserve", "manifest.json.tmp"]])
def test_a_record_that_never_began_is_no_dead_end(tmp_path: Path, made: list[str]) -> None:
    """Room to seal alone: every question says what happened, and the same command writes the record."""
    path = tmp_path / "a.run"
    path.mkdir()
    for name in made:
        (path / name).write_bytes(bytes(10))
    for command in ("log", "verify", "recover", "state"):
        result = call(command, path)
        assert is_one_line(result, 2), result.stderr
        assert "was stopped before it wrote anything; run the same command again" in result.stderr
    few = ("--set", "population.accounts=5", "--set", "prices.duration_ns=5s")
    assert call("run", "calm", *few, "-o", path).exit_code == 0
    assert call("verify", path).exit_code == 0
    assert not (path / "seal.reserve").exists()
    assert "never written over" in call("run", "calm", *few, "-o", path).stderr


@pytest.mark.parametrize("others", [["notes.txt"], ["00000000.seg"], []])
def test_any_other_directory_stays_what_it_is(tmp_path: Path, others: list[str]) -> None:
    """Only what a writer leaves that never began is taken again."""
    path = tmp_path / "a.run"
    path.mkdir()
    for name in [*others, *(["seal.reserve"] if others else [])]:
        (path / name).write_bytes(b"kept")
    result = call("run", "calm", "-o", path)
    assert is_one_line(result, 2)
    assert "never written over" in result.stderr
    assert all((path / name).read_bytes() == b"kept" for name in others)


def test_a_block_that_claims_what_it_does_not_hold_is_not_unpacked() -> None:
    """Of 100 GB, of more than there is, or of a size that nobody told: each is refused before anything is made."""
    packed = zstandard.ZstdCompressor().compress(bytes(1 << 20))
    told_nothing = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 20))
    for raw_bytes, stored in ((100 * 10**9, packed), (1 << 19, packed), (1 << 20, told_nothing), (1 << 21, packed)):
        header = made(BlockHeader, magic=b"DLVB", codec=1, count=1, raw_bytes=raw_bytes, stored_bytes=len(stored))
        with pytest.raises(ValueError, match="it announces"):
            block_payload(header, stored)


def test_a_snapshot_that_claims_to_be_huge_is_not_unpacked() -> None:
    """A few bytes that claim to be a state of 100 GB are ignored as any damaged snapshot is."""
    frame = bytearray(b"\x28\xb5\x2f\xfd\xe0") + (100 * 10**9).to_bytes(8, "little") + b"\1\0\0"
    with pytest.raises(ValueError, match="it claims to unpack to 100,000,000,000 bytes"):
        restore(Snapshot(1, 0, bytes(32), bytes(32), bytes(frame)))


@pytest.fixture(scope="module")
def receipts(home: Path) -> tuple[tuple[dict[str, Any], ...], str]:
    """A receipt for a reduction and one for an event before it, and the head to check them with."""
    run = open_run(home / "small.run")
    reduced = next(event.seq for event in run.events() if isinstance(event.body, PositionDeleveraged))
    for seq in (reduced, 3000):
        assert call("receipt", run.path, str(seq), "-o", home / f"{seq}.json").exit_code == 0
    return tuple(json.loads((home / f"{seq}.json").read_bytes()) for seq in (reduced, 3000)), run.head


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(JSON_VALUES))
def test_a_receipt_with_any_value_anywhere(
    home: Path, receipts: tuple[tuple[dict[str, Any], ...], str], data: st.DataObject, value: str
) -> None:
    """With its own hash right: it holds if nothing was altered, else one line says that it does not."""
    documents, head = receipts
    for whole in documents:
        place = data.draw(st.sampled_from(sorted(places(whole), key=str)))
        fields = {key: held for key, held in put(whole, place, "\0here").items() if key != "receipt_sha256"}
        covered = json.dumps(fields, separators=(",", ":")).replace('"\\u0000here"', value)[:-1].encode()
        path = home / "mutated.json"
        path.write_bytes(covered + b',"receipt_sha256":"' + sha256(covered).hexdigest().encode() + b'"}\n')
        with within(30):
            result = call("check", path, "--head", head)
        if result.exit_code:
            assert is_one_line(result, 1, 2), (place, value[:40], result.stderr)
        else:
            assert json.loads(path.read_bytes())["event"] == whole["event"]


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"format":"deleverage receipt"' + ',"a":[' * 100_000, "", "null", "\0"]
)
def test_a_receipt_that_is_none_is_one_line(text: str, tmp_path: Path) -> None:
    """Nested without end, empty, or anything else."""
    path = tmp_path / "receipt.json"
    path.write_text(text, encoding="utf-8")
    with within(20):
        assert is_one_line(call("check", path, "--head", "0" * 64), 1, 2)


@pytest.mark.parametrize("kind", ["pipe", "link to a device", "socket"])
def test_what_is_no_file_is_refused_wherever_one_is_named(kind: str, tmp_path: Path) -> None:
    """As a receipt, a scenario, a source, a population or something to import: one line, exit code 2, nothing hangs."""
    path = tmp_path / "odd"
    special(path, kind, path)
    called = "device" if "device" in kind else kind
    population = f'population={{source="csv",file="{path}"}}'
    depth = f'depth={{source="bookdepth",file="{path}"}}'
    for arguments in (
        ["check", path, "--head", "0" * 64],
        ["run", path],
        ["run", "calm", "--set", f"prices.file={path}"],
        ["run", "calm", "--set", population],
        ["run", "calm", "--set", depth],
        *(
            ["import", name, path, "-o", tmp_path / "a.run"]
            for name in ("hyperliquid", "binance", "tardis", "adl-table")
        ),
        ["lab", path, "-o", tmp_path / "lab"],
    ):
        with within(20):
            result = call(*arguments)
        assert is_one_line(result, 2), (arguments, result.stderr)
        assert f"is a {called}" in result.stderr


def test_a_file_is_told_from_what_is_none(tmp_path: Path) -> None:
    """A link is followed only where that is asked; a name that no file can have is nobody's."""
    path = tmp_path / "file"
    path.write_bytes(b"x")
    link = tmp_path / "link"
    link.symlink_to(path)
    with open_regular(link, follow=True) as file:
        assert file.read() == b"x"
    with pytest.raises(IrregularFileError, match="it is a symbolic link, not a file"):
        open_regular(link)
    assert [kind_of(one) for one in (path, link, tmp_path, tmp_path / "no", Path("a\0b"), Path("x" * 9_999))] == [
        "file", "file", "directory", None, None, None,
    ]  # fmt: skip
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "no")
    with pytest.raises(OSError, match="embedded null byte"):
        open_regular(Path("a\0b"))


FILL_LINES = (
    block(1, *trade("SOL", "1.0", "50.0", tid=1)),
    block(2, *trade("SOL", "1.0", "50.0", {"startPosition": "1.0"}, {"startPosition": "-1.0"}, tid=2), second=5),
)
MISC_LINE = json.dumps(
    {
        "block_time": "2025-10-27T17:00:02.000000000",
        "block_number": 5,
        "events": [
            {
                "time": "2025-10-27T17:00:02.000000000",
                "hash": "0x",
                "inner": {"LedgerUpdate": {"users": [ANN], "delta": {"type": "deposit", "usdc": "10.0"}}},
            },
            {
                "time": "2025-10-27T17:00:02.000000000",
                "hash": "0x",
                "inner": {
                    "Funding": {
                        "deltas": [{"user": BOB, "coin": "SOL", "funding_amount": "-1.5", "fundingRate": "0.1"}]
                    }
                },
            },
        ],
    }
)
STATE_LINE = json.dumps(
    {
        "marginSummary": {"totalRawUsd": "1000.0"},
        "assetPositions": [{"position": {"coin": "SOL", "szi": "1.0", "entryPx": "50.0"}}],
        "time": START_MS - 1,
        "user": ANN,
    }
)
JSON_LINES = {
    "fills by block": (FILL_LINES[1], (), "fills"),
    "fills": (json.dumps(json.loads(FILL_LINES[0])["events"][0]), (), "fills"),
    "misc": (MISC_LINE, ("--misc",), "misc"),
    "snapshot": (STATE_LINE, ("--snapshot",), "snapshot"),
}


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(JSON_VALUES), st.sampled_from(("stop", "skip")))
@pytest.mark.parametrize("name", JSON_LINES)
def test_a_line_to_import_with_any_value_anywhere(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject, value: str, on_error: str
) -> None:
    """It is taken in, left out and counted, or ends the import in one line with file and line; nothing else."""
    folder = tmp_path_factory.mktemp("import")
    line, option, kind = JSON_LINES[name]
    place = data.draw(st.sampled_from(sorted(places(json.loads(line)), key=str)))
    odd = folder / f"{kind}.jsonl"
    odd.write_text(as_json(json.loads(line), place, value) + "\n", encoding="utf-8")
    fills = folder / "fills.jsonl"
    if kind != "fills":
        fills.write_text("\n".join(FILL_LINES) + "\n", encoding="utf-8")
    more = (*option, odd) if option else ()
    with within(60):
        result = call("import", "hyperliquid", fills, *more, "-o", folder / "a.run", "--on-error", on_error)
    if result.exit_code:
        assert is_one_line(result, 2), (place, value[:40], result.stderr)
        assert not (folder / "a.run").exists()
    else:
        assert read_manifest(folder / "a.run").status == "complete"


FORCED_COLUMNS = (
    "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,last_fill_quantity,"
    "accumulated_fill_quantity"
)
TABLES = {
    "adl-table": ("table.csv", [HEADER, *TABLE[:2]]),
    "binance trades": (
        "BTCUSDT-trades-2025-10-10.csv",
        ["id,price,qty,quote_qty,time,is_buyer_maker", f"1,1,1,1,{MS},true"],
    ),
    "binance bars": ("BTCUSDT-1m-2025-10-10.csv", [f"{MS},1,2,0.5,1.5,1,{MS + 59_999},1,1,1,1,0"]),
    "binance depth": (
        "BTCUSDT-bookDepth-2025-10-10.csv",
        ["timestamp,percentage,depth,notional", "2025-10-10 00:00:08,-1,5,5", "2025-10-10 00:00:08,1,5,5"],
    ),
    "binance forced": (
        "BTCUSDT-liquidationSnapshot-2025-10-10.csv",
        [
            FORCED_COLUMNS,
            f"{MS},SELL,LIMIT,IOC,0.500,29000.0,29100.5,FILLED,0.200,0.500",
        ],
    ),
    "tardis trades": (
        "binance-futures_trades_2025-10-10_BTCUSDT.csv",
        [
            "exchange,symbol,timestamp,local_timestamp,id,side,price,amount",
            f"x,BTCUSDT,{US},{US + 5},1,sell,110000.0,1",
        ],
    ),
    "tardis liquidations": (
        "bybit_liquidations_2025-10-10_BTCUSDT.csv",
        [
            "exchange,symbol,timestamp,local_timestamp,id,side,price,amount",
            f"bybit,BTCUSDT,{US},{US + 5},,sell,121000.5,1",
        ],
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_number_of_thousands_of_digits_in_any_cell_of_a_table(tmp_path: Path, name: str) -> None:
    """More digits than Python reads as a number are the file's fault, in one line, whichever cell they are in."""
    file_name, (*before, row) = TABLES[name]
    for place in range(row.count(",") + 1):
        cells = row.split(",")
        cells[place] = "9" * 5000
        path = tmp_path / file_name
        path.write_text("\n".join([*before, ",".join(cells)]) + "\n", encoding="utf-8")
        result = call("import", name.split(maxsplit=1)[0], path, "-o", tmp_path / f"{place}.run")
        assert result.exit_code in (0, 2), result.stderr
        assert result.exit_code == 0 or is_one_line(result, 2)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(CELLS), st.sampled_from(("stop", "skip")))
@pytest.mark.parametrize("name", TABLES)
def test_a_table_to_import_with_any_cell_anywhere(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject, value: str, on_error: str
) -> None:
    """The same for the header and the rows of a table."""
    folder = tmp_path_factory.mktemp("import")
    file_name, lines = TABLES[name]
    number = data.draw(st.integers(0, len(lines) - 1))
    cells = lines[number].split(",")
    cells[data.draw(st.integers(0, len(cells) - 1))] = value
    path = folder / file_name
    path.write_text("\n".join([*lines[:number], ",".join(cells), *lines[number + 1 :]]) + "\n", encoding="utf-8")
    with within(60):
        result = call("import", name.split(maxsplit=1)[0], path, "-o", folder / "a.run", "--on-error", on_error)
    if result.exit_code:
        assert is_one_line(result, 2), (number, value[:40], result.stderr)
        assert not (folder / "a.run").exists()


@pytest.mark.parametrize("token", ["", "x y", "\x1b[31m", "\u0661", "x" * 41])
@pytest.mark.parametrize("side", [0, 1])
def test_a_fee_in_what_is_no_token_is_left_out(tmp_path: Path, token: str, side: int) -> None:
    """On either side of a trade: that fill is left out and counted, the other kept; without `skip` it is refused."""
    facts: list[dict[str, Any]] = [{"startPosition": "1.0"}, {"startPosition": "-1.0"}]
    facts[side]["feeToken"] = token
    path = tmp_path / "fills.jsonl"
    path.write_text(
        f"{FILL_LINES[0]}\n{block(2, *trade('SOL', '1.0', '50.0', *facts, tid=9), second=5)}\n", encoding="utf-8"
    )
    refused = call("import", "hyperliquid", path, "-o", tmp_path / "a.run")
    assert is_one_line(refused, 2)
    assert "fills.jsonl:2: " in refused.stderr
    assert "is no name of a token" in refused.stderr
    kept = call("import", "hyperliquid", path, "-o", tmp_path / "b.run", "--on-error", "skip", "--json")
    faults = {fault["reason"]: fault["rows"] for fault in json.loads(kept.stdout)["faults"]}
    assert faults == {"unknown token": 1, "other side missing": 1}

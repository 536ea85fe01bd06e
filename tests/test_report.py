"""A report for a supervisor: what it says is what the record holds, and a signature holds for nothing else."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deleverage import open_run
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.waterfall import LossSocialized, PositionDeleveraged
from deleverage.events.errors import QueryError, RecordDamagedError
from deleverage.replay.report.regulator import RegulatorReport, regulator_report
from deleverage.replay.report.signing import check_signed, signed
from deleverage.replay.run import Run

from .support.adl_table import TABLE, written
from .support.command_line import call, small_record, tear

ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash."""
    return open_run(small_record(tmp_path_factory.mktemp("records")))


@pytest.fixture(scope="module")
def report(run: Run) -> RegulatorReport:
    """Its report."""
    return regulator_report(run)


def keys(folder: Path, seed: int = 1, name: str = "key") -> tuple[Path, Path]:
    """A private and a public key that follow from a number."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))
    files = folder / f"{name}.pem", folder / f"{name}-public.pem"
    pem = serialization.Encoding.PEM
    files[0].write_bytes(private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    files[1].write_bytes(private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return files


def test_each_reduction_is_there_with_its_figures(run: Run, report: RegulatorReport) -> None:
    """One row an event, whose values and differences to the mark come to the totals exactly."""
    events = [event for event in run.events() if isinstance(event.body, PositionDeleveraged)]
    assert [one.seq for one in report.deleveraged] == [event.seq for event in events]
    totals, unit = report.totals["USDT"], Decimal(1).scaleb(-report.decimals["USDT"])
    plain = [one.against_mark.replace(",", "") for one in report.deleveraged if one.against_mark is not None]
    assert sum(map(Decimal, plain)) == (totals.equity_taken_atoms or 0) * unit
    values = [abs(Decimal(one.value.replace(",", ""))) for one in report.deleveraged]
    assert sum(values) == totals.deleveraged_value_atoms * unit
    assert totals.reductions == len(events)
    for one, event in zip(report.deleveraged, events, strict=True):
        body = event.body
        assert isinstance(body, PositionDeleveraged)
        assert (one.account, one.rank) == (run.directory.account_name(body.account), body.rank)
        assert one.candidates is not None
        assert one.candidates >= body.rank


def test_liquidations_and_losses_are_those_of_the_record(run: Run, report: RegulatorReport) -> None:
    """As many, each with where it began."""
    started = [event.seq for event in run.events() if isinstance(event.body, LiquidationStarted)]
    assert [one.seq for one in report.liquidations] == started
    shared = [event.seq for event in run.events() if isinstance(event.body, LossSocialized)]
    assert [one.seq for one in report.losses if one.type == "LossSocialized"] == shared
    assert [one.handler for one in report.deciding] == [one.handler for one in run.started.producers]


def test_the_same_record_gives_the_same_bytes(run: Run) -> None:
    """In JSON, text and Markdown; narrow terminals break no word of a table's header."""
    for options in (("--json",), ("--format", "md"), ()):
        first, second = (call("report", run.path, "--regulator", *options) for _ in range(2))
        assert first.exit_code == 0, first.stderr
        assert first.stdout == second.stdout
    assert "## Who was deleveraged" in call("report", run.path, "--regulator", "--format", "md").stdout


def test_rows_are_left_out_and_counted(run: Run, report: RegulatorReport) -> None:
    """Twenty of each table, all of them with --all."""
    short = call("report", run.path, "--regulator").stdout
    assert f"The first 20 of {len(report.liquidations):,};" in " ".join(short.split())
    whole = call("report", run.path, "--regulator", "--all").stdout
    assert "The first 20" not in whole
    assert str(report.liquidations[-1].seq) in whole


def test_what_a_fork_decides_is_said_from_its_event_on(run: Run, tmp_path: Path) -> None:
    """The handler that was put in, with the fork's event."""
    path = tmp_path / "fork.run"
    changed = call("fork", run.path, "--at", "+00:15:00", "--set", "adl.policy=profit-share", "-o", path)
    assert changed.exit_code == 0
    forked = open_run(path)
    found = [one for one in regulator_report(forked).deciding if one.from_seq]
    assert [(one.handler, one.policy, one.from_seq) for one in found] == [("adl", "profit-share", forked.forks[0])]


def test_an_import_has_no_ranking_and_no_mark(tmp_path: Path) -> None:
    """What was taken in is told as far as it goes."""
    path = tmp_path / "batch.run"
    assert call("import", "adl-table", written(tmp_path, *TABLE), "-o", path).exit_code == 0
    report = regulator_report(open_run(path))
    assert report.deciding == ()
    assert {(one.rank, one.mark, one.against_mark) for one in report.deleveraged} == {(None, None, None)}
    assert "Nobody decided anything in it." in call("report", path, "--regulator").stdout


def test_what_was_asked_further_stands_in_it(run: Run, tmp_path: Path) -> None:
    """A study of this head and code; one that is not done, or of another head, is left out."""
    record = small_record(tmp_path)
    asked = call("fair", record, "--round", "1", "--orders", "3", "--jobs", "1")
    assert asked.exit_code == 0, asked.stderr
    (kept,) = record.parent.glob("*.jsonl")
    assert list(regulator_report(open_run(record)).studies) == ["fair"]
    first, *_ = kept.read_bytes().splitlines(keepends=True)
    kept.write_bytes(first)
    assert regulator_report(open_run(record)).studies == {}


def test_a_signature_holds_for_its_report_alone(run: Run, tmp_path: Path) -> None:
    """Signed by the command, checked by the command; written anew by another tool it still holds."""
    private, public = keys(tmp_path)
    file = tmp_path / "report.json"
    made = call("report", run.path, "--regulator", "--sign", private, "-o", file)
    assert made.exit_code == 0, made.stderr
    assert call("report", run.path, "--regulator", "--sign", private, "-o", file).exit_code == 2
    for data in (file.read_text(), json.dumps(json.loads(file.read_text()), indent=3)):
        file.write_text(data)
        found = call("check", file, "--head", run.head, "--signer", public)
        assert (found.exit_code, "the signature holds" in found.stdout) == (0, True), found.stderr
    other = call("check", file, "--head", "0" * 64, "--signer", public)
    assert (other.exit_code, "under the head" in other.stderr) == (1, True)
    stranger = call("check", file, "--head", run.head, "--signer", keys(tmp_path, 2, "other")[1])
    assert (stranger.exit_code, "it is signed by the key" in stranger.stderr) == (1, True)


REPORT: dict[str, Any] = {"head": "ab" * 32, "scenario": "a", "events": 5, "rows": [{"size": "1.5"}, {"size": "-2"}]}


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_other_value_breaks_it(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever is changed of what is signed, or of the signature."""
    private, public = keys(tmp_path)
    document = json.loads(json.dumps(signed(REPORT, private)))
    where = data.draw(st.sampled_from(["size", "events", "row", "value", "key"]))
    if where == "size":
        document["report"]["rows"][0]["size"] = data.draw(st.text().filter(lambda text: text != "1.5"))
    elif where == "events":
        document["report"]["events"] = data.draw(st.integers(-9, 9).filter(lambda number: number != 5))
    elif where == "row":
        document["report"]["rows"].append({"size": data.draw(st.text())})
    else:
        name = {"value": "value", "key": "public_key"}[where]
        text = document["signature"][name]
        place = data.draw(st.integers(0, len(text) - 1))
        digit = data.draw(st.sampled_from("0123456789abcdef").filter(lambda one: one != text[place]))
        document["signature"][name] = text[:place] + digit + text[place + 1 :]
    head = bytes.fromhex(REPORT["head"])
    with pytest.raises(RecordDamagedError):
        check_signed(json.dumps(document).encode(), head, public)
    assert check_signed(json.dumps(signed(REPORT, private)).encode(), head, public).report == REPORT


@pytest.mark.parametrize("text", ["", "{}", "[]", "no", '{"version": 1, "report": 5, "signature": []}'])
def test_what_is_no_signed_report(tmp_path: Path, text: str) -> None:
    """It is said, in one line."""
    with pytest.raises((RecordDamagedError, QueryError)):
        check_signed(text.encode(), bytes(32), keys(tmp_path)[1])


def test_bad_input_in_one_line(run: Run, tmp_path: Path) -> None:
    """No form named, no key, the other half of one, a torn record."""
    private, public = keys(tmp_path)
    asked: list[tuple[tuple[str | Path, ...], str]] = [
        ((run.path,), "--regulator"),
        ((run.path, "--regulator", "--sign", tmp_path / "none.pem"), "cannot be read"),
        ((run.path, "--regulator", "--sign", public), "no Ed25519 key"),
        ((tmp_path / "none.run", "--regulator"), "no record there"),
    ]
    torn = small_record(tmp_path)
    tear(torn)
    asked.append(((torn, "--regulator"), "recover"))
    for arguments, part in asked:
        result = call("report", *arguments)
        assert result.exit_code == 2, arguments
        assert part in result.stderr.splitlines()[-1]
    assert call("check", tmp_path / "none.json", "--head", "0" * 64, "--signer", private).exit_code == 2

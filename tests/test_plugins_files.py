"""Plug-ins that read a venue's own files, and that write a record out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deleverage import open_run
from deleverage.events.errors import HandlerError
from deleverage.replay.importers.importing import run_import
from deleverage.replay.importers.own import OwnImporter
from deleverage.replay.testing import check_exporter, check_importer
from deleverage.sim.rooms import own_named

from .support.command_line import call, small_record

LINES = "1760130000000,BTC-PERP,101250.5\n1760130001000,ETH-PERP,3890.25\n"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with `own.py:Own`, as `new-policy importer own` writes it, and a file for it; the test stands there."""
    monkeypatch.chdir(tmp_path)
    told = call("new-policy", "importer", "own").stdout
    assert "use it    deleverage import own.py:Own FILES... -o RUN" in told
    (tmp_path / "prices.csv").write_text(LINES, encoding="utf-8")
    return tmp_path


def _altered(here: Path, old: str, new: str) -> None:
    code = (here / "own.py").read_text(encoding="utf-8")
    assert code.count(old) == 1
    (here / "own.py").write_text(code.replace(old, new), encoding="utf-8")


@pytest.mark.usefixtures("here")
def test_an_importer_is_recorded_by_its_content() -> None:
    """The written one keeps its kit's rules; its record names it as a producer, and whoever reads it needs no code."""
    check_importer("own.py:Own", "prices.csv")
    done = call("import", "./own.py:Own", "prices.csv", "-o", "a.run")
    assert done.exit_code == 0, done.stderr
    opened = open_run("a.run")
    (producer,) = opened.started.producers
    assert (producer.handler, producer.policy, producer.version[:9]) == ("importer", "own.py:Own", "1+sha256:")
    assert opened.started.scenario == "import of own.py:Own"
    assert [event.body.prices for event in opened.events(type="PriceTicked")] == [((0, 10125050),), ((1, 389025),)]
    assert "sound as far as it was checked" in call("verify", "a.run").stdout


def test_another_content_is_another_record(here: Path) -> None:
    """The head follows from the code as well, though the same rows come of it."""
    heads = []
    for name in ("a.run", "b.run"):
        heads.append(run_import(OwnImporter(own_named("importer", "own.py:Own", {}), ["prices.csv"]), Path(name)).head)
        with (here / "own.py").open("a", encoding="utf-8") as file:
            file.write("# no more\n")
    assert heads[0] != heads[1]


def test_a_bad_line_is_the_files_fault(here: Path) -> None:
    """Exit code 2 with file and line and no record; with `skip` it is counted."""
    (here / "prices.csv").write_text(LINES + "yesterday,BTC-PERP,1\n", encoding="utf-8")
    stopped = call("import", "own.py:Own", "prices.csv", "-o", "a.run")
    assert stopped.exit_code == 2
    assert "prices.csv:3: time, symbol and price are due" in stopped.stderr
    assert not (here / "a.run").exists()
    skipped = call("import", "own.py:Own", "prices.csv", "-o", "a.run", "--on-error", "skip")
    assert (skipped.exit_code, "no price" in skipped.stdout) == (0, True)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("((number, ticks),)", "((number + 7, ticks),)", "take() raised"),
        ("((number, ticks),)", "((number, float(ticks)),)", "take() raised ValueError: PriceTicked with prices"),
        ("session.move_to(at_ns)\n", "session.move_to(at_ns / 1)\n", "whole nanoseconds are due"),
        ("return next(", "return 1.5 or next(", "survey() gave 1.5 (float); nanoseconds since 1970 are due"),
        ("asset = session", "1 / 0\n        asset = session", "take() raised ZeroDivisionError"),
    ],
)
def test_what_it_does_wrong_is_its_own_fault(here: Path, old: str, new: str, told: str) -> None:
    """One line that names it, and its own line where there is one; exit code 1."""
    _altered(here, old, new)
    done = call("import", "own.py:Own", "prices.csv", "-o", "a.run")
    assert done.exit_code == 1
    assert "deleverage: plug-in own.py:Own: " in done.stderr
    assert told in done.stderr
    assert ("(own.py, line " in done.stderr) is told.startswith(("take", "whole"))
    assert done.stderr.count("\n") == 1


def test_what_is_no_importer_is_refused(here: Path) -> None:
    """A class that lacks what is asked, a file without its class, an unknown parameter, and a format's wrong name."""
    _altered(here, "def take(", "def took(")
    told = {
        "own.py:Own": "Own lacks take(files, session), which records what the files hold",
        "own.py": "name a class of it, own.py:CLASS; it has Own",
        "hyperliqid": "The nearest is 'hyperliquid'",
    }
    for named, fault in told.items():
        done = call("import", named, "prices.csv", "-o", "a.run")
        assert (done.exit_code, fault in done.stderr) == (2, True), done.stderr


def test_a_parameter_is_recorded_and_an_unknown_one_refused(here: Path) -> None:
    """`--set` gives what `Parameters` declares."""
    _altered(
        here,
        '    venue = "my venue"\n',
        "    class Parameters(__import__('msgspec').Struct):\n        ticks: int = 1\n\n"
        "    def __init__(self, parameters):\n        self.venue = f'by {parameters.ticks}'\n",
    )
    done = call("import", "own.py:Own", "prices.csv", "-o", "a.run", "--set", "ticks=5")
    assert done.exit_code == 0, done.stderr
    opened = open_run("a.run")
    assert (opened.started.producers[0].parameters, opened.started.rulebook) == ({"ticks": 5}, "by 5")
    refused = call("import", "own.py:Own", "prices.csv", "-o", "b.run", "--set", "lots=5")
    assert (refused.exit_code, "lots" in refused.stderr) == (2, True)


def test_a_plug_in_is_its_own_check(here: Path) -> None:
    """The kit fails for what comes out otherwise in another process."""
    _altered(here, "int(TICK * LOT * 10**6)", "1 + hash('a') % 1_000_000")
    with pytest.raises(AssertionError, match="not deterministic"):
        check_importer("own.py:Own", "prices.csv")
    _altered(here, "1 + hash('a')", "1 / 0 + hash('a')")
    with pytest.raises(HandlerError, match="ZeroDivisionError"):
        check_importer("own.py:Own", "prices.csv")


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small record."""
    return small_record(tmp_path_factory.mktemp("exporter"))


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with `own.py:Own`, as `new-policy exporter own` writes it; the test stands there."""
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    told = call("new-policy", "exporter", "own").stdout
    assert "use it    deleverage export RUN -o DIR --format own.py:Own" in told
    return tmp_path


def test_an_exporter_writes_the_tables_and_stands_beside_them_by_content(crash: Path, writer: Path) -> None:
    """The written one keeps its kit's rules; it gets what was asked for, and `export.json` names it."""
    check_exporter("own.py:Own")
    wanted = ("--table", "LiquidationFilled", "--table", "funds")
    done = call("export", crash, "-o", "out", "--format", "./own.py:Own", *wanted)
    assert done.exit_code == 0, done.stderr
    rows = [json.loads(line) for line in (writer / "out" / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    opened = open_run(crash)
    fills = [event.seq for event in opened.events(type="LiquidationFilled")]
    assert [row["seq"] for row in rows if row["table"] == "LiquidationFilled"] == fills
    assert {row["table"] for row in rows} == {"LiquidationFilled", "funds"}
    told = json.loads((writer / "out" / "export.json").read_text(encoding="utf-8"))
    assert (told["format"], told["counts"], told["record"]["head"]) == ("own.py:Own", {"rows": len(rows)}, opened.head)
    assert told["plugin"][:2] == ["exporter", "own.py:Own"]
    assert told["plugin"][2].startswith("1+sha256:")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('return {"rows": rows}', "return rows", "write() gave 0 (int); what it wrote is due"),
        ('return {"rows": rows}', "return rows / 0", "ZeroDivisionError: division by zero (own.py, line 25: return"),
    ],
)
def test_an_exporter_that_fails_leaves_nothing(crash: Path, writer: Path, old: str, new: str, told: str) -> None:
    """Exit code 1, one line that names it, and no folder."""
    _altered(writer, old, new)
    done = call("export", crash, "-o", "out", "--format", "own.py:Own", "--table", "PluginPaid")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1), done.stderr
    assert f"plug-in own.py:Own: {'' if 'gave' in told else 'write() raised '}{told}" in done.stderr
    assert not [path for path in writer.iterdir() if "out" in path.name]


def test_what_an_export_cannot_do_is_said(crash: Path, writer: Path) -> None:
    """A table that is not there is the question's fault; so are `--at` for a plug-in and parameters for a format."""
    named = ("export", crash, "-o", "out", "--format")
    told = {
        ("parqet",): "'parqet' is not one of",
        ("own.py:Other",): "there is no class Other; it has Own",
        ("own.py:Own", "--table", "Fils"): "there is no table 'Fils'",
        ("own.py:Own", "--at", "1"): "a plug-in takes --table, --from and --to",
        ("csv", "--set", "a=1"): "--format csv has no parameters",
    }
    for more, fault in told.items():
        done = call(*named, *more)
        assert (done.exit_code, fault in done.stderr) == (2, True), done.stderr
    assert not (writer / "out").exists()

"""`deleverage run` and `deleverage scenarios`: the summary, the document, what is written and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from deleverage import Scenario, open_run, run
from deleverage.__main__ import main
from deleverage.events.envelope import Event
from deleverage.events.errors import HandlerError
from deleverage.events.ledger import LedgerState
from deleverage.handlers.market import DepthMarket
from deleverage.sim.runner import Simulation

from .support.command_line import call
from .support.crash import SMALL_CRASH

HEADING = "account,balance,instrument,size,entry_price\n"


def figures_of(text: str) -> dict[str, str]:
    """A summary's labels with the text beside them, folded lines joined."""
    found: dict[str, str] = {}
    label = ""
    for line in text.splitlines():
        if line[:11].strip() and line[11:13] == "  ":
            label = line[:11].strip()
            found[label] = found.get(label, "") + " " + line[13:]
        elif line.startswith(" " * 13):
            found[label] += " " + line[13:]
    return {name: told.strip() for name, told in found.items()}


def test_run_records_what_the_api_runs(tmp_path: Path) -> None:
    """The command and the Python call give the same events and the same head, and the record has them."""
    document = json.loads(call("run", SMALL_CRASH, "-o", tmp_path / "a.run", "--json").stdout)
    result = run(SMALL_CRASH)
    record = open_run(tmp_path / "a.run")
    assert document["run"] == str(tmp_path / "a.run")
    assert document["head"] == result.head == record.head
    assert document["events"] == result.events == record.count


def test_the_document_has_its_stable_names(tmp_path: Path) -> None:
    """`run --json` is one JSON document with the promised names, whose counts add up to the events."""
    document = json.loads(call("run", SMALL_CRASH, "--json").stdout)
    promised = {"run", "events", "head", "by_type", "prices", "seconds"}
    assert promised <= document.keys()
    also = {"status", "scenario", "seed", "start", "end", "instruments", "sums_atoms", "fund", "sources"}
    assert also <= document.keys()
    assert sum(document["by_type"].values()) == document["events"]
    assert (document["status"], document["prices"], document["run"]) == ("complete", "endogenous", None)
    assert [source["rows"] for source in document["sources"]] == [3, 661, 250]
    assert document["instruments"][0]["first"] == "117000.0"
    assert document["fund"]["start_atoms"] == 20_000_000_000


def test_the_summary_tells_what_the_document_counts() -> None:
    """The figures a person reads are those of the run."""
    result = run(SMALL_CRASH)
    seen, told = result.summary.by_type, figures_of(call("run", SMALL_CRASH).stdout)
    assert told["called"].startswith(f"{seen['MarginCalled']:,} margin calls, {seen['MarginCallMet']:,} met")
    assert told["liquidated"].startswith(f"{seen['LiquidationStarted']:,} liquidations")
    assert told["taken over"].startswith(f"{seen['PositionTakenOver']:,} positions")
    accounts = len(result.summary.deleveraged)
    assert told["deleveraged"].startswith(f"{accounts} accounts in {seen['DeleveragingStarted']:,} rounds")
    assert told["fund"].startswith("20,000.00 at the start")
    assert told["halted"] == f"{seen['TradingHalted']} times"
    assert told["prices"] == "endogenous: forced orders moved the marks"
    assert told["head"] == result.head
    assert told["record"] == "none; give -o RUN to keep it"


def test_a_calm_run_says_that_nothing_happened() -> None:
    """Where nobody was called the summary says so, and does not list noughts."""
    told = figures_of(call("run", "calm", "--set", "population.accounts=20", "--set", "prices.duration_ns=5m").stdout)
    nothing = {"called": "nobody", "liquidated": "nobody", "deleveraged": "nobody"}
    assert told.items() >= {**nothing, "socialised": "nothing", "halted": "never"}.items()


def test_the_summary_fits_60_columns_and_holds_no_colour() -> None:
    """Into a pipe 60 columns wide only the head is longer than a line, nothing is cut short and nothing is coloured."""
    lines = call("run", SMALL_CRASH).stdout.splitlines()
    assert [line.split()[0] for line in lines if len(line) > 60] == ["head"]
    assert not any("\x1b" in line or "…" in line or line != line.rstrip() for line in lines)


def test_the_summary_in_ascii() -> None:
    """A stream that knows only ASCII gets a summary, with bars that it can show."""
    arguments = ["run", SMALL_CRASH, "--set", "population.accounts=20"]
    plain = CliRunner(charset="ascii").invoke(main, arguments, env={"COLUMNS": "60"})
    assert plain.exit_code == 0
    assert plain.stdout.isascii()
    rich = call(*arguments).stdout
    assert not rich.isascii()
    assert [len(line) for line in plain.stdout.splitlines()] == [len(line) for line in rich.splitlines()]


def test_held_prices_are_said_to_be_held() -> None:
    """A run whose forced orders do not move the marks says so in both outputs."""
    arguments = ("run", SMALL_CRASH, "--set", "mark={policy = 'index'}")
    assert json.loads(call(*arguments, "--json").stdout)["prices"] == "held"
    assert figures_of(call(*arguments).stdout)["prices"] == "held: forced orders did not move the marks"


def test_set_and_seed_override_the_scenario() -> None:
    """`--set` and `--seed` do what the Python call does with them."""
    document = json.loads(call("run", SMALL_CRASH, "--set", "population.accounts=40", "--seed", "9", "--json").stdout)
    assert document["seed"] == 9
    assert document["head"] == run(Scenario.load(SMALL_CRASH, ["population.accounts=40"], seed=9)).head


def test_stderr_is_silent_where_it_is_no_terminal() -> None:
    """Neither a progress bar nor a log reaches a stderr that is a pipe, with --json and without."""
    assert call("run", SMALL_CRASH).stderr == ""
    assert call("run", SMALL_CRASH, "--json").stderr == ""


def test_the_log_tells_milestones_and_not_events() -> None:
    """At info there is a line for each milestone of the run, as JSON where that is asked for."""
    result = call("run", SMALL_CRASH, "--log-level", "info", "--log-json")
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    told = [line["event"] for line in lines]
    assert (told[0], told[-1]) == ("run started", "run ended")
    assert [told.count(f"first {what}") for what in ("liquidation", "shortfall", "deleveraging")] == [1, 1, 1]
    halts = told.count("trading halted") + told.count("trading resumed")
    assert len(lines) == 5 + halts


def test_the_log_at_debug_tells_every_event() -> None:
    """At debug there is a line for each event, in order."""
    result = call("run", SMALL_CRASH, "--log-level", "debug", "--log-json", "--set", "population.accounts=5")
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    seqs = [line["seq"] for line in lines if line["level"] == "debug"]
    assert seqs == list(range(len(seqs)))
    assert len(seqs) == lines[-1]["events"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["clam"], "there is no scenario 'clam'"),
        (["calm", "--set", "population.acounts=5"], "acounts"),
        (["calm", "--set", "population"], "write it as key=value"),
        (["calm", "--set", "prices.interval_ns=5parsecs"], "$.prices.interval_ns"),
        (["calm", "--set", "prices.file=gone.csv"], "$.prices.file: there is no file 'gone.csv'"),
        (["calm", "--set", "insurance_fund.balance=1e30"], "2^63"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path: Path, arguments: list[str], part: str) -> None:
    """A typo, an unknown key, a wrong unit, a missing file, a scale too large: one line, exit code 2, no directory."""
    result = call("run", *arguments, "-o", tmp_path / "a.run")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("deleverage: ")
    assert result.stderr.count("\n") == 1
    assert part in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_bad_row_found_late_leaves_nothing(tmp_path: Path) -> None:
    """A population whose hundredth row does not parse is refused with file and line, and the record is gone again."""
    people = tmp_path / "people.csv"
    rows = [f"a{number},1000,BTC-PERP,0.001,121000\n" for number in range(99)]
    people.write_text(HEADING + "".join(rows) + "a99,1000,BTC-PERP,half,121000\n")
    scenario = tmp_path / "own.toml"
    text = Path(SMALL_CRASH).read_text()
    start, stop = text.index("[population]"), text.index("[insurance_fund]")
    scenario.write_text(f'{text[:start]}[population]\nsource = "csv"\nfile = "people.csv"\n\n{text[stop:]}')
    result = call("run", scenario, "-o", tmp_path / "a.run")
    assert result.exit_code == 2
    assert f"{people}:101: 'half'" in result.stderr
    assert not (tmp_path / "a.run").exists()


def test_an_output_that_exists_is_left_alone(tmp_path: Path) -> None:
    """A directory that is there already is refused, whatever it holds, and stays as it is."""
    (tmp_path / "a.run").mkdir()
    (tmp_path / "a.run" / "mine.txt").write_text("mine")
    result = call("run", SMALL_CRASH, "-o", tmp_path / "a.run")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "it exists already" in result.stderr
    assert [path.name for path in (tmp_path / "a.run").iterdir()] == ["mine.txt"]


def test_a_handler_that_fails_seals_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler's error is one line that names event and handler; exit code 1; the record is failed and sound."""

    def fail(_handler: DepthMarket, event: Event, _ledger: LedgerState, _now_ns: int) -> None:
        raise ZeroDivisionError(event.seq)

    monkeypatch.setattr(DepthMarket, "handle", fail)
    result = call("run", SMALL_CRASH, "-o", tmp_path / "a.run")
    assert (result.exit_code, result.stderr.count("\n")) == (HandlerError.exit_code, 1)
    assert "handler 'market'" in result.stderr
    assert "ZeroDivisionError" in result.stderr
    record = open_run(tmp_path / "a.run")
    assert record.manifest.status == "failed"
    assert record.manifest.error is not None
    assert "ZeroDivisionError" in record.manifest.error
    assert call("verify", tmp_path / "a.run").exit_code == 0


def test_scenarios_are_listed() -> None:
    """Every bundled scenario stands in the list with what it is, and in the document."""
    names = {
        scenario["name"]: scenario["description"]
        for scenario in json.loads(call("scenarios", "--json").stdout)["scenarios"]
    }
    assert names.keys() >= {"calm", "flash-crash", "avax-2025-10-10"}
    text = call("scenarios").stdout
    assert all(name in text for name in names)
    assert " ".join(names["calm"].split()[:3]) in " ".join(text.split())
    assert all(len(line) <= 60 for line in text.splitlines())


def test_an_interrupt_before_the_first_event_seals_too(tmp_path: Path) -> None:
    """A record that was begun is sealed whenever the interrupt comes, also while the run is only being put together."""

    def interrupt(_simulation: Simulation) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(SMALL_CRASH, tmp_path / "a.run", on_start=interrupt)
    record = open_run(tmp_path / "a.run")
    assert (record.manifest.status, record.count, record.torn) == ("interrupted", 0, False)

"""`deleverage receipt` and `check` as a user calls them: the file, the words, the JSON, the exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from deleverage import open_run
from deleverage.events.bodies.run import RunStarted
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.record import RecordSettings, RecordWriter
from deleverage.handlers import registry
from deleverage.handlers.policies.formula import Formula, decimal_text
from deleverage.handlers.policies.profit_leverage import ProfitLeverage
from deleverage.handlers.pseudonyms import run_key
from deleverage.sim.figures import score_text

from .support.command_line import ENVIRONMENT, call, small_record, tear
from .support.crash import recorded

EVENTS = recorded()
ROUNDS = {event.body.round: event.body for event in EVENTS if isinstance(event.body, DeleveragingStarted)}
REDUCTIONS = [event for event in EVENTS if isinstance(event.body, PositionDeleveraged)]
FIRST = next(e.seq for e in REDUCTIONS if ROUNDS[e.body.round].base_round is None)  # type: ignore[union-attr]
LATER = [e.seq for e in REDUCTIONS if ROUNDS[e.body.round].base_round is not None][-1]  # type: ignore[union-attr]
WIDTH = 60


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, recorded."""
    return small_record(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def head(record: Path) -> str:
    """Its head."""
    return open_run(record).head


@pytest.fixture(scope="module")
def files(record: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Receipts of an input, of a reduction that began a ranking and of a further one, far from their record."""
    folder = tmp_path_factory.mktemp("receipts")
    found = {seq: folder / f"{seq}.json" for seq in (5, FIRST, LATER)}
    for seq, path in found.items():
        assert call("receipt", record, str(seq), "-o", path).exit_code == 0
    return found


def test_what_was_written_is_said(record: Path, head: str, tmp_path: Path) -> None:
    """The answer names the file, what it shows, and the command that checks it; that command holds."""
    result = call("receipt", record, str(LATER), "-o", tmp_path / "my receipt.json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"the receipt of event {LATER}" in result.stdout
    assert "rounds, in" in result.stdout
    command = result.stdout.splitlines()[-1]
    assert command == f"deleverage check '{tmp_path / 'my receipt.json'}' --head {head}"


def test_what_was_written_as_json(record: Path, head: str, tmp_path: Path) -> None:
    """The same as plain data under stable names."""
    path = tmp_path / "r.json"
    said = json.loads(call("receipt", record, str(FIRST), "-o", path, "--json").stdout)
    assert list(said) == ["receipt", "bytes", "head", "event", "account", "events", "rounds", "check"]
    assert (said["bytes"], said["head"], said["event"], said["rounds"]) == (path.stat().st_size, head, FIRST, 1)


def test_a_reduction_in_plain_words(files: dict[int, Path], head: str) -> None:
    """Who, what, the rank, the score with its numbers, the chain, and what is proved and what not."""
    result = call("check", files[FIRST], "--head", head)
    assert (result.exit_code, result.stderr) == (0, "")
    event = EVENTS[FIRST]
    body = event.body
    assert isinstance(body, PositionDeleveraged)
    flat = " ".join(result.stdout.split())
    for part in (
        "the receipt holds",
        f"number {body.account}",
        f"{body.rank} of {ROUNDS[body.round].candidates}, with a score of {body.score // 10**9}.",
        f".{body.score % 10**9:09d}",
        "profit / |cost| x notional / equity",
        "How it came about, from the first cause down",
        f"led to event {FIRST} in",
        f"the place is {body.rank} of {ROUNDS[body.round].candidates}. Event {FIRST} says the same.",
        "That the venue has published this head, and when.",
        "That nothing else happened.",
        "whether they were right takes the whole record",
        "the pseudonyms hide nobody",
        f"The row is that of account {body.account}: the run key gives its pseudonym.",
    ):
        assert part in flat, part


def test_the_formula_has_the_figures_of_the_row(files: dict[int, Path], head: str, record: Path) -> None:
    """The figures that stand in the formula are those of the row, in the asset's units, and give the score."""
    ranking = json.loads(call("check", files[FIRST], "--head", head, "--json").stdout)["ranking"]
    decimals = open_run(record).directory.assets[0].decimals
    figures = [decimal_text((ranking["row"][name], 10**decimals)) for name in ("profit", "cost", "notional", "equity")]
    profit, cost, notional, equity = figures
    filled, score = f"{profit} / |{cost}| x {notional} / {equity}", score_text(ranking["score"])
    flat = " ".join(call("check", files[FIRST], "--head", head).stdout.split())
    assert f"{filled} = {score}, rounded down to nine decimals" in flat
    assert Formula(filled).score(()) == ranking["score"]


def test_a_continued_ranking_in_plain_words(files: dict[int, Path], head: str) -> None:
    """The rounds are counted and named."""
    flat = " ".join(call("check", files[LATER], "--head", head).stdout.split())
    assert "The ranking was begun by event" in flat
    assert "rounds the rows in this file give the digest that its event holds" in flat


def test_an_input_in_plain_words(files: dict[int, Path], head: str) -> None:
    """An input has no cause, which is said; there is nothing about rankings."""
    flat = " ".join(call("check", files[5], "--head", head).stdout.split())
    assert "is an input from outside (InstrumentListed): no event of the record caused it." in flat
    assert "No other account is here by number" in flat
    assert "pseudonym" not in flat


def test_sixty_columns_are_enough(files: dict[int, Path], head: str) -> None:
    """Only lines of events and the head itself are wider than a narrow terminal."""
    for path in files.values():
        for line in call("check", path, "--head", head).stdout.splitlines():
            assert len(line) <= WIDTH or head in line or line.split()[0].isdigit() or str(path) in line, line


def test_the_checked_as_json(files: dict[int, Path], head: str) -> None:
    """Everything that the words say is there as data, under stable names."""
    view = json.loads(call("check", files[LATER], "--head", head, "--json").stdout)
    assert list(view) == [
        *("receipt", "head", "holds", "fault", "event", "account", "name", "events_shown", "key", "source"),
        *("ranking", "chain", "proved", "not_proved", "shown"),
    ]
    body, ranking = EVENTS[LATER].body, view["ranking"]
    assert isinstance(body, PositionDeleveraged)
    assert list(ranking) == [
        *("policy", "version", "formula", "scores_checked", "rounds", "candidates", "rank", "score", "first_rank"),
        *("last_rank", "identified", "row"),
    ]
    assert (view["holds"], view["fault"], view["head"], view["key"]) == (True, None, head, "seed")
    assert (view["event"]["seq"], view["account"]) == (LATER, body.account)
    assert [event["seq"] for event in view["chain"]] == list(open_run_chain(view))
    assert (ranking["rank"], ranking["score"], ranking["row"]["score"]) == (body.rank, body.score, body.score)
    assert ranking["scores_checked"]
    assert {sentence["name"] for sentence in view["proved"]} == {
        *("events", "chain", "ranking", "scores", "place", "account")
    }
    plain = json.loads(call("check", files[5], "--head", head, "--json").stdout)
    assert (plain["ranking"], plain["account"], plain["name"]) == (None, None, None)


def open_run_chain(view: dict[str, object]) -> list[int]:
    """The chain of the view's event, by the events of the run."""
    seq: int | None = view["event"]["seq"]  # type: ignore[index]
    chain = []
    while seq is not None:
        chain.append(seq)
        seq = EVENTS[seq].cause
    return chain[::-1]


def test_no_record_is_needed(record: Path, head: str, tmp_path: Path) -> None:
    """A receipt is checked when its record is gone, by a process that loads no simulation."""
    copy = tmp_path / "copy.run"
    shutil.copytree(record, copy)
    assert call("receipt", copy, str(FIRST), "-o", tmp_path / "r.json").exit_code == 0
    shutil.rmtree(copy)
    code = (
        "import sys\nfrom deleverage.__main__ import main\n"
        "try:\n    main(['check', sys.argv[1], '--head', sys.argv[2]])\n"
        "except SystemExit as end:\n    print(end.code, 'simpy' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "r.json"), head]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=True)
    assert done.stdout.splitlines()[-1] == "0 False"


def test_what_does_not_hold(files: dict[int, Path], head: str, tmp_path: Path) -> None:
    """A changed byte ends with 1 and one line that says what; with --json the same is data."""
    data = bytearray(files[FIRST].read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad.json").write_bytes(data)
    result = call("check", tmp_path / "bad.json", "--head", head)
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert "bad.json does not hold: it is not as it was written" in result.stderr
    result = call("check", tmp_path / "bad.json", "--head", head, "--json")
    view = json.loads(result.stdout)
    assert (result.exit_code, view["holds"], view["head"]) == (1, False, head)
    assert view["fault"] in result.stderr


def test_another_head_or_key(files: dict[int, Path], head: str) -> None:
    """A head or a key that is not the run's ends with 1; the right key holds, in capitals too."""
    assert call("check", files[FIRST], "--head", "0" * 64).exit_code == 1
    wrong = call("check", files[FIRST], "--head", head, "--key", run_key(2).hex())
    assert (wrong.exit_code, "the run commits to" in wrong.stderr) == (1, True)
    right = call("check", files[FIRST], "--head", head.upper(), "--key", run_key(1).hex().upper())
    assert (right.exit_code, right.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "Missing option '--head'"),
        (("--head", "12ab"), "'12ab' is not 64 hexadecimal digits"),
        (("--head", "g" * 64), "is not 64 hexadecimal digits"),
        (("--head", "0" * 64, "--key", "x"), "'x' is not 64 hexadecimal digits"),
    ],
)
def test_a_head_is_asked_for(files: dict[int, Path], arguments: tuple[str, ...], part: str) -> None:
    """Without a head, or with what is none, nothing is checked."""
    result = call("check", files[FIRST], *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert part in result.stderr


def test_what_is_no_receipt(tmp_path: Path) -> None:
    """A file of another kind, an empty one, a directory and one that is not there end with 2, in one line."""
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "other").write_bytes(b'{"a": 1}')
    for name, part in (
        ("empty", "no receipt"),
        ("other", "no receipt"),
        (".", "cannot be read"),
        ("no", "cannot be read"),
    ):
        result = call("check", tmp_path / name, "--head", "0" * 64)
        assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
        assert part in result.stderr
        assert str(tmp_path / name) in result.stderr


@pytest.mark.parametrize(
    ("seq", "part"),
    [(str(len(EVENTS)), "there is no event"), ("-1", "No such option"), ("first", "is not a valid integer")],
)
def test_an_event_that_is_not_there(record: Path, tmp_path: Path, seq: str, part: str) -> None:
    """A number outside the record, and what is no number, end with 2; no file is made."""
    result = call("receipt", record, seq, "-o", tmp_path / "a.json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert part in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_torn_record_and_none(tmp_path: Path) -> None:
    """Neither gives a receipt; both say why in one line."""
    path = small_record(tmp_path)
    tear(path)
    for where, part in ((path, "deleverage recover"), (tmp_path / "nowhere.run", "nowhere.run")):
        result = call("receipt", where, "5", "-o", tmp_path / "a.json")
        assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
        assert part in result.stderr
    assert not (tmp_path / "a.json").exists()


def test_a_policy_that_is_not_installed(files: dict[int, Path], head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be checked is said in plain words, and the rest still holds."""
    monkeypatch.setattr(registry, "SLOTS", {})
    result = call("check", files[FIRST], "--head", head)
    flat = " ".join(result.stdout.split())
    assert result.exit_code == 0
    version = ProfitLeverage.version
    assert f"NOT CHECKED: profit-leverage, version {version}, is none of the builtin policies of this version" in flat
    assert "scores follow" not in flat
    ranking = json.loads(call("check", files[FIRST], "--head", head, "--json").stdout)["ranking"]
    assert (ranking["formula"], ranking["scores_checked"]) == (None, False)


def test_a_secret_key(tmp_path: Path) -> None:
    """Where the run commits to a key that does not follow from its seed, the pseudonym is said to be unchecked."""
    started = EVENTS[0].body
    assert isinstance(started, RunStarted)
    secret = msgspec.structs.replace(started, run_key_commitment=bytes(32))
    writer = RecordWriter(tmp_path / "venue.run", settings=RecordSettings(durability="none"))
    writer.append_many([msgspec.structs.replace(EVENTS[0], body=secret), *EVENTS[1:]])
    writer.seal()
    head = open_run(tmp_path / "venue.run").head
    assert call("receipt", tmp_path / "venue.run", str(FIRST), "-o", tmp_path / "r.json").exit_code == 0
    flat = " ".join(call("check", tmp_path / "r.json", "--head", head).stdout.split())
    assert "can be told with the run key (--key), which the venue has" in flat
    assert "Whoever has the run key can undo the pseudonyms. The key is not in this file." in flat
    assert "gives its pseudonym" not in flat

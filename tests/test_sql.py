"""A record asked in SQL: answers against the record itself, errors in a line, views made once."""

from __future__ import annotations

import json
import re
import signal
import time
from decimal import Decimal
from pathlib import Path
from shutil import copytree

import pytest

from deleverage import open_run
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.errors import QueryError
from deleverage.events.vocabulary import BODY_TYPES
from deleverage.replay.sql.ask import ask
from deleverage.replay.sql.database import database_of

from .support.command_line import call, small_record, spawn, tear
from .support.patience import PATIENCE_S

pytest.importorskip("duckdb")
pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small crash."""
    return small_record(tmp_path_factory.mktemp("sql"))


def asked(record: Path, question: str, *options: str) -> list[dict[str, object]]:
    """The rows of an answer."""
    result = call("sql", record, question, "--json", *options)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_all_events_are_asked_with_their_type(recorded: Path) -> None:
    """`events` has each once; of a type without any there is a table all the same."""
    rows = asked(recorded, "SELECT count(*) AS n, min(seq) AS first, max(seq) AS last FROM events")
    count = open_run(recorded).count
    assert rows == [{"n": count, "first": 0, "last": count - 1}]
    assert asked(recorded, "SELECT count(*) AS n FROM BlockMined") == [{"n": 0}]
    tables = {row["name"] for row in asked(recorded, "SHOW TABLES")}
    assert {kind.__name__ for kind in BODY_TYPES} | {"events", "accounts", "rounds"} <= tables


def test_states_are_those_of_the_points(recorded: Path) -> None:
    """At each point the balance of each account is the ledger's."""
    rows = asked(recorded, "SELECT seq, account, balance FROM accounts", "--at", "500", "--at", "1000")
    for seq in (500, 1_000):
        ledger = open_run(recorded).at(seq=seq)
        wanted = {ledger.name(one.account): Decimal(one.balance_atoms).scaleb(-6) for one in ledger.accounts}
        assert {row["account"]: Decimal(str(row["balance"])) for row in rows if row["seq"] == seq} == wanted


def test_the_tables_are_written_once(recorded: Path) -> None:
    """A second question finds them, and no other folder is made."""
    asked(recorded, "SELECT 1 AS one")
    (folder,) = [one for one in recorded.parent.glob("small.run.tables-*") if "500" not in one.name][:1]
    before = folder.stat().st_mtime_ns
    asked(recorded, "SELECT 2 AS two")
    assert folder.stat().st_mtime_ns == before


def test_reductions_are_those_of_the_record(recorded: Path) -> None:
    """By account, against the events themselves."""
    found: dict[str, int] = {}
    past = open_run(recorded)
    names = past.at().account_names
    for event in past.events():
        if isinstance(event.body, PositionDeleveraged):
            found[names[event.body.account]] = found.get(names[event.body.account], 0) + 1
    rows = asked(recorded, "SELECT account, count(*) AS n FROM PositionDeleveraged GROUP BY account")
    assert {row["account"]: row["n"] for row in rows} == found
    assert found


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("SELECT\nfoo FROM MarkPriced", "the question, line 2, character 1: Binder Error"),
        ("SELECT * FROM MarkPrised", 'MarkPrised does not exist! (Did you mean "MarkPriced"?)'),
        ("SELECT 1 1", "the question, line 1, character"),
        ("", "the question is empty"),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_line(recorded: Path, question: str, told: str) -> None:
    """With where in the question."""
    result = call("sql", recorded, question)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_torn_record_is_asked_and_keeps_nothing(recorded: Path, tmp_path: Path) -> None:
    """Up to the tear, with a line that says so; nothing is left beside it."""
    torn = copytree(recorded, tmp_path / "torn.run")
    tear(torn)
    result = call("sql", torn, "SELECT count(*) AS n FROM events", "--format", "csv")
    assert (result.exit_code, result.stdout) == (3, f"n\n{open_run(torn).count}\n")
    assert [one.name for one in tmp_path.iterdir()] == ["torn.run"]


def test_a_table_is_shown_for_people(recorded: Path) -> None:
    """Names over columns."""
    result = call("sql", recorded, "SELECT instrument, mark FROM marks ORDER BY instrument LIMIT 1")
    assert result.stdout.split()[:3] == ["instrument", "mark", "AVAX-PERP"]


def documented() -> list[str]:
    """The questions of the page on SQL, as they are typed."""
    page = (Path(__file__).parents[1] / "docs" / "how-to" / "sql.md").read_text(encoding="utf-8")
    return re.findall(r'^\$ deleverage sql crash\.run (?:--at \S+ )?"(.*?)"$', page, re.DOTALL | re.MULTILINE)


def test_every_question_of_the_page_is_answered(recorded: Path) -> None:
    """Eleven, each with rows of a crash; the last one is the mistake that the page shows."""
    *questions, mistaken = documented()
    assert len(questions) == 11
    run = open_run(recorded)
    with database_of([run], grounds=True) as connection:
        answers = [list(ask(connection, question.replace("199060", "3000")).rows) for question in questions]
        assert sum(map(bool, answers)) >= 9
        with pytest.raises(QueryError, match='column "marks" not found'):
            ask(connection, mistaken)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="a process's threads are not told here")
def test_ctrl_c_ends_a_question_that_does_not_end(recorded: Path) -> None:
    """At once, as an interrupt and without a word of DuckDB's; the record's tables stay."""
    many = "SELECT count(*) FROM events a, events b, events c, events d, events e"
    process = spawn("sql", recorded, many)
    threads = Path(f"/proc/{process.pid}/task")
    while len(list(threads.iterdir())) < 2:  # DuckDB has threads of its own once it is asked
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said.splitlines()) == (130, ["deleverage: interrupted"])

"""`why --everyone`: the same pages as asked one by one, in a folder that is complete or not there."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deleverage
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.errors import QueryError
from deleverage.replay.indexed import IndexedRun
from deleverage.replay.run import Run, open_run
from deleverage.replay.why import everyone
from deleverage.replay.why.everyone import answers_together, deleveraged_in, file_name
from deleverage.replay.why.explain import explain
from deleverage.replay.why.grounds.lookback import Lookback
from deleverage.sim.scenario import Scenario

from .support.command_line import call, small_record, spawn
from .support.crash import SMALL_CRASH
from .support.patience import PATIENCE_S, eventually


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, recorded."""
    return small_record(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def run(record: Path) -> Run:
    """The same, opened."""
    return open_run(record)


@pytest.fixture(scope="module")
def pages(record: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its pages in Markdown, made by two processes."""
    folder = tmp_path_factory.mktemp("pages") / "all"
    result = call("why", record, "--everyone", "-o", folder, "--format", "md", "--jobs", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{folder}: {len(deleveraged_in(open_run(record))):,} pages and their index\n"
    return folder


def indexed(record: Path) -> IndexedRun:
    """A run that keeps its index."""
    return IndexedRun(open_run(record).reader)


def test_together_is_one_by_one(run: Run, record: Path) -> None:
    """Every answer made in one pass is the one that is given alone."""
    reductions = [event.seq for event in run.events() if isinstance(event.body, PositionDeleveraged)]
    together = {answer.event.seq: answer for answer in answers_together(indexed(record), reductions)}
    assert list(together) == reductions
    for seq in reductions[::9]:
        assert together[seq] == explain(run, seq), seq


def test_whole_together_is_whole_alone(run: Run, record: Path) -> None:
    """With all drains and marks, too."""
    seqs = [one.events[-1] for one in deleveraged_in(run)][::7]
    for answer in answers_together(indexed(record), seqs, whole=True):
        assert answer == explain(run, answer.event.seq, whole=True)


def test_a_page_is_what_the_command_prints(run: Run, record: Path, pages: Path) -> None:
    """The page for an account is the same bytes as asking for the account alone."""
    chosen = deleveraged_in(run)[::8]
    assert len(chosen) > 3
    for one in chosen:
        name = run.directory.accounts[one.account].name
        alone = call("why", record, "--account", name, "--format", "md")
        assert (pages / file_name(one.account, name, "md")).read_bytes() == alone.stdout_bytes


@pytest.mark.parametrize("layout", ["text", "json"])
def test_other_layouts_are_the_same_as_well(run: Run, record: Path, layout: str, tmp_path: Path) -> None:
    """So are text, as wide as the terminal, and JSON."""
    asked = ("--json",) if layout == "json" else ()
    assert call("why", record, "--everyone", "-o", tmp_path / "all", "--jobs", "1", *asked).exit_code == 0
    one = deleveraged_in(run)[3]
    name = run.directory.accounts[one.account].name
    made = tmp_path / "all" / file_name(one.account, name, "json" if layout == "json" else "text")
    assert made.read_bytes() == call("why", record, "--account", name, *asked).stdout_bytes


def test_the_index_has_everybody(run: Run, record: Path, pages: Path, tmp_path: Path) -> None:
    """Each account once, with its reductions, what they gained it and the file of its page; no other file is there."""
    reduced = deleveraged_in(run)
    call("why", record, "--everyone", "-o", tmp_path / "all", "--json")
    index = json.loads((tmp_path / "all" / "index.json").read_bytes())
    assert index["head"] == run.sealed_head
    assert [(one["account"], tuple(one["events"])) for one in index["accounts"]] == [one[:2] for one in reduced]
    gained = {one["account"]: one["gained"]["atoms"] for one in index["accounts"]}
    for one in reduced[::11]:
        answers = (explain(run, seq) for seq in one.events)
        assert gained[one.account] == sum(answer.price.gained.number for answer in answers if answer.price is not None)
    files = {file.name for file in pages.iterdir()}
    assert files == {"index.md"} | {one["file"].replace(".json", ".md") for one in index["accounts"]}
    text = (pages / "index.md").read_text(encoding="utf-8")
    for name in files - {"index.md"}:
        assert f"]({name}) | " in text


@given(st.dictionaries(st.integers(0, 99), st.text(), max_size=20))
def test_no_name_leads_elsewhere_or_meets_another(names: dict[int, str]) -> None:
    """Whatever accounts are called, their files are plain names in the folder, each its own, whatever the case."""
    files = [file_name(account, name, "md") for account, name in names.items()]
    assert len({name.lower() for name in files}) == len(names)
    for name in files:
        assert Path(name).name == name
        assert name.isascii()
        assert name.isprintable()
        assert len(name) < 100
        assert not set(name) & set("/\\ .:") - {"."}
        assert name.count(".") == 1


def test_nothing_is_written_over(record: Path, tmp_path: Path) -> None:
    """A folder with something in it, a file and a link are left as they are; an empty folder is filled."""
    full, file, link, empty = (tmp_path / name for name in ("full", "file", "link", "empty"))
    full.mkdir()
    (full / "mine").touch()
    file.touch()
    link.symlink_to(tmp_path / "nowhere")
    for path in (full, file, link):
        result = call("why", record, "--everyone", "-o", path)
        assert result.exit_code != 0
        assert result.stderr == (
            f"deleverage: {path}: it is there and not an empty folder, and nothing is written over; give another "
            "folder\n"
        )
    empty.mkdir()
    assert call("why", record, "--everyone", "-o", empty, "--jobs", "1").exit_code == 0
    assert (empty / "index.txt").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "full", "link"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--everyone",), "--everyone writes a page for each account; say where with -o DIR"),
        (("-o", "DIR"), "-o is for --everyone; add that, or leave it out"),
        (("--jobs", "2"), "--jobs is for --everyone; add that, or leave it out"),
        (("--everyone", "-o", "DIR", "--flips"), "--flips about less; give one of them"),
        (("--everyone", "-o", "DIR", "--flips-whole"), "--flips-whole about less; give one of them"),
        (("--everyone", "-o", "DIR", "--prove"), "--prove about less; give one of them"),
        (("--everyone", "-o", "DIR", "--prove-whole"), "--prove-whole about less; give one of them"),
        (("7", "--everyone", "-o", "DIR"), "an EVENT, TIME or ACCOUNT about less; give one of them"),
        (("--everyone", "-o", "DIR/none/all"), "it cannot be written there (No such file or directory)"),
    ],
)
def test_what_does_not_go_together_is_refused(record: Path, tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    """In one line, with exit code 2, and nothing is written."""
    result = call("why", record, *(one.replace("DIR", str(tmp_path / "all")) for one in more))
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(record: Path, tmp_path: Path) -> None:
    """Ctrl-C while pages are written: exit code 130, one line, and neither the folder nor a part of it."""
    process = spawn("why", record, "--everyone", "-o", tmp_path / "all")
    assert eventually(lambda: list(tmp_path.iterdir()) or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, told) == (130, "deleverage: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_finished_leaves_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault after all pages are written takes them away, and an empty folder stays as it was."""

    def fails(*_: object) -> bytes:
        raise QueryError

    monkeypatch.setattr(everyone, "index_page", fails)
    (tmp_path / "empty").mkdir()
    with pytest.raises(QueryError):
        everyone.write_everyone(run, tmp_path / "empty", "md", 80, jobs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_process_that_cannot_write_says_it(record: Path, tmp_path: Path) -> None:
    """A page that cannot be written is an error of its task in one line, not a page less."""
    one = deleveraged_in(open_run(record))[0]
    task = everyone._Task(record, (), ((one.account, one.events[-1]),), tmp_path / "none", "md", 80, whole=False)
    told = f"{tmp_path / 'none'}: it cannot be written there (No such file or directory); give another folder"
    assert everyone._perform(task).error == told


def test_who_has_nobody_is_told(tmp_path: Path) -> None:
    """A record in which nobody was deleveraged has no pages."""
    settings = "insurance_fund.balance=1_000_000_000", "prices.duration_ns=36m", "settle_ns=1m"
    deleverage.run(Scenario.load(SMALL_CRASH, settings), tmp_path / "calm.run")
    result = call("why", tmp_path / "calm.run", "--everyone", "-o", tmp_path / "all")
    assert result.exit_code == 2
    assert result.stderr.endswith("nobody was deleveraged in it, so there is no page to write\n")
    assert not (tmp_path / "all").exists()


def test_all_who_look_back_share_one_index(record: Path) -> None:
    """What is found of a stretch of events for one decision serves the next one."""
    run = indexed(record)
    first, second = (Lookback(run, run.at()) for _ in range(2))
    assert first.event(0) is second.event(0)
    assert run.chunks.chunk.cache_info().hits > 0

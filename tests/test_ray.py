"""Tasks done by a Ray cluster of this machine: the same as here, whoever dies meanwhile. Skipped without Ray."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import msgspec
import pytest

from deleverage import open_run
from deleverage.events.errors import HandlerError, QueryError
from deleverage.replay.cluster.cluster import LOCAL, Cluster
from deleverage.replay.run import Run
from deleverage.replay.studies import executed, executed_from
from deleverage.replay.verify.parts import parts_of

from .support.command_line import call, small_record, spawn
from .support.crash import SMALL_CRASH
from .support.patience import PATIENCE_S
from .support.snapshots import snapshots_closely

pytest.importorskip("ray")

_closely = pytest.fixture(scope="module", autouse=True)(snapshots_closely)
SHORT_LAB = ("--vary", "adl.policy=profit-leverage,profit-share", "--seeds", "1", "--set", "population.accounts=20")


class Found(msgspec.Struct, frozen=True):
    """What comes of a task: a number, and how many events the record has."""

    number: int
    count: int = 0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two workers, for all tests here."""
    cluster = Cluster(LOCAL, 2)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crash with few accounts, with many kept states, so that it is verified in parts."""
    path = small_record(tmp_path_factory.mktemp("ray"))
    run = open_run(path)
    assert len(parts_of(run, sorted(run.kept.digests()), 2)) > 2
    return path


def squared(number: int) -> Found:
    """A task; of seven it cannot be done, and of nought it fails."""
    if number == 7:
        message = "seven has no square"
        raise QueryError(message)
    return Found(number * number // number)


def counted(state: tuple[Run, list[int]], number: int) -> Found:
    """A task that spoils the state that it begins from."""
    run, held = state
    held.append(number)
    return Found(sum(held), run.count)


class Standing:
    """Prepares a state of a record, and notes in a folder each time that it does."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder

    def __call__(self) -> tuple[Run, list[int]]:
        """The state, spoilt by whoever does a task from it."""
        (self.folder / str(os.getpid())).touch()
        return self.run, [100]


def fatal(folder: Path, number: int) -> Found:
    """A task that kills, the first three times, itself, the process it was forked off, and the worker of that."""
    victims = [os.getpid(), os.getppid(), _parent_of(os.getppid())]
    for place, victim in enumerate(victims[: len(victims) if number == 1 else 0]):
        mark = folder / str(place)
        if not mark.exists():
            mark.touch()
            os.kill(victim, signal.SIGKILL)
            time.sleep(60 * (place == 2))  # until the process beside the worker sees that it is gone
            os._exit(1)
    return Found(number)


def _parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


class Fatal:
    """`fatal` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, number: int) -> Found:
        """Do a task."""
        return fatal(self.folder, number)


def deadly(_number: int) -> Found:
    """A task that ends its process each time."""
    os._exit(1)


def test_tasks_are_done_and_their_errors_met_here(cluster: Cluster) -> None:
    """Each outcome once; an error of ours as it is, any other as a handler's."""
    assert dict(executed([(n, n) for n in range(1, 6)], squared, cluster)) == {n: Found(n) for n in range(1, 6)}
    with pytest.raises(QueryError, match=r"^seven has no square$"):
        list(executed([(7, 7)], squared, cluster))
    with pytest.raises(HandlerError, match="ZeroDivisionError"):
        list(executed([(0, 0)], squared, cluster))


def test_a_state_is_prepared_once_a_process_and_each_task_begins_from_it(
    cluster: Cluster, record: Path, tmp_path: Path
) -> None:
    """However many tasks there are."""
    run, tasks = open_run(record), [(number, number) for number in range(9)]
    found = dict(executed_from(Standing(run, tmp_path), tasks, counted, cluster))
    assert found == {number: Found(100 + number, run.count) for number in range(9)}
    assert 1 <= len(list(tmp_path.iterdir())) <= 2


def test_whoever_is_killed_in_the_middle_costs_a_retry_and_nothing_else(
    cluster: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A child, the process beside the worker, the worker itself, one after the other: nothing is printed."""
    assert dict(executed([(n, n) for n in range(3)], Fatal(tmp_path), cluster)) == {n: Found(n) for n in range(3)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2"]
    assert capfd.readouterr() == ("", "")


def test_what_is_lost_each_time_is_an_error_in_one_line(cluster: Cluster) -> None:
    """After so many attempts."""
    with pytest.raises(HandlerError, match=r"^an execution was lost: its worker died 4 times; .*fewer --jobs$"):
        list(executed([(1, 1)], deadly, cluster))


def test_a_record_that_a_worker_does_not_see_is_sent_to_it(
    cluster: Cluster, record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen is it only by who stands in its folder: so it comes packed, and the outcome is the same."""
    assert cluster.at_once == 2  # its processes stand elsewhere
    monkeypatch.chdir(record.parent)
    run = open_run(Path("/proc/self/cwd") / record.name)
    found = dict(executed_from(Standing(run, tmp_path), [(1, 1)], counted, cluster))
    assert found == {1: Found(101, run.count)}


@pytest.mark.parametrize(
    "words",
    [
        ("fair", "RUN", "--instants", "1", "--orders", "3", "--json"),
        ("fate", "RUN", "--fund", "--instants", "2", "--draws", "2", "--horizon", "1m", "--json"),
        ("stress", "RUN@+10m", "--within", "10s", "--hold", "10s", "--resolution", "1000", "--mixtures", "0", "--json"),
        ("split", "RUN", "--json"),
        ("verify", "RUN", "--json"),
        ("lab", SMALL_CRASH, *SHORT_LAB, "-o", "LAB"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_prints_and_keeps_the_same_bytes_as_here(
    cluster: Cluster, record: Path, tmp_path: Path, words: tuple[str | Path, ...]
) -> None:
    """The file beside the record, or the lab's folder, and what is printed."""
    assert cluster.at_once == 2
    printed = list[str]()
    kept = list[dict[str, bytes]]()
    for number, more in enumerate((("--jobs", "1"), ("--ray",))):
        folder = tmp_path / str(number) / "same"
        folder.mkdir(parents=True)
        copytree(record, folder / record.name)
        places = {"RUN": str(folder / record.name), "LAB": str(folder / "lab")}
        given = [one.replace(one[:3], places.get(one[:3], one[:3])) for one in map(str, words)]
        result = call(*given, *more)
        assert result.exit_code == 0, result.output
        printed.append(result.stdout.replace(str(folder), "FOLDER"))
        found = [path for path in folder.rglob("*") if path.is_file() and record.name not in path.parent.name]
        kept.append(
            {str(path.relative_to(folder)): path.read_bytes().replace(bytes(folder), b"FOLDER") for path in found}
        )
    assert printed[0] == printed[1]
    assert kept[0] == kept[1]


def test_a_command_of_its_own_prints_nothing_of_ray(record: Path) -> None:
    """A cluster of this machine is started and ended; stderr is as without it."""
    process = spawn("verify", record, "--ray", "--jobs", "2")
    told, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors) == (0, "")
    assert told == call("verify", record).stdout


def test_a_lab_whose_folder_no_worker_sees_has_the_same_figures(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is else forked from a record there is run whole."""
    assert cluster.at_once == 2
    monkeypatch.chdir(tmp_path)
    lab = ("lab", SMALL_CRASH, *SHORT_LAB)
    for more in (("--jobs", "1", "-o", "here"), ("--ray", "-o", "/proc/self/cwd/there")):
        assert call(*lab, *more).exit_code == 0
    tables = [Path(name, "results.csv").read_bytes() for name in ("here", "there")]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("address", ["calm", "http://x", "localhost"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """As where it is the argument that follows."""
    result = call("lab", "--ray", address, "calm", "-o", "x")
    assert result.exit_code == 2
    assert "is no address (HOST:PORT)" in result.stderr


def test_where_no_cluster_answers_it_is_one_line(record: Path) -> None:
    """At once."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        process = spawn("split", record, "--ray", f"127.0.0.1:{nobody.getsockname()[1]}")
        told, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, told, errors.count("\n")) == (2, "", 1)
    assert "no cluster answers" in errors


def test_where_ray_is_missing_it_is_one_line(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "ray", None)
    result = call("split", record, "--ray")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "deleverage: --ray: Ray is not installed; pip install 'deleverage[ray]'\n"

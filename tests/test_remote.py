"""Records in object storage, here in memory: a URL is answered as the path is, and what is put there is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from deleverage.events.record.manifest import read_manifest

from .support.command_line import call, small_record, tear

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for what is fetched, and a storage in which nothing is yet."""
    monkeypatch.setenv("DELEVERAGE_CACHE", str(tmp_path / "cache"))
    fsspec.filesystem("memory").store.clear()


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small record, with two forks of it."""
    folder = tmp_path_factory.mktemp("remote")
    made = small_record(folder)
    for name, at, of in (("child.run", "+15m", made), ("grandchild.run", "+20m", folder / "child.run")):
        done = call("fork", of, "--at", at, "--set", "adl.policy=profit-share", "-o", folder / name)
        assert done.exit_code == 0, done.stderr
    return made


def put(folder: Path, to: str) -> str:
    """A folder, put into the storage; its URL."""
    for path in folder.iterdir():
        fsspec.filesystem("memory").put_file(str(path), f"/{to}/{path.name}")
    return f"memory://{to}"


@pytest.mark.parametrize("command", ["log", "state", "info", "verify"])
def test_a_url_is_answered_as_the_path(record: Path, command: str) -> None:
    """Whatever is asked of it; only where it is differs."""
    url = put(record, "bucket/small.run")
    there, here = call(command, url), call(command, record)
    assert there.exit_code == here.exit_code == 0, there.stderr
    assert there.stdout.splitlines()[1:8] == here.stdout.splitlines()[1:8]


def test_a_record_is_fetched_once_and_nothing_derived(record: Path, tmp_path: Path) -> None:
    """What is asked a second time is read here, with the storage gone but for the manifest."""
    url = put(record, "small.run")
    assert call("log", url, "--to", "0").exit_code == 0
    (fetched,) = tmp_path.glob("cache/remote/*/small.run")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name.endswith("tables")]
    files = fsspec.filesystem("memory")
    for path in files.find("/small.run"):
        if not path.endswith("manifest.json"):
            files.rm(path)
    assert call("log", url, "--to", "0").stdout == call("log", fetched, "--to", "0").stdout


def test_a_fork_comes_with_what_it_was_forked_from(record: Path) -> None:
    """Its past is its parents', which are where their children say."""
    put(record.with_name("grandchild.run"), "runs/grandchild.run")
    put(record.with_name("child.run"), "runs/child.run")
    put(record, f"runs/{record.name}")
    url = "memory://runs/grandchild.run"
    found = call("log", url, "--to", "3")
    assert found.exit_code == 0, found.stderr
    assert found.stdout == call("log", record, "--to", "3").stdout
    assert call("diff", url, f"memory://runs/{record.name}").exit_code == 0


def test_a_pack_at_a_url(record: Path, tmp_path: Path) -> None:
    """It is fetched as the one file that it is."""
    pack = tmp_path / "small.pack"
    assert call("pack", record, "-o", pack).exit_code == 0
    fsspec.filesystem("memory").put_file(str(pack), "/small.pack")
    found = call("log", "memory://small.pack", "--to", "2")
    assert found.exit_code == 0, found.stderr
    assert found.stdout == call("log", record, "--to", "2").stdout


def test_a_file_url_is_one_too(record: Path) -> None:
    """The local file system is a storage as any other."""
    assert call("log", f"file://{record}", "--to", "2").stdout == call("log", record, "--to", "2").stdout


def test_tables_are_put_to_a_url_and_never_over_something(record: Path) -> None:
    """All of them, and what says that they are whole."""
    pytest.importorskip("pyarrow")
    done = call("export", record, "-o", "memory://tables/small", "--table", "MarkPriced")
    assert done.exit_code == 0, done.stderr
    files = fsspec.filesystem("memory")
    names = {path.rpartition("/")[2] for path in files.find("/tables/small")}
    assert names == {"export.json", "rows.parquet"}
    again = call("export", record, "-o", "memory://tables/small")
    assert again.exit_code == 2
    assert "nothing is written over" in " ".join(again.stderr.split())


@pytest.mark.parametrize(
    ("url", "message"), [("memory://nowhere/x.run", "no record there"), ("quantum://x", "quantum"), ("s3://", "s3")]
)
def test_what_is_not_there_is_one_line(url: str, message: str) -> None:
    """Whether nothing is at the place, or no storage of that kind is known."""
    done = call("log", url)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())


def test_what_may_still_grow_is_refused(record: Path, tmp_path: Path) -> None:
    """A record that is not sealed would be another one tomorrow under the same manifest."""
    torn = small_record(tmp_path)
    tear(torn)
    assert read_manifest(torn).status == "recording"
    done = call("log", put(torn, "torn.run"))
    assert done.exit_code == 2
    assert "not sealed" in done.stderr


def test_what_was_altered_there_is_found(record: Path) -> None:
    """Bytes that do not lead to the head are refused, wherever they come from."""
    url = put(record, "small.run")
    files = fsspec.filesystem("memory")
    (segment, *_) = [path for path in files.find("/small.run") if path.endswith(".seg")]
    data = bytearray(files.cat_file(segment))
    data[len(data) // 2] ^= 1
    files.pipe_file(segment, bytes(data))
    assert call("verify", url).exit_code == 1

"""Where a receipt is written: to a name that is free, whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deleverage.events.errors import QueryError
from deleverage.replay.receipt import file as receipt_file

from .support.command_line import call, small_record


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, recorded."""
    return small_record(tmp_path_factory.mktemp("records"))


def test_nothing_is_written_over(record: Path, tmp_path: Path) -> None:
    """A file, a directory and even a dangling link of that name are left as they are."""
    file, folder, link = tmp_path / "file", tmp_path / "folder", tmp_path / "link"
    file.write_text("mine")
    folder.mkdir()
    link.symlink_to(tmp_path / "nowhere")
    for path in (file, folder, link):
        result = call("receipt", record, "5", "-o", path)
        assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
        assert "already there" in result.stderr
    assert file.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]


def test_a_file_system_without_links(record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no hard link can be made the file is renamed, and still nothing is written over."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    assert call("receipt", record, "5", "-o", tmp_path / "a.json").exit_code == 0
    assert call("receipt", record, "5", "-o", tmp_path / "a.json").exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_never_half_a_file(record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses, nothing is left behind, and the exit code says that the system did it."""

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    result = call("receipt", record, "5", "-o", tmp_path / "a.json")
    assert (result.exit_code, "No space left" in result.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written(record: Path, tmp_path: Path) -> None:
    """A folder that does not exist is named, in one line, with code 2."""
    result = call("receipt", record, "5", "-o", tmp_path / "no" / "a.json")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "cannot be written there (No such file or directory)" in result.stderr


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt of the most bytes is read whole; with one more it is refused, and the line says what is wrong."""
    assert receipt_file._BYTES_MAX == 256 * 1024 * 1024
    monkeypatch.setattr(receipt_file, "_BYTES_MAX", 100)
    path = tmp_path / "r.json"
    for size in (99, 100):
        path.write_bytes(b"9" * size)
        assert receipt_file.read_bytes(path) == b"9" * size
    path.write_bytes(b"9" * 101)
    with pytest.raises(QueryError, match=r"it cannot be read .*it has more than 100 bytes.*; give a file that"):
        receipt_file.read_bytes(path)

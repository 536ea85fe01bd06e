"""A fork that ended early: killed or out of disk, before its first block as after it."""

from __future__ import annotations

import gc
from functools import partial
from io import FileIO
from pathlib import Path

import pytest

from deleverage import Run, open_run
from deleverage.events.errors import RecordFullError
from deleverage.events.record import RecordSettings, RecordWriter
from deleverage.replay.fork import fork as fork_module
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.replay.verify.verification import verify

from .support.command_line import call, small_record
from .support.disks import FullDisk

SMALL = RecordSettings(pages_per_block=1, durability="none")
FIRST_SEQ = 2304  # of the child's own files: where the page begins in which it leaves its parent, after event 2500


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash on disk."""
    return open_run(small_record(tmp_path_factory.mktemp("parent")))


class Killed(BaseException):
    """Nothing that runs after this reaches the disk."""


class DeadDisk(FullDisk):
    """Ends the process, as far as the record is concerned, where a full disk would take no more."""

    def write(self, file: FileIO, data: bytes, offset: int) -> None:
        """Write, or be dead."""
        try:
            super().write(file, data, offset)
        except OSError as error:
            raise Killed from error


def ended(parent: Run, path: Path, disk: FullDisk, with_what: type[BaseException]) -> Path:
    """A fork that ended so, its changes being others than the parent's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fork_module, "RecordWriter", partial(RecordWriter, disk=disk))
        with pytest.raises(with_what):
            fork(parent, 2500, Changes(("adl.policy=profit-share",)), path, settings=SMALL)
    gc.collect()  # the lock goes with the writer, as it does with a process
    return path


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_a_fork_that_was_killed_is_torn(parent: Run, tmp_path: Path, blocks: int) -> None:
    """It is served up to its last block, or its parent's past, with exit code 3; recovered it is sound."""
    path = ended(parent, tmp_path / "child.run", DeadDisk(blocks + 1), Killed)
    count = FIRST_SEQ + blocks * 256
    for command in ("verify", "log", "state"):
        result = call(command, path)
        assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
        assert f"{path}: torn, it was never sealed; " in result.stderr
        assert f"; its first {count} events are served, " in result.stderr
    assert len(call("log", path).stdout.splitlines()) == count
    found = verify(path)
    assert (found.sound, found.torn, found.events) == (True, True, count)
    recovered = call("recover", path)
    assert (recovered.exit_code, f"sealed as recovered with {count} events" in recovered.stdout) == (0, True)
    child = open_run(path)
    assert (child.count, len(child.forks), child.manifest.status) == (count, min(blocks, 1), "recovered")
    assert verify(path).sound
    assert call("state", path).stdout == call("state", path, "--at", str(count - 1)).stdout


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_a_fork_whose_disk_was_full_is_sound(parent: Run, tmp_path: Path, blocks: int) -> None:
    """It is sealed as failed, and what there is of it verifies and answers."""
    path = ended(parent, tmp_path / "child.run", FullDisk(blocks + 1), RecordFullError)
    count = FIRST_SEQ + blocks * 256
    found = verify(path)
    assert (found.sound, found.status, found.events) == (True, "failed", count)
    for command in ("verify", "log", "state"):
        assert call(command, path).exit_code == 0
    assert len(open_run(path).forks) == min(blocks, 1)

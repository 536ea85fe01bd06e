"""The command line for tests: called in this process, or as a process of its own."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner, Result

from deleverage import run
from deleverage.__main__ import main
from deleverage.events.record import RecordSettings
from deleverage.events.record.manifest import read_manifest, write_manifest

from .crash import SMALL_CRASH

__all__ = ["COMMAND", "ENVIRONMENT", "call", "call_study", "small_record", "spawn", "tear"]

COMMAND = (sys.executable, "-m", "deleverage")
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "COLUMNS": "60"}


def call(*arguments: str | Path, **environment: str) -> Result:
    """Call the command line in this process, 60 columns wide; exit code, stdout and stderr apart."""
    return CliRunner().invoke(main, [str(one) for one in arguments], env={"COLUMNS": "60", **environment})


def call_study(*arguments: str | Path, **environment: str) -> Result:
    """Call `python -m research.study` in this process, in the same way."""
    from research.study.__main__ import study_command  # noqa: PLC0415 - not installed, and not in every copy of the tree

    return CliRunner().invoke(study_command, [str(one) for one in arguments], env={"COLUMNS": "60", **environment})


def spawn(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    """Start the command line as a process of its own, with its output in pipes.

    Whoever started the tests in the background had them ignore Ctrl-C; the command is not to inherit that.
    """
    asked = options.pop("preexec_fn", None)

    def begin() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if asked is not None:
            asked()

    command = [*COMMAND, *map(str, arguments)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=ENVIRONMENT, preexec_fn=begin, **(pipes | options))  # noqa: PLW1509 - one thread
    atexit.register(process.kill)  # a test that fails leaves nothing running
    return process


def small_record(folder: Path) -> Path:
    """The small crash, recorded in blocks of one page."""
    path = folder / "small.run"
    run(SMALL_CRASH, path, settings=RecordSettings(pages_per_block=1, durability="none"))
    return path


def tear(path: Path, cut_bytes: int = 100) -> None:
    """Make a sealed record of one segment look as if its run had been killed while it wrote the last block."""
    segment = path / "00000000.seg"
    os.truncate(segment, segment.stat().st_size - cut_bytes)
    nothing = {"head": None, "sealed": None, "count": 0, "blocks": 0, "segments": ()}
    write_manifest(path, msgspec.structs.replace(read_manifest(path), status="recording", **nothing))

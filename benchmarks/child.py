"""A command run apart and watched from outside: how long it took, and the most memory it ever held.

Linux counts what a process held before it became another program, so a child of a big process looks big. Therefore a
small process stands in between: this file, run as a program, starts the command, waits for it and prints what the
system says of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

import msgspec

__all__ = ["Watched", "python", "watch_child"]

_KIB = 1024


class Watched(msgspec.Struct, frozen=True):
    """Seconds from start to end and of processors, the peak of its resident memory, and how it exited."""

    seconds: float
    processor_seconds: float
    peak_bytes: int
    exit_code: int


def python(*arguments: str) -> list[str]:
    """A command for this Python."""
    return [sys.executable, *arguments]


def watch_child(command: Sequence[str]) -> Watched:
    """Run a command to its end; what it prints on stdout is thrown away. Raises RuntimeError where it fails."""
    done = subprocess.run(python(__file__, *command), stdout=subprocess.PIPE, check=True)
    watched = msgspec.json.decode(done.stdout, type=Watched)
    if watched.exit_code:
        message = f"exit code {watched.exit_code} from {' '.join(command)}"
        raise RuntimeError(message)
    return watched


def _main(command: list[str]) -> None:
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    start = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    _, status, used = os.wait4(process, 0)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else _KIB
    spent = used.ru_utime + used.ru_stime
    watched = Watched(seconds, spent, used.ru_maxrss * unit, os.waitstatus_to_exitcode(status))
    sys.stdout.buffer.write(msgspec.json.encode(watched))


if __name__ == "__main__":
    _main(sys.argv[1:])

"""Memory of an idle cross-margin account with three positions: the ledger's share, its names, and the monitor's index.

A fresh process opens a venue of N accounts with all default handlers and the first tick, which arms everyone, drops
what it no longer needs, and tells what is left; another one does so for 2N. The difference over N is an account's.
Twice: as the system counts resident memory, and as `tracemalloc` counts what Python allocated.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from child import python
from contest import Line, at_most
from stage import opened, venue

from deleverage.events.record import HeadOnly

__all__ = ["measure"]

_BAR = at_most(717)
_TRACED, _RESIDENT = "traced", "resident"


def measure(*, short: bool) -> Iterator[Line]:
    """Bytes an account, both ways."""
    accounts = 500 if short else 20_000
    for way in (_RESIDENT, _TRACED):
        few, many = (_left_in_child(way, accounts * times) for times in (1, 2))
        what = f"memory of an idle account with three positions, {way} ({2 * accounts:,} accounts less {accounts:,})"
        yield Line(f"memory.{way}", what, (many - few) / accounts, "bytes", _BAR)


def _left_in_child(way: str, accounts: int) -> int:
    command = python(__file__, way, str(accounts))
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def _main(way: str, accounts: int) -> None:
    if way == _TRACED:
        tracemalloc.start()
    made = opened(venue(accounts, 3), HeadOnly())
    gc.collect()
    left = tracemalloc.get_traced_memory()[0] if way == _TRACED else _resident_bytes()
    sys.stdout.write(str(left if made.ledger.seq else 0))


def _resident_bytes() -> int:
    """What this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))

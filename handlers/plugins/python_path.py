"""Python's search path while a plug-in is looked for or executed: what is installed, without the working directory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["installed_only"]


@contextmanager
def installed_only() -> Iterator[None]:
    """Without the working directory, which Python puts first on its path for `-m` and `-c`.

    What happens to lie where somebody stands was named by nobody. Afterwards the path is as it was before.
    """
    before = sys.path[:]
    sys.path[:] = [entry for place, entry in enumerate(before) if entry and (place or not _is_here(entry))]
    try:
        yield
    finally:
        sys.path[:] = before


def _is_here(entry: str) -> bool:
    try:
        return Path(entry).samefile(Path())
    except OSError:
        return False

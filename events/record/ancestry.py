"""Where a fork's past is: its parent's directory, and whether that is the record it was forked from.

1. The manifest has the way from the fork to its parent. Where nothing is there, a record of the parent's name beside
   the fork is taken: so a run and its forks can be moved together, and also put side by side.
2. The parent must have the head that the fork was made from. A fork of a record that was never sealed is not made.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from ..errors import RecordDamagedError, RecordNotFoundError
from ..regular import kind_of
from .manifest import MANIFEST_NAME, ForkPoint, Manifest

__all__ = ["check_parent", "parent_directory", "way_to"]


_ANCESTORS_MOST = 100
"""Forks of forks: opening each opens the one before it."""


def way_to(parent: Path, directory: Path) -> str:
    """How to get from a fork's directory to its parent's, with slashes."""
    return Path(os.path.relpath(parent.resolve(), directory.resolve())).as_posix()


def parent_directory(directory: Path, fork: ForkPoint, children: tuple[Path, ...]) -> Path:
    """Where the parent of the fork in `directory` is. Raises RecordNotFoundError; RecordDamagedError for a circle."""
    told = Path(os.path.normpath(directory / PurePosixPath(fork.path)))
    beside = directory.parent / PurePosixPath(fork.path).name
    found = next((path for path in (told, beside) if kind_of(path / MANIFEST_NAME) is not None), None)
    if found is None:
        message = f"{directory}: it is a fork, and its parent is not at {told}; put the parent back there or beside it"
        raise RecordNotFoundError(message)
    if len(children) >= _ANCESTORS_MOST:
        message = f"{directory}: it is a fork of a fork, {len(children)} deep, and {_ANCESTORS_MOST} are followed"
        raise RecordDamagedError(message)
    if found.resolve() in {child.resolve() for child in (*children, directory)}:
        message = f"{directory}: its manifest names {found} as its parent, which goes round in a circle"
        raise RecordDamagedError(message)
    return found


def check_parent(directory: Path, fork: ForkPoint, parent: Manifest) -> None:
    """Refuse a parent that is not the one. Raises RecordDamagedError."""
    if parent.head != fork.head:
        message = f"{directory}: it was forked from the record of head {fork.head}, and at its place is {parent.head}"
        raise RecordDamagedError(message)

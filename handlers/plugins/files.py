"""Plug-ins in files: `path/to/file.py:Class`.

1. Whoever names one gives its path. A record has the file's plain name only, and it is looked for in no folder but
   those that the reader gives.
2. A plug-in is one file. What is hashed is what is executed: a file is read once, and no compiled copy of it is used.
   It has no `__file__`, and what lies beside it cannot be imported, because no hash is over that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from types import ModuleType

from ...events.regular import kind_of
from .executing import executed
from .found import Found, digest_of
from .python_path import installed_only
from .siblings import refuse_siblings

__all__ = ["file_named", "files_in", "find_file", "is_plain", "without_folders"]

_PLAIN = re.compile(r"[\w-][\w .+-]*\.py:[^\W\d]\w*")


def file_named(policy: str) -> str | None:
    """The file's path in a policy's text, None where it names no file."""
    path, colon, _ = policy.rpartition(":")
    return path if colon and path.endswith(".py") else None


def without_folders(policy: str) -> str:
    """The policy's text as records have it."""
    path = file_named(policy)
    return policy if path is None else f"{Path(path).name}:{policy.rpartition(':')[2]}"


def is_plain(policy: str) -> bool:
    """Whether a text is a plain file's name and a class: no folder, drive, `~`, `..` or control character in it."""
    return _PLAIN.fullmatch(policy) is not None and ".." not in policy


def find_file(policy: str, path: str, folders: Iterable[Path]) -> Found | None:
    """The plug-in that somebody named by its path, in the first folder where it is; None where it is nowhere."""
    candidates = (folder.joinpath(Path(path).expanduser()) for folder in folders)
    return next((_found(policy, candidate) for candidate in candidates if kind_of(candidate) == "file"), None)


def files_in(policy: str, folders: Iterable[Path]) -> Iterator[Found]:
    """The plug-ins of a plain name that lie in these folders, not below them."""
    assert is_plain(policy), "a recorded name is looked at before it is looked for"
    for candidate in (folder.joinpath(policy.rpartition(":")[0]) for folder in folders):
        if kind_of(candidate) == "file":
            yield _found(policy, candidate)


def _found(policy: str, path: Path) -> Found:
    source, name = path.read_bytes(), without_folders(policy)
    return Found(
        name, f"file {path}", source, digest_of(source), partial(_load, path, source, policy.rpartition(":")[2])
    )


def _load(path: Path, source: bytes, name: str) -> object:
    return getattr(_module(path.resolve(), source), name)


@cache
def _module(path: Path, source: bytes) -> ModuleType:
    """The module of a file's bytes, executed once in a process. Raises ImportError for what it may not import."""
    with refuse_siblings(source, path), installed_only():
        return executed(source, f"deleverage_plugin_{path.stem}", path)

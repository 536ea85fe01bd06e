"""Plug-ins in files: `path/to/file.py:Class`.

1. A path is looked for from the scenario's folder, then from the working directory, then from each folder of
   $DELEVERAGE_PLUGINS, then where this process found plug-ins before.
2. A record has the file's name only. Of several files of that name the one with the recorded content is taken, else the
   first.
3. What is hashed is what is executed: a file is read once, and no compiled copy of it is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache, partial
from importlib.abc import InspectLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType

from .found import Found, digest_of

__all__ = ["FOLDERS_VARIABLE", "file_named", "find_file", "without_folders"]

FOLDERS_VARIABLE = "DELEVERAGE_PLUGINS"
"""The environment variable with the folders where plug-ins are looked for, separated as in PATH."""

_folders_met: dict[Path, None] = {}


def file_named(policy: str) -> str | None:
    """The file's path in a policy's text, None where it names no file."""
    path, colon, _ = policy.rpartition(":")
    return path if colon and path.endswith(".py") else None


def without_folders(policy: str) -> str:
    """The policy's text as records have it."""
    path = file_named(policy)
    return policy if path is None else f"{Path(path).name}:{policy.rpartition(':')[2]}"


def find_file(policy: str, path: str, folder: Path | None, digest: str) -> Found | None:
    """The plug-in of that text, the one with this content if there are several; None where there is no such file."""
    first: Found | None = None
    for candidate in _candidates(path, folder):
        source = candidate.read_bytes()
        name = without_folders(policy)
        load = partial(_load, candidate, source, policy.rpartition(":")[2])
        found = Found(name, f"file {candidate}", digest_of(source), load)
        if not digest or found.digest == digest:
            _folders_met[candidate.resolve().parent] = None
            return found
        first = first or found
    return first


def _candidates(path: str, folder: Path | None) -> Iterator[Path]:
    """The files that a text may mean, in the order in which they are looked for."""
    named = filter(None, os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep))
    for base in (folder or Path(), Path(), *map(Path, named), *_folders_met):
        candidate = base.joinpath(Path(path).expanduser())
        if candidate.is_file():
            yield candidate


def _load(path: Path, source: bytes, name: str) -> object:
    return getattr(_module(path.resolve(), source), name)


@cache
def _module(path: Path, source: bytes) -> ModuleType:
    """The module of these bytes, executed once in a process."""
    name = f"deleverage_plugin_{path.stem}_{digest_of(source)}"
    spec = spec_from_loader(name, _Source(path, source), origin=str(path))
    assert spec is not None
    module = module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[name] = module  # annotations of a Struct are looked up there
    try:
        spec.loader.exec_module(module)  # type: ignore[union-attr]
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _Source(InspectLoader):
    """Gives the import system the bytes that were hashed."""

    def __init__(self, path: Path, source: bytes) -> None:
        self._path, self._source = path, source

    def get_source(self, fullname: str) -> str:
        return self._source.decode()

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._source, str(self._path))

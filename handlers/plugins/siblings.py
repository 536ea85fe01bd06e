"""What a plug-in's file imports that is not installed: refused, because its hash is over the file alone.

1. Before it is executed its import statements are looked at, wherever they stand: what lies beside the file, or is
   found only in the working directory, is refused.
2. Afterwards so is what has come in by other ways and lies beside it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from .python_path import installed_only

__all__ = ["refuse_siblings"]

_OURS = __name__.partition(".")[0]


@contextmanager
def refuse_siblings(source: bytes, path: Path) -> Iterator[None]:
    """Around the execution of a file, whose path is resolved. Raises ImportError naming the module."""
    known = set(sys.modules)
    for name in sorted(_imported(source) - {_OURS}):
        places = _places_of(name)
        if _are_beside(path, places):
            raise _complaint(name, "lies beside it")
        with installed_only():
            if _places_of(name) != places:
                raise _complaint(name, "is only in the working directory")
    yield
    come_in = {name: _places(getattr(sys.modules[name], "__spec__", None)) for name in sorted(set(sys.modules) - known)}
    beside = [name for name, places in come_in.items() if _are_beside(path, places)]
    for name in beside:
        del sys.modules[name]
    if beside:
        raise _complaint(beside[0], "lies beside it")


def _imported(source: bytes) -> set[str]:
    """The top names of all absolute imports. Relative ones find nothing: a file is in no package."""
    found = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _places_of(name: str) -> tuple[str, ...]:
    try:
        return _places(find_spec(name))  # of a top name: nothing is executed
    except (ImportError, ValueError):
        return ()


def _places(spec: ModuleSpec | None) -> tuple[str, ...]:
    """The file of a module, or the folders of a package."""
    if spec is None:
        return ()
    if spec.submodule_search_locations is not None:
        return tuple(spec.submodule_search_locations)
    return (spec.origin,) if spec.has_location and spec.origin else ()


def _are_beside(path: Path, places: Iterable[str]) -> bool:
    return any(Path(place).resolve().parent == path.parent for place in places)


def _complaint(name: str, where: str) -> ImportError:
    return ImportError(
        f"it imports {name}, which {where}, and its hash is over the one file; put into it what it needs, or install "
        "that as a package"
    )

"""Executing the bytes that were hashed, as a module."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.abc import InspectLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType

from .found import digest_of

__all__ = ["executed", "is_plugin"]

_DIGITS = 16


def executed(source: bytes, name: str, path: Path) -> ModuleType:
    """A module of these bytes, under a name of its own that begins with `name`; the path is for tracebacks.

    It has no `__file__`: what it is follows from its bytes and not from where they lay.
    """
    own_name = f"{name}_{digest_of(source)[:_DIGITS]}"
    spec = spec_from_loader(own_name, _Source(path, source), origin=str(path))
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[own_name] = module  # annotations of a Struct are looked up there
    try:
        spec.loader.exec_module(module)  # type: ignore[union-attr]
    except BaseException:
        del sys.modules[own_name]
        raise
    return module


def is_plugin(variables: Mapping[str, object]) -> bool:
    """Whether these are the global variables of a module that was executed here."""
    return isinstance(variables.get("__loader__"), _Source)


class _Source(InspectLoader):
    """Gives the import system the bytes that were hashed."""

    def __init__(self, path: Path, source: bytes) -> None:
        self._path, self._source = path, source

    def is_package(self, fullname: str) -> bool:
        return False

    def get_source(self, fullname: str) -> str:
        return self._source.decode()

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._source, str(self._path))

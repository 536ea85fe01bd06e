"""Plug-ins in installed modules: `package.module:Class`, and entry points, which name one.

1. Whoever runs something may name any module, as in an import. A record names what is installed: an entry point, by its
   name or by what it leads to.
2. An entry point's module is found without executing the packages that it is in. What is hashed is what is executed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ...events.errors import ScenarioError
from ..protocol import Handler
from .executing import executed
from .found import GROUP, Found, digest_of
from .python_path import installed_only

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["UNKNOWN", "find_entry_point", "find_module", "found_at", "installed", "offered", "slot_and_policy"]

UNKNOWN = ""
"""The slot of a plug-in that says none and cannot be loaded to ask."""


def find_module(policy: str) -> Found | None:
    """`package.module:Class` as somebody named it; None where there is no such module."""
    module, _, name = policy.rpartition(":")
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    return _found(policy, f"module {module}", spec, name, nullcontext)


def find_entry_point(slot: str, policy: str) -> Found | None:
    """The entry point of that name for a slot. Raises ScenarioError where two distributions have one."""
    named = [
        point
        for point in offered()
        if point.name == f"{slot}:{policy}" or (point.name == policy and slot_and_policy(point)[0] in (slot, UNKNOWN))
    ]
    if len({point.value for point in named}) > 1:
        given = " and ".join(f"{_distribution(point)} ({point.value})" for point in named)
        message = f"{slot}:{policy} is offered by {given}; uninstall one, or name the class as package.module:Class"
        raise ScenarioError(message)
    return found_at(named[0], policy) if named else None


def installed(slot: str, policy: str) -> Iterator[Found]:
    """What entry points there are for a recorded policy: by its name, or by the class that it leads to.

    Nothing is executed.
    """
    for point in offered():
        said, colon, name = point.name.rpartition(":")
        if (not colon or said == slot) and policy in (name, point.value.replace(" ", "")):
            found = found_at(point, policy)
            if found is not None:
                yield found


def offered() -> list[EntryPoint]:
    """The entry points of the group, those of the working directory aside."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - 10 ms, which nobody without plug-ins need wait for

    with installed_only():
        return list(entry_points(group=GROUP))


def found_at(point: EntryPoint, name: str) -> Found | None:
    """What an entry point leads to, under the name that records have; None where its module is not there."""
    module, _, attribute = point.value.partition(":")
    with installed_only():
        spec = _spec(module.strip())
    return _found(name, f"entry point of {_distribution(point)}", spec, attribute.strip(), installed_only)


def slot_and_policy(point: EntryPoint) -> tuple[str, str]:
    """Slot and policy of an entry point: by its name `slot:policy`, or `policy` with the slot that its class says.

    A class that says none is an ADL policy; the slot is `UNKNOWN` where the class cannot be loaded.
    """
    slot, colon, policy = point.name.partition(":")
    return (slot, policy) if colon else (_slot_said(point), point.name)


def _slot_said(point: EntryPoint) -> str:
    found = found_at(point, point.name)
    if found is None:
        return UNKNOWN
    try:
        kind = found.load()
    except Exception:  # noqa: BLE001 - a broken plug-in that nobody asked for stops nothing
        return UNKNOWN
    says = "name" if isinstance(kind, type) and issubclass(kind, Handler) else "slot"
    return str(getattr(kind, says, "adl"))


def _distribution(point: EntryPoint) -> str:
    return "an unknown distribution" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _spec(module: str) -> ModuleSpec | None:
    """Where a module is, told package by package, none of which is imported for it."""
    parts, spec, path = module.split("."), None, None
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        finders = (finder for finder in sys.meta_path if hasattr(finder, "find_spec"))
        spec = next((found for finder in finders if (found := finder.find_spec(name, path)) is not None), None)
        path = None if spec is None else spec.submodule_search_locations
        if count < len(parts) and path is None:
            return None
    return spec


def _found(
    name: str, origin: str, spec: ModuleSpec | None, attribute: str, around: Callable[[], AbstractContextManager[None]]
) -> Found | None:
    if spec is None or not spec.has_location or not spec.origin or not Path(spec.origin).is_file():
        return None
    package = spec.name if spec.submodule_search_locations is not None else spec.parent or ""
    source = Path(spec.origin).read_bytes()
    load = partial(_load, package, Path(spec.origin), source, attribute, around)
    return Found(name, origin, source, digest_of(source), load)


def _load(
    package: str, path: Path, source: bytes, attribute: str, around: Callable[[], AbstractContextManager[None]]
) -> object:
    with around():
        found: object = _module(package, path, source)
    for step in attribute.split("."):
        found = getattr(found, step)
    return found


@cache
def _module(package: str, path: Path, source: bytes) -> ModuleType:
    """The module of these bytes in its package, executed once in a process."""
    if package:
        import_module(package)
    return executed(source, f"{package}.{path.stem}" if package else path.stem, path)

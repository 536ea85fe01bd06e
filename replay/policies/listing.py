"""Every policy that can be named: the builtin ones, installed entry points, and files in the folders of plug-ins.

1. Builtin policies come first, slot by slot in the order of delivery, the default of a slot before the others.
2. Files are looked through in the working directory and the folders of $DELEVERAGE_PLUGINS. Only a file with a class
   that reads like a policy or a handler is executed.
3. A plug-in that cannot be taken in is listed with what is wrong with it.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

from ...events.errors import ScenarioError
from ...handlers.choice import Choice
from ...handlers.plugins.files import FOLDERS_VARIABLE
from ...handlers.plugins.finding import find, taken_in
from ...handlers.plugins.found import GROUP, Found
from ...handlers.plugins.modules import UNKNOWN, found_at, slot_and_policy
from ...handlers.plugins.shape import POLICIES
from ...handlers.protocol import Handler
from ...handlers.registry import SLOTS, amounts_in

__all__ = ["Listed", "Parameter", "listed"]

_BUILTIN = "builtin"
_ENGINES_POLICIES = ("ranking_policy", "steps")
"""Where a builtin engine keeps the policy that it follows."""


class Parameter(msgspec.Struct, frozen=True):
    """Something that can be set: `slot.name=value`."""

    name: str
    type: str
    default: Any


class Listed(msgspec.Struct, frozen=True):
    """A policy as it is told; `fault` says why it cannot be used, empty where it can."""

    slot: str
    policy: str
    origin: str
    default: bool = False
    version: str = ""
    does: str = ""
    formula: str = ""
    source: str = ""
    parameters: tuple[Parameter, ...] = ()
    fault: str = ""


def listed() -> list[Listed]:
    """All of them; O(files in the folders of plug-ins)."""
    return [*_builtin(), *_installed(), *_in_files()]


def _builtin() -> Iterator[Listed]:
    for slot, policies in SLOTS.items():
        for place, (policy, choice) in enumerate(policies.items()):
            if choice is None:
                yield Listed(slot, policy, _BUILTIN, does="The slot stays empty.", default=not place)
            else:
                yield _told(slot, policy, _BUILTIN, choice, default=not place)


def _installed() -> Iterator[Listed]:
    for point in entry_points(group=GROUP):
        slot, policy = slot_and_policy(point)
        found = found_at(point)
        if found is None or slot not in SLOTS:
            fault = "its module is not there or fails" if slot in (*SLOTS, UNKNOWN) else f"there is no slot {slot!r}"
            yield Listed(slot, policy, f"entry point {point.name} = {point.value}", fault=fault)
        else:
            yield _taken(slot, found)


def _in_files() -> Iterator[Listed]:
    folders = [Path(), *map(Path, filter(None, os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)))]
    seen: set[Path] = set()
    for path in (path for folder in folders for path in sorted(folder.glob("*.py"))):
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        for slot, name in _classes_in(path):
            found = find(slot, f"{path}:{name}")
            if found is not None:
                yield _taken(slot, found)


def _classes_in(path: Path) -> Iterator[tuple[str, str]]:
    """Slot and name of each class that reads like a plug-in, without executing anything."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            methods = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
            slot = _slot_said(node.body)
            if "handle" in methods and slot in SLOTS:
                yield slot, node.name
            for slot, kind in POLICIES.items():
                if methods >= set(kind.methods):
                    yield slot, node.name


def _slot_said(body: Iterable[ast.stmt]) -> str:
    """What a class body assigns to `name`, where that is a text."""
    for node in body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        named = any(isinstance(target, ast.Name) and target.id == "name" for target in targets)
        value = getattr(node, "value", None)
        if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return ""


def _taken(slot: str, found: Found) -> Listed:
    try:
        return _told(slot, found.name, found.origin, taken_in(slot, found))
    except ScenarioError as error:
        return Listed(slot, found.name, found.origin, fault=str(error))


def _told(slot: str, policy: str, origin: str, choice: Choice, *, default: bool = False) -> Listed:
    described = _described(choice.make(choice.parameters()))
    kind = type(described)
    return Listed(
        slot,
        policy,
        origin,
        default=default,
        version=choice.version,
        does=_first_sentence(kind),
        formula=getattr(described, "formula", ""),
        source=getattr(described, "source", "") or _source_said(kind),
        parameters=tuple(_settable(choice)),
    )


def _described(handler: Handler) -> object:
    """The policy within a builtin engine, or the handler."""
    within = (getattr(handler, name, None) for name in _ENGINES_POLICIES)
    return next((policy for policy in within if policy is not None), handler)


def _first_sentence(kind: type) -> str:
    return " ".join((kind.__doc__ or "").strip().partition("\n\n")[0].split())


def _source_said(kind: type) -> str:
    """What a docstring says after `Source:` or `Sources:`."""
    text = " ".join((kind.__doc__ or "").split())
    for mark in ("Sources: ", "Source: "):
        if mark in text:
            return text.partition(mark)[2].rstrip(".")
    return ""


def _settable(choice: Choice) -> Iterator[Parameter]:
    """What a scenario can set of it, as it is written there: amounts in the asset, the engine's own settings last."""
    parameters = choice.parameters()
    amounts = {recorded: written for written, recorded in amounts_in(choice.parameters).items()}
    unstated = getattr(parameters, "unstated", {})
    for one in _fields_of(parameters):
        written = amounts.get(one.name)
        yield one if written is None else Parameter(written, "amount", unstated.get(written, one.default))
    if choice.engine is not None:
        yield from _fields_of(choice.engine)


def _fields_of(settings: msgspec.Struct) -> Iterator[Parameter]:
    defaults = msgspec.to_builtins(settings)
    info = msgspec.inspect.type_info(type(settings))
    assert isinstance(info, msgspec.inspect.StructType)
    for field in info.fields:
        yield Parameter(field.encode_name, _type_told(field.type), defaults[field.encode_name])


def _type_told(kind: msgspec.inspect.Type) -> str:
    """A type as a scenario's author thinks of it."""
    if isinstance(kind, msgspec.inspect.LiteralType):
        return " | ".join(map(str, kind.values))
    if isinstance(kind, msgspec.inspect.UnionType):
        return " | ".join(map(_type_told, kind.types))
    return type(kind).__name__.removesuffix("Type").lower()

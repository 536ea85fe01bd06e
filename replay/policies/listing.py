"""Every policy that can be named: the builtin ones, installed entry points, and files; the rooms' plug-ins, too.

1. Builtin policies come first, slot by slot in the order of delivery, the default of a slot before the others.
2. Files are looked through in the folders that were given and in the working directory. What reads like a policy or a
   handler is executed if it was named or lies in a folder that was given; else it is only read.
3. A plug-in that cannot be taken in is listed with what is wrong with it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ...events.errors import ScenarioError
from ...handlers.adl_engine import AdlEngine
from ...handlers.choice import Choice
from ...handlers.plugins.at_hand import Plugins
from ...handlers.plugins.found import Found
from ...handlers.plugins.modules import UNKNOWN, found_at, offered, slot_and_policy
from ...handlers.plugins.rooms import ROOMS
from ...handlers.plugins.shape import POLICIES
from ...handlers.plugins.taking_in import taken_in
from ...handlers.protocol import Handler
from ...handlers.registry import SLOTS, amounts_in
from ..arithmetic import ONLY_CODE

__all__ = ["Listed", "Parameter", "builtin", "listed"]

_BUILTIN = "builtin"
_ENGINES_POLICIES = ("ranking_policy", "steps", "strategy", "model", "provider")
"""Where a builtin engine keeps the policy that it follows."""


class Parameter(msgspec.Struct, frozen=True):
    """Something that can be set: `slot.name=value`."""

    name: str
    type: str
    default: Any


class Listed(msgspec.Struct, frozen=True):
    """A policy as it is told; `fault` says why it cannot be used, empty where it can.

    `formula` is one that scores are held against; what a policy says of its rule otherwise is `rule`.
    """

    slot: str
    policy: str
    origin: str
    default: bool = False
    version: str = ""
    does: str = ""
    formula: str = ""
    rule: str = ""
    source: str = ""
    parameters: tuple[Parameter, ...] = ()
    fault: str = ""


def listed(names: Iterable[str] = (), folders: Iterable[Path] = ()) -> list[Listed]:
    """All of them, with the files that were named loaded; O(files in the folders and in the working directory)."""
    return [*_builtin(), *_installed(), *_in_files(frozenset(names), tuple(folders))]


def builtin(slot: str, policy: str, version: str) -> Listed | None:
    """A builtin policy as it is told; None where there is none of that version."""
    choice = SLOTS.get(slot, {}).get(policy)
    return None if choice is None or choice.version != version else _told(slot, policy, _BUILTIN, choice)


def _builtin() -> Iterator[Listed]:
    for slot, policies in SLOTS.items():
        for place, (policy, choice) in enumerate(policies.items()):
            if choice is None:
                yield Listed(slot, policy, _BUILTIN, does="The slot stays empty.", default=not place)
            else:
                yield _told(slot, policy, _BUILTIN, choice, default=not place)


def _installed() -> Iterator[Listed]:
    for point in offered():
        slot, policy = slot_and_policy(point)
        found = found_at(point, policy)
        known = slot in SLOTS or slot in ROOMS
        if found is None or not known:
            fault = "its module is not there or fails" if known or slot == UNKNOWN else f"there is no slot {slot!r}"
            yield Listed(slot, policy, f"entry point {point.name} = {point.value}", fault=fault)
        else:
            yield _taken(slot, found)


def _in_files(names: frozenset[str], folders: tuple[Path, ...]) -> Iterator[Listed]:
    seen: set[Path] = set()
    for folder in (*folders, Path()):
        for path in sorted(folder.glob("*.py")):
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield from _in_file(path, names, given=folder in folders)


def _in_file(path: Path, names: frozenset[str], *, given: bool) -> Iterator[Listed]:
    """What reads like a plug-in in a file: loaded if its folder was given or it was named."""
    for slot, node in _classes_in(path):
        policy = f"{path.name}:{node.name}"
        if given or policy in names:
            yield _loaded(slot, path, node.name)
        else:
            does = _first_sentence(ast.get_docstring(node))
            yield Listed(slot, policy, f"file {path}, read and not loaded; name it to see all", does=does)


def _loaded(slot: str, path: Path, name: str) -> Listed:
    try:
        found = Plugins().named(slot, f"{path}:{name}")
    except ScenarioError as error:
        return Listed(slot, f"{path.name}:{name}", f"file {path}", fault=str(error))
    assert found is not None, "a file that was just read is there"
    return _taken(slot, found)


def _classes_in(path: Path) -> Iterator[tuple[str, ast.ClassDef]]:
    """Slot and class of each that reads like a plug-in, without executing anything."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            methods = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
            slot = _slot_said(node.body)
            if "handle" in methods and slot in SLOTS:
                yield slot, node
            for slot, kind in POLICIES.items():
                if methods >= set(kind.methods):
                    yield slot, node


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
    handler = choice.make(choice.parameters())
    described = _described(handler)
    kind, said = type(described), str(getattr(described, "formula", ""))
    scores = isinstance(handler, AdlEngine)
    return Listed(
        slot,
        policy,
        origin,
        default=default,
        version=choice.version,
        does=_first_sentence(kind.__doc__),
        formula=said if scores else "",
        rule=said if not scores else "" if said else ONLY_CODE,
        source=getattr(described, "source", "") or _source_said(kind),
        parameters=tuple(_settable(choice)),
    )


def _described(handler: Handler) -> object:
    """The policy within a builtin engine, or the handler."""
    within = (getattr(handler, name, None) for name in _ENGINES_POLICIES)
    return next((policy for policy in within if policy is not None), handler)


def _first_sentence(docstring: str | None) -> str:
    return " ".join((docstring or "").strip().partition("\n\n")[0].split())


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
        yield Parameter(field.encode_name, _type_told(field.type), defaults.get(field.encode_name))  # None if unset


def _type_told(kind: msgspec.inspect.Type) -> str:
    """A type as a scenario's author thinks of it."""
    if isinstance(kind, msgspec.inspect.LiteralType):
        return " | ".join(map(str, kind.values))
    if isinstance(kind, msgspec.inspect.UnionType):
        return " | ".join(map(_type_told, kind.types))
    return type(kind).__name__.removesuffix("Type").lower()

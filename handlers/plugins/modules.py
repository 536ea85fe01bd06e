"""Plug-ins in installed modules: `package.module:Class`, and entry points, which name one."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from ...events.errors import ScenarioError
from ..protocol import Handler
from .found import GROUP, Found, digest_of

__all__ = ["UNKNOWN", "find_entry_point", "find_module", "found_at", "slot_and_policy"]

UNKNOWN = ""
"""The slot of a plug-in that says none and cannot be loaded to ask."""


def find_module(policy: str) -> Found | None:
    """`package.module:Class`; None where there is no such module."""
    module, _, name = policy.rpartition(":")
    return _found(policy, f"module {module}", module, name)


def find_entry_point(slot: str, policy: str) -> Found | None:
    """The entry point of that name for a slot. Raises ScenarioError where two distributions have one."""
    named = [
        point
        for point in entry_points(group=GROUP)
        if point.name == f"{slot}:{policy}" or (point.name == policy and slot_and_policy(point)[0] in (slot, UNKNOWN))
    ]
    if len({point.value for point in named}) > 1:
        given = " and ".join(f"{_distribution(point)} ({point.value})" for point in named)
        message = f"{slot}:{policy} is offered by {given}; uninstall one, or name the class as package.module:Class"
        raise ScenarioError(message)
    return found_at(named[0]) if named else None


def found_at(point: EntryPoint) -> Found | None:
    """What an entry point leads to; None where its module is not there."""
    module, _, name = point.value.partition(":")
    return _found(slot_and_policy(point)[1], f"entry point of {_distribution(point)}", module.strip(), name.strip())


def slot_and_policy(point: EntryPoint) -> tuple[str, str]:
    """Slot and policy of an entry point: by its name `slot:policy`, or `policy` with the slot that its class says.

    A class that says none is an ADL policy; the slot is `UNKNOWN` where the class cannot be loaded.
    """
    slot, colon, policy = point.name.partition(":")
    return (slot, policy) if colon else (_slot_said(point), point.name)


def _slot_said(point: EntryPoint) -> str:
    try:
        kind = point.load()
    except Exception:  # noqa: BLE001 - a broken plug-in that nobody asked for stops nothing
        return UNKNOWN
    says = "name" if isinstance(kind, type) and issubclass(kind, Handler) else "slot"
    return str(getattr(kind, says, "adl"))


def _distribution(point: EntryPoint) -> str:
    return "an unknown distribution" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _found(name: str, origin: str, module: str, attribute: str) -> Found | None:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    source = Path(spec.origin).read_bytes() if spec.has_location and spec.origin else b""
    return Found(name, origin, digest_of(source), partial(_load, module, attribute))


def _load(module: str, attribute: str) -> object:
    found: object = import_module(module)
    for step in attribute.split("."):
        found = getattr(found, step)
    return found

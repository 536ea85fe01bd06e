"""What documents have in common, as a JSON Schema (draft 2020-12): keys, types, and what is always there.

An array is at the place of its items. Where the keys of an object are data (names of accounts, of instruments, of
types), its values are described together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

Schema = dict[str, Any]

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
_ORDER = ("object", "array", "string", "integer", "number", "boolean", "null")


class Shape(msgspec.Struct):
    """What was seen at one place: how often at all and as an object, which other types, and what was below."""

    times: int = 0
    objects: int = 0
    types: set[str] = msgspec.field(default_factory=set)
    keys: dict[str, Shape] = msgspec.field(default_factory=dict)
    items: list[Shape] = msgspec.field(default_factory=list)

    def see(self, value: Any, place: str, named: Collection[str]) -> None:
        """Take a value in; `named` are the places whose keys are data, which are put together under `*`."""
        self.times += 1
        if isinstance(value, dict):
            self.objects += 1
            for key, item in value.items():
                known = "*" if place in named else key
                below = self.keys.setdefault(known, Shape())
                below.see(item, f"{place}.{known}".lstrip("."), named)
        elif isinstance(value, list):
            self.types.add("array")
            self.items = self.items or [Shape()]
            for item in value:
                self.items[0].see(item, place, named)
        else:
            self.types.add(_TYPES[type(value)])

    def schema(self, place: str, named: Collection[str], given: Mapping[str, Schema]) -> Schema:
        """The schema of all that was seen; at a place of `given` that one. What was always null may be anything."""
        if place in given and "array" not in self.types:
            return given[place]
        choices: list[Schema] = []
        if self.objects:
            choices.append(self._object(place, named, given))
        if "array" in self.types:
            items = self.items[0]
            choices.append({"type": "array", **({"items": items.schema(place, named, given)} if items.times else {})})
        seen = self.types - ({"integer"} if "number" in self.types else set())
        plain = [name for name in _ORDER[2:] if name in seen]
        if plain == ["null"] and not choices:
            return {}
        if plain and not choices:
            return {"type": plain[0] if len(plain) == 1 else plain}
        choices += [{"type": name} for name in plain]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}

    def _object(self, place: str, named: Collection[str], given: Mapping[str, Schema]) -> Schema:
        below = {key: one.schema(f"{place}.{key}".lstrip("."), named, given) for key, one in self.keys.items()}
        if place in named:
            return {"type": "object", "additionalProperties": below.get("*", True)}
        always = [key for key, one in self.keys.items() if one.times == self.objects]
        return {"type": "object", "properties": below, "required": always, "additionalProperties": False}


def shape_of(documents: Iterable[Any], named: Collection[str]) -> Shape:
    """What these documents have in common."""
    shape = Shape()
    for document in documents:
        shape.see(document, "", named)
    return shape

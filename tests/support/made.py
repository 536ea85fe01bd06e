"""Events for tests by the fields that matter: every other one is zero, empty or its default."""

from __future__ import annotations

from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

__all__ = ["made"]

Made = TypeVar("Made", bound=msgspec.Struct)


def made(kind: type[Made], /, **fields: Any) -> Made:
    """A struct of this kind with these fields."""
    return kind(**(_blank(kind) | fields))


def _blank(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """What the fields without a default are where nobody says it."""
    required = (field for field in msgspec.structs.fields(kind) if field.required)
    hints = get_type_hints(kind)
    return {field.name: _nothing(hints[field.name]) for field in required}


def _nothing(hint: Any) -> Any:
    options = get_args(hint)
    if type(None) in options:
        return None
    origin = get_origin(hint)
    return options[0] if origin is Literal else (origin or hint)()

"""What wrote a record: fingerprints of the vocabulary and of the code. In the manifest only, never in an event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

from msgspec import inspect

from ..envelope import Event

__all__ = ["code_sha256", "package_version", "reading_sha256", "schema_sha256"]

_PACKAGE = Path(__file__).parents[2]
_ROOMS = ("events", "handlers", "sim")
"""The rooms that decide what a record says; `replay` only looks."""


@cache
def schema_sha256() -> str:
    """SHA-256 over name, tag and fields of every struct that an event can hold, as hex. Some milliseconds, once."""
    structs = {node.cls.__name__: node for node in _structs_in(inspect.type_info(Event))}
    lines = [_declaration(structs[name]) for name in sorted(structs)]
    return sha256("\n".join(lines).encode()).hexdigest()


def _structs_in(node: inspect.Type) -> Iterator[inspect.StructType]:
    """Every struct at or below a type."""
    if isinstance(node, inspect.StructType):
        yield node
    for child in _children(node):
        yield from _structs_in(child)


def _children(node: inspect.Type) -> tuple[inspect.Type, ...]:
    """The types that a type is made of."""
    if isinstance(node, inspect.StructType):
        return tuple(field.type for field in node.fields)
    if isinstance(node, inspect.UnionType):
        return node.types
    if isinstance(node, inspect.TupleType):
        return node.item_types
    if isinstance(node, inspect.VarTupleType):
        return (node.item_type,)
    if isinstance(node, inspect.DictType):
        return (node.key_type, node.value_type)
    return ()


def _declaration(node: inspect.StructType) -> str:
    """A struct in one line."""
    fields = ", ".join(f"{field.name}: {_spelled(field.type)}" for field in node.fields)
    return f"{node.tag} {node.cls.__name__}({fields})"


def _spelled(node: inspect.Type) -> str:
    """A type in words of our own, which no version of Python changes."""
    if isinstance(node, inspect.StructType):
        return node.cls.__name__
    if isinstance(node, inspect.EnumType):
        return f"{node.cls.__name__}({', '.join(f'{member.name}={member.value}' for member in node.cls)})"
    if isinstance(node, inspect.LiteralType):
        return f"Literal({', '.join(sorted(map(str, node.values)))})"
    inner = [_spelled(child) for child in _children(node)]
    if isinstance(node, inspect.UnionType):
        inner.sort()
    return f"{type(node).__name__}({', '.join(inner)})"


@cache
def code_sha256() -> str:
    """SHA-256 over path and bytes of every Python file of the rooms that decide, as hex. Some milliseconds, once."""
    return _code_of(_ROOMS).hex()


@cache
def reading_sha256() -> bytes:
    """The same over what gives a record its meaning: the vocabulary, the fold, the files."""
    return _code_of(_ROOMS[:1])


def _code_of(rooms: Iterable[str]) -> bytes:
    digest = sha256()
    for path in sorted(path for room in rooms for path in (_PACKAGE / room).rglob("*.py")):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(_PACKAGE).as_posix()} {len(data)}\n".encode())
        digest.update(data)
    return digest.digest()


@cache
def package_version() -> str:
    """The installed version of deleverage; "unknown" where it runs from a checkout that is not installed."""
    from importlib import metadata  # noqa: PLC0415 - some 20 ms, which only who writes a record needs

    try:
        return metadata.version("deleverage")
    except metadata.PackageNotFoundError:
        return "unknown"

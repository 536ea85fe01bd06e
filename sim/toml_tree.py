"""Scenario files as trees: read, overridden, durations in nanoseconds. What the keys mean is not known here.

1. Numbers are read as decimals. What no scenario needs is refused with its path before anything looks at it: a number
   that is not finite, of more than 64 bits or beyond 1e60, a text longer than `TEXT_MOST` or no Unicode, tables
   within tables beyond `DEPTH_MOST`.
2. A key that ends in `_ns` takes nanoseconds or a text with a unit ("30s", "8h"), a hundred years at most. A time
   may be a text or a TOML time.
3. An override is `key=value`, the key like `instruments[0].tick_size`, the value as in TOML, or else text. A value
   `@file.toml` is all of that file: a whole table.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from ..events.errors import ScenarioError
from ..events.regular import read_regular
from .units import EXPONENT_MAX, INT64_MAX, parse_duration_ns

__all__ = [
    "DEPTH_MOST",
    "TEXT_MOST",
    "apply_override",
    "at_path",
    "check_values",
    "in_file",
    "parse_toml",
    "read_toml",
    "value_at",
    "with_durations",
]

DEPTH_MOST = 16
FILE_BYTES_MOST = 1 << 24
TEXT_MOST = 1 << 14
TEXT_SHOWN = 60
_DIGITS_MOST = 2 * EXPONENT_MAX
_DURATION_MOST_NS = 100 * 366 * 86_400 * 10**9
"""A hundred years: what is due later than that after anything in a run is due never."""

T = TypeVar("T")

_SEGMENT = re.compile(r"([A-Za-z0-9_@-]+)((?:\[\d{1,9}\])*)", re.ASCII)


def at_path(where: str, convert: Callable[..., T], *values: Any) -> T:
    """`convert(*values)`, its error with the path in front."""
    try:
        return convert(*values)
    except ScenarioError as error:
        message = f"{where}: {error}"
        raise ScenarioError(message) from None


@contextmanager
def in_file(name: str | None) -> Iterator[None]:
    """Put the file's name, if there is a file, before an error that begins with a path in it ("$.prices").

    An error that names another place (a row of a source, a `--set`) stays as it is.
    """
    try:
        yield
    except ScenarioError as error:
        if name is None or not str(error).startswith("$"):
            raise
        message = f"{name}: {error}"
        raise ScenarioError(message) from None


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """A TOML text as a tree. Raises ScenarioError naming `where` and the place."""
    try:
        tree = _loads(text)
    except ValueError as error:
        message = f"{where}: not valid TOML: {error}"
        raise ScenarioError(message) from None
    at_path(where, check_values, tree, "$")
    return tree


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a tree. Raises ScenarioError naming the file and the place."""
    try:
        text = read_regular(path, FILE_BYTES_MOST, follow=True).decode()
    except UnicodeDecodeError as error:
        message = f"{path}: cannot be read as UTF-8 text ({error.reason} at byte {error.start}); check the file"
        raise ScenarioError(message) from None
    except OSError as error:
        message = f"{path}: it cannot be read ({error.strerror}); give a TOML file"
        raise ScenarioError(message) from None
    return parse_toml(text, str(path))


def _loads(text: str) -> dict[str, Any]:
    """A TOML text as a tree. Raises TOMLDecodeError, and ValueError for one that Python does not take."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        message = "its lists and tables lie too deep within one another"
    except (ArithmeticError, ValueError):
        message = "it has a number of too many digits"
    raise ValueError(message)


def check_values(node: Any, where: str, depth: int = 0) -> None:
    """Refuse a value that nothing can be made of. Raises ScenarioError with its path."""
    if depth > DEPTH_MOST:
        message = f"{where[:TEXT_SHOWN]}: tables and lists are {DEPTH_MOST} deep here, and no scenario's are"
        raise ScenarioError(message)
    if isinstance(node, Mapping):
        for key, value in node.items():
            check_values(value, f"{where}.{key}", depth + 1)
    elif isinstance(node, list | tuple):
        for place, value in enumerate(node):
            check_values(value, f"{where}[{place}]", depth + 1)
    else:
        fault = _fault_of(node)
        if fault:
            message = f"{where}: {fault}"
            raise ScenarioError(message)


def _fault_of(value: Any) -> str | None:
    """What is wrong with a value as such."""
    if isinstance(value, Decimal):
        return _fault_of_decimal(value)
    if isinstance(value, int) and not -INT64_MAX <= value <= INT64_MAX:
        return "a whole number of more than 64 bits; use a smaller one"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a finite number"
    return _fault_of_text(value) if isinstance(value, str) else None


def _fault_of_decimal(value: Decimal) -> str | None:
    if not value.is_finite():
        return f"{value} is not a finite number"
    if value and abs(value.adjusted()) > EXPONENT_MAX:
        return f"{value:.3e} is out of range; use a number between 1e-{EXPONENT_MAX} and 1e{EXPONENT_MAX}"
    if len(value.as_tuple().digits) > _DIGITS_MOST:
        return f"a number of more than {_DIGITS_MOST} digits; round it"
    return None


def _fault_of_text(value: str) -> str | None:
    if len(value) > TEXT_MOST:
        return f"a text of {len(value):,} characters; {TEXT_MOST:,} are taken"
    if any(map(_is_surrogate, value)):
        return f"{value!r} is no Unicode text; use UTF-8"
    return None


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Set one `a.b[0].c=value`; the value is TOML, or else text."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        message = f"--set {override!r}: write it as key=value, such as population.accounts=500"
        raise ScenarioError(message)
    steps = list(_steps(key))
    node: Any = tree
    for step in steps[:-1]:
        node = node.setdefault(step, {}) if isinstance(node, dict) and isinstance(step, str) else _item(node, step, key)
    if isinstance(node, dict) and isinstance(steps[-1], str):
        node[steps[-1]] = _value(key, text)
    else:
        _item(node, steps[-1], key)
        node[steps[-1]] = _value(key, text)


def _steps(key: str) -> Iterator[str | int]:
    for part in key.split("."):
        match = _SEGMENT.fullmatch(part)
        if match is None:
            message = f"--set {key!r}: {part!r} is not a key; write it like instruments[0].tick_size"
            raise ScenarioError(message)
        yield match[1]
        yield from (int(index) for index in re.findall(r"\d+", match[2]))


def value_at(tree: Mapping[str, Any], key: str) -> Any:
    """What a tree states under such a key; None where it states nothing there. Raises ScenarioError for no key."""
    node: Any = tree
    for step in _steps(key):
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return None
    return node


def _item(node: Any, step: str | int, key: str) -> Any:
    try:
        return node[step]
    except (KeyError, IndexError, TypeError):
        message = f"--set {key}: there is no {step!r} in the scenario"
        raise ScenarioError(message) from None


def _value(key: str, text: str) -> Any:
    """The value as in TOML, a file's table, or else the text. Raises ScenarioError where nothing can be made of it."""
    if text.startswith("@") and text.endswith(".toml"):
        return at_path(f"--set {key}", read_toml, Path(text[1:]).expanduser())
    try:
        value = _loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    except ValueError as error:
        message = f"--set {key}: {error}"
        raise ScenarioError(message) from None
    at_path("--set", check_values, value, key)
    return value


def with_durations(node: Any, where: str) -> Any:
    """The tree with every text under a key in `_ns`, or in a table under one, read as a duration; times as text."""
    if isinstance(node, Mapping):
        return {key: _duration(key, value, f"{where}.{key}") for key, value in node.items()}
    if isinstance(node, list):
        return [with_durations(value, f"{where}[{place}]") for place, value in enumerate(node)]
    return node


def _duration(key: str, value: Any, where: str) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if not key.endswith("_ns"):
        return with_durations(value, where)
    if isinstance(value, str):
        value = at_path(where, parse_duration_ns, value)
    if isinstance(value, int) and abs(value) > _DURATION_MOST_NS:
        message = f"{where}: {value} ns are more than a hundred years; use a shorter time"
        raise ScenarioError(message)
    if isinstance(value, Mapping):
        return {name: _duration("_ns", one, f"{where}.{name}") for name, one in value.items()}
    return with_durations(value, where)

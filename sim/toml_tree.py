"""Scenario files as trees: read, overridden, durations in nanoseconds. What the keys mean is not known here.

1. Numbers are read as decimals.
2. A key that ends in `_ns` takes nanoseconds or a text with a unit ("30s", "8h"). A time may be a text or a TOML time.
3. An override is `key=value`, the key like `instruments[0].tick_size`, the value as in TOML, or else text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from ..events.errors import ScenarioError
from .units import parse_duration_ns

__all__ = ["apply_override", "at_path", "parse_toml", "with_durations"]

T = TypeVar("T")

_SEGMENT = re.compile(r"([A-Za-z0-9_-]+)((?:\[\d+\])*)")


def at_path(where: str, convert: Callable[..., T], *values: Any) -> T:
    """`convert(*values)`, its error with the path in front."""
    try:
        return convert(*values)
    except ScenarioError as error:
        message = f"{where}: {error}"
        raise ScenarioError(message) from None


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """A TOML text as a tree. Raises ScenarioError naming `where` and the place."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        message = f"{where}: not valid TOML: {error}"
        raise ScenarioError(message) from None


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
        node[steps[-1]] = _value(text)
    else:
        _item(node, steps[-1], key)
        node[steps[-1]] = _value(text)


def _steps(key: str) -> Iterator[str | int]:
    for part in key.split("."):
        match = _SEGMENT.fullmatch(part)
        if match is None:
            message = f"--set {key!r}: {part!r} is not a key; write it like instruments[0].tick_size"
            raise ScenarioError(message)
        yield match[1]
        yield from (int(index) for index in re.findall(r"\d+", match[2]))


def _item(node: Any, step: str | int, key: str) -> Any:
    try:
        return node[step]
    except (KeyError, IndexError, TypeError):
        message = f"--set {key}: there is no {step!r} in the scenario"
        raise ScenarioError(message) from None


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}", parse_float=Decimal)["value"]
    except tomllib.TOMLDecodeError:
        return text


def with_durations(node: Any, where: str) -> Any:
    """The tree with every text under a key in `_ns` read as a duration, and every time as text."""
    if isinstance(node, Mapping):
        return {key: _duration(key, value, f"{where}.{key}") for key, value in node.items()}
    if isinstance(node, list):
        return [with_durations(value, f"{where}[{place}]") for place, value in enumerate(node)]
    return node


def _duration(key: str, value: Any, where: str) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if key.endswith("_ns") and isinstance(value, str):
        return at_path(where, parse_duration_ns, value)
    return with_durations(value, where)

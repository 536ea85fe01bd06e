"""Values that nobody means, for every place that reads one: numbers without end, texts that act, other shapes."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from click.testing import Result

__all__ = ["CELLS", "JSON_VALUES", "TOML_VALUES", "is_one_line", "places", "put", "within"]

Place = tuple[str | int, ...]

TOML_VALUES = (
    "nan", "inf", "-inf", "1e60", "1e999999", "1e-999999", "1e999999999999", "-1", "0", "1", "0.5", "1e15",
    str(2**63 - 1), str(-(2**63) + 1), str(2**63), "9" * 30, "9" * 5_000, f"0x{'f' * 5_000}",
    "''", "'\u00b2'", "'\uff11\uff12'", '"\\u001b[31m"', "'nan'", "'-inf'", "'1e999999999'", "'1s'", "'90000d'",
    "'9999999999d'", f"'{'x' * 100_000}'", "[" * 500 + "]" * 500, "[]", "{}", "{a={a=1}}", "true", "1979-05-27",
    "07:32:00", "1979-05-27T07:32:00", "\udcff",
)  # fmt: skip
"""As they are written behind `--set key=`."""

JSON_VALUES = (
    "null", "true", "-1", "0", "1", "1.5", "1e999999", str(2**63), str(2**64), "9" * 5_000, "NaN", '""', '"x"',
    '"nan"', '"1e999999"', '"\\u0661"', f'"{"9" * 5_000}"', f'"0.{"0" * 5_000}1"', f'"{"z" * 64}"', f'"{"0" * 64}"',
    '"\\ud800"', '"\\u001b[31m"', '"a\\u0000b"', f'"{"x" * 5_000}"', '"../"', '"/dev/zero"', '"recording"',
    '"0001-01-01T00:00:00.0"', '"9999-12-31T23:59:59.999999999"', "[]", "{}", "[1]", '["a","b"]',
    "[" * 200_000 + "]" * 200_000, '{"a":' * 200_000 + "1" + "}" * 200_000,
)  # fmt: skip
"""As they stand in a JSON text."""

CELLS = (
    "", "nan", "inf", "-inf", "1e5", "1e999999", "1e99", "1e-99", "-1", "0", str(2**63), "9" * 40, "9" * 5_000,
    f"0.{'0' * 5_000}1", "\u0661", "\uff11", "1_000", "x", "\x1b[31m", "=1", "-", ".", " 1", "1" * 13, "1" * 16,
    "1" * 19, "9999-99-99 00:00:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "\0", "x" * 100_000, '"a',
)  # fmt: skip
"""As they stand between the commas of a table."""


def places(node: Any, at: Place = (), items: int = 2) -> Iterator[Place]:
    """The place of every value in a tree, of a list the first few."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*at, key)
            yield from places(value, (*at, key), items)
    elif isinstance(node, list):
        for index, value in enumerate(node[:items]):
            yield (*at, index)
            yield from places(value, (*at, index), items)


def put(node: Any, place: Sequence[str | int], value: Any) -> Any:
    """A copy of the tree with another value at a place."""
    if not place:
        return value
    first, *rest = place
    if isinstance(node, dict):
        return {key: put(held, rest, value) if key == first else held for key, held in node.items()}
    return [put(held, rest, value) if index == first else held for index, held in enumerate(node)]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail what takes longer: it hangs."""

    def hang(_number: int, _frame: FrameType | None) -> None:
        pytest.fail("it hangs")

    before = signal.signal(signal.SIGALRM, hang)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_one_line(result: Result, *codes: int) -> bool:
    """Whether a command ended with one of these codes, and said why in one line that is no fault of ours."""
    said = result.stderr.count("\n") == 1 and len(result.stderr) < 10_000
    ours = "a fault of deleverage itself" in result.stderr or "the system refused" in result.stderr
    return result.exit_code in codes and said and not ours

"""Decimal text to whole numbers, exactly, and the one rule for what a venue's floats leave behind.

1. A number is digits with an optional sign and point. Nothing goes through a float.
2. A value with more decimals than its scale has is snapped to the nearest whole number if it is within 10^-9 of it (in
   its own unit), or within what a double of that size can tell apart: venues print sums of floats, such as
   -1544223.1000000001. Its text is kept.
3. One that is further off is no artefact: it is refused.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ...core import native
from ...events.errors import ScenarioError
from ...sim.units import INT64_MAX

__all__ = ["Snapped", "decimals_of", "snapped", "whole"]

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_POWERS: tuple[int, ...] = tuple(10**exponent for exponent in range(40))
_DECIMALS_MOST = 30
_CHARACTERS_MOST = 80
"""No figure of any venue is longer; a longer one would cost more than it says."""
_TOLERANCE_DECIMALS = 9
_DOUBLE_BITS = 52
_SURELY_FITS = 18
"""So many characters, point and scale together, are less than 2^63."""


class Snapped(NamedTuple):
    """A whole number, and whether it is not exactly what was written."""

    value: int
    changed: bool


def whole(text: str, decimals: int) -> int | None:
    """`text` x 10^decimals where that is whole, else None. Raises ScenarioError for what is no number; 0.1 us in C."""
    value = None if native is None else native.whole(text, decimals)
    return _whole(text, decimals) if value is None else value


def _whole(text: str, decimals: int) -> int | None:
    """The same in Python, and what is not told in C; 0.4 us."""
    if text == "0.0":
        return 0
    if len(text) > _CHARACTERS_MOST or _NUMBER.fullmatch(text) is None:
        message = f"{text[:_CHARACTERS_MOST]!r} is no decimal number"
        raise ScenarioError(message)
    units, _, fraction = text.partition(".")
    missing = decimals - len(fraction)
    if missing < 0:
        fraction = fraction.rstrip("0")
        missing = decimals - len(fraction)
        if missing < 0:
            return None
    value = int(units + fraction) * _POWERS[missing]
    if len(text) + decimals > _SURELY_FITS and abs(value) > INT64_MAX:
        message = f"{text} is more than an event can hold, which is 2^63 of its units"
        raise ScenarioError(message)
    return value


def snapped(text: str, decimals: int) -> Snapped:
    """`text` x 10^decimals, snapped by rule 2. Raises ScenarioError by rule 3."""
    exact = whole(text, decimals)
    if exact is not None:
        return Snapped(exact, changed=False)
    fraction = text.partition(".")[2]
    if len(fraction) > _DECIMALS_MOST:
        message = f"{text} has more than {_DECIMALS_MOST} decimals"
        raise ScenarioError(message)
    fine = int(text.replace(".", ""))
    step = _POWERS[len(fraction) - decimals]
    value = (2 * fine + step) // (2 * step)
    off = abs(fine - value * step)
    near = off * _POWERS[_TOLERANCE_DECIMALS] <= _POWERS[len(fraction)] or off << _DOUBLE_BITS <= abs(fine)
    if not near:
        message = f"{text} has more than {decimals} decimals and is further than 10^-9 from a value that has not"
        raise ScenarioError(message)
    return Snapped(value, changed=True)


def decimals_of(text: str) -> int:
    """How many decimals are written, zeros at the end left out."""
    fraction = text.partition(".")[2]
    return 0 if fraction == "0" else len(fraction.rstrip("0"))

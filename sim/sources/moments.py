"""Times as whole numbers since 1970: their count of digits tells the unit, for the years 2001 to 2286."""

from __future__ import annotations

from ...events.errors import ScenarioError

__all__ = ["UNIT_NAMES", "UNIT_NS_BY_DIGITS", "moment_ns"]

UNIT_NS_BY_DIGITS = {10: 10**9, 13: 10**6, 16: 10**3, 19: 1}
UNIT_NAMES = {10: "seconds", 13: "milliseconds", 16: "microseconds", 19: "nanoseconds"}

_LATEST_NS = 2**63 - 1


def moment_ns(text: str, name: str, digits: int) -> int:
    """A time in the unit that has so many digits, in nanoseconds. Raises ScenarioError, which names the unit found."""
    if len(text) == digits and text.isascii() and text.isdigit():
        at_ns = int(text) * UNIT_NS_BY_DIGITS[digits]
        if at_ns <= _LATEST_NS:
            return at_ns
    found = UNIT_NAMES.get(len(text)) if text.isascii() and text.isdigit() else None
    is_not = f"is in {found}" if found and found != UNIT_NAMES[digits] else "is no time"
    message = f"{name} {text!r} {is_not}; {UNIT_NAMES[digits]} since 1970 ({digits} digits) are expected here"
    raise ScenarioError(message)

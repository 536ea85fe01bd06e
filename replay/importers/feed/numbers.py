"""Numbers as publishers write them, exactly; an exponent is allowed, since some print floats."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from ....events.errors import ScenarioError
from ....sim.reading.rows import parse_amount, parse_positive
from ....sim.units import parse_decimal

__all__ = ["DECIMALS_MOST", "amount", "maybe_positive", "maybe_rate", "positive"]

DECIMALS_MOST = 12
"""No venue's prices or sizes have more; a number that has was damaged."""

_RATE_MOST = 100
_TEXTS_KEPT = 1 << 14


@lru_cache(_TEXTS_KEPT)
def positive(text: str, name: str) -> Decimal:
    """A price or a size above 0. Raises ScenarioError without a place."""
    return _fine(parse_positive(text, name), name)


def amount(text: str, name: str) -> Decimal:
    """A size that is not below 0. Raises ScenarioError without a place."""
    return _fine(parse_amount(text, name), name)


def maybe_positive(text: str, name: str) -> Decimal | None:
    """As `positive`, and None where nothing is written."""
    return positive(text, name) if text else None


def maybe_rate(text: str) -> Decimal | None:
    """A rate of either sign, None where nothing is written."""
    if not text:
        return None
    rate = parse_decimal(text)
    if abs(rate) > _RATE_MOST:
        message = f"{text} is no rate of funding"
        raise ScenarioError(message)
    return rate


def _fine(value: Decimal, name: str) -> Decimal:
    normal = value.normalize()
    exponent = normal.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -DECIMALS_MOST:
        message = f"{name} {value} has more than {DECIMALS_MOST} decimals"
        raise ScenarioError(message)
    return value

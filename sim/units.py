"""Exact conversions between what people write and the whole numbers of events.

1. A number is read as a decimal, never through a float. A quotient is taken on whole numbers, so it is exact
   whatever the number of digits; exp, ln and roots use `CONTEXT`, the one
   decimal context that says what is right.
2. What must be a whole number of steps and is not is refused. Where rounding is allowed, the function's name or
   docstring says which.
3. What could pass 2^63 - 1 is refused: the record's encoding holds 64 bits.

Every error is a ScenarioError without a place; the caller, who knows file and line or the path of a key, puts it in
front.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from ..events.errors import ScenarioError

__all__ = [
    "CONTEXT",
    "EXPONENT_MAX",
    "INT64_MAX",
    "atoms_to_text",
    "divide_half_even",
    "format_time_ns",
    "inverse_multiplier_atoms",
    "multiplier_atoms",
    "parse_decimal",
    "parse_duration_ns",
    "parse_time_ns",
    "price_to_ticks",
    "ratio",
    "ticks_to_text",
    "time_ns_of",
    "to_atoms",
    "to_whole",
    "to_whole_down",
]

INT64_MAX = 2**63 - 1
CONTEXT = Context(
    prec=50,
    rounding=ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[InvalidOperation, DivisionByZero, Overflow],
)

# Beyond these powers of ten nothing fits into 64 bits, and the numbers behind a quotient would grow without bound.
EXPONENT_MAX = 60
_CHARACTERS_MOST = 200
_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_UNIT_NS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3_600 * 10**9,
    "d": 86_400 * 10**9,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_decimal(text: str) -> Decimal:
    """A finite decimal from plain digits with an optional sign, point and exponent of at most two digits; exact."""
    if len(text) > _CHARACTERS_MOST or not _DECIMAL.fullmatch(text):
        message = f"{text[:_CHARACTERS_MOST]!r} is not a number; write plain digits such as 28.41"
        raise ScenarioError(message)
    return Decimal(text)


def ratio(value: Decimal, step: Decimal) -> tuple[int, int]:
    """Value / step as (numerator, denominator), exact; the denominator is positive. `step` must be positive."""
    for number in (value, step):
        if not number.is_finite() or (number and abs(number.adjusted()) > EXPONENT_MAX):
            message = f"{number} is out of range; use a number between 1e-{EXPONENT_MAX} and 1e{EXPONENT_MAX}"
            raise ScenarioError(message)
    if step <= 0:
        message = f"a step of {step} is not possible; it must be more than 0"
        raise ScenarioError(message)
    numerator, denominator = value.as_integer_ratio()
    step_numerator, step_denominator = step.as_integer_ratio()
    return numerator * step_denominator, denominator * step_numerator


def to_whole(value: Decimal, step: Decimal) -> int:
    """How many steps `value` is, exactly. Refuses what is not a whole number of them."""
    numerator, denominator = ratio(value, step)
    whole, rest = divmod(numerator, denominator)
    if rest:
        message = f"{value:f} is not a whole number of steps of {step:f}; use a multiple of {step:f}"
        raise ScenarioError(message)
    return _bounded(whole, value, step)


def to_whole_down(value: Decimal, step: Decimal) -> int:
    """How many whole steps fit into `value`, rounded down."""
    numerator, denominator = ratio(value, step)
    return _bounded(numerator // denominator, value, step)


def price_to_ticks(price: Decimal, tick_size: Decimal) -> int:
    """A price in ticks, rounded half to even. Refuses what is not at least one tick."""
    ticks = _bounded(divide_half_even(*ratio(price, tick_size)), price, tick_size)
    if ticks < 1:
        message = (
            f"a price of {price:f} is less than one tick of {tick_size:f}; use a positive price or a finer tick_size"
        )
        raise ScenarioError(message)
    return ticks


def to_atoms(amount: Decimal, decimals: int) -> int:
    """An amount of an asset with `decimals` decimals in atoms, exactly."""
    return to_whole(amount, Decimal((0, (1,), -decimals)))


def multiplier_atoms(tick_size: Decimal, lot_size: Decimal, decimals: int) -> int:
    """What one lot of a linear instrument is worth at one tick, in atoms. Refuses scales where that is not whole."""
    tick, lot = ratio(tick_size, Decimal(1)), ratio(lot_size, Decimal(1))
    refusal = (
        f"a tick of {tick_size:f} on a lot of {lot_size:f} is not a whole number of atoms of 1e-{decimals}; "
        "give the asset more decimals or use a coarser lot_size"
    )
    whole = _multiplier(tick[0] * lot[0] * 10**decimals, tick[1] * lot[1], refusal)
    return _bounded(whole, tick_size, lot_size)


def inverse_multiplier_atoms(tick_size: Decimal, lot_size: Decimal, decimals: int) -> int:
    """What one lot of an inverse instrument, in quote, comes to at one tick, in atoms. Refuses what is not whole."""
    numerator, denominator = ratio(lot_size, tick_size)
    refusal = (
        f"a lot of {lot_size:f} at a tick of {tick_size:f} is not a whole number of atoms of 1e-{decimals}; "
        "give the asset more decimals or use a lot_size that is a multiple of tick_size"
    )
    whole = _multiplier(numerator * 10**decimals, denominator, refusal)
    return _bounded(whole, lot_size, tick_size)


def _multiplier(numerator: int, denominator: int, refusal: str) -> int:
    """The quotient, which must be whole and positive."""
    whole, rest = divmod(numerator, denominator)
    if rest or whole < 1:
        raise ScenarioError(refusal)
    return whole


def divide_half_even(numerator: int, denominator: int) -> int:
    """Numerator / denominator rounded half to even; the denominator must be positive."""
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole & 1))


def ticks_to_text(ticks: int, tick_size: Decimal) -> str:
    """A whole number of steps (ticks or lots) as a decimal, with the decimals of the step."""
    return format(CONTEXT.multiply(Decimal(ticks), tick_size), "f")


def atoms_to_text(atoms: int, decimals: int) -> str:
    """Atoms of an asset as a decimal with all its decimals."""
    return format(CONTEXT.scaleb(Decimal(atoms), -decimals), "f")


def parse_duration_ns(text: str) -> int:
    """A duration such as "500ms", "1.5s", "30s", "5m", "8h" or "1d", in nanoseconds, exactly."""
    match = _DURATION.fullmatch(text)
    if match is None:
        message = f"{text!r} is not a duration; write a number and one of {', '.join(_UNIT_NS)}, such as 30s"
        raise ScenarioError(message)
    numerator, denominator = ratio(Decimal(match[1]), Decimal(1))
    whole, rest = divmod(numerator * _UNIT_NS[match[2]], denominator)
    if rest or whole > INT64_MAX:
        message = f"duration {text!r} is not a whole number of nanoseconds below 2^63; use fewer digits"
        raise ScenarioError(message)
    return whole


def parse_time_ns(text: str) -> int:
    """An ISO-8601 time such as "2025-10-10T21:16:04.831Z" in nanoseconds since 1970, exactly; UTC if it has no zone."""
    match = _TIME.fullmatch(text)
    date, clock, decimals, zone = match.groups() if match else ("", "", None, None)
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{zone or 'Z'}")
    except ValueError:
        message = f"{text!r} is not a time; write it like 2025-10-10T21:16:04.831Z"
        raise ScenarioError(message) from None
    at_ns = (moment - _EPOCH) // timedelta(seconds=1) * 10**9 + int((decimals or "0").ljust(9, "0"))
    if not 0 <= at_ns <= INT64_MAX:
        message = f"{text!r} is out of range; times from 1970 to 2262 can be recorded"
        raise ScenarioError(message)
    return at_ns


def time_ns_of(moment: datetime) -> int:
    """A `datetime` in nanoseconds since 1970, exactly, with what one of pandas has besides; UTC without a zone."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    below_us: int = getattr(moment, "nanosecond", 0)
    return (aware - _EPOCH) // timedelta(microseconds=1) * 1_000 + below_us


def format_time_ns(at_ns: int) -> str:
    """Nanoseconds since 1970 as ISO-8601 in UTC with as many of 0, 3, 6 or 9 decimals as it takes; exact."""
    seconds, rest_ns = divmod(at_ns, 10**9)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{rest_ns:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def _bounded(whole: int, value: Decimal, step: Decimal) -> int:
    if abs(whole) > INT64_MAX:
        message = f"{value:f} in steps of {step:f} passes 2^63 - 1; use a coarser step"
        raise ScenarioError(message)
    return whole

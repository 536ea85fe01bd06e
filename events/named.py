"""What people name: an account or an instrument, by its name or its number.

A name wins over a number: "4711" is the account of that name if there is one, else account number 4711.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .errors import QueryError

__all__ = ["nearest", "number_known", "number_named"]

_NUMBER = re.compile(r"[0-9]{1,19}")
_SHOWN_MOST = 8


def nearest(name: str, known: Iterable[str]) -> str:
    """What a mistyped name may have meant, as the end of an error message."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for who mistypes

    matches = get_close_matches(name, list(known), n=3)
    return f"; the nearest are {', '.join(matches)}" if matches else ""


def number_known(named: int | str, numbers: Mapping[str, int], count: int) -> int | None:
    """The number of what is given by name, or by one of the numbers below `count`; None for neither."""
    if isinstance(named, str):
        number = numbers.get(named)
        if number is not None or not _NUMBER.fullmatch(named):
            return number
        named = int(named)
    return named if 0 <= named < count else None


def number_named(named: int | str, numbers: Mapping[str, int], what: str) -> int:
    """The same of `what`, such as "account", where all are known. Raises QueryError with the nearest names."""
    number = number_known(named, numbers, len(numbers))
    if number is None:
        known = list(numbers) if 0 < len(numbers) <= _SHOWN_MOST else [str(len(numbers))]
        message = f"there is no {what} {named!r}; there are {', '.join(known)}{nearest(str(named), numbers)}"
        raise QueryError(message)
    return number

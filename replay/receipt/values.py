"""The values of a JSON document, however it is spelled.

The one way in which a check says that something does not hold.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

from ...events.errors import RecordDamagedError

__all__ = ["ensure", "read_json"]

_DIGITS_MOST = 20


def read_json(data: bytes) -> dict[str, Any]:
    """The object that a document is, in any encoding that JSON may have, with or without a byte order mark.

    A number is taken by its value, which must be a whole one: `1e3` is 1000. Raises ValueError for what is no such
    document, for a name that is there twice, and for what is nested too deep.
    """
    try:
        text = data.decode(json.detect_encoding(data))
        document = json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_whole,
            parse_constant=_no_number,
        )
    except RecursionError:
        message = "it is nested too deep"
        raise ValueError(message) from None
    if not isinstance(document, dict):
        message = "it is no object"
        raise ValueError(message)  # noqa: TRY004 - the document is wrong, and not a type here
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        message = f"{next(name for name in names if names.count(name) > 1)!r} is there twice"
        raise ValueError(message)
    return found


def _whole(text: str) -> int:
    """A whole number in any spelling."""
    number = Decimal(text)
    if number.adjusted() >= _DIGITS_MOST or number != number.to_integral_value():
        message = f"{text[:_DIGITS_MOST]} is no whole number, or too large"
        raise ValueError(message)
    return int(number)


def _no_number(text: str) -> NoReturn:
    message = f"{text} is no number"
    raise ValueError(message)


def ensure(holds: object, otherwise: str) -> None:
    """Raise RecordDamagedError with these words unless it holds."""
    if not holds:
        raise RecordDamagedError(otherwise)

"""JSON Lines: what decodes a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

__all__ = ["json_decoder"]

Shape = TypeVar("Shape")


def json_decoder(kind: type[Shape], float_hook: Callable[[str], Any] | None = None) -> Callable[[bytes], Shape]:
    """What decodes a line of JSON. Raises ValueError for one that is not of that kind, however deep it is nested."""
    decode = msgspec.json.Decoder(kind, float_hook=float_hook).decode

    def decoded(text: bytes) -> Shape:
        try:
            return decode(text)
        except RecursionError:
            message = "lists and objects lie too deep within one another"
            raise ValueError(message) from None

    return decoded

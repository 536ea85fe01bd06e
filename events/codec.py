"""Events to bytes and back: msgpack arrays, the body with its integer tag first."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import msgspec

from .envelope import Event

__all__ = ["decode_event", "decode_events", "decode_pages", "encode_event", "list_header", "same_width"]

_encoder = msgspec.msgpack.Encoder()

encode_event = _encoder.encode
"""The bytes of one event: what leaves hash and blocks hold."""


_WIDTHS = (0, 1 << 7, 1 << 8, 1 << 16, 1 << 32, 1 << 64)


def same_width(number: int) -> tuple[int, int]:
    """The least and the greatest number that is encoded in as many bytes as this one, which is not negative."""
    return next((low, limit - 1) for low, limit in pairwise(_WIDTHS) if number < limit)


def list_header(count: int) -> bytes:
    """The first bytes of a msgpack list of `count` items, in the shortest form, as the encoder writes it."""
    if count < 1 << 4:
        return bytes([0x90 | count])
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")


@cache
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    """Made when something is first decoded: the whole vocabulary goes into it, which a writer need not wait for."""
    return msgspec.msgpack.Decoder(kind)


def decode_event(data: bytes) -> Event:
    """One event from its bytes. Raises msgspec.DecodeError or ValidationError."""
    event: Event = _decoder(Event).decode(data)
    return event


def decode_events(data: bytes | memoryview) -> list[Event]:
    """A list of events from its bytes. Raises msgspec.DecodeError or ValidationError."""
    events: list[Event] = _decoder(list[Event]).decode(data)
    return events


def decode_pages(data: bytes) -> list[list[Event]]:
    """The pages of one block from its payload. Raises msgspec.DecodeError or ValidationError."""
    pages: list[list[Event]] = _decoder(list[list[Event]]).decode(data)
    return pages

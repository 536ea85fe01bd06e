"""Events to bytes and back: msgpack arrays, the body with its integer tag first."""

from __future__ import annotations

import msgspec

from .envelope import Event

__all__ = ["decode_event", "decode_events", "decode_pages", "encode_event"]

_encoder = msgspec.msgpack.Encoder()
_event_decoder = msgspec.msgpack.Decoder(Event)
_events_decoder = msgspec.msgpack.Decoder(list[Event])
_pages_decoder = msgspec.msgpack.Decoder(list[list[Event]])

encode_event = _encoder.encode
"""The bytes of one event: what leaves hash and blocks hold."""


def decode_event(data: bytes) -> Event:
    """One event from its bytes. Raises msgspec.DecodeError or ValidationError."""
    return _event_decoder.decode(data)


def decode_events(data: bytes | memoryview) -> list[Event]:
    """A list of events from its bytes. Raises msgspec.DecodeError or ValidationError."""
    return _events_decoder.decode(data)


def decode_pages(data: bytes) -> list[list[Event]]:
    """The pages of one block from its payload. Raises msgspec.DecodeError or ValidationError."""
    return _pages_decoder.decode(data)

"""What all bodies share."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ..grounds import Ground

__all__ = ["BodyBase", "Provenance"]


class BodyBase(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A fact in the past tense. New fields are added at the end with a default; a field is never retyped.

    `grounds` are the kinds of figures that the decision compares: empty only where nobody decided.
    """

    grounds: ClassVar[tuple[Ground, ...]]


class Provenance(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where an input or an imported event was read: source number, row, venue times.

    Of a scenario's files row 1 is the first after the header; of imported ones `row` is the line, whatever it holds.
    `received_ns` is when the venue's feed was received, None where the file does not say.
    """

    source: int
    row: int
    venue_ns: int
    received_ns: int | None = None

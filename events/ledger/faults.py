"""A fault of the venue that is on."""

from __future__ import annotations

import msgspec

from ..bodies.faults import FaultStarted

__all__ = ["StandingFault"]


class StandingFault(msgspec.Struct, array_like=True, gc=False):
    """Its beginning, the event and time of that, and until when the queue that it makes is taken up."""

    body: FaultStarted
    seq: int
    at_ns: int
    busy_until_ns: int

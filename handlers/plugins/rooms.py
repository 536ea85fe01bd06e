"""The rooms that plug-ins fill besides the slots: what gives a run its inputs, and what takes files in and out.

1. A room is named like a slot, found like a slot's plug-in, and its code stands in the record as a producer: by name,
   content and parameters. It decides nothing, so as a handler it hears nothing, and building that executes nothing.
2. What a run's inputs came of is executed again by `verify` alone, from its content as recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from ...events.vocabulary import Body
from ..protocol import Handler, NoParameters

__all__ = ["INPUT_ROOMS", "ROOMS", "Provided"]

INPUT_ROOMS: Mapping[str, Mapping[str, str]] = {
    "prices": {"prices": "prices(view), which gives (ns after the start, {instrument: ticks}) in order"},
    "depth": {"quotes": "quotes(view), which gives (ns after the start, instrument, bids, asks) in order"},
    "population": {"accounts": "accounts(view), which gives opening accounts"},
}
"""What gives a run its inputs: room to the methods that a class must have."""

ROOMS: Mapping[str, Mapping[str, str]] = {
    **INPUT_ROOMS,
    "importer": {"rows": "rows(files), which gives what the files hold, one after the other"},
    "exporter": {"write": "write(run, output), which writes a record out"},
}
"""All of them."""


class Provided(Handler):
    """What stands for a room's plug-in among the deciders of a run: it hears nothing and decides nothing.

    `provider` is the plug-in's own instance, where it was made.
    """

    policy: ClassVar[str] = "provided"
    subscribes: ClassVar[tuple[type[Body], ...]] = ()

    def __init__(self, provider: Any = None, _parameters: msgspec.Struct = NoParameters()) -> None:  # noqa: B008 - frozen
        self.provider = provider

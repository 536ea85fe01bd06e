"""What can fill a slot: one policy, builtin or plug-in, as the registry holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from .protocol import Handler

__all__ = ["Choice"]


class Choice(NamedTuple):
    """One policy for a slot: its parameters' type, the version it declares, and how to make the handler.

    A policy that an engine is built around leaves some of the slot's settings to that engine, whichever the policy is.
    `engine` holds them as they are where nothing is stated; `make` is then given them as a second argument.
    """

    parameters: type[msgspec.Struct]
    version: str
    make: Callable[..., Handler]
    engine: msgspec.Struct | None = None

"""What can fill a slot: one policy, builtin or plug-in, as the registry holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from .protocol import Handler

__all__ = ["Choice"]


class Choice(NamedTuple):
    """One policy for a slot: its parameters' type, the version it declares, and how to make the handler."""

    parameters: type[msgspec.Struct]
    version: str
    make: Callable[[Any], Handler]

"""Base of the ranking policies that come with the package: what they declare alike."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ..protocol import NoParameters
from .ranking import Basis

__all__ = ["BuiltinRanking"]


class BuiltinRanking:
    """A ranking policy without parameters that shares out contracts, unless it says otherwise; it has `scores`."""

    policy: ClassVar[str]
    version: ClassVar[str] = "2"
    formula: ClassVar[str]
    source: ClassVar[str]
    basis: ClassVar[Basis] = "contracts"
    Parameters: ClassVar[type[msgspec.Struct]] = NoParameters

    def __init__(self, parameters: msgspec.Struct) -> None:
        """Nothing to set."""

"""Base of the step policies that come with the package: one that is its parameters."""

from __future__ import annotations

from typing import ClassVar, Generic, Protocol, TypeVar

import msgspec

from .step import Situation

__all__ = ["RuledSteps"]


class _Restored(Protocol):
    @property
    def restored_bps(self) -> int: ...


Rules = TypeVar("Rules", bound=_Restored)


class RuledSteps(Generic[Rules]):
    """A step policy with its parameters at `rules`; a subclass has `hands_over`, `pause_ns` and `step`."""

    policy: ClassVar[str]
    version: ClassVar[str] = "2"
    formula: ClassVar[str]
    source: ClassVar[str]
    Parameters: ClassVar[type[msgspec.Struct]]

    def __init__(self, parameters: Rules) -> None:
        self.rules = parameters

    @property
    def restored_bps(self) -> int:
        """As set."""
        return self.rules.restored_bps

    def first_pause_ns(self, situation: Situation) -> int:
        """None, unless a subclass has one."""
        return 0

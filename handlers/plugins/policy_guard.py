"""What the guards around a plug-in's policies share: the name that records have, and a ledger that stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar

import msgspec

from ...events.ledger import LedgerState
from ..protocol import NoParameters
from .complaints import called, complaint
from .ledger_watch import LedgerWatch

__all__ = ["GuardedPolicy", "declared"]

T = TypeVar("T")


class GuardedPolicy:
    """A policy of a builtin engine under the name that records have."""

    policy: ClassVar[str]
    version: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]
    Parameters: ClassVar[type[msgspec.Struct]]

    def __init__(self, watched: Any) -> None:
        self.watched, self.ledger_watch = watched, LedgerWatch()

    def asked(self, what: str, ledger: LedgerState, accounts: Iterable[int], call: Callable[[], T]) -> T:
        """What it answers about these accounts. Raises HandlerError if it raises, or writes into the ledger."""
        named = tuple(accounts)
        before = self.ledger_watch.before(ledger, named)
        answer = called(self.policy, what, call)
        written = self.ledger_watch.written(before, ledger, named)
        if written:
            raise complaint(self.policy, f"{what} wrote into the ledger: {written}")
        return answer


def declared(name: str, version: str, kind: type) -> dict[str, object]:
    """What a guard declares of itself: the name and version that records have, and the rest as the policy has it."""
    return {
        "__doc__": kind.__doc__,
        "policy": name,
        "version": version,
        "formula": getattr(kind, "formula", ""),
        "in_words": getattr(kind, "in_words", ""),
        "source": getattr(kind, "source", ""),
        "Parameters": getattr(kind, "Parameters", NoParameters),
    }

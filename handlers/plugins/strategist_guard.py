"""Around a plug-in's strategy: its answer is looked at before an order is placed by it."""

from __future__ import annotations

import msgspec

from ..living.strategist import Observation
from .complaints import called, complaint, shown
from .policy_guard import GuardedPolicy, declared

__all__ = ["GuardedStrategy", "guarded_strategy"]


class GuardedStrategy(GuardedPolicy):
    """A strategy under the name that records have. It is given an observation and no ledger, so it can write none."""

    def lots(self, seen: Observation) -> int:
        """Whole lots."""
        lots = called(self.policy, "lots()", lambda: self.watched.lots(seen))
        if type(lots) is not int:
            raise complaint(self.policy, f"lots() gave {shown(lots)}; a whole number of lots is due, negative to sell")
        return lots


def guarded_strategy(
    name: str, version: str, kind: type, watched: object, _parameters: msgspec.Struct
) -> GuardedStrategy:
    """The policy, watched, under the name and version that records have."""
    guard: type[GuardedStrategy] = type(kind.__name__, (GuardedStrategy,), declared(name, version, kind))
    return guard(watched)

"""Around a plug-in that is given figures and no ledger, so that it can write none: its answer is looked at first."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ..living.strategist import Observation
from ..margin_rules import MarketMeasured
from .complaints import called, complaint, shown
from .policy_guard import GuardedPolicy, declared

__all__ = ["GuardedModel", "GuardedStrategy", "guarded_model", "guarded_strategy"]


class GuardedStrategy(GuardedPolicy):
    """A strategy under the name that records have; no order is placed by an answer that is none."""

    def lots(self, seen: Observation) -> int:
        """Whole lots."""
        lots = called(self.policy, "lots()", lambda: self.watched.lots(seen))
        if type(lots) is not int:
            raise complaint(self.policy, f"lots() gave {shown(lots)}; a whole number of lots is due, negative to sell")
        return lots


class GuardedModel(GuardedPolicy):
    """A model of the margin under the name that records have; no rule is changed by an answer that is none."""

    sees_holdings: ClassVar[bool] = False

    def rate_ppm(self, seen: MarketMeasured) -> int:
        """Millionths of the notional, from 0 on."""
        rate = called(self.policy, "rate_ppm()", lambda: self.watched.rate_ppm(seen))
        if type(rate) is not int or rate < 0:
            raise complaint(
                self.policy, f"rate_ppm() gave {shown(rate)}; a whole number of millionths from 0 on is due"
            )
        return rate


def guarded_strategy(
    name: str, version: str, kind: type, watched: object, _parameters: msgspec.Struct
) -> GuardedStrategy:
    """The policy, watched, under the name and version that records have."""
    guard: type[GuardedStrategy] = type(kind.__name__, (GuardedStrategy,), declared(name, version, kind))
    return guard(watched)


def guarded_model(name: str, version: str, kind: type, watched: object, _parameters: msgspec.Struct) -> GuardedModel:
    """The model, watched, under the name and version that records have."""
    sees = {"sees_holdings": bool(getattr(kind, "sees_holdings", False))}
    guard: type[GuardedModel] = type(kind.__name__, (GuardedModel,), {**declared(name, version, kind), **sees})
    return guard(watched)

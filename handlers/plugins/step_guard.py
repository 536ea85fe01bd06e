"""Around a plug-in's liquidation policy: each of its answers is looked at before the engine acts on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ...events.bodies.venue import HandlerStateNoted
from ..policies.liquidation.step import Situation, Step
from .complaints import called, complaint, shown
from .policy_guard import GuardedPolicy, declared

__all__ = ["GuardedSteps", "guarded_steps"]


class GuardedSteps(GuardedPolicy):
    """A step policy under the name that records have."""

    @property
    def restored_bps(self) -> int:
        """A whole number above zero."""
        bps = called(self.policy, "restored_bps", lambda: self.watched.restored_bps)
        if type(bps) is not int or bps <= 0:
            raise complaint(self.policy, f"restored_bps is {shown(bps)}; a whole number above zero is due")
        return bps

    def hands_over(self, situation: Situation, *, unfilled: bool) -> str | None:
        """A reason, or None."""
        reason = self._asked("hands_over()", situation, lambda: self.watched.hands_over(situation, unfilled=unfilled))
        if not isinstance(reason, str | None):
            raise complaint(self.policy, f"hands_over() gave {shown(reason)}; a reason or None is due")
        return reason

    def pause_ns(self, situation: Situation) -> int:
        """Nanoseconds from 0 on."""
        return self._pause("pause_ns()", situation, lambda: self.watched.pause_ns(situation))

    def first_pause_ns(self, situation: Situation) -> int:
        """Nanoseconds from 0 on; 0 where the policy does not say."""
        if not hasattr(self.watched, "first_pause_ns"):
            return 0
        return self._pause("first_pause_ns()", situation, lambda: self.watched.first_pause_ns(situation))

    def step(self, situation: Situation) -> Step:
        """An order for at least one lot and at most what is held."""
        step = self._asked("step()", situation, lambda: self.watched.step(situation))
        if not isinstance(step, Step):
            raise complaint(self.policy, f"step() gave {shown(step)}; a Step is due")
        who = f"account {situation.account.account}, which holds {situation.lots}"
        if type(step.lots) is not int or not 0 < step.lots <= situation.lots:
            raise complaint(self.policy, f"step() gave {shown(step.lots)} lots for {who}")
        if step.limit_ticks is not None and (type(step.limit_ticks) is not int or step.limit_ticks < 0):
            raise complaint(self.policy, f"step() gave {shown(step.limit_ticks)} for the limit; whole ticks are due")
        for note in step.notes:
            if not isinstance(note, HandlerStateNoted):
                raise complaint(self.policy, f"step() gave {shown(note)} among the notes; a HandlerStateNoted is due")
        return step

    def _pause(self, what: str, situation: Situation, call: Callable[[], Any]) -> int:
        pause = self._asked(what, situation, call)
        if type(pause) is not int or pause < 0:
            raise complaint(self.policy, f"{what} gave {shown(pause)}; whole nanoseconds from 0 on are due")
        return pause

    def _asked(self, what: str, situation: Situation, call: Callable[[], Any]) -> Any:
        return self.asked(what, situation.ledger, (situation.account.account,), call)


def guarded_steps(name: str, version: str, kind: type, watched: object, _parameters: msgspec.Struct) -> GuardedSteps:
    """The policy, watched, under the name and version that records have."""
    guard: type[GuardedSteps] = type(kind.__name__, (GuardedSteps,), declared(name, version, kind))
    return guard(watched)

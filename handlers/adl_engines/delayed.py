"""Auto-deleveraging that waits: part of the loss is bailed in at once, the position is closed later.

1. At a shortfall with positions, `bail_in_bps` of what the account owes at the mark is taken from all winners at once,
   pro rata to what each can give: the lesser of unrealised profit and equity (`BailInCharged`). Nobody's position is
   touched.
2. The position stays open for `delay_ns`. Its loss may grow, or the market may come back.
3. Then it is closed by rounds as ever, at its bankruptcy value as that is by then: the bail-in has made it better for
   whoever gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from ...events.bodies.sharing import BailInCharged
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.bodies.waterfall import ShortfallDeclared
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.vocabulary import Body
from ..adl_engine import AdlEngine, ClosingSettings
from ..policies.ranking import RankingPolicy
from ..policies.socialization.haircut import Haircut, haircut_shares
from ..protocol import NoParameters, Product
from ..valuation import BPS, margin_of

__all__ = ["DelayedEngine", "DelayedParameters"]

_DELAY = "delayed auto-deleveraging"


class DelayedParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So much of a loss is bailed in at once, and the position closed so much later."""

    delay_ns: int = 30_000_000_000
    bail_in_bps: int = 5_000

    def __post_init__(self) -> None:
        """Refuse no delay, and more than the whole loss."""
        if self.delay_ns < 1 or not 0 <= self.bail_in_bps <= BPS:
            message = "delay_ns must be at least 1, bail_in_bps lie in 0..10000"
            raise ValueError(message)


class DelayedEngine(AdlEngine):
    """The engine with a delay; the ranking policy says who gives in the end."""

    subscribes: ClassVar[tuple[type[Body], ...]] = (*AdlEngine.subscribes, TimerFired)

    def __init__(
        self, ranking_policy: RankingPolicy, parameters: DelayedParameters, settings: ClosingSettings | None = None
    ) -> None:
        super().__init__(ranking_policy, settings)
        self.rules, self._profits = parameters, Haircut(NoParameters())

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The bail-in and the timer; when it fires, the first round; all else as ever."""
        body = event.body
        if isinstance(body, TimerFired):
            return self._due(body, ledger, now_ns) if body.purpose == _DELAY else ()
        account = ledger.accounts[body.account] if isinstance(body, ShortfallDeclared) else None
        if account is None or account.kind != "user":
            return super().handle(event, ledger, now_ns)
        if account.liquidation_id is None or not account.positions:
            return ()
        due = TimerSet(_DELAY, now_ns + self.rules.delay_ns, account.account, None, account.liquidation_id)
        return [*self._bailed_in(account, account.liquidation_id, ledger), due]

    def _bailed_in(self, account: Account, liquidation_id: int, ledger: LedgerState) -> list[Product]:
        """What every winner pays; O(accounts)."""
        loss_atoms = max(0, -margin_of(account, ledger).equity_atoms)
        asked_atoms = loss_atoms * self.rules.bail_in_bps // BPS
        winners = self._profits.winners(account.asset, ledger) if asked_atoms else []
        parts = haircut_shares([profit_atoms for profit_atoms, _ in winners], asked_atoms) if winners else []
        return [
            BailInCharged(liquidation_id, account.account, -number, loss_atoms, part_atoms)
            for (_, number), part_atoms in zip(winners, parts, strict=True)
            if part_atoms
        ]

    def _due(self, timer: TimerFired, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The first round of whoever still has something to be closed."""
        if timer.account is None:
            return ()
        account = ledger.accounts[timer.account]
        if account.liquidation_id != timer.liquidation_id or account.status == "liquidating":
            return ()
        task = self._next_task("bankruptcy", account, ledger, None)
        return () if task is None else self._round(task, ledger, now_ns)

"""Auto-deleveraging in batches: what is short of one side of an instrument is closed together, at one price.

1. A shortfall is not closed at once. The first one sets a timer, and whoever falls short before that is due is in its
   batch (noted as it happens). Who falls short in the very instant at which it is due is in the next one, whichever
   was first. So it does not matter in which order they became so: the batch is a set.
2. The positions of one side of one instrument are a group. With Q lots and a value of V at their own prices (the
   bankruptcy prices, if the rulebook does not say otherwise) all of them are closed at V / Q a lot:

       value of q lots = floor(V x (closed + q) / Q) - floor(V x closed / Q)

   so that the group's values sum to V exactly.
3. One round closes one position, as ever. Those whose own price is worse than V / Q come first, then the others, each
   by account; groups go by instrument, shorts before longs. Accounts are numbered by a hash, so ties are no order.
4. After its round an account pays the fund what it got above its own price, or is paid what it lacks
   (`BatchSettled`). Who pays comes first, so the fund need not have the money. Where nobody could give, and the fund
   has not as much, the rest goes on down the waterfall.
5. How far a group is stands in the ledger's notes, so a fork goes on within a batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

import msgspec

from ...events.bodies.sharing import BatchSettled
from ...events.bodies.venue import HandlerStateNoted, TimerFired, TimerSet
from ...events.bodies.waterfall import DeleveragingEnded, PositionDeleveraged, ProfitCapExceeded, ShortfallDeclared
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState
from ...events.vocabulary import Body
from ..adl_engine import AdlEngine, ClosingSettings
from ..closing_task import ClosingTask, priced
from ..policies.ranking import RankingPolicy
from ..protocol import Product
from ..valuation import bankruptcy_values

__all__ = ["BatchEngine", "BatchParameters"]

_BATCH = "auto-deleveraging batch"
_IN_THE_WATERFALL = ("bankrupt", "taken_over", "deleveraged")


class BatchParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A batch is closed `batch_ns` after its first shortfall."""

    batch_ns: int = 1_000_000_000

    def __post_init__(self) -> None:
        """Refuse a batch that would be closed before anybody is in it."""
        if self.batch_ns < 1:
            message = "batch_ns must be at least 1"
            raise ValueError(message)


class _Batched(NamedTuple):
    """How far a group is: its batch by when it was due, its instrument and side, lots and value in all.

    And how many lots are closed, and who was closed last.
    """

    due_ns: int
    instrument: int
    side: int
    lots: int
    value_atoms: int
    closed_lots: int = 0
    last_lacks: int = -1
    last_account: int = -1

    def lacks(self, task: ClosingTask) -> int:
        """1 for a position whose own value is above its part of the group's, so that it is paid; else 0."""
        return int(task.value_atoms * self.lots > self.value_atoms * abs(task.size_lots))

    def place(self, task: ClosingTask) -> tuple[int, int]:
        """In which order the positions are closed."""
        return self.lacks(task), task.account

    def part_atoms(self, lots: int) -> int:
        """What the next lots are worth at the group's price."""
        after = self.value_atoms * (self.closed_lots + lots) // self.lots
        return after - self.value_atoms * self.closed_lots // self.lots


def _short(account: int) -> str:
    """Under which key it is noted in which liquidation an account fell short, and when its batch is due."""
    return f"short {account}"


_Groups = dict[tuple[int, int], list[ClosingTask]]
"""Positions at their own prices, by instrument and side."""


class BatchEngine(AdlEngine):
    """The engine with batches; the ranking policy says who gives, and in its parameters how long a batch waits."""

    subscribes: ClassVar[tuple[type[Body], ...]] = (*AdlEngine.subscribes, TimerFired)

    def __init__(
        self, ranking_policy: RankingPolicy, parameters: BatchParameters, settings: ClosingSettings | None = None
    ) -> None:
        super().__init__(ranking_policy, settings)
        self.batch_ns = parameters.batch_ns

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A shortfall waits for its batch; a batch, and each round of it, is followed by the next round."""
        body = event.body
        if isinstance(body, TimerFired):
            due_ns = event.at_ns
            return self._opened(self._groups(due_ns, ledger), due_ns, ledger, now_ns) if body.purpose == _BATCH else ()
        assert isinstance(body, ShortfallDeclared | ProfitCapExceeded | DeleveragingEnded)
        if isinstance(body, ProfitCapExceeded) or ledger.accounts[body.account].kind != "user":
            return super().handle(event, ledger, now_ns)
        if isinstance(body, ShortfallDeclared):
            return self._awaited(ledger.accounts[body.account], ledger, now_ns)
        noted = ledger.notes.get((self.name, self._note))
        return () if noted is None else self._next_round(_Batched(*noted), ledger, now_ns)

    @property
    def _note(self) -> str:
        return self.at_venue("batch")

    def _awaited(self, account: Account, ledger: LedgerState, now_ns: int) -> list[Product]:
        """In which batch it is, and the timer of that where it is the first; neither with nothing to be closed."""
        if not account.positions:
            return []
        timers = (pending.timer for pending in ledger.timers.values() if pending.timer.purpose == _BATCH)
        ours = (timer for timer in timers if timer.account is not None and self.is_here(ledger, timer.account))
        due_ns = min((timer.due_ns for timer in ours if timer.due_ns > now_ns), default=now_ns)
        products: list[Product] = []
        if due_ns == now_ns:
            due_ns += self.batch_ns
            products.append(TimerSet(_BATCH, due_ns, account.account))
        assert account.liquidation_id is not None
        noted = HandlerStateNoted(self.name, _short(account.account), (account.liquidation_id, due_ns))
        return [noted, *products]

    def _next_round(self, done: _Batched, ledger: LedgerState, now_ns: int) -> list[Product]:
        """The next position of the group that is `done` so far, or the first one of the next group."""
        groups, group = self._groups(done.due_ns, ledger), (done.instrument, done.side)
        last = (done.last_lacks, done.last_account)
        # What the last round left of its position is loss socialisation's, which hears of it after this.
        others = (task for task in groups.get(group, ()) if task.account != done.last_account)
        rest = [task for task in others if done.place(task) > last]
        if rest:
            return self._settled(min(rest, key=done.place), done, ledger, now_ns)
        later = {key: tasks for key, tasks in groups.items() if key > group}
        return self._opened(later, done.due_ns, ledger, now_ns)

    def _opened(self, groups: _Groups, due_ns: int, ledger: LedgerState, now_ns: int) -> list[Product]:
        """The first position of the first of these groups, if there is any."""
        for key, tasks in sorted(groups.items()):
            lots, value_atoms = sum(abs(t.size_lots) for t in tasks), sum(t.value_atoms for t in tasks)
            opened = _Batched(due_ns, *key, lots, value_atoms)
            return self._settled(min(tasks, key=opened.place), opened, ledger, now_ns)
        return []

    def _groups(self, due_ns: int, ledger: LedgerState) -> _Groups:
        """Every position of a batch that still waits, by instrument and side; O(liquidations under way)."""
        groups: _Groups = {}
        for liquidation in ledger.liquidations.values():
            account, number = ledger.accounts[liquidation.account], liquidation.liquidation_id
            waits = account.liquidation_id == number and account.status in _IN_THE_WATERFALL
            if not waits or not account.positions or not self.is_here(ledger, account.account):
                continue
            short_of, batch_ns = ledger.notes.get((self.name, _short(account.account)), (None, due_ns))
            if short_of != number or batch_ns > due_ns:
                continue
            for key, value_atoms in bankruptcy_values(account, ledger).items():
                size_lots = account.positions[key].size_lots
                task = ClosingTask("bankruptcy", account.account, number, key, size_lots, value_atoms)
                side = (key[0], 1 if size_lots > 0 else -1)
                groups.setdefault(side, []).append(priced(task, self.closes_at, ledger))
        return groups

    def _settled(self, own: ClosingTask, group: _Batched, ledger: LedgerState, now_ns: int) -> list[Product]:
        """A round at the group's price, what the account is then paid or pays, and how far the group is."""
        lots = abs(own.size_lots)
        products = self._round(own._replace(value_atoms=group.part_atoms(lots)), ledger, now_ns)
        *round_so_far, ended = products
        done = group._replace(
            closed_lots=group.closed_lots + lots, last_lacks=group.lacks(own), last_account=own.account
        )
        noted = HandlerStateNoted(self.name, self._note, tuple(done))
        return [*round_so_far, *self._difference(own, round_so_far, ledger), noted, ended]

    def _difference(self, own: ClosingTask, products: list[Product], ledger: LedgerState) -> Iterable[Product]:
        """What its own price would have given the account for what was closed, less what it got."""
        reductions = [body for body in products if isinstance(body, PositionDeleveraged)]
        closed = sum(abs(body.size_lots) for body in reductions)
        due_atoms = own.value_atoms * closed // abs(own.size_lots) - sum(body.value_atoms for body in reductions)
        fund = ledger.fund_of(own.key[0])
        has_atoms = max(0, ledger.accounts[fund].balance_atoms - ledger.least_cash_atoms(fund))
        amount_atoms = min(due_atoms, has_atoms)
        if not amount_atoms:
            return ()
        return (BatchSettled(ledger.rounds + 1, own.liquidation_id, own.account, fund, amount_atoms),)

"""Where a search should begin, by the scores in the record.

1. From the round on, up to the end of its instant, each reduction of somebody else against the same side of the same
   instrument shows how far down its ranking went. A position with a higher score would have been reached before.
2. So an account with a change is likely spared if at the marks of each of these reductions it scores below. Its score
   is that of the policy in force, with the account as it stood before the round and the change made to it.
3. This is an estimate: without the account others are taken instead, and the market moves otherwise. It decides only
   what is tried first; what is told was executed.
4. There is none where the order of scores is not the order in which positions are taken, or where a score follows from
   more than the figures of the account.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import TypeGuard

from msgspec.structs import replace

from ....events.bodies.waterfall import PositionDeleveraged
from ....events.errors import QueryError, ScenarioError
from ....events.ledger import Account, LedgerState, Market
from ....handlers.policies.ranking import RankingPolicy, allocates, allocates_in, reads_ledger, scores_of, terms_of
from ....handlers.ranking import candidate_of
from ....handlers.valuation import coins_worth_atoms
from ...rankings import policy_at, round_of
from ...run import Run
from .trials import Subject

__all__ = ["ScoreBars"]

_Bar = tuple[int, int]
"""A score with its sign turned, and the account: the lesser comes first in a ranking."""


class ScoreBars:
    """The least scores that were reached after a round, and by them where a search should begin."""

    def __init__(self, run: Run, subject: Subject) -> None:
        """Costs the state before the round, and folding up to the end of the instant."""
        self._body, self._policy = subject.body, _queue_at(run, subject)
        self._side = 1 if self._body.size_lots > 0 else -1
        self._bars = list[tuple[Sequence[Market], _Bar]]()
        if self._policy is None:
            return
        began_seq = round_of(run, subject.reduction).seq
        self._ledger = run.before(began_seq)
        self._account = _copy(self._ledger.accounts[self._body.account])
        self._read(run, began_seq, run.first_at(subject.reduction.at_ns + 1))

    def first_below(self, grid: Sequence[int], changed: Callable[[Account, int], None]) -> int | None:
        """The first place whose amount, given to `changed` with a copy of the account, brings it below all of them.

        None where no place does, or no score tells.
        """
        if self._policy is None:
            return None
        place, account = 0, self._changed(grid, 0, changed)
        for markets, bar in self._bars:
            while account is not None and (own := self._place_of(account, markets)) is not None and own < bar:
                place += 1
                account = self._changed(grid, place, changed)
        return None if account is None else place

    def _changed(self, grid: Sequence[int], place: int, changed: Callable[[Account, int], None]) -> Account | None:
        if place == len(grid):
            return None
        account = _copy(self._account)
        changed(account, grid[place])
        return account

    def _place_of(self, account: Account, markets: Sequence[Market]) -> _Bar | None:
        """Where the account would stand; None where it would be no candidate."""
        assert self._policy is not None
        closed, coins_atoms = (self._body.instrument, self._side), coins_worth_atoms(account, self._ledger)
        found = candidate_of(account, *closed, markets, terms_of(self._policy), coins_atoms)
        if not isinstance(found, tuple):
            return None
        candidate, leg = found
        (score,) = scores_of(self._policy, [candidate], [(self._body.instrument, leg)], self._ledger)
        return -score, candidate.account

    def _read(self, run: Run, first_seq: int, stop_seq: int) -> None:
        """Find the last place that was reached at each mark."""
        ledger, repriced_seq = self._ledger, -1
        for event in run.events(first_seq, stop_seq):
            if self._is_bar(event.body):
                bar = -event.body.score, event.body.account
                if ledger.repriced_seq != repriced_seq:
                    repriced_seq = ledger.repriced_seq
                    self._bars.append((_prices(ledger), bar))
                elif bar > self._bars[-1][1]:
                    self._bars[-1] = self._bars[-1][0], bar
            ledger.fold(event)

    def _is_bar(self, body: object) -> TypeGuard[PositionDeleveraged]:
        asked = self._body
        return (
            isinstance(body, PositionDeleveraged)
            and body.instrument == asked.instrument
            and body.account != asked.account
            and (body.size_lots > 0) == (asked.size_lots > 0)
        )


def _queue_at(run: Run, subject: Subject) -> RankingPolicy | None:
    """The policy in force, where it takes positions in the order of scores that rest on their own figures."""
    try:
        policy = policy_at(run, subject.reduction.seq)
    except (QueryError, ScenarioError):
        return None
    return None if allocates(policy) or allocates_in(policy) or reads_ledger(policy) else policy


def _prices(ledger: LedgerState) -> list[Market]:
    """The markets with the prices that they have now."""
    return [copy(market) for market in ledger.markets]


def _copy(account: Account) -> Account:
    return replace(account, positions={key: replace(held) for key, held in account.positions.items()})

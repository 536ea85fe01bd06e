"""Places in the queues for auto-deleveraging, in one state: who would be taken before whom.

1. A long stands in the queue against which somebody's short would be closed, and the reverse: one queue for each
   instrument and side, ranked by the policy in force over all accounts, once, when it is first asked for.
2. Rank, count and score are what a round decided in this state would record.
3. Who has no place is told why. Where the policy is a plug-in that is not at hand, no place can be told.
"""

from __future__ import annotations

from typing import NamedTuple

from ...events.errors import QueryError, ScenarioError
from ...events.ledger import Account, LedgerState, PositionKey
from ...handlers.policies.ranking import RankingPolicy, terms_of
from ...handlers.ranking import Ineligible, Ranked, candidate_of
from ..rankings import policy_at, ranking_of
from ..run import Run
from .standing import is_marked

__all__ = ["QueuePlace", "Queues", "queues_of"]

# A position asked about is there and opposite to what it would close, so `NOT_OPPOSITE` does not come up.
_REASONS = {
    Ineligible.NO_TRADER: "only a trader is deleveraged",
    Ineligible.IN_LIQUIDATION: "in liquidation itself",
    Ineligible.NO_PROFIT: "no profit",
    Ineligible.NO_EQUITY: "no equity",
}


class QueuePlace(NamedTuple):
    """Rank, counted from 1, of how many candidates, by which score: floor(score x 10^9)."""

    rank: int
    of: int
    score: int


class Queues:
    """The queues of a ledger that does not move on."""

    def __init__(self, ledger: LedgerState, policy: RankingPolicy | None, missing: str = "", unknown: str = "") -> None:
        """Rank by `policy`; without one nobody has a place, because of what is `missing`, or `unknown` says why not."""
        self._ledger, self._policy, self._missing, self.unknown = ledger, policy, missing, unknown
        self._ranked: dict[tuple[int, int], dict[int, Ranked]] = {}

    def place_of(self, account: Account, key: PositionKey) -> QueuePlace | None:
        """The place of a position, or None; the first of a queue costs O(accounts log accounts)."""
        if self._policy is None or not is_marked(self._ledger, account):
            return None
        ranked = self._queue(self._policy, account, key)
        found = ranked.get(account.account)
        return QueuePlace(found.rank, len(ranked), found.score) if found is not None and found.leg == key[1] else None

    def why_not(self, account: Account, key: PositionKey) -> str:
        """Why a position without a place has none: the first of the ranking's conditions that it does not meet."""
        if self._policy is None:
            return self._missing
        if account.kind == "user" and not is_marked(self._ledger, account):
            return "no mark yet"
        closed = _closed_by(account, key)
        found = candidate_of(account, *closed, self._ledger.markets, terms_of(self._policy))
        return _REASONS[found] if isinstance(found, Ineligible) else "another leg stands there for it"

    def _queue(self, policy: RankingPolicy, account: Account, key: PositionKey) -> dict[int, Ranked]:
        """The places by account in the queue that a position stands in."""
        closed = _closed_by(account, key)
        if closed not in self._ranked:
            ranking = ranking_of(self._ledger, *closed, policy)
            self._ranked[closed] = {ranked.candidate.account: ranked for ranked in ranking}
        return self._ranked[closed]


def _closed_by(account: Account, key: PositionKey) -> tuple[int, int]:
    """The instrument and side of the positions that this one would be taken to close."""
    return key[0], -1 if account.positions[key].size_lots > 0 else 1


def queues_of(run: Run, ledger: LedgerState) -> Queues:
    """The queues by the policy that decides next in this state of a run; none where it has no such policy here."""
    try:
        return Queues(ledger, policy_at(run, ledger.seq))
    except QueryError as error:
        return Queues(ledger, None, str(error))
    except ScenarioError as error:
        return Queues(ledger, None, unknown=str(error))

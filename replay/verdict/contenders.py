"""Who could have been taken in a batch, with the scores and lots that the data allow each.

1. A contender has the least and the greatest score of an account. They are one number where its balance and its entry
   are known, or where the rule asks for neither.
2. Of a balance that is not known the score is worked out at its least (`reconstructed.py`) and without bound: every
   formula rises or falls with the balance throughout. Of an entry that is not known any score is possible.
3. Nobody gives more than it has, nor more than its equity bears at the price of the batch. That price was rounded to a
   tick, so what an equity bears is worked out a tick above and below it.
4. An account that perhaps cannot give a single lot may be passed over: then any lower score is possible, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ...events.ledger import Account
from ...handlers.policies.ranking import (
    ANYBODY,
    SCORE_MAX,
    SCORE_MIN,
    Candidate,
    Closing,
    Ranked,
    RankingPolicy,
    scores_of,
    terms_of,
)
from ...handlers.ranking import judged
from ...handlers.reductions import shared_out
from ..rankings import holders_against
from ..reconstructed import BALANCE_MOST, balance_least_atoms
from .fills import ReportedBatch

__all__ = ["Contender", "contenders_of", "planned"]


class Contender(NamedTuple):
    """One account: its scores, and how many lots it can give, each at the least and at the most."""

    account: int
    leg: int
    candidate: Candidate
    score_least: int
    score_most: int
    lots_least: int
    lots_most: int

    @property
    def is_exact(self) -> bool:
        """Whether the score is one number."""
        return self.score_least == self.score_most


def _closing(batch: ReportedBatch, off_ticks: int = 0) -> Closing:
    """The batch as a rule is asked to share it out, at its price or so many ticks off."""
    market, size_lots = batch.ledger.markets[batch.started.instrument], batch.side * batch.lots
    value_atoms = market.payoff.value_atoms(size_lots, max(1, batch.price_ticks + off_ticks))
    return Closing(batch.lots, value_atoms - market.payoff.value_atoms(size_lots, market.mark_ticks))


def contenders_of(batch: ReportedBatch, policy: RankingPolicy) -> list[Contender]:
    """Everyone who holds the other side and could give a lot under the rule; O(holders)."""
    closings = sorted((_closing(batch, off) for off in (-1, 0, 1)), key=lambda closing: closing.loss_atoms)
    holders = holders_against(batch.ledger, batch.started.instrument, batch.side)
    found = [_contender(batch, policy, account, closings) for account in holders]
    return [one for one in found if one is not None and one.lots_most > 0]


def planned(batch: ReportedBatch, policy: RankingPolicy, contenders: Iterable[Contender]) -> dict[Contender, int]:
    """Who gives how many lots under the rule, in its order, where every score is exact.

    Raises HandlerError where it shares out what nobody can give.
    """
    ordered = sorted(contenders, key=lambda one: (-one.score_least, one.account))
    places = [Ranked(rank, one.score_least, one.candidate, one.leg) for rank, one in enumerate(ordered, 1)]
    shared = shared_out(policy, _closing(batch), places, batch.started.instrument, batch.ledger)
    return {ordered[place.rank - 1]: lots for place, lots in shared}


def _contender(
    batch: ReportedBatch, policy: RankingPolicy, account: Account, closings: list[Closing]
) -> Contender | None:
    is_stated = account.account in batch.known.balances
    balances = [account.balance_atoms] if is_stated else [balance_least_atoms(account, batch.ledger), BALANCE_MOST]
    has_entry = batch.known.has_entry(account.account, batch.started.instrument)
    found = [
        one
        for balance in balances
        if (one := _scored(batch, policy, account, balance, has_entry=has_entry)) is not None
    ]
    if not found:
        return None
    scores, candidates = [score for _, score, _ in found], [candidate for candidate, _, _ in found]
    least, most = (SCORE_MIN, SCORE_MAX) if not has_entry else (min(scores), max(scores))
    gives = [closing.most(candidate) for closing in (closings[0], closings[-1]) for candidate in candidates]
    lots_least = 0 if not has_entry else min(gives)
    return Contender(
        account.account,
        found[0][2],
        candidates[0],
        least if lots_least > 0 else SCORE_MIN,
        most,
        lots_least,
        max(gives),
    )


def _scored(
    batch: ReportedBatch, policy: RankingPolicy, account: Account, balance_atoms: int, *, has_entry: bool
) -> tuple[Candidate, int, int] | None:
    """Candidate, score and leg of an account if it had this balance; None where it would be no candidate."""
    ledger, instrument, had = batch.ledger, batch.started.instrument, account.balance_atoms
    terms = terms_of(policy) if has_entry else ANYBODY
    try:
        account.balance_atoms = balance_atoms
        found = judged(account, instrument, batch.side, ledger, terms)
        if not isinstance(found, tuple):
            return None
        candidate, leg = found
        return candidate, scores_of(policy, [candidate], [(instrument, leg)], ledger)[0] if has_entry else 0, leg
    finally:
        account.balance_atoms = had

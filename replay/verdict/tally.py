"""One rule over all batches, one after the other, so that no more than one state is held at a time.

What a departure cost is against the mark: what the account paid above it, or got below it, less what the rule would
have cost it in that batch. Where the lots that the rule takes of it are not certain, that is a range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...events.bodies.run import SourceOpened
from ...handlers.policies.ranking import RankingPolicy
from ...sim.quantities import SCORES, Quantity
from ..why.names import RunNames
from .contenders import Contender, planned
from .fills import DeleveragedFill, ReportedBatch
from .judging import Departed, Judged, judge
from .parts import AccountShare, Departure, RuleVerdict

__all__ = ["RuleTally", "share_of"]


class RuleTally:
    """How far a rule goes so far."""

    def __init__(self, policy: RankingPolicy, files: Mapping[int, SourceOpened]) -> None:
        self.policy, self._files = policy, files
        self._followed = self._ties = self._room = self._batches = self._tested = 0
        self._departure: Departure | None = None
        self._reason: str | None = None

    def add(self, batch: ReportedBatch) -> None:
        """Judge the next batch."""
        one = judge(batch, self.policy)
        if not isinstance(one, Judged):
            self._reason = self._reason or one.reason
            return
        self._tested, self._batches = self._tested + 1, self._batches + (one.departed is None)
        if self._departure is None:
            self._followed, self._ties, self._room = (
                self._followed + one.followed,
                self._ties + one.ties,
                self._room + one.room,
            )
            if one.departed is not None:
                self._departure = _departure(batch, one, one.departed, self.policy, self._files)

    def verdict(self) -> RuleVerdict:
        """What came of it."""
        return RuleVerdict(
            policy=self.policy.policy,
            version=self.policy.version,
            formula=self.policy.formula,
            source=str(getattr(self.policy, "source", "")),
            not_tested=None if self._tested else self._reason,
            followed=self._followed,
            ties=self._ties,
            room=self._room,
            batches=self._batches,
            tested_batches=self._tested,
            departure=self._departure,
        )


def share_of(batch: ReportedBatch, account: int, policy: RankingPolicy) -> AccountShare | None:
    """What was taken of an account in a batch, and what the rule takes; None where nothing was, or cannot be said."""
    fills = [fill for fill in batch.fills if fill.account == account]
    one = judge(batch, policy) if fills else None
    return _share(batch, one, fills, policy) if isinstance(one, Judged) else None


def _departure(
    batch: ReportedBatch, one: Judged, departed: Departed, policy: RankingPolicy, files: Mapping[int, SourceOpened]
) -> Departure:
    names, fill, instrument = RunNames(batch.ledger), departed.fill, batch.started.instrument
    due = departed.due
    place = files.get(-1 if fill.source is None else fill.source)
    own = next((contender for contender in one.contenders if contender.account == fill.account), None)
    least, most = _cost_atoms(batch, one, departed, policy)
    return Departure(
        fill=fill.number,
        seq=fill.seq,
        at_ns=batch.at_ns,
        file=None if place is None else place.name,
        line=fill.line,
        kind=departed.kind,
        account=names.account(fill.account),
        took=names.size_of(instrument, departed.took_lots),
        score=_scores(own),
        due=None if due is None else names.account(due.account),
        due_size=names.size_of(instrument, departed.due_lots),
        due_score=_scores(due),
        price=names.price_of(instrument, fill.price_ticks),
        due_price=names.price_of(instrument, batch.price_ticks),
        cost=(names.value_of(instrument, least), names.value_of(instrument, most)),
    )


def _share(batch: ReportedBatch, one: Judged, fills: Sequence[DeleveragedFill], policy: RankingPolicy) -> AccountShare:
    names, instrument = RunNames(batch.ledger), batch.started.instrument
    lots = sum(fill.lots for fill in fills)
    taken = sum(_above_mark(batch, fill.lots, fill.price_ticks) for fill in fills)
    due = _due_of(batch, one, fills[0], policy)
    costs = [taken - _above_mark(batch, each, batch.price_ticks) for each in due]
    return AccountShare(
        account=names.account(fills[0].account),
        seqs=tuple(fill.seq for fill in fills),
        at_ns=batch.at_ns,
        took=names.size_of(instrument, lots),
        rule_takes=(names.size_of(instrument, due[0]), names.size_of(instrument, due[-1])),
        cost=(names.value_of(instrument, min(costs)), names.value_of(instrument, max(costs))),
    )


def _scores(contender: Contender | None) -> tuple[Quantity, ...]:
    if contender is None:
        return ()
    return tuple(Quantity(score, SCORES) for score in dict.fromkeys((contender.score_least, contender.score_most)))


def _cost_atoms(batch: ReportedBatch, one: Judged, departed: Departed, policy: RankingPolicy) -> tuple[int, int]:
    """What the departure cost the account that was taken, against the mark, at the least and at the most."""
    fill, price_ticks = departed.fill, batch.price_ticks
    taken = _above_mark(batch, departed.took_lots, fill.price_ticks)
    if departed.kind in ("price", "amount"):
        due = _above_mark(batch, departed.due_lots, price_ticks)
        return taken - due, taken - due
    lots = _due_of(batch, one, fill, policy)
    costs = [taken - _above_mark(batch, each, price_ticks) for each in lots]
    return min(costs), max(costs)


def _above_mark(batch: ReportedBatch, lots: int, price_ticks: int) -> int:
    """What so many lots cost whoever is made to close them, against the mark."""
    market, size_lots = batch.ledger.markets[batch.started.instrument], batch.side * lots
    return market.payoff.value_atoms(size_lots, price_ticks) - market.payoff.value_atoms(size_lots, market.mark_ticks)


def _due_of(batch: ReportedBatch, one: Judged, fill: DeleveragedFill, policy: RankingPolicy) -> tuple[int, ...]:
    """The lots that the rule takes of an account in the whole batch: one number, or the least and the most."""
    if not all(contender.is_exact for contender in one.contenders):
        most = (contender.lots_most for contender in one.contenders if contender.account == fill.account)
        return 0, min(batch.lots, next(most, 0))
    plan = planned(batch, policy, one.contenders)
    return (sum(lots for contender, lots in plan.items() if contender.account == fill.account),)

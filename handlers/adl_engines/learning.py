"""Auto-deleveraging that learns: after each round it notes what each rule of its library would have lost in it.

The note is the only memory (`policies/adl/online_learning.py` has the figures): a fork, or a handler primed in the
middle, goes on with the weights that the rounds before gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...events.bodies.venue import HandlerStateNoted
from ...events.bodies.waterfall import PositionDeleveraged
from ...events.ledger import LedgerState
from ..adl_engine import AdlEngine, ClosingSettings
from ..closing_task import ClosingTask
from ..policies.adl.online_learning import LOSSES, OnlineLearning, OnlineLearningParameters, loss_of, losses_after
from ..policies.allocation import Sharing
from ..policies.ranking import Closing, Ranked
from ..protocol import Product
from ..ranking import Ranking
from ..reductions import Shares

if TYPE_CHECKING:
    from ..column_ranking import ColumnRanking

__all__ = ["LearningEngine"]


class LearningEngine(AdlEngine):
    """The engine with a policy whose weights are in the ledger."""

    def __init__(
        self,
        ranking_policy: OnlineLearning,
        _parameters: OnlineLearningParameters,
        settings: ClosingSettings | None = None,
    ) -> None:
        super().__init__(ranking_policy, settings)
        self._mix = ranking_policy

    def _products(
        self,
        task: ClosingTask,
        ranking: Ranking | ColumnRanking,
        digest: bytes,
        base_round: int | None,
        ledger: LedgerState,
        shared: Shares | None = None,
    ) -> list[Product]:
        """The round, and what was learnt from it; a cap on profits, which has its own shares, teaches nothing."""
        products = super()._products(task, ranking, digest, base_round, ledger, shared)
        if shared is not None or not len(ranking):
            return products
        market = ledger.markets[task.key[0]]
        worth_atoms = market.payoff.value_atoms(task.size_lots, market.mark_ticks)
        closing = Closing(abs(task.size_lots), task.value_atoms - worth_atoms)
        gave = {body.account: abs(body.size_lots) for body in products if isinstance(body, PositionDeleveraged)}
        at_once = ranking.losses(closing, self._mix.rules, gave, ledger) if isinstance(ranking, Sharing) else None
        losses = self._losses(closing, list(ranking), gave) if at_once is None else at_once
        sums = losses_after(ledger.notes.get((self.name, LOSSES), ()), losses)
        return [*products, HandlerStateNoted(self.name, LOSSES, sums)]

    def _losses(self, closing: Closing, places: Sequence[Ranked], gave: Mapping[int, int]) -> list[int]:
        """Of the mix as it gave, and of each rule on paper."""
        mixed = [gave.get(place.candidate.account, 0) for place in places]
        return [loss_of(closing, places, lots) for lots in (mixed, *self._mix.on_paper(closing, places))]

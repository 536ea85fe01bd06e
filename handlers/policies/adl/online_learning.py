"""Online learning over a library of rules, weighted by how each would have done in the rounds before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec

from ....events.ledger import LedgerState
from ...options.fixed_point import exp
from ..allocation import Sharing, allotted, greedy, in_proportion, wealth_of
from ..profit_leverage import ProfitLeverage
from ..ranking import Allocation, Basis, Closing, Ranked, allocates
from ..ratio import ATOMS, Ratio, RatioPolicy
from .contract_pro_rata import ContractProRata
from .min_max_integer import MinMaxInteger
from .queue import Queue
from .wealth_pro_rata import WealthProRata

__all__ = [
    "FINE",
    "LIBRARY",
    "LOSSES",
    "OnlineLearning",
    "OnlineLearningParameters",
    "loss_of",
    "losses_after",
    "weights_of",
]

LIBRARY: tuple[type[Any], ...] = (ProfitLeverage, Queue, WealthProRata, ContractProRata, MinMaxInteger)
"""The rules that are mixed."""

LOSSES = "losses of rules"
"""The note that has the sum of losses of the mix, and then of each rule."""

ONE = 10**9
FINE = 10**18
_PPM = 10**6


class OnlineLearningParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """eta, in millionths: how fast it leaves a rule that does worse."""

    eta_ppm: int = 500_000

    def __post_init__(self) -> None:
        """Refuse to learn nothing, or to leave a rule for good at the first round."""
        if not 0 < self.eta_ppm <= 20 * _PPM:
            message = "eta_ppm must lie in 1..20000000"
            raise ValueError(message)


class OnlineLearning(RatioPolicy):
    """lots = sum of w_k x lots_k / sum of w_k, w_k = exp(-eta x L_k); L_k the losses of rule k in earlier rounds.

    1. In each round every rule of the library shares out what is to be closed, by itself and on paper. Its loss is
       (lots that it leaves open / all lots + the largest share of anyone's gains that it takes) / 2, a share being of
       the lesser of profit and equity and at most one; then that over the largest loss of any rule, in 10^-9.
    2. The weights follow from the sums of these losses alone, which each round puts into the ledger's notes
       (`adl_engines/learning.py`): the first round mixes all alike.
    3. Whole lots by largest remainder, nobody more than its equity can bear. Candidates are ranked by min(profit,
       equity).

    The mix loses at most ln(rules) / eta + eta x rounds / 8 more than the best rule in hindsight, in these units, but
    for rounding to lots. Sources: arXiv 2602.15182 (ADL as online learning: the loss of (10), the library, regret of
    (14)); the weights are Freund and Schapire's Hedge, Journal of Computer and System Sciences 55 (1997). The paper's
    own controller is `vector-mirror-descent`; how much is closed is no choice here, so nothing learns the severity.
    """

    policy: ClassVar[str] = "online-learning"
    version: ClassVar[str] = "1"
    formula: ClassVar[str] = "min(profit, equity) x 10^-9"
    in_words: ClassVar[str] = "the lesser of profit and the account's equity"
    source: ClassVar[str] = "arXiv 2602.15182; Freund and Schapire, JCSS 55 (1997)"
    basis: ClassVar[Basis] = "equity dollars"
    Parameters: ClassVar[type[msgspec.Struct]] = OnlineLearningParameters
    ratio: ClassVar[Ratio] = Ratio(("wealth",), (), ATOMS)

    def __init__(self, parameters: OnlineLearningParameters) -> None:
        self.eta_ppm = parameters.eta_ppm
        self.rules = [kind(kind.Parameters()) for kind in LIBRARY]

    def allocate_in(
        self, closing: Closing, places: Iterable[Ranked], instrument: int, ledger: LedgerState
    ) -> Allocation:
        """The mix by the losses so far."""
        weights = weights_of(ledger.notes.get(("adl", LOSSES), ()), len(self.rules), self.eta_ppm)
        at_once = places.mixed(closing, self.rules, weights, ledger) if isinstance(places, Sharing) else None
        if at_once is not None:
            return at_once
        found = list(places)
        mixed = [0] * len(found)
        for weight, lots in zip(weights, self.on_paper(closing, found), strict=True):
            mixed = [so_far + weight * own for so_far, own in zip(mixed, lots, strict=True)]
        caps = [closing.most(place.candidate) for place in found]
        return allotted(found, in_proportion(closing.lots, mixed, caps))

    def on_paper(self, closing: Closing, places: Sequence[Ranked]) -> list[list[int]]:
        """The lots of each place by each rule; O(rules x n log n)."""
        return [_shared(rule, closing, places) for rule in self.rules]


def _shared(rule: Any, closing: Closing, places: Sequence[Ranked]) -> list[int]:
    """What a rule would have each of the places give."""
    scores = rule.scores([place.candidate for place in places])
    order = sorted(range(len(places)), key=lambda one: (-scores[one], places[one].candidate.account))
    ranked = [Ranked(rank, scores[one], places[one].candidate, places[one].leg) for rank, one in enumerate(order, 1)]
    given = rule.allocate(closing, ranked) if allocates(rule) else greedy(closing, ranked)
    lots = [0] * len(places)
    for place, share in given:
        lots[order[place.rank - 1]] = share
    return lots


def weights_of(noted: Sequence[int], rules: int, eta_ppm: int) -> list[int]:
    """The weights, in 10^-9, by the noted sums of losses: of the mix, and of each rule."""
    losses = noted[1:] or [0] * rules
    least = min(losses)
    return [max(1, exp(-eta_ppm * (loss - least) // _PPM, ONE)) for loss in losses]


def loss_of(closing: Closing, places: Sequence[Ranked], lots: Sequence[int]) -> int:
    """Half of what is left open and half of the largest share taken of anyone's gains, in 10^-18."""
    left = FINE * (closing.lots - sum(lots)) // closing.lots
    costs, largest = max(0, closing.loss_atoms), 0
    for place, own in zip(places, lots, strict=True):
        if own and costs:
            wealth = wealth_of(place.candidate)
            share = FINE if wealth <= 0 else FINE * costs * own // (closing.lots * wealth)
            largest = max(largest, min(FINE, share))
    return (left + largest) // 2


def losses_after(noted: Sequence[int], losses: Sequence[int]) -> tuple[int, ...]:
    """The sums with a round's losses, that of the mix first: each over the largest of the rules', in 10^-9."""
    worst = max(losses[1:])
    before = noted or [0] * len(losses)
    if not worst:
        return tuple(before)
    return tuple(so_far + ONE * loss // worst for so_far, loss in zip(before, losses, strict=True))

"""A round that a venue decided itself, held against every published formula. Its names are stable JSON.

1. The ranking is made from the state before the round as the record has it: reconstructed where a table was imported.
   Candidates are whoever holds the other side there; those that the venue passed over are not known.
2. Per formula: how far it explains the order that happened (`agreement.py`), and what the round would have been: who is
   taken for how many lots. `lots_in_common` sums over accounts the lesser of both.
3. Parameters are each policy's defaults, the price of the round is the recorded one. A policy whose order follows from
   no figure of an account (a draw, or all scores the same) is named, and not compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ...events.ledger import LedgerState
from ...handlers.policies.adl.choices import ADL_POLICIES
from ...handlers.policies.adl.dydx import DydX
from ...handlers.policies.ranking import Closing, Ranked, RankingPolicy
from ...handlers.reductions import shared_out
from ...sim.figures import score_text
from ..rankings import ranking_of
from .agreement import longest_run, pairs_of, run_by_lot, same_place
from .names import Names
from .ranking import Round

__all__ = ["Formula", "FormulaPlace", "Published", "published_of"]

_CAVEATS = (
    "Candidates are the accounts that the record knows: whom the venue passed over is not in the files.",
    "Account values, entries and marks are what the record holds, reconstructed by others where a table was imported.",
    "Whether a position was isolated, so that only its own margin counted, is not known; all count as cross.",
    "Maintenance rates are not in the files: one flat rate stands for them, where a formula asks.",
)


class FormulaPlace(msgspec.Struct, frozen=True):
    """One place of a ranking: what it would have given, and the place (None: not taken) and the lots it had."""

    rank: int
    account: int
    name: str
    score: int
    score_text: str
    size_lots: int
    size: str
    would_give_lots: int
    would_give: str
    realised_rank: int | None
    gave_lots: int
    gave: str


class Formula(msgspec.Struct, frozen=True):
    """One published formula against the order that happened; `compared` False where there is nothing to compare.

    `correlation` is "numerator/denominator", exact. `taken` is how many accounts it would have taken.
    """

    policy: str
    version: str
    formula: str
    source: str
    compared: bool
    longest_run: int
    pairs_agreeing: int
    pairs_differing: int
    pairs: int
    correlation: str
    beyond_chance: bool
    same_place: int
    candidates: int
    taken: int
    lots_in_common: int
    places: tuple[FormulaPlace, ...]


class Published(msgspec.Struct, frozen=True):
    """A round against all formulas. `run_by_lot` is the longest run that an order drawn by lot has on the average.

    `shown` names the formula whose whole ranking is printed; JSON has all.
    """

    round: int
    started_seq: int
    fills: int
    lots: int
    run_by_lot: int
    caveats: tuple[str, ...]
    formulas: tuple[Formula, ...]
    shown: str | None = None


class _Realised:
    """What happened: accounts in the order in which they were first taken, and their lots."""

    def __init__(self, told: Round, ledger: LedgerState, names: Names) -> None:
        body = told.started.body
        assert isinstance(body, DeleveragingStarted)
        self.started, self.ledger, self.names = body, ledger, names
        self.lots: dict[int, int] = {}
        for event in told.reductions:
            taken = event.body
            assert isinstance(taken, PositionDeleveraged)
            self.lots[taken.account] = self.lots.get(taken.account, 0) + abs(taken.size_lots)
        self.ranks = {account: rank for rank, account in enumerate(self.lots, 1)}

    @property
    def closing(self) -> Closing:
        """The round as a policy is asked to share it out."""
        body, market = self.started, self.ledger.markets[self.started.instrument]
        loss = body.value_atoms - market.payoff.value_atoms(body.size_lots, market.mark_ticks)
        return Closing(sum(self.lots.values()), loss)


def published_of(told: Round, ledger: LedgerState, names: Names) -> Published:
    """The round against every policy there is; O(policies x candidates log candidates)."""
    realised = _Realised(told, ledger, names)
    formulas = [_formula(kind(kind.Parameters()), realised) for kind in ADL_POLICIES]
    return Published(
        realised.started.round,
        told.started.seq,
        len(told.reductions),
        sum(realised.lots.values()),
        run_by_lot(len(realised.lots)),
        _CAVEATS,
        tuple(formulas),
    )


def _formula(policy: RankingPolicy, realised: _Realised) -> Formula:
    body = realised.started
    ranking = ranking_of(realised.ledger, body.instrument, 1 if body.size_lots > 0 else -1, policy)
    places = list(ranking)
    given = _given(policy, realised, places)
    scores = {place.candidate.account: place.score for place in places}
    known = [account for account in realised.lots if account in scores]
    ordered = [scores[account] for account in known]
    compared = not isinstance(policy, DydX) and bool(known) and (len(known) == 1 or len(set(ordered)) > 1)
    pairs = pairs_of(ordered if compared else ())
    return Formula(
        policy.policy,
        policy.version,
        policy.formula,
        str(getattr(policy, "source", "")),
        compared,
        longest_run(ordered) if compared else 0,
        pairs.agreeing,
        pairs.differing,
        pairs.total,
        f"{pairs.correlation.numerator}/{pairs.correlation.denominator}",
        pairs.beyond_chance,
        same_place(list(realised.lots), [place.candidate.account for place in places]) if compared else 0,
        len(places),
        len(given),
        sum(min(lots, realised.lots.get(account, 0)) for account, lots in given.items()),
        tuple(_place(place, given, realised) for place in places),
    )


def _given(policy: RankingPolicy, realised: _Realised, places: Sequence[Ranked]) -> dict[int, int]:
    """Who would be taken for how many lots."""
    shared = shared_out(policy, realised.closing, places, realised.started.instrument, realised.ledger)
    return {place.candidate.account: lots for place, lots in shared}


def _place(place: Ranked, given: dict[int, int], realised: _Realised) -> FormulaPlace:
    account, size, instrument = place.candidate.account, place.candidate.size, realised.started.instrument
    would, gave, names = given.get(account, 0), realised.lots.get(account, 0), realised.names
    return FormulaPlace(
        place.rank,
        account,
        names.account(account),
        place.score,
        score_text(place.score),
        size,
        names.units(instrument, size),
        would,
        names.units(instrument, would),
        realised.ranks.get(account),
        gave,
        names.units(instrument, gave),
    )

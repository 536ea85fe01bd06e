"""The ranking of a round, made again: who stood where and by which figures, and whether the digest agrees.

1. Shown are the account's place with three above and three below; for a round as a whole, the places around the last
   that was taken.
2. `filled` is the policy's own formula with this account's figures in real units in place of their names.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from ...events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event
from ...handlers.policies.ranking import Candidate
from ...handlers.ranking import Ranked
from ...sim.figures import exact_money, score_text
from ..rankings import RoundRanking
from ..run import Run
from .names import Names
from .parts import Place, RankingPart

__all__ = ["Round", "filled_formula", "ranking_part", "round_events"]

_AROUND = 3
_INGREDIENTS = re.compile(r"\b(profit|notional|cost|equity|size)\b")


class Round(NamedTuple):
    """The events of a round: its start, its reductions, its end; None where a torn record stops before that."""

    started: Event
    reductions: tuple[Event, ...]
    ended: Event | None

    @property
    def gave_lots(self) -> dict[int, int]:
        """How many lots each account gave, without a sign."""
        bodies = [event.body for event in self.reductions]
        return {body.account: abs(body.size_lots) for body in bodies if isinstance(body, PositionDeleveraged)}

    @property
    def last_rank(self) -> int | None:
        """The place of the last account that was taken; None where nobody was."""
        body = self.reductions[-1].body if self.reductions else None
        return body.rank if isinstance(body, PositionDeleveraged) else None


def round_events(run: Run, started: Event) -> Round:
    """The events of a round, which stand near each other: in one delivery, in an import in one block of a file.

    There a venue may have carried out several rounds by turns.
    """
    assert isinstance(started.body, DeleveragingStarted)
    number, reductions = started.body.round, list[Event]()
    for event in run.events(started.seq + 1):
        body = event.body
        if isinstance(body, DeleveragingEnded) and body.round == number:
            return Round(started, tuple(reductions), event)
        if isinstance(body, PositionDeleveraged) and body.round == number:
            reductions.append(event)
    return Round(started, tuple(reductions), None)


def ranking_part(made: RoundRanking, told: Round, account: int | None, names: Names) -> RankingPart:
    """The part of the answer; `account` is the one that is asked about, None for the round as a whole."""
    body = made.started.body
    assert isinstance(body, DeleveragingStarted)
    places = list(made.ranking)
    own = next((place for place in places if place.candidate.account == account), None)
    closed = sum(told.gave_lots.values())
    return RankingPart(
        body.round,
        made.started.seq,
        None if told.ended is None else told.ended.seq,
        made.policy.policy,
        made.policy.version,
        made.policy.formula,
        None if own is None else filled_formula(made.policy.formula, own.candidate, body.instrument, names),
        None if own is None else own.rank,
        None if own is None else own.score,
        None if own is None else score_text(own.score),
        len(places),
        len(told.reductions),
        told.last_rank,
        abs(body.size_lots) - closed,
        tuple(_place(place, body.instrument, told, account, names) for place in _around(places, own, told)),
        len(places) if made.base is None else len(made.touched),
        None if made.base is None else made.base.seq,
        made.recorded.hex(),
        made.recomputed.hex(),
        made.proved,
    )


def _around(places: list[Ranked], own: Ranked | None, told: Round) -> list[Ranked]:
    middle = (told.last_rank or 1) if own is None else own.rank
    return list(islice(places, max(0, middle - 1 - _AROUND), middle + _AROUND))


def _place(place: Ranked, instrument: int, told: Round, account: int | None, names: Names) -> Place:
    candidate, gave_lots = place.candidate, told.gave_lots.get(place.candidate.account, 0)
    return Place(
        place.rank,
        candidate.account,
        names.account(candidate.account),
        place.score,
        score_text(place.score),
        candidate.profit,
        candidate.notional,
        candidate.cost,
        candidate.equity,
        candidate.size,
        names.units(instrument, candidate.size),
        gave_lots,
        names.units(instrument, gave_lots),
        candidate.account == account,
    )


def filled_formula(formula: str, candidate: Candidate, instrument: int, names: Names) -> str:
    """The formula with figures: money in the account's asset, the size in units."""
    asset = names.asset_of(candidate.account)

    def figure(found: re.Match[str]) -> str:
        number = getattr(candidate, found[0])
        return names.units(instrument, number) if found[0] == "size" else exact_money(number, asset)

    return _INGREDIENTS.sub(figure, formula)

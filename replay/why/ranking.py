"""The ranking of a round, made again: who stood where and by which figures, and whether the digest agrees.

1. Shown are the account's place with three above and three below; for a round as a whole, the places around the last
   that was taken.
2. `filled` is the policy's own formula with this account's figures in place of their names (`replay/arithmetic.py`).
3. Where the ranking cannot be made again, the places are those of the accounts that were taken, as the record has them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from ...events.bodies.run import Producer
from ...events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event
from ...handlers.policies.ranking import ANYBODY, RankingPolicy
from ...handlers.policies.score_formula import ScoreFormula, formula_of
from ...handlers.ranking import Ranked, candidate_of
from ...sim.figures import count, score_text
from ..arithmetic import Arithmetic, Scale, arithmetic_of
from ..rankings import RoundRanking, UnrankedRound
from ..run import Run
from .names import Names
from .ranking_parts import FirstPlace, Place, RankingPart, Share

__all__ = [
    "Round",
    "Standings",
    "first_of",
    "first_place",
    "ranking_part",
    "round_events",
    "standings_of",
    "worked_out",
]

_AROUND = 3

_NAMED = 5
"""So many who gave most of a round stand in its account by name."""


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


def ranking_part(made: RoundRanking | UnrankedRound, told: Round, account: int | None, names: Names) -> RankingPart:
    """The part of the answer; `account` is the one that is asked about, None for the round as a whole."""
    if isinstance(made, UnrankedRound):
        taken = _taken(made, told)
        own = next((place for place in taken if place.candidate.account == account), None)
        part = _part(made, told, account, names, _around(taken, own, told), own)
        return msgspec.structs.replace(part, version=made.version, not_made_again=made.reason)
    own, formula = None if account is None else made.ranking.place_of(account), formula_of(made.policy)
    middle = _middle(own, told)
    part = _part(made, told, account, names, made.ranking.places(middle - _AROUND, middle + _AROUND), own)
    worked = None if formula is None or own is None else worked_out(formula, own, made, names)
    return msgspec.structs.replace(
        part,
        version=made.producer.version,
        made_again_by=_version_here(made.producer),
        formula=None if formula is None else formula.text,
        filled=None if worked is None else worked.filled,
        arithmetic=None if worked is None else worked.text,
        candidates=len(made.ranking),
        digest_rows=len(made.ranking) if made.base is None else len(made.touched),
        recomputed_digest=made.recomputed.hex(),
        proved=made.proved,
        rule=_rule_of(made.policy),
        source=str(getattr(made.policy, "source", "")),
    )


def _rule_of(policy: RankingPolicy) -> str:
    """What a policy says of itself: the first paragraph of its docstring."""
    return " ".join((type(policy).__doc__ or "").strip().partition("\n\n")[0].split())


class Standings(NamedTuple):
    """Where the accounts asked about stood in the first ranking of an instant, among how many."""

    started: Event
    candidates: int
    places: dict[int, Ranked]


def first_of(run: Run, started: Event) -> Event:
    """The first round of the same instant for the same side of the same instrument."""
    body = started.body
    assert isinstance(body, DeleveragingStarted)
    for event in run.events(run.first_at(started.at_ns), started.seq):
        one = event.body
        if (
            isinstance(one, DeleveragingStarted)
            and one.instrument == body.instrument
            and (one.size_lots > 0) == (body.size_lots > 0)
        ):
            return event
    return started


def standings_of(made: RoundRanking | UnrankedRound, accounts: Collection[int]) -> Standings | None:
    """The places of these accounts in a round's ranking; None where that cannot be made again."""
    if isinstance(made, UnrankedRound):
        return None
    found = ((account, made.ranking.place_of(account)) for account in accounts)
    return Standings(made.started, len(made.ranking), {account: place for account, place in found if place is not None})


def first_place(first: Standings | None, account: int | None) -> FirstPlace | None:
    """The place of an account in the first ranking of the instant."""
    if first is None or account is None:
        return None
    body, place = first.started.body, first.places.get(account)
    assert isinstance(body, DeleveragingStarted)
    score = None if place is None else place.score
    return FirstPlace(
        body.round,
        first.started.seq,
        first.candidates,
        None if place is None else place.rank,
        score,
        None if score is None else score_text(score),
    )


def _version_here(producer: Producer) -> str:
    """The version that made the ranking again; of a plug-in only the recorded one can."""
    from ...handlers.registry import builtin_version, is_builtin  # noqa: PLC0415 - it is there once a policy was built

    return builtin_version(producer) if is_builtin(producer) else producer.version


def _part(
    made: RoundRanking | UnrankedRound,
    told: Round,
    account: int | None,
    names: Names,
    places: list[Ranked],
    own: Ranked | None,
) -> RankingPart:
    """What the record itself has of the ranking, with these places."""
    body = made.started.body
    assert isinstance(body, DeleveragingStarted)
    return RankingPart(
        round=body.round,
        started_seq=made.started.seq,
        ended_seq=None if told.ended is None else told.ended.seq,
        policy=body.policy,
        rank=None if own is None else own.rank,
        score=None if own is None else own.score,
        score_text=None if own is None else score_text(own.score),
        candidates=body.candidates,
        taken=len(told.reductions),
        last_rank=told.last_rank,
        left_lots=abs(body.size_lots) - sum(told.gave_lots.values()),
        shared=_shared(body, told, names),
        places=tuple(_place(place, body.instrument, told, account, names) for place in places),
        digest_rows=body.candidates if made.base is None else None,
        base_seq=None if made.base is None else made.base.seq,
        recorded_digest=body.ranking_digest.hex(),
        gave=tuple(
            Share(account, names.account(account), lots, names.units(body.instrument, lots))
            for account, lots in _in_order(told)
        ),
    )


def _in_order(told: Round) -> list[tuple[int, int]]:
    """Who gave how many lots, who gave most first."""
    return sorted(told.gave_lots.items(), key=lambda one: (-one[1], one[0]))


def _shared(body: DeleveragingStarted, told: Round, names: Names) -> str:
    """Who gave how much, those who gave most by name, and what that comes to."""
    gave = _in_order(told)
    total, instrument = sum(lots for _, lots in gave), body.instrument
    if not gave:
        return f"Nobody gave anything of the {names.size(instrument, body.size_lots)}."
    named = [f"{names.account(account)} {names.units(instrument, lots)}" for account, lots in gave[:_NAMED]]
    others = gave[_NAMED:]
    if others:
        rest = names.units(instrument, sum(lots for _, lots in others))
        named.append(f"{count(len(others), 'other')} {rest}")
    left = abs(body.size_lots) - total
    end = f", and {names.units(instrument, left)} were left" if left else ""
    whole, given = names.size(instrument, body.size_lots), names.units(instrument, total)
    return f"Of the {whole} these were given: {', '.join(named)}; {given} in all{end}."


def _taken(made: UnrankedRound, told: Round) -> list[Ranked]:
    """Those who were taken, with the rank and score of the record and their figures in the state of the round."""
    started, found = made.started.body, list[Ranked]()
    assert isinstance(started, DeleveragingStarted)
    side = 1 if started.size_lots > 0 else -1
    for body in (event.body for event in told.reductions):
        assert isinstance(body, PositionDeleveraged)
        account = made.ledger.accounts[body.account]
        judged = candidate_of(account, started.instrument, side, made.ledger.markets, ANYBODY)
        if isinstance(judged, tuple):
            found.append(Ranked(body.rank, body.score, *judged))
    return found


def _middle(own: Ranked | None, told: Round) -> int:
    """The rank around which places are shown."""
    return (told.last_rank or 1) if own is None else own.rank


def _around(places: list[Ranked], own: Ranked | None, told: Round) -> list[Ranked]:
    middle = _middle(own, told)
    return [place for place in places if abs(place.rank - middle) <= _AROUND]


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


def worked_out(formula: ScoreFormula, place: Ranked, made: RoundRanking, names: Names) -> Arithmetic:
    """A place's score as arithmetic."""
    body = made.started.body
    assert isinstance(body, DeleveragingStarted)
    scale = Scale(names.asset_of(place.candidate.account).decimals, names.listing(body.instrument).lot_size)
    return arithmetic_of(formula, place.candidate, place.score, scale, (body.instrument, place.leg), made.ledger)

"""The ranking of a round, made again: who stood where and by which figures, and why another account was not taken.

1. Shown are the account's place with three above and three below; for a round as a whole, the places around the last
   that was taken. Whether the ranking made again is the recorded one, its digest says.
2. `filled` is the policy's own formula with this account's figures in place of their names (`replay/arithmetic.py`).
3. Where the ranking cannot be made again, the places are those of the accounts that were taken, as the record has them.
4. Of an account that was not taken it is told where it stood, or which condition of the ranking it did not meet.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from ...events.bodies.run import Producer
from ...events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event
from ...events.ledger import Account
from ...handlers.policies.ranking import ANYBODY, Candidate, RankingPolicy, allocates, allocates_in, terms_of
from ...handlers.policies.score_formula import ScoreFormula, formula_of
from ...handlers.ranking import Ineligible, Ranked, candidate_of, judged
from ...handlers.valuation import coins_worth_atoms, margin_of, profit_atoms
from ...sim.figures import count, score_text
from ...sim.quantities import SCORES, Quantity
from ..arithmetic import ONLY_CODE, Arithmetic, FigureScale, arithmetic_of
from ..rankings import RoundRanking, UnrankedRound, round_body
from ..run import Run
from .names import RunNames
from .parts import FirstPlace, Place, RankingPart, Share

__all__ = [
    "Round",
    "Spared",
    "Standings",
    "first_of",
    "first_place",
    "ranking_part",
    "round_events",
    "spared_of",
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


def ranking_part(made: RoundRanking | UnrankedRound, told: Round, account: int | None, names: RunNames) -> RankingPart:
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
        in_words=str(getattr(made.policy, "in_words", "")),
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
    body = round_body(started)
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
    body, place = round_body(first.started), first.places.get(account)
    rank, score = (None, None) if place is None else (place.rank, Quantity(place.score, SCORES))
    return FirstPlace(body.round, first.started.seq, first.candidates, rank, score)


def _version_here(producer: Producer) -> str:
    """The version that made the ranking again; of a plug-in only the recorded one can."""
    from ...handlers.registry import builtin_version, is_builtin  # noqa: PLC0415 - it is there once a policy was built

    return builtin_version(producer) if is_builtin(producer) else producer.version


def _part(
    made: RoundRanking | UnrankedRound,
    told: Round,
    account: int | None,
    names: RunNames,
    places: list[Ranked],
    own: Ranked | None,
) -> RankingPart:
    """What the record itself has of the ranking, with these places."""
    body = round_body(made.started)
    return RankingPart(
        round=body.round,
        started_seq=made.started.seq,
        ended_seq=None if told.ended is None else told.ended.seq,
        policy=body.policy,
        rank=None if own is None else own.rank,
        score=None if own is None else Quantity(own.score, SCORES),
        candidates=body.candidates,
        taken=len(told.reductions),
        last_rank=told.last_rank,
        left=names.size_of(body.instrument, abs(body.size_lots) - sum(told.gave_lots.values())),
        shared=_shared(body, told, names),
        places=tuple(_place(place, body.instrument, told, account, names) for place in places),
        digest_rows=body.candidates if made.base is None else None,
        base_seq=None if made.base is None else made.base.seq,
        recorded_digest=body.ranking_digest.hex(),
        gave=tuple(
            Share(account, names.account(account), names.size_of(body.instrument, lots))
            for account, lots in _in_order(told)
        ),
    )


def _in_order(told: Round) -> list[tuple[int, int]]:
    """Who gave how many lots, who gave most first."""
    return sorted(told.gave_lots.items(), key=lambda one: (-one[1], one[0]))


def _shared(body: DeleveragingStarted, told: Round, names: RunNames) -> str:
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
        coins_atoms = coins_worth_atoms(account, made.ledger)
        stood = candidate_of(account, started.instrument, side, made.ledger.markets, ANYBODY, coins_atoms)
        if isinstance(stood, tuple):
            found.append(Ranked(body.rank, body.score, *stood))
    return found


def _middle(own: Ranked | None, told: Round) -> int:
    """The rank around which places are shown."""
    return (told.last_rank or 1) if own is None else own.rank


def _around(places: list[Ranked], own: Ranked | None, told: Round) -> list[Ranked]:
    middle = _middle(own, told)
    return [place for place in places if abs(place.rank - middle) <= _AROUND]


def _place(place: Ranked, instrument: int, told: Round, account: int | None, names: RunNames) -> Place:
    candidate, number = place.candidate, place.candidate.account
    return Place(
        rank=place.rank,
        account=number,
        name=names.account(number),
        score=Quantity(place.score, SCORES),
        profit=names.money_of(number, candidate.profit),
        notional=names.money_of(number, candidate.notional),
        cost=names.money_of(number, candidate.cost),
        equity=names.money_of(number, candidate.equity),
        size=names.size_of(instrument, candidate.size),
        gave=names.size_of(instrument, told.gave_lots.get(number, 0)),
        asked=number == account,
    )


def worked_out(formula: ScoreFormula, place: Ranked, made: RoundRanking, names: RunNames) -> Arithmetic:
    """A place's score as arithmetic."""
    body = round_body(made.started)
    scale = FigureScale(names.asset_of(place.candidate.account).decimals, names.listing(body.instrument).lot_size)
    return arithmetic_of(formula, place.candidate, place.score, scale, (body.instrument, place.leg), made.ledger)


class Spared(msgspec.Struct, frozen=True):
    """Why another account was not taken, or that it was.

    `reason` is `taken`, `behind`, `passed_over`, `bankrupt_itself`, one of `handlers.ranking.Ineligible`, or
    `not_made_again` where the ranking could not be.
    """

    account: int
    name: str
    reason: str
    rank: int | None
    score: Quantity | None
    text: str


class _SparedQuestion:
    """An account, and the round in the state that it was decided in."""

    def __init__(self, number: int, made: RoundRanking | UnrankedRound, told: Round, names: RunNames) -> None:
        body, ledger = round_body(made.started), made.ledger
        self.number, self.ledger, self.told, self.names, self.body = number, ledger, told, names, body
        self.who, self.side = names.account(number), 1 if body.size_lots > 0 else -1
        self.account: Account = ledger.accounts[number]

    @property
    def capped(self) -> bool:
        """Whether the round was for a cap on profits, in which nobody is bankrupt and the order is always a queue."""
        return self.body.trigger == "profit_cap"

    @property
    def closing(self) -> str:
        """Which positions count, in words."""
        opposite = "short" if self.side > 0 else "long"
        return f"{opposite} {self.names.instrument(self.body.instrument)}"


def spared_of(number: int, made: RoundRanking | UnrankedRound, told: Round, names: RunNames) -> Spared:
    """The part of the answer about account `number`."""
    asked = _SparedQuestion(number, made, told, names)
    if number == asked.body.account and not asked.capped:
        text = f"{asked.who} is whose position was closed in this round; nobody closes against themselves."
        return Spared(number, asked.who, "bankrupt_itself", None, None, text)
    terms = ANYBODY if isinstance(made, UnrankedRound) else terms_of(made.policy)
    found = judged(asked.account, asked.body.instrument, asked.side, asked.ledger, terms)
    if isinstance(found, Ineligible):
        return Spared(number, asked.who, found.value, None, None, _ineligible(asked, found))
    if isinstance(made, UnrankedRound):
        return _unranked(asked, made)
    place = made.ranking.place_of(number)
    assert place is not None  # whoever is eligible has one
    reason, text = _ranked(asked, place, made)
    return Spared(number, asked.who, reason, place.rank, Quantity(place.score, SCORES), text)


def _unranked(asked: _SparedQuestion, made: UnrankedRound) -> Spared:
    """Of a ranking that could not be made again: taken, as the record says, or of an unknown place."""
    for body in (event.body for event in asked.told.reductions):
        if isinstance(body, PositionDeleveraged) and body.account == asked.number:
            stood = f"{asked.who} stood at rank {body.rank:,} of {asked.body.candidates:,} by the record"
            score = Quantity(body.score, SCORES)
            return Spared(asked.number, asked.who, "taken", body.rank, score, f"{stood}. {_gave(asked)}")
    text = (
        f"{asked.who} {_held(asked)}, with {_profit(asked)} of unrealised profit, and was not taken. At which place it "
        f"stood cannot be told, because the ranking could not be made again: {made.reason}."
    )
    return Spared(asked.number, asked.who, "not_made_again", None, None, text)


def _gave(asked: _SparedQuestion) -> str:
    gave = asked.told.gave_lots[asked.number]
    return f"It was not spared: it gave {asked.names.size(asked.body.instrument, gave)} here."


def _ranked(asked: _SparedQuestion, place: Ranked, made: RoundRanking) -> tuple[str, str]:
    """A candidate: taken, behind the last that was, or in front of it and unable to give a single lot."""
    told, policy, formula = asked.told, made.policy, formula_of(made.policy)
    rule = ONLY_CODE
    if formula is not None:
        rule = f"{formula.text} = {worked_out(formula, place, made, asked.names).text}"
    score = score_text(place.score)
    stood = f"{asked.who} stood at rank {place.rank:,} of {len(made.ranking):,} with a score of {score}: {rule}"
    if asked.number in told.gave_lots:
        return "taken", f"{stood}. {_gave(asked)}"
    if (allocates(policy) or allocates_in(policy)) and not asked.capped:
        return "passed_over", f"{stood}. It was passed over: {policy.policy} shared out all it could without it."
    if told.last_rank is not None and place.rank > told.last_rank and not _left_lots(asked):
        used_up = "Enough profit was paid" if asked.capped else "The position was used up"
        return "behind", f"{stood}. {used_up} at rank {told.last_rank:,}, before its turn."
    if asked.capped:
        return "passed_over", f"{stood}. It was passed over: it had no profit to be paid."
    return "passed_over", f"{stood}. {_too_poor(asked, place.candidate)}"


def _left_lots(asked: _SparedQuestion) -> int:
    return abs(asked.body.size_lots) - sum(asked.told.gave_lots.values())


def _too_poor(asked: _SparedQuestion, candidate: Candidate) -> str:
    """Its equity against what one lot costs at the round's price: rule 4 of the engine, an atom kept for rounding."""
    body, names, market = asked.body, asked.names, asked.ledger.markets[asked.body.instrument]
    loss_atoms = body.value_atoms - market.payoff.value_atoms(body.size_lots, market.mark_ticks)
    per_lot_atoms = -(-loss_atoms // abs(body.size_lots))
    equity, loss = names.money(asked.number, candidate.equity), names.money(asked.number, per_lot_atoms)
    return (
        f"It was passed over: a single lot, {names.size(body.instrument, 1)}, closed at the round's price would have "
        f"cost it {loss} against the mark. Its equity of {equity} does not cover that, and nobody loses more than it."
    )


def _ineligible(asked: _SparedQuestion, reason: Ineligible) -> str:
    """Why it was no candidate, with the figures that say so."""
    who, account = asked.who, asked.account
    if reason is Ineligible.EXEMPT:
        instrument = asked.names.instrument(asked.body.instrument)
        return f"{who} was no candidate: nobody is deleveraged of {instrument}, as the venue exempts options."
    if reason is Ineligible.NO_TRADER:
        return f"{who} was no candidate: it is the venue's own account ({account.kind}), and only traders are."
    if reason is Ineligible.IN_LIQUIDATION:
        status = account.status.replace("_", " ")
        return f"{who} was no candidate: it was itself in liquidation {account.liquidation_id} ({status})."
    if reason is Ineligible.NOT_OPPOSITE:
        return f"{who} was no candidate: it {_held(asked)}, and only a position that was {asked.closing} counts."
    if reason is Ineligible.NO_PROFIT:
        return f"{who} was no candidate: it {_held(asked)}, and that stood at no profit but at {_profit(asked)}."
    equity = asked.names.money(asked.number, margin_of(account, asked.ledger).equity_atoms)
    return f"{who} was no candidate: its account had no equity left, {equity}."


def _held(asked: _SparedQuestion) -> str:
    """What it holds of the instrument."""
    instrument, names = asked.body.instrument, asked.names
    held = [names.held(instrument, p.size_lots) for key, p in asked.account.positions.items() if key[0] == instrument]
    return f"was {' and '.join(held)}" if held else f"held no {names.instrument(instrument)}"


def _profit(asked: _SparedQuestion) -> str:
    """What its positions on the other side stood at."""
    market, instrument = asked.ledger.markets[asked.body.instrument], asked.body.instrument
    gained = [
        profit_atoms(market, held)
        for key, held in asked.account.positions.items()
        if key[0] == instrument and held.size_lots * asked.side < 0
    ]
    return ", ".join(asked.names.money(asked.number, atoms) for atoms in gained)

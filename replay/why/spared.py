"""Why another account was not taken: where it stood, or which condition of the ranking it did not meet, in figures."""

from __future__ import annotations

from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ...events.ledger import Account
from ...handlers.policies.ranking import ANYBODY, Candidate, allocates, allocates_in, terms_of
from ...handlers.policies.score_formula import formula_of
from ...handlers.ranking import Ineligible, Ranked, candidate_of
from ...handlers.valuation import margin_of, profit_atoms
from ...sim.figures import score_text
from ..arithmetic import ONLY_CODE
from ..rankings import RoundRanking, UnrankedRound
from .answer import Spared
from .names import Names
from .ranking import Round, worked_out

__all__ = ["spared_of"]


class _Question:
    """An account, and the round in the state that it was decided in."""

    def __init__(self, number: int, made: RoundRanking | UnrankedRound, told: Round, names: Names) -> None:
        body, ledger = made.started.body, made.ledger
        assert isinstance(body, DeleveragingStarted)
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


def spared_of(number: int, made: RoundRanking | UnrankedRound, told: Round, names: Names) -> Spared:
    """The part of the answer about account `number`."""
    asked = _Question(number, made, told, names)
    if number == asked.body.account and not asked.capped:
        text = f"{asked.who} is whose position was closed in this round; nobody closes against themselves."
        return Spared(number, asked.who, "bankrupt_itself", None, None, text)
    terms = ANYBODY if isinstance(made, UnrankedRound) else terms_of(made.policy)
    found = candidate_of(asked.account, asked.body.instrument, asked.side, asked.ledger.markets, terms)
    if isinstance(found, Ineligible):
        return Spared(number, asked.who, found.value, None, None, _ineligible(asked, found))
    if isinstance(made, UnrankedRound):
        return _unranked(asked, made)
    place = next(place for place in made.ranking if place.candidate.account == number)
    reason, text = _ranked(asked, place, made)
    return Spared(number, asked.who, reason, place.rank, place.score, text)


def _unranked(asked: _Question, made: UnrankedRound) -> Spared:
    """Of a ranking that could not be made again: taken, as the record says, or of an unknown place."""
    for body in (event.body for event in asked.told.reductions):
        if isinstance(body, PositionDeleveraged) and body.account == asked.number:
            stood = f"{asked.who} stood at rank {body.rank:,} of {asked.body.candidates:,} by the record"
            return Spared(asked.number, asked.who, "taken", body.rank, body.score, f"{stood}. {_gave(asked)}")
    text = (
        f"{asked.who} {_held(asked)}, with {_profit(asked)} of unrealised profit, and was not taken. At which place it "
        f"stood cannot be told, because the ranking could not be made again: {made.reason}."
    )
    return Spared(asked.number, asked.who, "not_made_again", None, None, text)


def _gave(asked: _Question) -> str:
    gave = asked.told.gave_lots[asked.number]
    return f"It was not spared: it gave {asked.names.size(asked.body.instrument, gave)} here."


def _ranked(asked: _Question, place: Ranked, made: RoundRanking) -> tuple[str, str]:
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


def _left_lots(asked: _Question) -> int:
    return abs(asked.body.size_lots) - sum(asked.told.gave_lots.values())


def _too_poor(asked: _Question, candidate: Candidate) -> str:
    """Its equity against what one lot costs at the round's price: rule 4 of the engine, an atom kept for rounding."""
    body, names, market = asked.body, asked.names, asked.ledger.markets[asked.body.instrument]
    loss_atoms = body.value_atoms - market.payoff.value_atoms(body.size_lots, market.mark_ticks)
    per_lot_atoms = -(-loss_atoms // abs(body.size_lots))
    equity, loss = names.money(asked.number, candidate.equity), names.money(asked.number, per_lot_atoms)
    return (
        f"It was passed over: a single lot, {names.size(body.instrument, 1)}, closed at the round's price would have "
        f"cost it {loss} against the mark. Its equity of {equity} does not cover that, and nobody loses more than it."
    )


def _ineligible(asked: _Question, reason: Ineligible) -> str:
    """Why it was no candidate, with the figures that say so."""
    who, account = asked.who, asked.account
    if reason is Ineligible.NO_TRADER:
        return f"{who} was no candidate: it is the venue's own account ({account.kind}), and only traders are."
    if reason is Ineligible.IN_LIQUIDATION:
        status = account.status.replace("_", " ")
        return f"{who} was no candidate: it was itself in liquidation {account.liquidation_id} ({status})."
    if reason is Ineligible.NOT_OPPOSITE:
        return f"{who} was no candidate: it {_held(asked)}, and only a position that was {asked.closing} counts."
    if reason is Ineligible.NO_PROFIT:
        return f"{who} was no candidate: it {_held(asked)}, and that stood at no profit but at {_profit(asked)}."
    equity = asked.names.money(asked.number, margin_of(account, asked.ledger.markets).equity_atoms)
    return f"{who} was no candidate: its account had no equity left, {equity}."


def _held(asked: _Question) -> str:
    """What it holds of the instrument."""
    instrument, names = asked.body.instrument, asked.names
    held = [names.held(instrument, p.size_lots) for key, p in asked.account.positions.items() if key[0] == instrument]
    return f"was {' and '.join(held)}" if held else f"held no {names.instrument(instrument)}"


def _profit(asked: _Question) -> str:
    """What its positions on the other side stood at."""
    market, instrument = asked.ledger.markets[asked.body.instrument], asked.body.instrument
    gained = [
        profit_atoms(market, held)
        for key, held in asked.account.positions.items()
        if key[0] == instrument and held.size_lots * asked.side < 0
    ]
    return ", ".join(asked.names.money(asked.number, atoms) for atoms in gained)

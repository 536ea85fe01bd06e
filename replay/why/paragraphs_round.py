"""Paragraphs about a round of auto-deleveraging: one reduction, its start, its end."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ...events.bodies.liquidation import BankruptcyDeclared
from ...events.bodies.margin import MarkPriced
from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event
from ...events.ledger import Account, Position
from ...events.ledger.account import funding_of, trade
from ...sim.figures import count, percent, score_text
from .cap import Cap
from .case import Case, joined
from .closed import mark_before
from .parts import Bankruptcy, Fund, Lot, RankingPart, Story
from .ranking import Round

__all__ = ["RoundParts", "position_deleveraged", "round_ended", "round_started"]


class RoundParts(NamedTuple):
    """The parts of the answer that a round's paragraph is written from."""

    told: Round
    ranking: RankingPart
    story: Story | None
    fund: Fund | None
    cap: Cap | None = None

    @property
    def body(self) -> DeleveragingStarted:
        """What the round was to close."""
        body = self.told.started.body
        assert isinstance(body, DeleveragingStarted)
        return body


def position_deleveraged(case: Case, body: PositionDeleveraged, parts: RoundParts) -> str:
    """Who, how much of what, at which price; why; by which place; what it cost or brought."""
    return joined(
        _who(case, body), _why(case, parts), _needed(case, parts), _place(case, body, parts), _cost(case, body)
    )


def round_started(case: Case, parts: RoundParts) -> str:
    """What was to be closed, why, and among whom."""
    names, body = case.names, parts.body
    what = f"{names.held(body.instrument, body.size_lots)} of {names.account(body.account)}"
    if parts.cap is not None:
        what = f"{names.size(body.instrument, body.size_lots)} of winners who were {parts.cap.side}"
    first = (
        f"Round {body.round} of auto-deleveraging began: {what} was to be closed at "
        f"{names.price(body.instrument, body.price_ticks)}, {names.value(body.instrument, body.value_atoms)} in all."
    )
    return joined(first, _why(case, parts), _needed(case, parts), _queue(parts), _came_of(case, parts))


def round_ended(case: Case, parts: RoundParts) -> str:
    """What it closed against whom, and what is left; why it was held."""
    first = f"Round {parts.body.round} of auto-deleveraging ended."
    return joined(first, _came_of(case, parts), _why(case, parts), _needed(case, parts), _queue(parts))


def _who(case: Case, body: PositionDeleveraged) -> str:
    names, held = case.names, case.ledger.accounts[body.account].positions[body.instrument, body.leg]
    side, verb = ("long", "sell") if held.size_lots > 0 else ("short", "buy back")
    name, size = names.instrument(body.instrument), names.units(body.instrument, abs(body.size_lots))
    whole = names.units(body.instrument, abs(held.size_lots))
    part = f"all {size}" if abs(body.size_lots) == abs(held.size_lots) else f"{size} of the {whole}"
    at, value = names.price(body.instrument, body.price_ticks), names.value(body.instrument, body.value_atoms)
    who = names.account(body.account)
    return f"{who} was made to {verb} {part} {name} that it was {side}, at {at}, for {value} in all."


def _why(case: Case, parts: RoundParts) -> str:
    story, cap = parts.story, parts.cap
    if cap is not None:
        return f"Nobody was bankrupt: this was for the cap on traders' profits (event {cap.seq}). {cap.text}"
    if story is None:
        return ""
    if story.lot is not None:
        return _why_lot(case, story, story.lot)
    return "" if story.bankruptcy is None else _why_bankrupt(case, story, story.bankruptcy)


def _why_bankrupt(case: Case, story: Story, found: Bankruptcy) -> str:
    """The move of the mark since the call, the bankruptcy and what was missing."""
    since_seq, when = story.started_seq, f"when the liquidation of {story.name} began"
    if story.called_seq is not None:
        since_seq, when = story.called_seq, f"when {story.name} was called"
    moved = _moved(case, found.instrument, since_seq, when)
    has = (
        f"it owed {found.missing} more than it had" if found.missing_atoms else f"it had {found.equity} of equity left"
    )
    who = f"{story.name}, {case.names.held(found.instrument, found.size_lots)}"
    return (
        f"{moved} {who}, was bankrupt{_declared(case, story)}: at that mark {has}, and its bankruptcy price, the one "
        f"at which it ends at exactly zero, was {found.price}."
    )


def _declared(case: Case, story: Story) -> str:
    """Which event declared the bankruptcy, and why."""
    for step in reversed(story.steps):
        body = case.run.event(step.seq).body if step.type == BankruptcyDeclared.__name__ else None
        if isinstance(body, BankruptcyDeclared):
            return f" (event {step.seq}: {body.reason})"
    return ""


def _why_lot(case: Case, story: Story, lot: Lot) -> str:
    """The lot, what the fund paid for it, the move of the mark since, and the loss."""
    moved = "" if lot.taken_seq is None else _moved(case, lot.instrument, lot.taken_seq, "when it was taken over")
    event = "" if lot.taken_seq is None else f" in event {lot.taken_seq}"
    held = case.names.held(lot.instrument, lot.size_lots)
    return joined(
        f"The insurance fund still held {held} that it had taken over from {story.name}{event} at {lot.price}.",
        moved,
        f"At {'that' if moved else 'its'} mark the lot stood at a loss of {lot.loss}.",
    )


def _moved(case: Case, instrument: int, since_seq: int, when: str) -> str:
    """From which mark to which, and where both stand in the record; from the one before if there was no other since."""
    names, now = case.names, mark_before(case.run, instrument, case.event.seq)
    then = mark_before(case.run, instrument, since_seq)
    if now is not None and then is not None and then.seq == now.seq:
        then, when = mark_before(case.run, instrument, now.seq), "the mark before it"
    if now is None:
        return ""
    name, after_ticks = names.instrument(instrument), _mark_ticks(now)
    after = names.price(instrument, after_ticks)
    if then is None:
        return f"The mark of {name} stood at {after} (event {now.seq}), the first that there was."
    before_ticks = _mark_ticks(then)
    before = names.price(instrument, before_ticks)
    if before_ticks == after_ticks:
        return f"The mark of {name} stood at {after} (event {now.seq}), as {when} (event {then.seq})."
    verb = "fallen" if after_ticks < before_ticks else "risen"
    change = percent(after_ticks - before_ticks, before_ticks)
    since = f"from {before} (event {then.seq}), {when}, to {after} (event {now.seq}), {change}"
    return f"The mark of {name} had {verb} {since}."


def _mark_ticks(event: Event) -> int:
    assert isinstance(event.body, MarkPriced)
    return event.body.mark_ticks


def _needed(case: Case, parts: RoundParts) -> str:
    fund = parts.fund
    if fund is None:
        return ""
    if fund.trigger == "drawdown":
        further = f"{fund.needed} further within the window than its rule allows"
        return f"The {case.names.fund(fund.account)} had fallen {further} (event {fund.shortfall_seq})."
    if fund.equity_atoms is None:
        return f"The fund's capacity, cash and inventory at the mark, was {fund.capacity} (event {fund.shortfall_seq})."
    return (
        f"The {case.names.fund(fund.account)} needed {fund.needed} to take it on and had {fund.capacity}, "
        f"{fund.missing} too little (event {fund.shortfall_seq})."
    )


def _place(case: Case, body: PositionDeleveraged, parts: RoundParts) -> str:
    ranking = parts.ranking
    closed = "it against profitable positions on the other side" if parts.cap is None else "profitable positions"
    return (
        f"So round {body.round} (event {ranking.started_seq}) closed {closed}, by {_rule(ranking)}: "
        f"{case.names.account(body.account)} stood at rank {body.rank:,} of {ranking.candidates:,}, with a score of "
        f"{score_text(body.score)}."
    )


def _queue(parts: RoundParts) -> str:
    ranking = parts.ranking
    side = "of that side" if parts.cap is not None else "on the other side"
    stood = f"{count(ranking.candidates, 'candidate')} stood in the order of {_rule(ranking)}"
    if not ranking.candidates:
        stood = f"Nobody {side} was a candidate"
    if ranking.not_made_again is not None:
        return f"{stood}; the ranking could NOT be made again: {ranking.not_made_again}."
    digest = "agrees" if ranking.proved else "does NOT agree"
    return f"{stood}; the ranking made again from the record {digest} with the recorded digest."


def _rule(ranking: RankingPart) -> str:
    """The formula; without one there is only the score that the policy's code gave."""
    return ranking.formula or f"the score that the code of {ranking.policy} gave"


def _came_of(case: Case, parts: RoundParts) -> str:
    names, ranking, body = case.names, parts.ranking, parts.body
    if not ranking.taken:
        return f"It closed nothing: all {names.size(body.instrument, body.size_lots)} are left."
    closed = names.size(body.instrument, abs(body.size_lots) - ranking.left_lots)
    against = f"{'against' if parts.cap is None else 'from'} {count(ranking.taken, 'account')}"
    last = "" if ranking.last_rank is None else f", the last of them at rank {ranking.last_rank:,}"
    left = names.units(body.instrument, ranking.left_lots)
    end = "" if ranking.ended_seq is None else f" (event {ranking.ended_seq})"
    return f"It closed {closed} {against}{last}, and left {left}{end}."


def _cost(case: Case, body: PositionDeleveraged) -> str:
    """Against the mark, and what it realised."""
    names, market = case.names, case.market(body.instrument)
    at_mark = market.payoff.value_atoms(body.size_lots, market.mark_ticks)
    gain_atoms, realised_atoms = at_mark - body.value_atoms, _realised_atoms(case, body)
    verb = "brought it" if gain_atoms > 0 else "cost it"
    told = (
        f"{verb} {names.value(body.instrument, gain_atoms)}" if gain_atoms else "neither cost nor brought it anything"
    )
    what = "profit" if realised_atoms >= 0 else "loss"
    return (
        f"Against the mark of {names.price(body.instrument, market.mark_ticks)} this {told}; the "
        f"{names.value(body.instrument, realised_atoms)} of {what} on what was closed is now in its balance."
    )


def _realised_atoms(case: Case, body: PositionDeleveraged) -> int:
    """What the ledger's own booking of the reduction adds to the balance."""
    market, key = case.market(body.instrument), (body.instrument, body.leg)
    before = case.ledger.accounts[body.account]
    held: dict[tuple[int, int], Position] = {key: msgspec.structs.replace(before.positions[key])}
    alone = Account(before.account, before.kind, before.mode, before.asset, before.owner, before.parent, 0, held)
    funding = funding_of(body.size_lots, market.cumulative_funding_nanoatoms)
    trade(alone, key, body.size_lots, body.value_atoms, funding)
    return alone.balance_atoms

"""The answer in one paragraph: the long phrase that the type of the event declares, behind its number and time.

A phrase is written from a `RunCase`: the event, its causes, the state it came into, and the parts already worked out.
Rounds of auto-deleveraging take more parts, `RoundParts`, and are told here: one reduction, the start, the end.
"""

from __future__ import annotations

from typing import NamedTuple

from ...events.bodies.liquidation import BankruptcyDeclared
from ...events.bodies.margin import MarkPriced
from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event
from ...events.phrases import reason_told
from ...handlers.valuation import profit_atoms
from ...sim.figures import count, score_text
from ...sim.units import format_time_ns
from ..rankings import round_body
from .case import RunCase, joined
from .names import change, held
from .parts import Bankruptcy, Fund, Lot, RankingPart, Story
from .price import Priced
from .ranking import Round
from .story import Cap
from .watching import mark_before

__all__ = [
    "RoundParts",
    "paragraph_of",
    "round_paragraph",
    "shortfall_paragraph",
]


def paragraph_of(case: RunCase) -> str:
    """The paragraph for any event that is no shortfall and no part of a round."""
    return _headed(case.event, case.event.body.tells(case))


def shortfall_paragraph(case: RunCase, fund: Fund) -> str:
    """The paragraph for a shortfall, with the fund's account."""
    return paragraph_of(case._replace(shortfall=fund))


def round_paragraph(case: RunCase, parts: RoundParts) -> str:
    """The paragraph for a round's start, a reduction, or its end; the ledger of the case stands before the round."""
    body = case.event.body
    if isinstance(body, PositionDeleveraged):
        return _headed(case.event, _position_deleveraged(case, body, parts))
    write = _round_started if isinstance(body, DeleveragingStarted) else _round_ended
    return _headed(case.event, write(case, parts))


def _headed(event: Event, text: str) -> str:
    return f"Event {event.seq}, {format_time_ns(event.at_ns)}: {text}"


class RoundParts(NamedTuple):
    """The parts of the answer that a round's paragraph is written from."""

    told: Round
    ranking: RankingPart
    story: Story | None
    fund: Fund | None
    cap: Cap | None = None
    price: Priced | None = None

    @property
    def body(self) -> DeleveragingStarted:
        """What the round was to close."""
        return round_body(self.told.started)


def _position_deleveraged(case: RunCase, body: PositionDeleveraged, parts: RoundParts) -> str:
    """What it cost or brought, who was made to trade how much of what; then whose loss, the fund, and which place."""
    assert parts.price is not None
    return joined(
        _came_to(case, body, parts.price),
        _who(case, body, parts.price),
        _why(case, parts),
        _needed(case, parts),
        _place(case, body, parts),
    )


def _round_started(case: RunCase, parts: RoundParts) -> str:
    """What was to be closed, why, and among whom."""
    names, body = case.names, parts.body
    what = f"{names.held(body.instrument, body.size_lots)} of {names.account(body.account)}"
    if parts.cap is not None:
        what = f"{names.size(body.instrument, body.size_lots)} of winners who were {parts.cap.side}"
    first = (
        f"Round {body.round} of auto-deleveraging began: {what} was to be closed at "
        f"{names.average(body.instrument, body.size_lots, body.value_atoms)}, "
        f"{names.value(body.instrument, body.value_atoms)} in all."
    )
    return joined(first, _why(case, parts), _needed(case, parts), _queue(parts), _came_of(case, parts))


def _round_ended(case: RunCase, parts: RoundParts) -> str:
    """What it closed against whom, and what is left; why it was held."""
    first = f"Round {parts.body.round} of auto-deleveraging ended."
    return joined(first, _came_of(case, parts), _why(case, parts), _needed(case, parts), _queue(parts))


def _came_to(case: RunCase, body: PositionDeleveraged, price: Priced) -> str:
    """The loss or gain against the mark, and the profit or loss that was settled."""
    who = case.names.account(body.account)
    against = f"neither lost nor gained against the mark of {price.mark.text}"
    if price.gained.number:
        verb = "gained" if price.gained.number > 0 else "lost"
        against = f"{verb} {abs(price.gained)} against the mark of {price.mark.text}{_part_of(price)}"
    settled = f"{abs(price.realised)} of profit was paid into its balance"
    if price.realised.number <= 0:
        settled = f"{abs(price.realised)} of loss was taken from its balance"
    return f"{who} {against}; {settled}."


def _part_of(price: Priced) -> str:
    """What was lost of the profit at the mark on what was closed, in percent."""
    if price.share is None or price.gained.number > 0:
        return ""
    share = price.share.lstrip("+-")
    share = "less than 0.01%" if share == "0.00%" else share
    return f", {share} of the {price.paper} of profit that what was closed had there"


def _who(case: RunCase, body: PositionDeleveraged, price: Priced) -> str:
    names, held = case.names, case.ledger.accounts[body.account].positions[body.instrument, body.leg]
    side, verb = ("long", "sell") if held.size_lots > 0 else ("short", "buy back")
    whole = names.size(body.instrument, held.size_lots)
    part = f"{abs(price.size).text} of the {whole}" if abs(body.size_lots) < abs(held.size_lots) else f"all {whole}"
    rounded = ", rounded in its last digit" if price.rounded else ""
    return (
        f"It was made to {verb} {part} that it was {side}, at {price.price.text}, for {abs(price.value)} in "
        f"all{rounded}: {price.rule}."
    )


def _why(case: RunCase, parts: RoundParts) -> str:
    story, cap = parts.story, parts.cap
    if cap is not None:
        return f"Nobody was bankrupt: this was for the cap on traders' profits (event {cap.seq}). {cap.text}"
    if story is None:
        return ""
    if story.lot is not None:
        return _why_lot(case, story, story.lot)
    return "" if story.bankruptcy is None else _why_bankrupt(case, parts, story, story.bankruptcy)


def _where_it_went(parts: RoundParts, found: Bankruptcy) -> str:
    """What became of the equity that a bankrupt account had left, by the price at which its position was closed."""
    if parts.body.value_atoms == found.value.number:
        return ", which went to those who closed the position at its bankruptcy price"
    return ", of which it kept what closing its position at another price than its bankruptcy price left it"


def _why_bankrupt(case: RunCase, parts: RoundParts, story: Story, found: Bankruptcy) -> str:
    """The move of the mark since the call, the bankruptcy and what was missing."""
    since_seq, when = story.started_seq, f"when the liquidation of {story.name} began"
    if story.called_seq is not None:
        since_seq, when = story.called_seq, f"when {story.name} was called"
    worst = _worst(case, parts.body)
    moved = _moved(case, found.instrument if worst is None else worst[0], since_seq, when)
    who = f"{story.name}, {held(found.size)}"
    declared = f"was declared bankrupt{_declared(case, story)}, which is said of an account whose"
    if found.missing.number:
        what = f"{declared} losses have used up all that it had: at that mark it owed {found.missing} more than it had"
    else:
        what = (
            f"{declared} positions its liquidation could not close: at that mark it still had {found.equity} of "
            f"equity{_where_it_went(parts, found)}"
        )
    return joined(
        f"{moved} {who}, {what}.",
        "" if worst is None else worst[1],
        f"Its bankruptcy price, at which it ends with exactly nothing, was {found.price.text}.",
        _better(case, parts, found),
    )


def _worst(case: RunCase, body: DeleveragingStarted) -> tuple[int, str] | None:
    """Where a bankrupt account lost most, if that is another position than the one that is closed here, in words."""
    positions = case.ledger.accounts[body.account].positions
    profits = {key: profit_atoms(case.market(key[0]), one) for key, one in positions.items()}
    worst = min(profits, key=lambda key: (profits[key], key))
    if worst[0] == body.instrument or profits[worst] >= 0:
        return None
    names, size = case.names, positions[worst].size_lots
    lost = names.money(body.account, -profits[worst])
    text = f"It had lost most, {lost}, on its {held(names.size_of(worst[0], size))}; all that it held was closed."
    return worst[0], text


def _better(case: RunCase, parts: RoundParts, found: Bankruptcy) -> str:
    """How much better than the bankruptcy price a bankrupt account came off, where it owed something at the mark."""
    gained_atoms = parts.body.value_atoms - found.value.number
    if gained_atoms <= 0 or not found.missing.number:
        return ""
    gained = case.names.money(parts.body.account, gained_atoms)
    return f"This round closed at a better price for it, by {gained} in all, which those who were deleveraged gave."


def _declared(case: RunCase, story: Story) -> str:
    """Which event declared the bankruptcy, and in which words."""
    for step in reversed(story.steps):
        body = case.run.event(step.seq).body if step.type == BankruptcyDeclared.__name__ else None
        if isinstance(body, BankruptcyDeclared):
            return f" (event {step.seq}: {reason_told(body.reason)})"
    return ""


def _why_lot(case: RunCase, story: Story, lot: Lot) -> str:
    """The lot, what the fund paid for it, the move of the mark since, and the loss."""
    moved = "" if lot.taken_seq is None else _moved(case, lot.instrument, lot.taken_seq, "when it was taken over")
    event = "" if lot.taken_seq is None else f" in event {lot.taken_seq}"
    at = f"{story.name}{event} at {lot.price.text}"
    return joined(
        f"The insurance fund still held {held(lot.size)} that it had taken over from {at}.",
        moved,
        f"At {'that' if moved else 'its'} mark the position stood at a loss of {lot.loss}.",
    )


def _moved(case: RunCase, instrument: int, since_seq: int, when: str) -> str:
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
    moved = change(after_ticks - before_ticks, before_ticks)
    since = f"from {before} (event {then.seq}), {when}, to {after} (event {now.seq}), {moved}"
    return f"The mark of {name} had {verb} {since}."


def _mark_ticks(event: Event) -> int:
    assert isinstance(event.body, MarkPriced)
    return event.body.mark_ticks


def _needed(case: RunCase, parts: RoundParts) -> str:
    fund = parts.fund
    if fund is None:
        return ""
    if fund.trigger == "drawdown":
        further = f"{fund.needed} further within the window than its rule allows"
        return f"The {case.names.fund(fund.account)} had fallen {further} (event {fund.shortfall_seq})."
    return _lacked(case, fund) if fund.equity is None else _not_taken(case.names.fund(fund.account), fund)


def _not_taken(called: str, fund: Fund) -> str:
    """Of an account that was not taken over: what that needed, and what there was."""
    if fund.needed.number < 0:
        return (
            f"The {called} was {abs(fund.capacity)} under its floor, and taking it on would "
            f"have brought it {abs(fund.needed)}: {fund.missing} too little (event {fund.shortfall_seq})."
        )
    if fund.barred_by:
        return (
            f"The {called} had {fund.capacity}, more than the {fund.needed} that it needed to take it on, but its rule "
            f"({fund.barred_by}) does not let it (event {fund.shortfall_seq})."
        )
    lacked = f"{fund.missing} too little (event {fund.shortfall_seq})"
    if fund.capital is not None and fund.capital.number:
        kept = f"could take it on only while it kept {fund.capital} as capital"
        return f"The {called} {kept}: it needed {fund.needed} and had {fund.capacity}, {lacked}."
    return f"The {called} needed {fund.needed} to take it on and had {fund.capacity}, {lacked}."


def _lacked(case: RunCase, fund: Fund) -> str:
    """Of the fund's own positions: what it had when it was first short, and right before this."""
    called, first = case.names.fund(fund.account), fund.capacity
    had = f"The {called} ran short: its cash and its positions at the mark, less its floor, came to {first}"
    told = f"{had} (event {fund.shortfall_seq})"
    if fund.now is None or fund.now.capacity == fund.capacity:
        return f"{told}."
    if fund.now.capacity.number < 0:
        return f"{told}, and {fund.now.capacity} right before this."
    return (
        f"{told}. The rounds before this one had brought it back to {fund.now.capacity}, but once it has run short its "
        "rule closes every position of its own that stands at a loss."
    )


def _place(case: RunCase, body: PositionDeleveraged, parts: RoundParts) -> str:
    ranking = parts.ranking
    closed = (
        "That position was closed against traders in profit on the other side"
        if parts.cap is None
        else "Winners were closed"
    )
    place = f"{case.names.account(body.account)} stood at rank {body.rank:,} of {ranking.candidates:,}"
    score = f"with {score_text(body.score)} (round {body.round}, event {ranking.started_seq})"
    return f"{closed}, in the order of {_rule(ranking)}: {place}, {score}."


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
    """The formula in words, else as it is declared; without one there is only the score that the policy's code gave."""
    return ranking.in_words or ranking.formula or f"the score that the code of {ranking.policy} gave"


def _came_of(case: RunCase, parts: RoundParts) -> str:
    names, ranking, body = case.names, parts.ranking, parts.body
    if not ranking.taken:
        return f"It closed nothing: all {names.size(body.instrument, body.size_lots)} are left."
    closed = names.size(body.instrument, abs(body.size_lots) - ranking.left.number)
    against = f"{'against' if parts.cap is None else 'from'} {count(ranking.taken, 'account')}"
    last = "" if ranking.last_rank is None else f", the last of them at rank {ranking.last_rank:,}"
    end = "" if ranking.ended_seq is None else f" (event {ranking.ended_seq})"
    return f"It closed {closed} {against}{last}, and left {ranking.left.text}{end}."

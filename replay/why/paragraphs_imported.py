"""Paragraphs about what was imported or inferred: what the venue did, by its own words, and what nobody published.

Nothing here was decided by a handler of this record, and each paragraph says so; what was compared, ranked or weighed
at the venue is told as far as its files tell it and no further.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...events.bodies.inputs import FillReported, TradeExecuted
from ...events.bodies.liquidation import BankruptcyDeclared, LiquidationFilled, LiquidationStarted, PositionTakenOver
from ...events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Origin
from ...events.vocabulary import Body
from ...sim.figures import percent
from ...sim.units import format_time_ns
from .case import Case, joined
from .published import Formula, Published
from .taken_in import Reported, TakenIn
from .words_imported import words_of

__all__ = ["imported_paragraph"]

_FILLS_LEAST = 4


def imported_paragraph(case: Case, taken: TakenIn, published: Published | None) -> str:
    """The paragraph for any event that was taken in."""
    event, body = case.event, case.event.body
    write = _PARAGRAPHS.get(type(body))
    told = f"{words_of(event, case.names)}." if write is None else write(case, body)
    sides = joined(*(_side(side, body) for side in taken.reported))
    text = joined(told, sides, "" if published is None else _explained(case, published), _origin(case, taken))
    return f"Event {event.seq}, {format_time_ns(event.at_ns)}: {text}"


def _filled(case: Case, body: LiquidationFilled) -> str:
    names = case.names
    what, at = names.size(body.instrument, body.size_lots), names.price(body.instrument, body.price_ticks)
    did, other = ("bought", "from") if body.size_lots > 0 else ("sold", "to")
    return (
        f"the venue liquidated {names.account(body.account)} on the market: it {did} {what} at {at}"
        f"{_from_mark(case, body)}, for {names.value(body.instrument, body.value_atoms)}, {other} "
        f"{names.account(body.counterparty)}."
    )


def _taken_over(case: Case, body: PositionTakenOver) -> str:
    names = case.names
    held = names.held(body.instrument, body.size_lots)
    return (
        f"the venue liquidated {names.account(body.account)} through its backstop: {names.account(body.fund)} took "
        f"{held} over at {names.price(body.instrument, body.price_ticks)}{_from_mark(case, body)}."
    )


def _deleveraged(case: Case, body: PositionDeleveraged) -> str:
    names = case.names
    position = case.ledger.position(body.account, (body.instrument, body.leg))
    held = "" if position is None else f"It was {names.held(body.instrument, position.size_lots)}. "
    did = "bought" if body.size_lots > 0 else "sold"
    return (
        f"the venue deleveraged {names.account(body.account)} against {names.account(body.against)}, as number "
        f"{body.rank:,} of its batch. {held}It {did} {names.size(body.instrument, body.size_lots)} at "
        f"{names.price(body.instrument, body.price_ticks)}{_from_mark(case, body)}."
    )


def _round_began(case: Case, body: DeleveragingStarted) -> str:
    names = case.names
    return (
        f"the venue deleveraged others to close {names.held(body.instrument, body.size_lots)} of "
        f"{names.account(body.account)} at {names.price(body.instrument, body.price_ticks)}{_from_mark(case, body)}. "
        "Its ranking is not published."
    )


def _round_over(case: Case, _body: DeleveragingEnded) -> str:
    return f"{words_of(case.event, case.names)}; the files name no further position of it."


def _began(case: Case, body: LiquidationStarted | BankruptcyDeclared) -> str:
    who = case.names.account(body.account)
    if isinstance(body, LiquidationStarted) and body.equity_atoms:
        equity = case.names.money(body.account, body.equity_atoms)
        return f"the venue says that {who} was liquidated with an equity of {equity}. Its requirement is not published."
    return (
        f"the files name {who} as liquidated in what follows. The equity and the requirement that the venue compared "
        "are not published."
    )


def _traded(case: Case, body: TradeExecuted) -> str:
    names = case.names
    did, other = ("bought", "from") if body.size_lots > 0 else ("sold", "to")
    return (
        f"{names.account(body.account)} {did} {names.size(body.instrument, body.size_lots)} at "
        f"{names.price(body.instrument, body.price_ticks)} {other} {names.account(body.counterparty)}: an ordinary "
        "trade, in which nobody was forced."
    )


def _reported(case: Case, body: FillReported) -> str:
    for later in case.run.events(case.event.seq + 1):
        if case.event.seq in later.links or getattr(later.body, "trade_id", None) == body.trade_id:
            if not isinstance(later.body, FillReported):
                return f"it is one side of event {later.seq}: {words_of(later, case.names)}."
        elif not isinstance(later.body, FillReported):
            break
    return f"{words_of(case.event, case.names)}."


_PARAGRAPHS: dict[type[Body], Callable[[Case, Any], str]] = {
    LiquidationFilled: _filled,
    PositionTakenOver: _taken_over,
    PositionDeleveraged: _deleveraged,
    DeleveragingStarted: _round_began,
    DeleveragingEnded: _round_over,
    LiquidationStarted: _began,
    BankruptcyDeclared: _began,
    TradeExecuted: _traded,
    FillReported: _reported,
}


def _from_mark(
    case: Case, body: LiquidationFilled | PositionTakenOver | PositionDeleveraged | DeleveragingStarted
) -> str:
    """How far a price is from the mark in the state before the event."""
    mark_ticks = case.market(body.instrument).mark_ticks
    if not mark_ticks:
        return ""
    if body.price_ticks == mark_ticks:
        return ", the mark"
    mark = case.names.price(body.instrument, mark_ticks)
    return f", {percent(body.price_ticks - mark_ticks, mark_ticks)} from the mark of {mark}"


def _side(side: Reported, body: Body) -> str:
    """What the venue says of one side of the trade, with the entry that follows from it."""
    which = "The liquidated side" if _is_liquidated(side, body) else "The other side"
    if isinstance(body, FillReported | TradeExecuted | PositionDeleveraged):
        which = "This side" if isinstance(body, FillReported) else side.name
    going = "" if side.before is None else f" went from {side.before} to {side.after}"
    word = f" ({side.direction})" if side.direction else ""
    figures = []
    if side.entry is not None and side.closed_profit is not None:
        figures.append(f"a closed profit of {side.closed_profit} (so an entry of {side.entry})")
    if side.fee is not None:
        figures.append(f"a fee of {side.fee}")
    reported = f" with {' and '.join(figures)}" if figures else ""
    return f"{which}{going}{reported}{word}." if going or reported else ""


def _is_liquidated(side: Reported, body: Body) -> bool:
    return isinstance(body, LiquidationFilled | PositionTakenOver) and body.account == side.account


def _explained(case: Case, published: Published) -> str:
    """What the formulas make of it: the best of them, and what they say of this account."""
    compared = [one for one in published.formulas if one.compared]
    if not compared:
        return "No published formula has a candidate here: nothing of the accounts' state is known."
    if published.fills < _FILLS_LEAST:
        return "Too few were taken at once to say anything about their order."
    best = max(compared, key=lambda one: (one.longest_run, one.pairs_agreeing - one.pairs_differing))
    beyond = [one.policy for one in compared if one.beyond_chance and one.pairs_agreeing > one.pairs_differing]
    first = (
        f"Of {len(compared)} published formulas, ranked by the account values in this record, the longest run that any "
        f"explains is {best.longest_run} of {published.fills:,} fills ({best.policy}); an order drawn by lot has about "
        f"{published.run_by_lot}."
    )
    second = (
        f"Closer to the venue's order than chance, by two standard deviations: {', '.join(beyond)}."
        if beyond
        else "None is closer to the venue's order than chance would be, by two standard deviations."
    )
    account = getattr(case.event.body, "account", None)
    return joined(first, second, _own_place(best, account) if account is not None else "")


def _own_place(formula: Formula, account: int) -> str:
    place = next((one for one in formula.places if one.account == account and one.realised_rank is not None), None)
    if place is None:
        return ""
    return (
        f"By {formula.policy} this account would have stood at place {place.rank:,} of {formula.candidates:,} and "
        f"given {place.would_give}; it stood at {place.realised_rank:,} and gave {place.gave}."
    )


def _origin(case: Case, taken: TakenIn) -> str:
    where = "" if taken.file is None else f" from {taken.file}, line {taken.line}"
    if case.event.origin is Origin.INFERRED:
        return f"This is inferred{where}: no file states it, and no handler decided it."
    return f"It is imported{where}: no handler of this record decided it."

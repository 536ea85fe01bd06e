"""The price of a reduction: by which rule it was that one, and what it cost the account or brought it against the mark.

A position that was reduced is also held against later marks: a minute and an hour after it, and at the end.
"""

from __future__ import annotations

import msgspec

from ...events.bodies.margin import MarkPriced
from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Event
from ...events.ledger import Account, LedgerState, Position
from ...events.ledger.account import funding_of, trade
from ...events.payoff import LinearPayoff
from ...handlers.valuation import profit_atoms
from ...sim.figures import percent
from ...sim.quantities import Quantity
from ...sim.units import format_time_ns
from ..rankings import round_body
from ..run import Run
from .names import RunNames
from .parts import Story
from .watching import mark_before

__all__ = ["Later", "Priced", "later_of", "priced_of"]

_MINUTE_NS = 60 * 10**9
_AFTER_NS = (_MINUTE_NS, 60 * _MINUTE_NS)


class Priced(msgspec.Struct, frozen=True):
    """A reduction's price, the mark beside it, and the account's profit on what was closed.

    The price is that of its whole round, if this part comes to an amount of that price, an atom `rounded` apart.
    `gained` is what the price was better than the mark for the account, below zero where it was worse. `paper` is the
    profit on what was closed at the mark, `realised` at the price: that plus what was gained. `share` is what was
    gained of the profit at the mark, in percent, null where that was no profit. `position` is the profit at the mark
    on all that the account held of it before.
    """

    instrument: int
    size: Quantity
    value: Quantity
    price: Quantity
    rounded: bool
    rule: str
    mark_seq: int | None
    mark: Quantity
    at_mark: Quantity
    gained: Quantity
    paper: Quantity
    realised: Quantity
    share: str | None
    position: Quantity


def priced_of(
    run: Run, event: Event, started: Event, ledger: LedgerState, story: Story | None, names: RunNames
) -> Priced:
    """The price of a reduction; `ledger` stands before its round."""
    body = event.body
    assert isinstance(body, PositionDeleveraged)
    market, held = ledger.markets[body.instrument], _held(body, ledger)
    at_mark_atoms = market.payoff.value_atoms(body.size_lots, market.mark_ticks)
    gained_atoms, realised_atoms = at_mark_atoms - body.value_atoms, _realised_atoms(body, ledger)
    paper_atoms, mark = realised_atoms - gained_atoms, mark_before(run, body.instrument, event.seq)
    closed = round_body(started)
    whole = names.average_of(closed.instrument, closed.size_lots, closed.value_atoms)
    price = names.average_of(body.instrument, body.size_lots, body.value_atoms, whole)
    linear = isinstance(market.payoff, LinearPayoff)
    return Priced(
        instrument=body.instrument,
        size=names.size_of(body.instrument, body.size_lots),
        value=names.value_of(body.instrument, body.value_atoms),
        price=price,
        rounded=linear and names.atoms_at(body.instrument, body.size_lots, price) != abs(body.value_atoms),
        rule=_rule(started, ledger, story, names),
        mark_seq=None if mark is None else mark.seq,
        mark=names.price_of(body.instrument, market.mark_ticks),
        at_mark=names.value_of(body.instrument, at_mark_atoms),
        gained=names.money_of(body.account, gained_atoms),
        paper=names.money_of(body.account, paper_atoms),
        realised=names.money_of(body.account, realised_atoms),
        share=percent(gained_atoms, paper_atoms) if paper_atoms > 0 else None,
        position=names.money_of(body.account, profit_atoms(market, held)),
    )


def _rule(started: Event, ledger: LedgerState, story: Story | None, names: RunNames) -> str:
    """Which price the round closed at: the loser's, what the fund had paid, the mark, or another of the rule's."""
    body = round_body(started)
    market, lot = ledger.markets[body.instrument], None if story is None else story.lot
    if story is not None and story.bankruptcy is not None and story.bankruptcy.value.number == body.value_atoms:
        return f"the bankruptcy price of {story.name}, at which it ends with exactly nothing"
    if story is not None and lot is not None and lot.paid.number == body.value_atoms:
        return f"what the insurance fund had paid when it took this over from {story.name}"
    if body.trigger == "drawdown":
        return "the mark, and on top of it what the insurance fund had fallen beyond its rule"
    known = (
        (market.mark_ticks, "the mark"),
        (market.previous_oracle_ticks, "the price from outside before the present one"),
        (market.oracle_ticks, "the present price from outside"),
        (market.previous_mark_ticks, "the mark before the present price from outside"),
    )
    for ticks, told in known:
        if ticks and body.value_atoms == market.payoff.value_atoms(body.size_lots, ticks):
            return told
    if lot is not None:
        return f"the worst price for those it was closed against that {names.account(body.account)} could still bear"
    return f"the price that the rule {body.policy} sets"


def _held(body: PositionDeleveraged, ledger: LedgerState) -> Position:
    return ledger.accounts[body.account].positions[body.instrument, body.leg]


def _realised_atoms(body: PositionDeleveraged, ledger: LedgerState) -> int:
    """What the ledger's own booking of the reduction adds to the balance."""
    market, key = ledger.markets[body.instrument], (body.instrument, body.leg)
    before = ledger.accounts[body.account]
    held: dict[tuple[int, int], Position] = {key: msgspec.structs.replace(_held(body, ledger))}
    alone = Account(before.account, before.kind, before.mode, before.asset, before.owner, before.parent, 0, held)
    trade(alone, key, body.size_lots, body.value_atoms, funding_of(body.size_lots, market.cumulative_funding_nanoatoms))
    return alone.balance_atoms


class Later(msgspec.Struct, frozen=True):
    """A later mark, and what closing the same lots at it would have brought over the price of the reduction.

    `gained` is above zero where whoever was reduced would have done better then; `share` is that of the profit at the
    mark on what was closed, in percent, null where that was no profit.
    """

    at_ns: int
    at: str
    mark_seq: int
    mark: Quantity
    gained: Quantity
    share: str | None = None


def later_of(run: Run, event: Event, ledger: LedgerState, paper_atoms: int, names: RunNames) -> tuple[Later, ...]:
    """The marks of a reduction's instrument after it, those that the record has; funding is left out.

    `paper_atoms` is the profit at the mark on what was closed.
    """
    body = event.body
    if not isinstance(body, PositionDeleveraged):
        return ()
    asked = (event.at_ns + after_ns for after_ns in _AFTER_NS)
    times = [*(at_ns for at_ns in asked if at_ns < run.end_ns), run.end_ns]
    found = []
    for at_ns in times:
        marked = mark_before(run, body.instrument, run.first_at(at_ns + 1))
        if marked is None or marked.seq < event.seq or not isinstance(marked.body, MarkPriced):
            continue
        payoff, mark_ticks = ledger.markets[body.instrument].payoff, marked.body.mark_ticks
        gained_atoms = body.value_atoms - payoff.value_atoms(body.size_lots, mark_ticks)
        found.append(
            Later(
                at_ns,
                format_time_ns(at_ns),
                marked.seq,
                names.price_of(body.instrument, mark_ticks),
                names.money_of(body.account, gained_atoms),
                percent(gained_atoms, paper_atoms) if paper_atoms > 0 else None,
            )
        )
    return tuple(found)

"""How a round came about: the causal chain, the story of what was closed, or the cap on profits that called for it.

1. The chain goes from the input that began it, step by step, down to the event.
2. The story of a bankrupt account, or of the lot of inventory that it left, begins with the margin call that the
   liquidation names, else with the liquidation's start, and ends before the event that is explained.
3. Its steps are what happened to the account itself: its own timers, and what it was to others (counterparty, payer of
   a fee's other side), are left out.
4. Nobody was bankrupt in a round that a cap on profits called for: there is no story, but what the cap compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from ...events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    PositionTakenOver,
)
from ...events.bodies.margin import CollateralAdded, MarginCalled, PositionReduced
from ...events.bodies.venue import TimerFired, TimerSet
from ...events.bodies.waterfall import PositionDeleveraged, ProfitCapExceeded
from ...events.envelope import Event, Origin
from ...events.ledger import LedgerState
from ...events.phrases import reason_told
from ...sim.figures import count, percent
from ...sim.quantities import RATES, Quantity
from ...sim.units import format_time_ns
from ..run import Run
from .names import RunNames
from .parts import Bankruptcy, EventStep, Link, Lot, Story
from .venue.taken_in import words_of
from .watching import Watch

__all__ = [
    "Beginning",
    "Cap",
    "beginning_of",
    "called_before",
    "cap_behind",
    "cap_of",
    "chain_of",
    "decided_by",
    "step_of",
    "story_of",
]

_HIDDEN = (TimerSet, TimerFired, PositionDeleveraged)

_TAKEN_IN = {Origin.IMPORTED: "imported", Origin.INFERRED: "inferred"}


class Beginning(NamedTuple):
    """Where a liquidation comes from: its account, its first event, the call that it was under, the last one before."""

    account: int
    liquidation_id: int
    started: Event
    called: Event | None
    last_call_seq: int | None

    @property
    def first(self) -> Event:
        """The first event of the story."""
        return self.called or self.started


def beginning_of(run: Run, ledger: LedgerState, liquidation_id: int) -> Beginning | None:
    """The beginning of a liquidation that the ledger still knows; None where it has forgotten it."""
    liquidation = ledger.liquidations.get(liquidation_id)
    if liquidation is None:
        return None
    started = run.event(liquidation.started_seq)
    last_call_seq = ledger.accounts[liquidation.account].called_seq
    if last_call_seq is not None and last_call_seq > started.seq:
        last_call_seq = None
    return Beginning(liquidation.account, liquidation_id, started, called_before(run, started), last_call_seq)


def called_before(run: Run, started: Event) -> Event | None:
    """The margin call that a liquidation's start names."""
    linked = (event for event in map(run.event, started.links) if isinstance(event.body, MarginCalled))
    return next(linked, None)


def story_of(
    run: Run,
    beginning: Beginning,
    stop_seq: int,
    names: RunNames,
    *,
    lot_events: Iterable[Event] = (),
    bankruptcy: Bankruptcy | None = None,
    lot: Lot | None = None,
    watches: Sequence[Watch] = (),
) -> Story:
    """The story up to an event; `lot_events` are what the fund did with the inventory since.

    From `watches` come what there was after each step, and the halts.
    """
    account = beginning.account
    ours = {event.seq: event for event in run.events_naming(account, beginning.first.seq, stop_seq)}
    ours = {seq: event for seq, event in ours.items() if _belongs(event, account, beginning.liquidation_id)}
    ours |= {event.seq: event for event in lot_events if event.seq < stop_seq}
    ours |= {halt.seq: halt for watch in watches for halt in watch.halts}
    events = [ours[seq] for seq in sorted(ours)]
    return Story(
        account=account,
        name=names.account(account),
        liquidation_id=beginning.liquidation_id,
        called_seq=None if beginning.called is None else beginning.called.seq,
        started_seq=beginning.started.seq,
        text=_told(run, beginning, events, names, watches),
        steps=tuple(_stood(step_of(run, event, names), event, watches, names) for event in events),
        bankruptcy=bankruptcy,
        lot=lot,
    )


def _stood(step: EventStep, event: Event, watches: Sequence[Watch], names: RunNames) -> EventStep:
    """A step with what there was after it, of whoever still had anything of what was closed."""
    for watch in watches:
        standing = watch.standings.get(event.seq)
        if standing is None:
            continue
        instrument = getattr(event.body, "instrument", None)

        def size(lots: int | None, instrument: int | None = instrument) -> Quantity | None:
            return None if lots is None or instrument is None else names.size_of(instrument, lots)

        equity, counted = (
            names.money_of(watch.account, atoms) for atoms in (standing.equity_atoms, standing.counted_atoms)
        )
        return msgspec.structs.replace(
            step,
            equity=equity,
            counted=None if counted == equity else counted,
            equity_of=names.account(watch.account) if watch.key is None else names.instrument(watch.key[0]),
            of_lot=watch.key is not None,
            depth=size(standing.depth_lots),
            depth_at_turn=size(standing.turn_lots),
        )
    return step


def _belongs(event: Event, account: int, liquidation_id: int) -> bool:
    """Whether an event that names the account is a step of this story."""
    body = event.body
    if isinstance(body, _HIDDEN) or account not in (getattr(body, "account", None), getattr(body, "bankrupt", None)):
        return False
    return getattr(body, "liquidation_id", liquidation_id) == liquidation_id


def _told(run: Run, beginning: Beginning, events: list[Event], names: RunNames, watches: Sequence[Watch]) -> str:
    """Called when, answered how, liquidated in what steps, in one paragraph."""
    own = [event for event in events if getattr(event.body, "account", None) == beginning.account]
    sentences = [_call(beginning, own, names), _start(beginning, names, watches), *_market(own, names)]
    sentences += [_end(run, event, names) for event in own if isinstance(event.body, BankruptcyDeclared)]
    sentences += _fate(own, events, names)
    return " ".join(sentences)


def _call(beginning: Beginning, own: list[Event], names: RunNames) -> str:
    who, called = names.account(beginning.account), beginning.called
    if called is None:
        last = "" if beginning.last_call_seq is None else f"; its last one was event {beginning.last_call_seq}"
        return f"{who} was not under a margin call when its liquidation began{last}."
    answers = [event for event in own if isinstance(event.body, CollateralAdded | PositionReduced)]
    answers = [event for event in answers if event.seq < beginning.started.seq]
    if not answers:
        return f"{who} was called in event {called.seq} and did not answer before its liquidation began."
    told = [f"{_answer(event, names)} (event {event.seq})" for event in answers]
    return f"{who} was called in event {called.seq} and {', then '.join(told)}."


def _answer(event: Event, names: RunNames) -> str:
    body = event.body
    if isinstance(body, CollateralAdded):
        return f"added {names.money(body.account, body.amount_atoms)}"
    assert isinstance(body, PositionReduced)
    at = names.average(body.instrument, body.size_lots, body.value_atoms)
    return f"closed {names.size(body.instrument, body.size_lots)} at {at}"


def _start(beginning: Beginning, names: RunNames, watches: Sequence[Watch]) -> str:
    body = beginning.started.body
    assert isinstance(body, LiquidationStarted)
    stood = [watch.standings.get(beginning.started.seq) for watch in watches if watch.account == body.account]
    cut = any(one is not None and one.counted_atoms != one.equity_atoms for one in stood)
    haircut = ", after the haircut on its collateral," if cut else ""
    equity, requirement = (names.money(body.account, atoms) for atoms in (body.equity_atoms, body.requirement_atoms))
    return (
        f"Liquidation {body.liquidation_id} began in event {beginning.started.seq}, when its equity of "
        f"{equity}{haircut} was under the requirement of {requirement}."
    )


def _market(own: list[Event], names: RunNames) -> Iterator[str]:
    """What the market took of it, by instrument."""
    filled: dict[int, list[LiquidationFilled]] = {}
    for event in own:
        if isinstance(event.body, LiquidationFilled):
            filled.setdefault(event.body.instrument, []).append(event.body)
    for instrument, fills in filled.items():
        size = names.size(instrument, sum(fill.size_lots for fill in fills))
        low, high = (names.price(instrument, pick(fill.price_ticks for fill in fills)) for pick in (min, max))
        prices = f"at {low}" if low == high else f"at {low} to {high}"
        yield f"The market took {size} of it in {count(len(fills), 'fill')} {prices}."
    if not filled and any(isinstance(event.body, LiquidationOrdered) for event in own):
        yield "The market had taken nothing of it."
    elif not filled:
        yield "It was not offered to the market."


def _end(run: Run, event: Event, names: RunNames) -> str:
    body, producer = event.body, run.producer_of(event)
    assert isinstance(body, BankruptcyDeclared)
    equity, parameters = names.money(body.account, body.equity_atoms), {} if producer is None else producer.parameters
    told = f"It was declared bankrupt in event {event.seq} with an equity of {equity}: {reason_told(body.reason)}."
    level = body.level(names, parameters.get)
    return f"{told} {level}" if level else told


def _fate(own: list[Event], events: list[Event], names: RunNames) -> Iterator[str]:
    """Where its positions went, and what the fund has sold of them since."""
    for event in own:
        body = event.body
        if isinstance(body, PositionTakenOver):
            what = names.held(body.instrument, body.size_lots)
            at = names.average(body.instrument, body.size_lots, body.value_atoms)
            yield f"{names.account(body.fund)} took {what} over at {at} (event {event.seq})."
        elif isinstance(body, LiquidationEnded) and body.outcome != "bankrupt":
            yield f"The liquidation ended in event {event.seq}: {body.outcome}."
    sales = [e.body for e in events if isinstance(e.body, LiquidationFilled) and e not in own]
    if sales:
        first = sales[0]
        assert isinstance(first, LiquidationFilled)
        lots = sum(sale.size_lots for sale in sales if isinstance(sale, LiquidationFilled))
        yield f"Since then the fund has sold {names.size(first.instrument, lots)} in {count(len(sales), 'fill')}."


def chain_of(run: Run, events: Sequence[Event], names: RunNames) -> tuple[EventStep, ...]:
    """The steps, each with the further events that contributed to it."""
    return tuple(step_of(run, event, names) for event in events)


def step_of(run: Run, event: Event, names: RunNames, linked: Mapping[int, Event] | None = None) -> EventStep:
    """One event as a step; `linked` are the events that it links to, where they were read already."""
    look = run.event if linked is None else linked.__getitem__
    return EventStep(
        event.seq,
        event.at_ns,
        format_time_ns(event.at_ns),
        type(event.body).__name__,
        event.cause,
        decided_by(run, event),
        words_of(event, names),
        tuple(_link(look(seq), names) for seq in event.links),
    )


def decided_by(run: Run, event: Event) -> str | None:
    """Handler and policy, or how it was taken in; None for an input."""
    producer = run.producer_of(event)
    return _TAKEN_IN.get(event.origin) if producer is None else f"{producer.handler}:{producer.policy}"


def _link(event: Event, names: RunNames) -> Link:
    return Link(event.seq, type(event.body).__name__, words_of(event, names))


class Cap(msgspec.Struct, frozen=True):
    """The profit of one side of an instrument beside the pool, as event `seq` recorded them.

    `factor` is the one over the other in percent, rounded to a hundredth; null where the pool had nothing.
    """

    seq: int
    instrument: int
    name: str
    side: Literal["long", "short"]
    open: Quantity
    profit: Quantity
    pool: Quantity
    factor: str | None
    max_factor: Quantity
    min_factor: Quantity
    text: str


def cap_of(event: Event, names: RunNames) -> Cap:
    """The figures of a `ProfitCapExceeded`, and what they mean in words."""
    body = event.body
    assert isinstance(body, ProfitCapExceeded)
    factor = percent(body.profit_atoms, body.pool_atoms).lstrip("+") if body.pool_atoms > 0 else None
    return Cap(
        seq=event.seq,
        instrument=body.instrument,
        name=names.instrument(body.instrument),
        side="long" if body.open_lots > 0 else "short",
        open=names.size_of(body.instrument, body.open_lots),
        profit=names.value_of(body.instrument, body.profit_atoms),
        pool=names.value_of(body.instrument, body.pool_atoms),
        factor=factor,
        max_factor=Quantity(body.max_factor_ppm, RATES["ppm"]),
        min_factor=Quantity(body.min_factor_ppm, RATES["ppm"]),
        text=body.compares(names),
    )


def cap_behind(started: Event, causes: tuple[Event, ...]) -> Event | None:
    """The exceeded cap that a round answers; None where it answers something else."""
    return next((one for one in causes if one.seq == started.cause and isinstance(one.body, ProfitCapExceeded)), None)

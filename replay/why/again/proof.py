"""Whether a decision stands without each of its grounds, by executing the run again without it: `why --prove`.

1. The run is taken up just before the ground, with something else in its place, and executed to the end of the instant
   of the decision:

   | ground | put instead |
   |---|---|
   | a mark, a price from outside, a depth | the one before it: as if it had stayed |
   | a trade, as what was taken of the depth | the same trade, which takes nothing of the depth |
   | a forced trade, as a change of a balance or position | nobody takes the other side; the order's rest is cancelled |
   | anything else that came in, or that a handler decided | nothing |

2. Not removable are declarations (the rules, what is listed), a first mark, what the clock does, and what was decided
   together with the event that is explained.
3. The decision *stands* if by then the same type of event was decided about the same account, instrument and leg, in
   the same direction, whatever its figures: once more than the record has it between the ground and the decision, and
   of a reduction or a fill at least one lot more. An event that itself sets a figure (a mark, funding, a note) stands
   if that figure comes out again.
4. A ground without which it does not stand is *necessary*. Otherwise it is *one of several*: the others suffice.
5. Grounds are taken away one at a time, the last one first, at most `TRIALS_MAX`; in the place of one that was decided
   together with the event, such as the round of a reduction, its own are. One that lies more than `EVENTS_MAX`
   events back is tried only if that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from ....events.bodies.inputs import DepthQuoted, PriceTicked
from ....events.bodies.liquidation import LiquidationFilled, OrdersCancelled
from ....events.bodies.listing import ListingBody
from ....events.bodies.margin import FundingAccrued, MarkPriced, PositionReduced
from ....events.bodies.run import RunForked, RunStarted, SourceOpened
from ....events.bodies.venue import HandlerStateNoted, TimerFired
from ....events.bodies.waterfall import PositionDeleveraged
from ....events.envelope import Event
from ....events.errors import DeleverageError, QueryError, ScenarioError
from ....events.vocabulary import Body
from ....sim.units import format_time_ns
from ...fork.fork import NoSink
from ...fork.without import Without
from ...run import Run
from ..grounds.graph import EventGround, Verdict
from ..grounds.lookback import Decision, Lookback
from ..names import RunNames
from .trials import driven_until

__all__ = ["EVENTS_MAX", "TRIALS_MAX", "Removal", "is_same_decision", "proved", "removal_of"]

TRIALS_MAX = 24
EVENTS_MAX = 50_000

_SAME = ("account", "fund", "bankrupt", "instrument", "leg", "purpose", "handler", "key")
_FIGURE: dict[type[Body], str] = {
    MarkPriced: "mark_ticks",
    FundingAccrued: "payment_nanoatoms",
    HandlerStateNoted: "values",
}

Watch = Callable[[int, str], None]
"""Told before each re-execution how many were made, and what is tried."""

_LEFT_OUT = "left out by why --prove"


def proved(
    run: Run,
    seq: int,
    grounds: tuple[EventGround, ...],
    watch: Watch = lambda _done, _text: None,
    *,
    events_max: int | None = EVENTS_MAX,
) -> tuple[EventGround, ...]:
    """The grounds of event `seq`, each with a verdict.

    Costs a re-execution of what lies between each and the event, where that is at most `events_max` events.
    """
    ledger = run.before(seq)
    case = Decision(Lookback(run, ledger), run.event(seq), RunNames(ledger))
    found, tried = dict[int, Verdict](), 0
    for ground in _asked(case, grounds):
        removal = removal_of(case, run.event(ground.step.seq), ground.kinds)
        if removal.reason is None and tried < TRIALS_MAX:
            watch(tried, f"without event {ground.step.seq}")
            tried += 1
            found[ground.step.seq] = _verdict(run, case, ground.step.seq, removal, events_max)
        elif removal.reason is None:
            found[ground.step.seq] = Verdict("not tried", f"{TRIALS_MAX} others were tried before it")
        else:
            found[ground.step.seq] = Verdict("not removable", removal.reason)
    return _told(case, grounds, found)


def _asked(case: Decision, grounds: tuple[EventGround, ...]) -> list[EventGround]:
    """The grounds to be taken away, the last event first: in the place of one decided together with it also its own."""
    together = [below for one in grounds if one.step.seq >= case.began for below in one.rests_on]
    by_seq = {one.step.seq: one for one in (*together, *grounds)}
    return [by_seq[seq] for seq in sorted(by_seq, reverse=True)]


def _told(case: Decision, grounds: tuple[EventGround, ...], found: dict[int, Verdict]) -> tuple[EventGround, ...]:
    """The grounds with the verdicts on them."""
    told = []
    for one in grounds:
        below = _told(case, one.rests_on, found) if one.step.seq >= case.began else one.rests_on
        told.append(msgspec.structs.replace(one, proof=found.get(one.step.seq), rests_on=below))
    return tuple(told)


def is_same_decision(body: Body, asked: Body) -> bool:
    """Whether two events decide the same, by rule 2."""
    if type(body) is not type(asked) or any(getattr(body, name, None) != getattr(asked, name, None) for name in _SAME):
        return False
    figure = _FIGURE.get(type(asked))
    if figure is not None and getattr(body, figure) != getattr(asked, figure):
        return False
    return (getattr(body, "size_lots", 0) > 0) == (getattr(asked, "size_lots", 0) > 0)


def _weight(body: Body) -> int:
    """What a decision counts for: its lots where it closes a part of a position, else once."""
    return abs(body.size_lots) if isinstance(body, PositionDeleveraged | LiquidationFilled) else 1


def _verdict(run: Run, case: Decision, ground_seq: int, removal: Removal, events_max: int | None) -> Verdict:
    began = case.look.began(run.event(ground_seq))
    events = case.event.seq - began
    if events_max is not None and events > events_max:
        far = f"{events:,} events would have to be executed again, more than {events_max:,}; --prove-whole does it"
        return Verdict("not tried", far, removal.text)
    try:
        at_ns = _stands_at(run, case.event, ground_seq, began, removal)
    except DeleverageError as error:
        return Verdict("not removable", _refused(error), removal.text, began)
    if at_ns is None:
        text = f"{removal.text}, it was not decided by the end of that instant"
        return Verdict("necessary", text, removal.text, began)
    when = "all the same" if at_ns == case.event.at_ns else f"earlier, at {format_time_ns(at_ns)}"
    return Verdict("one of several", f"{removal.text}, it was decided {when}", removal.text, began)


def _refused(error: DeleverageError) -> str:
    if isinstance(error, QueryError | ScenarioError):
        return str(error)
    return f"without it the venue's books do not go on: {error}"


def _stands_at(run: Run, decision: Event, ground_seq: int, began: int, removal: Removal) -> int | None:
    """Execute the run again without the ground: when the decision is made, None if not by the end of its instant."""
    again = Without(run, run.event(ground_seq), began, removal.bodies)
    recorded = sum(_weight(e.body) for e in run.events(began, decision.seq) if is_same_decision(e.body, decision.body))
    made: list[int] = []

    def stands(event: Event) -> bool:
        if is_same_decision(event.body, decision.body):
            made.append(_weight(event.body))
        return sum(made) > recorded

    resumption = again.resumption(NoSink())
    is_made = driven_until(again, resumption, (type(decision.body),), stands, decision.at_ns)
    return again.ledger.at_ns if is_made else None


class Removal(NamedTuple):
    """What stands in the place of an event, and that in words; or the reason why nothing can."""

    bodies: tuple[Body, ...] = ()
    text: str = ""
    reason: str | None = None


def removal_of(case: Decision, ground: Event, kinds: tuple[str, ...]) -> Removal:
    """How a ground of these kinds is taken away from under a decision."""
    reason = _not_removable(case, ground)
    if reason is not None:
        return Removal(reason=reason)
    look, body, names = case.look, ground.body, case.names
    found = Removal((), "without it")
    if isinstance(body, MarkPriced):
        found = _held_mark(look, ground, body, names)
    elif isinstance(body, PriceTicked):
        found = _held_prices(look, ground, body, case.instruments, names)
    elif isinstance(body, DepthQuoted):
        found = _held_depth(look, ground, body)
    elif isinstance(body, LiquidationFilled | PositionReduced) and kinds[0] == "DEPTH":
        untaken = msgspec.structs.replace(body, eaten_lots=body.eaten_lots - abs(body.size_lots))
        found = Removal((untaken,), "as if it had taken nothing of the depth")
    elif isinstance(body, LiquidationFilled):
        found = _unfilled(look, ground, body)
    return found


def _not_removable(case: Decision, ground: Event) -> str | None:
    if isinstance(ground.body, RunStarted | RunForked):
        return "it declares the rules, and without rules nothing is decided; other rules: `deleverage fork --set`"
    if isinstance(ground.body, ListingBody | SourceOpened):
        return "it declares what everything else is about"
    if ground.seq >= case.began:
        return "it was decided together with this event, in one decision"
    if isinstance(ground.body, TimerFired):
        return f"the clock fires it; it rests on event {ground.body.timer}, which set the timer"
    return None


def _held_mark(look: Lookback, ground: Event, body: MarkPriced, names: RunNames) -> Removal:
    before = look.last(MarkPriced, body.instrument, ground.seq)
    if before is None:
        return Removal(reason="it is the first mark, without which nothing has a value")
    assert isinstance(before.body, MarkPriced)
    price = names.price(body.instrument, before.body.mark_ticks)
    return Removal((before.body,), f"as if the mark had stayed at {price} (event {before.seq})")


def _held_prices(look: Lookback, ground: Event, body: PriceTicked, held: list[int], names: RunNames) -> Removal:
    """The tick with the prices before it of the instruments that are asked about."""
    prices, told = [], []
    for instrument, ticks in body.prices:
        before = look.last(PriceTicked, instrument, ground.seq) if instrument in held else None
        if before is not None and isinstance(before.body, PriceTicked):
            stayed = dict(before.body.prices)[instrument]
            name = names.instrument(instrument)
            told.append(f"{name} had stayed at {names.price(instrument, stayed)} (event {before.seq})")
            prices.append((instrument, stayed))
        elif instrument not in held:
            prices.append((instrument, ticks))
    text = f"as if the price of {' and that of '.join(told)}" if told else "without it"
    return Removal((msgspec.structs.replace(body, prices=tuple(prices)),) if prices else (), text)


def _held_depth(look: Lookback, ground: Event, body: DepthQuoted) -> Removal:
    before = look.last(DepthQuoted, body.instrument, ground.seq)
    if before is None:
        return Removal((), "without it, so that there was no depth at all")
    return Removal((before.body,), f"as if the depth of event {before.seq} had stayed")


def _unfilled(look: Lookback, ground: Event, body: LiquidationFilled) -> Removal:
    """The order without this fill: where nothing more of it follows, its rest is cancelled."""
    text = "as if nobody had taken the other side"
    following = look.event(ground.seq + 1).body if ground.seq + 1 < look.run.count else None
    if isinstance(following, LiquidationFilled | OrdersCancelled) and following.order_id == body.order_id:
        return Removal((), text)
    left_lots = abs(body.size_lots) + body.left_lots
    return Removal((OrdersCancelled(body.liquidation_id, body.account, body.order_id, left_lots, _LEFT_OUT),), text)

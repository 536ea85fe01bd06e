"""What is put in the place of a ground, so that a run can be executed again without it.

| ground | put instead |
|---|---|
| a mark, a price from outside, a depth | the one before it: as if it had stayed |
| a trade, as what was taken of the depth | the same trade, which takes nothing of the depth |
| a forced trade, as a change of a balance or position | nobody takes the other side; the order's rest is cancelled |
| anything else that came in, or that a handler decided | nothing |

Not removable are declarations (the rules, what is listed), a first mark, what the clock does, and what was decided
together with the event that is explained.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ...events.bodies.inputs import DepthQuoted, PriceTicked
from ...events.bodies.liquidation import LiquidationFilled, OrdersCancelled
from ...events.bodies.margin import MarkPriced, PositionReduced
from ...events.bodies.venue import TimerFired
from ...events.envelope import Event
from ...events.vocabulary import Body
from .decision import Decision
from .lookback import Lookback
from .names import Names

__all__ = ["Removal", "removal_of"]

_DECLARING = ("AssetListed", "InstrumentListed", "AccountOpened", "FundAssigned", "SourceOpened")
_LEFT_OUT = "left out by why --prove"


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
    kind = type(ground.body).__name__
    if kind in ("RunStarted", "RunForked"):
        return "it declares the rules, and without rules nothing is decided; other rules: `deleverage fork --set`"
    if kind in _DECLARING:
        return "it declares what everything else is about"
    if ground.seq >= case.began:
        return "it was decided together with this event, in one decision"
    if isinstance(ground.body, TimerFired):
        return f"the clock fires it; it rests on event {ground.body.timer}, which set the timer"
    return None


def _held_mark(look: Lookback, ground: Event, body: MarkPriced, names: Names) -> Removal:
    before = look.last(MarkPriced, body.instrument, ground.seq)
    if before is None:
        return Removal(reason="it is the first mark, without which nothing has a value")
    assert isinstance(before.body, MarkPriced)
    price = names.price(body.instrument, before.body.mark_ticks)
    return Removal((before.body,), f"as if the mark had stayed at {price} (event {before.seq})")


def _held_prices(look: Lookback, ground: Event, body: PriceTicked, held: list[int], names: Names) -> Removal:
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

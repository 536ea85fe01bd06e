"""Paragraphs about halts, timers and notes, and about any type of event that has none of its own."""

from __future__ import annotations

from ...events.bodies.venue import TimerFired, TimerSet, TradingHalted, TradingResumed
from ...events.vocabulary import Body
from ...sim.figures import count, duration, percent
from ...sim.units import format_time_ns
from .case import Case, joined
from .names import percent_of_bps
from .words import words

__all__ = ["any_event", "timer_fired", "timer_set", "trading_halted", "trading_resumed"]


def any_event(case: Case, body: Body) -> str:
    """What the event says, and what it followed from."""
    return joined(f"{words(body, case.names)}.", case.followed(), case.linked())


def trading_halted(case: Case, body: TradingHalted) -> str:
    """The move against the level of the breaker."""
    names, level_bps, window_ns = case.names, case.rule("move_bps"), case.rule("window_ns")
    was, mark = (names.price(body.instrument, ticks) for ticks in (body.reference_ticks, body.mark_ticks))
    move = percent(body.mark_ticks - body.reference_ticks, body.reference_ticks)
    within = "" if window_ns is None else f" within {duration(window_ns)}"
    level = "" if level_bps is None else f"; from {percent_of_bps(level_bps)} on the rule halts"
    first = (
        f"Trading in {names.instrument(body.instrument)} was halted until {format_time_ns(body.until_ns)}, because its "
        f"mark had moved from {was} to {mark}, {move}{within}{level}. Meanwhile marks continue and forced orders wait."
    )
    return joined(first, case.followed())


def trading_resumed(case: Case, body: TradingResumed) -> str:
    """After how long."""
    halted = next((event for event in reversed(case.causes) if isinstance(event.body, TimerSet)), None)
    after = "" if halted is None else f", {duration(case.event.at_ns - halted.at_ns)} after it was halted"
    first = f"Trading in {case.names.instrument(body.instrument)} resumed{after}; liquidations that waited go on."
    return joined(first, case.followed())


def timer_set(case: Case, body: TimerSet) -> str:
    """What for and how long."""
    wait = duration(body.due_ns - case.event.at_ns)
    return joined(f"{words(body, case.names)}, {wait} later.", case.followed())


def timer_fired(case: Case, body: TimerFired) -> str:
    """What for, and how many are still pending; one that has become pointless is ignored."""
    pending = count(len(case.ledger.timers) - 1, "other timer")
    waited = duration(case.event.at_ns - case.run.event(body.timer).at_ns)
    first = f"{words(body, case.names)}. It had been set {waited} before; {pending} were pending."
    return joined(first, case.followed())

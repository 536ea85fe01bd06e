"""The answer in one paragraph: the long phrase that the type of the event declares, behind its number and time.

The rounds of auto-deleveraging are written from more parts and have their own call.
"""

from __future__ import annotations

from ...events.bodies import waterfall
from ...events.envelope import Event
from ...sim.units import format_time_ns
from .case import Case
from .paragraphs_round import RoundParts, position_deleveraged, round_ended, round_started
from .parts import Fund

__all__ = ["paragraph_of", "round_paragraph", "shortfall_paragraph"]


def paragraph_of(case: Case) -> str:
    """The paragraph for any event that is no shortfall and no part of a round."""
    return _headed(case.event, case.event.body.tells(case))


def shortfall_paragraph(case: Case, fund: Fund) -> str:
    """The paragraph for a shortfall, with the fund's account."""
    return paragraph_of(case._replace(shortfall=fund))


def round_paragraph(case: Case, parts: RoundParts) -> str:
    """The paragraph for a round's start, a reduction, or its end; the ledger of the case stands before the round."""
    body = case.event.body
    if isinstance(body, waterfall.PositionDeleveraged):
        return _headed(case.event, position_deleveraged(case, body, parts))
    write = round_started if isinstance(body, waterfall.DeleveragingStarted) else round_ended
    return _headed(case.event, write(case, parts))


def _headed(event: Event, text: str) -> str:
    return f"Event {event.seq}, {format_time_ns(event.at_ns)}: {text}"

"""Which origins are worth showing, and what there is to say of one beyond its numbers."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest
from typing import Any, NamedTuple

import msgspec

from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.vocabulary import Body
from ...sim.quantities import LedgerScales, Scales
from ...sim.units import format_time_ns
from ..log.selection import event_fields
from ..log.text import figure_text
from .difference import Difference
from .matching import What
from .origins import DifferenceOrigin

__all__ = ["Change", "OriginShown", "SlotSum", "by_slot", "shown"]


class Change(NamedTuple):
    """A field that differs, with its values as plain data and in real units."""

    field: str
    a: Any
    b: Any
    a_text: str
    b_text: str


class OriginShown(NamedTuple):
    """An origin with the first of its events that differs, and whom and what that one is about."""

    origin: DifferenceOrigin
    cause_type: str | None
    kind: type[Body]
    what: What
    account: str | None
    instrument: str | None
    changes: tuple[Change, ...]


class SlotSum(msgspec.Struct):
    """The origins of one slot, or of the inputs (None), added up."""

    slot: str | None
    origins: int = 0
    differing: int = 0
    following: int = 0


def by_slot(origins: Iterable[DifferenceOrigin]) -> list[SlotSum]:
    """Who decided otherwise, how often, and what came of it; the most first."""
    sums: dict[str | None, SlotSum] = {}
    for origin in origins:
        one = sums.setdefault(origin.slot, SlotSum(origin.slot))
        one.origins += 1
        one.differing += origin.differing
        one.following += origin.following
    return sorted(sums.values(), key=lambda one: (-one.differing - one.following, one.slot or ""))


def shown(difference: Difference, top: int) -> list[OriginShown]:
    """The first decision or input that differs and those with most differences, `top` in all, in the order of time.

    That the runs are declared otherwise is told by their rules. Reads some events of both records.
    """
    origins = [origin for origin in difference.origins if 0 not in (origin.seq_a, origin.seq_b)]
    places = nsmallest(max(top - 1, 0), range(1, len(origins)), key=lambda place: -_weight(origins[place]))
    return [_shown(difference, origins[place]) for place in sorted([*range(min(top, len(origins), 1)), *places])]


def _weight(origin: DifferenceOrigin) -> int:
    return origin.differing + origin.following


def _shown(difference: Difference, origin: DifferenceOrigin) -> OriginShown:
    """Look at its first event in A, or in B where A has none."""
    match, a, b = difference.match, difference.a, difference.b
    if origin.seq_a is not None:
        run, ledger, cause, seq = a, difference.ended_a.ledger, origin.cause_a, origin.seq_a
        what, partner = match.what("a", seq), match.partner("a", seq)
        changes = _changes(difference, seq, partner)
    else:
        assert origin.seq_b is not None
        run, ledger, cause, seq = b, difference.ended_b.ledger, origin.cause_b, origin.seq_b
        what, changes = match.what("b", seq), ()
    cause_type = None if cause is None else type(run.event(cause).body).__name__
    body = run.event(seq).body
    return OriginShown(origin, cause_type, type(body), what, *_about(body, ledger), changes)


def _about(body: Body, ledger: LedgerState) -> tuple[str | None, str | None]:
    """The names of the account and the instrument of an event."""
    account, instrument = getattr(body, "account", None), getattr(body, "instrument", None)
    name = None if account is None else ledger.name(account)
    return name, None if instrument is None else ledger.markets[instrument].listing.name


def _changes(difference: Difference, seq_a: int, seq_b: int | None) -> tuple[Change, ...]:
    if seq_b is None:
        return ()
    a, b = difference.a.event(seq_a), difference.b.event(seq_b)
    scales = LedgerScales(difference.ended_a.ledger), LedgerScales(difference.ended_b.ledger)
    fields_a, fields_b = event_fields(a), event_fields(b)
    return tuple(
        Change(field, fields_a[field], fields_b[field], _told(a, field, scales[0]), _told(b, field, scales[1]))
        for field in difference.match.changed_fields(seq_a, seq_b)
    )


def _told(event: Event, field: str, scales: Scales) -> str:
    """A value in real units, by its field's kind."""
    if field == "at_ns":
        return format_time_ns(event.at_ns)
    told = figure_text(event.body, field, scales)
    return str(event_fields(event)[field]) if told is None else told

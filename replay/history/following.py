"""Of a record the events that one trader's account follows from: those that name it, and what is everybody's.

1. Chosen are the events that name the account, and all whose type is not declared `private`: prices, funding, rules,
   liquidations. Of what the next one of its instrument replaces, only the last before each of these is.
2. They are looked for in columns (`events/record/encoded.py`), so that of most events only the envelope is read. Where
   those of a type are not read so, they are decoded.
3. Folded behind a state of the whole record they give that account, the markets and what is everybody's, as the whole
   does. Other accounts they leave behind. The venue's own accounts are other sides of nearly everything, and named by
   little of it; and where options are listed time itself is a price: of both the whole record is to be folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ...events.envelope import Event
from ...events.ledger.effects import FOLD
from ...events.msgpack_columns import Column, Mask
from ...events.record.decoded import Stretch
from ...events.record.encoded import EncodedEvents, TypedEvents
from ...events.vocabulary import ACCOUNT_FIELDS, BODY_TYPES, accounts_named

__all__ = ["events_followed"]

_EVENTS_AT_ONCE = 1 << 15
_EVERYBODYS = [kind for kind in BODY_TYPES if not kind.private and not kind.replaced and FOLD[kind] is not None]
_TAGS_EVERYBODYS = np.array([kind.__struct_config__.tag for kind in _EVERYBODYS])


def events_followed(stretches: Iterable[Stretch], account: int) -> Iterator[Event]:
    """The events chosen for an account, in order. Some 0.2 us an event of the record, and 1 us each of these."""
    held, events = list[Stretch](), 0
    for stretch in stretches:
        held.append(stretch)
        events += stretch.events
        if events >= _EVENTS_AT_ONCE:
            yield from _chosen(EncodedEvents(held), account)
            held, events = [], 0
    if held:
        yield from _chosen(EncodedEvents(held), account)


def _chosen(encoded: EncodedEvents, account: int) -> list[Event]:
    chosen = np.isin(encoded.tags, _TAGS_EVERYBODYS)
    replaced = list[TypedEvents]()
    for typed in encoded.by_type():
        if typed.type.replaced:
            replaced.append(typed)
        elif ACCOUNT_FIELDS[typed.type]:
            chosen[typed.places[_naming(typed, account)]] = True
    spans = np.cumsum(chosen, dtype=np.int64)
    for typed in replaced:
        chosen[typed.places[_last(typed, spans)]] = True
    return encoded.decoded(np.flatnonzero(chosen))


def _naming(typed: TypedEvents, account: int) -> Mask:
    """Which of the events name an account."""
    columns = typed.wholes(ACCOUNT_FIELDS[typed.type])
    if columns is None:
        return np.array([account in accounts_named(event.body) for event in typed.events], np.bool_)
    named = np.zeros(len(typed), np.bool_)
    for column in columns:
        found = column.numbers == account
        named |= found if column.missing is None else found & ~column.missing
    return named


def _last(typed: TypedEvents, spans: Column) -> Column:
    """The places of the last one of each instrument between two chosen events."""
    columns = typed.wholes(("instrument",))
    if columns is None:
        return np.arange(len(typed))
    (instruments,) = columns
    keys = spans[typed.places] * (int(instruments.numbers.max()) + 1) + instruments.numbers
    behind: Column = np.unique(keys[::-1], return_index=True)[1]
    return len(keys) - 1 - behind

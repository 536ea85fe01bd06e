"""What a record took in from a venue about an event, and what its importer concluded. Its names are stable JSON.

origin      `imported` or `inferred`
file, line  where it was read, and the SHA-256 of that file; null where it was read nowhere
reported    what the venue says of each side of the trade
imported    the events that the answer rests on and the venue's files state, each with file and line
inferred    those that no file states, each with the rule by which they were concluded
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ...events.bodies.base import Provenance
from ...events.bodies.inputs import BalanceStated, FillReported, PositionStated
from ...events.bodies.liquidation import LiquidationEnded, LiquidationFilled, LiquidationStarted
from ...events.bodies.margin import FeeCharged, MarkPriced
from ...events.bodies.run import SourceOpened
from ...events.bodies.waterfall import DeleveragingEnded
from ...events.envelope import Event, Origin
from ..run import Run
from .closed import mark_before
from .names import Names
from .words_imported import format_of, rule_of, words_of

__all__ = ["Reported", "Rest", "TakenIn", "files_of", "statements_of", "taken_in"]

_NEAR = 1 << 14
_AFTER = 3


class Reported(msgspec.Struct, frozen=True):
    """One side of a trade as the venue tells it; `entry` follows from closed profit and price, where it closed."""

    seq: int
    account: int
    name: str
    direction: str
    size_lots: int
    traded: str
    price: str
    maker: bool
    before: str | None
    after: str | None
    closed_profit: str | None
    entry: str | None
    fee: str | None
    printed: tuple[tuple[str, str], ...]


class Rest(msgspec.Struct, frozen=True):
    """An event that the answer rests on, or several of a kind from `seq` to `last_seq`.

    `rule` is None for what a file states, file and line where none is named.
    """

    seq: int
    type: str
    text: str
    file: str | None
    line: int | None
    rule: str | None
    last_seq: int | None = None


class TakenIn(msgspec.Struct, frozen=True):
    """Where an event comes from, and what the answer rests on."""

    origin: str
    format: str
    file: str | None
    line: int | None
    sha256: str | None
    reported: tuple[Reported, ...]
    imported: tuple[Rest, ...]
    inferred: tuple[Rest, ...]


def taken_in(run: Run, event: Event, causes: tuple[Event, ...], names: Names) -> TakenIn:
    """The part of the answer; a mark, what was stated of its accounts, and a few events after it are read."""
    sides = [one for one in (event, *map(run.event, event.links)) if isinstance(one.body, FillReported)]
    around = {one.seq: one for one in _around(run, event, causes, sides)}
    ordered = [around[seq] for seq in sorted(around)]
    files = files_of(run)
    place = _place(run, event)
    source = None if place is None else files.get(place.source)
    return TakenIn(
        event.origin.name.lower(),
        format_of(run),
        None if source is None else source.name,
        None if place is None else place.row,
        None if source is None else source.sha256.hex(),
        tuple(_reported(side, names) for side in sides),
        tuple(_rests(run, ordered, Origin.IMPORTED, files, names)),
        tuple(_rests(run, ordered, Origin.INFERRED, files, names)),
    )


def _rests(
    run: Run, events: Iterable[Event], origin: Origin, files: dict[int, SourceOpened], names: Names
) -> Iterator[Rest]:
    for event in events:
        if event.origin is origin:
            place, source = _place(run, event), None
            if place is not None:
                source = files.get(place.source)
            yield Rest(
                event.seq,
                type(event.body).__name__,
                words_of(event, names),
                None if source is None else source.name,
                None if place is None else place.row,
                rule_of(event, format_of(run)) if origin is Origin.INFERRED else None,
            )


def _place(run: Run, event: Event) -> Provenance | None:
    """Where a file has an event: a fee with its trade; a mark or an order with the forced fill just after it."""
    place: Provenance | None = getattr(event.body, "provenance", None)
    if place is not None or event.origin is not Origin.IMPORTED:
        return place
    if isinstance(event.body, FeeCharged) and event.cause is not None:
        return getattr(run.event(event.cause).body, "provenance", None)
    for later in run.events(event.seq + 1, min(event.seq + _AFTER, run.count)):
        told_with = isinstance(event.body, MarkPriced) and isinstance(later.body, FillReported)
        if told_with or (isinstance(later.body, LiquidationFilled) and later.cause == event.seq):
            place = getattr(later.body, "provenance", None)
            return place if later.at_ns == event.at_ns else None
        if not isinstance(later.body, LiquidationStarted):
            break
    return None


def _around(run: Run, event: Event, causes: tuple[Event, ...], sides: list[Event]) -> Iterator[Event]:
    """The events that the answer rests on."""
    yield event
    yield from causes
    yield from sides
    instrument = getattr(event.body, "instrument", None)
    if instrument is not None and not isinstance(event.body, MarkPriced):
        mark = mark_before(run, instrument, event.seq)
        if mark is not None:
            yield mark
    accounts = dict.fromkeys(side.body.account for side in sides if isinstance(side.body, FillReported))
    for account in accounts or (getattr(event.body, "account", None),):
        if account is not None:
            yield from statements_of(run, account, instrument, event.seq)
    yield from _ended(run, causes)


def statements_of(run: Run, account: int, instrument: int | None, stop_seq: int) -> tuple[Event, ...]:
    """The last statements of an account's balance and of its position before an event, as far as they are looked for.

    Importers state them when the record begins, or just before the event that needs them: those two spans are read.
    """
    last: dict[type, Event] = {}
    opening = min(run.first_at(run.start_ns + 1), stop_seq)
    for span in ((0, opening), (max(opening, stop_seq - _NEAR), stop_seq)):
        for event in run.events_naming(account, *span):
            body = event.body
            if isinstance(body, BalanceStated) or (isinstance(body, PositionStated) and body.instrument == instrument):
                last[type(body)] = event
    return tuple(last.values())


def _ended(run: Run, causes: tuple[Event, ...]) -> Iterator[Event]:
    """The end of the liquidation or round that an event belongs to."""
    began = {cause.seq for cause in causes[:-1]}
    for later in run.events(causes[-1].seq + 1) if began else ():
        if later.at_ns != causes[-1].at_ns:
            return
        if isinstance(later.body, LiquidationEnded | DeleveragingEnded) and later.cause in began:
            yield later


def files_of(run: Run) -> dict[int, SourceOpened]:
    """The files of the record by their numbers; they are named at its beginning."""
    found = dict[int, SourceOpened]()
    for event in run.events(1):
        if not isinstance(event.body, SourceOpened):
            break
        found[event.body.source] = event.body
    return found


def _reported(event: Event, names: Names) -> Reported:
    body = event.body
    assert isinstance(body, FillReported)
    start, end = body.start_lots, None if body.start_lots is None else body.start_lots + body.size_lots
    profit, fee = body.closed_profit_atoms, body.fee_atoms
    return Reported(
        event.seq,
        body.account,
        names.account(body.account),
        body.direction,
        body.size_lots,
        names.units(body.instrument, body.size_lots),
        names.price(body.instrument, body.price_ticks),
        body.maker,
        None if start is None else names.units(body.instrument, start),
        None if end is None else names.units(body.instrument, end),
        None if profit is None else names.money(body.account, profit),
        _entry_text(body, names),
        None if fee is None or body.fee_asset is None else names.amount(body.fee_asset, fee),
        body.raw,
    )


def _entry_text(body: FillReported, names: Names) -> str | None:
    """The entry price that a closed profit says, with the digits that give the profit again; None where none closed.

    Linear only: no supported file reports closed profit for inverse contracts.
    """
    start, profit = body.start_lots, body.closed_profit_atoms
    listing = names.listing(body.instrument)
    if not start or profit is None or start * body.size_lots >= 0 or listing.kind == "inverse":
        return None
    closed = min(abs(start), abs(body.size_lots)) * (1 if start > 0 else -1)
    cost_atoms = closed * body.price_ticks * listing.multiplier_atoms - profit
    return names.average(body.instrument, closed, cost_atoms) if cost_atoms * closed > 0 else None

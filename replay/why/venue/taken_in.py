"""What a record took in from a venue about an event, and what its importer concluded. Its names are stable JSON.

origin      `imported` or `inferred`
file, line  where it was read, and the SHA-256 of that file; null where it was read nowhere
reported    what the venue says of each side of the trade
imported    the events that the answer rests on and the venue's files state, each with file and line
inferred    those that no file states, each with the rule by which they were concluded

`words_of` puts any event into words. An importer writes zeros where a venue publishes nothing: an equity and a
requirement that were compared, a ranking, a score. The words leave those out, so that "not published" is never shown
as zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from ....events.bodies.base import Provenance
from ....events.bodies.inputs import BalanceStated, FillReported, InputRefused, PositionStated
from ....events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationOrdered,
    LiquidationStarted,
    OrdersCancelled,
)
from ....events.bodies.listing import AccountOpened, AssetListed, InstrumentListed
from ....events.bodies.margin import FeeCharged, MarkPriced
from ....events.bodies.run import SourceOpened
from ....events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from ....events.envelope import Event, Origin
from ....events.vocabulary import Body
from ....sim.quantities import Quantity
from ...run import Run
from ..names import RunNames, words
from ..watching import mark_before

__all__ = ["Reported", "Rest", "TakenIn", "files_of", "format_of", "rule_of", "statements_of", "taken_in", "words_of"]

_NEAR = 1 << 14
_AFTER = 3

_SCENARIO = "import of "
_TABLE, _FILLS = "adl-table", "hyperliquid"


class Reported(msgspec.Struct, frozen=True):
    """One side of a trade as the venue tells it; `entry` follows from closed profit and price, where it closed."""

    seq: int
    account: int
    name: str
    direction: str
    traded: Quantity
    price: Quantity
    maker: bool
    before: Quantity | None
    after: Quantity | None
    closed_profit: Quantity | None
    entry: Quantity | None
    fee: Quantity | None
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


def taken_in(run: Run, event: Event, causes: tuple[Event, ...], names: RunNames) -> TakenIn:
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
    run: Run, events: Iterable[Event], origin: Origin, files: dict[int, SourceOpened], names: RunNames
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


def _reported(event: Event, names: RunNames) -> Reported:
    body = event.body
    assert isinstance(body, FillReported)
    start, profit, fee = body.start_lots, body.closed_profit_atoms, body.fee_atoms
    return Reported(
        seq=event.seq,
        account=body.account,
        name=names.account(body.account),
        direction=body.direction,
        traded=names.size_of(body.instrument, body.size_lots),
        price=names.price_of(body.instrument, body.price_ticks),
        maker=body.maker,
        before=None if start is None else names.size_of(body.instrument, start),
        after=None if start is None else names.size_of(body.instrument, start + body.size_lots),
        closed_profit=None if profit is None else names.money_of(body.account, profit),
        entry=_entry(body, names),
        fee=None if fee is None or body.fee_asset is None else names.amount_of(body.fee_asset, fee),
        printed=body.raw,
    )


def _entry(body: FillReported, names: RunNames) -> Quantity | None:
    """The entry price that a closed profit says, with the digits that give the profit again; None where none closed.

    Linear only: no supported file reports closed profit for inverse contracts.
    """
    start, profit = body.start_lots, body.closed_profit_atoms
    listing = names.listing(body.instrument)
    if not start or profit is None or start * body.size_lots >= 0 or listing.kind == "inverse":
        return None
    closed = min(abs(start), abs(body.size_lots)) * (1 if start > 0 else -1)
    cost_atoms = closed * body.price_ticks * listing.multiplier_atoms - profit
    return names.average_of(body.instrument, closed, cost_atoms) if cost_atoms * closed > 0 else None


def words_of(event: Event, names: RunNames) -> str:
    """What an event says, by whether it was decided here or taken in."""
    says = _TAKEN_IN.get(type(event.body)) if event.origin in (Origin.IMPORTED, Origin.INFERRED) else None
    return words(event.body, names) if says is None else says(event.body, names)


def _started(body: LiquidationStarted, names: RunNames) -> str:
    told = f": equity {names.money(body.account, body.equity_atoms)}" if body.equity_atoms else ""
    return f"liquidation {body.liquidation_id} of {names.account(body.account)} began{told}"


def _bankrupt(body: BankruptcyDeclared, names: RunNames) -> str:
    return f"the market could not close {names.account(body.account)}: {body.reason}"


def _liquidation_over(body: LiquidationEnded, names: RunNames) -> str:
    return f"liquidation {body.liquidation_id} of {names.account(body.account)} ended: {body.outcome}"


def _round(body: DeleveragingStarted, names: RunNames) -> str:
    what, at = names.held(body.instrument, body.size_lots), names.price(body.instrument, body.price_ticks)
    return f"round {body.round} began: {what} of {names.account(body.account)} to be closed at {at}"


def _deleveraged(body: PositionDeleveraged, names: RunNames) -> str:
    did = names.trade(body.instrument, body.size_lots, body.price_ticks)
    return f"{names.account(body.account)} was deleveraged as number {body.rank:,} of round {body.round}: {did}"


def _stated(body: PositionStated, names: RunNames) -> str:
    held, cost = names.held(body.instrument, body.size_lots), names.value(body.instrument, body.cost_atoms)
    return f"{names.account(body.account)} is taken to hold {held} that cost {cost}"


def _balance(body: BalanceStated, names: RunNames) -> str:
    return f"{names.account(body.account)} is taken to have {names.money(body.account, body.balance_atoms)}"


def _missing(body: InputRefused, names: RunNames) -> str:
    whose = "" if body.account is None else f" of {names.account(body.account)}"
    return f"missing or left out, {body.refused}{whose}: {body.reason}"


def _fee(body: FeeCharged, names: RunNames) -> str:
    did = "received a rebate" if body.amount_atoms < 0 else "paid a fee"
    return f"{names.account(body.account)} {did} of {names.money(body.account, abs(body.amount_atoms))} ({body.reason})"


_TAKEN_IN: dict[type[Body], Callable[[Any, RunNames], str]] = {
    LiquidationStarted: _started,
    BankruptcyDeclared: _bankrupt,
    LiquidationEnded: _liquidation_over,
    DeleveragingStarted: _round,
    PositionDeleveraged: _deleveraged,
    PositionStated: _stated,
    FeeCharged: _fee,
    BalanceStated: _balance,
    InputRefused: _missing,
}


def format_of(run: Run) -> str:
    """What a record was imported as, such as `adl-table`; nothing for one that was not."""
    return run.started.scenario.removeprefix(_SCENARIO) if run.imported else ""


def rule_of(event: Event, format_name: str) -> str:
    """The rule by which an importer inferred an event, as part of a sentence."""
    body = event.body
    if isinstance(body, PositionStated):
        return _position_rule(body, format_name)
    if isinstance(body, AccountOpened):
        return _account_rule(body)
    found = _RULES[type(body)]
    return found if isinstance(found, str) else found.get(format_name, found[""])


def _account_rule(body: AccountOpened) -> str:
    if body.name.startswith("forced:"):
        return "one account stands for all whose orders were forced in this market"
    if body.kind in ("user", "vault"):
        return "the files name it"
    return "the record needs it as the other side of what comes in, goes out or is charged"


def _position_rule(body: PositionStated, format_name: str) -> str:
    known = body.provenance is not None
    if format_name == _TABLE:
        return (
            "size and entry are those that the row prints; of other positions, what their profit leaves to explain"
            if known
            else "the liquidated account is taken to hold what the round closes, at the price of the round"
        )
    if format_name == _FILLS:
        return (
            "the size is the start position of a fill, the cost follows from the profit that a fill closed"
            if known
            else "the size is the start position of its first fill; no fill tells the entry, so its price stands for it"
        )
    return "whoever was made to close a position held it; the price of the fill stands for its entry"


_RULES: dict[type[Body], str | dict[str, str]] = {
    MarkPriced: {
        _TABLE: "the price of the round stands for the mark, unless --mark gave one",
        "": "the last price traded stands for the mark, where no file gives one",
    },
    BalanceStated: "the balance is the cash that the row prints",
    LiquidationStarted: {
        _TABLE: "each round of the table is one liquidation",
        _FILLS: "what was forced of one account in one block is one liquidation",
        "": "each forced order is one liquidation",
    },
    LiquidationOrdered: "a forced fill was ordered; the file tells only of the fill",
    OrdersCancelled: "what no file shows a fill of was not filled",
    BankruptcyDeclared: "a takeover or a reduction of others means that the market did not close the account",
    DeleveragingStarted: {
        _TABLE: "reductions of one instant, coin, liquidated account, side and price are one round",
        "": "reductions against one account in one coin in one block are one round",
    },
    DeleveragingEnded: "the files have no further reduction of the round",
    LiquidationEnded: "the files have nothing further of the liquidation",
    InputRefused: "the importer notes what is missing or was left out",
    AssetListed: "the files name it",
    InstrumentListed: "the files name it; its steps are those of the figures in them",
}

"""Miscellaneous events: what moves money of the perpetuals' accounts beside trades, and who was liquidated.

    misc_events_by_block   {"block_time", "block_number", "events": [{"time", "hash", "inner": {...}}, ...]}
    misc_events            {"time", "hash", "inner": {...}}

1. What a ledger update does is said in `deltas.py`. What is not of the perpetuals (staking, spot, lending) is counted
   by name, and so is what is not known.
2. Funding is charged to each account as the venue paid it (`FeeCharged`, reason funding, negative: received); a rate
   that is told becomes `FundingRateSet`.
3. A commission to the leader of a vault is paid by the vault whose withdrawal of the same time says that commission; by
   the outside where there is none.
4. A liquidation says the account's value and whether it was cross or isolated: see `forced.py`.
5. Time is cut to the millisecond, as that of fills is, so that both fall into one order. Events that are out of order
   are left out, as few as possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from ....events.bodies.base import Provenance
from ....events.bodies.inputs import Deposited, FundingRateSet, Transferred, Withdrawn
from ....events.bodies.margin import FeeCharged
from ....events.envelope import Origin
from ....events.errors import ScenarioError
from ....events.vocabulary import Body
from ....sim.reading.json_lines import json_decoder
from ....sim.reading.order import Order
from ....sim.units import parse_decimal
from ..digits import snapped
from ..faults import Ahead, Faults
from ..reading import SourceFile, read_each, read_rows
from ..session import Session
from .deltas import Liquidated, Move, moves_of
from .fills import iso_ns
from .forced import Liquidations
from .market import CoinNames
from .survey import Survey

__all__ = ["Misc", "MiscTaking", "read_misc", "survey_misc"]

Watch = Callable[[int], None]

_MS = 10**6
_RATE_DECIMALS = 9


class Misc(NamedTuple):
    """One event as the file has it, with its moves; `ignored` names what was not taken."""

    source: SourceFile
    row: int
    at_ns: int
    venue_ns: int
    moves: tuple[Move, ...]
    ignored: str
    liquidated: Liquidated | None = None


class _Event(msgspec.Struct):
    time: str
    inner: dict[str, Any]


class _MiscLine(msgspec.Struct):
    time: str = ""
    inner: dict[str, Any] = {}
    block_time: str = ""
    events: list[_Event] | None = None


_decode = json_decoder(_MiscLine, float_hook=str)


def read_misc(sources: Sequence[SourceFile], faults: Faults, watch: Watch) -> Iterator[Misc]:
    """The events of some files, one behind the other; reports what cannot be read or is out of order."""
    ahead = Ahead(faults)

    def blame(misc: Misc, is_ahead: bool) -> None:  # noqa: FBT001 - as `Order` tells it
        told = "is after that of the events below" if is_ahead else "is before that of the event before it"
        ahead.report("event out of order", misc.source, misc.row, f"its time {told}; sort the file by time")

    every = (misc for source in sources for misc in _events(source, faults, ahead, watch))
    in_order = Order[Misc](lambda misc: misc.at_ns, blame).of(every)
    for _, together in groupby(in_order, key=lambda misc: misc.venue_ns):
        for misc in _with_commissions(list(together)):
            ahead.release(misc.source.number, misc.row)
            yield misc
    ahead.release()


def _events(source: SourceFile, faults: Faults, ahead: Ahead, watch: Watch) -> Iterator[Misc]:
    def read(row: int, text: bytes) -> list[Misc]:
        line = _decode(text)
        return [_misc(source, row, event) for event in line.events or [_Event(line.time, line.inner)]]

    rows = read_rows(source, watch, ahead.cut(source))
    for _, found in read_each(source, faults.of(source), rows, read, ahead.report, "not an event"):
        yield from found


def _misc(source: SourceFile, row: int, event: _Event) -> Misc:
    venue_ns = iso_ns(event.time)
    return Misc(source, row, venue_ns - venue_ns % _MS, venue_ns, *moves_of(event.inner))


def _is_same(one: str, other: str) -> bool:
    return parse_decimal(one) == parse_decimal(other)


def _with_commissions(events: list[Misc]) -> Iterator[Misc]:
    """Events of one time, leaders paid by the vaults whose commissions theirs are."""
    owed = [move for misc in events for move in misc.moves if move.kind == "commission"]
    for misc in events:
        moves = []
        for move in misc.moves:
            if move.kind == "leader":
                payer = next((one for one in owed if _is_same(one.amount, move.amount)), None)
                if payer is not None:
                    owed.remove(payer)
                paid = ("deposit", move.account, "") if payer is None else ("transfer", payer.account, move.account)
                moves.append(Move(*paid, move.amount))
            elif move.kind != "commission":
                moves.append(move)
        yield misc._replace(moves=tuple(moves))


def survey_misc(survey: Survey, misc: Misc) -> None:
    """Meet the accounts of an event."""
    survey.begin(misc.at_ns)
    for move in misc.moves:
        for address in (move.account, move.to if move.kind == "transfer" else ""):
            if address:
                survey.fund(address, move.asset)
    if misc.liquidated is not None:
        _, address, isolated, coins = misc.liquidated
        survey.liquidated(address, coins if isolated else ())


class MiscTaking:
    """Writes events to a session; who was liquidated is told to `liquidations`."""

    def __init__(self, session: Session, names: CoinNames, liquidations: Liquidations) -> None:
        self._session, self._names, self._liquidations = session, names, liquidations

    def take(self, misc: Misc) -> None:
        """Record one event."""
        session = self._session
        session.move_to(misc.at_ns)
        if misc.ignored:
            session.faults.note(f"not taken: {misc.ignored}")
        try:
            made = [self._made(misc, move) for move in misc.moves]
            if misc.liquidated is not None:
                self._liquidations.told(misc.liquidated)
        except ScenarioError as error:
            session.faults.report("value", misc.source, misc.row, str(error))
            return
        for body, origin in filter(None, made):
            session.imported(body, origin=origin)

    def _made(self, misc: Misc, move: Move) -> tuple[Body, Origin] | None:
        """The event of a move; None for one that moves nothing. Raises ScenarioError."""
        place = Provenance(misc.source.number, misc.row, misc.venue_ns)
        if move.kind == "rate":
            return self._rate(move, place)
        return self._moved(move, place)

    def _moved(self, move: Move, place: Provenance) -> tuple[Body, Origin] | None:
        atoms, _ = self._names.amount(move.amount, move.asset, self._session.faults)
        accounts = self._names.accounts[move.asset]
        account = accounts[move.account]
        if move.kind == "transfer" and move.to == move.account:
            self._session.faults.note("transfers of an account to itself, which move nothing")
            return None
        if not atoms:
            return None
        if move.kind == "deposit":
            return Deposited(account, atoms, place), Origin.INPUT
        if move.kind == "withdrawal":
            return Withdrawn(account, atoms, place), Origin.INPUT
        if move.kind == "transfer":
            return Transferred(account, accounts[move.to], atoms, place), Origin.INPUT
        return FeeCharged(account, -atoms if move.kind == "funding" else atoms, move.kind), Origin.IMPORTED

    def _rate(self, move: Move, place: Provenance) -> tuple[Body, Origin] | None:
        coin = self._names.coins.get(move.to)
        if coin is None:
            self._session.faults.note("funding rates of coins that nobody trades")
            return None
        rate_ppb = snapped(move.amount, _RATE_DECIMALS).value
        return FundingRateSet(coin.instrument, rate_ppb, place), Origin.IMPORTED

"""Miscellaneous events: deposits, withdrawals, transfers and funding of the perpetuals' accounts.

    misc_events_by_block   {"block_time", "block_number", "events": [{"time", "hash", "inner": {...}}, ...]}
    misc_events            {"time", "hash", "inner": {...}}

1. What moves dollars of the perpetuals' accounts is taken: see `_DELTAS`. A transfer between an account's own spot and
   perpetual side comes from outside, or goes there, as spot is not kept.
2. Funding is charged to each account as the venue paid it (`FeeCharged`, reason funding, negative: received); a rate
   that is told becomes `FundingRateSet`.
3. Everything else (staking, spot transfers, vault commissions to leaders, notices of liquidations) is counted by name.
4. Time is cut to the millisecond, as that of fills is, so that both fall into one order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from ....events.bodies.base import Provenance
from ....events.bodies.inputs import Deposited, FundingRateSet, Transferred, Withdrawn
from ....events.bodies.margin import FeeCharged
from ....events.envelope import Origin
from ....events.errors import ScenarioError
from ....events.vocabulary import Body
from ....sim.units import atoms_to_text
from ..digits import snapped
from ..faults import Faults
from ..reading import Source, json_decoder, read_rows
from ..session import Session
from .layouts import iso_ns
from .market import Names
from .scales import ATOM_DECIMALS
from .survey import DEFAULT_ASSET, Survey

__all__ = ["Misc", "MiscTaking", "survey_misc"]

Watch = Callable[[int], None]
Delta = dict[str, Any]

_MS = 10**6
_WITHDRAWN = ("requestedUsd", "commission", "closingCost")
_RATE_DECIMALS = 9
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, msgspec.MsgspecError, ScenarioError)


class Move(NamedTuple):
    """What one event does: `kind` names it, `to` is the other account of a transfer or the coin of a rate."""

    kind: str
    account: str
    to: str
    amount: str


class Misc(NamedTuple):
    """One event as the file has it, with its moves; `ignored` names what was not taken."""

    source: Source
    row: int
    at_ns: int
    venue_ns: int
    moves: tuple[Move, ...]
    ignored: str

    @classmethod
    def read(cls, source: Source, faults: Faults, watch: Watch) -> Iterator[Misc]:
        """The events of a file in its order; reports what cannot be read or comes too late."""
        last_ns = 0
        for row, text in read_rows(source, watch, faults.cut(source)):
            faults.rows[source.number] += 1
            try:
                line = _decode(text)
                events = line.events or [_Event(line.time, line.inner)]
                found = [cls._of(source, row, event) for event in events]
            except _UNREADABLE as error:
                faults.report("not an event", source, row, f"the line cannot be read ({error})")
                continue
            for one in found:
                if one.at_ns < last_ns:
                    told = "its time is before that of the event before it; sort the file by time"
                    faults.report("event out of order", source, row, told)
                    continue
                last_ns = one.at_ns
                yield one

    @classmethod
    def _of(cls, source: Source, row: int, event: _Event) -> Misc:
        venue_ns = iso_ns(event.time)
        moves, ignored = _moves(event.inner)
        for move in moves:
            _check(move)
        return cls(source, row, venue_ns - venue_ns % _MS, venue_ns, moves, ignored)


class _Event(msgspec.Struct):
    time: str
    inner: dict[str, Any]


class _Line(msgspec.Struct):
    time: str = ""
    inner: dict[str, Any] = {}
    block_time: str = ""
    events: list[_Event] | None = None


_decode = json_decoder(_Line, float_hook=str)


def _moves(inner: dict[str, Any]) -> tuple[tuple[Move, ...], str]:
    """What an event does, or the name of what is not taken."""
    if "Funding" in inner:
        funding = inner["Funding"]
        deltas = funding.get("deltas", [funding])
        return tuple(move for delta in deltas for move in _funding(delta)), ""
    if "LedgerUpdate" not in inner:
        return (), next(iter(inner), "nothing")
    update = inner["LedgerUpdate"]
    delta: Delta = update["delta"]
    if not isinstance(delta, dict):
        message = "its delta is no object"
        raise TypeError(message)
    kind = str(delta.get("type", next(iter(delta), "nothing")))
    told = _DELTAS.get(kind)
    return ((), kind) if told is None else (tuple(told(delta, update.get("users") or [""])), "")


def _check(move: Move) -> None:
    """Refuse a move without the names that it needs. Raises TypeError."""
    needed = {"rate": (move.to,), "transfer": (move.account, move.to)}.get(move.kind, (move.account,))
    if not all(isinstance(name, str) and name for name in needed):
        message = f"{move.kind} does not say whose it is"
        raise TypeError(message)


def _funding(delta: Delta) -> Iterator[Move]:
    amount = delta["funding_amount"] if "funding_amount" in delta else delta["usdc"]
    yield Move("funding", delta["user"], "", str(amount))
    rate = delta.get("fundingRate", delta.get("funding_rate"))
    if rate is not None:
        yield Move("rate", "", delta["coin"], str(rate))


def _deposit(delta: Delta, users: list[str]) -> Iterator[Move]:
    yield Move("deposit", users[0], "", str(delta["usdc"]))


def _withdraw(delta: Delta, users: list[str]) -> Iterator[Move]:
    yield Move("withdrawal", users[0], "", str(delta["usdc"]))
    yield Move("withdrawal fee", users[0], "", str(delta.get("fee", "0.0")))


def _transfer(delta: Delta, _users: list[str]) -> Iterator[Move]:
    yield Move("transfer", delta["user"], delta["destination"], str(delta["usdc"]))
    yield Move("transfer fee", delta["user"], "", str(delta.get("fee", "0.0")))


def _class_transfer(delta: Delta, users: list[str]) -> Iterator[Move]:
    yield Move("deposit" if delta["toPerp"] else "withdrawal", users[0], "", str(delta["usdc"]))


def _vault_deposit(delta: Delta, users: list[str]) -> Iterator[Move]:
    yield Move("transfer", delta.get("user", users[0]), delta["vault"], str(delta["usdc"]))
    yield Move("vault fee", delta.get("user", users[0]), "", str(delta.get("fee", "0.0")))


def _vault_withdraw(delta: Delta, users: list[str]) -> Iterator[Move]:
    """What arrived: without the commission and the cost of closing, which older files leave to be taken off."""
    arrived = delta.get("netWithdrawnUsd")
    if arrived is None:
        asked, *taken = (snapped(str(delta[name]), ATOM_DECIMALS).value for name in _WITHDRAWN)
        arrived = atoms_to_text(asked - sum(taken), ATOM_DECIMALS)
    yield Move("transfer", delta["vault"], delta.get("user", users[0]), str(arrived))


def _vault_distribution(delta: Delta, users: list[str]) -> Iterator[Move]:
    yield Move("transfer", delta["vault"], users[0], str(delta["usdc"]))


_DELTAS: dict[str, Callable[[Delta, list[str]], Iterator[Move]]] = {
    "deposit": _deposit,
    "withdraw": _withdraw,
    "internalTransfer": _transfer,
    "subAccountTransfer": _transfer,
    "accountClassTransfer": _class_transfer,
    "vaultCreate": _vault_deposit,
    "vaultDeposit": _vault_deposit,
    "vaultWithdraw": _vault_withdraw,
    "vaultDistribution": _vault_distribution,
}


def survey_misc(survey: Survey, misc: Misc) -> None:
    """Meet the accounts of an event."""
    survey.begin(misc.at_ns)
    for move in misc.moves:
        for address in (move.account, move.to if move.kind == "transfer" else ""):
            if address:
                survey.account(address)


class MiscTaking:
    """Writes events to a session."""

    def __init__(self, session: Session, names: Names) -> None:
        """Everything is declared already."""
        self._session, self._names = session, names
        self._accounts = names.accounts[DEFAULT_ASSET]

    def take(self, misc: Misc) -> None:
        """Record one event."""
        session = self._session
        session.move_to(misc.at_ns)
        if misc.ignored:
            session.faults.note(f"not taken: {misc.ignored}")
        try:
            made = [self._made(misc, move) for move in misc.moves]
        except ScenarioError as error:
            session.faults.report("value", misc.source, misc.row, str(error))
            return
        for body, origin in filter(None, made):
            session.imported(body, origin=origin)

    def _made(self, misc: Misc, move: Move) -> tuple[Body, Origin] | None:
        """The event of a move; None for one of nothing, or of a coin that is not traded. Raises ScenarioError."""
        place = Provenance(misc.source.number, misc.row, misc.venue_ns)
        if move.kind == "rate":
            coin = self._names.coins.get(move.to)
            rate_ppb = snapped(move.amount, _RATE_DECIMALS).value
            return None if coin is None else (FundingRateSet(coin.instrument, rate_ppb, place), Origin.IMPORTED)
        atoms, _ = self._names.amount(move.amount, DEFAULT_ASSET, self._session.faults)
        account = self._accounts[move.account]
        if not atoms:
            return None
        if move.kind == "deposit":
            return Deposited(account, atoms, place), Origin.INPUT
        if move.kind == "withdrawal":
            return Withdrawn(account, atoms, place), Origin.INPUT
        if move.kind == "transfer":
            return Transferred(account, self._accounts[move.to], atoms, place), Origin.INPUT
        return FeeCharged(account, -atoms if move.kind == "funding" else atoms, move.kind), Origin.IMPORTED

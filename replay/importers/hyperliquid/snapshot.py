"""Clearinghouse states, as the venue's API gives them, taken before the files begin: balances, positions, entries.

    {"user", "marginSummary": {"totalRawUsd"}, "assetPositions": [{"position": {"coin", "szi", "entryPx"}}], "time"}

1. A file holds one such state, one a line, or one for each address: {address: state}. A state that does not say whose
   it is belongs to the address that its file is named after.
2. A balance is `totalRawUsd` plus what the positions cost, since the venue takes the cost of a position out of the raw
   dollars: so the equity is the venue's account value.
3. Who has a state opens with that and nothing else: what the first fills say beside it is a break.
4. A state of after the first event is refused: what happened in between would count twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, NamedTuple

import msgspec

from ....events.bodies.base import Provenance
from ....events.bodies.inputs import BalanceStated, PositionStated
from ....events.errors import ScenarioError
from ....sim.units import INT64_MAX, divide_half_even, format_time_ns
from ..digits import snapped
from ..reading import Source, json_decoder, read_all
from ..session import Session
from .market import Names
from .openings import SIZE_DECIMALS
from .scales import ATOM_DECIMALS, Uses
from .survey import DEFAULT_ASSET, Survey

__all__ = ["Snapshots"]

_MS = 10**6
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_COST_PER_ATOM = 10 ** (2 * SIZE_DECIMALS - ATOM_DECIMALS)


class _Position(msgspec.Struct, rename="camel"):
    coin: str
    szi: str
    entry_px: str | None = None


class _Held(msgspec.Struct):
    position: _Position


class _Summary(msgspec.Struct, rename="camel"):
    total_raw_usd: str


class _State(msgspec.Struct, rename="camel"):
    margin_summary: _Summary
    asset_positions: list[_Held]
    time: Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX // _MS)]
    user: str = ""


class _Stated(NamedTuple):
    source: Source
    row: int
    address: str
    state: _State


_one = json_decoder(_State)
_many = json_decoder(dict[str, _State])


class Snapshots:
    """The states of some files; they are small beside the fills and held in memory."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Nothing read yet."""
        self._sources = sources
        self._states: list[_Stated] = []

    def survey(self, survey: Survey, watch: Callable[[int], None]) -> None:
        """Read them and meet what they name. Raises ScenarioError with file and line."""
        self._states = [one for source in self._sources for one in _read(source, watch)]
        for stated in self._states:
            taken_ns = stated.state.time * _MS
            if survey.start_ns is not None and taken_ns > survey.start_ns:
                told = f"the state is of {format_time_ns(taken_ns)}, after the first event"
                message = (
                    f"{stated.source.path}:{stated.row}: {told} at {format_time_ns(survey.start_ns)}; take an earlier"
                )
                raise ScenarioError(message)
            survey.account(stated.address)
            for held in stated.state.asset_positions:
                coin = held.position.coin
                survey.coins.setdefault(coin, Uses(DEFAULT_ASSET, spot=False)).size(held.position.szi)

    def take(self, session: Session, names: Names) -> set[str]:
        """State balances and positions, and return the addresses that have a state. Raises ScenarioError."""
        for stated in self._states:
            session.faults.rows[stated.source.number] += 1
            try:
                self._state(session, names, stated)
            except ScenarioError as error:
                message = f"{stated.source.path}:{stated.row}: {error}"
                raise ScenarioError(message) from error
        return {stated.address for stated in self._states}

    def _state(self, session: Session, names: Names, stated: _Stated) -> None:
        place = Provenance(stated.source.number, stated.row, stated.state.time * _MS)
        account, costs = names.accounts[DEFAULT_ASSET][stated.address], 0
        positions = []
        for held in stated.state.asset_positions:
            coin = names.coins[held.position.coin]
            lots = snapped(held.position.szi, coin.scale.lot_decimals).value
            size = snapped(held.position.szi, SIZE_DECIMALS).value
            entry = snapped(held.position.entry_px or "0.0", SIZE_DECIMALS).value
            cost = divide_half_even(size * entry, _COST_PER_ATOM)
            costs += cost
            if lots:
                positions.append(PositionStated(account, coin.instrument, 0, lots, cost, place))
        raw, _ = names.amount(stated.state.margin_summary.total_raw_usd, DEFAULT_ASSET, session.faults)
        session.imported(BalanceStated(account, raw + costs, place))
        for position in positions:
            session.imported(position)


def _read(source: Source, watch: Callable[[int], None]) -> Iterator[_Stated]:
    rows = read_all(source, watch)
    whole = b"\n".join(text for _, text in rows)
    for decode in (_many, lambda data: {"": _one(data)}):
        try:
            found = decode(whole)
        except (msgspec.MsgspecError, ValueError):
            continue
        for address, state in found.items():
            yield _stated(source, 1, address, state)
        return
    for row, text in rows:
        try:
            yield _stated(source, row, "", _one(text))
        except (msgspec.MsgspecError, ValueError) as error:
            message = f"{source.path}:{row}: no clearinghouse state ({error}); give what the venue's API answers"
            raise ScenarioError(message) from error


def _stated(source: Source, row: int, address: str, state: _State) -> _Stated:
    named = _ADDRESS.search(source.path.name)
    owner = address or state.user or ("" if named is None else named.group())
    if not owner:
        message = f"{source.path}:{row}: the state does not say whose it is; name the file after the address"
        raise ScenarioError(message)
    return _Stated(source, row, owner.lower(), state)

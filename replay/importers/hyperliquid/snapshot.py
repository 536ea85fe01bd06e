"""Clearinghouse states, as the venue's API gives them, taken before the files begin: balances, positions, entries.

    {"user", "marginSummary": {"totalRawUsd"}, "assetPositions": [{"position": {"coin", "szi", "entryPx", "leverage",
     "maxLeverage", "positionValue", "marginUsed"}}], "crossMaintenanceMarginUsed", "time"}

1. A file holds one such state, one a line, or one for each address: {address: state}. A state that does not say whose
   it is belongs to the address that its file is named after.
2. A balance is `totalRawUsd` plus what the positions cost, since the venue takes the cost of a position out of the raw
   dollars: so the equity is the venue's account value.
3. An isolated position (`leverage.type`) is an account of its own, with the raw dollars behind it (`leverage.rawUsd`,
   or `marginUsed` less the position's value), which are taken off the others'.
4. A position's value tells the mark of its coin, to the nearest tick.
5. The maintenance margin is half of the initial margin at the greatest leverage of the coin (`maxLeverage`), so its
   rate is 1 / (2 x maxLeverage). Where no leverage is told, the rate is what `crossMaintenanceMarginUsed` is of the
   value of all cross positions.
6. Who has a state opens with that and nothing else: what the first fills say beside it is a break.
7. A state of after the first event is refused: what happened in between would count twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, NamedTuple, TypeVar

import msgspec

from ....events.bodies.base import Provenance
from ....events.bodies.inputs import BalanceStated, PositionStated
from ....events.bodies.margin import MarkPriced
from ....events.errors import ScenarioError
from ....sim.reading.json_lines import json_decoder
from ....sim.units import INT64_MAX, divide_half_even, format_time_ns
from ..digits import snapped
from ..reading import SourceFile, read_all
from ..session import Session
from .market import CoinNames
from .scales import ATOM_DECIMALS, CoinUses
from .share import EVERYBODY, ShardShare
from .survey import DEFAULT_ASSET, SIZE_DECIMALS, Survey

__all__ = ["Snapshots"]

Read = TypeVar("Read")

_MS = 10**6
_MICRO = 10**6
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_COST_PER_ATOM = 10 ** (2 * SIZE_DECIMALS - ATOM_DECIMALS)


class _Leverage(msgspec.Struct, rename="camel"):
    type: str = "cross"
    raw_usd: str | None = None


class _Position(msgspec.Struct, rename="camel"):
    coin: str
    szi: str
    entry_px: str | None = None
    leverage: _Leverage = msgspec.field(default_factory=_Leverage)
    max_leverage: int | None = None
    position_value: str | None = None
    margin_used: str | None = None

    @property
    def is_isolated(self) -> bool:
        """Whether only its own margin stands behind it."""
        return self.leverage.type.lower() == "isolated"

    def raw_usd(self) -> int:
        """The raw dollars behind an isolated position, in atoms. Raises ScenarioError where they are not told."""
        if self.leverage.raw_usd is not None:
            return snapped(self.leverage.raw_usd, ATOM_DECIMALS).value
        if self.margin_used is None or self.position_value is None:
            message = f"the isolated position in {self.coin} does not say what stands behind it (leverage.rawUsd)"
            raise ScenarioError(message)
        value = snapped(self.position_value, ATOM_DECIMALS).value
        return snapped(self.margin_used, ATOM_DECIMALS).value - (-value if self.szi.startswith("-") else value)


class _HeldPosition(msgspec.Struct):
    position: _Position


class _Summary(msgspec.Struct, rename="camel"):
    total_raw_usd: str


class _State(msgspec.Struct, rename="camel"):
    margin_summary: _Summary
    asset_positions: list[_HeldPosition]
    time: Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX // _MS)]
    user: str = ""
    cross_maintenance_margin_used: str | None = None

    @property
    def positions(self) -> list[_Position]:
        """What is held."""
        return [held.position for held in self.asset_positions]

    def rates_ppm(self) -> dict[str, int]:
        """The maintenance margin rate of each coin, as far as it is told, in millionths. Raises ScenarioError."""
        rates = {one.coin: divide_half_even(_MICRO, 2 * one.max_leverage) for one in self.positions if one.max_leverage}
        cross = [one for one in self.positions if not one.is_isolated]
        worth = sum(snapped(one.position_value or "0.0", ATOM_DECIMALS).value for one in cross)
        if self.cross_maintenance_margin_used is not None and worth > 0:
            used = snapped(self.cross_maintenance_margin_used, ATOM_DECIMALS).value
            flat_ppm = divide_half_even(used * _MICRO, worth)
            rates |= {one.coin: flat_ppm for one in cross if one.coin not in rates and one.position_value}
        return rates


class _Stated(NamedTuple):
    source: SourceFile
    row: int
    address: str
    state: _State


_one = json_decoder(_State)
_many = json_decoder(dict[str, _State])


class Snapshots:
    """The states of some files; they are small beside the fills and held in memory."""

    def __init__(self, sources: Sequence[SourceFile]) -> None:
        self._sources = sources
        self._states: list[_Stated] = []
        self._share = EVERYBODY

    def survey(self, survey: Survey, watch: Callable[[int], None], share: ShardShare) -> None:
        """Read them and meet what they name. Raises ScenarioError with file and line."""
        self._states, self._share = [one for source in self._sources for one in _read(source, watch)], share
        for stated in self._states:
            taken_ns = stated.state.time * _MS
            if survey.start_ns is not None and taken_ns > survey.start_ns:
                told = f"the state is of {format_time_ns(taken_ns)}, after the first event"
                message = (
                    f"{stated.source.path}:{stated.row}: {told} at {format_time_ns(survey.start_ns)}; take an earlier"
                )
                raise ScenarioError(message)
            if share.has(stated.address):
                survey.fund(stated.address)
            for position in stated.state.positions:
                survey.coins.setdefault(position.coin, CoinUses(DEFAULT_ASSET, spot=False)).size(position.szi)
                if position.is_isolated:
                    survey.isolated[stated.address, position.coin] = None
            for coin, rate_ppm in _at_row(stated, stated.state.rates_ppm).items():
                survey.coins[coin].rate_ppm = max(survey.coins[coin].rate_ppm, rate_ppm)

    def take(self, session: Session, names: CoinNames) -> set[str]:
        """State balances and positions, and return the addresses that have a state. Raises ScenarioError."""
        for stated in self._states:
            session.faults.of(stated.source).rows += 1
            if not self._share.has(stated.address):
                continue
            _at_row(stated, lambda stated=stated: self._state(session, names, stated))  # type: ignore[misc]
        for stated in sorted(self._states, key=lambda stated: stated.state.time):
            _at_row(stated, lambda stated=stated: _mark(session, names, stated.state))  # type: ignore[misc]
        return {stated.address for stated in self._states}

    def _state(self, session: Session, names: CoinNames, stated: _Stated) -> None:
        place = Provenance(stated.source.number, stated.row, stated.state.time * _MS)
        cross = names.accounts[DEFAULT_ASSET][stated.address]
        raw, _ = names.amount(stated.state.margin_summary.total_raw_usd, DEFAULT_ASSET, session.faults)
        balances, positions = {cross: raw}, []
        for told in stated.state.positions:
            coin = names.coins[told.coin]
            account = coin.accounts[stated.address]
            lots, size = snapped(told.szi, coin.scale.lot_decimals).value, snapped(told.szi, SIZE_DECIMALS).value
            cost = divide_half_even(size * snapped(told.entry_px or "0.0", SIZE_DECIMALS).value, _COST_PER_ATOM)
            if told.is_isolated:
                balances[account] = told.raw_usd()
                balances[cross] -= balances[account]
            balances[account if told.is_isolated else cross] += cost
            if lots:
                positions.append(PositionStated(account, coin.instrument, 0, lots, cost, place))
        for account, balance_atoms in balances.items():
            session.imported(BalanceStated(account, balance_atoms, place))
        for position in positions:
            session.imported(position)


def _mark(session: Session, names: CoinNames, state: _State) -> None:
    """The marks that the positions of a state are valued at, to the nearest tick. Raises ScenarioError."""
    for told in state.positions:
        coin = names.coins[told.coin]
        lots = abs(snapped(told.szi, coin.scale.lot_decimals).value)
        value_atoms = snapped(told.position_value or "0.0", ATOM_DECIMALS).value
        if lots and value_atoms:
            ticks = divide_half_even(value_atoms, lots * coin.multiplier_atoms)
            if ticks and ticks != session.ledger.markets[coin.instrument].mark_ticks:
                session.imported(MarkPriced(coin.instrument, ticks, 0, ticks))


def _at_row(stated: _Stated, read: Callable[[], Read]) -> Read:
    """What reading gives. Raises ScenarioError with file and line."""
    try:
        return read()
    except ScenarioError as error:
        message = f"{stated.source.path}:{stated.row}: {error}"
        raise ScenarioError(message) from error


def _read(source: SourceFile, watch: Callable[[int], None]) -> Iterator[_Stated]:
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


def _stated(source: SourceFile, row: int, address: str, state: _State) -> _Stated:
    named = _ADDRESS.search(source.path.name)
    owner = address or state.user or ("" if named is None else named.group())
    if not owner:
        message = f"{source.path}:{row}: the state does not say whose it is; name the file after the address"
        raise ScenarioError(message)
    return _Stated(source, row, owner.lower(), state)

"""A population read from a CSV file, packed or not.

1. The columns, in any order: account, balance, instrument, size, entry_price, and if wanted leg, mode, owner, asset,
   coins.
2. A row is a position; an account with several has several rows, in any order, as the accounts are. Its balance, mode
   and owner stand in one of them; the others repeat them or leave them empty. A row without instrument, size and entry
   price is an account without a position.
3. Size is in units (inverse: in quote), negative when short, a whole number of lots. The cost is size x entry_price
   (inverse: -size / entry_price), rounded half to even to an atom: an average entry need not be whole ticks.
4. `mode` is cross (also when no row says it) or isolated; an isolated account has one position and names as `owner` a
   cross account of the file. `leg` is a whole number from 0 to 255, 0 when empty.
5. `asset` is what the account settles in, and stands beside the balance, which is stated in it: where it is empty, the
   first asset. `coins` is what the account has of others as collateral, such as `USDE 1000; BTC 0.5`: of assets that
   have a spot market in its own one.
6. Every row matters, so nothing is tolerated: also an empty line or white space around a field is an error with its
   line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, cast

import msgspec

from ...events.bodies.listing import AccountMode
from ...events.bodies.run import SourceTally
from ...events.errors import ScenarioError
from ..reading.files import find_data_file
from ..reading.rows import CsvTable, parse_whole
from ..reading.tally import Tally
from ..units import INT64_MAX, divide_half_even, parse_decimal, price_to_ticks, ratio, to_atoms, to_whole
from .base import OpeningAccount, OpeningAsset, OpeningMarket, OpeningPosition

__all__ = ["CsvPopulation", "CsvPopulationSettings"]

_REQUIRED = ("account", "balance", "instrument", "size", "entry_price")
_OPTIONAL = ("leg", "mode", "owner", "asset", "coins")
_LEG_MOST = 255

Row = dict[str, str]


class CsvPopulationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="source", tag="csv"):
    """The file of accounts."""

    file: str


class CsvPopulation:
    """The accounts of a file; in which order its rows stand makes no difference to any of them."""

    layout = "accounts csv"
    size = None

    def __init__(
        self,
        settings: CsvPopulationSettings,
        *,
        folder: Path | None = None,
        where: str = "$.population",
        rows_most: int = INT64_MAX,
    ) -> None:
        """Find and hash the file and read its header. One of more than `rows_most` rows is refused when it is read."""
        self._rows_most = rows_most
        path = find_data_file(settings.file, f"{where}.file", folder)
        self._table = CsvTable(path)
        self._tally = Tally()
        self.name, self.sha256 = path.name, self._table.sha256
        _check_columns(self._table)

    def accounts(self, markets: Sequence[OpeningMarket], decimals: int, seed: int) -> Iterator[OpeningAccount]:
        """The accounts. The file is read whole before the first, as an account's rows may lie apart; O(rows) memory."""
        opened: dict[str, _Opened] = {}
        assets = _Assets(markets, decimals)
        reader = _RowReader(markets, assets)
        for row, fields in self._rows():
            named = dict(zip(self._table.columns, fields, strict=True))
            try:
                reader.take(opened, row, named)
            except ScenarioError as error:
                raise self._table.error(row, str(error)) from error
        for name, account in opened.items():
            try:
                closed = account.closed(name, opened, assets)
            except ScenarioError as error:
                raise self._table.error(account.row, str(error)) from error
            yield closed

    def tally(self, number: int) -> SourceTally:
        """Rows; none is ever left out."""
        return self._tally.closed(number)

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """The rows, none of them left out."""
        self._tally = tally = Tally()
        for row, fields in self._table.rows(tally):
            self._refuse_left_out(tally)
            if row > self._rows_most:
                what = f"more than {self._rows_most:,} rows of accounts; have fewer, or raise the limit with"
                raise self._table.error(row, f"{what} --set limits.accounts=N")
            yield row, fields
        self._refuse_left_out(tally)
        if not tally.rows:
            message = f"{self._table.path}: there are no accounts; add a line for each"
            raise ScenarioError(message)

    def _refuse_left_out(self, tally: Tally) -> None:
        for reason, _, row in tally.closed(0).left_out:
            raise self._table.error(row, f"{reason}; mend or remove the line: no account is left out silently")


class _Opened:
    """An account while its rows come in: what they stated of it so far, and in which row each was stated."""

    __slots__ = ("asset", "balance_atoms", "coins", "mode", "owner", "positions", "row", "stated_in")

    def __init__(self, row: int) -> None:
        self.row = row
        self.balance_atoms: int | None = None
        self.mode: str | None = None
        self.owner: str | None = None
        self.asset: str | None = None
        self.coins: tuple[tuple[str, int], ...] | None = None
        self.positions: dict[tuple[int, int], OpeningPosition] = {}
        self.stated_in: dict[str, int] = {}

    def state(self, row: int, what: str, written: str, value: object) -> None:
        """Take what a row states of the account. Raises ScenarioError where another row stated something else."""
        known = getattr(self, what)
        if known is not None and known != value:
            told = repr(written) if isinstance(value, str) else written
            _refuse(f"{what.removesuffix('_atoms')} {told} differs from row {self.stated_in[what]}; state it once")
        if known is None:
            setattr(self, what, value)
            self.stated_in[what] = row

    def closed(self, name: str, opened: Mapping[str, _Opened], assets: _Assets) -> OpeningAccount:
        """The account as all rows have it. Raises ScenarioError for what they leave open."""
        mode, owner = self.mode or "cross", self.owner
        if self.balance_atoms is None:
            _refuse(f"no row states the balance of account {name!r}; give it one, 0 if there is none")
        if (mode == "isolated") != (owner is not None):
            _refuse(f"account {name!r} is {mode}; an isolated account names its owner, a cross account none")
        if owner is not None and (owner not in opened or opened[owner].mode == "isolated"):
            _refuse(f"owner {owner!r} is no cross account of the file; list one of that name")
        if mode == "isolated" and len(self.positions) > 1:
            _refuse(f"account {name!r} is isolated and has a second position; give each its own account")
        positions = tuple(self.positions[key] for key in sorted(self.positions))
        asset = assets.named(self.asset or "")
        for held in positions:
            assets.check_settles(held.instrument, asset, name)
        coins = tuple(assets.coin(coin, asset, atoms) for coin, atoms in self.coins or ())
        return OpeningAccount(
            name, cast("AccountMode", mode), owner, self.balance_atoms, positions, self.row, asset.asset, coins
        )


class _Assets:
    """The assets that accounts may settle in and hold; of a venue those that its instruments name."""

    def __init__(self, markets: Sequence[OpeningMarket], decimals: int) -> None:
        self._settled = {market.scale.instrument: market for market in markets}
        by_number = sorted((market.settles_in for market in markets), key=lambda asset: asset.asset)
        first = by_number[0] if by_number and by_number[0].name else OpeningAsset(decimals=decimals)
        self._known = {"": first} | {asset.name: asset for asset in by_number if asset.name}
        self._coins = {market.base.name: (market.base, market.settles_in) for market in markets if market.base}

    def named(self, name: str) -> OpeningAsset:
        """An asset by its name, the first without one. Raises ScenarioError for one that nothing settles in."""
        if name not in self._known:
            _refuse(f"nothing settles in {name!r}; choose from {', '.join(filter(None, self._known))}")
        return self._known[name]

    def in_atoms(self, coin: str, amount: str) -> int:
        """An amount of collateral. Raises ScenarioError for what is not sold in any spot market, or is not above 0."""
        if coin not in self._coins:
            _refuse(f"{coin!r} has no spot market; of collateral there is {', '.join(self._coins) or 'none'}")
        atoms = to_atoms(parse_decimal(amount), self._coins[coin][0].decimals)
        if atoms <= 0:
            _refuse(f"coins {coin} {amount} is not above 0; leave out what the account does not have")
        return atoms

    def coin(self, coin: str, asset: OpeningAsset, atoms: int) -> tuple[int, int]:
        """Collateral by number. Raises ScenarioError where it is not sold for what the account settles in."""
        base, quote = self._coins[coin]
        if quote.asset != asset.asset:
            _refuse(f"{coin} is sold for {quote.name}, and the account settles in {asset.name}; it cannot hold any")
        return base.asset, atoms

    def check_settles(self, instrument: int, asset: OpeningAsset, name: str) -> None:
        """Raises ScenarioError for a position that does not settle in what its account does."""
        market = self._settled[instrument]
        if market.settles_in.asset != asset.asset:
            has, settles = asset.name, market.settles_in.name
            what = f"{market.scale.name} settles in {settles}, and account {name!r} in {has}"
            _refuse(f"{what}; state {settles} as its asset, beside its balance")


class _RowReader:
    """Turns rows into accounts. Its errors have no place; the caller puts file and line in front."""

    def __init__(self, markets: Sequence[OpeningMarket], assets: _Assets) -> None:
        self._markets = {market.scale.name: market for market in markets if market.base is None}
        self._assets = assets

    def take(self, opened: dict[str, _Opened], row: int, named: Row) -> None:
        """Add a row to its account, opening it at its first."""
        name = named["account"]
        if not name or not name.isprintable() or "\ufffd" in name or '"' in name:
            _refuse(f"account {name!r} is no name; use printable UTF-8 without quotes")
        account = opened.setdefault(name, _Opened(row))
        self._state(account, row, named)
        if any(named[column] for column in ("instrument", "size", "entry_price")):
            self._add(account, self._position(row, named))

    def _state(self, account: _Opened, row: int, named: Row) -> None:
        """What the row says of the account itself, where it says anything."""
        balance, mode, owner = named["balance"], named.get("mode"), named.get("owner")
        if balance:
            settles_in = self._assets.named(named.get("asset") or "")
            balance_atoms = to_atoms(parse_decimal(balance), settles_in.decimals)
            if balance_atoms < 0:
                _refuse(f"balance {balance} is below 0; an account begins with 0 or more")
            account.state(row, "asset", settles_in.name, settles_in.name)
            account.state(row, "balance_atoms", balance, balance_atoms)
        elif named.get("asset"):
            account.state(row, "asset", named["asset"], self._assets.named(named["asset"]).name)
        if named.get("coins"):
            account.state(row, "coins", named["coins"], self._coins(named["coins"]))
        if mode:
            if mode not in ("cross", "isolated"):
                _refuse(f"mode {mode!r} is neither cross nor isolated; use one of them or leave it empty")
            account.state(row, "mode", mode, mode)
        if owner:
            account.state(row, "owner", owner, owner)

    def _coins(self, written: str) -> tuple[tuple[str, int], ...]:
        """What a field of coins says: name and amount, set apart by semicolons, in the order of the names."""
        found: dict[str, int] = {}
        for part in written.split(";"):
            name, _, amount = part.strip().partition(" ")
            if not name or not amount or name in found:
                _refuse(f"coins {written!r} is no list such as 'USDE 1000; BTC 0.5', each asset once")
            found[name] = self._assets.in_atoms(name, amount)
        return tuple(sorted(found.items()))

    def _position(self, row: int, named: Row) -> OpeningPosition:
        market = self._markets.get(named["instrument"])
        if market is None:
            known = ", ".join(self._markets)
            message = f"unknown instrument {named['instrument']!r}; the scenario lists {known}"
            raise ScenarioError(message)
        size_lots = to_whole(parse_decimal(named["size"]), market.scale.lot_size)
        if not size_lots:
            _refuse("size is 0; leave instrument, size and entry_price empty for an account without a position")
        leg = parse_whole(named.get("leg") or "0", "leg")
        if leg > _LEG_MOST:
            _refuse(f"leg {leg} is over {_LEG_MOST}; legs are small whole numbers")
        return OpeningPosition(market.scale.instrument, leg, size_lots, _cost(size_lots, named, market), row)

    def _add(self, account: _Opened, position: OpeningPosition) -> None:
        key = (position.instrument, position.leg)
        if key in account.positions:
            first = account.positions[key].row
            _refuse(f"a second position in the same instrument and leg, the first is in row {first}; join them")
        account.positions[key] = position


def _cost(size_lots: int, named: Row, market: OpeningMarket) -> int:
    entry_price = parse_decimal(named["entry_price"])
    price_to_ticks(entry_price, market.scale.tick_size)
    numerator, denominator = ratio(entry_price, market.scale.tick_size)
    if market.scale.kind == "inverse":
        numerator, denominator = -denominator, numerator
    cost_atoms = divide_half_even(size_lots * numerator * market.multiplier_atoms, denominator)
    if max(abs(cost_atoms), abs(market.payoff.value_atoms(size_lots, market.price_ticks))) > INT64_MAX:
        _refuse(f"size {named['size']} at {named['entry_price']} passes 2^63 - 1 atoms; split it or use fewer decimals")
    return cost_atoms


def _check_columns(table: CsvTable) -> None:
    columns = table.columns
    missing = [name for name in _REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in (*_REQUIRED, *_OPTIONAL)]
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    faults = (("lacks", missing), ("has unknown", unknown), ("repeats", doubled))
    parts = [f"{fault} {', '.join(map(repr, names))}" for fault, names in faults if names]
    if parts:
        expected = f"{','.join(_REQUIRED)}[,{'][,'.join(_OPTIONAL)}]"
        message = f"{table.path}:1: the header {' and '.join(parts)}; expected {expected}"
        raise ScenarioError(message)


def _refuse(message: str) -> NoReturn:
    raise ScenarioError(message)

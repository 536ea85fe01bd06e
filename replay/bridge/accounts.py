"""The accounts of an imported record at an instant, as rows that a scenario reads (`sim/populations/csv_file.py`).

1. A balance that a file states is taken as it is. One that none states is concluded: of whoever was deleveraged against
   in that instant, what leaves it with nothing at the prices of its rounds; of anybody else, what makes its positions
   worth `leverage` times its equity, and at least what was required of it.
2. The bounds of such a balance: at least what was required, and not below 0; of a bankrupt account at most what leaves
   it with nothing. Where nothing bounds it, `most` is None.
3. An entry is written with the digits that give the cost again. Where no price above 0 does, the position stands at the
   mark, and what it had gained or lost there is in the balance.
4. An account begins with 0 or more: a debt is put into what its largest position cost, so that its equity is the same.
5. What stands in for other positions (`OTHER_POSITIONS`) has a mark of 1 and cost nothing. It is taken to a mark of 2
   and an entry of 1, which makes the same profit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

import msgspec

from ...events.errors import QueryError
from ...events.ledger import Account, Ledger, Market, Position
from ...handlers.valuation import margin_of, notional_atoms
from ...sim.units import CONTEXT, atoms_to_text, divide_half_even, ticks_to_text
from ..importers.adl_table.book import OTHER_POSITIONS
from ..reconstructed import KnownFigures, balance_least_atoms

__all__ = ["HEADER", "Bridged", "Concluded", "bridged_accounts", "offset_ticks"]

HEADER = ("account", "balance", "instrument", "size", "entry_price", "leg", "mode", "owner")

_Key = tuple[int, int]

_DIGITS_MOST = 40
"""Behind those of a tick an entry is written with at most so many digits."""


class Concluded(msgspec.Struct, frozen=True):
    """A figure that no file states: of which account, the value that was taken, its bounds, and the rule.

    Amounts are decimals in the asset. `instrument` is None for what is the account's own.
    """

    what: str
    account: str
    instrument: str | None
    value: str
    least: str | None
    most: str | None
    rule: str


class Bridged(msgspec.Struct):
    """The accounts as rows, what of them was concluded, and whose positions are in which instruments."""

    rows: list[tuple[str, ...]]
    concluded: list[Concluded]
    accounts: int = 0
    positions: int = 0


def offset_ticks(market: Market) -> int:
    """What is added to the prices of an instrument, by rule 5."""
    return 1 if market.listing.name == OTHER_POSITIONS else 0


def bridged_accounts(ledger: Ledger, known: KnownFigures, closed_at: Mapping[_Key, int], leverage: int) -> Bridged:
    """Every account that holds or has anything. `closed_at` has the price of each round, by (account, instrument).

    Raises QueryError for a position that a scenario cannot state.
    """
    found = Bridged([], [])
    owners = {account.owner for account in ledger.accounts if account.positions}
    for account in ledger.accounts:
        if account.kind not in ("user", "vault"):
            continue
        if account.positions or account.balance_atoms or account.account in owners:
            one = _Writing(ledger, account, found, known, closed_at, leverage)
            found.rows.extend(one.rows())
            found.accounts, found.positions = found.accounts + 1, found.positions + len(account.positions)
    return found


class _Writing:
    """One account on its way into rows; `found` takes what is concluded of it."""

    def __init__(
        self,
        ledger: Ledger,
        account: Account,
        found: Bridged,
        known: KnownFigures,
        closed_at: Mapping[_Key, int],
        leverage: int,
    ) -> None:
        self._ledger, self._account, self._found = ledger, account, found
        self._known, self._closed_at, self._leverage = known, closed_at, leverage
        self._name = ledger.account_names[account.account]
        self._decimals = ledger.assets[account.asset].decimals

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Its rows: the balance stands in the first."""
        account, balance = self._account, self._balance_atoms()
        costs = {key: held.cost_atoms for key, held in account.positions.items()}
        written: dict[_Key, str] = {}
        for key, held in account.positions.items():
            self._check_entry(key, held)
            text = _entry(self._market(key), held.size_lots, costs[key])
            if text is None:
                at_mark = self._market(key).payoff.value_atoms(held.size_lots, self._market(key).mark_ticks)
                balance, costs[key] = balance + at_mark - costs[key], at_mark
                rule = "no price above 0 gives what it cost; it stands at the mark, and its profit is in the balance"
                self._conclude("cost", key, self._money(at_mark), None, None, rule)
                text = _entry(self._market(key), held.size_lots, at_mark)
            written[key] = text or ""
        if balance < 0:
            balance = self._debt_into_cost(balance, costs, written)
        owner = "" if account.owner is None else self._ledger.account_names[account.owner]
        own = (self._money(balance), account.mode, owner)
        for place, (key, text) in enumerate(written.items()):
            size = ticks_to_text(account.positions[key].size_lots, Decimal(self._market(key).listing.lot_size))
            position = (self._market(key).listing.name, size, text, str(key[1]))
            yield (self._name, own[0] if not place else "", *position, *own[1:])
        if not written:
            yield (self._name, own[0], "", "", "", "", *own[1:])

    def _balance_atoms(self) -> int:
        account = self._account
        if account.account in self._known.balances or (not account.positions and account.balance_atoms >= 0):
            return account.balance_atoms
        prices = {key: ticks for key, ticks in self._closed_at.items() if key[0] == account.account}
        least = max(0, balance_least_atoms(account, self._ledger))
        if prices:
            balance = max(0, -sum(self._profit(key, held) for key, held in account.positions.items()))
            rule = "others were deleveraged against it: it ended with nothing at the prices of its rounds"
            self._conclude("balance", None, self._money(balance), self._money(0), self._money(balance), rule)
            return balance
        worth = sum(notional_atoms(self._market(key), held) for key, held in account.positions.items())
        profit = margin_of(account, self._ledger).equity_atoms - account.balance_atoms
        balance = max(least, -(-worth // self._leverage) - profit)
        rule = f"its positions are taken to be worth {self._leverage} times its equity; at least what was required"
        self._conclude("balance", None, self._money(balance), self._money(least), None, rule)
        return balance

    def _profit(self, key: _Key, held: Position) -> int:
        market = self._market(key)
        ticks = self._closed_at.get((self._account.account, key[0]), market.mark_ticks)
        return market.payoff.value_atoms(held.size_lots, ticks) - held.cost_atoms

    def _debt_into_cost(self, balance: int, costs: dict[_Key, int], written: dict[_Key, str]) -> int:
        """The balance that is left to be stated, 0. Raises QueryError where no position can bear the debt."""
        held = self._account.positions
        key = max(held, key=lambda one: notional_atoms(self._market(one), held[one]), default=None)
        text = None if key is None else _entry(self._market(key), held[key].size_lots, costs[key] - balance)
        if key is None or text is None:
            message = (
                f"{self._name} has {self._money(balance)}, less than nothing, and no position that could bear it; give "
                "an earlier --at"
            )
            raise QueryError(message)
        written[key] = text
        rule = "an account begins with 0 or more: its debt is in what its largest position cost"
        self._conclude("balance", key, self._money(0), self._money(balance), self._money(balance), rule)
        return 0

    def _check_entry(self, key: _Key, held: Position) -> None:
        if not self._known.has_entry(self._account.account, key[0]):
            rule = "no file tells the entry; the price that stands for it is kept"
            self._conclude(
                "entry", key, _entry(self._market(key), held.size_lots, held.cost_atoms) or "", None, None, rule
            )

    def _market(self, key: _Key) -> Market:
        return self._ledger.markets[key[0]]

    def _money(self, atoms: int) -> str:
        return atoms_to_text(atoms, self._decimals)

    def _conclude(
        self, what: str, key: _Key | None, value: str, least: str | None, most: str | None, rule: str
    ) -> None:
        instrument = None if key is None else self._market(key).listing.name
        self._found.concluded.append(Concluded(what, self._name, instrument, value, least, most, rule))


def _entry(market: Market, lots: int, cost_atoms: int) -> str | None:
    """The price at which so many lots cost exactly so much, by the rule of the CSV; None where none above 0 does."""
    listing, tick_size = market.listing, Decimal(market.listing.tick_size)
    unit = Fraction(lots * listing.multiplier_atoms)
    if listing.kind == "inverse":
        ticks = -unit / cost_atoms if cost_atoms else Fraction(0)
    else:
        ticks = cost_atoms / unit + offset_ticks(market)
        cost_atoms += int(unit) * offset_ticks(market)
    if ticks <= 0:
        return None
    for digits in range(_DIGITS_MOST):
        scaled = divide_half_even(ticks.numerator * 10**digits, ticks.denominator)
        written = Fraction(scaled, 10**digits)
        if written < 1:
            continue
        cost = -unit / written if listing.kind == "inverse" else unit * written
        if divide_half_even(cost.numerator, cost.denominator) == cost_atoms:
            return format(CONTEXT.multiply(CONTEXT.scaleb(Decimal(scaled), -digits), tick_size), "f")
    return None

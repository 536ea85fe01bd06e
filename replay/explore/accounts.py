"""The accounts of an instant: every trader's figures at the marks, sorted, a page of them; and one of them whole.

1. Figures are of the marks at the instant: `loss` is unrealised, `leverage` notional over equity. Who has a position
   without a mark yet, or no position, has neither and comes last.
2. Sorting counts amounts of several assets in the first one, as `state` does. Ties go by number.
3. The place in the queue for auto-deleveraging (`lights`, of five) takes a ranking of everybody, some 0.3 s for 20,000
   accounts: it is asked for apart, and sorting by it costs that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from ...events.errors import QueryError
from ...events.ledger import Account, Ledger
from ...handlers.conversion import in_first
from ...handlers.valuation import Margin, coins_worth_atoms
from ...sim.figures import exact_money, size
from ..run import Run
from ..state.queues import TRADERS, QueuePlace, Queues, marked_margin, queues_of, ratio_bps
from ..state.view import View, account_view

__all__ = ["AccountLights", "AccountPage", "AccountRow", "AccountSort", "AccountsAt", "Light"]

AccountSort = Literal["loss", "leverage", "ratio", "equity", "notional", "lights", "name", "number"]

_CENTS = 100


class AccountRow(msgspec.Struct, frozen=True):
    """A trader in the table; figures are text, empty where there is none. `ratio_bps` is equity over requirement."""

    account: int
    name: str
    status: str
    equity: str
    requirement: str
    ratio_bps: int | None
    leverage: str
    notional: str
    profit: str
    in_profit: bool
    holds: str


class AccountPage(msgspec.Struct, frozen=True):
    """Rows from `first` on, of so many."""

    seq: int
    of: int
    first: int
    rows: tuple[AccountRow, ...]


class Light(msgspec.Struct, frozen=True):
    """A place in the queue of a position: how many of five lights, the rank, of how many."""

    instrument: str
    lights: int
    rank: int
    of: int


class AccountLights(msgspec.Struct, frozen=True):
    """An account with the place of each position that has one."""

    account: int
    places: tuple[Light, ...]


class _Trader(msgspec.Struct, frozen=True, gc=False):
    """A trader's figures in atoms of its own asset; no margin where a mark is missing."""

    account: Account
    margin: Margin | None
    notional_atoms: int
    profit_atoms: int


class AccountsAt:
    """The accounts of one state, worked out once, while that state does not move on."""

    def __init__(self, run: Run, ledger: Ledger) -> None:
        self._run, self._ledger = run, ledger
        self.seq = ledger.seq - 1
        self._traders = [_trader(ledger, one) for one in ledger.accounts if one.kind in TRADERS]
        self._sorted: dict[AccountSort, list[_Trader]] = {}
        self._queues: Queues | None = None

    def is_of(self, ledger: Ledger) -> bool:
        """Whether it is of this very state, which has not moved on."""
        return ledger is self._ledger and ledger.seq - 1 == self.seq

    @property
    def queues(self) -> Queues:
        """The queues for auto-deleveraging of this state."""
        if self._queues is None:
            self._queues = queues_of(self._run, self._ledger)
        return self._queues

    def page(self, sort: AccountSort, *, down: bool, first: int, count: int, named: str) -> AccountPage:
        """So many rows in an order, of those whose name holds a text."""
        ordered: Sequence[_Trader] = self._ordered(sort)
        ordered = ordered if down else ordered[::-1]
        if named:
            names = self._ledger.account_names
            ordered = [one for one in ordered if named.lower() in names[one.account.account].lower()]
        rows = tuple(self._row(one) for one in ordered[first : first + count])
        return AccountPage(self.seq, len(ordered), first, rows)

    def lights(self, accounts: Sequence[int]) -> tuple[AccountLights, ...]:
        """The places of these accounts."""
        return tuple(AccountLights(number, self._places(self._account(number))) for number in accounts)

    def one(self, number: int) -> View:
        """Everything about an account, as `state --account` has it."""
        return account_view(self._ledger, self._account(number), self.queues)

    def _account(self, number: int) -> Account:
        if not 0 <= number < len(self._ledger.accounts):
            message = f"account {number} is not open yet after event {self.seq}; ask for a later instant"
            raise QueryError(message)
        return self._ledger.accounts[number]

    def _places(self, account: Account) -> tuple[Light, ...]:
        found = ((key, self.queues.place_of(account, key)) for key in account.positions)
        names = self._ledger.markets
        return tuple(_light(names[key[0]].listing.name, place) for key, place in found if place is not None)

    def _ordered(self, sort: AccountSort) -> list[_Trader]:
        if sort not in self._sorted:
            keys: dict[AccountSort, Callable[[_Trader], object]] = {
                "loss": lambda one: (not one.notional_atoms, self._first(one, one.profit_atoms)),
                "leverage": lambda one: -_leverage(one),
                "ratio": _ratio,
                "equity": lambda one: -self._first(one, one.margin.equity_atoms if one.margin else 0),
                "notional": lambda one: -self._first(one, one.notional_atoms),
                "lights": self._by_place,
                "name": lambda one: self._ledger.account_names[one.account.account],
                "number": lambda one: one.account.account,
            }
            self._sorted[sort] = sorted(self._traders, key=keys[sort])  # type: ignore[arg-type]
        return self._sorted[sort]

    def _first(self, one: _Trader, atoms: int) -> int:
        return in_first(self._ledger, one.account.asset, atoms)

    def _by_place(self, one: _Trader) -> tuple[int, int]:
        """Who is nearest to the front of a queue first, those without a place last."""
        places = self._places(one.account) if one.margin is not None else ()
        return min(((place.rank * 10**9 // place.of, place.rank) for place in places), default=(10**12, 0))

    def _row(self, one: _Trader) -> AccountRow:
        ledger, account, margin = self._ledger, one.account, one.margin
        asset = ledger.assets[account.asset]
        told = ("", "", "", "", "")
        if margin is not None:
            amounts = (margin.equity_atoms, margin.requirement_atoms, one.notional_atoms, one.profit_atoms)
            equity, requirement, notional, profit = (exact_money(atoms, asset) for atoms in amounts)
            told = (equity, requirement, notional, profit, _leverage_text(one))
        equity, requirement, notional, profit, leverage = told
        return AccountRow(
            account=account.account,
            name=ledger.name(account.account),
            status=account.status.replace("_", " "),
            equity=equity,
            requirement=requirement,
            ratio_bps=ratio_bps(margin),
            leverage=leverage,
            notional=notional,
            profit=profit,
            in_profit=one.profit_atoms > 0,
            holds=_holds(ledger, account),
        )


def _trader(ledger: Ledger, account: Account) -> _Trader:
    margin = marked_margin(ledger, account)
    if margin is None:
        return _Trader(account, None, 0, 0)
    profit_atoms = margin.equity_atoms - account.balance_atoms
    if account.coins:
        profit_atoms -= coins_worth_atoms(account, ledger)
    return _Trader(account, margin, sum(map(abs, margin.values_atoms)), profit_atoms)


def _leverage(one: _Trader) -> int:
    """Notional over equity in hundredths; without equity as much as there is, without a position below nothing."""
    if one.margin is None or not one.notional_atoms:
        return -1
    equity_atoms = one.margin.equity_atoms
    return one.notional_atoms * _CENTS // equity_atoms if equity_atoms > 0 else 2**62


def _leverage_text(one: _Trader) -> str:
    hundredths = _leverage(one)
    if hundredths < 0:
        return ""
    return "no equity" if hundredths == 2**62 else f"{hundredths // _CENTS:,}.{hundredths % _CENTS:02d}"


def _ratio(one: _Trader) -> int:
    found = ratio_bps(one.margin)
    return 2**62 if found is None else found


def _light(instrument: str, place: QueuePlace) -> Light:
    return Light(instrument, place.lights, place.rank, place.of)


def _holds(ledger: Ledger, account: Account) -> str:
    """The positions in a few words."""
    held = ((ledger.markets[key[0]].listing, position) for key, position in account.positions.items())
    return ", ".join(f"{size(one.size_lots, listing)} {listing.name}" for listing, one in held)

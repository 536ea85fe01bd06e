"""Ticks, lots and atoms of what the files tell of, from the decimals that they use.

1. A lot is as fine as sizes are: a part of a unit, one contract, or a part of a contract. A tick is as fine as the
   prices that trades, bars and forced orders have.
2. Marks and indices often are finer than any trade. A tick goes along with them as far as a tick of a lot still is a
   whole number of atoms of 8 decimals; beyond that they are rounded half to even to a tick, and that is noted.
3. An asset has 8 decimals, or more where a tick of a lot is less.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from ....events.errors import ScenarioError
from ....sim.units import (
    CONTEXT,
    inverse_multiplier_atoms,
    multiplier_atoms,
    price_to_ticks,
    to_whole,
    to_whole_down,
)
from ..faults import Faults
from ..session import Session
from .contracts import Contract
from .items import ForcedOrder, Item, Marked, Quoted, Traded

__all__ = ["ATOM_DECIMALS", "ListedMarket", "Uses", "declared", "written_decimals"]

ATOM_DECIMALS = 8

_TEXTS_KEPT = 1 << 14
_INVERSE_TICK_MOST = 8


class Uses:
    """What one market's items use: decimals, and what there is of them."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.price_decimals = self.mark_decimals = self.size_decimals = 0
        self.is_traded = self.is_marked = self.is_forced = False

    def feed(self, item: Item) -> None:
        """Look at an item of the market."""
        if isinstance(item, Traded):
            self.is_traded = True
            self._price(item.price)
        elif isinstance(item, Marked):
            self._marked(item)
        elif isinstance(item, ForcedOrder):
            self.is_forced = True
            self._price(item.price)
            self._price(item.limit or item.price)
            self._size(item.size)
            self._size(item.filled)
        elif isinstance(item, Quoted):
            for _, units in (*item.bids, *item.asks):
                self._size(units)

    def _marked(self, item: Marked) -> None:
        self.is_marked = self.is_marked or item.mark_price is not None
        for price in (item.mark_price, item.index_price, item.last_price):
            if price is not None:
                self.mark_decimals = max(self.mark_decimals, _decimals(price))

    def _price(self, price: Decimal) -> None:
        self.price_decimals = max(self.price_decimals, _decimals(price))

    def _size(self, size: Decimal) -> None:
        if self.contract.in_parts:
            self.size_decimals = max(self.size_decimals, _decimals(size))

    @property
    def lot_decimals(self) -> int:
        """The decimals of a lot in units, or in what a quanto contract pays for each step of the price."""
        return self.size_decimals + _decimals(self.contract.size)

    @property
    def tick_decimals(self) -> int:
        """Rule 1 and 2."""
        if self.contract.kind == "inverse":
            return min(max(self.price_decimals, self.mark_decimals), _INVERSE_TICK_MOST)
        along = min(self.mark_decimals, ATOM_DECIMALS - self.lot_decimals)
        return max(self.price_decimals, along)

    @property
    def asset_decimals(self) -> int:
        """Rule 3, as far as this market goes."""
        if self.contract.kind == "inverse":
            return ATOM_DECIMALS
        return max(ATOM_DECIMALS, self.tick_decimals + self.lot_decimals)


class ListedMarket:
    """A market as it is listed: its number, and decimals to ticks and lots."""

    def __init__(self, instrument: int, asset: int, uses: Uses, decimals: int, faults: Faults) -> None:
        """The instrument's number is given by whoever lists it. Raises ScenarioError for scales that do not fit."""
        self.instrument, self.asset, self.uses = instrument, asset, uses
        self.tick_size = _step(uses.tick_decimals)
        self._counted = _step(uses.size_decimals)
        worth = CONTEXT.multiply(uses.contract.size, self._counted)
        self.lot_size = self._counted if uses.contract.is_quanto else worth
        measure = inverse_multiplier_atoms if uses.contract.kind == "inverse" else multiplier_atoms
        self.multiplier_atoms = measure(self.tick_size, worth, decimals)
        self._faults = faults
        self._ticks: dict[Decimal, tuple[int, bool]] = {}

    def price_ticks(self, price: Decimal) -> int:
        """A price in ticks, rounded half to even; most are repeated."""
        known = self._ticks.get(price)
        if known is None:
            known = price_to_ticks(price, self.tick_size), _decimals(price) > self.uses.tick_decimals
            if len(self._ticks) >= _TEXTS_KEPT:
                self._ticks.clear()
            self._ticks[price] = known
        if known[1]:
            self._faults.note("prices rounded to a tick")
        return known[0]

    def size_lots(self, size: Decimal) -> int:
        """A size in lots. Raises ScenarioError for one that is not whole."""
        return to_whole(size, self._counted)

    def depth_lots(self, units: Decimal) -> int:
        """Resting depth in lots, rounded down."""
        return to_whole_down(units, self._counted)


def declared(session: Session, name: str, asset: int, uses: Uses) -> ListedMarket:
    """List a market that settles in an asset listed before. Raises ScenarioError for scales that do not fit."""
    ledger = session.ledger
    listed = ListedMarket(len(ledger.markets), asset, uses, ledger.assets[asset].decimals, session.faults)
    session.instrument(
        name,
        asset,
        tick_size=f"{listed.tick_size:f}",
        lot_size=f"{listed.lot_size:f}",
        multiplier_atoms=listed.multiplier_atoms,
        kind=uses.contract.kind,
        expiry_ns=uses.contract.expiry_ns,
    )
    return listed


def written_decimals(value: Decimal) -> int:
    """How many decimals a value was written with, zeros at the end included."""
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _step(decimals: int) -> Decimal:
    return Decimal((0, (1,), -decimals))


@lru_cache(_TEXTS_KEPT)
def _decimals(value: Decimal) -> int:
    """How many decimals a value has, zeros at the end left out."""
    exponent = value.normalize().as_tuple().exponent
    if not isinstance(exponent, int):
        message = f"{value} is no number"
        raise ScenarioError(message)
    return max(0, -exponent)

"""Portfolio margin: what a book would lose in each cell of a grid of prices and volatilities, netted, and the worst.

A *unit* is an underlying: all options on it, and the positions in the underlying itself. What it loses in a cell
(`scan_grid.py`) is summed over its positions, then

    weighted = loss x weight,    a loss less at most dampener x (|x| / range - 1)    (the second of Deribit only)
    requirement = maintenance x max(max(0, greatest weighted loss) + roll shock + delta shock, closing)

with the last three by `charges.py`.

The value of a book is not monotone in the price, so no end of a range says when it must be looked at: whoever holds an
option is margined anew at each mark. The prices of all options of an underlying in all cells are worked out once a mark
(`price_grid.py`), whoever holds them; a book is then one sum of products over its positions.

A bound that needs no scan. Between two states a lot of option i loses at most D_i more, weighted, in any cell, and adds
at most E_i more to the roll shock. So a unit that required R requires at most

    R + maintenance x (sum of |lots_i| (D_i + E_i) + |lots of the underlying| x its move x (greatest + least move))

now, whatever price, volatility and time have done: all else is the triangle inequality, and rounding, for which an atom
a position is added. D and E are worked out once a mark. Who has equity enough for that is not scanned. There is none
with a delta shock or a cost of closing: those are no sums over positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...events.ledger import LedgerState, Market, Position, PositionKey
from .charges import closing_cost, delta_shock, roll_shock
from .pricing import Markets
from .risk_table import RiskTable, table_of
from .scan_grid import ScanCell, ScanParameters, cells_of

__all__ = ["UnitBound", "UnitRisk", "lost_in_cells", "unit_risk"]

_PPM = _MICRO = 10**6
_BPS = 10**4
_PPT = 10**12

Held = Mapping[PositionKey, Position]


class UnitRisk(NamedTuple):
    """What a unit requires, in microatoms; what each position loses in the worst cell, and which that is."""

    microatoms: int
    losses: dict[PositionKey, int]
    cell: ScanCell


def unit_risk(held: Held, underlying: int, ledger: LedgerState, markets: Markets, rules: ScanParameters) -> UnitRisk:
    """What the positions of a unit require, all of it exact; O(positions x cells)."""
    table, market = table_of(ledger, markets, underlying, rules), markets[underlying]
    cells = cells_of(rules, market.listing.kind == "inverse")
    needed, place = _required(held, table, market, rules, markets)
    losses = {key: _lost_at(cells[place], place, key[0], one.size_lots, table, markets) for key, one in held.items()}
    return UnitRisk(needed, losses, cells[place])


def lost_in_cells(
    held: Held, underlying: int, ledger: LedgerState, markets: Markets, rules: ScanParameters
) -> list[int]:
    """What the positions of a unit lose in each cell, without its weight, in microatoms; a gain is below zero."""
    return _netted(held, table_of(ledger, markets, underlying, rules), cells_of(rules), markets[underlying])


def _required(held: Held, table: RiskTable, market: Market, rules: ScanParameters, markets: Markets) -> tuple[int, int]:
    """In microatoms, and the place of the worst cell; `market` is the underlying's."""
    cells = cells_of(rules, market.listing.kind == "inverse")
    weighted = _weighted(_netted(held, table, cells, market), cells, rules.dampener_atoms)
    worst = max(weighted)
    needed = max(0, worst) + roll_shock(held, table, market, rules) + delta_shock(held, table, market, rules)
    needed = max(needed, closing_cost(held, table, markets, market, rules))
    return -(-needed * rules.maintenance_ppm // _PPM), weighted.index(worst)


def _netted(held: Held, table: RiskTable, cells: Sequence[ScanCell], market: Market) -> list[int]:
    total = table.lost_microatoms((key[0], one.size_lots) for key, one in held.items() if key[0] in table.places)
    for (instrument, _), one in held.items():
        if instrument not in table.places:
            moved = _future_lost(one.size_lots, cells, market, table.spot_ticks)
            total = [a + b for a, b in zip(total, moved, strict=True)]
    return total


def _weighted(total: Sequence[int], cells: Sequence[ScanCell], dampener_atoms: int) -> list[int]:
    """What is lost in each cell by the weight of the cell, a loss less by the dampener, down to nothing."""
    found = []
    for loss, (_, _, weight_ppm, dampened_ppm) in zip(total, cells, strict=True):
        weighted = loss if weight_ppm == _PPM else loss * weight_ppm // _PPM
        if dampened_ppm and weighted > 0:
            weighted = max(0, weighted - dampened_ppm * dampener_atoms)
        found.append(weighted)
    return found


def _lost_at(cell: ScanCell, place: int, instrument: int, lots: int, table: RiskTable, markets: Markets) -> int:
    """What a position loses in one cell, in microatoms, rounded up."""
    row = table.places.get(instrument)
    if row is None:
        return _future_lost(lots, (cell,), markets[instrument], table.spot_ticks)[0]
    numerator, denominator = table.rows[row].scale
    return -(-lots * int(table.losses[row, place]) * numerator // denominator)


def _future_lost(lots: int, cells: Sequence[ScanCell], market: Market, ticks: int) -> list[int]:
    """What so many lots of a contract on the underlying lose in each cell, in microatoms, rounded up."""
    unit = market.listing.multiplier_atoms * lots
    if market.listing.kind == "inverse":
        micro = unit * _MICRO
        return [-(micro * cell.price_bps // (ticks * (_BPS + cell.price_bps))) for cell in cells]
    each = -unit * ticks * (_MICRO // _BPS)
    return [each * cell.price_bps for cell in cells]


class UnitBound:
    """The bound of this page, from the state that it was made in: one for all who hold options on an underlying."""

    def __init__(self, underlying: int, ledger: LedgerState, rules: ScanParameters) -> None:
        self._underlying, self._rules = underlying, rules
        self._table = self._now = table_of(ledger, ledger.markets, underlying, rules)
        self._more = self._grown(self._table)
        reach = max(abs(cell.price_bps) * cell.weight_ppm for cell in cells_of(rules)) // _BPS + 1
        self._future_ppm = reach + rules.least_move_ppm
        self._known: dict[int, tuple[dict[PositionKey, int], int]] = {}

    def most_microatoms(self, account: int, held: Held, ledger: LedgerState) -> int | None:
        """What the unit of an account requires at most; None of what this does not know."""
        table = table_of(ledger, ledger.markets, self._underlying, self._rules)
        if table is not self._now:
            self._now, self._more = table, self._grown(table)
        market = ledger.markets[self._underlying]
        if market.listing.kind == "inverse" or table.places != self._table.places or self._rules.charges_curve:
            return None
        required = self._required_then(account, held, market, ledger)
        future = market.listing.multiplier_atoms * abs(table.spot_ticks - self._table.spot_ticks)
        future *= self._future_ppm
        more = len(held) * _MICRO
        for (instrument, _), one in held.items():
            place = table.places.get(instrument)
            more += abs(one.size_lots) * (future if place is None else self._more[place])
        return required + -(-more * self._rules.maintenance_ppm // _PPM)

    def _required_then(self, account: int, held: Held, market: Market, ledger: LedgerState) -> int:
        lots = {key: one.size_lots for key, one in held.items()}
        known = self._known.get(account)
        if known is None or known[0] != lots:
            known = self._known[account] = lots, _required(held, self._table, market, self._rules, ledger.markets)[0]
        return known[1]

    def _grown(self, table: RiskTable) -> list[int]:
        """D_i + E_i of each option, in microatoms a lot, rounded up."""
        if table.places != self._table.places:
            return []
        weights = np.array([cell.weight_ppm for cell in cells_of(self._rules)], np.int64)
        apart = abs(table.losses - self._table.losses)
        most = (-(-apart // _PPM) * weights).max(axis=1, initial=0).tolist() if len(apart) else []
        if len(apart) and int(apart.max()) < _PPT:
            most = (-(-apart * weights // _PPM)).max(axis=1).tolist()
        found = []
        for place, row in enumerate(table.rows):
            numerator, denominator = row.scale
            shock = abs(row.shock - self._table.rows[place].shock)
            found.append(-(-most[place] * numerator // denominator) - (-shock // _PPT) + 1)
        return found

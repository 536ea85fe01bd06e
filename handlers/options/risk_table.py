"""What a lot of each option of an underlying loses in each cell of a grid: worked out once a mark, whoever holds them.

1. Settled in cash a loss is in microticks of the underlying, settled in its coin in picocoins; `price_grid.py` has the
   prices, of which the loss is what the option is worth at no move less what it is worth in the cell.
2. A table follows from the mark of the underlying and when that was, from the surface and its level, and from what is
   listed and averaged. The last one of each chain is kept, and taken again where all of these are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...events.ledger import LedgerState
from ...events.ledger.options import Option, Volatility
from .price_grid import GridOption, PriceGrid
from .pricing import Markets, forward_ticks, priced_ns, pricer_of, volatility_ppb
from .scan_grid import ScanParameters, cells_of, move_ppm, shocked

__all__ = ["RiskTable", "table_of"]

_MICRO = 10**6
_BPS = 10**4
_TABLES_MOST = 8
_INT64_MOST = 2**63 - 1


class _Row(NamedTuple):
    """An option in the table: what turns a lot's loss into microatoms, its expiry, its delta and that expiry's move.

    The scale is a numerator and a denominator; the delta is what a lot's is worth, in 10^-12 atoms; `worth_atoms` is
    what a lot of the underlying is worth. All three are 0 where nothing asks for them.
    """

    scale: tuple[int, int]
    expiry_ns: int
    delta: int
    move_ppm: int
    worth_atoms: int

    @property
    def shock(self) -> int:
        """A lot's part of the roll shock, of the sign of the delta, in 10^-12 microatoms."""
        return self.delta * self.move_ppm


class RiskTable:
    """Losses by row and cell; `rows` finds an option's by its instrument. `spot_ticks` is the mark that it is of."""

    __slots__ = ("_lots_most", "losses", "places", "rows", "spot_ticks", "unit_microatoms")

    def __init__(
        self,
        losses: NDArray[np.int64],
        places: dict[int, int],
        rows: Sequence[_Row],
        spot_ticks: int,
        unit_microatoms: int = 1,
    ) -> None:
        """`unit_microatoms` is what a unit of the underlying is worth."""
        self.losses, self.places, self.rows, self.spot_ticks = losses, places, rows, spot_ticks
        self.unit_microatoms = unit_microatoms
        self._lots_most = _INT64_MOST // (int(abs(losses).max(initial=1)) + 1)

    def lost_microatoms(self, lots_by_instrument: Iterable[tuple[int, int]]) -> list[int]:
        """What so many lots of some options lose in each cell, those of one scale summed, then rounded up."""
        by_scale: dict[tuple[int, int], dict[int, int]] = {}
        for instrument, lots in lots_by_instrument:
            place = self.places[instrument]
            summed = by_scale.setdefault(self.rows[place].scale, {})
            summed[place] = summed.get(place, 0) + lots
        each = [_scaled(self._summed(lots), scale) for scale, lots in by_scale.items()]
        if len(each) == 1:  # nearly always
            return each[0]
        return [sum(losses) for losses in zip(*each, strict=True)] if each else [0] * self.losses.shape[1]

    def _summed(self, lots: Mapping[int, int]) -> list[int]:
        """In 64 bits, where these have room for it."""
        if sum(map(abs, lots.values())) <= self._lots_most:
            weights = np.fromiter(lots.values(), np.int64, len(lots))
            found: list[int] = (weights @ self.losses[list(lots)]).tolist()
            return found
        each = [[number * loss for loss in self.losses[place].tolist()] for place, number in lots.items()]
        return [sum(losses) for losses in zip(*each, strict=True)]


def _scaled(losses: Iterable[int], scale: tuple[int, int]) -> list[int]:
    numerator, denominator = scale
    if denominator == 1:
        return [loss * numerator for loss in losses]
    return [-(-loss * numerator // denominator) for loss in losses]


_tables: dict[int, tuple[Volatility, Any, ScanParameters, RiskTable]] = {}
"""The last table of each chain, by the identity of its volatility, which is held here so that it stays its own."""


def table_of(ledger: LedgerState, markets: Markets, underlying: int, rules: ScanParameters) -> RiskTable:
    """The table at the marks as they are."""
    volatility, spot_ticks = ledger.volatilities[underlying], markets[underlying].mark_ticks
    counts = len(ledger.options), len(ledger.deliveries)
    state = (priced_ns(ledger, underlying), spot_ticks, volatility.level_ppm, counts)
    known = _tables.get(id(volatility))
    if known is not None and known[0] is volatility and known[1] == state and known[2] is rules:
        return known[3]
    table = _worked_out(ledger, markets, underlying, rules)
    _tables.pop(id(volatility), None)
    while len(_tables) >= _TABLES_MOST:
        del _tables[next(iter(_tables))]
    _tables[id(volatility)] = volatility, state, rules, table
    return table


def _worked_out(ledger: LedgerState, markets: Markets, underlying: int, rules: ScanParameters) -> RiskTable:
    chain = [one for one in ledger.options.values() if one.underlying == underlying and one.expired_seq is None]
    losses, places, rows = list[NDArray[np.int64]](), dict[int, int](), list[_Row]()
    for expiry_ns in dict.fromkeys(one.expiry_ns for one in chain):
        options = [one for one in chain if one.expiry_ns == expiry_ns]
        forward = forward_ticks(ledger, options[0], markets)
        for option, lost in zip(options, _losses(ledger, options, forward, rules), strict=True):
            places[option.instrument] = len(losses)
            losses.append(lost)
            rows.append(_row(ledger, option, forward, markets[underlying].mark_ticks, rules))
    whole = np.array(losses, np.int64).reshape(len(losses), len(cells_of(rules)))
    unit_microatoms = _unit_microatoms(ledger, chain, rows)
    return RiskTable(whole, places, rows, markets[underlying].mark_ticks, unit_microatoms)


def _unit_microatoms(ledger: LedgerState, chain: Sequence[Option], rows: Sequence[_Row]) -> int:
    """By the first option that is listed, rounded down; at least one."""
    if not rows:
        return 1
    lot = Fraction(ledger.markets[chain[0].instrument].listing.lot_size)
    return max(1, rows[0].worth_atoms * _MICRO // lot)


def _losses(
    ledger: LedgerState, options: Sequence[Option], forward: int, rules: ScanParameters
) -> list[NDArray[np.int64]]:
    """By option of an expiry, what a lot loses in each cell."""
    cells = cells_of(rules)
    moves = sorted({0, *(cell.price_bps for cell in cells)})
    columns, ways = [moves.index(cell.price_bps) for cell in cells], [cell.row for cell in cells]
    left_ns = max(0, options[0].expiry_ns - priced_ns(ledger, options[0].underlying))
    priced = [
        GridOption(one.right, one.strike_ticks, *row)
        for one in options
        for row in shocked(rules, volatility_ppb(ledger, one, forward), left_ns)
    ]
    prices = PriceGrid(priced, moves, (0,)).prices_microticks(forward).reshape(len(options), -1, len(moves))
    if options[0].settled_in == "coin":
        prices = _in_coins(prices, forward, moves)
    return [prices[n, 0, moves.index(0)] - prices[n, ways, columns] for n in range(len(options))]


def _in_coins(microticks: NDArray[np.int64], forward: int, moves: Sequence[int]) -> NDArray[np.int64]:
    """Prices in picocoins, rounded down: each over the forward at which it is a price."""
    at = np.array([(_BPS + move) * forward for move in moves], np.int64)
    whole, rest = np.divmod(microticks * _BPS, at)
    return whole * _MICRO + rest * _MICRO // at


def _scale(ledger: LedgerState, option: Option) -> tuple[int, int]:
    """What turns a lot's loss into microatoms."""
    multiplier = ledger.markets[option.instrument].listing.multiplier_atoms
    denominator = option.ticks_denominator * (1 if option.settled_in == "cash" else _MICRO)
    return multiplier * option.ticks_numerator, denominator


def _row(ledger: LedgerState, option: Option, forward: int, spot_ticks: int, rules: ScanParameters) -> _Row:
    """An option's row; of the grids that ask for no delta without one."""
    scale = _scale(ledger, option)
    if not (rules.rolls_expiries or rules.charges_curve):
        return _Row(scale, option.expiry_ns, 0, 0, 0)
    left_ns = max(0, option.expiry_ns - priced_ns(ledger, option.underlying))
    unit = ledger.markets[option.instrument].listing.multiplier_atoms * option.ticks_numerator
    unit *= spot_ticks if option.settled_in == "cash" else 1
    delta = _delta_ppt(ledger, option, forward) * unit // option.ticks_denominator
    return _Row(scale, option.expiry_ns, delta, move_ppm(rules, left_ns), -(-unit // option.ticks_denominator))


def _delta_ppt(ledger: LedgerState, option: Option, forward: int) -> int:
    """Delta in parts of 10^12, of what is settled in its coin less its premium; at expiry that of the payoff."""
    pricer = pricer_of(ledger, option, forward)
    if not pricer.time_ns or not pricer.volatility_ppb:
        return 0
    places, _, first, _, _ = pricer.moments(forward)
    delta = (first - ((option.right == "put") << places)) * 10**12 >> places
    return delta if option.settled_in == "cash" else delta - pricer.price_picocoins(forward)

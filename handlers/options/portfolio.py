"""Portfolio margin: what a book would lose in each cell of a grid of prices and volatilities, netted, and the worst.

A *unit* is an underlying: all options on it, and the positions in the underlying itself. A cell moves the price by x
and volatilities in one of some ways. What a unit loses there is summed over its positions, then

    weighted = loss x weight,    a loss less at most dampener x (|x| / range - 1)    (the second of Deribit only)
    requirement = maintenance x (max(0, greatest weighted loss) + roll shock)

1. `deribit`: nine prices evenly from -range to +range, with volatility up, as it is, and down; then `extended_bps`,
   with volatility up only, at a weight of range / |x|. Shocked volatility is

       up = max(v (1 + up (30 / d)^p), least volatility),   down = v (1 - down (30 / d)^p), at least 0

   with d days to expiry, at least one, and the short power below 30 days, the long one from there on. The roll shock is
   the net delta of each expiry, without its sign, x max(least move, e^(annual risk x years) - 1); the underlying is an
   expiry of its own at the least move. Deribit's shock on a delta over 20 million USD is left out: it states neither
   formula nor unit. Source: article 25944756247837 and docs.deribit.com, private/simulate_portfolio, whose example of
   June 2024 the figures are; gains are not set off between currencies, as one unit has none.
2. `okx`: prices at 0 and a third, two thirds and all of the range, volatility as it is, and up and down by points (30
   at once, 25 in 30 days, 20 from 60 on) and by its own share (50%, 35%, 25%): MR1. Then twice the range, volatility as
   it is, at a weight of a half: MR6. Source: help page "Portfolio margin mode" and the notice of 2 January 2025 (4, 8,
   12 and 24% for BTC and ETH); points and half are from code that follows it. MR2 to MR5 and MR7 are not in here.
3. `span`: the 16 scenarios of SPAN: price at 0 and thirds of the range, each with volatility up and down, then twice
   the range, volatility as it is, at a weight of 35% (CME, SPAN risk array; McMillan, "Options as a Strategic
   Investment", chapter 34).

The value of a book is not monotone in the price, so no end of a range says when it must be looked at: whoever holds an
option is margined anew at each mark. The prices of all options of an underlying in all cells are worked out once a mark
(`price_grid.py`), whoever holds them; a book is then one sum of products over its positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ...events.ledger import LedgerState, Market, Position, PositionKey
from ...events.ledger.options import Option, Volatility
from .black76 import DAY_NS, PPB, YEAR_NS
from .fixed_point import ONE, divided, exp, ln
from .price_grid import GridOption, PriceGrid
from .pricing import Markets, forward_ticks, priced_ns, pricer_of, volatility_ppb

__all__ = ["ScanCell", "ScanParameters", "UnitRisk", "cells_of", "lost_in_cells", "unit_risk"]

_PPM = _MICRO = 10**6
_BPS = 10**4
_THIRTY = 30 * DAY_NS
_THIRDS = 3
_BUCKETS = 4
_TABLES_MOST = 8
_INT64_MOST = 2**63 - 1

Model = Literal["deribit", "okx", "span"]


class ScanParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The grid, by the rules above; volatilities and shares are in ppm, an amount is in the asset."""

    model: Model = "deribit"
    price_range_bps: int = 1_600
    volatility_up_ppm: int = 500_000
    volatility_down_ppm: int = 250_000
    least_volatility_ppm: int = 500_000
    short_power_ppm: int = 300_000
    long_power_ppm: int = 130_000
    extended_bps: tuple[int, ...] = (-6_600, -3_300, 5_000, 10_000, 20_000, 30_000, 40_000, 50_000)
    extended_ppm: int = 1_000_000
    dampener_atoms: int = 0
    least_move_ppm: int = 10_000
    annual_risk_ppm: int = 75_000
    maintenance_ppm: int = 800_000

    def __post_init__(self) -> None:
        """Refuse a grid of nothing, and moves that leave nothing."""
        if not 0 < self.price_range_bps < _BPS // 2 or min(self.extended_bps, default=0) <= -_BPS:
            message = "price_range_bps must lie above 0 and below 5000, and no move of extended_bps take all"
            raise ValueError(message)
        if 0 in self.extended_bps or not 0 <= self.volatility_down_ppm <= _PPM or self.volatility_up_ppm < 0:
            message = "extended_bps must not hold 0, and volatilities move by 0 ppm or more, down by 1000000 at most"
            raise ValueError(message)
        others = (self.least_volatility_ppm, self.short_power_ppm, self.long_power_ppm, self.extended_ppm)
        if min(*others, self.dampener_atoms, self.least_move_ppm, self.annual_risk_ppm) < 0 or self.maintenance_ppm < 1:
            message = "no figure of the grid may be below 0, and maintenance_ppm must be above it"
            raise ValueError(message)


class ScanCell(NamedTuple):
    """A move of the price, which of the volatilities, the weight of what is lost there, and of the dampener."""

    price_bps: int
    row: int
    weight_ppm: int = _PPM
    dampened_ppm: int = 0


class UnitRisk(NamedTuple):
    """What a unit requires, in microatoms; what each position loses in the worst cell, and which that is."""

    microatoms: int
    losses: dict[PositionKey, int]
    cell: ScanCell


@cache
def cells_of(rules: ScanParameters) -> tuple[ScanCell, ...]:
    """The cells of a grid, in the venue's order; of equal losses the first is the worst."""
    return tuple(_cells(rules))


def _cells(rules: ScanParameters) -> Iterator[ScanCell]:
    reach = rules.price_range_bps
    if rules.model == "deribit":
        for step in range(-_BUCKETS, _BUCKETS + 1):
            yield from (ScanCell(reach * step // _BUCKETS, row) for row in (1, 0, 2))
        for bps in rules.extended_bps:
            weight_ppm = rules.extended_ppm * reach // abs(bps)
            yield ScanCell(bps, 1, weight_ppm, max(0, (abs(bps) - reach) * _PPM // reach))
        return
    thirds = [sign * reach * step // _THIRDS for step in range(_THIRDS + 1) for sign in ((1, -1) if step else (1,))]
    rows = (1, 2) if rules.model == "span" else range(5)
    yield from (ScanCell(bps, row) for bps in thirds for row in rows)
    weight_ppm = 350_000 if rules.model == "span" else 500_000
    yield from (ScanCell(bps, 0, weight_ppm) for bps in (2 * reach, -2 * reach))


def _volatilities(rules: ScanParameters, volatility: int, left_ns: int) -> tuple[int, ...]:
    """Volatility as it is, then as it is moved, in the rows that cells name; in ppb."""
    if rules.model == "okx":
        points, share_ppm = _by_days((30, 25, 20), left_ns), _by_days((500_000, 350_000, 250_000), left_ns)
        moved = points * (PPB // 100)
        share = volatility * share_ppm // _PPM
        return volatility, volatility + moved, max(0, volatility - moved), volatility + share, volatility - share
    scale = _term(rules, max(left_ns, DAY_NS)) if rules.model == "deribit" else ONE
    up = volatility + volatility * rules.volatility_up_ppm * scale // (_PPM * ONE)
    down = volatility - volatility * rules.volatility_down_ppm * scale // (_PPM * ONE)
    least = rules.least_volatility_ppm * (PPB // _PPM) if rules.model == "deribit" else 0
    return volatility, max(up, least), max(0, down)


def _by_days(figures: tuple[int, int, int], left_ns: int) -> int:
    """What stands at 0, 30 and 60 days, linear between them, rounded down."""
    if left_ns >= 2 * _THIRTY:
        return figures[2]
    place, rest_ns = divmod(left_ns, _THIRTY)
    return figures[place] + (figures[place + 1] - figures[place]) * rest_ns // _THIRTY


def _term(rules: ScanParameters, left_ns: int) -> int:
    """(30 / d)^p x 10^18."""
    power_ppm = rules.short_power_ppm if left_ns < _THIRTY else rules.long_power_ppm
    return exp(divided(ln(divided(_THIRTY * ONE, left_ns)) * power_ppm, _PPM))


class _Table(NamedTuple):
    """What a lot of each option loses in each cell; `rows` finds an option's row and scale by instrument.

    Settled in cash, in microticks of the underlying; in its coin, in picocoins. `deltas` is of the roll shock, in parts
    of 10^12; a lot's loss times `scales` (a numerator and a denominator) is in microatoms. Sums over up to `lots_most`
    lots stay within 64 bits.
    """

    losses: NDArray[np.int64]
    rows: dict[int, int]
    scales: list[tuple[int, int]]
    deltas: list[int]
    lots_most: int


_tables: dict[int, tuple[Volatility, Any, ScanParameters, _Table]] = {}
"""The last table of each chain that is at hand, by the identity of its volatility: only speed, as it is worked out from
what is compared before it is taken."""


def _table(ledger: LedgerState, markets: Markets, underlying: int, rules: ScanParameters) -> _Table:
    """The table at the marks as they are; between two marks of the underlying it is the same."""
    volatility, spot_ticks = ledger.volatilities[underlying], markets[underlying].mark_ticks
    counts = len(ledger.options), len(ledger.deliveries)
    state = (priced_ns(ledger, underlying), spot_ticks, volatility.level_ppm, counts)
    known = _tables.get(id(volatility))
    if known is not None and known[0] is volatility and known[1] == state and known[2] is rules:
        return known[3]
    chain = [one for one in ledger.options.values() if one.underlying == underlying and one.expired_seq is None]
    forwards = {one.expiry_ns: one for one in chain}
    table = _worked_out(ledger, chain, {at: forward_ticks(ledger, one, markets) for at, one in forwards.items()}, rules)
    _tables.pop(id(volatility), None)
    while len(_tables) >= _TABLES_MOST:
        del _tables[next(iter(_tables))]
    _tables[id(volatility)] = volatility, state, rules, table
    return table


def _worked_out(
    ledger: LedgerState, chain: Sequence[Option], forwards: Mapping[int, int], rules: ScanParameters
) -> _Table:
    cells = cells_of(rules)
    moves = sorted({0, *(cell.price_bps for cell in cells)})
    places = [moves.index(cell.price_bps) for cell in cells]
    losses, rows = list[NDArray[np.int64]](), dict[int, int]()
    scales, deltas = list[tuple[int, int]](), list[int]()
    for expiry_ns, forward in forwards.items():
        options = [one for one in chain if one.expiry_ns == expiry_ns]
        left_ns = max(0, expiry_ns - priced_ns(ledger, options[0].underlying))
        moved = [_volatilities(rules, volatility_ppb(ledger, one, forward), left_ns) for one in options]
        count = len(moved[0])
        grid = PriceGrid(
            [
                GridOption(one.right, one.strike_ticks, volatility, left_ns)
                for one, volatilities in zip(options, moved, strict=True)
                for volatility in volatilities
            ],
            moves,
            (0,),
        )
        prices = grid.prices_microticks(forward).reshape(len(options), count, len(moves))
        for place, one in enumerate(options):
            worth = prices[place] if one.settled_in == "cash" else _in_coins(prices[place], forward, moves)
            now = worth[0, moves.index(0)]
            rows[one.instrument] = len(losses)
            losses.append(now - worth[[cell.row for cell in cells], places])
            scales.append(_scale(ledger, one))
            deltas.append(_delta_ppt(ledger, one, forward))
    whole = np.array(losses, np.int64).reshape(len(losses), len(cells))
    return _Table(whole, rows, scales, deltas, _INT64_MOST // (int(abs(whole).max(initial=1)) + 1))


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


def _delta_ppt(ledger: LedgerState, option: Option, forward: int) -> int:
    """Delta in parts of 10^12, of what is settled in its coin less its premium; at expiry that of the payoff."""
    pricer = pricer_of(ledger, option, forward)
    if not pricer.time_ns or not pricer.volatility_ppb:
        return 0
    places, _, first, _, _ = pricer.moments(forward)
    delta = (first - ((option.right == "put") << places)) * 10**12 >> places
    return delta if option.settled_in == "cash" else delta - pricer.price_picocoins(forward)


def unit_risk(
    held: Mapping[PositionKey, Position],
    underlying: int,
    ledger: LedgerState,
    markets: Markets,
    rules: ScanParameters,
) -> UnitRisk:
    """What the positions of a unit require, all of it exact; O(positions x cells)."""
    table, cells = _table(ledger, markets, underlying, rules), cells_of(rules)
    weighted = _weighted(_netted(held, table, cells, markets), cells, rules.dampener_atoms)
    worst = max(weighted)
    place = weighted.index(worst)
    shock = _roll_shock(held, underlying, ledger, markets, rules, table)
    needed = -(-(max(0, worst) + shock) * rules.maintenance_ppm // _PPM)
    losses = {key: _lost_at(place, key[0], one.size_lots, table, cells, markets) for key, one in held.items()}
    return UnitRisk(needed, losses, cells[place])


def lost_in_cells(
    held: Mapping[PositionKey, Position],
    underlying: int,
    ledger: LedgerState,
    markets: Markets,
    rules: ScanParameters,
) -> list[int]:
    """What the positions of a unit lose in each cell, without its weight, in microatoms; a gain is below zero."""
    return _netted(held, _table(ledger, markets, underlying, rules), cells_of(rules), markets)


def _netted(
    held: Mapping[PositionKey, Position], table: _Table, cells: Sequence[ScanCell], markets: Markets
) -> list[int]:
    total = [0] * len(cells)
    for scale, rows in _by_scale(held, table).items():
        total = [a + b for a, b in zip(total, _scaled(_summed(rows, table), scale), strict=True)]
    for (instrument, _), one in held.items():
        if instrument not in table.rows:
            moved = _future_lost(one.size_lots, cells, markets[instrument])
            total = [a + b for a, b in zip(total, moved, strict=True)]
    return total


def _by_scale(held: Mapping[PositionKey, Position], table: _Table) -> dict[tuple[int, int], dict[int, int]]:
    """Lots by row, of the options of one scale together: nearly always all of them."""
    found: dict[tuple[int, int], dict[int, int]] = {}
    for (instrument, _), one in held.items():
        row = table.rows.get(instrument)
        if row is not None:
            rows = found.setdefault(table.scales[row], {})
            rows[row] = rows.get(row, 0) + one.size_lots
    return found


def _summed(rows: Mapping[int, int], table: _Table) -> list[int]:
    """What so many lots of each row lose in each cell; in 64 bits where they are room enough."""
    if sum(map(abs, rows.values())) <= table.lots_most:
        lots = np.fromiter(rows.values(), np.int64, len(rows))
        found: list[int] = (lots @ table.losses[list(rows)]).tolist()
        return found
    each = [[lots * loss for loss in table.losses[row].tolist()] for row, lots in rows.items()]
    return [sum(losses) for losses in zip(*each, strict=True)]


def _scaled(losses: Sequence[int], scale: tuple[int, int]) -> list[int]:
    """In microatoms, rounded up."""
    numerator, denominator = scale
    if denominator == 1:
        return [loss * numerator for loss in losses]
    return [-(-loss * numerator // denominator) for loss in losses]


def _weighted(total: Sequence[int], cells: Sequence[ScanCell], dampener_atoms: int) -> list[int]:
    """What is lost in each cell by the weight of the cell, a loss less by the dampener, down to nothing."""
    found = []
    for loss, (_, _, weight_ppm, dampened_ppm) in zip(total, cells, strict=True):
        weighted = loss if weight_ppm == _PPM else loss * weight_ppm // _PPM
        if dampened_ppm and weighted > 0:
            weighted = max(0, weighted - dampened_ppm * dampener_atoms)
        found.append(weighted)
    return found


def _lost_at(place: int, instrument: int, lots: int, table: _Table, cells: Sequence[ScanCell], markets: Markets) -> int:
    """What a position loses in one cell, in microatoms, rounded up."""
    row = table.rows.get(instrument)
    if row is None:
        return _future_lost(lots, (cells[place],), markets[instrument])[0]
    return _scaled((lots * int(table.losses[row, place]),), table.scales[row])[0]


def _future_lost(lots: int, cells: Sequence[ScanCell], market: Market) -> list[int]:
    """What so many lots of a contract on the underlying lose in each cell, in microatoms, rounded up."""
    unit, ticks = market.listing.multiplier_atoms * lots, market.mark_ticks
    if market.listing.kind == "inverse":
        micro = unit * _MICRO
        return [-(micro * cell.price_bps // (ticks * (_BPS + cell.price_bps))) for cell in cells]
    each = -unit * ticks * (_MICRO // _BPS)
    return [each * cell.price_bps for cell in cells]


def _roll_shock(
    held: Mapping[PositionKey, Position],
    underlying: int,
    ledger: LedgerState,
    markets: Markets,
    rules: ScanParameters,
    table: _Table,
) -> int:
    """Net deltas of the expiries, each at the move that its time to expiry allows, in microatoms, rounded up."""
    if rules.model != "deribit":
        return 0
    ticks, now_ns, deltas = markets[underlying].mark_ticks, priced_ns(ledger, underlying), dict[int, int]()
    for (instrument, _), one in held.items():
        option, market = ledger.options.get(instrument), markets[instrument]
        if option is None:
            worth = market.payoff.value_atoms(one.size_lots, ticks)
            delta, expiry_ns = abs(worth) * (1 if one.size_lots > 0 else -1) * 10**12, 0
        else:
            row = table.rows[instrument]
            unit = market.listing.multiplier_atoms * option.ticks_numerator * one.size_lots
            unit *= ticks if option.settled_in == "cash" else 1
            delta, expiry_ns = table.deltas[row] * unit // option.ticks_denominator, option.expiry_ns
        deltas[expiry_ns] = deltas.get(expiry_ns, 0) + delta
    shock = 0
    for expiry_ns, delta in deltas.items():
        move_ppm = _move_ppm(rules, max(0, expiry_ns - now_ns)) if expiry_ns else rules.least_move_ppm
        shock += abs(delta) * move_ppm
    return -(-shock // 10**12)


@cache
def _move_ppm(rules: ScanParameters, left_ns: int) -> int:
    """max(least move, e^(annual risk x years) - 1), in ppm, rounded up."""
    grown = exp(divided(rules.annual_risk_ppm * left_ns * ONE, _PPM * YEAR_NS)) - ONE
    return max(rules.least_move_ppm, -(-grown * _PPM // ONE))

"""What portfolio margin asks of a unit beside its worst cell, in microatoms, each rounded up.

1. *Roll shock* (Deribit), *basis* (OKX's MR4): the net delta of each expiry, without its sign, x max(least move,
   e^(annual risk x years) - 1); the underlying is an expiry of its own at the least move.
2. *Delta shock* (Deribit), of a delta over `delta_free`:

       rate  = min(delta most, delta step x (|D| - free) in units of the underlying)
       shock = |D| x rate

   D is the delta of the underlying and of short options; long options bring it nearer to 0, never past it or away.
3. *Closing* (OKX's MR7), the least that a unit requires: of the underlying `closing_ppm` of its worth; of an option on
   a unit of the underlying, with I that unit's worth and m the mark,

       short: max(closing_option, closing_delta x |delta|) I + fee,    long: min(the first, m) + fee,
       fee = min(0.03% I, 12.5% m)

   and of what that comes to beyond each of `closing_floors` its multiple of `closing_multiples`.

Sources: `scan_grid.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ...events.ledger import Market, Position, PositionKey
from .pricing import Markets
from .risk_table import RiskTable
from .scan_grid import ScanParameters

__all__ = ["closing_cost", "delta_shock", "roll_shock"]

_PPM = _MICRO = 10**6
_PPT = 10**12
_PPB_PER_PPM = 1_000
_FEE_PPM = 300
_FEE_OF_MARK_PPM = 125_000

Held = Mapping[PositionKey, Position]


def roll_shock(held: Held, table: RiskTable, market: Market, rules: ScanParameters) -> int:
    """Rule 1; `market` is the underlying's. O(positions)."""
    if not rules.rolls_expiries:
        return 0
    shocks = dict[int, int]()
    for (instrument, _), one in held.items():
        place = table.places.get(instrument)
        if place is not None:
            row = table.rows[place]
            shocks[row.expiry_ns] = shocks.get(row.expiry_ns, 0) + row.shock * one.size_lots
    worth_atoms = abs(_future_atoms(held, table, market))
    return -(-sum(map(abs, shocks.values())) // _PPT) + worth_atoms * rules.least_move_ppm


def delta_shock(held: Held, table: RiskTable, market: Market, rules: ScanParameters) -> int:
    """Rule 2; O(positions)."""
    if rules.delta_step_ppb is msgspec.UNSET:
        return 0
    assert rules.delta_most_ppm is not msgspec.UNSET
    assert rules.delta_free_atoms is not msgspec.UNSET
    bought, others = 0, _future_atoms(held, table, market) * _PPT
    for (instrument, _), one in held.items():
        place = table.places.get(instrument)
        if place is not None:
            delta = table.rows[place].delta * one.size_lots
            bought, others = (bought + delta, others) if one.size_lots > 0 else (bought, others + delta)
    left = max(0, min(abs(others), (others + bought) * (1 if others > 0 else -1)))
    over = max(0, left - rules.delta_free_atoms * _PPT)
    step_ppb = -(-rules.delta_step_ppb * over * _MICRO // (_PPT * table.unit_microatoms))
    return -(-left * min(step_ppb, rules.delta_most_ppm * _PPB_PER_PPM) // (_PPT * _PPB_PER_PPM))


def closing_cost(held: Held, table: RiskTable, markets: Markets, market: Market, rules: ScanParameters) -> int:
    """Rule 3; O(positions)."""
    if rules.closing_ppm is msgspec.UNSET:
        return 0
    option_ppm, delta_ppm = rules.closing_option_ppm, rules.closing_delta_ppm
    assert option_ppm is not msgspec.UNSET
    assert delta_ppm is not msgspec.UNSET
    raw = abs(_future_atoms(held, table, market)) * rules.closing_ppm
    for (instrument, _), one in held.items():
        place = table.places.get(instrument)
        if place is not None:
            row, option = table.rows[place], markets[instrument]
            mark_atoms = option.payoff.value_atoms(1, option.mark_ticks)
            slips = max(option_ppm * row.worth_atoms, -(-delta_ppm * abs(row.delta) // _PPT))
            slips = slips if one.size_lots < 0 else min(slips, mark_atoms * _PPM)
            fee = min(_FEE_PPM * row.worth_atoms, _FEE_OF_MARK_PPM * mark_atoms)
            raw += abs(one.size_lots) * (slips + fee)
    return _multiplied(raw, rules)


def _multiplied(raw: int, rules: ScanParameters) -> int:
    """Each part of what closing costs, by its multiple; the first part counts once."""
    if rules.closing_floors_atoms is msgspec.UNSET or rules.closing_multiples is msgspec.UNSET:
        return raw
    floors = [floor * _MICRO for floor in rules.closing_floors_atoms]
    total = min(raw, floors[0])
    for place, multiple in enumerate(rules.closing_multiples):
        end = floors[place + 1] if place + 1 < len(floors) else raw
        total += max(0, min(raw, end) - floors[place]) * multiple
    return total


def _future_atoms(held: Held, table: RiskTable, market: Market) -> int:
    """What the position in the underlying is worth, below zero where it is short."""
    lots = sum(one.size_lots for (instrument, _), one in held.items() if instrument not in table.places)
    worth_atoms = abs(market.payoff.value_atoms(lots, table.spot_ticks)) if lots else 0
    return worth_atoms if lots > 0 else -worth_atoms

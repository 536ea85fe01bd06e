"""What a book answers to: its delta, gamma, vega and theta, in money, an underlying at a time.

1. `delta_atoms` is what it gains where the underlying rises by 1% of itself, to first order; `gamma_atoms` by how much
   that delta grows then; `vega_atoms` what it gains by a point of volatility, `theta_atoms` by a day going by.
2. Of what is settled in its coin these are atoms of the coin: the delta is that of the price in coins, which is
   Deribit's net transaction delta of a unit (`greeks.py`), and the gamma is that delta's.
3. Each position's part is rounded down.
"""

from __future__ import annotations

from typing import NamedTuple

from ...events.ledger import Account, LedgerState, Market, Position
from ...events.ledger.options import Option
from .black76 import NANO, PICO
from .greeks import greeks_of
from .pricing import forward_ticks, pricer_of

__all__ = ["UnitGreeks", "greeks_on", "unit_greeks", "vega_atoms"]

_PERCENT = 100
_MEGA = 10**6


class UnitGreeks(NamedTuple):
    """The sensitivities of all that an account holds of an underlying and of the options on it."""

    underlying: int
    delta_atoms: int
    gamma_atoms: int
    vega_atoms: int
    theta_atoms: int


def unit_greeks(account: Account, ledger: LedgerState) -> list[UnitGreeks]:
    """By underlying, of those on which an account holds an option that has not expired; O(its positions)."""
    parts: dict[int, list[tuple[int, int, int, int]]] = {}
    for (instrument, _), held in account.positions.items():
        option = ledger.options.get(instrument)
        if option is not None and option.expired_seq is None:
            parts.setdefault(option.underlying, []).append(_of_option(option, held, ledger))
    for (instrument, _), held in account.positions.items():
        if instrument in parts:
            parts[instrument].append((*_of_future(ledger.markets[instrument], held), 0, 0))
    return [
        UnitGreeks(underlying, *(sum(one) for one in zip(*parts[underlying], strict=True)))
        for underlying in sorted(parts)
    ]


def greeks_on(account: Account, underlying: int, ledger: LedgerState) -> UnitGreeks | None:
    """Those on one underlying; None of who holds no option on it."""
    return next((one for one in unit_greeks(account, ledger) if one.underlying == underlying), None)


def vega_atoms(option: Option, lots: int, ledger: LedgerState) -> int:
    """What so many lots of an option gain by a point of volatility."""
    return _of_option(option, Position(lots, 0, 0), ledger)[2]


def _of_option(option: Option, held: Position, ledger: LedgerState) -> tuple[int, int, int, int]:
    forward = forward_ticks(ledger, option, ledger.markets)
    found = greeks_of(pricer_of(ledger, option, forward), forward)
    unit = held.size_lots * ledger.markets[option.instrument].listing.multiplier_atoms * option.ticks_numerator
    each = option.ticks_denominator
    gamma_ppt = found.gamma_quintillionths * forward // _MEGA
    if option.settled_in == "cash":
        delta = found.delta_ppt * forward * unit // (PICO * _PERCENT * each)
        gamma = gamma_ppt * forward * unit // (PICO * _PERCENT * _PERCENT * each)
        return delta, gamma, found.vega_nanoticks * unit // (NANO * each), found.theta_nanoticks * unit // (NANO * each)
    adjusted = found.premium_adjusted_delta_ppt
    return (
        adjusted * unit // (PICO * _PERCENT * each),
        (gamma_ppt - adjusted) * unit // (PICO * _PERCENT * _PERCENT * each),
        found.vega_nanoticks * unit // (NANO * forward * each),
        found.theta_nanoticks * unit // (NANO * forward * each),
    )


def _of_future(market: Market, held: Position) -> tuple[int, int]:
    """Delta and gamma of a contract on the underlying."""
    worth_atoms = abs(market.payoff.value_atoms(held.size_lots, market.mark_ticks))
    worth_atoms = worth_atoms if held.size_lots > 0 else -worth_atoms
    curved = -worth_atoms // (_PERCENT * _PERCENT) if market.listing.kind == "inverse" else 0
    return worth_atoms // _PERCENT, curved

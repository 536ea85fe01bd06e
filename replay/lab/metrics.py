"""The metrics by name: what each is called, its unit, and its value as an exact number of that unit.

Money is in the settlement asset, and it is either *equity* (what an account is worth) or *value of contracts* (size
times price); sizes are in contracts. Names and units say which, and the names are the table's columns: they are stable.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from ...sim.figures import grouped
from ...sim.units import divide_half_even
from .meter import Figures, Ratio

__all__ = ["Metric", "metrics_of", "rounded", "shown"]

_NS_DIGITS, _RATIO_DIGITS, _SECOND_DIGITS = 9, 9, 9
_CENTS, _TENTHS_OF_PERMILLE = 2, 4

Value = Callable[[Figures], Fraction | None]


class Metric(NamedTuple):
    """One figure of a cell. `digits` are its decimals in a table, `shown_digits` those for people."""

    name: str
    title: str
    unit: str
    digits: int
    shown_digits: int
    value: Value


def metrics_of(figures: Figures) -> tuple[Metric, ...]:
    """The metrics for cells of this asset and these instruments, in the order in which they are told."""
    asset, decimals = figures.asset, figures.decimals
    equity, value = f"{asset} of equity", f"{asset}, value of contracts"

    def money(name: str, title: str, unit: str, atoms: Callable[[Figures], int]) -> Metric:
        cents = min(decimals, _CENTS)
        return Metric(name, title, unit, decimals, cents, lambda one: Fraction(atoms(one), 10**decimals))

    return (
        _count("accounts_deleveraged", "accounts deleveraged", "accounts", lambda one: one.accounts_deleveraged),
        *(_contracts(name, lot_size) for name, lot_size in figures.lot_sizes.items()),
        money("contract_value_deleveraged", "value deleveraged", value, lambda one: one.value_deleveraged_atoms),
        money("equity_taken", "equity taken from winners", equity, lambda one: one.equity_taken_atoms),
        money("equity_needed", "equity needed", equity, lambda one: one.equity_needed_atoms),
        money("equity_overshoot", "overshoot over what was needed", equity, _overshoot_atoms),
        _ratio("equity_share_taken_max", "largest share taken from anyone", "of their equity", _share_taken_max),
        _ratio("equity_taken_gini", "Gini coefficient of the taking", "0 even, 1 all from one", lambda one: one.gini),
        _ratio("ptsr", "PTSR, largest survivor over the deficit", "equity over equity", lambda one: one.ptsr),
        _ratio("pmr", "PMR, largest survivor over the largest loss", "equity over equity", lambda one: one.pmr),
        money("fund_equity_used", "insurance fund used", equity, lambda one: one.fund_used_atoms),
        money("loss_socialised", "socialised loss", equity, lambda one: one.socialised_loss_atoms),
        money("loss_written_off", "loss written off", equity, lambda one: one.written_off_atoms),
        money("loss_unpaid", "loss that nobody could pay", equity, lambda one: one.deficit_atoms),
        money("equity_owed", "owed by accounts at the end", equity, lambda one: one.owed_atoms),
        _count("accounts_bankrupt", "bankrupt accounts", "accounts", lambda one: one.accounts_bankrupt),
        _count("cascade_depth_fills", "depth of the cascade", "forced fills", lambda one: one.cascade_depth_fills),
        Metric("time_to_solvency_s", "time to solvency", "seconds", _SECOND_DIGITS, 0, _seconds),
    )


def _count(name: str, title: str, unit: str, number: Callable[[Figures], int]) -> Metric:
    return Metric(name, title, unit, 0, 0, lambda one: Fraction(number(one)))


def _contracts(instrument: str, lot_size: str) -> Metric:
    step = Fraction(lot_size)
    exponent = Decimal(lot_size).as_tuple().exponent
    digits = max(0, -exponent) if isinstance(exponent, int) else 0
    name, title = f"contracts_deleveraged:{instrument}", f"contracts deleveraged, {instrument}"
    return Metric(
        name, title, "contracts, in units", digits, digits, lambda one: one.lots_deleveraged[instrument] * step
    )


def _ratio(name: str, title: str, unit: str, ratio: Callable[[Figures], Ratio | None]) -> Metric:
    def value(one: Figures) -> Fraction | None:
        found = ratio(one)
        return None if found is None else Fraction(*found)

    return Metric(name, title, unit, _RATIO_DIGITS, _TENTHS_OF_PERMILLE, value)


def _share_taken_max(one: Figures) -> Ratio:
    return one.share_taken_max


def _overshoot_atoms(one: Figures) -> int:
    return one.equity_taken_atoms - one.equity_needed_atoms


def _seconds(one: Figures) -> Fraction:
    return Fraction(one.time_to_solvency_ns, 10**_NS_DIGITS)


def rounded(value: Fraction, digits: int) -> Decimal:
    """With so many decimals, half to even; exact where the value has no more of them."""
    numerator, denominator = (value * 10**digits).as_integer_ratio()
    return Decimal(divide_half_even(numerator, denominator)).scaleb(-digits)


def shown(value: Fraction | None, metric: Metric) -> str:
    """For people: grouped and rounded; a dash for what cannot be said."""
    return "-" if value is None else grouped(format(rounded(value, metric.shown_digits), "f"))

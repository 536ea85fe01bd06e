"""The metrics by name: what each is called, its unit, and its value as an exact number of that unit.

Money is in the settlement asset, and it is either *equity* (what an account is worth) or *value of contracts* (size
times price); sizes are in contracts. Names and units say which, and the names are the table's columns: they are stable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

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


def metrics_of(figures: Figures, *, every: bool = False) -> tuple[Metric, ...]:
    """The metrics for cells of this asset and these instruments, in the order in which they are told.

    Those of what is told only where it happens are left out where it did not, unless `every` asks for them.
    """
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
        money("taken_from_winners", "taken from winners, in every way", equity, _from_winners),
        _regret("regret", equity, decimals),
        money("regret_scale", "scale of regret, by the deficits", equity, lambda one: one.regret_bound_atoms),
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
        _seconds("time_to_solvency_s", "time to solvency", lambda one: one.time_to_solvency_ns),
        *_cascade(figures),
        *(_spread(money, value) if every or figures.fairness_spread_atoms is not None else ()),
        *(_sharing(money, equity) if every or _shared(figures) else ()),
        *(_living(figures, money, value) if every or figures.living else ()),
        *(_rules(figures) if every or figures.rule_changes or figures.orders_refused else ()),
    )


def _from_winners(one: Figures) -> int:
    """By reductions, as socialised loss and by bail-in, less what the insured got back."""
    taken_atoms = one.equity_taken_atoms + one.socialised_loss_atoms + one.bailed_in_atoms
    return taken_atoms - one.compensated_atoms


def _regret(name: str, unit: str, decimals: int) -> Metric:
    title = "regret against the best fixed rule"
    return Metric(
        name, title, unit, decimals, min(decimals, _CENTS), lambda one: Fraction(*one.regret_atoms) / 10**decimals
    )


def _shared(one: Figures) -> bool:
    return bool(one.bailed_in_atoms or one.premiums_atoms or one.compensated_atoms)


def _spread(money: Callable[..., Metric], value: str) -> Iterator[Metric]:
    """What hangs on the order within an instant, where it was asked for."""
    title = "spread over orders of an instant"
    yield money("fairness_spread", title, value, lambda one: one.fairness_spread_atoms or 0)


def _sharing(money: Callable[..., Metric], equity: str) -> Iterator[Metric]:
    """What was paid where a rule has a bail-in or an insurance."""
    yield money("loss_bailed_in", "loss bailed in", equity, lambda one: one.bailed_in_atoms)
    yield money("premiums_paid", "premiums against being deleveraged", equity, lambda one: one.premiums_atoms)
    yield money("compensated", "compensated for being deleveraged", equity, lambda one: one.compensated_atoms)


def _cascade(figures: Figures) -> Iterator[Metric]:
    """How far feedback carried prices, and what the liquidations did to each other."""
    for name in figures.lot_sizes:
        title = f"amplification of the fall, {name}"
        yield _ratio(f"amplification:{name}", title, "times that without feedback", _named("amplifications", name))
    for name in figures.lot_sizes:
        yield _ratio(f"price_impact:{name}", f"fall made by trading, {name}", "of the price", _named("impacts", name))
    for name in figures.lot_sizes:
        title = f"time until half of the fall was made good, {name}"
        yield _seconds(f"recovery_s:{name}", title, _named("recoveries_ns", name))
    yield _ratio("branching_ratio", "branching ratio of liquidations", "forced by forced, of all", _branching)
    for venue in figures.contagions:
        title = f"liquidations that came from elsewhere, {venue}"
        yield _ratio(
            f"contagion:{venue}", title, "by forced orders at other venues, of all", _named("contagions", venue)
        )
    yield _count("cascade_generations", "generations of liquidations", "generations", lambda one: one.generations)
    yield _seconds("cascade_length_s", "length of the largest cascade", lambda one: one.cascade_length_ns)


def _living(figures: Figures, money: Callable[..., Metric], value: str) -> Iterator[Metric]:
    """Who was there to trade with, and who traded unasked, where the venue's own book made the price."""
    for name, lot_size in figures.lot_sizes.items():
        yield _depth(f"depth_start:{name}", f"bids within 1% at the start, {name}", lot_size, "depth_start_lots", name)
        yield _depth(f"depth_least:{name}", f"bids within 1% at the least, {name}", lot_size, "depth_least_lots", name)
    yield _ratio("makers_away", "time that makers were away", "of their time", lambda one: one.makers_away)
    for column, purpose in (("stops", "stop"), ("followers", "follower")):
        title = f"value traded by {column}"
        yield money(f"contract_value_{column}", title, value, lambda one, of=purpose: one.own_orders_atoms.get(of, 0))
    title = "value traded by all own orders"
    yield money("contract_value_own_orders", title, value, lambda one: sum(one.own_orders_atoms.values()))


def _rules(figures: Figures) -> Iterator[Metric]:
    """How the requirement moved, whom that forced, and which orders were refused."""
    yield _count("rule_changes", "changes of the margin rules", "changes", lambda one: one.rule_changes)
    for name in figures.lot_sizes:
        yield _ratio(f"rate_peak:{name}", f"highest maintenance rate, {name}", "of the notional", _peak(name))
    yield _count("liquidations", "liquidations", "liquidations", lambda one: one.liquidations)
    yield _count("orders_refused", "own orders refused", "orders", lambda one: one.orders_refused)


def _peak(instrument: str) -> Callable[[Figures], Ratio | None]:
    """The highest rate of an instrument as a share; None where it has none."""

    def ratio(one: Figures) -> Ratio | None:
        ppm = one.rates_peak_ppm.get(instrument)
        return None if ppm is None else (ppm, 10**6)

    return ratio


def _named(field: str, instrument: str) -> Callable[[Figures], Any]:
    """A figure of an instrument; None where it has none."""
    return lambda one: getattr(one, field).get(instrument)


def _branching(one: Figures) -> Ratio | None:
    return (one.forced_by_forced, one.liquidations) if one.liquidations else None


def _depth(name: str, title: str, lot_size: str, field: str, instrument: str) -> Metric:
    step, lots = Fraction(lot_size), _named(field, instrument)

    def value(one: Figures) -> Fraction | None:
        found = lots(one)
        return None if found is None else found * step

    return Metric(name, title, "contracts, in units", _digits(lot_size), _digits(lot_size), value)


def _count(name: str, title: str, unit: str, number: Callable[[Figures], int]) -> Metric:
    return Metric(name, title, unit, 0, 0, lambda one: Fraction(number(one)))


def _contracts(instrument: str, lot_size: str) -> Metric:
    step, digits = Fraction(lot_size), _digits(lot_size)
    name, title = f"contracts_deleveraged:{instrument}", f"contracts deleveraged, {instrument}"
    return Metric(
        name, title, "contracts, in units", digits, digits, lambda one: one.lots_deleveraged[instrument] * step
    )


def _digits(lot_size: str) -> int:
    exponent = Decimal(lot_size).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _ratio(name: str, title: str, unit: str, ratio: Callable[[Figures], Ratio | None]) -> Metric:
    def value(one: Figures) -> Fraction | None:
        found = ratio(one)
        return None if found is None else Fraction(*found)

    return Metric(name, title, unit, _RATIO_DIGITS, _TENTHS_OF_PERMILLE, value)


def _share_taken_max(one: Figures) -> Ratio:
    return one.share_taken_max


def _overshoot_atoms(one: Figures) -> int:
    return one.equity_taken_atoms - one.equity_needed_atoms


def _seconds(name: str, title: str, length_ns: Callable[[Figures], int | None]) -> Metric:
    def value(one: Figures) -> Fraction | None:
        found_ns = length_ns(one)
        return None if found_ns is None else Fraction(found_ns, 10**_NS_DIGITS)

    return Metric(name, title, "seconds", _SECOND_DIGITS, 0, value)


def rounded(value: Fraction, digits: int) -> Decimal:
    """With so many decimals, half to even; exact where the value has no more of them."""
    numerator, denominator = (value * 10**digits).as_integer_ratio()
    return Decimal(divide_half_even(numerator, denominator)).scaleb(-digits)


def shown(value: Fraction | None, metric: Metric) -> str:
    """For people: grouped and rounded; a dash for what cannot be said."""
    return "-" if value is None else grouped(format(rounded(value, metric.shown_digits), "f"))

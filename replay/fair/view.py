"""Fairness as plain data: the document that `fair --json` prints and the file beside the record ends with.

Its names are stable. Amounts are atoms; an exact share or mean has its numerator and denominator.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ...sim.units import format_time_ns
from ..bounds import CONFIDENCE, SHARE_PARTS
from ..run import Run
from .reckoning import AccountSpread, Fairness, InstantFairness, TotalSpread

__all__ = ["fairness_view"]

Document = dict[str, Any]


def fairness_view(run: Run, found: Fairness) -> Document:
    """The whole of it."""
    return {
        "head": run.head,
        "instants_with_reductions": found.total,
        "confidence": CONFIDENCE,
        "instants": [_instant(run, one) for one in found.instants],
    }


def _instant(run: Run, one: InstantFairness) -> Document:
    pair = None
    if one.pair is not None:
        accounts = [{"name": n, "first_atoms": a, "second_atoms": b} for n, a, b in one.pair.accounts]
        pair = {"first": one.pair.first, "second": one.pair.second, "accounts": accounts}
    return {
        "at_ns": one.instant.at_ns,
        "at": format_time_ns(one.instant.at_ns),
        "begun_ns": one.instant.begun_ns,
        "after_seq": one.instant.after_seq,
        "rounds": one.instant.rounds,
        "exact": one.exact,
        "orders": one.orders,
        "hangs_on_order": one.hangs_on_order,
        "spread_atoms": one.spread_atoms,
        "choices": [{"after": met.after, "place": met.place, "sizes": list(met.sizes)} for met in one.choices],
        "pair": pair,
        "accounts": [_account(run, account) for account in one.accounts],
        "totals": [_total(run, total) for total in one.totals],
    }


def _account(run: Run, one: AccountSpread) -> Document:
    bounds = None
    if one.share_low is not None and one.share_high is not None:
        bounds = {"low": one.share_low / SHARE_PARTS, "high": one.share_high / SHARE_PARTS}
    return {
        "account": one.account,
        "name": one.name,
        "asset": run.directory.assets[one.asset].name,
        "deleveraged_in": one.times,
        "liquidated_in": one.liquidated_times,
        "share": _fraction(one.share),
        "interval": bounds,
        "recorded_atoms": one.recorded_atoms,
        "least_atoms": one.least_atoms,
        "most_atoms": one.most_atoms,
        "mean_atoms": _fraction(one.mean_atoms),
        "lots": [
            {
                "instrument": run.directory.instruments[lots.instrument].name,
                "recorded": lots.recorded,
                "least": lots.least,
                "most": lots.most,
            }
            for lots in one.lots
        ],
    }


def _fraction(one: Fraction) -> Document:
    return {"numerator": one.numerator, "denominator": one.denominator}


def _total(run: Run, one: TotalSpread) -> Document:
    name = None
    if one.number is not None:
        directory, number = run.directory, one.number
        name = directory.assets[number].name if number in directory.assets else ""
        if one.of == "reduced lots":
            name = directory.instruments[number].name
        elif one.of == "fund":
            name = directory.account_name(number)
    return {
        "of": one.of,
        "name": name,
        "recorded": one.recorded,
        "least": one.least,
        "most": one.most,
        "invariant": one.invariant,
    }

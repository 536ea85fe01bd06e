"""Slow oracles: what the ledger and the handlers must agree with, worked out another way.

Fractions and sweeps, no shared code with what they check: equity and requirement bracket by bracket, and who is under
which margin level by looking at everybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from deleverage.events.bodies.listing import InstrumentListed, Tier
from deleverage.events.ledger import Account, Ledger

__all__ = ["Verdict", "equity", "owed_funding", "requirement", "requirement_of", "sweep", "worth"]


class Verdict(NamedTuple):
    """What is to be said of one account."""

    account: int
    what: str


def owed_funding(lots: int, cumulative_nanoatoms: int) -> int:
    """The cumulative funding of so many lots in whole atoms, toward zero."""
    return int(Fraction(lots * cumulative_nanoatoms, 10**9))


def worth(listing: InstrumentListed, lots: int, ticks: int) -> int:
    """What so many lots are worth at a price: exact if linear, else minus the coins they come to, away from zero."""
    if listing.kind == "linear":
        return lots * ticks * listing.multiplier_atoms
    coins = ceil(Fraction(abs(lots) * listing.multiplier_atoms, ticks))
    return -coins if lots > 0 else coins


def requirement(tiers: tuple[Tier, ...], notional: int) -> Fraction:
    """The maintenance requirement in atoms: each bracket of the notional at its own rate."""
    total, floors = Fraction(0), [tier.floor_atoms for tier in tiers]
    for tier, (low, high) in zip(tiers, pairwise([*floors, max(notional, floors[-1])]), strict=True):
        total += Fraction(tier.rate_ppm, 10**6) * max(0, min(notional, high) - low)
    return total


def equity(account: Account, ledger: Ledger) -> int:
    """Balance, and what each position would bring if it were closed at the mark, in atoms."""
    total = account.balance_atoms
    for (instrument, _), held in account.positions.items():
        market = ledger.markets[instrument]
        owed = owed_funding(held.size_lots, market.cumulative_funding_nanoatoms) - held.funding_atoms
        total += worth(market.listing, held.size_lots, market.mark_ticks) - held.cost_atoms - owed
    return total


def requirement_of(account: Account, ledger: Ledger) -> Fraction:
    """What is long, and what is short, of each instrument, each as one position whatever legs it is on."""
    total = Fraction(0)
    for instrument, market in enumerate(ledger.markets):
        values = [
            worth(market.listing, held.size_lots, market.mark_ticks)
            for key, held in account.positions.items()
            if key[0] == instrument
        ]
        for sign in (1, -1):
            total += requirement(market.tiers, sum(abs(value) for value in values if value * sign > 0))
    return total


def sweep(ledger: Ledger, calls_bps: Sequence[int], recovery_bps: int) -> Iterator[Verdict]:
    """Everyone of whom the margin monitor has something to say, by looking at every trader there is.

    Of several levels a called account is called again under one that is lower than that of its last call.
    """
    for account in ledger.accounts:
        if account.kind != "user" or account.status not in ("healthy", "called"):
            continue
        has, needs = equity(account, ledger), requirement_of(account, ledger)
        if has < needs:
            yield Verdict(account.account, "LiquidationStarted")
        elif account.status == "called" and has >= needs * Fraction(recovery_bps, 10_000):
            yield Verdict(account.account, "MarginCallMet")
        else:
            at_bps = account.called_bps if account.status == "called" else calls_bps[0] + 1
            if any(has < needs * Fraction(level_bps, 10_000) for level_bps in calls_bps if level_bps < at_bps):
                yield Verdict(account.account, "MarginCalled")

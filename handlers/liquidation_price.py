"""The liquidation price: at which mark of one instrument an account is liquidated, all other marks as they are.

1. An account is liquidated where `equity < requirement`, strictly: the rule of `MarginMonitor`, on the whole numbers of
   `valuation`. From it the convention: the liquidation price is the first mark, going from today's, *at* which that
   holds; one tick nearer the account is still safe. Where it holds today, it is today's mark.
2. Linear: let v be what one lot is worth. Slack in microatoms, as a function of v alone, is a constant plus, for each
   side of the instrument, `10^6 lots v` less the greatest of one line per tier: concave, and straight between the
   tiers' edges. So it is the least of the lines of its straight pieces: it is below zero where one of them is, and the
   one that gets there first gives the price. Whole numbers, nothing is rounded and nothing searched.
3. Inverse, one leg: slack is concave in the leg's value too, and rises with it, as rates are below 1. The greatest
   value at which it is below zero gives the first price of so little value, exactly, the value's rounding included.
4. Inverse, several legs: rule 2 on unrounded values, v being the notional of a lot times the mark, so that it is whole
   at the mark. Each leg's value is rounded by less than an atom, which this price leaves out.
5. A mark is at least one tick. One side alone is liquidated in one direction only; an account that is long and short of
   an instrument may be in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import lcm
from typing import NamedTuple

from ..events.bodies.listing import Tier
from ..events.ledger import Account, Market
from ..events.payoff import PRICE_TICKS_MOST
from .valuation import MICRO, Margin, maintenance_microatoms

__all__ = ["LiquidationPrices", "liquidation_prices"]

Lines = list[tuple[int, int]]


class LiquidationPrices(NamedTuple):
    """The first mark in ticks that liquidates, falling and rising; None where no mark on that side would."""

    below_ticks: int | None
    above_ticks: int | None

    def nearest_ticks(self, mark_ticks: int) -> int | None:
        """Of both the one that is nearer to the mark, the lower if they are equally far."""
        both = [ticks for ticks in self if ticks is not None]
        return min(both, key=lambda ticks: abs(ticks - mark_ticks), default=None)


def liquidation_prices(account: Account, markets: Sequence[Market], margin: Margin) -> dict[int, LiquidationPrices]:
    """For each instrument that the account holds; `margin` is the account's at the marks as they are.

    O(positions x tiers), for both sides of one instrument sorted.
    """
    held: dict[int, list[int]] = {}
    for (instrument, _), position in account.positions.items():
        held.setdefault(instrument, []).append(position.size_lots)
    slack = margin.collateral_atoms * MICRO - margin.requirement_microatoms
    return {instrument: _prices(markets[instrument], legs_lots, slack) for instrument, legs_lots in held.items()}


def _prices(market: Market, legs_lots: list[int], slack: int) -> LiquidationPrices:
    if slack < 0:
        return LiquidationPrices(market.mark_ticks, market.mark_ticks)
    if market.listing.kind == "inverse":
        return _inverse_prices(market, legs_lots, slack)
    payoff = market.payoff
    lines = _lines(market.tiers, _sides_of(legs_lots), payoff.value_atoms(1, market.mark_ticks), slack)
    falling = _last_below_zero(lines)
    rising = min([offset // -slope + 1 for slope, offset in lines if slope < 0], default=None)
    below_ticks = payoff.price_at_most(1, falling)
    above_ticks = None if rising is None else payoff.price_at_least(1, rising)
    return LiquidationPrices(below_ticks if below_ticks > 0 else None, above_ticks)


def _sides_of(legs_lots: list[int]) -> list[int]:
    """The lots of each side that is held, long before short."""
    sides = (sum(lots for lots in legs_lots if lots > 0), sum(lots for lots in legs_lots if lots < 0))
    return [lots for lots in sides if lots]


def _last_below_zero(lines: Lines) -> int:
    """The greatest v at which one of the rising lines is below zero; 0 where there is none."""
    return max([(-offset - 1) // slope for slope, offset in lines if slope > 0], default=0)


def _inverse_prices(market: Market, legs_lots: list[int], slack: int) -> LiquidationPrices:
    if len(legs_lots) == 1:
        return _inverse_leg_price(market, legs_lots[0], slack)
    scale, lot_atoms = market.mark_ticks, market.listing.multiplier_atoms
    tiers = [Tier(t.floor_atoms * scale, t.rate_ppm, t.amount_microatoms * scale) for t in market.tiers]
    lines = _lines(tiers, [-lots for lots in _sides_of(legs_lots)], lot_atoms, slack * scale)
    # A price is `lot_atoms x scale / v`, so that it falls as v rises; v itself is not whole at most prices.
    top = lot_atoms * scale
    below = max([(-top * slope - 1) // offset for slope, offset in lines if slope < 0], default=0)
    above = min([top * slope // -offset + 1 for slope, offset in lines if slope > 0 > offset], default=None)
    return LiquidationPrices(below if below > 0 else None, above)


def _inverse_leg_price(market: Market, lots: int, slack: int) -> LiquidationPrices:
    """From the lines over the leg's value: rising ones, so the last that is below zero is where it begins."""
    value, sign = market.payoff.value_atoms(lots, market.mark_ticks), -1 if lots > 0 else 1
    base = slack + maintenance_microatoms(market.tiers, abs(value)) - MICRO * value
    lines = [(MICRO - sign * tier.rate_ppm, base + tier.amount_microatoms) for tier in market.tiers]
    ticks = market.payoff.price_at_most(lots, _last_below_zero(lines))
    found = ticks if 0 < ticks < PRICE_TICKS_MOST else None
    return LiquidationPrices(found, None) if lots > 0 else LiquidationPrices(None, found)


def _lines(tiers: Sequence[Tier], sides_lots: list[int], lot_atoms: int, slack: int) -> Lines:
    """(slope, offset) over v of each straight piece, from the lowest v up; at `lot_atoms` they come to `slack`."""
    slope, offset = 0, slack
    for lots in sides_lots:
        slope += MICRO * lots - tiers[0].rate_ppm * abs(lots)
        offset += maintenance_microatoms(tiers, abs(lots) * lot_atoms) - MICRO * lots * lot_atoms
        offset += tiers[0].amount_microatoms
    lines = [(slope, offset)]
    for _, steeper, amount in _bends(tiers, sides_lots):
        slope, offset = slope - steeper, offset + amount
        lines.append((slope, offset))
    return lines


def _bends(tiers: Sequence[Tier], sides_lots: list[int]) -> list[tuple[int, int, int]]:
    """Where a side enters its next tier, in the order of v, and by how much its rate and amount grow there.

    The first of each is v times the common multiple of the sides' lots, so that it is whole.
    """
    common = lcm(*sides_lots)
    return sorted(
        (
            after.floor_atoms * (common // abs(lots)),
            (after.rate_ppm - before.rate_ppm) * abs(lots),
            after.amount_microatoms - before.amount_microatoms,
        )
        for lots in sides_lots
        for before, after in pairwise(tiers)
    )

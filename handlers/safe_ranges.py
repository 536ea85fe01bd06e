"""How far each mark and each cumulative funding may go before an account must be looked at again; see `ranges.py`.

Slack H is in 10^-10 atoms (`valuation.slack`). A position worth V adds, on the line of tier t,

    h_t(V) = 10^10 V - k (rate_t |V| - amount_t),    h(V) = min over t, as the requirement is the greatest of its lines.

So h(V) >= bound holds where every line is at or above it: a bound on V from below (or above) per tier, and the tightest
counts. For the other direction, h(V) <= the line of the present tier, so that line alone bounds it from above.

Funding axes get 1/64 of H as long as H is large against the notional; once it is small they get nothing, and whoever pays
any funding is looked at: so for one instrument the last range ends exactly at the liquidation price.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..events.ledger import Account, Market, Position
from .ranges import CEILING, FLOOR, FUNDING, MARK, slot_of
from .valuation import SLACK_SCALE

__all__ = ["ranges_above", "ranges_below", "tightest"]

_NANO = 10**9
_FUNDING_SHARE = 64
_NEAR_SHARE = 64


def ranges_above(account: Account, markets: Sequence[Market], level_bps: int, slack: int) -> dict[int, int]:
    """Ranges within which slack over the level, now `slack` >= 0, stays at or above zero; O(positions x tiers)."""
    ends: dict[int, int] = {}
    notional = _notional(account, markets)
    if not notional:
        return ends
    funding_parts = 1 if slack * _NEAR_SHARE > notional * SLACK_SCALE else 0
    for (instrument, _), held in account.positions.items():
        market = markets[instrument]
        value = market.payoff.value_atoms(held.size_lots, market.mark_ticks)
        share = slack * abs(value) // notional
        funding_share = funding_parts * share // _FUNDING_SHARE
        _keep_above(ends, instrument, market, held, value, level_bps, share - funding_share)
        _limit_funding(ends, instrument, market, held, funding_share, paying=True)
    return ends


def ranges_below(account: Account, markets: Sequence[Market], level_bps: int, slack: int) -> dict[int, int]:
    """Ranges within which slack over the level, now `slack` < 0, stays below zero; O(positions x tiers)."""
    ends: dict[int, int] = {}
    notional = _notional(account, markets)
    if not notional:
        return ends
    for (instrument, _), held in account.positions.items():
        market = markets[instrument]
        value = market.payoff.value_atoms(held.size_lots, market.mark_ticks)
        share = (-slack - 1) * abs(value) // notional
        _keep_below(ends, instrument, market, held, value, level_bps, share)
        _limit_funding(ends, instrument, market, held, 0, paying=False)
    return ends


def tightest(first: dict[int, int], second: dict[int, int]) -> dict[int, int]:
    """Both sets of ranges at once: on every slot the end that is nearer."""
    for slot, end in second.items():
        _tighten(first, slot, end)
    return first


def _notional(account: Account, markets: Sequence[Market]) -> int:
    total = 0
    for (instrument, _), held in account.positions.items():
        market = markets[instrument]
        total += abs(market.payoff.value_atoms(held.size_lots, market.mark_ticks))
    return total


def _tighten(ends: dict[int, int], slot: int, end: int) -> None:
    known = ends.get(slot)
    if known is None or (end > known if slot % 2 == FLOOR else end < known):
        ends[slot] = end


def _keep_above(  # noqa: PLR0913
    ends: dict[int, int], instrument: int, market: Market, held: Position, value: int, level_bps: int, share: int
) -> None:
    sign = 1 if value > 0 else -1
    bound = min(_lines(market, value, level_bps)) - share
    for tier in market.listing.tiers:
        slope = SLACK_SCALE - sign * level_bps * tier.rate_ppm
        target = bound - level_bps * tier.amount_microatoms
        if slope > 0:
            _bound_value(ends, instrument, market, held, -(-target // slope), at_least=True)
        elif slope < 0:
            _bound_value(ends, instrument, market, held, target // slope, at_least=False)


def _lines(market: Market, value: int, level_bps: int) -> list[int]:
    return [
        SLACK_SCALE * value - level_bps * (tier.rate_ppm * abs(value) - tier.amount_microatoms)
        for tier in market.listing.tiers
    ]


def _keep_below(  # noqa: PLR0913
    ends: dict[int, int], instrument: int, market: Market, held: Position, value: int, level_bps: int, share: int
) -> None:
    lines = _lines(market, value, level_bps)
    tier = market.listing.tiers[lines.index(min(lines))]
    slope = SLACK_SCALE - (1 if value > 0 else -1) * level_bps * tier.rate_ppm
    if slope > 0:
        _bound_value(ends, instrument, market, held, value + share // slope, at_least=False)
    elif slope < 0:
        _bound_value(ends, instrument, market, held, value - share // -slope, at_least=True)


def _bound_value(  # noqa: PLR0913
    ends: dict[int, int], instrument: int, market: Market, held: Position, value: int, *, at_least: bool
) -> None:
    """The position's value must stay at or above (below) this: an end of the mark's range."""
    lots = held.size_lots
    price = market.payoff.price_at_least(lots, value) if at_least else market.payoff.price_at_most(lots, value)
    side = FLOOR if at_least == (lots > 0) else CEILING
    _tighten(ends, slot_of(instrument, MARK, side), price)


def _limit_funding(  # noqa: PLR0913
    ends: dict[int, int], instrument: int, market: Market, held: Position, share: int, *, paying: bool
) -> None:
    """The rate may go so far against (or, if not `paying`, in favour of) the position; one atom is kept for rounding."""
    room = max(0, share // SLACK_SCALE - 1) * _NANO // abs(held.size_lots)
    now = market.cumulative_funding_nanoatoms
    if paying == (held.size_lots > 0):
        _tighten(ends, slot_of(instrument, FUNDING, CEILING), now + room)
    else:
        _tighten(ends, slot_of(instrument, FUNDING, FLOOR), now - room)

"""How volatility follows its underlying: up as it falls, and by jumps.

    level = 1 + leverage x (drawn - spot) / drawn + jump,    within [level_least, level_most]

`drawn` is the forward of the first smile, as the surface was drawn. A jump comes where the underlying moved by
`jump_move_bps` or more since the level was marked last, and at random at a mark of the underlying, with a chance of
`jump_chance_ppm` that is drawn by the instant; each adds `jump_ppm`, and what there is of jumps halves in
`jump_half_life_ns`. A level that is
less than `step_ppm` of itself from the one marked last is not said. Without leverage and jumps the surface stays as it
was drawn.
"""

from __future__ import annotations

from ...events.bodies.options import VolatilityMarked
from ...events.ledger import LedgerState
from ...events.ledger.options import Volatility
from ..draws import account_key, draw_below
from .parameters import OptionsParameters

__all__ = ["level_of"]

_PPM, _BPS = 10**6, 10**4


def level_of(rules: OptionsParameters, underlying: int, ledger: LedgerState, now_ns: int) -> VolatilityMarked | None:
    """The level of an underlying's volatilities at its mark, if it is news."""
    volatility = ledger.volatilities[underlying]
    if not (rules.leverage_ppm or rules.jump_ppm):
        return None
    spot_ticks, drawn_ticks = ledger.markets[underlying].mark_ticks, volatility.smiles[0].forward_ticks
    jump_ppm = _jump_ppm(rules, volatility, underlying, ledger, now_ns)
    level_ppm = _PPM + rules.leverage_ppm * (drawn_ticks - spot_ticks) // drawn_ticks + jump_ppm
    level_ppm = min(max(level_ppm, rules.level_least_ppm), rules.level_most_ppm)
    if abs(level_ppm - volatility.level_ppm) * _PPM < rules.step_ppm * volatility.level_ppm:
        return None
    return VolatilityMarked(underlying, spot_ticks, level_ppm, jump_ppm)


def _jump_ppm(
    rules: OptionsParameters, volatility: Volatility, underlying: int, ledger: LedgerState, now_ns: int
) -> int:
    """What there is of jumps: what is left of those before, and those that come now."""
    since_ns = volatility.marked_ns or volatility.drawn_ns
    left_ppm = volatility.jump_ppm
    if left_ppm and rules.jump_half_life_ns:
        whole_ns = 2 * rules.jump_half_life_ns
        halvings, rest_ns = divmod(now_ns - since_ns, rules.jump_half_life_ns)
        left_ppm = (left_ppm * (whole_ns - rest_ns) // whole_ns) >> min(halvings, 64)
    if not rules.jump_ppm:
        return left_ppm
    market = ledger.markets[underlying]
    before_ticks = volatility.spot_ticks or volatility.smiles[0].forward_ticks
    moved = abs(market.mark_ticks - before_ticks) * _BPS >= rules.jump_move_bps * before_ticks
    key = account_key(market.listing.name)
    drawn = draw_below(ledger.seed, key, "volatility jump", now_ns, _PPM) < rules.jump_chance_ppm
    return left_ppm + rules.jump_ppm * ((moved and rules.jump_move_bps > 0) + drawn)

"""What an option is priced with, and what its mark is: a function of the ledger alone, so that anybody finds the same.

1. The forward of an expiry is the mark of the underlying, at no rate. Once the average runs by which the expiry is
   settled, it is the average so far for the part of the window that is over, and the mark for the rest. (Derive states
   this rule; Deribit says of the same half hour that deltas decline evenly to 0.)
2. The volatility of a strike is that of the surface at the same moneyness, times the level that was marked last. Time
   to expiry counts from the last mark of the underlying: between two of them nothing changes.
3. A mark is Black's price (`black76.py`), without discount, to the nearest tick of the option, and at least one: at
   none the option would count as not marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from ...events.bodies.options import SmileDrawn
from ...events.ledger import LedgerState, Market
from ...events.ledger.options import Option
from .black76 import NANO, PICO, OptionPricer
from .fixed_point import divided
from .smiles import Smile, StrikeSmile, SviSmile
from .surface import VolatilitySurface

__all__ = [
    "Markets",
    "forward_ticks",
    "mark_ticks",
    "priced_ns",
    "pricer_of",
    "smile_of",
    "surface_of",
    "volatility_ppb",
]

_PPM = _MICRO = 10**6

Markets = Sequence[Market] | Mapping[int, Market]


def smile_of(drawn: SmileDrawn) -> Smile:
    """A smile as an event holds it. Raises ScenarioError where it is none."""
    if not drawn.svi_ppb:
        return StrikeSmile(drawn.name, drawn.expiry_ns, drawn.forward_ticks, dict(drawn.strikes_ppb))
    a, b, rho, m, sigma = drawn.svi_ppb
    return SviSmile(
        drawn.name,
        drawn.expiry_ns,
        drawn.forward_ticks,
        a_ppb=a,
        b_ppb=b,
        rho_ppb=rho,
        m_ppb=m,
        sigma_ppb=sigma,
    )


@lru_cache(maxsize=64)
def surface_of(smiles: tuple[SmileDrawn, ...], at_ns: int) -> VolatilitySurface:
    """A surface as an event holds it. Raises ScenarioError where it offers arbitrage."""
    return VolatilitySurface([smile_of(one) for one in smiles], at_ns)


def priced_ns(ledger: LedgerState, underlying: int) -> int:
    """As of when options on it are priced."""
    return max(ledger.markets[underlying].marked_at_ns, ledger.volatilities[underlying].drawn_ns)


def forward_ticks(ledger: LedgerState, option: Option, markets: Markets) -> int:
    """The forward of an option's expiry, to the nearest tick."""
    spot_ticks = markets[option.underlying].mark_ticks
    delivery = ledger.deliveries.get((option.underlying, option.expiry_ns))
    if delivery is None:
        return spot_ticks
    now_ns, window_ns = priced_ns(ledger, option.underlying), option.expiry_ns - delivery.began_ns
    past_ns = min(max(now_ns - delivery.began_ns, 0), window_ns)
    if not past_ns:
        return spot_ticks
    so_far = delivery.average_microticks(now_ns)
    total = so_far * past_ns + spot_ticks * _MICRO * (window_ns - past_ns)
    return max(1, divided(total, window_ns * _MICRO))


def volatility_ppb(ledger: LedgerState, option: Option, forward: int, level_ppm: int | None = None) -> int:
    """The volatility of an option at a forward, at the level that is marked, or another."""
    volatility = ledger.volatilities[option.underlying]
    surface = surface_of(volatility.smiles, volatility.drawn_ns)
    drawn = surface.volatility_ppb(option.strike_ticks, forward, max(option.expiry_ns, volatility.drawn_ns + 1))
    return divided(drawn * (volatility.level_ppm if level_ppm is None else level_ppm), _PPM)


def pricer_of(ledger: LedgerState, option: Option, forward: int, level_ppm: int | None = None) -> OptionPricer:
    """What prices an option at a forward, at the level that is marked, or another."""
    left_ns = max(0, option.expiry_ns - priced_ns(ledger, option.underlying))
    volatility = volatility_ppb(ledger, option, forward, level_ppm)
    return OptionPricer(option.strike_ticks, option.right, volatility, left_ns)


def mark_ticks(
    ledger: LedgerState, option: Option, level_ppm: int | None = None, markets: Markets | None = None
) -> int:
    """The mark of an option whose underlying has one, at the level of volatility that is marked, or another.

    `markets` stand in for the ledger's, for what would be at another mark of the underlying.
    """
    forward = forward_ticks(ledger, option, ledger.markets if markets is None else markets)
    pricer = pricer_of(ledger, option, forward, level_ppm)
    if option.settled_in == "cash":
        worth, unit = pricer.price_nanoticks(forward), NANO
    else:
        worth, unit = pricer.price_picocoins(forward), PICO
    return max(1, divided(worth * option.ticks_numerator, unit * option.ticks_denominator))

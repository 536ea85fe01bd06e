"""What the price of an option answers to, by Black's formula, each rounded to the nearest unit.

With the letters of `black76.py` (Haug, "The Complete Guide to Option Pricing Formulas", 2nd ed., chapter 2, with cost
of carry 0), per change of what is named:

    delta   D N(d1), of a put D (N(d1) - 1)               the forward, by a tick
    gamma   D phi(d1) / (F v)                             delta, as the forward changes by a tick
    vega    D F phi(d1) sqrt(T) / 100                     the volatility, by a point of 1%
    theta   (r V - D F phi(d1) s / (2 sqrt(T))) / 365     a day going by, the forward standing still
    rho     -T V / 100                                    the rate, by a point of 1%

What is settled in its coin is held in coins, too: a price of c coins is long c coins already. Its premium-adjusted
delta is delta - c, with c = V / F; for D = 1 that is K / F N(d2) of a call and -K / F N(-d2) of a put. It is what
Deribit calls net transaction delta, and sums up in DeltaTotal ("Black Scholes Delta - Mark Price of Options", field
`delta_total` of its API).

At expiry, or without volatility, delta is that of the payoff, at the strike itself half of it, and the rest is zero but
for what the rate adds.
"""

from __future__ import annotations

import msgspec

from .black76 import DAY_NS, NANO, PICO, PPB, YEAR_NS, OptionPricer, discount_factor
from .fixed_point import ONE, divided

__all__ = ["Greeks", "greeks_of"]

_POINTS = 100


class Greeks(msgspec.Struct, frozen=True):
    """One option's sensitivities; `_ppt` are parts of 10^12, gamma parts of 10^18 a tick."""

    delta_ppt: int
    premium_adjusted_delta_ppt: int
    gamma_quintillionths: int
    vega_nanoticks: int
    theta_nanoticks: int
    rho_nanoticks: int


def greeks_of(pricer: OptionPricer, forward_ticks: int, rate_ppb: int = 0) -> Greeks:
    """The sensitivities at a forward, discounted at a rate. Raises ValueError where the forward is not positive."""
    discount, time_ns = discount_factor(rate_ppb, pricer.time_ns), pricer.time_ns
    price = pricer.price_nanoticks(forward_ticks, discount)
    delta, gamma, vega, decay = _undiscounted(pricer, forward_ticks, discount)
    return Greeks(
        delta_ppt=delta,
        premium_adjusted_delta_ppt=delta - pricer.price_picocoins(forward_ticks, discount),
        gamma_quintillionths=gamma,
        vega_nanoticks=vega,
        theta_nanoticks=divided(price * rate_ppb * DAY_NS, PPB * YEAR_NS) - decay,
        rho_nanoticks=-divided(price * time_ns, _POINTS * YEAR_NS),
    )


def _undiscounted(pricer: OptionPricer, forward: int, discount: int) -> tuple[int, int, int, int]:
    """Delta, gamma, vega, and what a day takes off."""
    is_put = pricer.kind == "put"
    if not pricer.volatility_ppb or not pricer.time_ns:
        sides = (forward > pricer.strike_ticks) - (forward < pricer.strike_ticks)
        halves = sides + 1 - 2 * is_put
        return divided(halves * PICO * discount, 2 * ONE), 0, 0, 0
    places, v, above, _, bell = pricer.moments(forward)
    unit = ONE << places
    delta = (above - (is_put << places)) * discount
    slope = forward * bell * v * discount
    return (
        divided(delta * PICO, unit),
        divided(bell * discount, forward * v),
        divided(slope * NANO * PPB, (unit << places) * _POINTS * pricer.volatility_ppb),
        divided(slope * NANO * DAY_NS, (unit << places) * 2 * pricer.time_ns),
    )

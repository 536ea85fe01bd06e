"""What things are called and how figures are written in a run.

1. `RunNames` reads the declarations of a ledger, which are only ever added to: a ledger that moves on serves as well.
2. Money stands with the name of its asset and all its decimals; prices and sizes as their instrument has them.
3. Parts of an answer hold atoms with the decimals of their asset, and no ledger: `money_of` writes those.
"""

from __future__ import annotations

from decimal import Decimal

from ...events.bodies.listing import AssetListed, InstrumentListed
from ...events.ledger import LedgerState
from ...events.payoff import LinearPayoff
from ...events.vocabulary import Body
from ...sim.figures import count, duration, percent, price, score_text, size
from ...sim.quantities import RATES, Quantity, amount_scale, amount_scale_of, grouped, trimmed
from ...sim.units import CONTEXT, atoms_to_text, divide_half_even, format_time_ns, ticks_to_text

__all__ = [
    "RunNames",
    "money_of",
    "percent_of_bps",
    "percent_of_ppm",
    "plain_money_of",
    "rate_text",
    "signed_money_of",
    "times",
    "words",
]

_BPS_DECIMALS = 4
_DIGITS_MOST = 20
"""Behind those of a tick a price is written with at most so many digits."""


def times(bps: int) -> str:
    """Basis points of something as a multiple of it: 12500 is `1.25 times`, 10000 nothing at all."""
    text = trimmed(grouped(atoms_to_text(bps, _BPS_DECIMALS)))
    return "" if text == "1" else f"{text} times "


def percent_of_bps(bps: int) -> str:
    """Basis points as percent: 2000 is `20%`."""
    return Quantity(bps, RATES["bps"]).text


def percent_of_ppm(ppm: int) -> str:
    """Parts per million as percent: 850000 is `85%`."""
    return Quantity(ppm, RATES["ppm"]).text


def rate_text(rate_ppb: int) -> str:
    """A rate in parts per billion as percent: 100000 is `0.01%`."""
    return Quantity(rate_ppb, RATES["ppb"]).text


class RunNames:
    """Names and figures by number, as a ledger declares them."""

    def __init__(self, ledger: LedgerState) -> None:
        self._ledger = ledger

    def account(self, number: int) -> str:
        """The name of an account."""
        names = self._ledger.account_names
        return names[number] if 0 <= number < len(names) else f"account {number}"

    def fund(self, number: int) -> str:
        """The insurance fund; by its name where the asset has several."""
        several = len(self._ledger.funds_of(self._ledger.accounts[number].asset)) > 1
        return f"insurance fund {self.account(number)}" if several else "insurance fund"

    def listing(self, instrument: int) -> InstrumentListed:
        """An instrument as it was listed."""
        return self._ledger.markets[instrument].listing

    def instrument(self, number: int) -> str:
        """The name of an instrument."""
        return self.listing(number).name

    def asset_of(self, account: int) -> AssetListed:
        """The asset that an account settles in."""
        return self._ledger.assets[self._ledger.accounts[account].asset]

    def price(self, instrument: int, ticks: int) -> str:
        """A price in quote."""
        return price(ticks, self.listing(instrument))

    def average(self, instrument: int, lots: int, atoms: int) -> str:
        """The price at which so many lots come to an amount: of a linear contract with the digits that this takes."""
        listing, payoff = self.listing(instrument), self._ledger.markets[instrument].payoff
        if not isinstance(payoff, LinearPayoff):
            return self.price(instrument, payoff.price_ticks(lots, atoms))
        unit, value = abs(lots) * payoff.multiplier_atoms, abs(atoms)
        for digits in range(_DIGITS_MOST):
            scaled = divide_half_even(value * 10**digits, unit)
            if divide_half_even(scaled * unit, 10**digits) == value:
                break
        return grouped(ticks_to_text(scaled, CONTEXT.scaleb(Decimal(listing.tick_size), -digits)))

    def size(self, instrument: int, lots: int) -> str:
        """A size in units without its sign, and the instrument's name."""
        return f"{self.units(instrument, abs(lots))} {self.instrument(instrument)}"

    def units(self, instrument: int, lots: int) -> str:
        """A size in units, negative when short or sold."""
        return size(lots, self.listing(instrument))

    def held(self, instrument: int, lots: int) -> str:
        """A position, such as `long 1.5 BTC-PERP`."""
        return f"{'long' if lots > 0 else 'short'} {self.size(instrument, lots)}"

    def trade(self, instrument: int, lots: int, ticks: int) -> str:
        """What somebody did who traded so many lots at a price, such as `sold 1.5 BTC-PERP at 60,000.0`."""
        return f"{'bought' if lots > 0 else 'sold'} {self.size(instrument, lots)} at {self.price(instrument, ticks)}"

    def money(self, account: int, atoms: int) -> str:
        """An amount of the asset of an account."""
        return _with_name(atoms, self.asset_of(account))

    def amount(self, asset: int, atoms: int) -> str:
        """An amount of an asset."""
        return _with_name(atoms, self._ledger.assets[asset])

    def value(self, instrument: int, atoms: int) -> str:
        """An amount of the asset that an instrument settles in, without its sign."""
        return _with_name(abs(atoms), self._ledger.assets[self.listing(instrument).asset])

    times = staticmethod(times)
    percent_of_bps = staticmethod(percent_of_bps)
    percent_of_ppm = staticmethod(percent_of_ppm)
    rate = staticmethod(rate_text)
    change = staticmethod(percent)
    score = staticmethod(score_text)
    time = staticmethod(format_time_ns)
    duration = staticmethod(duration)
    count = staticmethod(count)


def _with_name(atoms: int, asset: AssetListed) -> str:
    return str(Quantity(atoms, amount_scale(asset)))


def money_of(atoms: int, asset: str, decimals: int) -> str:
    """An amount with the name of its asset."""
    return str(Quantity(atoms, amount_scale_of(asset, decimals)))


def plain_money_of(atoms: int, decimals: int) -> str:
    """An amount without a name."""
    return Quantity(atoms, amount_scale_of("", decimals)).text


def signed_money_of(atoms: int, decimals: int) -> str:
    """An amount without a name, with a plus before what is more than nothing."""
    text = plain_money_of(atoms, decimals)
    return f"+{text}" if atoms > 0 else text


def words(body: Body, names: RunNames) -> str:
    """What an event says, in words."""
    return body.says(names)

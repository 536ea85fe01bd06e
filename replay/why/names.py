"""What things are called and how figures are written in a run.

1. `RunNames` reads the declarations of a ledger, which are only ever added to: a ledger that moves on serves as well.
2. Money stands with the name of its asset and all its decimals; prices and sizes as their instrument has them.
3. What an answer holds is a `Quantity`, made by the methods whose names end in `_of`; the others are its text.
"""

from __future__ import annotations

from decimal import Decimal

from ...events.bodies.listing import AssetListed, InstrumentListed
from ...events.ledger import LedgerState
from ...events.payoff import LinearPayoff
from ...events.vocabulary import Body
from ...sim.figures import count, duration, percent, percent_of_ppm, score_text
from ...sim.quantities import RATES, Quantity, Scale, amount_scale, grouped, price_scale, size_scale, trimmed
from ...sim.units import CONTEXT, atoms_to_text, divide_half_even, format_time_ns

__all__ = [
    "RunNames",
    "change",
    "held",
    "percent_of_bps",
    "percent_of_ppm",
    "rate_text",
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


def rate_text(rate_ppb: int) -> str:
    """A rate in parts per billion as percent: 100000 is `0.01%`."""
    return Quantity(rate_ppb, RATES["ppb"]).text


def change(part: int, whole: int) -> str:
    """A part of a whole in percent with its sign; one that is there, but less than is printed, in words."""
    text = percent(part, whole)
    return "less than 0.01%" if part and text.lstrip("+-") == "0.00%" else text


class RunNames:
    """Names and figures by number, as a ledger declares them."""

    def __init__(self, ledger: LedgerState) -> None:
        self._ledger = ledger

    def account(self, number: int) -> str:
        """The name of an account."""
        names = self._ledger.account_names
        return names[number] if 0 <= number < len(names) else f"account {number}"

    def asset(self, number: int) -> str:
        """The name of an asset."""
        return self._ledger.assets[number].name

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

    def money_of(self, account: int, atoms: int) -> Quantity:
        """An amount of the asset of an account."""
        return self.amount_of(self._ledger.accounts[account].asset, atoms)

    def amount_of(self, asset: int, atoms: int) -> Quantity:
        """An amount of an asset."""
        return Quantity(atoms, amount_scale(self._ledger.assets[asset]))

    def value_of(self, instrument: int, atoms: int) -> Quantity:
        """An amount of the asset that an instrument settles in."""
        return self.amount_of(self.listing(instrument).asset, atoms)

    def price_of(self, instrument: int, ticks: int) -> Quantity:
        """A price in quote."""
        return Quantity(ticks, price_scale(self.listing(instrument)))

    def size_of(self, instrument: int, lots: int) -> Quantity:
        """A size in units of the instrument, negative when short or sold."""
        return Quantity(lots, size_scale(self.listing(instrument)))

    def average_of(self, instrument: int, lots: int, atoms: int, whole: Quantity | None = None) -> Quantity:
        """The price at which so many lots come to an amount: of a linear contract with the digits that this takes.

        Where the price of a `whole` that these lots are a part of comes to it too, an atom apart, it is that one.
        """
        listing, payoff = self.listing(instrument), self._ledger.markets[instrument].payoff
        if not isinstance(payoff, LinearPayoff):
            return self.price_of(instrument, payoff.price_ticks(lots, atoms))
        if whole is not None and abs(self.atoms_at(instrument, lots, whole) - abs(atoms)) <= 1:
            return whole
        unit, value = abs(lots) * payoff.multiplier_atoms, abs(atoms)
        for digits in range(_DIGITS_MOST):
            scaled = divide_half_even(value * 10**digits, unit)
            if divide_half_even(scaled * unit, 10**digits) == value:
                break
        step = CONTEXT.scaleb(Decimal(listing.tick_size), -digits)
        return Quantity(scaled, Scale(step, "quote", "steps" if digits else "ticks"))

    def atoms_at(self, instrument: int, lots: int, price: Quantity) -> int:
        """What so many lots of a linear contract come to at a price of `average_of`, without a sign."""
        listing, payoff = self.listing(instrument), self._ledger.markets[instrument].payoff
        assert isinstance(payoff, LinearPayoff)
        steps_a_tick = int(CONTEXT.divide(Decimal(listing.tick_size), price.scale.step))
        return divide_half_even(price.number * abs(lots) * payoff.multiplier_atoms, steps_a_tick)

    def price(self, instrument: int, ticks: int) -> str:
        """A price in quote."""
        return self.price_of(instrument, ticks).text

    def average(self, instrument: int, lots: int, atoms: int) -> str:
        """The price at which so many lots come to an amount."""
        return self.average_of(instrument, lots, atoms).text

    def size(self, instrument: int, lots: int) -> str:
        """A size in units without its sign, and the instrument's name."""
        return str(abs(self.size_of(instrument, lots)))

    def units(self, instrument: int, lots: int) -> str:
        """A size in units, negative when short or sold."""
        return self.size_of(instrument, lots).text

    def left(self, instrument: int, lots: int) -> str:
        """What is left of an order, to stand after what it traded, such as `, 1.5 left`; nothing for no lots."""
        return f", {self.units(instrument, lots)} left" if lots else ""

    def held(self, instrument: int, lots: int) -> str:
        """A position, such as `long 1.5 BTC-PERP`."""
        return held(self.size_of(instrument, lots))

    def trade(self, instrument: int, lots: int, ticks: int) -> str:
        """What somebody did who traded so many lots at a price, such as `sold 1.5 BTC-PERP at 60,000.0`."""
        return f"{self.did(instrument, lots)} at {self.price(instrument, ticks)}"

    def traded(self, instrument: int, lots: int, atoms: int) -> str:
        """The same of so many lots for an amount in all, at the price that this comes to."""
        return f"{self.did(instrument, lots)} at {self.average(instrument, lots, atoms)}"

    def did(self, instrument: int, lots: int) -> str:
        """What somebody did who traded so many lots, such as `sold 1.5 BTC-PERP`."""
        return f"{'bought' if lots > 0 else 'sold'} {self.size(instrument, lots)}"

    def money(self, account: int, atoms: int) -> str:
        """An amount of the asset of an account."""
        return str(self.money_of(account, atoms))

    def coins(self, asset: int, atoms: int) -> str:
        """An amount of an asset."""
        return str(self.amount_of(asset, atoms))

    def value(self, instrument: int, atoms: int) -> str:
        """An amount of the asset that an instrument settles in, without its sign."""
        return str(abs(self.value_of(instrument, atoms)))

    times = staticmethod(times)
    percent_of_bps = staticmethod(percent_of_bps)
    percent_of_ppm = staticmethod(percent_of_ppm)
    rate = staticmethod(rate_text)
    change = staticmethod(change)
    score = staticmethod(score_text)
    time = staticmethod(format_time_ns)
    duration = staticmethod(duration)
    count = staticmethod(count)


def held(size: Quantity) -> str:
    """A position of a size, such as `long 1.5 BTC-PERP`."""
    return f"{'long' if size.number > 0 else 'short'} {abs(size)}"


def words(body: Body, names: RunNames) -> str:
    """What an event says, in words."""
    return body.says(names)

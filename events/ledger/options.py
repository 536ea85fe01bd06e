"""What the ledger keeps of options: what each is on, how volatile its underlying is marked, which averages run."""

from __future__ import annotations

import msgspec

from ..bodies.options import OptionListed, OptionRight, SettledIn, SmileDrawn
from ..errors import LedgerError

__all__ = ["Delivery", "Option", "Volatility"]

_PPM = _MICRO = 10**6


class Option(msgspec.Struct, array_like=True, gc=False):
    """An option as listed; `expired_seq` is the event in which it expired, `price_ticks` what it was worth then.

    `delivery_microticks` is the price of the underlying that it was settled by.
    """

    instrument: int
    underlying: int
    strike_ticks: int
    right: OptionRight
    settled_in: SettledIn
    ticks_numerator: int
    ticks_denominator: int
    expiry_ns: int
    expired_seq: int | None = None
    price_ticks: int = 0
    delivery_microticks: int = 0

    @classmethod
    def of(cls, listed: OptionListed, expiry_ns: int) -> Option:
        """As it is listed."""
        return cls(
            listed.instrument,
            listed.underlying,
            listed.strike_ticks,
            listed.right,
            listed.settled_in,
            listed.ticks_numerator,
            listed.ticks_denominator,
            expiry_ns,
        )

    def payoff_ticks(self, microticks: int) -> int:
        """What it is worth at expiry, its underlying at so many microticks: in its own ticks, to the nearest."""
        inside = microticks - self.strike_ticks * _MICRO
        inside = max(0, inside if self.right == "call" else -inside)
        per = _MICRO if self.settled_in == "cash" else microticks
        denominator = per * self.ticks_denominator
        return (2 * inside * self.ticks_numerator + denominator) // (2 * denominator)


class Volatility(msgspec.Struct, array_like=True, gc=False):
    """The surface of an underlying as it was drawn, and what of it the volatilities are worth now.

    `spot_ticks` is the mark of the underlying by which the level was set last, 0 before it ever was.
    """

    smiles: tuple[SmileDrawn, ...]
    drawn_ns: int
    seq: int
    level_ppm: int = _PPM
    jump_ppm: int = 0
    spot_ticks: int = 0
    marked_ns: int = 0


class Delivery(msgspec.Struct, array_like=True, gc=False):
    """A running average: price x time up to `at_ns`, and the price that has held since."""

    began_ns: int
    at_ns: int
    ticks: int
    tick_ns: int = 0

    def tick(self, ticks: int, at_ns: int) -> None:
        """Another price from here on."""
        self.tick_ns += self.ticks * (at_ns - self.at_ns)
        self.ticks, self.at_ns = ticks, at_ns

    def average_microticks(self, now_ns: int) -> int:
        """The average from the beginning until now by time, to the nearest microtick. Raises LedgerError before it."""
        if now_ns <= self.began_ns:
            message = "an average over no time"
            raise LedgerError(message)
        total, length_ns = self.tick_ns + self.ticks * (now_ns - self.at_ns), now_ns - self.began_ns
        return (2 * total * _MICRO + length_ns) // (2 * length_ns)

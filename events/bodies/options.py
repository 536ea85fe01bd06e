"""Options: what is listed, what volatility they are priced with, how they expire and are settled. Tags 160 to 174.

An option is an instrument of kind `option`, worth lots times its mark like any other; beside its listing stands what it
is an option on. Expiry is one price of the underlying, an average over a window; each option is then worth its payoff
there, and each position is closed at that, one event each. A liquidation may hedge a book of them on the underlying.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from ..grounds import Ground
from ..kinds import (
    AccountAmount,
    AccountNumber,
    Count,
    InstrumentAmount,
    InstrumentMicroPrice,
    InstrumentNumber,
    Kind,
    Leg,
    LiquidationNumber,
    Price,
    RatePpm,
    Size,
    Time,
)
from .base import BodyBase
from .declaring import Trade
from .liquidation import LiquidationOrdered

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = [
    "DeliveryPriced",
    "DeliveryStarted",
    "HedgeOrdered",
    "OptionExpired",
    "OptionListed",
    "OptionRight",
    "OptionSettled",
    "OptionsBody",
    "SettledIn",
    "SmileDrawn",
    "SurfaceSet",
    "VolatilityMarked",
]

OptionRight = Literal["call", "put"]
SettledIn = Literal["cash", "coin"]
UnderlyingPrice = Annotated[int, Kind("price", "ticks", of="underlying")]


class SmileDrawn(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One expiry's volatilities: the five figures of a raw SVI (a, b, rho, m, sigma) in ppb, or (strike, ppb) pairs."""

    name: str
    expiry_ns: int
    forward_ticks: int
    svi_ppb: tuple[int, ...] = ()
    strikes_ppb: tuple[tuple[int, int], ...] = ()


class OptionListed(BodyBase, frozen=True, tag=160):
    """What an instrument of kind `option` is an option on; it expires when its listing says.

    Settled in cash, a tick of the underlying's price is `ticks_numerator / ticks_denominator` ticks of the option's.
    Settled in its coin, a coin is so many ticks.
    """

    grounds = ()
    sets = True

    instrument: InstrumentNumber
    underlying: InstrumentNumber
    strike_ticks: UnderlyingPrice
    right: OptionRight
    settled_in: SettledIn
    ticks_numerator: Count
    ticks_denominator: Count

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.list_option(self)

    def says(self, names: Names) -> str:
        strike = names.price(self.underlying, self.strike_ticks)
        name, underlying = names.instrument(self.instrument), names.instrument(self.underlying)
        return f"{name} was listed as a {self.right} on {underlying} at {strike}, settled in {self.settled_in}"


class SurfaceSet(BodyBase, frozen=True, tag=161):
    """The volatilities of an underlying's options, drawn at this instant: a smile for each of some expiries."""

    grounds = ()
    sets = True

    instrument: InstrumentNumber
    smiles: tuple[SmileDrawn, ...]

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.draw_surface(self, event.at_ns, event.seq)

    def says(self, names: Names) -> str:
        count = names.count(len(self.smiles), "smile")
        return f"a surface of volatilities for options on {names.instrument(self.instrument)} was set, of {count}"


class VolatilityMarked(BodyBase, frozen=True, tag=162):
    """All volatilities of the surface are worth `level_ppm` of what they were drawn at, `jump_ppm` of it by jumps."""

    grounds = (Ground.MARK, Ground.VOLATILITY, Ground.RULE)
    sets = True

    instrument: InstrumentNumber
    spot_ticks: Price
    level_ppm: RatePpm
    jump_ppm: RatePpm

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.mark_volatility(self, event.at_ns, event.seq)

    def says(self, names: Names) -> str:
        level, spot = names.percent_of_ppm(self.level_ppm), names.price(self.instrument, self.spot_ticks)
        jumped = f", {names.percent_of_ppm(self.jump_ppm)} of it by jumps" if self.jump_ppm else ""
        return (
            f"volatilities of options on {names.instrument(self.instrument)} were marked at {level} of those drawn"
            f"{jumped}, the underlying at {spot}"
        )


class DeliveryStarted(BodyBase, frozen=True, tag=163):
    """From here on the index of the underlying is averaged, for the options that expire at `expiry_ns`."""

    grounds = (Ground.TIMER, Ground.INDEX, Ground.RULE)
    sets = True

    instrument: InstrumentNumber
    expiry_ns: Time
    index_ticks: Price

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.start_delivery(self, event.at_ns)

    def says(self, names: Names) -> str:
        name, expiry = names.instrument(self.instrument), names.time(self.expiry_ns)
        return f"the average of {name} began by which options that expire at {expiry} are settled"


class DeliveryPriced(BodyBase, frozen=True, tag=164):
    """The delivery price: the index of the underlying, averaged over `window_ns` by time, rounded to a microtick."""

    grounds = (Ground.TIMER, Ground.INDEX, Ground.RULE)
    sets = True

    instrument: InstrumentNumber
    expiry_ns: Time
    window_ns: Annotated[int, Kind("duration", "ns")]
    price_microticks: InstrumentMicroPrice

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.price_delivery(self)

    def says(self, names: Names) -> str:
        price = names.price(self.instrument, self.price_microticks // 10**6)
        name = names.instrument(self.instrument)
        how = f"its average over {names.duration(self.window_ns)}" if self.window_ns else "its index as it was"
        return f"the delivery price of options on {name} was {price}, {how}"


class OptionExpired(BodyBase, frozen=True, tag=165):
    """An option is worth its payoff at the delivery price from here on, `price_ticks`; 0 out of the money."""

    grounds = (Ground.TIMER, Ground.DELIVERY, Ground.RULE)
    sets = True

    instrument: InstrumentNumber
    price_ticks: Price

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.expire_option(self, event.seq)

    def says(self, names: Names) -> str:
        worth = names.price(self.instrument, self.price_ticks) if self.price_ticks else "nothing"
        return f"{names.instrument(self.instrument)} expired, worth {worth}"


class OptionSettled(BodyBase, frozen=True, tag=166):
    """A position in an expired option was closed at what the option is worth, against outside liquidity.

    `size_lots` is signed like a trade; `liquidation_id` is where an insurance fund's lots had come from.
    """

    grounds = (Ground.DELIVERY, Ground.BALANCE, Ground.RULE)
    posting = Trade("account", "LIQUIDITY")

    account: AccountNumber
    instrument: InstrumentNumber
    leg: Leg
    size_lots: Size
    price_ticks: Price
    value_atoms: InstrumentAmount
    liquidation_id: LiquidationNumber | None = None

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.settle_option(self)

    def says(self, names: Names) -> str:
        worth = names.price(self.instrument, self.price_ticks) if self.price_ticks else "nothing"
        held = names.held(self.instrument, -self.size_lots)
        return f"{names.account(self.account)}, {held}, was settled at {worth}"

    def tells(self, case: Case) -> str:
        names, held = case.names, case.ledger.position(self.account, (self.instrument, self.leg))
        option = case.ledger.options[self.instrument]
        strike = names.price(option.underlying, option.strike_ticks)
        delivered = names.price(option.underlying, option.delivery_microticks // 10**6)
        first = (
            f"{names.instrument(self.instrument)} expired: a {option.right} on {names.instrument(option.underlying)} "
            f"at {strike}, and the delivery price was {delivered}."
        )
        worth = names.price(self.instrument, self.price_ticks) if self.price_ticks else "nothing"
        second = (
            f"{names.account(self.account)}, {names.held(self.instrument, -self.size_lots)}, was settled at {worth}"
        )
        if held is not None:
            gained = -self.value_atoms - held.cost_atoms
            gain = names.money(self.account, abs(gained))
            second += f", which was worth {names.value(self.instrument, abs(self.value_atoms))} in all: "
            second += f"{gain} {'more' if gained >= 0 else 'less'} than at the price it was entered at"
        return case.joined(first, f"{second}.", case.followed())


class HedgeOrdered(LiquidationOrdered, frozen=True, tag=167):
    """A forced order on an underlying that makes up for the delta of the options on it: it may open a position.

    Both requirements as compared: as it was, and with the whole hedge. `step` is that of the last order before.
    """

    requirement_atoms: AccountAmount
    would_atoms: AccountAmount

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.order(self, hedges=True)

    def says(self, names: Names) -> str:
        told = f"order {self.order_id} for {names.account(self.account)} to {self.traded(names)}"
        return f"{told}, which hedges its options"

    def tells(self, case: Case) -> str:
        names, who = case.names, case.names.account(self.account)
        when = f"after {names.count(self.step, 'order')} on what it held" if self.step else "before any other order"
        first = (
            f"In liquidation {self.liquidation_id} of {who}, {when}, order {self.order_id} to {self.traded(names)} "
            "hedged its options: it made up for their delta."
        )
        now, then = (names.money(self.account, atoms) for atoms in (self.requirement_atoms, self.would_atoms))
        lower = f"It required {now}, and would require {then} with all of it; a hedge that lowers nothing is not sent."
        accepted = "It accepted any price."
        if self.limit_ticks is not None:
            price = names.price(self.instrument, self.limit_ticks)
            accepted = f"It accepted {price} or better: beyond it the hedge would cost all of the equity."
        return case.joined(first, lower, accepted, case.followed())


OptionsBody = (
    OptionListed
    | SurfaceSet
    | VolatilityMarked
    | DeliveryStarted
    | DeliveryPriced
    | OptionExpired
    | OptionSettled
    | HedgeOrdered
)

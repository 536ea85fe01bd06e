"""What the phrases of events are written with: names, figures in real units, and the case that a paragraph is about.

Events know neither names nor scales, nor who explains them: whoever shows a phrase offers these. `replay/why` does, in
`names.py` and `paragraphs.py`, where each call is described.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .envelope import Event
    from .ledger import LedgerState, Market, PositionKey

__all__ = ["Case", "Names", "reason_told"]

_REASONS: Mapping[str, str] = {
    "no equity left": "it had no equity left",
    "no depth above the bankruptcy price": (
        "nobody was left in the market to close its position with at its bankruptcy price or better"
    ),
    "no depth for the whole step above the limit": (
        "the market could not take all of what was to be closed within the limit of the order"
    ),
    "the depth cannot fill the whole step: killed": (
        "the market could not take all of what was to be closed within the limit, and by the rule then takes none of it"
    ),
    "negative, and no fill at the fillable price": (
        "its equity was below zero, and nobody in the market took anything at the price of its order"
    ),
    "below the backstop's share of the requirement": (
        "its equity was under the part of its requirement under which the venue takes an account over whole"
    ),
    "still under the requirement in the lowest tier": (
        "it was still under its requirement, and its position is in the smallest size tier, where the rule reduces no "
        "further"
    ),
    "still under the requirement after the one order": (
        "it was still under its requirement after the one order that the rule sends to the market"
    ),
    "the fund is in a drawdown: no order is sent": (
        "the insurance fund had fallen so far that the rule sends no more orders to the market"
    ),
    "the balance is negative after the last fill": (
        "its balance was below zero after the last of its positions was closed"
    ),
    "no depth within the limit": "the market had nothing left within its limit",
    "beyond the price band": "what the market had left was outside the band of prices in which the venue lets it trade",
    "the fund's cash does not bear the loss": "the fund's cash could not have borne what that would have lost",
    "the position is gone": "the position that it was to close was gone",
    "the offer passed the limit": "the next price that was to be offered was past the limit of the order",
    "the most discount found nobody": "even the greatest discount found nobody",
    "outlier": "too far from the others",
    "stale": "too old",
}


def reason_told(reason: str) -> str:
    """A reason as a customer understands it; one that a plug-in or a venue gave, as it was recorded."""
    return _REASONS.get(reason, reason)


class Names(Protocol):
    """What things are called and how figures are written in a run."""

    def account(self, number: int) -> str: ...
    def asset(self, number: int) -> str: ...
    def fund(self, number: int) -> str: ...
    def instrument(self, number: int) -> str: ...
    def price(self, instrument: int, ticks: int) -> str: ...
    def average(self, instrument: int, lots: int, atoms: int) -> str: ...  # the price at which lots come to an amount
    def size(self, instrument: int, lots: int) -> str: ...  # without its sign, with the instrument's name
    def units(self, instrument: int, lots: int) -> str: ...  # with its sign
    def left(self, instrument: int, lots: int) -> str: ...  # `, 1.5 left`, nothing for no lots
    def held(self, instrument: int, lots: int) -> str: ...  # `long 1.5 BTC-PERP`
    def trade(self, instrument: int, lots: int, ticks: int) -> str: ...  # `sold 1.5 BTC-PERP at 60,000.0`
    def did(self, instrument: int, lots: int) -> str: ...  # `sold 1.5 BTC-PERP`
    def traded(self, instrument: int, lots: int, atoms: int) -> str: ...  # the same, for an amount in all
    def money(self, account: int, atoms: int) -> str: ...
    def coins(self, asset: int, atoms: int) -> str: ...  # an amount of an asset
    def value(self, instrument: int, atoms: int) -> str: ...  # money of an instrument, without its sign
    def times(self, bps: int) -> str: ...  # `1.25 times `
    def percent_of_bps(self, bps: int) -> str: ...
    def percent_of_ppm(self, ppm: int) -> str: ...
    def rate(self, rate_ppb: int) -> str: ...
    def change(self, part: int, whole: int) -> str: ...  # in percent, with its sign
    def score(self, score: int) -> str: ...
    def time(self, at_ns: int) -> str: ...
    def duration(self, length_ns: int) -> str: ...
    def count(self, number: int, one: str) -> str: ...  # `2 rounds`


class Case(Protocol):
    """One event that is explained; `ledger` stands before it, `causes` begin with an input and end with the event."""

    @property
    def event(self) -> Event: ...
    @property
    def causes(self) -> tuple[Event, ...]: ...
    @property
    def cause(self) -> Event | None: ...
    @property
    def ledger(self) -> LedgerState: ...
    @property
    def names(self) -> Names: ...
    @property
    def figures(self) -> tuple[int, int] | None: ...  # equity and requirement of the account, worked out again
    @property
    def policy(self) -> str: ...  # of whoever decided
    @property
    def fund(self) -> int: ...  # the one that a shortfall is about
    @property
    def fund_figures(self) -> tuple[str, tuple[tuple[int, int], ...]]: ...  # in words, and its losses by liquidation

    def at(self, seq: int) -> Event: ...
    def siblings(self) -> Iterator[Event]: ...  # those right before it for the same cause, the latest first
    def market(self, instrument: int) -> Market: ...
    def rule(self, name: str) -> int | None: ...  # a parameter of whoever decided

    def bankruptcy_ticks(self, account: int, key: PositionKey) -> int: ...
    def bankruptcy_values(self, account: int) -> dict[PositionKey, int]: ...
    def capacity_atoms(self, fund: int) -> int: ...

    def joined(self, *sentences: str) -> str: ...  # without those that have nothing to say
    def followed(self) -> str: ...
    def linked(self) -> str: ...
    def held(self) -> str: ...
    def compared(self) -> str: ...  # the figures that made somebody act unasked; nothing of anything else
    def shared(self) -> str: ...  # among whom a loss was shared, with this payer's figures
    def haircut(self) -> str: ...  # `, after a haircut of 5 USDT on its collateral,`, nothing without collateral
    def agreement(self) -> str: ...
    def threshold(self) -> str: ...
    def ruled(self) -> str: ...  # what changed the requirement of what the account holds, if anything did

"""What a shock is: a whole number along each of the named directions that a state has.

| direction | unit | what it does |
|---|---|---|
| `price:NAME` | bps | the outside price of an instrument goes there in equal steps within a stated time, and stays |
| `collateral:NAME` | bps | the same of a spot market by which collateral is counted |
| `volatility` | bps | every price stands so far above and below its way by turns until it is there |
| `liquidity` | bps | so much of the depth that was quoted from outside is gone from the first step on |
| `fault` | s | a named fault lasts so long from the beginning |

1. An instrument of several venues is one direction: its price is the same outside.
2. `liquidity` is there only where depth comes from outside; market makers of a venue's own book decide for themselves.
3. What the record's own inputs would have done from there on is left out: the shock is all that comes in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from ...events.bodies.inputs import DepthQuoted, PriceTicked
from ...events.ledger import LedgerState
from ...events.ledger.market import Market
from ...events.venue_names import plain
from ...events.vocabulary import Body

__all__ = [
    "BPS",
    "HELD_EVERY",
    "Direction",
    "Shock",
    "directions_of",
    "moved_ticks",
    "priced",
    "shock_inputs",
    "thinned",
]

BPS = 10**4

Kind = Literal["price", "collateral", "volatility", "liquidity", "fault"]
Shock = tuple[int, ...]
"""A whole number for each direction, in its unit."""

HELD_EVERY = 5
"""Once a shock has arrived its prices come again every so many steps."""

_VOLATILITY_MOST_BPS = 2_000
_LIQUIDITY_MOST_BPS = 9_900


class Direction(msgspec.Struct, frozen=True):
    """`most` is the farthest that is looked at; `instruments` are those whose price it moves, by number."""

    name: str
    kind: Kind
    most: int
    instruments: tuple[int, ...] = ()

    @property
    def unit(self) -> str:
        """What its whole numbers count."""
        return "s" if self.kind == "fault" else "bps"

    @property
    def is_price(self) -> bool:
        """Whether it moves a price, and so has two ways to go."""
        return self.kind in ("price", "collateral")


def directions_of(ledger: LedgerState, most_bps: int, fault_most_s: int | None = None) -> tuple[Direction, ...]:
    """The directions of a state, in a fixed order; that of a fault only where one is named."""
    counted = {conversion.instrument for conversion in ledger.conversions.values()}
    prices: dict[tuple[Kind, str], list[int]] = {}
    for number, market in enumerate(ledger.markets):
        if market.oracle_ticks and number not in ledger.options:
            kind: Kind = "collateral" if number in counted and market.listing.kind == "spot" else "price"
            prices.setdefault((kind, plain(market.listing.name)), []).append(number)
    found = [Direction(f"{kind}:{name}", kind, most_bps, tuple(numbers)) for (kind, name), numbers in prices.items()]
    found.append(Direction("volatility", "volatility", _VOLATILITY_MOST_BPS))
    if any(_is_quoted(market) for market in ledger.markets):
        found.append(Direction("liquidity", "liquidity", _LIQUIDITY_MOST_BPS))
    if fault_most_s is not None:
        found.append(Direction("fault", "fault", fault_most_s))
    return tuple(found)


def _is_quoted(market: Market) -> bool:
    """Whether the depth of a market comes from outside."""
    return bool(market.bids or market.asks) and not market.bid_makers and not market.ask_makers


def moved_ticks(ticks: int, bps: int, parts: int = 1, part: int = 1) -> int:
    """A price after so many of so many equal parts of a move, rounded down to a tick, at least one."""
    return max(1, ticks * (BPS * parts + bps * part) // (BPS * parts))


def thinned(bands: Sequence[tuple[int, int]], gone_bps: int) -> tuple[tuple[int, int], ...]:
    """The bands of a side without so much of them, in lots rounded down."""
    return tuple((distance_bps, lots * (BPS - gone_bps) // BPS) for distance_bps, lots in bands)


def priced(directions: Sequence[Direction], shock: Shock) -> dict[int, int]:
    """How far each instrument's price goes, in bps."""
    moves = zip(directions, shock, strict=True)
    return {number: bps for one, bps in moves if one.is_price for number in one.instruments}


def _of(directions: Sequence[Direction], shock: Shock, kind: Kind) -> int:
    return sum(amount for one, amount in zip(directions, shock, strict=True) if one.kind == kind)


def shock_inputs(
    ledger: LedgerState, directions: Sequence[Direction], shock: Shock, steps: int, held: int
) -> Iterator[tuple[int, Body]]:
    """(step, input) of a shock: prices in equal steps, the depth before the first, then the last prices now and then.

    Read from the state before anything of it is published.
    """
    moves, volatility_bps = priced(directions, shock), _of(directions, shock, "volatility")
    base = {number: ledger.markets[number].oracle_ticks for number in moves}
    gone_bps = _of(directions, shock, "liquidity")
    quoted = list(thinned_quotes(ledger, gone_bps)) if gone_bps else []
    for step in (*range(1, steps + 1), *range(steps + HELD_EVERY, steps + held + 1, HELD_EVERY)):
        if step == 1:
            yield from ((1, quote) for quote in quoted)
        part = min(step, steps)
        away_bps = volatility_bps * (1 if step % 2 else -1) if step < steps else 0
        prices = ((number, moved_ticks(base[number], bps, steps, part)) for number, bps in moves.items())
        yield step, PriceTicked(tuple((number, moved_ticks(ticks, away_bps)) for number, ticks in prices))


def thinned_quotes(ledger: LedgerState, gone_bps: int) -> Iterator[DepthQuoted]:
    """The depth that came from outside, quoted again without so much of it."""
    for number, market in enumerate(ledger.markets):
        if _is_quoted(market):
            yield DepthQuoted(number, thinned(market.bids, gone_bps), thinned(market.asks, gone_bps))

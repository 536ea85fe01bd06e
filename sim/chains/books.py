"""Who holds options as a run begins: writers and buyers, drawn from the seed.

1. Each account holds one book, drawn by weight: a short or a long option, a strangle (a put below the price and a call
   above it), a straddle (both at one strike), a call written against the underlying. Expiry, strikes and units are
   drawn evenly; out of the money where there is such a strike.
2. It was entered at the opening mark. Equity is the standard initial margin of what is short, times a draw between
   the two of `margin`; what is long is paid for with as much again in cash, and what covers a call has its own worth.
3. Draws are keyed by (seed, name of the account without its venue, purpose).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from ...events.bodies.listing import InstrumentListed
from ...events.bodies.margin import MarkPriced
from ...events.bodies.options import OptionRight
from ...events.ledger import Market, Position
from ...events.ledger.market import market_of
from ...events.ledger.options import Option
from ...events.venue_names import at_venue, venue_of
from ...handlers.draws import account_key, draw_below
from ...handlers.options.black76 import NANO, PICO, OptionPricer
from ...handlers.options.book import initial_microatoms
from ...handlers.options.fixed_point import divided
from ...handlers.options.parameters import OptionsParameters
from ...handlers.options.pricing import surface_of
from ..populations.base import OpeningAccount, OpeningPosition
from ..units import to_whole_down
from .listings import Chains, Underlying
from .settings import Book, HoldersSettings

__all__ = ["open_books"]

_PPM = 10**6


class _Written(NamedTuple):
    """So many lots of an instrument, short below zero."""

    instrument: int
    lots: int


def open_books(
    settings: Sequence[HoldersSettings],
    chains: Chains,
    underlyings: Sequence[Underlying],
    rules: OptionsParameters,
    start_ns: int,
    seed: int,
) -> Iterator[OpeningAccount]:
    """The accounts at a venue, in the order of the scenario; each holds options that `chains` has."""
    markets = _opening_markets(chains, underlyings, start_ns) if settings else {}
    names = {one.listing.instrument: one.name for one in underlyings}
    for one in settings:
        own = [option for option in chains.each() if one.underlying in (None, names[option.underlying])]
        for number in range(1, one.accounts + 1):
            yield _account(f"{one.name}-{number}", one, own, markets, rules, seed)


def _opening_markets(chains: Chains, underlyings: Sequence[Underlying], start_ns: int) -> dict[int, Market]:
    """All instruments at their opening marks."""
    markets = {one.listing.instrument: _marked(one.listing, one.price_ticks) for one in underlyings}
    for option, listing in zip(chains.each(), chains.listings, strict=True):
        drawn, forward = chains.surface(option.underlying), markets[option.underlying].mark_ticks
        assert drawn is not None
        surface = surface_of(drawn.smiles, start_ns)
        volatility = surface.volatility_ppb(option.strike_ticks, forward, option.expiry_ns)
        pricer = OptionPricer(option.strike_ticks, option.right, volatility, option.expiry_ns - start_ns)
        in_cash = option.settled_in == "cash"
        worth = pricer.price_nanoticks(forward) if in_cash else pricer.price_picocoins(forward)
        unit = NANO if in_cash else PICO
        ticks = max(1, divided(worth * option.ticks_numerator, unit * option.ticks_denominator))
        markets[option.instrument] = _marked(listing, ticks)
    return markets


def _marked(listing: InstrumentListed, ticks: int) -> Market:
    market = market_of(listing)
    market.mark_ticks, market.marked = ticks, MarkPriced(listing.instrument, ticks, 0, ticks)
    return market


def _account(
    name: str,
    settings: HoldersSettings,
    options: Sequence[Option],
    markets: Mapping[int, Market],
    rules: OptionsParameters,
    seed: int,
) -> OpeningAccount:
    key = account_key(name)

    def below(purpose: str, bound: int) -> int:
        return draw_below(seed, key, f"options {purpose}", 0, bound)

    weights = list(accumulate(to_whole_down(Decimal(one), Decimal("0.000001")) for one in settings.books.values()))
    book = list(settings.books)[bisect_right(weights, below("book", weights[-1]))]
    first = options[below("series", len(options))]
    series = [one for one in options if (one.underlying, one.expiry_ns) == (first.underlying, first.expiry_ns)]
    lot = Decimal(markets[first.instrument].listing.lot_size)
    most = max(1, to_whole_down(Decimal(settings.units_most), lot))
    legs = _legs(book, series, 1 + below("units", most), markets, below)
    positions, short_microatoms, paid_atoms = [], 0, 0
    by_instrument = {one.instrument: one for one in series}
    for leg in legs:
        market = markets[leg.instrument]
        cost_atoms = market.payoff.value_atoms(leg.lots, market.mark_ticks)
        positions.append(OpeningPosition(leg.instrument, 0, leg.lots, cost_atoms))
        option = by_instrument.get(leg.instrument)
        if option is not None:
            held = Position(leg.lots, cost_atoms, 0)
            short_microatoms += initial_microatoms(rules, option, held, markets)
        if option is None or leg.lots > 0:
            paid_atoms += abs(cost_atoms) * (1 if option is None else 2)
    least_ppm, most_ppm = (to_whole_down(Decimal(one), Decimal("0.000001")) for one in settings.margin)
    multiple_ppm = least_ppm + below("margin", most_ppm - least_ppm + 1)
    equity_atoms = -(-short_microatoms * multiple_ppm // _PPM**2) + paid_atoms
    listing = markets[first.instrument].listing
    name = at_venue(name, venue_of(listing.name))
    return OpeningAccount(name, "cross", None, max(1, equity_atoms), tuple(positions), asset=listing.asset)


def _legs(
    book: Book, series: Sequence[Option], lots: int, markets: Mapping[int, Market], below: Callable[[str, int], int]
) -> list[_Written]:
    """What a book holds: of the options of a series, each out of the money where there is one."""
    spot_ticks = markets[series[0].underlying].mark_ticks

    def drawn(right: OptionRight) -> Option:
        sided = [one for one in series if one.right == right] or list(series)
        outside = [one for one in sided if (one.strike_ticks >= spot_ticks) == (right == "call")]
        among = outside or sided
        return among[below(right, len(among))]

    if book == "short straddle":
        strike = drawn("call").strike_ticks
        return [_Written(one.instrument, -lots) for one in series if one.strike_ticks == strike]
    if book == "short strangle":
        return [_Written(drawn("put").instrument, -lots), _Written(drawn("call").instrument, -lots)]
    if book == "covered call":
        covered = _lots_of_underlying(markets[series[0].underlying], markets[series[0].instrument], lots)
        return [_Written(series[0].underlying, covered), _Written(drawn("call").instrument, -lots)]
    side, right = book.split()
    return [_Written(drawn("call" if right == "call" else "put").instrument, lots if side == "long" else -lots)]


def _lots_of_underlying(underlying: Market, option: Market, lots: int) -> int:
    """How many lots of the underlying cover so many of an option; at least one."""
    units, lot = lots * Decimal(option.listing.lot_size), Decimal(underlying.listing.lot_size)
    if underlying.listing.kind == "inverse":
        units *= underlying.mark_ticks * Decimal(underlying.listing.tick_size)
    return max(1, to_whole_down(units, lot))

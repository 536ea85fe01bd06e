"""Price formation: what the venue's own book trades at, and how deep it is.

The law. A trade of V lots against a depth of D lots moves the price by X, log X = a + g log(V / D): so the resting
depth is laid out in just that shape. Cumulative lots q stand up to the distance `reach x (q / D)^g` from the nearest
quote, where `reach` is e^a: how far a trade of all of D moves the price. An order walks that depth, so the law follows
from the book and not from a formula beside it, and it holds for a trade that is split as for one that is not.

1. *Temporary*: what an order eats is missing until it refills, with a half-life that grows with realised volatility.
   The price is the centre moved by how far what is eaten reaches into the depth.
2. *Permanent*: a trade of D moves the centre of the book by a share of `reach` for good, linearly in lots, and that is
   forgotten with `reversion_ns` as half-life, if at all.
3. *No free round trip*: buying and selling back never gains. Both sides of the depth stand around what is eaten of
   the other (`depth.py`), so orders trade at c + f(x) - f(y) at best, where x and y are the asks and bids that are
   eaten and f the law. Over a round trip x = y, and what it costs is least where both grow together: 2 F(x) - 2 F(x),
   nothing, as f is concave. What refills in between only takes from who traded first. The permanent part is linear in
   lots, and each trade pays for what it moves, so over a round trip it comes to nothing (Alfonsi and Schied 2010,
   "Optimal trade execution and absence of price manipulations in limit order book models"; Huberman and Stanzl 2004,
   "Price manipulation and quasi-arbitrage"). Rounding is against the order.

Sources: g = 0.875 +- 0.078 over 639 events is the estimate of one published study; the square root is the law of
metaorders (Toth et al. 2011, Physical Review X 1, 021006; Almgren et al. 2005 find 0.6). Everything is whole numbers:
q / D are powers of two, and g a whole number of sixteenths, so that a power is four square roots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isqrt
from typing import Any, ClassVar, NamedTuple

import msgspec

from ...events.bodies.inputs import PriceTicked
from ...events.bodies.liquidation import LiquidationFilled
from ...events.bodies.margin import PositionReduced
from ...events.bodies.trading import BookPriced, DepthFormed, OrderFilled, QuotesPlaced
from ...events.envelope import Event
from ...events.ledger import LedgerState, Market
from ...events.ledger.market import MakerQuote
from ...events.venue_names import plain
from ...events.vocabulary import Body
from ..conversion import in_asset
from ..depth import eaten_lots, impact_ticks
from ..faults import heard
from ..protocol import Handler, Linked, Product
from ..valuation import lots_worth

__all__ = ["ImpactParameters", "PowerLawImpact", "SquareRootImpact", "law_millibps"]

_PPB, _BPS, _MICRO = 10**9, 10**4, 10**6
_SECOND_NS = 10**9
_SIXTEENTHS_PPM = 62_500
_PARTS = 16
"""The nearest band holds one part in so many of the depth that the law is stated for; each further one doubles it."""
_BANDS = 8
_HALVINGS_MAX = 30
_SPREAD_MOST_BPS, _REACH_MOST_BPS, _PERMANENT_MOST_BPS = 1_000, 5_000, 10_000
_PERMANENT_LEAST_PPB = -900_000_000


class ImpactParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The law and what it is stated for.

    A trade worth `depth_atoms` moves the price by `reach_bps`; `depth_shares_bps` states another depth for single
    instruments, by name, as a share of it. Of that depth `outside_bps` is always there, from outside liquidity; the
    rest is what market makers quote, or is there as well where the run has none. The nearest quote of outside
    liquidity is `half_spread_bps` away. `permanent_bps` of the reach stays, with `reversion_ns` as half-life (0: for
    good). Eaten depth refills with `refill_ns` as half-life, by `stretch_bps` longer for every `calm_volatility_ppb`
    of realised volatility over the first, up to `refill_most_ns`. Volatility is averaged over `memory_ns`, the trend of
    the price over `trend_ns`.
    """

    unstated: ClassVar[Mapping[str, int]] = {"depth": 1_000_000}

    depth_atoms: int = 10**12
    depth_shares_bps: dict[str, int] = {}
    outside_bps: int = 10_000
    half_spread_bps: int = 1
    reach_bps: int = 100
    exponent_ppm: int = 875_000
    permanent_bps: int = 3_000
    reversion_ns: int = 0
    refill_ns: int = 10_000_000_000
    refill_most_ns: int = 120_000_000_000
    stretch_bps: int = 10_000
    calm_volatility_ppb: int = 200_000
    memory_ns: int = 30_000_000_000
    trend_ns: int = 300_000_000_000

    def __post_init__(self) -> None:
        """Refuse a law that is none, or by which a round trip could gain."""
        if (
            self.depth_atoms <= 0
            or not 0 < self.reach_bps <= _REACH_MOST_BPS
            or min(self.depth_shares_bps.values(), default=1) < 1
        ):
            message = "depth and depth_shares_bps must be above 0, and reach_bps lie above 0, up to 5000"
            raise ValueError(message)
        if not 0 < self.exponent_ppm <= _MICRO or self.exponent_ppm % _SIXTEENTHS_PPM:
            message = "exponent_ppm must be a whole number of sixteenths (62500), above 0, up to 1000000"
            raise ValueError(message)
        if not 0 <= self.permanent_bps <= _PERMANENT_MOST_BPS or not 0 <= self.outside_bps <= _BPS:
            message = "permanent_bps and outside_bps must lie between 0 and 10000"
            raise ValueError(message)
        if not 0 < self.refill_ns <= self.refill_most_ns or min(self.reversion_ns, self.stretch_bps) < 0:
            message = "refill_ns must be above 0 and at most refill_most_ns; reversion_ns and stretch_bps not negative"
            raise ValueError(message)
        if (
            min(self.memory_ns, self.trend_ns, self.calm_volatility_ppb) <= 0
            or not 0 <= self.half_spread_bps <= _SPREAD_MOST_BPS
        ):
            message = "memory_ns, trend_ns and calm_volatility_ppb must be above 0, half_spread_bps between 0 and 1000"
            raise ValueError(message)


class _Quoted(NamedTuple):
    """So many lots of somebody on one side, from a distance on; None is outside liquidity."""

    maker: int | None
    from_bps: int
    lots: int


class PowerLawImpact(Handler):
    """The price from the outside value, the trades so far and what is eaten; the depth from all quotes, by the law."""

    name: ClassVar[str] = "impact"
    policy: ClassVar[str] = "power-law"
    formula: ClassVar[str] = "log X = a + g log(V / D), g = 0.875"
    source: ClassVar[str] = "g = 0.875 +- 0.078 over 639 events (one published study)"
    subscribes: ClassVar[tuple[type[Body], ...]] = (
        PriceTicked,
        LiquidationFilled,
        PositionReduced,
        OrderFilled,
        QuotesPlaced,
    )
    Parameters: ClassVar[type[msgspec.Struct]] = ImpactParameters

    def __init__(self, parameters: ImpactParameters) -> None:
        self.law = parameters
        self._lasting_ppb = parameters.permanent_bps * parameters.reach_bps * 10
        self._distances_bps = [law_millibps(parameters, 1 << n, _PARTS) // 1000 for n in range(_BANDS)]

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """All prices of an instant at once; after a trade the price of its instrument; after quotes its depth."""
        body: Any = event.body
        if type(body) is PriceTicked:
            priced = [self._ticked(ledger, number, ticks, now_ns) for number, ticks in heard(ledger, body.prices)]
            first = (one for one in priced if ledger.markets[one.instrument].book is None)
            return [*priced, *(self._opening(ledger, one) for one in first)]
        if type(body) is QuotesPlaced:
            last = ledger.markets[body.instrument].quoted_seq == event.seq  # of those who quoted at one delivery
            return (self._formed(ledger, body.instrument),) if last else ()
        market = ledger.markets[body.instrument]
        if market.book is None:
            return ()
        return (Linked(self._traded(market, market.book, body.size_lots, now_ns), (event.seq,)),)

    def _ticked(self, ledger: LedgerState, number: int, outside_ticks: int, now_ns: int) -> BookPriced:
        """The price after the outside value has moved, and time has passed."""
        market = ledger.markets[number]
        book = market.book
        if book is None:
            return self._first(ledger, market, number, outside_ticks)
        permanent_ppb = _faded(book.permanent_ppb, now_ns - market.booked_at_ns, self.law.reversion_ns)
        return self._priced(market, book, outside_ticks, permanent_ppb, now_ns)

    def _first(self, ledger: LedgerState, market: Market, number: int, outside_ticks: int) -> BookPriced:
        """Before any trade the book trades at the outside value."""
        share_bps = self.law.depth_shares_bps.get(plain(market.listing.name), _BPS)
        depth_atoms = in_asset(ledger, market.listing.asset, self.law.depth_atoms)
        law_lots = max(1, lots_worth(market, outside_ticks, depth_atoms * share_bps, _BPS))
        return BookPriced(
            instrument=number,
            outside_ticks=outside_ticks,
            permanent_ppb=0,
            centre_ticks=outside_ticks,
            price_ticks=outside_ticks,
            half_life_ns=self.law.refill_ns,
            eaten_bid_lots=0,
            eaten_ask_lots=0,
            reference_ticks=outside_ticks,
            volatility_ppb=self.law.calm_volatility_ppb,
            trend_microticks=outside_ticks * _MICRO,
            law_lots=law_lots,
            lasting_ppb=self._lasting_ppb,
        )

    def _traded(self, market: Market, book: BookPriced, size_lots: int, now_ns: int) -> BookPriced:
        """The price after a trade, of which a part stays."""
        moved_ppb = size_lots * self._lasting_ppb // book.law_lots
        faded_ppb = _faded(book.permanent_ppb, now_ns - market.booked_at_ns, self.law.reversion_ns)
        return self._priced(market, book, book.outside_ticks, max(_PERMANENT_LEAST_PPB, faded_ppb + moved_ppb), now_ns)

    def _priced(
        self, market: Market, book: BookPriced, outside_ticks: int, permanent_ppb: int, now_ns: int
    ) -> BookPriced:
        reference_ticks, volatility_ppb, trend = book.reference_ticks, book.volatility_ppb, book.trend_microticks
        elapsed_ns = now_ns - market.booked_at_ns
        if elapsed_ns:  # the return up to the end of the last instant
            volatility_ppb = self._volatility_ppb(book, elapsed_ns)
            trend += (book.price_ticks * _MICRO - trend) * elapsed_ns // (elapsed_ns + self.law.trend_ns)
            reference_ticks = book.price_ticks
        centre_ticks = max(1, outside_ticks * (_PPB + permanent_ppb) // _PPB)
        passing_ticks = impact_ticks(market, centre_ticks, now_ns)
        return BookPriced(
            instrument=book.instrument,
            outside_ticks=outside_ticks,
            permanent_ppb=permanent_ppb,
            centre_ticks=centre_ticks,
            price_ticks=max(1, centre_ticks + passing_ticks),
            half_life_ns=self._half_life_ns(volatility_ppb),
            eaten_bid_lots=eaten_lots(market, selling=True, now_ns=now_ns),
            eaten_ask_lots=eaten_lots(market, selling=False, now_ns=now_ns),
            reference_ticks=reference_ticks,
            volatility_ppb=volatility_ppb,
            trend_microticks=trend,
            law_lots=book.law_lots,
            lasting_ppb=self._lasting_ppb,
        )

    def _volatility_ppb(self, book: BookPriced, elapsed_ns: int) -> int:
        """Average size of a return: += (|return| / sqrt(elapsed seconds) - average) x elapsed / (elapsed + memory)."""
        size_ppb = abs(book.price_ticks - book.reference_ticks) * _PPB // book.reference_ticks
        a_second_ppb = isqrt(size_ppb * size_ppb * _SECOND_NS // elapsed_ns)
        moved_ppb = (a_second_ppb - book.volatility_ppb) * elapsed_ns // (elapsed_ns + self.law.memory_ns)
        return book.volatility_ppb + moved_ppb

    def _half_life_ns(self, volatility_ppb: int) -> int:
        calm_ppb = self.law.calm_volatility_ppb
        over_ppb = max(0, volatility_ppb - calm_ppb)
        longer_ns = self.law.refill_ns * self.law.stretch_bps * over_ppb // (_BPS * calm_ppb)
        return min(self.law.refill_most_ns, self.law.refill_ns + longer_ns)

    def _opening(self, ledger: LedgerState, priced: BookPriced) -> DepthFormed:
        """The depth of outside liquidity, which is there from the first price on."""
        return self._laid_out(priced.instrument, self._outside_lots(ledger, priced), ())

    def _formed(self, ledger: LedgerState, number: int) -> Product:
        market = ledger.markets[number]
        assert market.book is not None, "makers quote around the book"
        outside = self._outside_lots(ledger, market.book)
        return self._laid_out(number, outside, sorted(market.quotes.items()))

    def _outside_lots(self, ledger: LedgerState, book: BookPriced) -> int:
        makers = ledger.producer("makers", self.venue) is not None
        return book.law_lots * self.law.outside_bps // _BPS if makers else book.law_lots

    def _laid_out(self, number: int, outside_lots: int, quotes: Iterable[tuple[int, MakerQuote]]) -> DepthFormed:
        """Both sides of the book: every quote in the shape of the law, the bands of all by distance."""
        bids = [_Quoted(None, self.law.half_spread_bps, outside_lots)]
        asks = list(bids)
        for maker, quote in quotes:
            bids.append(_Quoted(maker, quote.bid_bps, quote.bid_lots))
            asks.append(_Quoted(maker, quote.ask_bps, quote.ask_lots))
        (bid_bands, bid_makers), (ask_bands, ask_makers) = self._side(bids), self._side(asks)
        return DepthFormed(number, bid_bands, ask_bands, bid_makers, ask_makers)

    def _side(self, quoted: Iterable[_Quoted]) -> tuple[tuple[tuple[int, int], ...], tuple[int | None, ...]]:
        """The bands of one side with whose each is, nearest first, cumulative."""
        bands = [
            (one.from_bps + distance_bps, number, one.maker, _band_lots(one.lots, number))
            for one in quoted
            for number, distance_bps in enumerate(self._distances_bps)
        ]
        bands.sort(key=lambda band: (band[0], -1 if band[2] is None else band[2]))
        laid, makers, lots = [], [], 0
        for distance_bps, _, maker, more in bands:
            if more and distance_bps < _BPS:
                lots += more
                laid.append((distance_bps, lots))
                makers.append(maker)
        return tuple(laid), tuple(makers)


class SquareRootParameters(ImpactParameters, frozen=True, forbid_unknown_fields=True):
    """As `ImpactParameters`, with the square root for the exponent."""

    exponent_ppm: int = 500_000


class SquareRootImpact(PowerLawImpact):
    """The same with the square root: a trade of four times the size moves the price twice as far."""

    policy: ClassVar[str] = "square-root"
    formula: ClassVar[str] = "X = reach x sqrt(V / D)"
    source: ClassVar[str] = "Toth et al. 2011, Physical Review X 1, 021006; Almgren et al. 2005, Risk 18(7)"
    Parameters: ClassVar[type[msgspec.Struct]] = SquareRootParameters


def law_millibps(law: ImpactParameters, lots: int, depth_lots: int) -> int:
    """How far a trade of `lots` against a depth of `depth_lots` reaches, in thousandths of a basis point, rounded down.

    (lots / depth)^(n/16) in millionths: the sixteenth root of the n-th power, taken as four square roots.
    """
    power = law.exponent_ppm // _SIXTEENTHS_PPM
    root: int = lots**power * _MICRO**16 // depth_lots**power
    for _ in range(4):
        root = isqrt(root)
    return law.reach_bps * 1000 * root // _MICRO


def _band_lots(depth_lots: int, number: int) -> int:
    """What stands in a band: up to twice as many lots as in all the nearer ones."""
    up_to = (depth_lots << number) // _PARTS
    return up_to - ((depth_lots << number - 1) // _PARTS if number else 0)


def _faded(permanent_ppb: int, elapsed_ns: int, half_life_ns: int) -> int:
    """What is left after a while: halved for every whole half-life, linearly in between, rounded toward zero."""
    if not half_life_ns or not elapsed_ns:
        return permanent_ppb
    halvings, rest_ns = divmod(elapsed_ns, half_life_ns)
    left = abs(permanent_ppb) * (2 * half_life_ns - rest_ns) // (2 * half_life_ns) >> min(halvings, _HALVINGS_MAX)
    return left if permanent_ppb >= 0 else -left

"""An index of several constituents: what an instrument trades at in several places, weighted, without what misleads.

index = sum of weight x price / sum of weights, over the constituents that count, rounded half up to a tick.

1. A constituent is a venue's book (by the venue's name; `book` is the own one), the value `outside`, or another venue's
   index ("alpha.index").
2. *Stale*: one that has had no price for longer than `stale_ns` does not count.
3. *Outlier*: one that is further than `outlier_bps` from the median of those that are not stale does not count.
4. Where none counts the index stays as it is.

Sources for the rules: Binance's FAQ on the price index (weighted average of constituents; a source that deviates by
more than 5% from the median counts as at 5%, one without an update not at all) and BitMEX's index rules, which leave a
deviating constituent out as here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

import msgspec

from ...events.bodies.trading import BookPriced
from ...events.bodies.venues import IndexPriced
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.venue_names import at_venue, plain
from ...events.vocabulary import Body
from ..faults import failure_at, reported_ticks
from ..protocol import Handler, Product
from ..valuation import BPS

__all__ = ["INDEX_OF", "OUTSIDE_VALUE", "OWN_BOOK", "ConstituentIndex", "IndexParameters", "index_of", "listed_at"]

OUTSIDE_VALUE, OWN_BOOK = "outside", "book"
INDEX_OF = ".index"


class IndexParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`weights` of the constituents by name, in basis points; outliers and stale prices as in the rules above."""

    weights: dict[str, int] = msgspec.field(default_factory=lambda: {OUTSIDE_VALUE: 5_000, OWN_BOOK: 5_000})
    outlier_bps: int = 500
    stale_ns: int = 60_000_000_000

    def __post_init__(self) -> None:
        """Refuse an index of nothing."""
        if not self.weights or min(self.weights.values()) <= 0:
            message = "an index needs at least one constituent, each with a weight above 0"
            raise ValueError(message)
        if self.outlier_bps <= 0 or self.stale_ns <= 0:
            message = "outlier_bps and stale_ns must be above 0"
            raise ValueError(message)


class _Constituent(NamedTuple):
    name: str
    ticks: int
    weight: int
    stale: bool


class ConstituentIndex(Handler):
    """The index of each instrument of the venue, whenever one of its constituents has a new price."""

    name: ClassVar[str] = "index"
    policy: ClassVar[str] = "constituents"
    formula: ClassVar[str] = "sum of weight x price / sum of weights"
    source: ClassVar[str] = "Binance FAQ on the price index; BitMEX index rules"
    hears_all: ClassVar[bool] = True
    subscribes: ClassVar[tuple[type[Body], ...]] = (BookPriced, IndexPriced)
    Parameters: ClassVar[type[msgspec.Struct]] = IndexParameters

    def __init__(self, parameters: IndexParameters) -> None:
        self.rule = parameters
        self._of_indices = any(name.endswith(INDEX_OF) for name in parameters.weights)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """The index anew, if it or what counts in it has changed."""
        body = event.body
        assert isinstance(body, BookPriced | IndexPriced)
        if isinstance(body, IndexPriced) and not self._of_indices:
            return ()
        base = plain(ledger.markets[body.instrument].listing.name)
        own = listed_at(ledger, base, self.venue)
        if own is None or failure_at(ledger, self.venue) is not None:
            return ()
        priced = self._priced(own, list(self._constituents(own, base, ledger, now_ns)))
        return () if priced is None or priced == ledger.markets[own].priced_index else (priced,)

    def _constituents(self, own: int, base: str, ledger: LedgerState, now_ns: int) -> Iterator[_Constituent]:
        """The price of each that has one."""
        for name, weight in self.rule.weights.items():
            venue = self.venue if name in (OUTSIDE_VALUE, OWN_BOOK) else name.removesuffix(INDEX_OF)
            number = own if venue == self.venue else listed_at(ledger, base, venue)
            market = None if number is None else ledger.markets[number]
            if market is None or market.book is None:
                continue
            ticks = market.book.price_ticks
            if name == OUTSIDE_VALUE:  # as the venue's oracle reports it
                ticks = reported_ticks(ledger, own, market.book.outside_ticks, now_ns)
            if name.endswith(INDEX_OF):
                if market.priced_index is None:
                    continue
                ticks = market.priced_index.index_ticks
            yield _Constituent(name, ticks, weight, now_ns - market.booked_at_ns > self.rule.stale_ns)

    def _priced(self, own: int, found: list[_Constituent]) -> IndexPriced | None:
        fresh = sorted(one.ticks for one in found if not one.stale)
        if not fresh:
            return None
        median = (fresh[(len(fresh) - 1) // 2] + fresh[len(fresh) // 2]) // 2
        counted, left_out = list[_Constituent](), list[tuple[str, int, str]]()
        for one in found:
            far = abs(one.ticks - median) * BPS > self.rule.outlier_bps * median
            if one.stale or far:
                left_out.append((one.name, one.ticks, "stale" if one.stale else "outlier"))
            else:
                counted.append(one)
        if not counted:
            return None
        index_ticks = index_of((one.ticks, one.weight) for one in counted)
        constituents = tuple((one.name, one.ticks, one.weight) for one in counted)
        return IndexPriced(own, index_ticks, constituents, tuple(left_out))


def index_of(constituents: Iterable[tuple[int, int]]) -> int:
    """The index of prices with their weights, of which there is at least one, rounded half up to a tick."""
    weighted = weights = 0
    for ticks, weight in constituents:
        weighted, weights = weighted + weight * ticks, weights + weight
    return (2 * weighted + weights) // (2 * weights)


def listed_at(ledger: LedgerState, base: str, venue: str) -> int | None:
    """The instrument of that name on a venue."""
    wanted = at_venue(base, venue)
    return next((number for number, one in enumerate(ledger.markets) if one.listing.name == wanted), None)

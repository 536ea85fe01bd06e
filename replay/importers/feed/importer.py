"""The importer of market data: the files of one import, merged by the venue's time.

1. At one instant rows follow each other in the order in which they were received, those of files that do not tell it
   first. What is still equal follows the files by name. The order in which files are given says nothing: the same files
   give the same record.
2. Both passes read the same items; the first finds markets and scales, the second writes.
3. An instrument has its symbol for a name, with the exchange in front where two exchanges have that symbol.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from heapq import merge

from ....events.bodies.run import Producer
from ....events.errors import ScenarioError
from ..faults import Faults
from ..reading import SourceFile
from ..session import Session
from .contracts import Contracts, Told
from .files import FeedFile
from .items import Item, VenueMarket
from .scales import ListedMarket, Uses, declared
from .sorting import Twins
from .stream import Stream, StreamNotes
from .symbols import Symbols
from .writing import Writer

__all__ = ["FeedImporter"]

Watch = Callable[[int], None]

_ASSET_DECIMALS_MOST = 18
_NAMED_MOST = 5


class FeedImporter:
    """An importer of files whose layouts are known."""

    producers: tuple[Producer, ...] = ()

    def __init__(
        self,
        format_name: str,
        venue: str | None,
        files: Sequence[FeedFile],
        *,
        contracts: Mapping[str, Told | Decimal] | None = None,
        symbols: Symbols | None = None,
        sort: bool = False,
        options: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Made by the publishers' own openers. Where no `venue` is given it is the exchange that the rows name."""
        self.format, self.venue, self._is_told = format_name, venue or "", venue is not None
        self._contracts, self._symbols, self._sort = Contracts(contracts), symbols or Symbols(), sort
        self.options = (
            *(() if self._symbols.option is None else (("symbol", self._symbols.option),)),
            *options,
            *((("sort", "yes"),) if sort else ()),
            *((f"contract.{name}", told.text) for name, told in sorted(self._contracts.told.items())),
        )
        self.sources: tuple[SourceFile, ...] = tuple(file.source for file in files)
        self._files = tuple(files)
        self._twins = Twins()
        self._uses: dict[VenueMarket, Uses] = {}

    def survey(self, faults: Faults, watch: Watch) -> int:
        """Find markets and scales. Raises ScenarioError where there is no row that can be used."""
        uses: dict[VenueMarket, Uses] = {}
        self._twins = Twins()
        start_ns: int | None = None
        for item in self._items(faults, watch, is_survey=True):
            if start_ns is None:
                start_ns = item.place.at_ns
            if item.market not in uses:
                uses[item.market] = Uses(self._contracts.of(item.market))
            uses[item.market].feed(item)
        if start_ns is None:
            raise faults.nothing_left(self.sources[0], "row")
        for symbol in self._contracts.told:
            if all(market.symbol != symbol for market in uses):
                message = f"--contract {symbol}: no row is of {symbol}; the files have {_named(uses)}"
                raise ScenarioError(message)
        self._uses = uses
        if not self._is_told:
            self.venue = ", ".join(sorted({market.exchange for market in uses}))
        return start_ns

    def take(self, session: Session, watch: Watch) -> None:
        """Declare the markets and whom forced orders are of, then record the items in order of time."""
        writer = Writer(session, self._declared(session), self.sources)
        self._twins.begin()
        for item in self._items(session.faults, watch, is_survey=False):
            writer.take(item)

    def _items(self, faults: Faults, watch: Watch, *, is_survey: bool) -> Iterator[Item]:
        told = StreamNotes(faults, self._contracts, self._symbols, self._twins, sort=self._sort)
        streams = [Stream(file, told, is_survey=is_survey).items(watch) for file in self._files]
        yield from merge(*streams, key=_order)
        told.numbering.close()

    def _declared(self, session: Session) -> dict[VenueMarket, ListedMarket]:
        decimals: dict[str, int] = {}
        for uses in self._uses.values():
            asset = uses.contract.asset
            decimals[asset] = max(decimals.get(asset, 0), uses.asset_decimals)
        for asset, most in decimals.items():
            if most > _ASSET_DECIMALS_MOST:
                message = (
                    f"{asset}: a tick of a lot has {most} decimals, more than {_ASSET_DECIMALS_MOST}; are these prices?"
                )
                raise ScenarioError(message)
        assets = {asset: session.asset(asset, most) for asset, most in decimals.items()}
        symbols = Counter(market.symbol for market in self._uses)
        return {
            market: declared(
                session,
                market.symbol if symbols[market.symbol] == 1 else f"{market.exchange}:{market.symbol}",
                assets[uses.contract.asset],
                uses,
            )
            for market, uses in self._uses.items()
        }


def _named(markets: Iterable[VenueMarket]) -> str:
    names = [market.symbol for market in markets]
    return ", ".join(names[:_NAMED_MOST]) + (
        f" and {len(names) - _NAMED_MOST} more" if len(names) > _NAMED_MOST else ""
    )


def _order(item: Item) -> tuple[int, int]:
    place = item.place
    return place.at_ns, place.at_ns if place.received_ns is None else place.received_ns

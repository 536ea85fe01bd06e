"""The importer of market data: the files of one import, merged by the venue's time.

1. At one instant the files follow each other in the order in which they are given.
2. Both passes read the same items; the first finds markets and scales, the second writes.
3. An instrument has its symbol for a name, with the exchange in front where two exchanges have that symbol.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from heapq import merge

from ....events.errors import ScenarioError
from ..faults import Faults
from ..reading import Source
from ..session import Session
from .contracts import contract_of
from .items import Item, Market
from .scales import Listed, Uses
from .stream import FeedFile, Stream
from .window import Window
from .writing import Writer

__all__ = ["FeedImporter"]

Watch = Callable[[int], None]

_ASSET_DECIMALS_MOST = 18


class FeedImporter:
    """An importer of files whose layouts are known; `spot` names the exchanges whose markets are no derivatives."""

    def __init__(
        self,
        format_name: str,
        venue: str | None,
        files: Sequence[FeedFile],
        *,
        contracts: Mapping[str, Decimal],
        spot: frozenset[str] = frozenset(),
        options: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Made by the publishers' own openers. Where no `venue` is given it is the exchange that the rows name."""
        self.format, self.venue, self._is_told = format_name, venue or "", venue is not None
        self.options = (*options, *((f"contract.{name}", f"{size:f}") for name, size in sorted(contracts.items())))
        self.sources: tuple[Source, ...] = tuple(file.source for file in files)
        self._files, self._contracts, self._spot = tuple(files), contracts, spot
        self._uses: dict[Market, Uses] = {}

    def survey(self, faults: Faults, watch: Watch) -> int:
        """Find markets and scales. Raises ScenarioError where there is no row that can be used."""
        uses: dict[Market, Uses] = {}
        start_ns: int | None = None
        for item in self._items(faults, watch):
            if start_ns is None:
                start_ns = item.place.at_ns
            if item.market not in uses:
                spot = item.market.exchange in self._spot
                uses[item.market] = Uses(contract_of(item.market, self._contracts, spot=spot))
            uses[item.market].feed(item)
        if start_ns is None:
            raise faults.nothing_left(self.sources[0], "row")
        self._uses = uses
        if not self._is_told:
            self.venue = ", ".join(sorted({market.exchange for market in uses}))
        return start_ns

    def take(self, session: Session, watch: Watch) -> None:
        """Declare the markets and whom forced orders are of, then record the items in order of time."""
        writer = Writer(session, self._declared(session), self.sources)
        for item in self._items(session.faults, watch):
            writer.take(item)

    def _items(self, faults: Faults, watch: Watch) -> Iterator[Item]:
        window = Window()
        streams = [Stream(file, faults, watch, window).items() for file in self._files]
        return merge(*streams, key=lambda item: item.place.at_ns)

    def _declared(self, session: Session) -> dict[Market, Listed]:
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
            market: self._listed(
                session, market, assets[uses.contract.asset], decimals, alone=symbols[market.symbol] == 1
            )
            for market, uses in self._uses.items()
        }

    def _listed(
        self, session: Session, market: Market, asset: int, decimals: Mapping[str, int], *, alone: bool
    ) -> Listed:
        uses = self._uses[market]
        listed = Listed(len(session.ledger.markets), asset, uses, decimals[uses.contract.asset], session.faults)
        session.instrument(
            market.symbol if alone else f"{market.exchange}:{market.symbol}",
            asset,
            tick_size=f"{listed.tick_size:f}",
            lot_size=f"{listed.lot_size:f}",
            multiplier_atoms=listed.multiplier_atoms,
            kind=uses.contract.kind,
        )
        return listed

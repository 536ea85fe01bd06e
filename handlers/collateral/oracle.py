"""At which price an asset is converted: that of its own market, that of a right to redeem it, or something of both.

An oracle that follows the asset's own book takes a thin market at its word; one that follows redemption looks past it,
and holds on to a price at which nobody buys. On 10 October 2025 that was the difference between three assets' holders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import msgspec

from ...events.bodies.collateral import ConversionPriced
from ...events.bodies.margin import MarkPriced
from ...events.bodies.run import RunForked
from ...events.envelope import Event
from ...events.ledger import LedgerState
from ...events.ledger.conversion import Conversion
from ...events.venue_names import plain
from ...events.vocabulary import Body
from ..protocol import Handler, Product
from .redeemed import redeemed_ticks

__all__ = ["OwnMarketOracle", "RedemptionOracle", "RedemptionParameters"]

_BPS = 10**4


class OwnMarketOracle(Handler):
    """price = the mark of the asset's own market."""

    name: ClassVar[str] = "oracle"
    policy: ClassVar[str] = "own-market"
    subscribes: ClassVar[tuple[type[Body], ...]] = (MarkPriced, RunForked)

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> Iterable[Product]:
        """A price for each asset that the mark is a ground of; after a fork for all, where it is another."""
        body = event.body
        following = self._following(body.instrument, ledger) if isinstance(body, MarkPriced) else self._here(ledger)
        return [product for conversion in following for product in self._priced(conversion, ledger)]

    def _here(self, ledger: LedgerState) -> Iterator[Conversion]:
        return (one for one in ledger.conversions.values() if ledger.assets[one.asset].venue == self.venue)

    def _following(self, instrument: int, ledger: LedgerState) -> Iterator[Conversion]:
        return (one for one in self._here(ledger) if one.instrument == instrument)

    def _priced(self, conversion: Conversion, ledger: LedgerState) -> Iterator[Product]:
        index_ticks = ledger.markets[conversion.instrument].mark_ticks
        if not index_ticks:
            return
        price_ticks = max(1, self.price_ticks(conversion, index_ticks, ledger))
        if (index_ticks, price_ticks) != (conversion.index_ticks, conversion.price_ticks):
            yield ConversionPriced(conversion.asset, conversion.instrument, index_ticks, price_ticks)

    def price_ticks(self, conversion: Conversion, index_ticks: int, ledger: LedgerState) -> int:
        """The price of an asset, in ticks, where its own market stands at `index_ticks`; at least one is priced."""
        return index_ticks


class RedemptionParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`redeems` says what one unit of an asset is redeemed for: (instrument, millionths of a unit of it).

    Without an instrument, "", it is redeemed for the settlement asset itself. `own_weight_bps` is the weight of the
    asset's own market in the price. An asset that is not named follows its own market alone.
    """

    redeems: dict[str, tuple[str, int]] = {}
    own_weight_bps: int = 0

    def __post_init__(self) -> None:
        """Refuse a weight that is none, and a redemption for nothing."""
        if not 0 <= self.own_weight_bps <= _BPS or any(rate_ppm < 1 for _, rate_ppm in self.redeems.values()):
            message = "own_weight_bps must lie between 0 and 10000, and each redemption bring at least a millionth"
            raise ValueError(message)


class RedemptionOracle(OwnMarketOracle):
    """price = weight x own market + (1 - weight) x what redemption brings, rounded down to a tick.

    Binance priced wBETH at weights of 20% (own market) and 80%, and BNSOL at 30% and 70%; after 10 October 2025 it put
    the redemption price into the index of all three assets (announcement of 12 October 2025, as the press copied it).
    """

    policy: ClassVar[str] = "redemption"
    Parameters: ClassVar[type[msgspec.Struct]] = RedemptionParameters

    def __init__(self, parameters: RedemptionParameters) -> None:
        self.rules = parameters

    def _following(self, instrument: int, ledger: LedgerState) -> Iterator[Conversion]:
        """Those whose own market it is, and those that are redeemed for it."""
        name = plain(ledger.markets[instrument].listing.name)
        for one in self._here(ledger):
            redeemed_for, _ = self.rules.redeems.get(plain(ledger.assets[one.asset].name), ("", 0))
            if instrument == one.instrument or redeemed_for == name:
                yield one

    def price_ticks(self, conversion: Conversion, index_ticks: int, ledger: LedgerState) -> int:
        """The weighted mean; the own market's while there is nothing to redeem it for."""
        redeems = self.rules.redeems.get(plain(ledger.assets[conversion.asset].name))
        if redeems is None:
            return index_ticks
        brings_ticks = redeemed_ticks(conversion, *redeems, ledger)
        if brings_ticks is None:
            return index_ticks
        own_bps = self.rules.own_weight_bps
        return (index_ticks * own_bps + brings_ticks * (_BPS - own_bps)) // _BPS

"""A small venue with collateral: a perpetual, and a spot market of one coin, an atom of which is a lot."""

from __future__ import annotations

from deleverage.events.bodies.collateral import CollateralRated, CollateralTier, ConversionPriced, ConversionSet
from deleverage.events.bodies.listing import AccountOpened, AssetListed, InstrumentListed
from deleverage.events.bodies.run import Producer

from .venue import Book, listed

__all__ = ["COIN", "PERP", "SPOT", "CoinBook"]

PERP, SPOT, COIN = 0, 1, 1


class CoinBook(Book):
    """Asset 1 is a coin, which instrument 1, its spot market, converts into asset 0."""

    def __init__(
        self,
        perpetual: InstrumentListed | None = None,
        *,
        fund_atoms: int = 0,
        producers: tuple[Producer, ...] = (),
    ) -> None:
        """List the coin and its market, and open the venue's own accounts of it."""
        spot = listed(SPOT, kind="spot", tiers=())
        super().__init__(perpetual or listed(PERP), spot, fund_atoms=fund_atoms, producers=producers)
        self.put(AssetListed(COIN, "COIN", 0))
        self.convert(COIN, 0, SPOT)
        number = len(self.ledger.accounts)
        self.put(AccountOpened(number, "outside:COIN", "test", "outside", "cross", COIN))
        self.put(AccountOpened(number + 1, "liquidity:COIN", "test", "liquidity", "cross", COIN))
        self.coin_liquidity = number + 1

    def convert(self, asset: int, quote: int, instrument: int) -> None:
        """An atom of the asset is worth as many atoms of the quote as the price has ticks."""
        self.put(ConversionSet(asset, quote, instrument, 1, 1))

    def price(self, ticks: int, index_ticks: int | None = None) -> None:
        """The price at which the coin is converted, which its own market has as well where nothing else is said."""
        self.put(ConversionPriced(COIN, SPOT, index_ticks or ticks, ticks))

    def rate(self, *tiers: tuple[int, int]) -> None:
        """How much of the coin counts."""
        self.put(CollateralRated(COIN, SPOT, tuple(CollateralTier(*tier) for tier in tiers)))

"""A venue that takes several assets as collateral, with the keeper of its rules: amounts are written in whole units.

The price of a coin is the worth of one, in atoms of the asset that accounts settle in; a lot of its market is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from deleverage.events.bodies.collateral import (
    CoinStated,
    CollateralSold,
    ConversionPriced,
    ConversionSet,
)
from deleverage.events.bodies.listing import AccountKind, AccountOpened, AssetListed, InstrumentListed
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Event
from deleverage.events.vocabulary import Body
from deleverage.handlers.collateral.keeper import CollateralKeeper
from deleverage.handlers.collateral.rules import CollateralParameters
from deleverage.handlers.protocol import Handler
from deleverage.handlers.valuation import margin_of

from .venue import Book, bodies, listed

__all__ = ["PERP", "Coin", "Wallet"]

PERP = 0
_DEEP = 10**9

Coin = tuple[str, int, Decimal]
"""A coin by its name, its decimals and its price."""


class Wallet(Book):
    """The quote is asset 0, a coin's number its place from 1 on, and so is that of its spot market."""

    def __init__(
        self,
        rules: CollateralParameters,
        *coins: Coin,
        decimals: int = 6,
        depth_lots: int = _DEEP,
        perpetual: InstrumentListed | None = None,
    ) -> None:
        """List everything, rate it as the keeper does, price it and quote the depth of each coin's market."""
        markets = [listed(number, kind="spot", tiers=()) for number, _ in enumerate(coins, 1)]
        super().__init__(perpetual or listed(PERP), *markets)
        self.quote_decimals, self.coins = decimals, {name: number for number, (name, _, _) in enumerate(coins, 1)}
        self.keeper, self._places = CollateralKeeper(rules), {name: places for name, places, _ in coins}
        self.mark(1)
        for name, places, price in coins:
            number = self.coins[name]
            self.put(AssetListed(number, name, places))
            own: tuple[AccountKind, ...] = ("outside", "liquidity")
            for kind in own:
                self.put(AccountOpened(len(self.ledger.accounts), f"{kind}:{name}", "test", kind, "cross", number))
            self.tell(ConversionSet(number, 0, number, 10**places, 1))
            self.depth([(0, depth_lots)], [(0, depth_lots)], number)
            self.price(name, price)

    def tell(self, body: Body, *others: Handler) -> list[Body]:
        """Fold it, tell the keeper and those others, and fold what they say."""
        event = self.put(body)
        said: list[Body] = []
        for handler in (*others, self.keeper):
            self._observed(event, handler)
            if type(body) in handler.subscribes and handler.gate(type(body)):
                answer = bodies(list(handler.handle(event, self.ledger, self.now_ns)))
                for one in answer:
                    self._observed(self.put(one), self.keeper, *others)
                said += answer
        return said

    def _observed(self, event: Event, *handlers: Handler) -> None:
        for handler in handlers:
            if type(event.body) in handler.observes:
                handler.observe(event, self.ledger)

    def price(self, name: str, price: Decimal) -> None:
        """The mark of a coin's market, and the price at which the coin is converted."""
        ticks, number = self.atoms(price), self.coins[name]
        self.put(MarkPriced(number, ticks, 0, ticks))
        self.put(ConversionPriced(number, number, ticks, ticks))

    def atoms(self, amount: Decimal | int | str) -> int:
        """An amount of the quote in atoms; it must come out even."""
        return _even(Fraction(Decimal(amount)) * 10**self.quote_decimals)

    def coin_atoms(self, name: str, amount: Decimal | int | str) -> int:
        """An amount of a coin in atoms; it must come out even."""
        return _even(Fraction(Decimal(amount)) * 10 ** self._places[name])

    def holder(self, balance: Decimal | int | str, coins: Mapping[str, Decimal | int | str]) -> int:
        """A trader with a balance and coins; returns its number."""
        number = self.user(self.atoms(balance))
        for name, amount in coins.items():
            body = CoinStated(number, self.coins[name], self.coin_atoms(name, amount))
            self._observed(self.put(body), self.keeper)
        return number

    def collateral(self, number: int) -> Decimal:
        """The equity of an account that counts, in whole units."""
        return self.units(margin_of(self.account(number), self.ledger).collateral_atoms)

    def units(self, atoms: int) -> Decimal:
        """Atoms of the quote in whole units."""
        return Decimal(atoms).scaleb(-self.quote_decimals)

    def repaid(self) -> list[Body]:
        """What the keeper says at a next mark."""
        return self.tell(MarkPriced(PERP, 1, 0, 1))

    def sold(self) -> dict[str, Decimal]:
        """What it then sells of each coin, in whole units of it."""
        names = {number: name for name, number in self.coins.items()}
        found: dict[str, Decimal] = {}
        for body in self.repaid():
            if isinstance(body, CollateralSold):
                name = names[body.asset]
                amount = Decimal(body.amount_atoms).scaleb(-self._places[name])
                found[name] = found.get(name, Decimal(0)) + amount
        return found


def _even(value: Fraction) -> int:
    assert value.denominator == 1, f"{value} is no whole number of atoms"
    return value.numerator

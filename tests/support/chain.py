"""A small lending venue: a coin with a spot market, a borrower who owes, a keeper and a reserve with money."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from deleverage.events.bodies.collateral import CoinStated, ConversionPriced, ConversionSet
from deleverage.events.bodies.inputs import BalanceStated
from deleverage.events.bodies.listing import AccountOpened, AssetListed
from deleverage.events.bodies.run import Producer
from deleverage.events.errors import ScenarioError
from deleverage.events.vocabulary import TYPES_BY_NAME, Body
from deleverage.sim.scenario import Scenario

from .collateral import COIN, CoinBook
from .examples import EXAMPLES
from .venue import Book, listed

__all__ = [
    "BORROWER",
    "COIN_FEES",
    "KEEPER",
    "RESERVE",
    "LendingBook",
    "example_of",
    "holdings",
    "lending_book",
    "refused_in_one_line",
]

COIN_FEES, BORROWER, KEEPER, RESERVE = 6, 7, 8, 9

_FIELDS = {
    "account": BORROWER,
    "counterparty": KEEPER,
    "asset": COIN,
    "instrument": 1,
    "debt_asset": 0,
    "amount_atoms": 70,
    "fee_atoms": 4,
    "repaid_atoms": 30,
    "value_atoms": 90,
    "liquidation_id": None,
}
_OF_MONEY = ("DebtRepaid", "InterestSettled", "BadDebtCovered", "BidPlaced", "BidRefunded", "KeeperRewarded")


def lending_book() -> CoinBook:
    """The borrower has 200 coins and owes 1,001; the keeper has 5,000 and 100 coins, the reserve 300."""
    book = CoinBook()
    book.put(AccountOpened(COIN_FEES, "fees:COIN", "test", "fees", "cross", COIN))
    for number, balance, coins in ((BORROWER, -1_001, 200), (KEEPER, 5_000, 100), (RESERVE, 300, 0)):
        assert book.user(balance) == number
        if coins:
            book.put(CoinStated(number, COIN, coins))
    book.rate((0, 800_000))
    return book


def holdings(book: CoinBook) -> dict[tuple[int, int], int]:
    """What everybody has, by account and asset."""
    found = {}
    for account in book.ledger.accounts:
        found[account.account, account.asset] = account.balance_atoms
        found |= {(account.account, asset): atoms for asset, atoms in account.coins.items()}
    return found


def example_of(name: str, **fields: int) -> Body:
    """A body of the type between borrower and keeper."""
    kind = TYPES_BY_NAME[name]
    other = next(one for one in EXAMPLES if type(one) is kind)
    wanted = {**_FIELDS, **({"asset": 0} if name in _OF_MONEY else {}), **fields}
    return kind(**{field: wanted.get(field, getattr(other, field)) for field in kind.__struct_fields__})


def refused_in_one_line(said: str, *changes: str) -> None:
    """The scenario `lending` with these changes is refused, its accounts included, and what is said is in one line."""
    with pytest.raises(ScenarioError) as refused:
        list(Scenario.load("lending", list(changes)).resolve().population())
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


class LendingBook(Book):
    """Asset 0 is what is owed, with six decimals; prices of coins are in dollars with eight, as on chain.

    `units` says how many atoms a whole coin is, by its name. Debts are opened with `borrower`.
    """

    def __init__(self, units: Mapping[str, int], *, decimals: int = 6, producers: tuple[Producer, ...] = ()) -> None:
        """List the coins with a spot market each, and open the venue's accounts of them."""
        spots = [listed(place, kind="spot", tiers=()) for place in range(len(units))]
        super().__init__(*spots, producers=producers)
        self.numbers = {name: place for place, name in enumerate(units, 1)}
        for name, place in self.numbers.items():
            self.put(AssetListed(place, name, len(str(units[name])) - 1))
            scale = 10 ** (8 - decimals) if decimals <= 8 else 1
            quote = 10 ** (decimals - 8) if decimals > 8 else 1
            self.put(ConversionSet(place, 0, place - 1, units[name] * scale, quote))
            for kind in ("outside", "liquidity", "fees"):
                number = len(self.ledger.accounts)
                self.put(AccountOpened(number, f"{kind}:{name}", "test", kind, "cross", place))  # type: ignore[arg-type]

    def price(self, **prices: int) -> None:
        """What the oracle says of coins by name."""
        for name, ticks in prices.items():
            place = self.numbers[name]
            self.put(ConversionPriced(place, place - 1, ticks, ticks))

    def borrower(self, balance: int, name: str = "", **coins: int) -> int:
        """An account with a balance, and amounts of coins (below zero: owed); called as is said."""
        number = len(self.ledger.accounts)
        self.put(AccountOpened(number, name or f"borrower-{number}", "test", "user", "cross", 0))
        if balance:
            self.put(BalanceStated(number, balance))
        for coin, atoms in coins.items():
            self.put(CoinStated(number, self.numbers[coin], atoms))
        return number

"""Lots, ticks and atoms of what a table names, from the decimals that its rows use.

1. A coin's lot and tick have the most decimals that its sizes and its prices use; a row has at most
   `rows.DECIMALS_MOST`.
2. The asset has 6 decimals, or more where a tick of a lot is less.
3. A row fits if each of its amounts is well within what an event can hold: a round adds up to `_ROWS_A_ROUND` of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import prod

from ....sim.units import INT64_MAX, divide_half_even
from ..digits import decimals_of
from .rows import TableRow, plain

__all__ = ["TableScales"]

_DECIMALS_LEAST = 6
_ROWS_A_ROUND = 64


class TableScales:
    """What tables are counted in; `lots` and `ticks` hold decimals by coin, `decimals` are the asset's."""

    def __init__(self, rows: Iterable[TableRow], marks: Mapping[str, Decimal]) -> None:
        """Look at every row, and at the marks that were given."""
        self.lots, self.ticks = dict[str, int](), dict[str, int]()
        for row in rows:
            prices = (row.price, marks.get(row.coin, row.price))
            for scale, numbers in ((self.lots, (row.size, row.position)), (self.ticks, prices)):
                scale[row.coin] = max(scale.get(row.coin, 0), *(decimals_of(plain(number)) for number in numbers))
        self.decimals = max((_DECIMALS_LEAST, *(self.lots[coin] + self.ticks[coin] for coin in self.lots)))

    def size_lots(self, coin: str, size: Decimal) -> int:
        """A size in lots, which it is a whole number of."""
        return int(size.scaleb(self.lots[coin]))

    def price_ticks(self, coin: str, price: Decimal) -> int:
        """A price in ticks, which it is a whole number of."""
        return int(price.scaleb(self.ticks[coin]))

    def multiplier_atoms(self, coin: str) -> int:
        """What a lot is worth at a tick."""
        return int(10 ** (self.decimals - self.lots[coin] - self.ticks[coin]))

    def atoms(self, *factors: Decimal) -> int:
        """A product in atoms, rounded half to even; what was printed stands in `raw` beside it."""
        ratios = [factor.as_integer_ratio() for factor in factors]
        return divide_half_even(prod(one for one, _ in ratios) * 10**self.decimals, prod(other for _, other in ratios))

    def fit(self, row: TableRow) -> bool:
        """Whether events can hold the figures of a row."""
        amounts = (
            self.size_lots(row.coin, row.position),
            self.price_ticks(row.coin, row.price),
            self.atoms(row.position, row.price),
            self.atoms(row.position, row.entry),
            *(self.atoms(amount) for amount in (row.cash, row.unrealised, row.profit)),
        )
        return all(abs(amount) <= INT64_MAX // _ROWS_A_ROUND for amount in amounts)

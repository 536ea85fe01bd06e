"""Whether the order that happened agrees with a formula's scores more than a random order would: Kendall's test.

1. Of all pairs of accounts, in `agreeing` the one that was taken first has the higher score, in `differing` the lower
   one; pairs of equal scores are neither. tau-b is (agreeing - differing) / sqrt(pairs x pairs of unequal scores).
2. `chance` is one-sided: the share of all orders of these accounts in which no more pairs differ. Up to `EXACT_MOST`
   accounts it is exact. The orders with k differing pairs are counted by the coefficient of q^k in
   (1-q)(1-q^2)...(1-q^n), divided by (1-q)...(1-q^t) for each group of t equal scores.
3. Above that it is the normal approximation with a correction for continuity; the variance of agreeing - differing is
   (n(n-1)(2n+5) - sum of t(t-1)(2t+5)) / 18.
4. `holm` corrects for the number of tests by the step-down procedure of Holm, valid whatever they have in common.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import erfc, factorial, prod, sqrt
from typing import NamedTuple

from ...sim.units import CONTEXT

__all__ = ["EXACT_MOST", "Kendall", "chance_text", "holm", "kendall_of"]

EXACT_MOST = 100
"""Up to so many accounts the chance is counted, and not approximated."""


class Kendall(NamedTuple):
    """Pairs of scores in the order that happened; `groups` are the sizes of the groups of equal scores."""

    agreeing: int
    differing: int
    groups: tuple[int, ...]

    @property
    def accounts(self) -> int:
        """How many were compared."""
        return sum(self.groups)

    @property
    def pairs(self) -> int:
        """All pairs, those of equal scores included."""
        return self.accounts * (self.accounts - 1) // 2

    @property
    def tau_b(self) -> Decimal:
        """From -1 (the reverse order) to 1 (the same order); 0 where all scores are equal."""
        unequal = self.agreeing + self.differing
        if not unequal:
            return Decimal(0)
        return CONTEXT.divide(Decimal(self.agreeing - self.differing), CONTEXT.sqrt(Decimal(self.pairs * unequal)))

    @property
    def tau_text(self) -> str:
        """tau-b with three decimals."""
        return _thousandths(self.tau_b)

    @property
    def is_exact(self) -> bool:
        """Whether the chance is counted, and not approximated."""
        return self.accounts <= EXACT_MOST

    @property
    def orders(self) -> int:
        """How many orders can be told apart, accounts of equal score being alike."""
        return factorial(self.accounts) // prod(map(factorial, self.groups))

    @property
    def chance(self) -> Fraction:
        """The share of all orders that agree as well or better; O(n x differing pairs)."""
        if not self.is_exact:
            return Fraction(self._normal())
        unequal = self.agreeing + self.differing
        if 2 * self.differing < unequal:
            return Fraction(self._orders_within(self.differing), self.orders)
        return 1 - Fraction(self._orders_within(self.agreeing - 1), self.orders)

    @property
    def least_chance(self) -> Fraction:
        """The chance of perfect agreement: no order of these accounts gives a lesser one."""
        return Fraction(1, self.orders)

    def _orders_within(self, most: int) -> int:
        """How many orders have at most so many differing pairs."""
        if most < 0:
            return 0
        found = [1] + [0] * most
        for step in range(1, min(self.accounts, most) + 1):
            for place in range(most, step - 1, -1):
                found[place] -= found[place - step]
        for group in self.groups:
            for step in range(1, min(group, most) + 1):
                for place in range(step, most + 1):
                    found[place] += found[place - step]
        return sum(found)

    def _normal(self) -> float:
        def weight(number: int) -> int:
            return number * (number - 1) * (2 * number + 5)

        variance = (weight(self.accounts) - sum(map(weight, self.groups))) / 18
        if not variance:
            return 1.0
        return erfc((self.agreeing - self.differing - 1) / sqrt(2 * variance)) / 2


def kendall_of(scores: Sequence[int]) -> Kendall:
    """Every pair of the order that happened; O(n log n) comparisons."""
    earlier: list[int] = []
    agreeing = differing = 0
    for score in scores:
        differing += bisect_left(earlier, score)
        agreeing += len(earlier) - bisect_right(earlier, score)
        insort(earlier, score)
    return Kendall(agreeing, differing, tuple(Counter(scores).values()))


def holm(chances: Sequence[Fraction]) -> list[Fraction]:
    """Each chance corrected for the number of all, in their order; at most 1."""
    corrected, least = list(chances), Fraction(0)
    for place, number in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        least = max(least, min(Fraction(1), (len(chances) - place) * chances[number]))
        corrected[number] = least
    return corrected


def chance_text(chance: Fraction) -> str:
    """A chance with three decimals, or that it is less than the least of those."""
    if chance < Fraction(1, 1000):
        return "<0.001"
    return _thousandths(CONTEXT.divide(Decimal(chance.numerator), Decimal(chance.denominator)))


def _thousandths(number: Decimal) -> str:
    return str(number.quantize(Decimal("0.001"), context=CONTEXT))

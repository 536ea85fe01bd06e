"""Shapley's value: what each of several causes is put down to for, so that the parts sum to the whole.

A cause's part is what it adds to those that are there already, averaged over every order in which they can come in
(Shapley 1953, "A value for n-person games"; for attribution Shorrocks 2013, Journal of Economic Inequality 11). Of n
causes, with s of them there already, that is the sum over all sets without it of s! (n - s - 1)! / n! times
(value with it less value without it).

1. *Sum*: the parts and the value of the empty set sum to the value of all of them, exactly.
2. *Nobody*: a cause that never changes the value has no part.
3. *Symmetry*: two causes that always add the same have the same part.

Values are whole numbers, so each part is one over n!: parts are kept as numerators over that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import factorial

__all__ = ["parts_over", "rounded_parts"]


def parts_over(values: Sequence[int], causes: int) -> tuple[list[int], int]:
    """(the numerator of each cause's part, their denominator), n!; O(n 2^n).

    `values` has the value of every set, by the number whose bit k says whether cause k is in it.
    """
    parts = []
    for own in range(causes):
        without = (number for number in range(1 << causes) if not number >> own & 1)
        parts.append(sum(_weight(number, causes) * (values[number | 1 << own] - values[number]) for number in without))
    return parts, factorial(causes)


def _weight(number: int, causes: int) -> int:
    """In how many orders just these come before the next one."""
    before = number.bit_count()
    return factorial(before) * factorial(causes - before - 1)


def rounded_parts(parts: Iterable[Fraction], whole: int) -> list[int]:
    """Whole numbers that sum to `whole`: each rounded down, and one more for those with the largest remainders.

    `whole` is the exact sum, rounded. Of equal remainders the first goes first.
    """
    exact = list(parts)
    rounded = [one.__floor__() for one in exact]
    order = sorted(range(len(exact)), key=lambda place: rounded[place] - exact[place])
    for place in order[: whole - sum(rounded)]:
        rounded[place] += 1
    return rounded

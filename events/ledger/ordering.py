"""An admissible order: what a fork does first of what the rulebook leaves open within one instant.

1. Where an engine has several acts before it that the rulebook does not rank, it lays them before the ordering in force
   (`arranged`). Those of one group may come in any order among themselves, on the places that they hold; all else
   stays. docs/concepts/fairness.md lists every such place.
2. A *choice* is numbered by how many events after the fork it is made, and among those of one decision by its place.
   Its orders are numbered, too: from 0, which is the engine's own, up to n! - 1, by Lehmer's code.
3. A *key* draws every choice: each order of it is as likely as any other, and no choice hangs on another. It is a hash
   of the key, so whoever has the key makes the same order.
4. `3:1,17.2:5` are choices: the one 3 events after the fork takes its order 1, the third one of the decision 17 events
   after it takes its order 5, and all others the engine's own.
5. Without an order everything is as the engine does it, and nothing is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from hashlib import blake2b
from math import factorial, prod
from typing import TypeVar

import msgspec

from ..errors import QueryError

__all__ = ["RECORDED", "ChosenOrder", "Ordering", "permuted"]

RECORDED = "recorded"
"""How the engine's own order is written."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", re.ASCII)
_CHOICE = re.compile(r"(\d{1,12})(?:\.(\d{1,6}))?:(\d{1,400})", re.ASCII)

Item = TypeVar("Item")


class ChosenOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A choice that is not the engine's own: how many events after the fork, which of that decision, which order."""

    after: int
    place: int
    number: str

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.after}{f'.{self.place}' if self.place else ''}:{self.number}"


class Ordering(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The order in force: by a key, by choices, or the engine's own, which is false."""

    key: str = ""
    choices: tuple[ChosenOrder, ...] = ()
    since_seq: int = 0

    def __bool__(self) -> bool:
        """Whether anything is to be asked."""
        return bool(self.key or self.choices)

    @property
    def text(self) -> str:
        """As it is written."""
        return self.key or ",".join(one.text for one in self.choices) or RECORDED

    @staticmethod
    def of(text: str, since_seq: int) -> Ordering:
        """What a text says, from an event on. Raises QueryError for one that is neither a key nor choices."""
        if text == RECORDED:
            return Ordering("", (), since_seq)
        parts = [_CHOICE.fullmatch(part) for part in text.split(",")]
        choices = [ChosenOrder(int(one[1]), int(one[2] or 0), one[3]) for one in parts if one is not None]
        if len(choices) == len(parts):
            return Ordering("", tuple(choices), since_seq)
        if _KEY.fullmatch(text) is None:
            message = (
                f"{text[:80]!r} is no order; write {RECORDED}, a key of letters and digits (night-7), or choices "
                "(3:1,17.2:5) as `deleverage fair` prints them"
            )
            raise QueryError(message)
        return Ordering(text, (), since_seq)

    def arranged(
        self, seq: int, items: Sequence[Item], group_of: Callable[[Item], Hashable | None], place: int = 0
    ) -> list[Item]:
        """The items in this order, at the decision before event `seq`; those without a group stay where they are."""
        held: dict[Hashable, list[int]] = {}
        for number, item in enumerate(items):
            group = group_of(item)
            if group is not None:
                held.setdefault(group, []).append(number)
        groups = [places for places in held.values() if len(places) > 1]
        found = list(items)
        if groups:
            chosen = self.chosen(seq - self.since_seq, place, tuple(map(len, groups)))
            for places, order in zip(groups, permuted(chosen, [len(one) for one in groups]), strict=True):
                for target, source in zip(places, order, strict=True):
                    found[target] = items[places[source]]
        return found

    def chosen(self, after: int, place: int, sizes: tuple[int, ...]) -> int:
        """The number of the order that a choice among groups of these sizes takes."""
        orders = prod(map(factorial, sizes))
        if self.key:
            return _drawn(f"{self.key} {after} {place}", orders)
        number = next((one.number for one in self.choices if (one.after, one.place) == (after, place)), "0")
        return int(number) % orders


def permuted(number: int, sizes: Sequence[int]) -> list[list[int]]:
    """The order of that number of each of several groups: Lehmer's code, the first group's digits the least."""
    found = []
    for size in sizes:
        left, order = list(range(size)), []
        for base in range(size, 0, -1):
            number, digit = divmod(number, base)
            order.append(left.pop(digit))
        found.append(order)
    return found


def _drawn(text: str, bound: int) -> int:
    """A whole number from 0 to `bound` - 1, even to within 2^-64: a hash, as long as the bound and 8 bytes more."""
    blocks = (bound.bit_length() + 7) // 8 // 64 + 1
    hashed = b"".join(blake2b(f"{block} {text}".encode(), digest_size=64).digest() for block in range(blocks + 1))
    return int.from_bytes(hashed, "little") * bound >> 8 * len(hashed)

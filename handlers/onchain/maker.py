"""Maker, liquidations 2.0: collateral goes to an auction whose price falls, and whoever pays first has it.

Source: makerdao/dss at fa4f663, src/dog.sol (bark), src/clip.sol (kick, redo, take, status), src/abaci.sol (curves),
src/flip.sol (1.x). Amounts are in parts of 10^18, prices and rates of 10^27, debts of 10^45; divisions round down.

1. Unsafe iff `collateral x price / mat < debt`, strictly.
2. So much of the debt goes to auction as the limits of all auctions and of the collateral's own leave room for; less
   than `dust` is left behind of no vault. The penalty `chop` is added to it.
3. The price begins at `buf` times the oracle's and falls by a curve of the time since. An auction begins anew where it
   is older than `tail` or its price lower than `cusp` of the first, both strictly.
4. A bid takes what it asks for at the price, as far as the debt goes, and leaves nothing worth less than `chost`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .worth import WAD

__all__ = [
    "RAY",
    "Bark",
    "Limits",
    "Take",
    "barked",
    "exponential",
    "is_unsafe",
    "linear",
    "needs_redo",
    "power",
    "stairstep",
    "take",
]

RAY = 10**27
RAD = 10**45

Curve = Callable[[int, int], int]
"""The price from the first one and the seconds since."""


class Limits(NamedTuple):
    """What may be in auctions in all (`hole`) and is (`dirt`), of everything and of this collateral; and the dust."""

    hole_all: int
    dirt_all: int
    hole: int
    dirt: int
    dust: int


class Bark(NamedTuple):
    """What of a vault goes to auction: normalised debt, collateral, the debt as it is, and that with the penalty."""

    debt: int
    lot: int
    due: int
    tab: int


class Take(NamedTuple):
    """What a bid pays and gets, and what is left of the debt and the lot."""

    paid: int
    bought: int
    tab: int
    lot: int


def is_unsafe(lot: int, price: int, mat: int, debt: int, rate: int = RAY) -> bool:
    """Whether a vault may be liquidated; `mat` and the price are in parts of 10^27."""
    return lot * (price * RAY // mat) < debt * rate


def barked(lot: int, debt: int, limits: Limits, chop: int, rate: int = RAY) -> Bark | None:
    """What goes to auction of a vault; None where the limits leave no room, or only for less than dust."""
    if limits.hole_all <= limits.dirt_all or limits.hole <= limits.dirt:
        return None
    room = min(limits.hole_all - limits.dirt_all, limits.hole - limits.dirt)
    part = min(debt, room * WAD // rate // chop)
    if part < debt:
        if (debt - part) * rate < limits.dust:
            part = debt
        elif part * rate < limits.dust:
            return None
    sold, due = lot * part // debt, part * rate
    return Bark(part, sold, due, due * chop // WAD) if sold and part else None


def power(base: int, exponent: int, one: int = RAY) -> int:
    """A power of a fraction of `one`, by squaring, each product rounded to the nearest, halves up."""
    found = base if exponent % 2 else one
    exponent //= 2
    while exponent:
        base = (base * base + one // 2) // one
        if exponent % 2:
            found = (found * base + one // 2) // one
        exponent //= 2
    return found


def linear(tau: int) -> Curve:
    """Down to nothing in `tau` seconds."""
    return lambda top, age: top * ((tau - age) * RAY // tau) // RAY if age < tau else 0


def stairstep(cut: int, step: int) -> Curve:
    """Times `cut` after each `step` seconds."""
    return lambda top, age: top * power(cut, age // step) // RAY


def exponential(cut: int) -> Curve:
    """Times `cut` after each second."""
    return lambda top, age: top * power(cut, age) // RAY


def needs_redo(price: int, top: int, age: int, tail: int, cusp: int) -> bool:
    """Whether an auction must begin anew before anybody may take of it."""
    return age > tail or price * RAY // top < cusp


def take(tab: int, lot: int, wanted: int, price: int, chost: int) -> Take | None:
    """What a bid for so much of the lot comes to; None where nothing but the whole may be taken."""
    bought = min(lot, wanted)
    paid = bought * price
    if paid > tab:
        paid, bought = tab, tab // price
    elif paid < tab and bought < lot and tab - paid < chost:
        if tab <= chost:
            return None
        paid = tab - chost
        bought = paid // price
    return Take(paid, bought, tab - paid, lot - bought)

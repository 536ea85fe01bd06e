"""What a protocol offers to whoever comes with a transaction: what is paid, what is got, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..protocol import Product

__all__ = ["Deal", "Offer"]


class Deal(NamedTuple):
    """One transaction: so much is paid, an amount of a coin is got and money besides, for so much gas.

    `recorded` are the products, given the keeper's account and what it reckons to gain; `barred` is a keeper whose
    deal it is already.
    """

    paid_atoms: int
    asset: int
    got_atoms: int
    recorded: Callable[[int, int], Sequence[Product]]
    income_atoms: int = 0
    barred: int | None = None


class Offer(NamedTuple):
    """A chance to act on `about`: a deal for at most so much money (None: enough) and a part of all of it, or None.

    The part is in basis points. `pays` is whether anything is paid at all, so that a smaller part may be better:
    one of `parts_bps`. One that `opens` something is done at the cost of its gas.
    """

    about: tuple[str, int]
    gas: int
    deal: Callable[[int | None, int], Deal | None]
    pays: bool = True
    opens: bool = False
    parts_bps: tuple[int, ...] = (10_000, 5_000, 2_500, 1_250)

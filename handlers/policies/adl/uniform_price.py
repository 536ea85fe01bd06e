"""Uniform price: a whole batch is closed at one price, by the queue of profit and leverage."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ...adl_engines.batch import BatchParameters
from ..profit_leverage import ProfitLeverage

__all__ = ["UniformPrice"]


class UniformPrice(ProfitLeverage):
    """price = sum of a batch's bankruptcy values / sum of its lots, one for all; score as `profit-leverage` has it.

    Who stands first in the queue closes at the price at which the last one does, so a batch has no better and worse
    counterparties, and it is the same in whatever order those in it became bankrupt. How: `adl_engines/batch.py`. The
    price is that of a call auction, one for all trades of a batch.
    """

    policy: ClassVar[str] = "uniform-price"
    version: ClassVar[str] = "2"
    source: ClassVar[str] = "ours; frequent batch auctions as in Budish, Cramton and Shim, QJE 130 (2015)"
    Parameters: ClassVar[type[msgspec.Struct]] = BatchParameters

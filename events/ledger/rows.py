"""Reductions in a row, folded at once where the C core is: what one is of, the next mostly is of as well.

The first of those that are alike is folded as ever, so that what a reduction changes beside the two positions is
changed, or refused, by its own declaration. Those after it then change nothing more of an account in liquidation, and
of a fund only sums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import native
from ..bodies.waterfall import PositionDeleveraged
from ..envelope import DecidedRow
from .account import Position
from .state import HeldBefore

if TYPE_CHECKING:
    from .ledger import Ledger

__all__ = ["fold_alike"]

_ANY_LOTS = 1 << 120


def fold_alike(ledger: Ledger, row: DecidedRow, first: int) -> int:
    """How many events from the first on were folded at once, being reductions like the one before them."""
    body = row[first - 1].body
    if native is None or type(body) is not PositionDeleveraged or first == len(row):
        return 0
    is_of_fund = ledger.accounts[body.against].kind == "insurance"
    room_lots = _lots_left(ledger, body) if is_of_fund else _ANY_LOTS
    market = ledger.markets[body.instrument]
    books = (ledger.accounts, market, ledger.held_before, Position, HeldBefore, room_lots)
    count, lots, atoms, funding_atoms = native.fold_reductions(row, first, *books)
    ledger.seq += count
    if count and is_of_fund:
        ledger.trade_of_fund(body.instrument, -lots, -atoms, -funding_atoms)
        ledger.sell_inventory(ledger.liquidation(body.liquidation_id), body.instrument, lots)
    return count


def _lots_left(ledger: Ledger, body: PositionDeleveraged) -> int:
    """So many lots that a fund took over may be closed before its liquidation can be over; none if it is."""
    liquidation = ledger.liquidations.get(body.liquidation_id)
    if liquidation is None:
        return 0
    return abs(liquidation.taken_lots.get(body.instrument, 0) - liquidation.sold_lots.get(body.instrument, 0))

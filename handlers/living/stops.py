"""Who trades with stops keeps one under each position: an index of those that may have a position without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ...events.bodies.trading import BookPriced, OrderCancelled, OrderFilled, OrderPlaced
from ...events.ledger import Account, LedgerState, PositionKey
from ...events.ledger.liquidation import OwnOrder
from ..valuation import BPS
from .characters import Character

__all__ = ["Stops"]

Place = tuple[int, int, int]
"""Account, instrument and leg."""


class Stops:
    """Stops at rest per place, over the ledger's orders; and who is to be looked at, a superset of who lacks one."""

    def __init__(self) -> None:
        self._characters: dict[int, Character] = {}
        self._bare: set[int] = set()
        self._at: dict[int, Place] = {}
        self._resting: Counter[Place] = Counter()

    def add(self, account: int, character: Character) -> None:
        """An account that trades with stops."""
        self._characters[account] = character
        self._bare.add(account)

    def note(self, accounts: Iterable[int]) -> None:
        """Their positions may have changed, or their status."""
        for number in accounts:
            if number in self._characters:
                self._bare.add(number)

    def rest(self, number: int, order: OwnOrder) -> None:
        """An order that is placed; only a stop rests."""
        if order.trigger_ticks is not None:
            self._at[number] = place = (order.account, order.instrument, order.leg)
            self._resting[place] += 1

    def follow(self, body: OrderPlaced | OrderFilled | OrderCancelled, ledger: LedgerState) -> None:
        """A stop that is placed rests; one that is done does not any more."""
        number = body.order_id
        if isinstance(body, OrderPlaced):
            self.rest(number, ledger.own_orders[number])
        elif number not in ledger.own_orders:
            place = self._at.pop(number, None)
            if place is not None:
                self._resting[place] -= 1
                self.note((body.account,))

    def missing(self, book: BookPriced, ledger: LedgerState) -> Iterator[OrderPlaced]:
        """A stop for each position in the instrument that has none, in the order of the accounts."""
        order_id = ledger.orders
        for number in sorted(self._bare):
            account = ledger.accounts[number]
            bare = [key for key in account.positions if self._resting[(number, *key)] <= 0]
            if not bare:
                self._bare.discard(number)
            if account.status != "healthy":
                continue
            for key in bare:
                if key[0] == book.instrument:
                    order_id += 1
                    yield self._stop(order_id, account, key, book)

    def _stop(self, order_id: int, account: Account, key: PositionKey, book: BookPriced) -> OrderPlaced:
        """It rests as far from the price as its owner's threshold says, and never under one tick."""
        character, size_lots = self._characters[account.account], account.positions[key].size_lots
        away_bps = -character.threshold if size_lots > 0 else character.threshold
        lots = min(abs(size_lots), -(-abs(size_lots) * character.mix.share_bps // BPS))
        return OrderPlaced(
            order_id=order_id,
            account=account.account,
            instrument=key[0],
            leg=key[1],
            size_lots=-lots if size_lots > 0 else lots,
            kind="stop",
            purpose="stop",
            trigger_ticks=max(1, book.price_ticks * (BPS + away_bps) // BPS),
            reduces=True,
        )

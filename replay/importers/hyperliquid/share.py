"""The part of a venue's files that one shard takes in: what befell its accounts, and what everybody sees.

1. An account is in the shard that the hash of its address says (`events/record/shards.py`).
2. A trade between two of them is whole in their shard. Of one with an account of another shard each shard has its own
   side, as if the other stood outside: the trade's id says which two belong together.
3. What was forced within a block is whole in each shard that has an account in it, so that a round has its ranks
   there. Whoever else is in it is a guest: its state there is only what these fills tell.
4. Marks, listings, gaps between blocks and funding rates are in each.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import chain

from ....events.record import shard_of
from .admission import Trade
from .deltas import Move
from .fills import DELEVERAGED, Block, Fill
from .misc import Misc

__all__ = ["EVERYBODY", "ShardShare", "is_forced", "was_forced"]

_KNOWN_MOST = 1 << 20
_EVERY = range(1 << 62)


def is_forced(fill: Fill) -> bool:
    """Whether a fill says that somebody was forced."""
    return fill.liquidation is not None or fill.direction == DELEVERAGED


class ShardShare:
    """What of the files is for shard `number` of `shards`; of a single one that is all."""

    def __init__(self, number: int = 0, shards: int = 1) -> None:
        self.number, self.shards = number, shards
        self._known: dict[str, bool] = {}

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """What of it changes what is imported."""
        return (("shard", f"{self.number} of {self.shards}"),) if self.shards > 1 else ()

    def has(self, address: str) -> bool:
        """Whether an account is in it."""
        if self.shards == 1:
            return True
        own = self._known.get(address)
        if own is None:
            if len(self._known) >= _KNOWN_MOST:
                self._known.clear()
            own = self._known[address] = shard_of(address, self.shards) == self.number
        return own

    def places(self, block: Block) -> Container[int]:
        """Which fills of a block are taken in: those of its accounts, and with one that was forced all of these."""
        if self.shards == 1:
            return _EVERY
        own = {place for place, (address, _) in enumerate(block.fills) if self.has(address)}
        forced = _forced_places(block.fills)
        return own if own.isdisjoint(forced) else own | forced

    def of(self, misc: Misc) -> Misc:
        """What of a misc event is of its accounts."""
        if self.shards == 1:
            return misc
        told = misc.liquidated
        moves = tuple(move for move in misc.moves if self._takes(move))
        return misc._replace(moves=moves, liquidated=told if told is not None and self.has(told[1]) else None)

    def _takes(self, move: Move) -> bool:
        return move.kind == "rate" or self.has(move.account) or (move.kind == "transfer" and self.has(move.to))

    def has_forced_of(self, trades: Sequence[Trade]) -> bool:
        """Whether somebody of its accounts is in a trade of these that was forced."""
        return self.shards == 1 or any(map(self.has, chain.from_iterable(map(_addresses, filter(was_forced, trades)))))

    def part(self, trade: Trade, *, whole: bool) -> Trade | None:
        """What is taken in of a trade: both sides, one, or neither; with `whole` all of one that was forced."""
        first, second = trade
        if self.shards == 1 or (whole and was_forced(trade)):
            return trade
        if second is None or not self.has(second[1]):
            return (first, None) if self.has(first[1]) else None
        return trade if self.has(first[1]) else (second, None)


EVERYBODY = ShardShare()
"""All of the files, in one record."""


def was_forced(trade: Trade) -> bool:
    """Whether a side of a trade says that it was forced."""
    first, second = trade
    return is_forced(first[2]) or (second is not None and is_forced(second[2]))


def _addresses(trade: Trade) -> tuple[str, ...]:
    return tuple(side[1] for side in trade if side is not None)


def _forced_places(fills: Sequence[tuple[str, Fill]]) -> set[int]:
    """Where the fills stand of trades of which one side says that it was forced."""
    own = {place for place, (_, fill) in enumerate(fills) if is_forced(fill)}
    trades = {fills[place][1].tid for place in own} - {0}
    return own | {place for place, (_, fill) in enumerate(fills) if fill.tid in trades} if own else own

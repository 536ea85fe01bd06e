"""What is let in: blocks in their order, each trade once, with both its sides.

1. Block numbers rise and time does not run backwards; a block that is out of order, or comes a second time, is left
   out: of blocks that contradict each other as few as possible (`sim/reading/order.py`). Numbers that are left out
   between two blocks are a gap: no fault, but recorded.
2. A trade is two fills of one id in one block, one side B and one side A, of one coin, price and size. An id of 0 is
   none: the venue gives it to what it did itself (spot dust, settlements), and each such fill is let in alone.
3. A trade id that was met before is left out. It is sought among the last `WINDOW_TRADES` to twice as many, so that
   memory stays flat; a block that comes again is found by its number, however long ago.
4. A fill whose other side is missing is reported. With `skip` it is kept: the other side is the outside account's.
5. A coin is known by its form: BTC, dex:NAME, @107, PURR/USDC or #12 (the last three are spot).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec

from ....sim.reading.order import Order
from ....sim.units import format_time_ns
from ..faults import Ahead, Faults
from .fills import Block, Fill

__all__ = ["WINDOW_TRADES", "Admission", "Admitted", "Side", "Trade", "is_coin", "is_spot", "is_token"]

WINDOW_TRADES = 1 << 15
_REACH = 64
"""Blocks that are looked ahead for one that is out of order."""

Side = tuple[int, str, Fill]
"""Row, address, fill."""
Trade = tuple[Side, Side | None]
"""Both sides in the order of the file; None where there is no other."""

_COIN = re.compile(r"(?:[A-Za-z0-9]+:)?[A-Za-z0-9][A-Za-z0-9._+-]*|[@#+][0-9]+|[A-Za-z0-9._]+/[A-Za-z0-9._]+")
_SPOT_SIGNS = ("@", "#", "+")

_TOKEN = re.compile(r"[!-~]{1,40}")


def is_coin(coin: str) -> bool:
    """Whether a name has the form of a coin's."""
    return _COIN.fullmatch(coin) is not None


def is_token(token: str) -> bool:
    """Whether a name can be that of an asset: no blank, nothing that a terminal would act on."""
    return _TOKEN.fullmatch(token) is not None


def is_spot(coin: str) -> bool:
    """Whether this is a pair of the spot market, by its name."""
    return coin.startswith(_SPOT_SIGNS) or "/" in coin


class Admitted(msgspec.Struct, gc=False):
    """A block's trades; `gap` is the first and last number that is missing before it."""

    block: Block
    trades: list[Trade]
    gap: tuple[int, int] | None = None


class Admission:
    """Lets in the blocks of all files, one file behind the other."""

    def __init__(self, faults: Faults) -> None:
        self._faults, self._ahead = faults, Ahead(faults)
        self._number: int | None = None
        self._numbers = Order[Block](lambda block: block.number or 0, self._misnumbered, strict=True, reach=_REACH)
        self._times = Order[Block](lambda block: block.at_ns, self._mistimed, reach=_REACH)
        self._recent: set[int] = set()
        self._older: set[int] = set()
        self._coins: dict[str, bool] = {}
        self._tokens: dict[str, bool] = {}

    @property
    def ahead(self) -> Ahead:
        """Who is told of faults of blocks that are read for this."""
        return self._ahead

    def of(self, blocks: Iterable[Block]) -> Iterator[Admitted]:
        """What is let in of these blocks: whole trades."""
        for block, gap in self.ordered(blocks):
            trades = self._trades(block) if block.fills else []
            if trades or gap:
                yield Admitted(block, trades, gap)

    def ordered(self, blocks: Iterable[Block]) -> Iterator[tuple[Block, tuple[int, int] | None]]:
        """The blocks that come in their order, each with the gap before it, if there is one."""
        for block in self._times.of(self._numbered(blocks)):
            gap, number = None, block.number
            if number is not None:
                if self._number is not None and number > self._number + 1:
                    gap = (self._number + 1, number - 1)
                self._number = number
            self._ahead.release(block.source.number, block.row)
            yield block, gap
        self._ahead.release()

    def _numbered(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Those whose numbers rise; a layout without numbers passes as it is."""
        for has_number, together in groupby(blocks, key=lambda block: block.number is not None):
            passed: Iterable[Block] = together
            yield from self._numbers.of(passed) if has_number else passed

    def _misnumbered(self, block: Block, is_ahead: bool) -> None:  # noqa: FBT001 - as `Order` tells it
        where = "comes before lower numbers" if is_ahead else "comes too late"
        told = f"block {block.number} {where}; sort the files by time and name each once"
        self._ahead.report("block out of order", block.source, block.row, told)

    def _mistimed(self, block: Block, is_ahead: bool) -> None:  # noqa: FBT001 - as `Order` tells it
        told = "is after that of the blocks below" if is_ahead else "is before that of what stands before it"
        told = f"its time, {format_time_ns(block.at_ns)}, {told}; sort by time"
        self._ahead.report("block out of order", block.source, block.row, told)

    def _trades(self, block: Block) -> list[Trade]:
        """Both sides mostly stand one behind the other: one waits for the next. Those that do not are looked up."""
        trades: list[Trade] = []
        begins: list[int] = []
        waiting: dict[int, tuple[int, Side]] = {}
        row, rows, recent = block.row, block.rows, self._recent
        for place, (address, fill) in enumerate(block.fills):
            trade_id = fill.tid
            side = (row if rows is None else rows[place], address, fill)
            waited = waiting.pop(trade_id, None) if waiting else None
            if waited is None:
                if not self._is_known(block, side):
                    continue
                if trade_id:
                    waiting[trade_id] = place, side
                else:
                    trades.append((side, None))
                    begins.append(place)
                continue
            first = waited[1]
            one = first[2]
            if one.side == fill.side or one.px != fill.px or one.sz != fill.sz or one.coin != fill.coin:
                told = f"the two sides of trade {trade_id} differ: {_told(one)} and {_told(fill)}"
                self._faults.report("sides differ", block.source, side[0], told)
                continue
            if fill.fee_token != one.fee_token and not self._is_token(fill.fee_token):
                told = f"{fill.fee_token!r} is no name of a token"
                self._faults.report("unknown token", block.source, side[0], told)
                waiting[trade_id] = waited  # kept as one whose other side is missing
                continue
            trades.append((first, side))
            begins.append(waited[0])
            recent.add(trade_id)
        if waiting:
            trades = self._with_lone(block, waiting, trades, begins)
        if len(recent) >= WINDOW_TRADES:
            self._recent, self._older = set(), recent
        return trades

    def _with_lone(
        self, block: Block, waiting: dict[int, tuple[int, Side]], trades: list[Trade], begins: list[int]
    ) -> list[Trade]:
        """The trades with those whose other side is missing, each where its first fill stands."""
        for place, side in waiting.values():
            told = f"trade {side[2].tid} of {side[1]} in {side[2].coin} has one side only"
            self._faults.report("other side missing", block.source, side[0], told)
            trades.append((side, None))
            begins.append(place)
            self._recent.add(side[2].tid)
        # A lone side is known as such at the end only; it stands where it stood.
        return [trade for _, trade in sorted(zip(begins, trades, strict=True), key=lambda begun: begun[0])]

    def _is_known(self, block: Block, side: Side) -> bool:
        """Whether a fill can be taken: its coin, its side, and that its trade was not there before."""
        row, _, fill = side
        known = self._coins.get(fill.coin)
        if known is None:
            known = self._coins[fill.coin] = is_coin(fill.coin)
        if not known:
            self._faults.report("unknown coin", block.source, row, f"{fill.coin!r} is no coin of this venue")
        elif not self._is_token(fill.fee_token):
            self._faults.report("unknown token", block.source, row, f"{fill.fee_token!r} is no name of a token")
        elif fill.side not in ("A", "B"):
            self._faults.report("not a fill", block.source, row, f"side {fill.side!r} is neither A nor B")
        elif fill.tid and (fill.tid in self._recent or fill.tid in self._older):
            self._faults.report("trade twice", block.source, row, f"trade {fill.tid} was there before")
        else:
            return True
        return False

    def _is_token(self, name: str) -> bool:
        known = self._tokens.get(name)
        if known is None:
            known = self._tokens[name] = is_token(name)
        return known


def _told(fill: Fill) -> str:
    return f"{fill.side} {fill.sz} {fill.coin} at {fill.px}"

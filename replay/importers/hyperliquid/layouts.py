"""The lines of node files, in each of the layouts that the venue has written them in.

    node_fills_by_block    {"block_time", "block_number", "local_time", "events": [[address, fill], ...]}
    node_fills             [address, fill], or a fill with its own "user"; all of one time are one block
    node_trades            a trade with both sides, see `fills.py`; all of one time are one block
    node_trades_by_block   as node_fills_by_block, the events being trades

1. The first line that has the form of one tells which; the others must follow it.
2. A line that does not decode, or lacks a field, is reported and left out.
3. Times of fills are milliseconds since 1970. A time that is something else is reported as such: seconds, micro- or
   nanoseconds are told by their size, or by the block's own time, which is written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

import msgspec

from ....sim.reading.json_lines import json_decoder
from ..faults import Ahead, Faults
from ..reading import LINE_BYTES_MOST, SourceFile, read_each, read_rows
from .fills import Block, Fill, NodeTrade, iso_ns, sides_of

__all__ = ["blocks"]

Watch = Callable[[int], None]
_Rows = Iterable[tuple[int, bytes]]

_MS, _NS = 10**6, 10**9
_EARLIEST_MS, _LATEST_MS = 1_262_304_000_000, 4_102_444_800_000
_APART_NS = 3_600 * _NS
_TOGETHER_MOST = 1 << 16
_LOOKED_AT = 100
"""Lines among which the layout shows, if the first are damaged."""
_EXPECTED = (
    'expected [address, fill], a fill with its "user", a trade with its "side_info" (node_trades), or a block of either'
)


class _OwnFill(Fill, gc=False):
    user: str = ""


class _Line(msgspec.Struct, gc=False):
    block_time: str
    events: list[tuple[str, Fill]]
    block_number: int | None = None
    local_time: str = ""


class _TradesLine(msgspec.Struct, gc=False):
    block_time: str
    events: list[NodeTrade]
    block_number: int | None = None
    local_time: str = ""

    def as_fills(self) -> _Line:
        """The same block, told by fills. Raises ValueError."""
        fills = [side for trade in self.events for side in sides_of(trade)]
        return _Line(self.block_time, fills, self.block_number, self.local_time)


def blocks(source: SourceFile, faults: Faults, ahead: Ahead, watch: Watch) -> Iterator[Block]:
    """The blocks of a file, those without fills included; `ahead` is told what is wrong with lines."""
    rows = read_rows(source, watch, ahead.cut(source))
    begun, size = list[tuple[int, bytes]](), 0
    for row in islice(rows, _LOOKED_AT):
        begun.append(row)
        size += len(row[1])
        if size > LINE_BYTES_MOST or b'"coin"' in row[1] or b'"events"' in row[1]:
            break
    if not begun:
        ahead.release()
        raise faults.nothing_left(source, "line")
    last = begun[-1][1]
    by_block, of_trades = b'"events"' in last and last.lstrip()[:1] == b"{", b'"side_info"' in last
    every = chain(begun, rows)
    if by_block:
        yield from _by_block(source, faults, ahead, every, of_trades=of_trades)
    elif of_trades:
        yield from _together(source, faults, ahead, every, _trade)
    else:
        yield from _together(source, faults, ahead, every, _fill)


def _by_block(source: SourceFile, faults: Faults, ahead: Ahead, rows: _Rows, *, of_trades: bool) -> Iterator[Block]:
    fills_line, trades_line = json_decoder(_Line), json_decoder(_TradesLine)

    def read(_row: int, text: bytes) -> tuple[_Line, int, int | None]:
        line = trades_line(text).as_fills() if of_trades else fills_line(text)
        return line, iso_ns(line.block_time), iso_ns(line.local_time) if line.local_time else None

    found = read_each(source, faults.of(source), rows, read, ahead.report, "not a block")
    for row, (line, venue_ns, received_ns) in found:
        if not line.events:
            yield Block(source, row, line.block_number, venue_ns - venue_ns % _MS, venue_ns, received_ns, [])
            continue
        at_ns = line.events[0][1].time * _MS
        if abs(at_ns - venue_ns) > _APART_NS:
            told = f"fills have the time {line.events[0][1].time}, but the block's is {line.block_time}"
            ahead.report("time unit", source, row, f"{told}; times of fills are milliseconds")
            continue
        yield Block(source, row, line.block_number, at_ns, venue_ns, received_ns, line.events)


_Read = tuple[int, list[tuple[str, Fill]]]
"""The venue's time of a line, and what fills it tells of."""


def _together(
    source: SourceFile,
    faults: Faults,
    ahead: Ahead,
    rows: _Rows,
    read: Callable[[SourceFile, int, bytes, Ahead], _Read | None],
) -> Iterator[Block]:
    """Lines of one time as a block."""
    block: Block | None = None
    tally = faults.of(source)
    for row, text in rows:
        tally.rows += 1
        found = read(source, row, text, ahead)
        if found is None:
            continue
        venue_ns, fills = found
        if block is not None and (block.venue_ns != venue_ns or len(block.fills) >= _TOGETHER_MOST):
            yield block
            block = None
        if block is None:
            block = Block(source, row, None, venue_ns - venue_ns % _MS, venue_ns, None, [], [])
        block.fills += fills
        assert block.rows is not None
        block.rows += [row] * len(fills)
    if block is not None:
        yield block


_pair = json_decoder(tuple[str, Fill])
_own = json_decoder(_OwnFill)
_node_trade = json_decoder(NodeTrade)


def _fill(source: SourceFile, row: int, text: bytes, ahead: Ahead) -> _Read | None:
    """The address and the fill of a line; None for one that was reported."""
    try:
        if text.lstrip()[:1] == b"[":
            address, fill = _pair(text)
        else:
            own = _own(text)
            address, fill = own.user, own
    except (ValueError, msgspec.MsgspecError) as error:
        ahead.report("not a fill", source, row, f"the line cannot be read ({error}); {_EXPECTED}")
        return None
    if not address:
        ahead.report("not a fill", source, row, "the fill does not say whose it is")
    elif not _EARLIEST_MS <= fill.time <= _LATEST_MS:
        ahead.report("time unit", source, row, f"the time {fill.time} is not in milliseconds since 1970")
    else:
        return fill.time * _MS, [(address, fill)]
    return None


def _trade(source: SourceFile, row: int, text: bytes, ahead: Ahead) -> _Read | None:
    """Both sides of a trade; None for one that was reported."""
    try:
        trade = _node_trade(text)
        return iso_ns(trade.time), sides_of(trade)
    except (ValueError, msgspec.MsgspecError) as error:
        ahead.report("not a trade", source, row, f"the line of node_trades cannot be read ({error})")
        return None

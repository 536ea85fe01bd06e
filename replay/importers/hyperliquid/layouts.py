"""The lines of node files, in each of the layouts that the venue has written them in.

    node_fills_by_block   {"block_time", "block_number", "local_time", "events": [[address, fill], ...]}
    node_fills            [address, fill], or a fill with its own "user"; all of one time are one block

1. The first line that has the form of either tells which; the others must follow it.
2. A line that does not decode, or lacks a field, is reported and left out.
3. Times of fills are milliseconds since 1970. A time that is something else is reported as such: seconds, micro- or
   nanoseconds are told by their size, or by the block's own time, which is written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Annotated

import msgspec

from ....sim.units import INT64_MAX
from ..faults import Faults
from ..reading import LINE_BYTES_MOST, Source, json_decoder, read_rows

__all__ = ["DELEVERAGED", "Block", "Fill", "Forced", "blocks", "iso_ns"]

Watch = Callable[[int], None]

DELEVERAGED = "Auto-Deleveraging"
"""The direction of a fill that its owner did not ask for."""

_MS, _NS = 10**6, 10**9
_EARLIEST_MS, _LATEST_MS = 1_262_304_000_000, 4_102_444_800_000
_APART_NS = 3_600 * _NS
_TOGETHER_MOST = 1 << 16
_LOOKED_AT = 100
"""Lines among which the layout shows, if the first are damaged."""


_Number = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]


class Forced(msgspec.Struct, gc=False, rename="camel"):
    """What a fill says of the liquidation behind it."""

    liquidated_user: str
    mark_px: str
    method: str = ""


class Fill(
    msgspec.Struct,
    gc=False,
    rename={
        "start_position": "startPosition",
        "direction": "dir",
        "closed_pnl": "closedPnl",
        "fee_token": "feeToken",
        "builder_fee": "builderFee",
    },
):
    """One side of a trade. Side B bought, A sold."""

    coin: str
    px: str
    sz: str
    side: str
    time: _Number
    tid: _Number
    start_position: str | None = None
    direction: str = ""
    closed_pnl: str | None = None
    oid: _Number | None = None
    crossed: bool = False
    fee: str | None = None
    fee_token: str = "USDC"  # noqa: S105 - an asset
    builder_fee: str | None = None
    liquidation: Forced | None = None


class _OwnFill(Fill, gc=False):
    user: str = ""


class _Line(msgspec.Struct, gc=False):
    block_time: str
    events: list[tuple[str, Fill]]
    block_number: int | None = None
    local_time: str = ""


class Block(msgspec.Struct, gc=False):
    """Fills of one instant. `number` is None where the layout has none; `rows` holds a row for each fill there."""

    source: Source
    row: int
    number: int | None
    at_ns: int
    venue_ns: int
    received_ns: int | None
    fills: list[tuple[str, Fill]]
    rows: list[int] | None = None

    def row_of(self, place: int) -> int:
        """The row that a fill stands in."""
        return self.row if self.rows is None else self.rows[place]


_seconds: dict[str, int] = {}


def iso_ns(text: str) -> int:
    """2025-10-27T17:00:02.387123456, in UTC, as nanoseconds since 1970. Raises ValueError."""
    seconds = _seconds.get(text[:19])
    if seconds is None:
        _seconds.clear()  # the last one is all that is ever asked for again
        seconds = _seconds[text[:19]] = int(datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp())
    fraction = text[20:29]
    at_ns = seconds * _NS + (int(fraction.ljust(9, "0")) if fraction else 0)
    if not 0 <= at_ns <= INT64_MAX:
        message = f"{text[:29]!r} is no time from 1970 to 2262"
        raise ValueError(message)
    return at_ns


def blocks(source: Source, faults: Faults, watch: Watch) -> Iterator[Block]:
    """The blocks of a file, those without fills included. Raises ScenarioError where reading stops."""
    rows = read_rows(source, watch, faults.cut(source))
    begun, size = list[tuple[int, bytes]](), 0
    for row in islice(rows, _LOOKED_AT):
        begun.append(row)
        size += len(row[1])
        if size > LINE_BYTES_MOST or b'"coin"' in row[1] or b'"events"' in row[1]:
            break
    if not begun:
        raise faults.nothing_left(source, "line")
    last = begun[-1][1]
    by_block = b'"events"' in last and last.lstrip()[:1] == b"{"
    yield from (_by_block if by_block else _by_fill)(source, faults, chain(begun, rows))


def _by_block(source: Source, faults: Faults, rows: Iterator[tuple[int, bytes]]) -> Iterator[Block]:
    decode = json_decoder(_Line)
    for row, text in rows:
        faults.rows[source.number] += 1
        try:
            line = decode(text)
            venue_ns = iso_ns(line.block_time)
            received_ns = iso_ns(line.local_time) if line.local_time else None
        except (ValueError, msgspec.MsgspecError) as error:
            faults.report("not a block", source, row, f"the line cannot be read ({error})")
            continue
        if not line.events:
            yield Block(source, row, line.block_number, venue_ns - venue_ns % _MS, venue_ns, received_ns, [])
            continue
        at_ns = line.events[0][1].time * _MS
        if abs(at_ns - venue_ns) > _APART_NS:
            told = f"fills have the time {line.events[0][1].time}, but the block's is {line.block_time}"
            faults.report("time unit", source, row, f"{told}; times of fills are milliseconds")
            continue
        yield Block(source, row, line.block_number, at_ns, venue_ns, received_ns, line.events)


def _by_fill(source: Source, faults: Faults, rows: Iterator[tuple[int, bytes]]) -> Iterator[Block]:
    block: Block | None = None
    for row, text in rows:
        faults.rows[source.number] += 1
        found = _fill(source, row, text, faults)
        if found is None:
            continue
        at_ns = found[1].time * _MS
        if block is not None and (block.at_ns != at_ns or len(block.fills) >= _TOGETHER_MOST):
            yield block
            block = None
        if block is None:
            block = Block(source, row, None, at_ns, at_ns, None, [], [])
        block.fills.append(found)
        assert block.rows is not None
        block.rows.append(row)
    if block is not None:
        yield block


_pair = json_decoder(tuple[str, Fill])
_own = json_decoder(_OwnFill)


def _fill(source: Source, row: int, text: bytes, faults: Faults) -> tuple[str, Fill] | None:
    """The address and the fill of a line; None for one that was reported."""
    try:
        if text.lstrip()[:1] == b"[":
            address, fill = _pair(text)
        else:
            own = _own(text)
            address, fill = own.user, own
    except (ValueError, msgspec.MsgspecError) as error:
        faults.report("not a fill", source, row, f"the line cannot be read ({error})")
        return None
    if not address:
        faults.report("not a fill", source, row, "the fill does not say whose it is")
    elif not _EARLIEST_MS <= fill.time <= _LATEST_MS:
        faults.report("time unit", source, row, f"the time {fill.time} is not in milliseconds since 1970")
    else:
        return address, fill
    return None

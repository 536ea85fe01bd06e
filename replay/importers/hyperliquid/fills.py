"""What node files tell: fills, and the blocks that they are of.

Lines of node_trades: a trade with both its sides, as the venue's nodes wrote them until the middle of 2025.

    {"coin", "side", "time", "px", "sz", "hash", "trade_dir_override", "side_info": [buyer, seller]}
    buyer, seller   {"user", "start_pos", "oid", "twap_id", "cloid"}

1. `side` is the taker's. Closed profit, fee and liquidation are not told. A direction is told where the venue overrides
   it (`trade_dir_override` is not "Na").
2. A trade has no id here, and its `hash` is that of a transaction with many trades. A number made from all that the
   line says stands for one: the same line gives the same number, so a trade that stands twice is found.
3. `time` is in nanoseconds, UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated

import msgspec

from ....sim.units import INT64_MAX
from ..reading import SourceFile

__all__ = ["DELEVERAGED", "ISOLATED", "Block", "Fill", "ForcedFill", "NodeTrade", "iso_ns", "sides_of"]

DELEVERAGED = "Auto-Deleveraging"
"""The direction of a fill that its owner did not ask for."""
ISOLATED = "Liquidated Isolated"
"""How the direction of a fill begins that liquidated an isolated position."""

_NS = 10**9

_Number = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]

_MS = 10**6
_SIDES = 2
_ID_BYTES = 8


class ForcedFill(msgspec.Struct, gc=False, rename="camel"):
    """What a fill says of the liquidation behind it."""

    mark_px: str
    liquidated_user: str = ""
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
    """One side of a trade. Side B bought, A sold. A `tid` of 0 is none."""

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
    liquidation: ForcedFill | None = None


class Block(msgspec.Struct, gc=False):
    """Fills of one instant. `number` is None where the layout has none; `rows` holds a row for each fill there."""

    source: SourceFile
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


class NodeTrade(msgspec.Struct, gc=False):
    """One line."""

    coin: str
    side: str
    time: str
    px: str
    sz: str
    side_info: list[_SideInfo]
    hash: str = ""
    trade_dir_override: str = "Na"


class _SideInfo(msgspec.Struct, gc=False):
    user: str
    start_pos: str | None = None
    oid: int | None = None


def sides_of(trade: NodeTrade) -> list[tuple[str, Fill]]:
    """Buyer and seller, each with the fill. Raises ValueError for a trade that has not two sides, or no time."""
    if len(trade.side_info) != _SIDES or trade.side not in ("A", "B"):
        message = f"a trade has a buyer and a seller, and its side is A or B, not {trade.side!r}"
        raise ValueError(message)
    time_ms, number = iso_ns(trade.time) // _MS, _number(trade)
    direction = "" if trade.trade_dir_override == "Na" else trade.trade_dir_override
    return [
        (
            one.user,
            Fill(
                trade.coin,
                trade.px,
                trade.sz,
                side,
                time_ms,
                number,
                start_position=one.start_pos,
                direction=direction,
                oid=one.oid,
                crossed=side == trade.side,
            ),
        )
        for side, one in zip(("B", "A"), trade.side_info, strict=True)
    ]


def _number(trade: NodeTrade) -> int:
    """A number of 63 bits in the place of the id that is not told."""
    return int.from_bytes(sha256(msgspec.json.encode(trade)).digest()[:_ID_BYTES], "big") >> 1

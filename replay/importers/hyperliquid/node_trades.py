"""Lines of node_trades: a trade with both its sides, as the venue's nodes wrote them until the middle of 2025.

    {"coin", "side", "time", "px", "sz", "hash", "trade_dir_override", "side_info": [buyer, seller]}
    buyer, seller   {"user", "start_pos", "oid", "twap_id", "cloid"}

1. `side` is the taker's. Closed profit, fee and liquidation are not told. A direction is told where the venue overrides
   it (`trade_dir_override` is not "Na").
2. A trade has no id here, and its `hash` is that of a transaction with many trades. A number made from all that the
   line says stands for one: the same line gives the same number, so a trade that stands twice is found.
3. `time` is in nanoseconds, UTC.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from .fills import Fill, iso_ns

__all__ = ["NodeTrade", "sides_of"]

_MS = 10**6
_SIDES = 2
_ID_BYTES = 8


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

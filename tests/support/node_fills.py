"""Node fills written by hand: fills, blocks and files for the tests of the importer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from deleverage.events.envelope import Event
from deleverage.replay.importers.faults import OnError
from deleverage.replay.importers.hyperliquid.importer import HyperliquidImporter
from deleverage.replay.importers.importing import ImportResult, run_import
from deleverage.replay.run import open_run

__all__ = ["ANN", "BOB", "CAT", "START_MS", "VAULT", "block", "bodies", "fill", "imported", "trade", "written"]

ANN, BOB, CAT, VAULT = (f"0x{letter * 40}" for letter in "abcd")
START_MS = 1_761_584_400_000
"""2025-10-27T17:00:00Z."""

_SECONDS = "2025-10-27T17:{:02}:{:02}"
_trade_ids = count(1)

Side = list[Any]


def fill(address: str, coin: str, side: str, size: str, price: str, **more: Any) -> Side:
    """One side of a trade as the venue writes it; START_MS unless a `time` is given."""
    told = {"coin": coin, "px": price, "sz": size, "side": side, "time": START_MS, "startPosition": "0.0"}
    told |= {"dir": "Open Long" if side == "B" else "Open Short", "closedPnl": "0.0", "hash": "0x0", "oid": 7}
    return [address, {**told, "crossed": side == "B", "fee": "0.0", "tid": 1, "feeToken": "USDC", **more}]


def trade(
    coin: str,
    size: str,
    price: str,
    buyer: dict[str, Any] | None = None,
    seller: dict[str, Any] | None = None,
    **both: Any,
) -> list[Side]:
    """Both sides of a trade, buyer first: ANN buys from BOB unless their facts name another `address`."""
    bought, sold = dict(buyer or {}), dict(seller or {})
    both = {"tid": next(_trade_ids), **both}
    return [
        fill(bought.pop("address", ANN), coin, "B", size, price, **both, **bought),
        fill(sold.pop("address", BOB), coin, "A", size, price, **both, **sold),
    ]


def block(number: int, *sides: Side, second: int = 0) -> str:
    """A line of node_fills_by_block: its fills, `second` seconds after the start."""
    events = [[address, {**told, "time": told["time"] + 1000 * second}] for address, told in sides]
    time = _SECONDS.format(second // 60, second % 60)
    line = {"local_time": f"{time}.250000000", "block_time": f"{time}.000000000", "block_number": number}
    return json.dumps({**line, "events": events})


def written(folder: Path, *lines: str, name: str = "fills.jsonl") -> Path:
    """A file of these lines."""
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def imported(
    folder: Path,
    *lines: str,
    on_error: OnError = "stop",
    misc: Iterable[str] = (),
    snapshots: Iterable[Path] = (),
    name: str = "import.run",
) -> ImportResult:
    """Import a file of these lines, and one of misc events if there are any, into `folder`/`name`."""
    fills = written(folder, *lines)
    others = [str(written(folder, *misc, name="misc.jsonl"))] if misc else []
    importer = HyperliquidImporter([str(fills)], others, [str(path) for path in snapshots])
    return run_import(importer, folder / name, on_error=on_error)


def bodies(result: ImportResult, *kinds: type) -> Iterator[Event]:
    """The recorded events of some types, in their order."""
    return (event for event in open_run(result.run).events() if isinstance(event.body, kinds))

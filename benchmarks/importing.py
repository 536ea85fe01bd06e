"""Importing a venue's own fills, against decoding the same file and nothing else.

The file: the node fills of 27 October 2025 where DELEVERAGE_DATA has them, else fills made up here, as plain lines,
copied behind one another with block numbers, trade ids and times shifted. *rate*: `run_import` end to end (hash, both
passes, fold, record, seal; left to the system when it reaches the disk) against `msgspec.json.decode` without a type of
each line, each result let go of; the note has the same with every result kept. *memory*: the most that a process held
that imported 100 copies, over one that imported one; both have imported nothing before.
"""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import zstandard
from child import python, watch_child
from contest import Contest, Line, at_least, at_most, stopwatch

from deleverage.events.record import RecordSettings
from deleverage.replay.importers.hyperliquid.importer import HyperliquidImporter
from deleverage.replay.importers.importing import run_import

__all__ = ["copied", "import_fills", "measure", "sample_blocks"]

_DATA = Path(os.environ.get("DELEVERAGE_DATA") or Path(__file__).resolve().parents[1] / ".." / "shared" / "data")
_SAMPLE = "hyperliquid-node-fills-2025-10-27.jsonl.gz"
_APART_SECONDS = 120
_NOT_FORCED = RecordSettings(durability="none")

Block = dict[str, Any]


def measure(*, short: bool) -> Iterator[Line]:
    """Rates and memory."""
    blocks, source = sample_blocks()
    few, many = (1, 3) if short else (10, 100)
    with tempfile.TemporaryDirectory(prefix="deleverage-") as name:
        folder = Path(name)
        yield _rate(folder, copied(folder / "few.jsonl", blocks, few), source, short=short)
        files = [copied(folder / f"{copies}.jsonl", blocks, copies) for copies in (1, many)]
        one, most = (_peak_bytes(path) for path in files)
        what = f"memory of importing {many} copies of a file of fills, times that of one"
        medians = {"one_mb": round(one / 1e6, 1), "copies_mb": round(most / 1e6, 1)}
        yield Line("importing.memory", what, most / one, bar=at_most(2), medians=medians, note=source)


def _rate(folder: Path, path: Path, source: str, *, short: bool) -> Line:
    fills = sum(len(msgspec.json.decode(line)["events"]) for line in path.read_bytes().splitlines())
    paths = (folder / f"{number}.run" for number in count())
    turns = {
        "decode": lambda: stopwatch(lambda: _decode(path)) / fills,
        "keep": lambda: stopwatch(lambda: _keep(path)) / fills,
        "import": lambda: stopwatch(lambda: import_fills(path, next(paths))) / fills,
    }
    contest = Contest(turns, short=short)
    note = f"{source}; of decoding with every result kept it is {contest.ratio('keep', 'import'):.3f}"
    what = "importing fills, rate over that of decoding the same lines without a type"
    return Line(
        "importing.rate", what, contest.ratio("decode", "import"), bar=at_least(0.15),
        medians=contest.medians_ns("fill"), note=note,
    )  # fmt: skip


def _decode(path: Path) -> None:
    decode = msgspec.json.decode
    with path.open("rb") as lines:
        for line in lines:
            decode(line)


def _keep(path: Path) -> list[Any]:
    decode = msgspec.json.decode
    with path.open("rb") as lines:
        return [decode(line) for line in lines]


def import_fills(path: Path, run: Path) -> None:
    """A record of a file of fills, left to the system when it reaches the disk."""
    run_import(HyperliquidImporter([str(path)]), run, settings=_NOT_FORCED)


def _peak_bytes(path: Path) -> int:
    return watch_child(python(__file__, str(path), f"{path}.run")).peak_bytes


def sample_blocks() -> tuple[list[Block], str]:
    """The blocks of the sample, or some made up, and which of the two."""
    sample = _DATA / _SAMPLE
    if sample.is_file():
        return [msgspec.json.decode(line) for line in gzip.open(sample).read().splitlines()], "the recorded sample"
    return [_made_up(number) for number in range(700)], "made up, as the recorded sample is absent"


def _made_up(number: int) -> Block:
    """Eight fills in four trades between a hundred accounts, one coin after the other."""
    at = datetime(2025, 10, 27, 17, tzinfo=UTC) + timedelta(milliseconds=80 * number)
    sides = []
    for place in range(4):
        trade_id = 4 * number + place
        for side, who in (("B", trade_id % 100), ("A", (trade_id + 37) % 100)):
            fill = {"coin": f"C{place}", "px": f"{100 + number % 7}.25", "sz": "1.50", "side": side, "dir": "Open Long"}
            fill |= {"time": int(at.timestamp() * 1000), "startPosition": "0.0", "closedPnl": "0.0", "hash": "0x0"}
            fill |= {"oid": trade_id, "crossed": side == "B", "fee": "0.030403", "tid": trade_id, "feeToken": "USDC"}
            sides.append([f"0x{who:040x}", fill])
    time = f"{at:%Y-%m-%dT%H:%M:%S.%f}000"
    return {"local_time": time, "block_time": time, "block_number": number, "events": sides}


def copied(path: Path, blocks: list[Block], copies: int, crowds: int = 1) -> Path:
    """The blocks, and again with numbers, ids and times that go on from there; compressed for a name that ends so.

    So many `crowds` of accounts trade in turn.
    """
    first, trades = blocks[0]["block_number"], sum(len(block["events"]) for block in blocks)
    with zstandard.open(path, "wb") if path.suffix == ".zst" else path.open("wb") as file:
        for copy in range(copies):
            shift = timedelta(seconds=copy * _APART_SECONDS)
            for place, block in enumerate(blocks):
                times = {name: _shifted(block[name], shift) for name in ("local_time", "block_time")}
                moved = block | times | {"block_number": first + copy * len(blocks) + place}
                ms = int(shift.total_seconds() * 1000)
                moved["events"] = [
                    [_in_crowd(who, copy % crowds), _moved(fill, ms, copy * trades, copy % crowds)]
                    for who, fill in block["events"]
                ]
                file.write(msgspec.json.encode(moved) + b"\n")
    return path


def _moved(fill: dict[str, Any], ms: int, trades: int, crowd: int) -> dict[str, Any]:
    """A fill of another time, trade and crowd."""
    moved = fill | {"time": fill["time"] + ms, "tid": fill["tid"] + trades}
    if forced := fill.get("liquidation"):
        moved["liquidation"] = forced | {"liquidatedUser": _in_crowd(forced["liquidatedUser"], crowd)}
    return moved


def _in_crowd(address: str, crowd: int) -> str:
    """The account of another crowd that stands for this one; of the first it is itself."""
    return f"0x{crowd:06x}{address[8:]}" if crowd else address


def _shifted(time: str, shift: timedelta) -> str:
    return f"{datetime.fromisoformat(time[:19]) + shift:%Y-%m-%dT%H:%M:%S}{time[19:]}"


if __name__ == "__main__":
    import_fills(Path(sys.argv[1]), Path(sys.argv[2]))

"""What an event costs: `python benchmarks/scale.py [--copies N] [--json]`, the figures that docs/scale.md plans with.

1. The record is an import of so many copies of the sample of node fills (`importing.py`), 20 crowds of accounts taking
   turns: 620 give 8.4 million events of 15,000 accounts. Imported into one record, into two, and into eight.
2. Each figure is of a process of its own that did nothing else, in processor time, its start included.
3. *a day* is what a day of 1,000,000,000 events comes to at that rate: hours of one processor, or gigabytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import memory
import msgspec
from child import Watched, python, watch_child
from importing import copied, sample_blocks

from deleverage import open_run
from deleverage.events.record import RecordSettings
from deleverage.replay.importers.hyperliquid.importer import share_of
from deleverage.replay.importers.importing import run_import

__all__ = ["main"]

_COPIES, _COPIES_SHORT = 60, 2
_CROWDS = 20
_SHARDS = (2, 8)
_MEASURED = 2
"""Of so many shards each figure is: of eight, the others cost the same within a few percent."""
_DAY_EVENTS = 10**9
_HOUR_SECONDS = 3_600


class Cost(msgspec.Struct, frozen=True):
    """What something costs, in which unit, and a day of it."""

    what: str
    value: float
    unit: str
    day: str = ""


@click.command()
@click.option("--copies", type=click.IntRange(1), default=_COPIES, show_default=True, help="Of the sample.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document in place of the table.")
@click.option("--short", is_flag=True, help="Tiny sizes: shows that nothing crashes; the figures mean nothing.")
@click.option("--shard", nargs=4, hidden=True, help="One import in this process: files, record, which of how many.")
def main(*, copies: int, as_json: bool, short: bool, shard: tuple[str, str, str, str] | None) -> None:
    """Measure what a long record costs, by the event."""
    if shard is not None:
        files, record, number, shards = shard
        settings = RecordSettings(durability="none")
        run_import(share_of([files], (), (), int(shards), int(number)), Path(record), settings=settings)
        return
    costs: list[Cost] = []
    for cost in _measured(_COPIES_SHORT if short else copies, short=short):
        costs.append(cost)
        if not as_json:
            figure = f"{cost.value:,.3g}" if cost.value < 100 else f"{cost.value:,.0f}"
            click.echo(f"{cost.what:<58}{figure:>12} {cost.unit:<13}{cost.day:>12}".rstrip())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"short": short, "costs": costs}), indent=2))


def _measured(copies: int, *, short: bool) -> Iterator[Cost]:
    blocks, source = sample_blocks()
    with tempfile.TemporaryDirectory(prefix="deleverage-") as name:
        folder = Path(name)
        files, small = folder / "fills.jsonl.zst", folder / "small.jsonl.zst"
        copied(files, blocks, copies, _CROWDS)
        copied(small, blocks, max(copies // 10, 1), _CROWDS)
        whole = _imported(files, folder / "whole.run", 0, 1)
        run = open_run(folder / "whole.run")
        events, record = run.count, run.path
        yield Cost(f"events of {source}", events, "events")
        yield Cost("accounts", len(run.at().accounts), "accounts")
        yield _time("import into one record", whole.processor_seconds, events)
        yield from _sharded(files, folder, whole.processor_seconds, events)
        tenth = _imported(small, folder / "small.run", 0, 1).peak_bytes
        yield Cost("memory of that import", whole.peak_bytes / 1e6, "MB")
        yield Cost("  of one of a tenth of the events", tenth / 1e6, "MB")
        yield from _stored(record, events)
        yield _time("verify, one process", _asked("verify", record).processor_seconds, events)
        yield from _questions(record, short=short)
        export = _asked("export", record, "-o", folder / "tables")
        yield _time("export as Parquet", export.processor_seconds, events)
        yield _bytes(
            "  the tables", sum(path.stat().st_size for path in (folder / "tables").rglob("*.parquet")), events
        )
        crash = folder / "crash.run"
        few = ["--set", "population.accounts=100", "--set", 'end="2025-10-10T20:42:00Z"'] if short else []
        recorded = _asked("run", "flash-crash", "-o", crash, *few)
        yield _time("recording, every decision made (flash-crash)", recorded.processor_seconds, open_run(crash).count)
        yield _time(
            "verify, every decision made again", _asked("verify", crash).processor_seconds, open_run(crash).count
        )
    for line in memory.measure(short=short):
        if line.value is not None:
            yield Cost(f"{line.name.replace('.', ', ')}, an account with three positions", line.value, "bytes")


def _imported(files: Path, record: Path, number: int, shards: int) -> Watched:
    return watch_child(python(__file__, "--shard", str(files), str(record), str(number), str(shards)))


def _asked(command: str, *arguments: str | Path) -> Watched:
    return watch_child(python("-m", "deleverage", command, *map(str, arguments)))


def _sharded(files: Path, folder: Path, whole_seconds: float, events: int) -> Iterator[Cost]:
    for shards in _SHARDS:
        runs = [folder / f"{number}-of-{shards}.run" for number in range(_MEASURED)]
        done = [_imported(files, run, number, shards) for number, run in enumerate(runs)]
        slowest, spent = max(one.processor_seconds for one in done), sum(one.processor_seconds for one in done)
        held = sum(open_run(run).count for run in runs)
        yield _time(f"import into {shards} records, the slowest process", slowest, events)
        yield Cost("  times as fast as one", whole_seconds / slowest, "")
        yield _time("  all of them together", spent / _MEASURED * shards, events)
        yield Cost("  events held, over those of one record", held / events / _MEASURED * shards, "")
        yield Cost("  memory of the largest", max(one.peak_bytes for one in done) / 1e6, "MB")


def _stored(record: Path, events: int) -> Iterator[Cost]:
    """The files of a record."""
    open_run(record).columns.mend()
    sizes = {path.name: path.stat().st_size for path in record.iterdir()}
    yield _bytes("segments, compressed", sum(size for name, size in sizes.items() if name.endswith(".seg")), events)
    states = [size for name, size in sizes.items() if name.endswith(".state.idx")]
    yield _bytes(f"states kept beside it ({len(states)})", sum(states), events)
    for name, size in sorted(sizes.items()):
        if name.endswith(".idx") and not name.endswith(".state.idx") and size > events // 100:
            yield _bytes(f"  {name}", size, events)


def _questions(record: Path, *, short: bool) -> Iterator[Cost]:
    """Questions from the command line, each after it was asked once before."""
    run = open_run(record)
    middle, name = run.count // 2, max(run.at().accounts, key=lambda account: len(account.positions)).account
    questions: dict[str, Sequence[str]] = {
        "state, in the middle": ("state", str(record), "--at", str(middle)),
        "why, of the account with most positions": ("why", str(record), "--account", str(name)),
        "history of it, the last minute": (
            "history",
            str(record),
            "--account",
            str(name),
            "--from",
            str(middle * 199 // 100),
        ),
    }
    for what, (command, *arguments) in questions.items():
        seconds = [_asked(command, *arguments).processor_seconds for _ in range(1 if short else 2)]
        yield Cost(what, seconds[-1], "s")


def _time(what: str, seconds: float, events: int) -> Cost:
    return Cost(what, seconds / events * 1e6, "us an event", f"{seconds / events * _DAY_EVENTS / _HOUR_SECONDS:,.2f} h")


def _bytes(what: str, size: int, events: int) -> Cost:
    return Cost(what, size / events, "B an event", f"{size / events * _DAY_EVENTS / 1e9:,.1f} GB")


if __name__ == "__main__":
    main()

"""An import into several records at once, by the hash of an account's name: `deleverage import hyperliquid --shards N`.

1. Each shard is imported from all of the files by a process of its own, so nothing is passed between them. What a
   format takes into a shard it says itself (`hyperliquid/share.py`).
2. The records are put under one head when all of them are sealed (`events/record/shards.py`). Until then nothing stands
   under the name that was asked for; what broke off begins anew.
3. Listings, marks and the venue's own accounts are in each: their events count in each. So a shard answers by itself.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec

from ...events.errors import ScenarioError
from ...events.record import RecordSettings, Shard, run_name, write_shards
from ...events.regular import must_be_free, whole_folder
from ..jobs import Jobs, succeeded
from .faults import OnError
from .importing import Importer, ImportResult, ShardImported, run_import

__all__ = ["import_shards"]

_Made = ImportResult | Exception


def import_shards(
    make: Callable[[int], Importer],
    output: Path,
    shards: int,
    *,
    jobs: Jobs,
    on_error: OnError = "stop",
    settings: RecordSettings | None = None,
    watch: Callable[[int], None] = lambda _done: None,
) -> ImportResult:
    """Import so many shards into a new folder, `jobs` at once; `make` makes the importer of one, in its process.

    `watch` is told how many are done. Raises ScenarioError for bad input, RecordExistsError where `output` is taken,
    QueryError where it cannot be written there.
    """
    started = time.perf_counter()
    must_be_free(output)
    made: dict[int, ImportResult] = {}
    with whole_folder(output) as folder:
        perform = partial(_imported, make, folder, on_error, settings)
        for number, outcome in succeeded(jobs, perform, _lost, range(shards)):
            made[number] = outcome
            watch(len(made))
        results = [made[number] for number in range(shards)]
        told = [Shard(run_name(number), one.events, one.head) for number, one in enumerate(results)]
        head = write_shards(folder, told).head
    return _together(output, results, head, time.perf_counter() - started)


def _imported(
    make: Callable[[int], Importer], folder: Path, on_error: OnError, settings: RecordSettings | None, number: int
) -> _Made:
    """One shard, in a process of its own. Its error is what comes of it."""
    try:
        return run_import(make(number), folder / run_name(number), on_error=on_error, settings=settings)
    except Exception as error:  # noqa: BLE001 - raised by whoever asked
        return error


def _lost(told: str) -> ScenarioError:
    """The outcome of a shard whose process died."""
    return ScenarioError(f"a shard was not imported: {told}")


def _together(output: Path, results: list[ImportResult], head: str, seconds: float) -> ImportResult:
    """What all of them have. What was wrong with the files each of them met; of what it met in values only its own."""
    first, counts, noted = results[0], Counter[str](), Counter[str]()
    for one in results:
        counts.update(dict(one.counts))
        noted.update(dict(one.noted))
    return msgspec.structs.replace(
        first,
        run=str(output),
        events=sum(one.events for one in results),
        head=head,
        seconds=seconds,
        start_ns=min(one.start_ns for one in results),
        end_ns=max(one.end_ns for one in results),
        accounts=sum(one.accounts for one in results),
        counts=tuple(sorted(counts.items())),
        noted=tuple(sorted(noted.items())),
        faults=tuple(dict.fromkeys(chain.from_iterable(one.faults for one in results))),
        shards=tuple(
            ShardImported(run_name(number), one.events, one.head, one.seconds) for number, one in enumerate(results)
        ),
    )

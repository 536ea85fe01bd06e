"""A receipt for each position that was auto-deleveraged, in a folder: all of them, or it is not there at all.

1. A file is named by the account's number, as much of its name as every file system takes, and the event.
2. Rounds that continue one ranking share their rows: these are made once for the last of them, and each receipt has
   those up to its own round. Such rounds are done together by one process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from ...events.envelope import Event
from ...events.errors import QueryError
from ...events.regular import must_be_free, open_new, plain_name, whole_folder
from ..run import Run, open_run
from ..studies import executed
from .file import RoundRows, encode_receipt
from .receipt import Receipts, is_ranked, must_have_head
from .standing import rows_behind

__all__ = ["ReceiptsMade", "write_receipts"]


class ReceiptsMade(NamedTuple):
    """How many receipts were written, of how many bytes in all."""

    receipts: int
    size_bytes: int


class _OneRanking(msgspec.Struct, frozen=True):
    """Reductions by number, each with its round's first event, of one ranking or of a record that was taken in."""

    record: Path
    plugins: tuple[Path, ...]
    folder: Path
    reductions: tuple[tuple[int, int], ...]


class _ReceiptsOfRanking(msgspec.Struct, frozen=True):
    """What came of a task."""

    receipts: int
    size_bytes: int


def write_receipts(
    run: Run, path: Path, *, jobs: int, watch: Callable[[int, int], None] = lambda _done, _of: None
) -> ReceiptsMade:
    """Write them into a folder that is not there yet, or empty; `watch` hears how many of how many are done.

    Raises RecordExistsError where there is something in the folder, QueryError where nobody was deleveraged or nothing
    can be written, and what `receipt_of` raises.
    """
    must_be_free(path)
    must_have_head(run)
    rankings = _by_ranking(run)
    total = sum(len(one) for one in rankings)
    if not total:
        message = f"{run.path}: nobody was deleveraged in it, so there is no receipt to write"
        raise QueryError(message)
    done = size_bytes = 0
    with whole_folder(path) as folder:
        given = Path(run.path), run.plugin_folders, folder
        tasks = [(number, _OneRanking(*given, tuple(one))) for number, one in enumerate(rankings)]
        for _, written in executed(tasks, _write, jobs):
            done, size_bytes = done + written.receipts, size_bytes + written.size_bytes
            watch(done, total)
    return ReceiptsMade(done, size_bytes)


def _by_ranking(run: Run) -> list[list[tuple[int, int]]]:
    """The reductions of the rounds that continue one ranking together, with the event that began each one's round."""
    rankings = dict[int, list[tuple[int, int]]]()
    began, started = dict[int, int](), dict[int, int]()
    for event in run.events():
        body = event.body
        if isinstance(body, DeleveragingStarted):
            began[body.round] = began.get(body.base_round, body.round) if body.base_round is not None else body.round
            started[body.round] = event.seq
        elif isinstance(body, PositionDeleveraged):
            rankings.setdefault(began[body.round], []).append((event.seq, started[body.round]))
    return list(rankings.values())


def _write(task: _OneRanking) -> _ReceiptsOfRanking:
    """Write the receipts of a ranking."""
    run = open_run(task.record, plugins=task.plugins)
    receipts, size_bytes = Receipts(run), 0
    last = run.event(task.reductions[-1][0])
    rows = rows_behind(run, run.event(task.reductions[-1][1])) if is_ranked(last) else ()
    for seq, started in task.reductions:
        data = encode_receipt(receipts.of(seq, _up_to(rows, started)))
        _save(task.folder / _file_name(run, run.event(seq)), data)
        size_bytes += len(data)
    return _ReceiptsOfRanking(len(task.reductions), size_bytes)


def _up_to(rows: Sequence[RoundRows], started: int) -> Sequence[RoundRows]:
    return [one for one in rows if one.started <= started]


def _file_name(run: Run, reduction: Event) -> str:
    body = reduction.body
    assert isinstance(body, PositionDeleveraged)
    return f"{plain_name(body.account, run.directory.account_name(body.account))}.{reduction.seq}.json"


def _save(path: Path, data: bytes) -> None:
    try:
        with open_new(path) as file:
            file.write(data)
    except OSError as error:
        message = f"{path.parent}: it cannot be written there ({error.strerror}); give another folder"
        raise QueryError(message) from error

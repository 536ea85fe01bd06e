"""A page for each account that was deleveraged, in a folder with an index: complete at the end, or not there at all.

1. A page is what the command prints about that account. Its file is named by the account's number and as much of its
   name as every file system takes, so that no name leads elsewhere or falls together with another.
2. The pages are written into a folder beside the one that was asked for, which takes its name when all are there.
3. The accounts are shared out to processes by the time of what is told of them, a stretch of the record each.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

import msgspec

from ...events.bodies.margin import MarkPriced
from ...events.bodies.waterfall import PositionDeleveraged
from ...events.envelope import Origin
from ...events.errors import DeleverageError, QueryError, RecordExistsError
from ...events.regular import open_new
from ...sim.signals import stoppable
from ..indexed import IndexedRun
from ..run import Run, open_run
from ..workers import Workers
from .answer import Befallen
from .befallen import befallen, befallen_with
from .index_page import Indexed, index_page
from .names import Names
from .pages import Layout, account_page
from .together import answers_together

__all__ = ["Made", "deleveraged_in", "file_name", "write_everyone"]

_SUFFIXES: dict[Layout, str] = {"text": "txt", "md": "md", "json": "json"}
_STRETCHES = 4
"""So many tasks for each process, so that none waits long for another; each costs a second to begin."""
_NAME_MOST = 60
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class Reduced(NamedTuple):
    """An account that was deleveraged: in which events, and what their prices gained it over the marks."""

    account: int
    events: tuple[int, ...]
    gained_atoms: int


class Made(NamedTuple):
    """What was written: how many pages, and where."""

    pages: int
    path: Path


class _Task(msgspec.Struct, frozen=True):
    """A stretch of accounts, by number, with the last reduction of each, and where their pages go."""

    record: Path
    plugins: tuple[Path, ...]
    accounts: tuple[tuple[int, int], ...]
    folder: Path
    layout: Layout
    width: int
    whole: bool


class _Done(msgspec.Struct, frozen=True):
    """How many pages a task wrote, or the one line that says why it could not."""

    pages: int = 0
    error: str | None = None


def deleveraged_in(run: Run) -> list[Reduced]:
    """The accounts that were deleveraged, by number; one reading of the record. `gained_atoms` is 0 in an import."""
    markets = run.at().markets
    marks, events, gained = dict[int, int](), dict[int, list[int]](), dict[int, int]()
    for event in run.events():
        body = event.body
        if isinstance(body, MarkPriced):
            marks[body.instrument] = body.mark_ticks
        elif isinstance(body, PositionDeleveraged):
            events.setdefault(body.account, []).append(event.seq)
            if event.origin is Origin.DECIDED:
                at_mark_atoms = markets[body.instrument].payoff.value_atoms(body.size_lots, marks[body.instrument])
                gained[body.account] = gained.get(body.account, 0) + at_mark_atoms - body.value_atoms
    return [Reduced(account, tuple(events[account]), gained.get(account, 0)) for account in sorted(events)]


def file_name(account: int, name: str, layout: Layout) -> str:
    """The file of an account: its number, what is plain of its name, and the ending of the layout."""
    plain = _UNSAFE.sub("_", name)[:_NAME_MOST].strip("_")
    return f"{account}{f'-{plain}' if plain else ''}.{_SUFFIXES[layout]}"


def write_everyone(
    run: Run,
    path: Path,
    layout: Layout,
    width: int,
    *,
    jobs: int,
    whole: bool = False,
    watch: Callable[[int, int], None] = lambda _done, _of: None,
) -> Made:
    """Write the pages and the index into a folder that is not there yet, or empty; `watch` hears how many are done.

    Raises RecordExistsError where there is something in the folder, QueryError where nobody was deleveraged or nothing
    can be written, DeleverageError where a page cannot be made.
    """
    _must_be_free(path)
    reduced = deleveraged_in(run)
    if not reduced:
        message = f"{run.path}: nobody was deleveraged in it, so there is no page to write"
        raise QueryError(message)
    names = Names(run.at())
    with stoppable(), _folder_for(path) as folder:
        stretches = _stretches(reduced, jobs * _STRETCHES)
        given = Path(run.path), run.plugin_folders
        tasks = deque(_Task(*given, stretch, folder, layout, width, whole) for stretch in stretches)
        done = 0
        watch(done, len(reduced))
        with Workers[_Task, _Done](min(jobs, len(tasks)), _perform, _lost) as workers:
            for _, outcome in workers.outcomes(tasks):
                if outcome.error is not None:
                    raise DeleverageError(outcome.error)
                done += outcome.pages
                watch(done, len(reduced))
        index = index_page(run, _indexed(run, reduced, names, layout), layout, width)
        _write(folder / f"index.{_SUFFIXES[layout]}", index)
    return Made(len(reduced), path)


def _stretches(reduced: Iterable[Reduced], parts: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """The accounts by the time of their last reduction, in so many parts of nearly one size; rounds stay together."""
    accounts = sorted(((one.account, one.events[-1]) for one in reduced), key=lambda one: one[1])
    size = -(-len(accounts) // parts)
    for first in range(0, len(accounts), size):
        yield tuple(accounts[first : first + size])


def _indexed(run: Run, reduced: Sequence[Reduced], names: Names, layout: Layout) -> list[Indexed]:
    return [
        Indexed(
            one.account,
            names.account(one.account),
            one.events,
            None if run.imported else one.gained_atoms,
            None if run.imported else names.money(one.account, one.gained_atoms),
            file_name(one.account, names.account(one.account), layout),
        )
        for one in reduced
    ]


def _perform(task: _Task) -> _Done:
    """Write the pages of a stretch. Never raises: an error is the outcome's."""
    try:
        return _Done(_write_pages(task))
    except DeleverageError as error:
        return _Done(error=" ".join(str(error).split()))
    except OSError as error:
        return _Done(error=f"{task.folder}: it cannot be written there ({error.strerror}); give another folder")
    except Exception as error:  # noqa: BLE001 - the parent says it in one line
        return _Done(error=" ".join(f"{type(error).__name__}: {error}".split()))


def _lost(told: str) -> _Done:
    return _Done(error=f"a page could not be made: {told}")


def _write_pages(task: _Task) -> int:
    run = IndexedRun(open_run(task.record, plugins=task.plugins).reader, task.plugins)
    run.keep_blocks()
    run.kept.leave_as_they_are()
    names = Names(run.at())
    for found in _befell(run, task, names):
        page = account_page(run, found, task.layout, task.width, whole=task.whole)
        _write(task.folder / file_name(found.account, found.name, task.layout), page)
    return len(task.accounts)


def _befell(run: IndexedRun, task: _Task, names: Names) -> Iterator[Befallen]:
    """What befell each account; of an import one after the other, where rounds have little in common."""
    if run.imported:
        for account, _ in task.accounts:
            yield befallen(run, account, whole=task.whole)
        return
    by_seq = {seq: account for account, seq in task.accounts}
    for answer in answers_together(run, by_seq, whole=task.whole):
        yield befallen_with(run, by_seq[answer.event.seq], answer, names)


def _write(path: Path, data: bytes) -> None:
    with open_new(path) as file:
        file.write(data)


def _must_be_free(path: Path) -> None:
    """Raise RecordExistsError if there is something of that name but an empty folder."""
    if os.path.lexists(path) and not (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
        message = f"{path}: it is there and not an empty folder, and nothing is written over; give another folder"
        raise RecordExistsError(message)


@contextmanager
def _folder_for(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, which gets that name at the end, or is taken away with all that is in it."""
    beside = path.absolute().with_name(f".{path.absolute().name}.{os.getpid()}.part")
    try:
        beside.mkdir()
    except OSError as error:
        message = f"{path}: it cannot be written there ({error.strerror}); give another folder"
        raise QueryError(message) from error
    try:
        yield beside
        _must_be_free(path)
        try:
            beside.rename(path.absolute())
        except OSError as error:
            message = f"{path}: the finished pages cannot take that name ({error.strerror}); give another folder"
            raise QueryError(message) from error
    finally:
        rmtree(beside, ignore_errors=True)

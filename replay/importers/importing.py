"""The way in: files to a record.

1. An importer reads its files twice: `survey` finds out what must be declared (nothing is written, bad files end it
   here), `take` writes everything down in the order of the files.
2. What is imported follows from the files' bytes and the importer's options alone: the same files give the same head.
3. A record that broke off (interrupted, failed, torn by a crash) says so in its status and is readable up to there. The
   same command starts it again from the beginning; what was there is replaced. A complete record is never replaced.
4. Bad input that stops an import leaves no record behind.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from ...events.bodies.run import Producer
from ...events.errors import RecordError, RecordExistsError
from ...events.record import RecordSettings, RecordWriter
from ...events.record.files import exclusive
from ...events.record.manifest import is_never_begun, read_manifest
from ...events.regular import kind_of
from ...sim.collecting import seldom_collected
from ...sim.sealing import keep_states, sealing
from .faults import Faults, ImportFault, OnError
from .reading import SourceFile
from .session import Session

__all__ = ["ImportResult", "Importer", "Progress", "ShardImported", "result_of", "run_import"]

Progress = Callable[[int, int], None]
"""Called now and then with (bytes read so far, of how many), both passes together."""

_SCENARIO = "import of "
_PASSES = 2


class Importer(Protocol):
    """One format. An importer is made with its options and opens its files (`open_sources`) when it is made."""

    format: str
    """Its name on the command line."""
    venue: str
    options: tuple[tuple[str, str], ...]
    """(option, value) of all that changes what is imported, beside the files."""
    sources: tuple[SourceFile, ...]
    producers: tuple[Producer, ...]
    """The plug-in that reads the files, if one does."""

    def survey(self, faults: Faults, watch: Callable[[int], None]) -> int:
        """Read once, without writing, and return the instant at which the record begins.

        `watch` is told bytes as they are read. Raises ScenarioError for files that cannot be imported.
        """
        ...

    def take(self, session: Session, watch: Callable[[int], None]) -> None:
        """Declare everything, then record everything, in order."""
        ...


class ShardImported(msgspec.Struct, frozen=True):
    """One record of several that an import was put into: how many events it has, its head, the seconds it took."""

    run: str
    events: int
    head: str
    seconds: float


class ImportResult(msgspec.Struct, frozen=True):
    """What came of an import. `rows` and `faults` are by source; `noted` is what was put right, by reason.

    Of one into several records `head` is over all, and events and accounts that are in several count in each.
    """

    run: str
    format: str
    status: str
    events: int
    head: str
    seconds: float
    start_ns: int
    end_ns: int
    accounts: int
    instruments: int
    sources: tuple[tuple[str, int], ...]
    counts: tuple[tuple[str, int], ...]
    noted: tuple[tuple[str, int], ...]
    faults: tuple[ImportFault, ...]
    shards: tuple[ShardImported, ...] = ()


def run_import(
    importer: Importer,
    output: Path,
    *,
    on_error: OnError = "stop",
    settings: RecordSettings | None = None,
    progress: Progress | None = None,
) -> ImportResult:
    """Import into a record at `output`.

    Raises ScenarioError for bad input, RecordExistsError where `output` is a complete record or anything else that no
    import left unfinished, and RecordFullError after sealing what there is.
    """
    started = time.perf_counter()
    watch = _watch(importer, progress)
    _look_at(output)
    start_ns = importer.survey(Faults(on_error), watch)
    _clear(output)
    faults, name = Faults(on_error), f"{_SCENARIO}{importer.format}"
    sink = RecordWriter(output, scenario=name, seed=0, settings=settings or RecordSettings())
    with sealing(sink):
        session = Session(sink, faults, importer.venue)
        keep_states(sink, session.ledger)
        session.move_to(start_ns)
        made_from = (importer.format, importer.options, on_error, [one.sha256.hex() for one in importer.sources])
        session.begin(name, made_from, importer.sources, importer.producers)
        faults.heard = session.missing
        with seldom_collected():
            importer.take(session, watch)
        session.end(importer.sources)
    return result_of(importer.format, importer.sources, sink, session, time.perf_counter() - started)


def _watch(importer: Importer, progress: Progress | None) -> Callable[[int], None]:
    """Adds up bytes for the progress bar."""
    total = _PASSES * sum(source.size_bytes for source in importer.sources)
    done = 0

    def read(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total)

    return read


def _look_at(output: Path) -> None:
    """Refuse a place that is taken, before the files are read."""
    if kind_of(output) is not None and not is_never_begun(output) and not _is_unfinished(output):
        message = f"{output}: it exists already, and a record is never written over; give another name"
        raise RecordExistsError(message)


def _clear(output: Path) -> None:
    """Make way for a new start."""
    _look_at(output)
    if kind_of(output) is not None:
        shutil.rmtree(output)


def _is_unfinished(output: Path) -> bool:
    """Whether this is an import that broke off, and nobody writes to it."""
    try:
        manifest = read_manifest(output)
        if manifest.status not in ("interrupted", "failed", "recording") or not manifest.scenario.startswith(_SCENARIO):
            return False
        with exclusive(output):
            return True
    except (RecordError, OSError):
        return False


def result_of(
    format_name: str, sources: tuple[SourceFile, ...], sink: RecordWriter, session: Session, seconds: float
) -> ImportResult:
    """What a sealed record has of its sources."""
    faults, manifest = session.faults, sink.manifest
    return ImportResult(
        run=str(sink.path),
        format=format_name,
        status=sink.status,
        events=sink.count,
        head=sink.head.hex(),
        seconds=seconds,
        start_ns=manifest.first_at_ns or 0,
        end_ns=manifest.last_at_ns or 0,
        accounts=len(session.ledger.accounts),
        instruments=len(session.ledger.markets),
        sources=tuple((source.path.name, faults.of(source).rows) for source in sources),
        counts=tuple(sorted(session.counts.items())),
        noted=tuple(sorted(faults.noted.items())),
        faults=faults.found,
    )

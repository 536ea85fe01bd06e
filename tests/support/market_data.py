"""Files of market data written by hand, and what an import of them records."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from deleverage.events.envelope import Event, Origin
from deleverage.events.record import RecordSettings
from deleverage.events.vocabulary import Body
from deleverage.replay.importers.faults import OnError
from deleverage.replay.importers.importing import Importer, ImportResult, run_import
from deleverage.replay.run import open_run

__all__ = ["MS", "NS", "US", "bodies", "events", "recorded", "with_origin", "written"]

MS = 1_760_054_400_000
"""2025-10-10T00:00:00Z."""
US, NS = MS * 10**3, MS * 10**6

One = TypeVar("One", bound=Body)


def written(folder: Path, name: str, *lines: str) -> str:
    """A file with these lines, by path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return str(path)


def recorded(folder: Path, importer: Importer, on_error: OnError = "stop") -> ImportResult:
    """Import into a record of the folder."""
    return run_import(importer, folder / "run", on_error=on_error, settings=RecordSettings(durability="none"))


def events(result: ImportResult) -> list[Event]:
    """Every event of the record."""
    return list(open_run(Path(result.run)).events())


def bodies(result: ImportResult, body_type: type[One]) -> list[One]:
    """The bodies of one type, in order."""
    return [event.body for event in events(result) if isinstance(event.body, body_type)]


def with_origin(result: ImportResult, origin: Origin, after: type[Body]) -> list[str]:
    """The names of the events of an origin behind the last of a type."""
    found = events(result)
    last = max(place for place, event in enumerate(found) if isinstance(event.body, after))
    return [type(event.body).__name__ for event in found[last + 1 :] if event.origin is origin]

"""An importer from a plug-in: it says what its files hold, and what it gives is looked at before it is recorded.

1. A class has `survey(files)` and `take(files, session)`, as an `Importer` has them, and a `venue` if it likes. A file
   gives its lines, and takes a fault with the line that it stands in: that is a fault of the file.
2. Whatever else goes wrong is the plug-in's fault, and is told with its own line. What stands there already is sealed.
3. The record has the code among its producers, by content: the same code and the same files give the same head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from ...events.bodies.listing import AccountOpened, AssetListed, InstrumentListed
from ...events.bodies.run import Producer
from ...events.errors import RecordError, ScenarioError
from ...events.vocabulary import Body
from ...handlers.plugins.complaints import called, complaint, shown
from ...handlers.plugins.products import fault_in, wrong_types
from ...sim.reading.lines import Watch
from ...sim.sources.own import Own
from ...sim.units import INT64_MAX
from .faults import Faults
from .reading import SourceFile, open_sources, read_rows
from .session import Session

__all__ = ["OwnFile", "OwnImporter"]

T = TypeVar("T")


class OwnFile:
    """A file as a plug-in sees it: its `source`, its lines, and where to say what is wrong in one of them."""

    def __init__(self, source: SourceFile, faults: Faults, watch: Watch) -> None:
        self.source, self._faults, self._watch = source, faults, watch

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """(number from 1 on, line without its end) of each that is not empty, unpacked; all are counted."""
        tally = self._faults.of(self.source)
        for row, line in read_rows(self.source, self._watch, self._faults.cut(self.source)):
            tally.rows += 1
            yield row, line

    def leave_out(self, reason: str, row: int, message: str) -> None:
        """Say that a line is left out: `reason` is the same for all of its kind. Stops the import, or is counted."""
        self._faults.report(reason, self.source, row, message)


class OwnImporter:
    """A plug-in as an `Importer`. Its options are its content and its parameters."""

    def __init__(self, own: Own, files: Iterable[str]) -> None:
        """Find the files. Raises ScenarioError for one that is not there."""
        self._own = own
        self.format = own.name
        self.producers: tuple[Producer, ...] = (own.producer,)
        self.venue = str(getattr(own.provider, "venue", type(own.provider).__name__))
        parameters = msgspec.json.encode(own.producer.parameters, order="sorted").decode()
        self.options: tuple[tuple[str, str], ...] = (
            ("version", own.producer.version),
            ("parameters", parameters),
        )
        self.sources = open_sources(tuple((name, own.name) for name in files))

    def survey(self, faults: Faults, watch: Watch) -> int:
        """When the record begins, as the plug-in says it. Raises HandlerError where that is no time."""
        at_ns = self._asked("survey()", lambda: self._own.provider.survey(self._files(faults, watch)))
        if type(at_ns) is not int or not 0 <= at_ns <= INT64_MAX:
            raise complaint(self.format, f"survey() gave {shown(at_ns)}; nanoseconds since 1970 are due")
        return at_ns

    def take(self, session: Session, watch: Watch) -> None:
        """Have the plug-in record what there is. Raises HandlerError for what cannot be."""

        def look(body: Body) -> None:
            lists = isinstance(body, AssetListed | InstrumentListed | AccountOpened)  # its number is no one's yet
            fault = next(wrong_types(body), "") if lists else fault_in((body,), session.ledger)
            if fault or type(session.at_ns) is not int:
                raise ValueError(fault or f"move_to({shown(session.at_ns)}); whole nanoseconds are due")

        session.look = look
        try:
            self._asked("take()", lambda: self._own.provider.take(self._files(session.faults, watch), session))
        finally:
            session.look = None

    def _files(self, faults: Faults, watch: Watch) -> tuple[OwnFile, ...]:
        return tuple(OwnFile(source, faults, watch) for source in self.sources)

    def _asked(self, what: str, call: Callable[[], T]) -> T:
        """What the plug-in gives; faults of a file and of the record are not its own."""
        return called(self.format, what, call, passing=(ScenarioError, RecordError))

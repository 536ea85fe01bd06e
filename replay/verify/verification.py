"""Whether a record is sound: every byte of it, its head, its order, and the laws of the ledger that it folds to.

    blocks    every block's CRC and length are right and its events decode
    head      the head over all events is the one in the manifest (a torn record has none to compare with)
    order     numbers have no gaps, time never runs backwards, causes and links come before what they led to
    fold      every event follows from the state before it
    laws      money and sizes sum to zero and the other laws hold, at the end of each block and of the record

1. Everything is read once. What comes after a break in the blocks is not judged; a broken fold does not stop the rest.
2. The handlers are not executed again: that the decisions follow from the inputs is not part of this check.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ...events.envelope import Event
from ...events.errors import LedgerError, RecordDamagedError
from ...events.ledger import Ledger
from ...events.record import Frontier, leaf_hash, page_root
from ..run import Run, open_run

__all__ = ["Check", "Verification", "verify"]


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at: `ok` is None where it could not be judged."""

    check: str
    ok: bool | None
    text: str


class Verification(msgspec.Struct, frozen=True):
    """What was found; `head` is None where not every event could be read, `warning` is there for a torn record."""

    run: str
    status: str
    torn: bool
    events: int
    head: str | None
    sound: bool
    checks: tuple[Check, ...]
    warning: str | None = None
    reexecuted: bool = False

    @property
    def fault(self) -> Check | None:
        """The first thing that is not as it should be."""
        return next((check for check in self.checks if check.ok is False), None)


def verify(path: Path, every: int | None = None) -> Verification:
    """Check a record; the laws after every block, or after `every` so many events. Reads all of it.

    Damage is an answer and not an error. Raises RecordNotFoundError if there is no record.
    """
    try:
        run = open_run(path)
    except RecordDamagedError as error:
        damaged = Check("blocks", ok=False, text=str(error))
        return Verification(str(path), "unknown", torn=False, events=0, head=None, sound=False, checks=(damaged,))
    walk = _Walk(run, every)
    checks = tuple(walk.checks())
    return Verification(
        str(path),
        run.manifest.status,
        run.torn,
        walk.count,
        None if walk.damage else walk.tree.root().hex(),
        all(check.ok is not False for check in checks),
        checks,
        run.warning,
    )


class _Walk:
    """One pass over a record, from its first page to its last."""

    def __init__(self, run: Run, every: int | None) -> None:
        self.tree = Frontier()
        self.count = 0
        self.damage: str | None = None
        self._run, self._every = run, every
        self._block_ends = {entry.header.stop_seq for entry in run.reader.blocks}
        self._ledger = Ledger()
        self._last_ns, self._law_checks = 0, 0
        self._disorder: str | None = None
        self._unfoldable: str | None = None
        self._unlawful: str | None = None

    def checks(self) -> list[Check]:
        """Read everything and say what was found."""
        try:
            for events, data in self._run.reader.pages():
                self._page(events, data)
        except RecordDamagedError as error:
            self.damage = str(error)
        self._check_laws()
        blocks = len(self._run.reader.blocks)
        return [
            _check("blocks", self.damage, f"{blocks:,} of {blocks:,} are as written"),
            self._head(),
            _check("order", self._disorder, f"{self.count:,} events without a gap, never back in time"),
            _check("fold", self._unfoldable, f"{self._ledger.seq:,} events follow one from the other"),
            _check("laws", self._unlawful, f"hold at {self._law_checks:,} points"),
        ]

    def _page(self, events: Sequence[Event], data: bytes) -> None:
        self.tree = self.tree.add(leaf_hash(page_root(events, data)))
        for event in events:
            if self._disorder is None:
                self._disorder = self._out_of_order(event)
            self._last_ns = event.at_ns
            self.count += 1
            if self._unfoldable is None:
                self._fold(event)

    def _out_of_order(self, event: Event) -> str | None:
        """What is wrong with an event's number, time or causes."""
        if event.seq != self.count:
            return f"event {event.seq} stands where {self.count} is due"
        if event.at_ns < self._last_ns:
            return f"event {event.seq} is at {event.at_ns} ns, after one at {self._last_ns} ns"
        if any(earlier >= event.seq for earlier in (event.cause or 0, *event.links) if event.seq):
            return f"event {event.seq} has a cause or a link that does not come before it"
        return None

    def _fold(self, event: Event) -> None:
        try:
            self._ledger.fold(event)
        except LedgerError as error:
            self._unfoldable = str(error)
            return
        if self.count % self._every == 0 if self._every else self.count in self._block_ends:
            self._check_laws()

    def _check_laws(self) -> None:
        if self._unlawful is not None:
            return
        try:
            self._ledger.check()
            self._law_checks += 1
        except LedgerError as error:
            self._unlawful = str(error)

    def _head(self) -> Check:
        told, found = self._run.manifest.head, self.tree.root().hex()
        if self.damage:
            return Check("head", ok=None, text="not every event could be read")
        if told is None:
            return Check("head", ok=None, text=f"no seal to compare it with: {found}")
        wrong = None if told == found else f"the events give {found}, the manifest says {told}"
        return _check("head", wrong, f"as sealed: {found}")


def _check(name: str, wrong: str | None, text: str) -> Check:
    return Check(name, wrong is None, wrong or text)

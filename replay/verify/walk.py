"""One pass over a record: every byte of it, its head, its order, and the laws of the ledger that it folds to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...events.bodies.run import RunForked
from ...events.envelope import Event
from ...events.errors import LedgerError, RecordDamagedError
from ...events.ledger import Ledger
from ...events.record import Frontier, leaf_hash, page_root
from ...events.record.columns import ColumnsCheck
from ...events.record.held import forks_told, manifest_faults
from ..run import Run
from .checks import Check, checked
from .invariants import Invariants

__all__ = ["Walk"]


class Walk:
    """From the first page to the last; `digests` are those of the states kept beside it, to be met on the way."""

    def __init__(
        self, run: Run, every: int | None, digests: Mapping[int, str], head: str | None, watch: Callable[[int], None]
    ) -> None:
        """The laws are checked after each block, or after `every` so many events; `watch` is told how far it is.

        `head` is the one that is asked for, if one is.
        """
        self.tree = Frontier()
        self.count = 0
        self.damage: str | None = None
        self._run, self._every, self._digests, self._asked, self._watch = run, every, digests, head, watch
        self._columns = None if run.torn else ColumnsCheck(run.reader)
        self._forks: list[int] = []
        self._block_ends = {entry.header.stop_seq for one in run.reader.lineage for entry in one.blocks}
        self._ledger = Ledger()
        self._last_ns = self._law_checks = self._states_met = 0
        self._disorder: str | None = None
        self._unfoldable: str | None = None
        self._unlawful: str | None = None
        self._invariants: Invariants | None = None
        self._misstated: str | None = None

    @property
    def follows(self) -> bool:
        """Whether the events could be read and follow one from the other, so that they can be executed again."""
        return self.obstacle is None

    @property
    def obstacle(self) -> str | None:
        """Why they cannot; None if they can."""
        if self.damage:
            return "not every event could be read"
        if not self.gives_its_head:
            return "the events do not lead to the head"
        return "the events do not follow one from the other" if self._disorder or self._unfoldable else None

    @property
    def gives_its_head(self) -> bool:
        """Whether all of it leads to the head that it was sealed with; what was never sealed has no other."""
        return not self.damage and (self._run.torn or self.tree.root().hex() == self._run.manifest.head)

    def hold(self, invariants: Invariants) -> None:
        """Have each event that follows from those before it told to them."""
        self._invariants = invariants

    def checks(self) -> list[Check]:
        """Read everything and say what was found."""
        try:
            for events, data in self._run.reader.pages():
                self._page(events, data)
        except RecordDamagedError as error:
            self.damage = str(error)
        self._check_laws()
        self._check_forks()
        blocks = self._blocks()
        return [
            checked("blocks", self.damage, f"{blocks:,} of {blocks:,} are as written"),
            self._head(),
            checked("order", self._disorder, f"{self.count:,} events without a gap, never back in time"),
            checked("fold", self._unfoldable, f"{self._ledger.seq:,} events follow one from the other"),
            checked("laws", self._unlawful, f"hold at {self._law_checks:,} points"),
            self._beside(),
        ]

    def _blocks(self) -> int:
        """How many are this run's: of a parent only those that hold some of the past that is shared."""
        lineage = self._run.reader.lineage
        stops = [*(child.first_seq for child in lineage[1:]), self._run.count]
        shared = zip(lineage, stops, strict=True)
        return sum(entry.header.first_seq < stop for one, stop in shared for entry in one.blocks)

    def _page(self, events: Sequence[Event], data: bytes) -> None:
        root = page_root(events, data)
        self.tree = self.tree.add(leaf_hash(root))
        if self._columns is not None:
            self._columns.take(events, root)
        for event in events:
            if self._disorder is None:
                self._disorder = self._out_of_order(event)
            if type(event.body) is RunForked:
                self._forks.append(event.seq)
            self._last_ns = event.at_ns
            self.count += 1
            if self._unfoldable is None:
                self._fold(event)
        self._meet_state()
        self._watch(self.count)

    def _out_of_order(self, event: Event) -> str | None:
        """What is wrong with an event's number, time or causes."""
        if event.seq != self.count:
            return f"event {event.seq} stands where {self.count} is due"
        if event.at_ns < self._last_ns:
            return f"event {event.seq} is at {event.at_ns} ns, after one at {self._last_ns} ns"
        if any(not 0 <= earlier < event.seq for earlier in (event.cause, *event.links) if earlier is not None):
            return f"event {event.seq} has a cause or a link that does not come before it"
        return None

    def _fold(self, event: Event) -> None:
        try:
            self._ledger.fold(event)
        except LedgerError as error:
            self._unfoldable = str(error)
            return
        except Exception as error:  # noqa: BLE001 - of an event that no venue wrote the fold may make anything
            self._unfoldable = f"event {event.seq}: {type(event.body).__name__} cannot follow ({error!r})"
            return
        if self._invariants is not None:
            self._invariants.take(event, self._ledger)
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

    def _meet_state(self) -> None:
        told = self._digests.get(self.count)
        if told is None or self._ledger.seq != self.count:
            return
        self._states_met += 1
        if self._ledger.digest() != told and self._misstated is None:
            self._misstated = f"the state kept after {self.count} events is not the one that they fold to"

    def _beside(self) -> Check:
        """The states and columns kept beside the record: derived, but relied upon."""
        if not self.damage and not self.gives_its_head:
            return Check("beside", ok=None, text="there is no telling what belongs to events that do not give the head")
        faults = [] if self._columns is None else self._columns.faults()
        wrong = self._misstated or next(iter(faults), None)
        if wrong is not None:
            wrong += "; delete the .idx files, they are made again"
        elif self.damage:
            return Check("beside", ok=None, text="not every event could be read")
        what = "the kept states" if self._columns is None else "the columns and the kept states"
        return checked("beside", wrong, f"{what} ({self._states_met:,}) say what the events do")

    def _head(self) -> Check:
        """The head, and if it is right what else the manifest says of the run."""
        told, found = self._run.manifest.head, self.tree.root().hex()
        if self.damage:
            return Check("head", ok=None, text="not every event could be read")
        if told is None and self._asked is None:
            return Check("head", ok=None, text=f"no seal to compare it with: {found}")
        wrong = None
        if told is None:
            wrong = f"it was never sealed, and {self._asked} is asked for"
        elif told != found:
            wrong = f"the events give {found}, the manifest says {told}"
        elif self._asked is not None and self._asked.lower() != found:
            wrong = f"it is {found}, and {self._asked} is asked for"
        wrong = wrong or next((f"the manifest: {fault}" for fault in manifest_faults(self._run.reader)), None)
        return checked("head", wrong, f"as sealed: {found}")

    def _check_forks(self) -> None:
        """Where the run was forked stands in the manifest, and whoever executes it again goes by that."""
        told = forks_told(self._run.reader)
        if self._disorder is None and not self.damage and tuple(self._forks) != told:
            self._disorder = f"the manifest tells of forks at {list(told)}, and RunForked are the events {self._forks}"

    def note_what_is_true(self) -> None:
        """Note what was found true of a sealed record as known."""
        if self._run.torn or not self.gives_its_head:
            return
        self._run.reader.note_all()
        if self._columns is not None and not self._columns.faults():
            self._run.columns.note_stored()
        if self._misstated is None and self._states_met == len(self._digests):
            self._run.kept.note_all()

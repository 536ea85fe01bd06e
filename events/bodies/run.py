"""The run itself: how it began, what it read, how it ended. Tags 1 to 9."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ..kinds import (
    Count,
    EventNumber,
    SourceNumber,
)
from ..venue_names import plain, venue_of
from .base import BodyBase

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Names

__all__ = [
    "Prices",
    "Producer",
    "RunBody",
    "RunEnded",
    "RunForked",
    "RunStarted",
    "SourceOpened",
    "SourceTally",
]

Prices = Literal["endogenous", "held", "imported"]
"""Whether forced orders moved the marks (`endogenous`), the recorded path was kept (`held`), or nothing was decided.

An `imported` run has no producers: all of it was taken in from a venue's files or concluded from them. What an account
held before they begin is known only as far as they tell.
"""


class Producer(msgspec.Struct, frozen=True, array_like=True):
    """Who decides: a handler, the policy it follows, the version it declares, its parameters and its latency.

    `handler` names the slot that it fills, and where a run has several venues that of one of them: "margin@alpha".
    """

    handler: str
    policy: str
    version: str
    parameters: dict[str, Any]
    latency_ns: int = 0

    @property
    def slot(self) -> str:
        """The slot, without the venue."""
        return plain(self.handler)

    @property
    def venue(self) -> str:
        """The venue for which it decides; empty where there is one, or for who decides over all of them."""
        return venue_of(self.handler)


class SourceTally(msgspec.Struct, frozen=True, array_like=True):
    """What came of one source: rows read, rows merged into another of the same instant, rows left out by reason.

    `left_out` holds (reason, rows, first row).
    """

    source: int
    rows: int
    merged: int
    left_out: tuple[tuple[str, int, int], ...] = ()


class RunStarted(BodyBase, frozen=True, tag=1):
    """The first event of every run. Scenario, rulebook and plug-ins are named by content, never by path.

    `schema` is raised only when the bytes of existing events change. `run_key_commitment` is SHA-256 over the run key
    that makes pseudonyms in rankings.
    """

    grounds = ()
    named = True

    schema: Count
    scenario: str
    scenario_sha256: bytes
    rulebook: str
    rulebook_sha256: bytes
    producers: tuple[Producer, ...]
    seed: Count
    run_key_commitment: bytes
    prices: Prices

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.run, ledger.producers = self, self.producers

    def says(self, names: Names) -> str:
        return f"the run of {self.scenario} began"


class RunForked(BodyBase, frozen=True, tag=2):
    """The first new event of a fork: the parent's head, the events shared with it, and (key, new value) of each change.

    `producers` decide from here on (none named: those of before); `inputs` so many inputs follow that are part of the
    change.
    """

    grounds = ()
    named = True

    parent_head: bytes
    at_seq: EventNumber
    changes: tuple[tuple[str, str], ...]
    producers: tuple[Producer, ...] = ()
    inputs: Count = 0

    def alters(self, ledger: Ledger, event: Event) -> None:
        if self.producers:
            ledger.decide_anew(self.producers)

    def says(self, names: Names) -> str:
        changes = ", ".join(f"{key}={value}" for key, value in self.changes)
        return f"the run was forked before event {self.at_seq}{f', with {changes}' if changes else ''}"


class SourceOpened(BodyBase, frozen=True, tag=3):
    """A file (or a generator) that inputs come from, by name and content hash."""

    grounds = ()
    named = True

    source: SourceNumber
    name: str
    layout: str
    sha256: bytes

    def says(self, names: Names) -> str:
        return f"source {self.name} was opened"


class RunEnded(BodyBase, frozen=True, tag=4):
    """The last event of a run that came to its end, with a tally for each source."""

    grounds = ()
    named = True

    sources: tuple[SourceTally, ...] = ()

    def alters(self, ledger: Ledger, event: Event) -> None:
        ledger.ended = True

    def says(self, names: Names) -> str:
        return "the run ended"


RunBody = RunStarted | RunForked | SourceOpened | RunEnded

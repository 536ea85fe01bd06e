"""The run itself: how it began, what it read, how it ended. Tags 1 to 9."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .base import BodyBase

__all__ = ["Prices", "Producer", "RunEnded", "RunForked", "RunStarted", "SourceOpened", "SourceTally"]

Prices = Literal["endogenous", "held", "imported"]
"""Whether forced orders moved the marks (`endogenous`), the recorded path was kept (`held`), or nothing was decided.

An `imported` run has no producers: all of it was taken in from a venue's files or concluded from them. What an account
held before they begin is known only as far as they tell.
"""


class Producer(msgspec.Struct, frozen=True, array_like=True):
    """Who decides: a handler, the policy it follows, the version it declares, its parameters and its latency."""

    handler: str
    policy: str
    version: str
    parameters: dict[str, Any]
    latency_ns: int = 0


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

    schema: int
    scenario: str
    scenario_sha256: bytes
    rulebook: str
    rulebook_sha256: bytes
    producers: tuple[Producer, ...]
    seed: int
    run_key_commitment: bytes
    prices: Prices


class RunForked(BodyBase, frozen=True, tag=2):
    """The first new event of a fork: the parent's head, the events shared with it, and (key, new value) of each change.

    `producers` decide from here on (none named: those of before); `inputs` so many inputs follow that are part of the
    change.
    """

    grounds = ()

    parent_head: bytes
    at_seq: int
    changes: tuple[tuple[str, str], ...]
    producers: tuple[Producer, ...] = ()
    inputs: int = 0


class SourceOpened(BodyBase, frozen=True, tag=3):
    """A file (or a generator) that inputs come from, by name and content hash."""

    grounds = ()

    source: int
    name: str
    layout: str
    sha256: bytes


class RunEnded(BodyBase, frozen=True, tag=4):
    """The last event of a run that came to its end, with a tally for each source."""

    grounds = ()

    sources: tuple[SourceTally, ...] = ()

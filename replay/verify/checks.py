"""What a verification says: one line for each thing that was looked at, and where the decisions part, if they do."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ...events.notebook import html_table
from ...handlers.plugins.folders import Folders
from .comparison import Divergence
from .invariants import OneInvariant

__all__ = ["Check", "Verification", "VerifyOptions", "checked"]


class VerifyOptions(NamedTuple):
    """After how many events the laws are checked, what may be executed, and whose invariants are held."""

    every: int | None
    force: bool
    plugins: Folders
    invariants: str | None


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at: `ok` is None where it could not be judged."""

    check: str
    ok: bool | None
    text: str


class Verification(msgspec.Struct, frozen=True):
    """What was found.

    `sound` is None where nothing is wrong as far as could be seen, and not every decision could be executed again.
    `head` is None where not every event could be read; `warning` is there for a torn record, `refused` where handlers
    were not executed because they are not at hand, or not what the record was made with. `beside` tells what was found
    damaged beside the record, ignored and made again. `invariants` are what the rulebook claims, and how that held: a
    record in which one is broken is sound all the same.
    """

    run: str
    status: str
    torn: bool
    events: int
    head: str | None
    sound: bool | None
    checks: tuple[Check, ...]
    warning: str | None = None
    reexecuted: bool = False
    refused: str | None = None
    divergence: Divergence | None = None
    beside: tuple[str, ...] = ()
    invariants: tuple[OneInvariant, ...] = ()

    def __repr__(self) -> str:
        """One line: whether it is sound, and the first fault."""
        told = {True: "sound", False: "not sound", None: "sound as far as could be seen"}[self.sound]
        fault = "" if self.fault is None else f", {self.fault.check}: {self.fault.text}"
        return f"<Verification {self.run}: {self.events:,} events, {told}{fault}>"

    def _repr_html_(self) -> str:
        """Each check with what was found, as a small table."""
        told = {True: "ok", False: "FAILED", None: "not judged"}
        return html_table(repr(self).strip("<>"), [(one.check, told[one.ok], one.text) for one in self.checks])

    @property
    def broken(self) -> tuple[OneInvariant, ...]:
        """The invariants that did not hold."""
        return tuple(one for one in self.invariants if one.broken)

    @property
    def fault(self) -> Check | None:
        """The first thing that is not as it should be."""
        return next((check for check in self.checks if check.ok is False), None)


def checked(name: str, wrong: str | None, text: str) -> Check:
    """A check that holds, saying `text`, or does not, saying what is wrong."""
    return Check(name, wrong is None, wrong or text)

"""How what a search found is told: what spares the position, the nearest that does not, what becomes of it later."""

from __future__ import annotations

from collections.abc import Generator
from itertools import chain
from typing import NamedTuple

import msgspec

from ...events.bodies.listing import InstrumentListed
from ...events.ledger import LedgerState
from ...sim.figures import size
from ...sim.terminal import shell_word
from ...sim.units import format_time_ns
from ..run import Run
from .answer import Afterwards, Flip
from .trial import Outcome, Subject, Trial, recorded_lots

__all__ = ["AHEAD_EVENTS", "Bracket", "Point", "Telling", "Whose"]

AHEAD_EVENTS = 5_000
"""Beyond so many events after the reduction nothing is executed without being asked for."""


class Point(NamedTuple):
    """Where something is changed: after which event, in which state, and how that is told."""

    seq: int
    ledger: LedgerState
    when: str


class Whose(NamedTuple):
    """The account that something is changed of; `prefix` sets its searches apart from those of the position's owner."""

    account: int
    name: str
    prefix: str = ""

    @property
    def title(self) -> str:
        """Its name, and that it is the loser."""
        return f"{self.name}, whose loss it was," if self.prefix else self.name

    def having(self, what: str, when: str) -> str:
        """The change in words, up to what becomes of it."""
        return f"Had {self.title} had {what} {when}" if self.prefix else f"With {what} {when}"


class Bracket(NamedTuple):
    """What was varied, what spares the position (in words, for a fork, as a trial, as an amount), and what does not."""

    varied: str
    text: str
    how: tuple[str, str]
    trial: Trial
    amount: int
    not_at: int


class Telling:
    """Makes the answers of one question out of what its searches found."""

    def __init__(self, run: Run, subject: Subject, name: str, listing: InstrumentListed, *, whole: bool) -> None:
        """`name` is that of the position's owner; with `whole` what was found is executed to the end of the run."""
        self._run, self._subject, self._name, self._listing, self._whole = run, subject, name, listing, whole

    def told(self, found: Bracket, otherwise: str) -> Generator[Trial, Outcome, Flip]:
        """What spares the position; `otherwise` says what does not, or why nothing nearer was tried."""
        text = f"{found.text}, {self._name} would have been spared; {otherwise}."
        after_seq = found.trial.after_seq
        plugins = chain.from_iterable(("--plugins", str(folder)) for folder in self._run.plugin_folders)
        words = ("deleverage", "fork", str(self._run.path), "--at", str(after_seq), *found.how, *plugins)
        afterwards = yield from self._afterwards(found.trial)
        return Flip(
            found.varied,
            text,
            confirmed=True,
            amount=found.amount,
            command=" ".join(map(shell_word, words)),
            not_at=found.not_at,
            after_seq=after_seq,
            afterwards=afterwards,
        )

    def unspared(self, varied: str, text: str) -> Flip:
        """Nothing that was tried spares it."""
        return Flip(varied, f"{text}, {self._name} would not have been spared.", confirmed=False)

    def _afterwards(self, trial: Trial) -> Generator[Trial, Outcome, Afterwards]:
        """What becomes of a position that was spared, after the instant of the reduction."""
        run, reduction = self._run, self._subject.reduction
        ahead_seq = run.count - 1 if self._whole else min(run.count - 1, reduction.seq + AHEAD_EVENTS)
        until_ns = run.event(ahead_seq).at_ns
        ended = run.first_at(until_ns + 1) == run.count
        told = f"{trial.told}, and on to {_time(until_ns)}"
        outcome = yield msgspec.structs.replace(trial, told=told, until_ns=until_ns)
        lots = recorded_lots(run, self._subject, reduction.seq, run.first_at(until_ns + 1))
        far = "In the whole run" if ended else f"Up to {_time(until_ns)}, as far as this was executed,"
        beside = f"in the record it is {self._units(lots)} from this event on"
        if outcome.later_at_ns is None:
            text = f"{far} nothing of it would have been deleveraged later; {beside}."
        else:
            taken, since = self._units(outcome.later_lots), _time(outcome.later_at_ns)
            text = f"{far} {taken} of it would have been deleveraged after all, from {since} on; {beside}."
        spared = outcome.later_at_ns is None
        return Afterwards(spared, ended, until_ns, outcome.later_lots, outcome.later_at_ns, lots, text)

    def _units(self, lots: int) -> str:
        return f"{size(lots, self._listing)} {self._listing.name}"


def _time(at_ns: int) -> str:
    return format_time_ns(at_ns)[11:19]

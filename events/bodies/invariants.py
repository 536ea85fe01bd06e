"""What the rulebook says always holds, and did not. Tags 205 to 209."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..grounds import Ground
from ..kinds import AccountNumber, Count, InstrumentNumber, RoundNumber
from .base import BodyBase

if TYPE_CHECKING:
    from ..phrases import Case, Names

__all__ = ["Bound", "InvariantBroken", "InvariantsBody", "Measure"]

Measure = Literal["price", "amount", "size", "score", "time", "count"]
"""What is compared: ticks, atoms of the account's asset, lots, a score, nanoseconds, or a number of something."""

Bound = Literal["exactly", "at least", "at most"]


class InvariantBroken(BodyBase, frozen=True, tag=205):
    """Something that the rulebook claims did not hold; its cause is the event that breaks it.

    `claim` is the venue's, with its source, as the rulebook states it. `expected` and `found` are whole steps of what
    `measure` names. The links are further events that show it.
    """

    grounds = (Ground.EVIDENCE, Ground.RULE)

    invariant: str
    claim: str
    measure: Measure
    bound: Bound
    expected: Count
    found: Count
    instrument: InstrumentNumber | None = None
    account: AccountNumber | None = None
    round: RoundNumber | None = None

    def says(self, names: Names) -> str:
        told = f"expected {self.bound} {self.figure(self.expected, names)}, found {self.figure(self.found, names)}"
        return f'"{self.invariant}" was broken{self._about(names)}: {told}'

    def tells(self, case: Case) -> str:
        claim = f'The rulebook claims it: "{self.claim}".'
        cause, shown = case.cause, ""
        if cause is not None:
            shown = f"Event {cause.seq} broke it: {cause.body.says(case.names)}."
        beside = " ".join(
            f"Beside it stands event {seq}: {case.at(seq).body.says(case.names)}." for seq in case.event.links
        )
        return case.joined(f"{self.says(case.names)}.", claim, shown, beside)

    def figure(self, figure: int, names: Names) -> str:
        """One of the two figures, in real units."""
        if self.measure == "time":
            return names.duration(figure)
        if self.measure == "score":
            return names.score(figure)
        if self.measure == "price" and self.instrument is not None:
            return names.price(self.instrument, figure)
        if self.measure == "size" and self.instrument is not None:
            return names.units(self.instrument, figure)
        if self.measure == "amount" and self.account is not None:
            return names.money(self.account, figure)
        return f"{figure:,}"

    def _about(self, names: Names) -> str:
        about = "" if self.instrument is None else f" in {names.instrument(self.instrument)}"
        about += "" if self.account is None else f" for {names.account(self.account)}"
        return about if self.round is None else f"{about}, round {self.round}"


InvariantsBody = InvariantBroken

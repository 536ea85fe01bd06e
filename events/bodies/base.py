"""What all bodies share: the form of a declaration, in which a type of event says all that is to be known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import msgspec

from ..grounds import Ground
from ..kinds import Kind, evaluated
from .declaring import AccountStatus, Posting

if TYPE_CHECKING:
    from ..envelope import Event
    from ..ledger import Ledger
    from ..phrases import Case, Names

__all__ = ["BodyBase", "Provenance"]


class BodyBase(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A fact in the past tense. New fields are added at the end with a default; a field is never retyped.

    1. Each number among the fields has a kind (`kinds.py`), from which follow its unit, how it is shown and how two
       runs are compared in it; `uncompared` are further fields that only count, or tell how something is proved.
    2. `grounds` are the kinds of figures that the decision compares: empty only where nobody decided.
    3. `posting` is what the event moves between whom; `steps` the status of an account before and after it, for
       whoever it is that `alters` moves on; `alters` what else the ledger keeps of it.
    4. `forces` says that something was forced of `account`; `sets` that something of an instrument, or of all, is so
       from here on; `named` that the event is the same one in two runs by its type and name, whatever else it says.
    5. `private` says that what it does is seen in no trader's account but those that it names; `replaced`, that the
       next one of its instrument takes the place of all that it did. Whoever follows one account goes by them.
    6. `says` is the short phrase, `tells` the long one.
    """

    grounds: ClassVar[tuple[Ground, ...]]
    posting: ClassVar[Posting | None] = None
    steps: ClassVar[Mapping[AccountStatus, AccountStatus]] = {}
    forces: ClassVar[bool] = False
    sets: ClassVar[bool] = False
    named: ClassVar[bool] = False
    private: ClassVar[bool] = False
    replaced: ClassVar[bool] = False
    uncompared: ClassVar[tuple[str, ...]] = ()

    def alters(self, ledger: Ledger, event: Event) -> None:
        """What the ledger keeps of it beyond its posting; a type that does not say so changes nothing."""

    def remembers(self, ledger: Ledger, event: Event) -> None:
        """What the ledger keeps of how things stood before it: called ahead of the posting."""

    def rested_on(self) -> tuple[Ground, ...]:
        """The kinds of figures that this one compared: those of its type, where it does not say so itself."""
        return self.grounds

    def says(self, names: Names) -> str:
        """Half a sentence, with names and figures in real units, to stand after the event's number and time."""
        raise NotImplementedError

    def tells(self, case: Case) -> str:
        """A paragraph on why it happened, held against the state that it came into."""
        return case.joined(f"{self.says(case.names)}.", case.compared(), case.followed(), case.linked())


evaluated(BodyBase)  # once, and not for each of the types that it is the base of


class Provenance(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where an input or an imported event was read: source number, row, venue times.

    Of a scenario's files row 1 is the first after the header; of imported ones `row` is the line, whatever it holds.
    `received_ns` is when the venue's feed was received, None where the file does not say.
    """

    kind: ClassVar[Kind] = Kind("provenance")

    source: int
    row: int
    venue_ns: int
    received_ns: int | None = None

"""The answer to "why", as data. Its names are stable: `document.py` prints them as JSON, nothing renamed.

    event       what is asked about, who decided it, and `evidence`: the account's figures in the state it came into
    grounds     the events that set the figures which were compared, each with its own; with --prove whether it stands
                without each
    paragraph   the answer in plain words, with figures and the numbers of events
    chain       the causes, from the input that began it down to the event itself; each step with its links
    losing      whose loss was closed: its marks from the last solvent moment to the decision
    story       what happened to the bankrupt account, or to the lot of inventory, that was closed
    fund        what the insurance fund needed and had, and every drain since the start of the run, by size
    cap         what a cap on profits compared, for a round that one called for, in which nobody was bankrupt
    price       of a reduction: its price and why that one, the mark, what it cost or brought, in profit and share of it
    later       of a reduction: what the same lots would have been closed at later
    ranking     the ranking of the round, made again: places, formula with its figures, both digests
    not         why another account was spared, if that was asked
    flips       what would have flipped it, if that was asked
    claims      of a reduction: what is proved, what is asserted, what is inferred, each with the way to check it
    taken_in    for an imported or inferred event: where it was read, what the venue says, what is concluded
    batch       for a round that a venue decided itself: every fill of its instant, and what was closed in part
    published   for a round that a venue decided itself: its order against every published formula
    graph       the grounds, theirs, and so on, down to inputs and rules: by falling number, `rests_on` by number

1. Amounts are whole atoms, prices ticks, sizes lots; beside them, under the name without the unit, their text in real
   units. Positive is good for whoever the amount belongs to.
2. A part that does not belong to the type of event is null; `chain` is never empty.
3. `at` is ISO 8601 of `at_ns`; `decided_by` is handler and policy, null for what came from outside.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .batch import Batch
from .cap import Cap
from .grounds import Ground, GroundGraph
from .later import Later
from .losing import Losing
from .parts import Evidence, Fund, Step, Story
from .price import Priced
from .published import Published
from .ranking_parts import RankingPart
from .standing import Claim
from .taken_in import TakenIn

__all__ = ["Afterwards", "Answer", "Asked", "Befallen", "Flip", "Flips", "Spared"]


class Asked(msgspec.Struct, frozen=True):
    """The event itself: its envelope, its words, the fields of its body as `log --json` has them, and the evidence."""

    scenario: str
    head: str | None
    seq: int
    at_ns: int
    at: str
    type: str
    origin: str
    cause: int | None
    decided_by: str | None
    version: str | None
    text: str
    fields: dict[str, Any]
    evidence: Evidence | None


class Spared(msgspec.Struct, frozen=True):
    """Why another account was not taken, or that it was.

    `reason` is `taken`, `behind`, `passed_over`, `bankrupt_itself`, one of `handlers.ranking.Ineligible`, or
    `not_made_again` where the ranking could not be.
    """

    account: int
    name: str
    reason: str
    rank: int | None
    score: int | None
    text: str


class Afterwards(msgspec.Struct, frozen=True):
    """What becomes of a position that was spared at this event, executed on to `until_ns`: in the whole run if `whole`.

    `later_lots` are deleveraged after the instant of this event, the first at `later_at_ns`: none where it is `spared`.
    `recorded_lots` is what the record takes of it from this event on, up to the same time.
    """

    spared: bool
    whole: bool
    until_ns: int
    later_lots: int
    later_at_ns: int | None
    recorded_lots: int
    text: str


class Flip(msgspec.Struct, frozen=True):
    """One change that would have spared the position at this event, and whether a re-execution confirmed it.

    `varied` is `collateral`, `size` or `moment` of the position's owner; `fund`; `loser_collateral` or `loser_size` of
    the account whose loss it was. The change is made after event `after_seq`, and `command` forks there.
    `amount` spares it: atoms, a size in lots, of a moment the nanoseconds before the reduction. `not_at` does not: the
    nearest smaller amount that was tried, 0 for no change at all (of a moment: none nearer could be tried).
    `afterwards` is null where nothing spares it.
    """

    varied: str
    text: str
    confirmed: bool
    amount: int | None = None
    command: str | None = None
    not_at: int | None = None
    after_seq: int | None = None
    afterwards: Afterwards | None = None


class Flips(msgspec.Struct, frozen=True):
    """What would have flipped the decision, on which grid that was searched, what was not, and what *spared* means."""

    found: tuple[Flip, ...]
    searched: str
    not_searched: str
    spared: str = ""


class Answer(msgspec.Struct, frozen=True):
    """Why one event is in the record."""

    event: Asked
    paragraph: str
    chain: tuple[Step, ...]
    grounds: tuple[Ground, ...] = ()
    losing: Losing | None = None
    story: Story | None = None
    fund: Fund | None = None
    cap: Cap | None = None
    ranking: RankingPart | None = None
    price: Priced | None = None
    later: tuple[Later, ...] | None = None
    spared: Spared | None = msgspec.field(default=None, name="not")
    flips: Flips | None = None
    taken_in: TakenIn | None = None
    batch: Batch | None = None
    published: Published | None = None
    graph: GroundGraph | None = None
    claims: tuple[Claim, ...] | None = None


class Befallen(msgspec.Struct, frozen=True):
    """What befell an account, in order of time, and the answer for the gravest of it; None where nothing did.

    `between` has the first and the last event of the span that was asked about, null for the whole record.
    """

    account: int
    name: str
    instrument: str | None
    between: tuple[int, int] | None
    befell: tuple[Step, ...]
    others: tuple[int, ...]
    answer: Answer | None

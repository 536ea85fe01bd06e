"""The answer to "why", as data. Its names are stable: `page/pages.py` prints them as JSON, nothing renamed.

    event       what is asked about, who decided it, and `evidence`: the account's figures in the state it came into
    grounds     the events that set the figures which were compared, each with its own; with --prove whether it stands
                without each
    paragraph   the answer in plain words, with figures and the numbers of events
    chain       the causes, from the input that began it down to the event itself; each step with its links
    losing      whose loss was closed, or whose equity fell: its marks from the last solvent moment to the decision
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

1. An amount, a price, a size, a rate or a score is a `Quantity`, which JSON has as `value` (a decimal), `unit`, and
   the whole number under what is counted (`atoms`, `ticks`, `lots`, ...). An average price that no whole tick gives is
   counted in `steps` of its last digit. Positive is good for whoever an amount belongs to.
2. A part that does not belong to the type of event is null; `chain` is never empty.
3. `at` is ISO 8601 of `at_ns`; `decided_by` is handler and policy, null for what came from outside.
4. A claim is *proved* if this answer worked it out again from the record and found it the same, or if the record that
   has the event is sealed under a head. It is *asserted* if the record says so: what came in from outside, and that the
   handlers decided so, which only executing them again can show. It is *inferred* if it is concluded here and stands
   in no event. In the ways to check a claim RUN stands for the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from textwrap import shorten
from typing import Any, Literal

import msgspec

from ...events.notebook import html_table
from ...sim.quantities import Quantity
from ...sim.terminal import shell_word
from ..run import Run
from .grounds.graph import EventGround, GroundGraph
from .losing import Losing
from .parts import EventStep, Evidence, Fund, RankingPart, Story
from .price import Later, Priced
from .ranking import Spared
from .story import Cap
from .venue.batch import Batch
from .venue.published import Published
from .venue.taken_in import TakenIn

__all__ = ["Afterwards", "Answer", "Asked", "Befallen", "Claim", "Flip", "Flips", "Grade", "claims_of"]

_SHOWN = 100

Grade = Literal["proved", "asserted", "inferred"]


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


class Afterwards(msgspec.Struct, frozen=True):
    """What becomes of a position that was spared at this event, executed on to `until_ns`: in the whole run if `whole`.

    `later` is deleveraged after the instant of this event, first at `later_at_ns`: nothing where it is `spared`.
    `recorded` is what the record takes of it from this event on, up to the same time.
    """

    spared: bool
    whole: bool
    until_ns: int
    later: Quantity
    later_at_ns: int | None
    recorded: Quantity
    text: str


class Flip(msgspec.Struct, frozen=True):
    """One change that would have spared the position at this event, and whether a re-execution confirmed it.

    `varied` is `collateral`, `size` or `moment` of the position's owner; `fund`; `loser_collateral` or `loser_size` of
    the account whose loss it was. The change is made after event `after_seq`, and `command` forks there.
    `amount` spares it: money, a size, of a moment the time before the reduction. `not_at` does not: the nearest smaller
    amount that was tried, 0 for no change at all (of a moment: none nearer could be tried).
    `afterwards` is null where nothing spares it.
    """

    varied: str
    text: str
    confirmed: bool
    amount: Quantity | None = None
    command: str | None = None
    not_at: Quantity | None = None
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
    chain: tuple[EventStep, ...]
    grounds: tuple[EventGround, ...] = ()
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

    def __repr__(self) -> str:
        """One line: which event, and how the paragraph begins."""
        return f"<Answer: {shorten(self.paragraph, _SHOWN, placeholder='...')}>"

    def __str__(self) -> str:
        """The paragraph."""
        return self.paragraph

    def _repr_html_(self) -> str:
        """The chain of causes as a small table, under the paragraph."""
        rows = [(str(step.seq), step.type, step.text) for step in self.chain]
        return f"<p>{escape(self.paragraph)}</p>\n{html_table(self._named, rows)}"

    @property
    def _named(self) -> str:
        return f"event {self.event.seq} {self.event.type}"


class Befallen(msgspec.Struct, frozen=True):
    """What befell an account, in order of time, and the answer for the gravest of it; None where nothing did.

    `between` has the first and the last event of the span that was asked about, null for the whole record.
    """

    account: int
    name: str
    instrument: str | None
    between: tuple[int, int] | None
    befell: tuple[EventStep, ...]
    others: tuple[int, ...]
    answer: Answer | None

    def __repr__(self) -> str:
        """One line: whom how much befell, and the gravest of it."""
        return f"<Befallen {self.name}: {len(self.befell)} events, gravest {self.answer!r}>"

    def _repr_html_(self) -> str:
        """What befell it, as a table with the gravest answer's paragraph above."""
        told = "" if self.answer is None else f"<p>{escape(self.answer.paragraph)}</p>\n"
        return told + html_table(self.name, [(str(step.seq), step.at, step.text) for step in self.befell])


class Claim(msgspec.Struct, frozen=True):
    """A statement, what it rests on, the events that it is about, and the command or the way to check it."""

    grade: Grade
    text: str
    events: tuple[int, ...]
    check: str


def claims_of(run: Run, answer: Answer) -> tuple[Claim, ...]:
    """The claims of the answer about a reduction, the proved ones first."""
    return (
        *_of_the_record(run, answer),
        *_made_again(answer),
        *_taken(answer),
        *_inferred(answer),
    )


def _of_the_record(run: Run, answer: Answer) -> Iterator[Claim]:
    seq = answer.event.seq
    if run.sealed_head is None:
        text = "The record was never sealed: no head stands for its events, which are as the files have them."
        yield Claim("asserted", text, (seq,), "deleverage recover RUN")
        return
    text = "Every event named here is in the record as it was sealed, under its head."
    check = "deleverage verify RUN --head HEX, with the head that the venue has published"
    yield Claim("proved", text, (seq,), check)


def _made_again(answer: Answer) -> Iterator[Claim]:
    """What was worked out again, with the verdict."""
    ranking, fund, seq = answer.ranking, answer.fund, answer.event.seq
    assert ranking is not None
    again = "deleverage verify RUN"
    receipt = f"deleverage receipt RUN {seq} -o FILE, deleverage check FILE"
    started = (ranking.started_seq,)
    if ranking.proved:
        text = "The ranking was made again from the accounts as they stood, and gives the digest that was recorded."
        yield Claim("proved", text, started, receipt)
    elif ranking.not_made_again is not None:
        text = "Rank and score are as recorded; the ranking could not be made again."
        yield Claim("asserted", text, started, again)
    else:
        text = "The ranking made again is NOT the recorded one: rank and score are what the record says."
        yield Claim("asserted", text, started, again)
    if ranking.arithmetic is not None:
        text = "The score follows by the formula from the account's figures at that moment."
        yield Claim("proved", text, (seq,), receipt)
    if fund is not None:
        grade: Grade = "proved" if fund.reconciles else "asserted"
        same = "come to" if fund.reconciles else "do NOT come to"
        text = f"The fund's payments, gains and losses since the start {same} the capacity that was recorded."
        yield Claim(grade, text, (fund.shortfall_seq,), f"deleverage why RUN {seq} --all lists each of them")
    if answer.losing is not None:
        marks = answer.losing.marks[0].seq, answer.losing.marks[-1].seq
        text = "What the loser had at each mark was worked out from its balance and positions at that event."
        yield Claim(
            "proved", text, marks, f"deleverage state RUN --at EVENT --account {shell_word(answer.losing.name)}"
        )
        stepped = tuple(mark.seq for mark in answer.losing.marks if mark.step is not None)
        if stepped:
            text = (
                "What moved a mark is what the price of the book changed by at each event; the parts sum to the move."
            )
            yield Claim(
                "proved", text, stepped, f"deleverage why RUN {seq} --all --json has every part with its events"
            )


def _taken(answer: Answer) -> Iterator[Claim]:
    """What the record says and nothing here worked out."""
    inputs = sorted({one.step.seq for ground in answer.grounds for one in ground.rests_on if one.step.cause is None})
    outside = "What came from outside (prices, depth, balances)"
    text = f"{outside} is as the record took it in, which does not show it to be true."
    yield Claim(
        "asserted", text, tuple(inputs) or (answer.chain[0].seq,), "the venue's own sources, at the times given"
    )
    deciders = sorted({step.decided_by for step in answer.chain if step.decided_by is not None})
    text = f"That the rules in force decided so ({', '.join(deciders)}); they were not executed again here."
    seqs = tuple(step.seq for step in answer.chain[-1:])
    yield Claim("asserted", text, seqs, "deleverage verify RUN executes every decision again")


def _inferred(answer: Answer) -> Iterator[Claim]:
    """What is concluded here."""
    marks = () if answer.losing is None else answer.losing.marks
    moved = tuple(mark.seq for mark in marks if mark.moved_by and mark.step is None)
    if moved:
        text = "Whose forced orders moved a mark: those that traded since the mark before, each by an unknown part."
        yield Claim("inferred", text, moved, "the forced part that each of these events records for all together")
    if answer.later:
        text = "What closing later would have brought: at that mark, without fees, funding and its own effect on it."
        yield Claim("inferred", text, tuple(one.mark_seq for one in answer.later), "size x (price - later mark)")
    if answer.flips is not None:
        text = "What would have spared it: other runs of the same rules from the same inputs, varied in one thing."
        yield Claim("inferred", text, (answer.event.seq,), "the commands given there")

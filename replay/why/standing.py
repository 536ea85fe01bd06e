"""What of an answer is proved, what is only asserted by the record, and what is inferred here; and how to check each.

1. Proved is what this answer worked out again from the record and found to be the same, and the record's own events,
   where it is sealed under a head.
2. Asserted is what the record says and this answer takes from it: what came in from outside, and that the handlers
   decided so, which only executing them again can show.
3. Inferred is what is concluded here and stands in no event.

In the ways to check it RUN stands for the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import msgspec

from ...sim.terminal import shell_word
from ..run import Run

if TYPE_CHECKING:
    from .answer import Answer

__all__ = ["Claim", "Grade", "claims_of"]

Grade = Literal["proved", "asserted", "inferred"]


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


def _taken(answer: Answer) -> Iterator[Claim]:
    """What the record says and nothing here worked out."""
    inputs = sorted({one.step.seq for ground in answer.grounds for one in ground.rests_on if one.step.cause is None})
    text = "The prices from outside were what the record took in; it does not show that they were true."
    yield Claim(
        "asserted", text, tuple(inputs) or (answer.chain[0].seq,), "the venue's price source, at the times given"
    )
    deciders = sorted({step.decided_by for step in answer.chain if step.decided_by is not None})
    text = f"That the rules in force decided so ({', '.join(deciders)}); they were not executed again here."
    seqs = tuple(step.seq for step in answer.chain[-1:])
    yield Claim("asserted", text, seqs, "deleverage verify RUN executes every decision again")


def _inferred(answer: Answer) -> Iterator[Claim]:
    """What is concluded here."""
    if answer.losing is not None and any(mark.moved_by for mark in answer.losing.marks):
        moved = tuple(mark.seq for mark in answer.losing.marks if mark.moved_by)
        text = "Whose forced orders moved a mark: those that traded since the mark before, each by an unknown part."
        yield Claim("inferred", text, moved, "the forced part that each of these events records for all together")
    if answer.later:
        text = "What closing later would have brought: at that mark, without fees, funding and its own effect on it."
        yield Claim("inferred", text, tuple(one.mark_seq for one in answer.later), "size x (price - later mark)")
    if answer.flips is not None:
        text = "What would have spared it: other runs of the same rules from the same inputs, varied in one thing."
        yield Claim("inferred", text, (answer.event.seq,), "the commands given there")

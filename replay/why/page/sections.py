"""An answer as sections, in the order in which they are read: what is shown, but not how.

People see repeated steps as one line, such as a timer that was set and fired forty times; JSON keeps every step. A
stretch of steps is a repetition when the same types, decided by the same, follow each other in the same order at least
three times over. The shortest pattern wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ....sim.figures import count
from ...arithmetic import ONLY_CODE
from ..answer import Answer, Befallen, Flip, Flips
from ..coins import coin_sentence
from ..grounds.graph import DEFINITION, EventGround, GroundGraph, RestsOn
from ..losing import Losing
from ..names import held, times
from ..parts import EventStep, Evidence, FirstPlace, Fund, RankingPart, Story
from ..venue.sections import imported_sections, rests_on
from .blocks import (
    Block,
    Commands,
    Node,
    Prose,
    Section,
    Table,
    Tree,
    claims_tree,
    clock,
    fund_blocks,
    losing_blocks,
    price_blocks,
)

__all__ = ["Repetition", "answer_sections", "befallen_sections", "collapsed", "nothing_befell"]

_PATTERN_MOST = 6
_TIMES_LEAST = 3


def answer_sections(answer: Answer, *, whole: bool = False) -> Iterator[Section]:
    """One event: the paragraph, then the evidence for it; nothing is drawn together if `whole`."""
    if answer.taken_in is not None:
        yield Section("What this rests on", tuple(rests_on(answer.taken_in)))
    yield Section("", (Prose(answer.paragraph),))
    if answer.ranking is None and answer.event.evidence is not None:
        title = "The account at that instant" if answer.taken_in is None else "The account as reconstructed"
        yield Section(title, tuple(_evidence(answer.event.evidence, published=answer.taken_in is None)))
    yield from _loser_and_fund(answer, whole=whole)
    if answer.cap is not None:
        yield Section("What the cap on profits compared", (Prose(f"{answer.cap.text} (Event {answer.cap.seq}.)"),))
    if answer.ranking is not None:
        yield Section(f"The ranking of round {answer.ranking.round}", tuple(_ranking(answer.ranking, whole=whole)))
    if answer.spared is not None:
        yield Section(f"Why not {answer.spared.name}", (Prose(answer.spared.text),))
    if answer.price is not None:
        yield Section("At which price, and what came of it", tuple(price_blocks(answer.price, answer.later or ())))
    if answer.flips is not None:
        yield Section("What would have flipped it", tuple(_flips(answer.flips)))
    yield from imported_sections(answer)
    yield from _grounds_sections(answer)
    if answer.claims:
        yield Section("What is proved, asserted and inferred", (claims_tree(answer.claims),))
    each = ", each delivered because of the one before" if len(answer.chain) > 1 else ""
    yield Section("What set it off", (_tree(f"{count(len(answer.chain), 'event')}{each}", answer.chain, whole=whole),))


def _loser_and_fund(answer: Answer, *, whole: bool) -> Iterator[Section]:
    """Whose loss it was, how it came to be closed, and why the fund did not pay."""
    if answer.losing is not None:
        yield Section(_losing_title(answer.losing, answer), tuple(losing_blocks(answer.losing, whole=whole)))
    if answer.story is not None:
        yield Section(_story_title(answer.story), tuple(_story(answer.story)))
    if answer.fund is not None:
        yield Section(_fund_title(answer.fund), tuple(fund_blocks(answer.fund, whole=whole)))


def _fund_title(fund: Fund) -> str:
    if fund.trigger == "drawdown":
        return "How the fund came to fall so far"
    return "What the fund had, and did not pay" if fund.barred_by else "How the fund came to be unable to pay"


def befallen_sections(found: Befallen, record: str, *, whole: bool = False) -> Iterator[Section]:
    """An account: what befell it, how to ask about each, and the answer for the gravest."""
    within = "" if found.instrument is None else f" in {found.instrument}"
    if found.answer is None:
        yield Section("", (Prose(nothing_befell(found)),))
        return
    yield Section(f"In order of time{within}", (_tree(count(len(found.befell), "event"), found.befell, whole=True),))
    gravest, *others = answer_sections(found.answer, whole=whole)
    title = f"The gravest of it: event {found.answer.event.seq}"
    yield Section(f"{title}. {gravest.title}" if gravest.title else title, gravest.blocks)
    yield from others
    if found.others:
        asked = Commands(tuple(f"deleverage why {record} {seq}" for seq in found.others))
        yield Section("To ask about the others", (asked,))


def nothing_befell(found: Befallen) -> str:
    """The one line for an account that was left alone."""
    within = "" if found.instrument is None else f" in {found.instrument}"
    when = "never"
    if found.between is not None:
        within, when = f"{within} in events {found.between[0]} to {found.between[1]}", "not"
    return f"nothing befell {found.name}{within}: it was {when} called, liquidated, deleveraged or made to share a loss"


def _tree(root: str, steps: tuple[EventStep, ...], *, whole: bool = False) -> Tree:
    """Steps as lines, repetitions drawn together unless it is to be `whole`; the root has the date, lines the time."""
    date = steps[0].at.partition("T")[0] if steps else ""
    shown = steps if whole else collapsed(steps)
    nodes = [_repeated(one, date) if isinstance(one, Repetition) else _step(one, date) for one in shown]
    return Tree(f"{root}, {date} UTC" if date else root, tuple(nodes))


def _step(step: EventStep, date: str) -> Node:
    """A step with who decided it, and its links below it."""
    by = "" if step.decided_by is None else f" [{step.decided_by}]"
    links = tuple(Node(f"with event {link.seq}: {link.text}") for link in step.links)
    return Node(f"{step.seq} {clock(step.at, date)} {step.text}{_depth(step)}{by}{_stood(step)}", links)


def _depth(step: EventStep) -> str:
    """What the market had within the limit of a forced order, and what of that earlier orders had left at its turn."""
    if step.depth is None:
        return ""
    told = f", for which the market had {step.depth} within its limit"
    turn = step.depth_at_turn
    if turn is None or turn.number >= step.depth.number:
        return told
    return (
        f"{told} when it was sent, and {turn.text if turn.number else 'none'} left once the orders before it had traded"
    )


def _stood(step: EventStep) -> str:
    """What there was after it, of whom; nothing where the step itself says so."""
    if step.equity is None or str(step.equity) in step.text:
        return ""
    if step.of_lot:
        what = "loss" if step.equity.number < 0 else "profit"
        return f"; the lot of {step.equity_of} then stood at a {what} of {abs(step.equity)}"
    counts = "" if step.counted is None else f", of which {step.counted} counts after the haircut on its collateral"
    return f"; the equity of {step.equity_of} was then {step.equity}{counts}"


def _repeated(found: Repetition, date: str) -> Node:
    first, last = found.first[0], found.last
    span = f"{first.seq} to {last.seq}, {clock(first.at, date)} to {clock(last.at, date)}"
    if len(found.first) == 1:
        return Node(
            f"{span}: {found.times:,} of a kind, the first and the last", (_step(first, date), _step(last, date))
        )
    pattern = tuple(_step(step, date) for step in found.first)
    return Node(f"{span}: {found.times:,} times over, the first time", pattern)


def _evidence(found: Evidence, *, published: bool) -> Iterator[Block]:
    """Equity against requirement, if its rule is published, the positions, and whether the record was right."""
    requirement = f", maintenance requirement {found.requirement}" if published else ""
    counted = "" if found.counted is None else f", of which {found.counted} counts after a haircut of {found.haircut}"
    yield Prose(f"{found.name}: balance {found.balance}, equity {found.equity}{counted}{requirement}.")
    yield from (Prose(coin_sentence(one)) for one in found.coins)
    if found.positions:
        rows = tuple(
            (one.name, one.size.text, one.entry.text, one.mark.text, one.profit.text) for one in found.positions
        )
        yield Table(("position", "size", "entry", "mark", "profit"), rows)
    compared = found.compared
    if compared is not None and compared.requirement is not None:
        multiple = "" if compared.level is None else times(compared.level.number)
        level = "" if compared.level is None else f", compared {f'at {multiple}' if multiple else 'with '}that"
        verdict = "the same as" if compared.agrees else "NOT what is"
        yield Prose(
            f"Recorded: equity {compared.equity}, requirement {compared.requirement}{level}; {verdict} worked out "
            "again from the record."
        )


def _losing_title(found: Losing, answer: Answer) -> str:
    """Whose loss: an account that had equity left lost its position only, and outside a round it lost neither yet."""
    if answer.ranking is None:
        return f"How the equity of {found.name} fell"
    if found.of_lot:
        return f"Whose loss it was: a lot of {found.name}"
    return f"Whose {'loss it was' if found.decided.number <= 0 else 'position was closed'}: {found.name}"


def _story_title(story: Story) -> str:
    return f"The lot that came from {story.name}" if story.lot is not None else f"The story of {story.name}"


def _story(story: Story) -> Iterator[Block]:
    yield Prose(story.text)
    found, lot = story.bankruptcy, story.lot
    if found is not None:
        yield Prose(
            f"To be closed: {held(found.size)}. The bankruptcy price was {found.price.text}, {abs(found.value)} in "
            f"all, the mark {found.mark.text}, the equity of the account {found.equity}."
        )
    if lot is not None:
        yield Prose(
            f"To be closed: {held(lot.size)} at the {lot.price.text} that the fund had paid, {abs(lot.paid)} in all. "
            f"At the mark of {lot.mark.text} they were worth {abs(lot.worth)}."
        )
    yield _tree(f"liquidation {story.liquidation_id}", story.steps)


def _ranking(found: RankingPart, *, whole: bool) -> Iterator[Block]:
    """The rule with its source, the formula, places, who shared it, digests."""
    yield Prose(" ".join(_policy(found)))
    if found.first is not None:
        yield Prose(_first_place(found, found.first))
    header = ("rank", "account", "score", "held", "gave")
    rows = tuple((f"{p.rank:,}", p.name, p.score.text, p.size.text, p.gave.text) for p in found.places)
    if rows:
        yield Table(header, rows, next((n for n, p in enumerate(found.places) if p.asked), None))
    yield Prose(found.shared)
    if whole and found.gave:
        yield Table(("who shared it", "gave"), tuple((one.name, one.size.text) for one in found.gave))
    yield Prose(_digest(found))


def _policy(found: RankingPart) -> Iterator[str]:
    """By which rule, and how this account came to its score."""
    named = f"Policy {found.policy}, version {found.version}"
    if found.made_again_by not in (None, found.version):
        named += f" (made again by version {found.made_again_by}, which is the one installed)"
    if found.not_made_again is not None:
        yield f"{named}. The ranking could NOT be made again: {found.not_made_again}."
        yield "Below is what the record has: who was taken, with the rank and score recorded then."
    elif found.formula is None:
        yield f"{named}, declares no formula: {ONLY_CODE}."
    else:
        yield f"{named}: score = {found.formula}."
    if found.rule:
        yield f"The rule as the policy states it: {found.rule}"
        yield f"Its source: {found.source or 'none is stated'}."
    if found.arithmetic is not None:
        yield f"With this account's figures {found.arithmetic}."
    if found.score is not None:
        recorded = f"Recorded is the whole number {found.score.number}, rank {found.rank:,} of {found.candidates:,}"
        yield f"{recorded}; ties go by account."


def _first_place(found: RankingPart, first: FirstPlace) -> str:
    """Its rank in the first ranking of the instant, and now."""
    if first.round == found.round:
        return (
            f"This round, {found.round}, was the first of this instant for this side: it is the first ranking as well."
        )
    ranking = f"In the first ranking of this instant, that of round {first.round} (event {first.started_seq})"
    now = "" if found.rank is None else f"; in this one it stands at rank {found.rank:,} of {found.candidates:,}"
    if first.score is None:
        return f"{ranking}, it was no candidate among {first.candidates:,}{now}."
    return f"{ranking}, it stood at rank {first.rank:,} of {first.candidates:,} with a score of {first.score}{now}."


def _digest(found: RankingPart) -> str:
    if found.recomputed_digest is None or found.digest_rows is None:
        return f"Digest as recorded: {found.recorded_digest}. It was not made again."
    over = f"{count(found.digest_rows, 'row')} of the ranking"
    if found.base_seq is not None:
        rows = count(found.digest_rows, "row")
        over = f"the {rows} touched since event {found.base_seq}, the start of the round that this one continues"
    if found.proved:
        return f"Digest over {over}: {found.recomputed_digest}, made again from the record; the same as recorded."
    digests = f"{found.recomputed_digest} when made again from the record, {found.recorded_digest} as recorded"
    if found.made_again_by != found.version:
        differ = f"either version {found.made_again_by} ranks otherwise than version {found.version} did, or"
    else:
        differ = ""
    return f"Digest over {over}: {digests}. They DIFFER: {differ} this ranking is not the one that was decided by."


def _flips(flips: Flips) -> Iterator[Block]:
    """What was found by re-execution, with the command that shows it, and the bounds of the search."""
    if flips.found:
        yield Tree("varied one at a time, each executed again", tuple(map(_flip, flips.found)))
    commands = tuple(one.command for one in flips.found if one.command is not None)
    if commands:
        yield Prose("To see each of them:")
        yield Commands(commands)
    if flips.spared:
        yield Prose(f"Spared: {flips.spared}")
    yield Prose(f"Searched: {flips.searched}")
    yield Prose(f"Not searched: {flips.not_searched}")


def _flip(one: Flip) -> Node:
    return Node(one.text, () if one.afterwards is None else (Node(one.afterwards.text),))


def _grounds_sections(answer: Answer) -> Iterator[Section]:
    """The grounds, and the graph below them where that was asked for."""
    if answer.grounds:
        proved = any(ground.proof is not None for ground in answer.grounds)
        yield Section("What its figures rest on", (*((Prose(DEFINITION),) if proved else ()), _grounds(answer.grounds)))
    if answer.graph is not None:
        yield Section("All that it rests on", (_graph(answer.graph),))


def _grounds(grounds: tuple[EventGround, ...]) -> Tree:
    """The events that set the figures, and what those rest on; one that was told already by its number only."""
    told = {ground.step.seq: True for ground in grounds}
    nodes = tuple(_ground(ground, told, whole=True) for ground in grounds)
    return Tree(f"{count(len(grounds), 'event')}, each with the figures that it set and what it rests on itself", nodes)


def _ground(ground: EventGround, told: dict[int, bool], *, whole: bool) -> Node:
    """A ground, in full where `whole` or not told yet; `told` says of each event whether its verdict was told too."""
    step, proof = ground.step, ground.proof
    verdict = () if proof is None else (Node(f"{proof.verdict.upper()}: {proof.text}"),)
    if step.seq in told and not whole:
        return Node(f"{ground.sets}: event {step.seq}", () if told[step.seq] else verdict)
    told[step.seq] = whole or proof is not None
    below = tuple(_ground(one, told, whole=False) for one in ground.rests_on)
    return Node(f"{ground.sets}: {step.seq} {step.at}: {step.text}", (*verdict, *below))


def _graph(graph: GroundGraph) -> Tree:
    """Every event of the graph once, with the numbers of those that it rests on."""
    nodes = tuple(
        Node(f"{one.seq} {one.at}: {one.text}{_END.get(one.end or '', '')}", tuple(map(_edge, one.rests_on)))
        for one in graph.nodes
    )
    more = "" if graph.whole else "; where it says so, what lies deeper was left out"
    return Tree(f"{count(len(nodes), 'event')}, the last one first, each with what it rests on{more}", nodes)


_END = {"input": " [from outside]", "rule": " [declares the rules]", "cut": " [its grounds are left out]"}


def _edge(edge: RestsOn) -> Node:
    return Node(f"{edge.sets}: event {edge.seq}")


class Repetition(NamedTuple):
    """So many times over the same pattern: its steps as they were the first time, and the last step of all."""

    times: int
    first: tuple[EventStep, ...]
    last: EventStep


def collapsed(steps: Sequence[EventStep]) -> Iterator[EventStep | Repetition]:
    """The steps with each repetition as one; O(steps)."""
    kinds = [(step.type, step.decided_by) for step in steps]
    place = 0
    while place < len(steps):
        length, times = _pattern(kinds, place)
        if times < _TIMES_LEAST:
            yield steps[place]
            place += 1
        else:
            stop = place + length * times
            yield Repetition(times, tuple(steps[place : place + length]), steps[stop - 1])
            place = stop


def _pattern(kinds: Sequence[tuple[str, str | None]], place: int) -> tuple[int, int]:
    """The shortest pattern that repeats from here on, and how often; once where there is none."""
    for length in range(1, _PATTERN_MOST + 1):
        pattern, times = kinds[place : place + length], 1
        while kinds[place + length * times : place + length * (times + 1)] == pattern:
            times += 1
        if times >= _TIMES_LEAST:
            return length, times
    return 1, 1

"""The sections of an answer about an imported event: what it rests on, the whole batch, and the published formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from ....sim.figures import count, percent
from ....sim.quantities import Quantity
from ..answer import Answer
from ..page.blocks import Block, Node, Prose, Section, Table, Tree
from .batch import Batch, BatchFill, BatchRound
from .published import FormulaTest, Published
from .taken_in import Reported, Rest, TakenIn

__all__ = ["imported_sections", "rests_on"]

_ENDS = 3
"""A batch that was not asked for whole shows so many fills at each end, and around the one that is asked about."""

_ROUND_HEADER = ("round", "event", "against", "instrument", "fills", "size", "value")


def rests_on(found: TakenIn) -> Iterator[Block]:
    """What files state of the events that the answer rests on, and what was inferred by which rule."""
    for file, events in groupby(sorted(found.imported, key=lambda one: one.file or ""), key=lambda one: one.file):
        stated = tuple(events)
        where = "a file (the record does not keep the line)" if file is None else file
        yield Tree(f"stated by {where}: {count(len(stated), 'event')}", tuple(map(_stated, stated)))
    if found.inferred:
        root = f"inferred by the import, stated by no file: {count(len(found.inferred), 'event')}"
        yield Tree(root, tuple(map(_inferred, found.inferred)))


def _stated(one: Rest) -> Node:
    line = "" if one.line is None else f"line {one.line:,}, "
    return Node(f"{line}{_events(one)}: {one.text}")


def _events(one: Rest) -> str:
    return f"event {one.seq}" if one.last_seq is None else f"events {one.seq} to {one.last_seq}"


def _inferred(one: Rest) -> Node:
    source = "" if one.file is None else f" (from {one.file}, line {one.line:,})"
    return Node(f"{_events(one)}: {one.text}", (Node(f"rule: {one.rule}{source}"),))


def imported_sections(answer: Answer) -> Iterator[Section]:
    """All that follows the paragraph about an event that was taken in; nothing for one that was decided here."""
    taken, published = answer.taken_in, answer.published
    if taken is None:
        return
    yield from _taken_in(taken)
    if answer.batch is not None:
        yield from _batch(answer.batch, answer.event.seq)
    if published is not None:
        yield from _published(published, answer.event.fields.get("account") if _is_reduction(answer) else None)
    yield _checks(taken, has_tests=published is not None)


def _is_reduction(answer: Answer) -> bool:
    return answer.event.type == "PositionDeleveraged"


def _taken_in(found: TakenIn) -> Iterator[Section]:
    """What the venue says of each side, as far as there is a report."""
    if found.reported:
        rows = tuple(_reported(side) for side in found.reported)
        header = ("as reported", "size", "before", "after", "closed profit", "fee")
        blocks: list[Block] = [Table(header, rows)]
        printed = [side for side in found.reported if side.printed]
        blocks += [Prose(f"{side.name}, as the file has it: {_printed(side)}.") for side in printed]
        yield Section("What the venue reported", tuple(blocks))


def _checks(found: TakenIn, *, has_tests: bool) -> Section:
    """What is stated, inferred and worked out, and how each is checked."""
    lines = []
    if found.imported:
        lines.append("stated by the files: compare each line that is named with the file")
    if found.file is not None:
        lines.append(
            f"stated by {found.file}: this event, in line {found.line:,}; the file's SHA-256 is {found.sha256}"
        )
    if found.inferred:
        again = f"`deleverage import {found.format}` of the same files with the same options"
        lines.append(f"inferred: {again} gives the same head, if every event is the same, the inferred ones included")
    if found.reported:
        lines.append(
            "worked out here: sums, entries, and what was gained or lost against the mark; `deleverage audit` holds "
            "each fill against the one before it and each closed profit against the entry"
        )
    if has_tests:
        lines.append("tested, not proved: the venue's order against the formulas; `--json` has every place and score")
    return Section("What is stated, inferred and worked out, and how to check it", (Tree("kinds", _nodes(lines)),))


def _reported(side: Reported) -> tuple[str, ...]:
    money = (str(one or "-") for one in (side.closed_profit, side.fee))
    return (side.name, side.traded.text, _text(side.before), _text(side.after), *money)


def _text(one: Quantity | None) -> str:
    return "-" if one is None else one.text


def _printed(side: Reported) -> str:
    return ", ".join(f"{field} {text}" for field, text in side.printed)


def _nodes(lines: Iterable[str]) -> tuple[Node, ...]:
    return tuple(map(Node, lines))


def _batch(found: Batch, seq: int) -> Iterator[Section]:
    """Every fill of the batch, or its ends and those around the one asked about; then its rounds and their sums."""
    own = found.own
    fills = [fill for fill in found.fills if found.shown_whole or fill.round == found.round]
    shown = fills if found.shown_whole else _shortened(fills, seq)
    several = found.shown_whole and len(found.rounds) > 1
    rows, marked = list[tuple[str, ...]](), None
    for place, fill in enumerate(shown):
        if place and not found.shown_whole and fill.rank > shown[place - 1].rank + 1:
            rows.append(("...", *[""] * 7))
        marked = len(rows) if fill.seq == seq else marked
        rows.append(_fill(fill, several=several))
    first = "round/fill" if several else "fill"
    header = (first, "event", "line", "account", "size", "price", "before", "after")
    blocks: list[Block] = [Table(header, tuple(rows), marked)]
    if len(shown) < len(fills):
        blocks.append(Prose(f"{len(fills) - len(shown):,} of its fills are left out; --all shows them."))
    blocks += [Prose(_sum(found)), Prose(found.closed.text)]
    if len(found.rounds) > 1:
        blocks.append(Prose(f"The record has {len(found.rounds):,} rounds at this instant:"))
        blocks.append(Table(_ROUND_HEADER, tuple(map(_round, found.rounds))))
    yield Section(f"The whole batch: round {own.round}", tuple(blocks))


def _round(one: BatchRound) -> tuple[str, ...]:
    what = f"{one.round}", f"{one.started_seq}", one.against, one.instrument
    return *what, f"{one.fills:,}", one.size.text, str(one.value)


def _shortened(fills: list[BatchFill], seq: int) -> list[BatchFill]:
    """The ends and those around the one asked about; all where that leaves out next to nothing."""
    asked = next((place for place, fill in enumerate(fills) if fill.seq == seq), 0)
    last = len(fills) - _ENDS
    shown = [fill for place, fill in enumerate(fills) if place < _ENDS or place >= last or abs(place - asked) < _ENDS]
    return shown if len(fills) - len(shown) > _ENDS else fills


def _fill(one: BatchFill, *, several: bool) -> tuple[str, ...]:
    line, fill = "-" if one.line is None else f"{one.line:,}", f"{one.rank:,}"
    return (
        f"{one.round}/{fill}" if several else fill,
        f"{one.seq}",
        line,
        one.name,
        one.size.text,
        one.price.text,
        _text(one.before),
        _text(one.after),
    )


def _sum(found: Batch) -> str:
    """What the fills of the round come to, and what was inferred from them."""
    own = found.own
    told = f"{count(own.fills, 'fill')} of {count(own.accounts, 'account')} come to {own.size}, for {own.value}"
    inferred = f"round {own.round}, to close a position of {own.against} (event {own.started_seq})"
    if own.size == own.to_close:
        return f"{told}. From them the import inferred {inferred}."
    return f"{told}. The import inferred {inferred}, with {own.to_close} to close."


def _published(found: Published, account: int | None) -> Iterator[Section]:
    """Every formula in a line, this account under each, and the whole ranking of one if that was asked."""
    yield Section("The venue's order against the published formulas", tuple(_compared(found)))
    if account is not None:
        rows = tuple(row for row in (_own(one, account) for one in found.formulas) if row is not None)
        if rows:
            header = ("under", "place", "of", "would give", "gave")
            yield Section("This account under each of them", (Table(header, rows),))
    shown = next((one for one in found.formulas if one.policy == found.shown), None)
    if shown is not None:
        yield Section(f"The whole ranking under {shown.policy}", tuple(_whole(shown, account)))
    yield Section("Who was passed over", (Prose(found.passed_over.text),))
    yield Section("What this cannot say", (Tree("caveats", _nodes(found.caveats)),))


def _compared(found: Published) -> Iterator[Block]:
    yield Prose(found.verdict)
    tested = [one for one in found.formulas if one.not_tested is None]
    if tested:
        how = "counted over all orders" if found.is_exact else "by the normal approximation"
        yield Prose(
            f"Round {found.round} took {count(found.accounts, 'account')}. Accounts: those of them that have a place "
            "by the formula and known figures. Tau: Kendall's tau-b between the venue's order and the scores, 1 in the "
            "same order, -1 in the reverse. Chance: the share of random orders that agree at least as well, "
            f"{how}. Corrected: the same for {count(found.tests, 'test')}, by Holm; an asterisk where that is at most "
            "5%. Formulas that give one order are one test. Lots: the share of what was closed that the formula would "
            "have taken from the same accounts. Before: how many who were not taken stand before somebody who was."
        )
        header = ("formula", "test", "accounts", "tau", "chance", "corrected", "lots", "before")
        yield Table(header, tuple(_rows(tested, found)))
    for reason, alike in groupby(
        sorted((one for one in found.formulas if one.not_tested), key=lambda one: one.not_tested or ""),
        key=lambda one: one.not_tested,
    ):
        yield Prose(f"Not tested, as {reason}: {', '.join(one.policy for one in alike)}.")


def _rows(tested: list[FormulaTest], found: Published) -> Iterator[tuple[str, ...]]:
    """A line for each formula; those of one order stand together, with the number of their test."""
    number, said = 0, set[str]()
    by_name = {one.policy: one for one in tested}
    for first in tested:
        if first.policy in said:
            continue
        number += 1
        for one in (first, *(by_name[name] for name in first.same_as)):
            said.add(one.policy)
            lots = "-"
            if found.size.number:
                lots = percent(one.in_common.number, found.size.number).removeprefix("+")
            star = "*" if one.is_beyond_chance else " "
            yield (
                one.policy,
                f"{number}",
                f"{one.tested_accounts:,}",
                one.tau_b or "-",
                one.chance_text or "-",
                f"{one.corrected_text}{star}",
                lots,
                f"{found.passed_over.before.get(one.policy, 0):,}",
            )


def _own(one: FormulaTest, account: int) -> tuple[str, ...] | None:
    place = next((place for place in one.places if place.account == account), None)
    if place is None or one.not_tested is not None:
        return None
    return one.policy, f"{place.rank:,}", f"{one.candidates:,}", place.would_give.text, place.gave.text


def _whole(one: FormulaTest, account: int | None) -> Iterator[Block]:
    yield Prose(f"Score = {one.formula}. Source: {one.source or 'none given'}.")
    rows = tuple(
        (
            f"{place.rank:,}",
            place.name,
            place.score.text,
            place.size.text,
            place.would_give.text,
            place.gave.text,
            "-" if place.realised_rank is None else f"{place.realised_rank:,}",
        )
        for place in one.places
    )
    marked = next((n for n, place in enumerate(one.places) if place.account == account), None)
    yield Table(("place", "account", "score", "held", "would give", "gave", "was"), rows, marked)

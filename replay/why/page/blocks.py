"""What an answer is made of when it is shown: sections of a few kinds of blocks, which each renderer can draw.

Parts that are shown in more than one place have their blocks here: the marks of a loss, the fund's account, the price
with what came of it, the claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ....handlers.living.index import INDEX_OF
from ....sim.figures import count
from ....sim.quantities import Quantity
from ..answer import Claim
from ..coins import converted_sentence
from ..losing import Losing, LosingMark
from ..mark_moves import MarkStep, MovedMark, MovePart, MoveSource, MoveSum
from ..names import held
from ..parts import Fund, FundNow
from ..price import Later, Priced

__all__ = [
    "Block",
    "Commands",
    "Node",
    "Prose",
    "Section",
    "Sums",
    "Table",
    "Tree",
    "claims_tree",
    "clock",
    "fund_blocks",
    "losing_blocks",
    "price_blocks",
]

_EVENTS_SHOWN = 6
_MOVERS = 3


class Prose(NamedTuple):
    """A paragraph."""

    text: str


class Node(NamedTuple):
    """A line of a tree, with the lines below it."""

    text: str
    children: tuple[Node, ...] = ()


class Tree(NamedTuple):
    """Lines in order under a root, some with lines below them."""

    root: str
    nodes: tuple[Node, ...]


class Sums(NamedTuple):
    """Amounts and what they are; the last is their sum."""

    rows: tuple[tuple[str, str], ...]


class Table(NamedTuple):
    """Columns under a header; the row numbered `marked` is the one that is asked about."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: int | None = None


class Commands(NamedTuple):
    """Commands to be copied: one a line, never folded."""

    lines: tuple[str, ...]


Block = Prose | Tree | Sums | Table | Commands


class Section(NamedTuple):
    """Blocks under a title; the first section of a page has none."""

    title: str
    blocks: tuple[Block, ...]


def clock(at: str, date: str) -> str:
    """The time of day; with the date where that is another."""
    day, _, clock = at.partition("T")
    return clock.removesuffix("Z") if day == date else at


def fund_blocks(fund: Fund, *, whole: bool = False) -> Iterator[Block]:
    """The account of the fund, with the sum held against the record; every round that changed it if `whole`."""
    yield Prose(f"{fund.text} (Event {fund.shortfall_seq}.)")
    rows = [(line.amount.signed, line.text) for line in fund.lines]
    verdict = "exactly the capacity recorded" if fund.reconciles else f"NOT the capacity recorded, {fund.capacity}"
    yield Sums((*rows, (fund.sum.signed, f"in {fund.sum.unit}, {verdict}")))
    if fund.now is not None:
        yield from _fund_now(fund, fund.now, whole=whole)


def _fund_now(fund: Fund, now: FundNow, *, whole: bool) -> Iterator[Block]:
    """What it had when the round was decided, and what came between."""
    own = sum(one.started_seq > fund.shortfall_seq for one in now.rounds)
    between = f"after the shortfall and {count(now.rounds_since, 'round')} of auto-deleveraging since"
    if own:
        between += f", {own:,} of them for the fund's own positions and {now.rounds_since - own:,} for those of others"
    between = between if now.rounds_since else "right after the shortfall"
    yield Prose(f"When this round was decided (before event {now.before_seq}, {between}) it had:")
    yield Sums(
        (
            (now.cash.signed, "cash"),
            (now.inventory_mark.signed, "what its inventory was worth at the mark"),
            (
                (-now.inventory_cost).signed,
                f"what it had {'received' if now.inventory_cost.number < 0 else 'paid'} for that inventory",
            ),
            ((-now.floor).signed, "the floor that it keeps"),
            (now.capacity.signed, f"in {now.capacity.unit}, its capacity then"),
        )
    )
    yield from _since(fund, now, whole=whole)
    if fund.trigger == "inventory" and now.capacity.number >= 0:
        yield Prose(
            "The rounds before this one had brought it back above its floor. The rule goes on all the same: once a "
            "shortfall of its inventory is declared, every lot that stands at a loss is closed, one after the other."
        )


def _since(fund: Fund, now: FundNow, *, whole: bool) -> Iterator[Block]:
    """How the earlier rounds of the instant changed what it had."""
    before = [one for one in now.rounds if one.started_seq <= fund.shortfall_seq]
    since = [one for one in now.rounds if one.started_seq > fund.shortfall_seq]
    if before:
        changed = Quantity(sum(one.gained.number for one in before), now.capacity.scale)
        rounds = count(len(before), "round")
        yield Prose(
            f"Before the shortfall {rounds} of the same instant for the fund's own positions had changed it by "
            f"{changed.signed} {changed.unit}."
        )
    if since or now.by_others.number:
        rows = [(fund.capacity.signed, f"at the shortfall, event {fund.shortfall_seq}")]
        if whole:
            rows += [
                (one.gained.signed, f"round {one.round} (event {one.started_seq}), {held(one.size)}") for one in since
            ]
        elif since:
            rows.append((now.by_rounds.signed, f"{count(len(since), 'round')} for the fund's own positions at a loss"))
        if now.by_others.number:
            rows.append((now.by_others.signed, "marks, sales and payments between"))
        yield Sums((*rows, (now.capacity.signed, f"in {now.capacity.unit}, before this round")))


def price_blocks(price: Priced, later: Sequence[Later]) -> Iterator[Block]:
    """Why this price, what it cost or brought, in profit and in share of it, and what the price became."""
    rounded = ", rounded in its last digit" if price.rounded else ""
    yield Prose(
        f"The price was {price.rule}: {abs(price.size).text} x {price.price.text}, {abs(price.value)} in "
        f"all{rounded}. At the "
        f"mark of {price.mark.text}{'' if price.mark_seq is None else f' (event {price.mark_seq})'} they were worth "
        f"{abs(price.at_mark)}."
    )
    share = "" if price.share is None else f" ({price.share} of the profit at the mark)"
    yield Sums(
        (
            (price.paper.signed, "profit at the mark on what was closed"),
            (price.gained.signed, f"by the price instead of the mark{share}"),
            (
                price.realised.signed,
                f"in {price.realised.unit}, {'paid into' if price.realised.number > 0 else 'taken from'} its balance",
            ),
        )
    )
    yield Prose(f"All that it held of it before stood at a profit of {price.position} at the mark.")
    if later:
        yield _later(later)


def _later(found: Sequence[Later]) -> Tree:
    """What the same lots would have been closed at later."""
    date = found[0].at.partition("T")[0]
    nodes = []
    for one in found:
        did = "neither more nor less"
        if one.gained.number:
            did = f"{abs(one.gained)} {'more' if one.gained.number > 0 else 'less'}"
            did += "" if one.share is None else f", {one.share} of the profit at the mark when it was closed"
        nodes.append(Node(f"{clock(one.at, date)} the mark was {one.mark.text} (event {one.mark_seq}): {did}"))
    return Tree(f"closed later instead, these lots would have brought it, {date} UTC", tuple(nodes))


def claims_tree(claims: Sequence[Claim]) -> Tree:
    """Each claim with its events, and how to check it."""
    nodes = []
    for one in claims:
        more = f" and {len(one.events) - _EVENTS_SHOWN} more" if one.events[_EVENTS_SHOWN:] else ""
        named = ", ".join(map(str, one.events[:_EVENTS_SHOWN]))
        word = "event" if len(one.events) == 1 else "events"
        nodes.append(Node(f"{one.grade}: {one.text} ({word} {named}{more})", (Node(f"check: {one.check}"),)))
    return Tree(f"{count(len(claims), 'claim')}, each with the way to check it", tuple(nodes))


def losing_blocks(found: Losing, *, whole: bool) -> Iterator[Block]:
    """From the last solvent moment to the decision: each mark, what of it forced orders made, and what was left."""
    first, last = found.marks[0], found.marks[-1]
    begun = "when it last had all the margin that was asked of it"
    if not found.from_solvent:
        begun = "the first mark that is looked at here"
    elif found.of_lot:
        begun = "when it last stood at no loss"
    after = ""
    if found.decided != last.equity:
        left = _amount(found, found.decided)
        after = f" What was forced of it after that mark left it with {left} when this was decided."
    yield Prose(
        f"It had {_amount(found, first.equity)} at event {first.seq}, {begun}, and {_amount(found, last.equity)} at "
        f"event {last.seq}, the last mark before this was decided.{after}"
    )
    if found.otherwise is not None:
        yield Prose(converted_sentence(found.converted, found.sold, found.otherwise))
    yield from map(_moved_mark, found.moved)
    date = first.at.partition("T")[0]
    left = f", {count(found.left_out, 'mark')} that moved it less left out (--all)" if found.left_out else ""
    made = _book_made if found.moved else _index_made
    nodes = tuple(Node(_losing_mark(mark, date, made(mark)), _behind(mark, whole=whole)) for mark in found.marks)
    what = "what the lot then stood at" if found.of_lot else f"the equity of {found.name} at it"
    yield Tree(f"{count(len(found.marks), 'mark')}, each with {what}{left}, {date} UTC", nodes)


def _amount(found: Losing, amount: Quantity) -> str:
    """What an account had, or what a lot stood at."""
    if not found.of_lot:
        return f"an equity of {amount}"
    return f"a {'loss' if amount.number < 0 else 'profit'} of {abs(amount)}"


def _losing_mark(mark: LosingMark, date: str, made: str) -> str:
    return f"{mark.seq} {clock(mark.at, date)} {mark.name} at {mark.mark.text}{made}: {mark.equity}"


def _book_made(mark: LosingMark) -> str:
    """What a mark follows where a book makes the price, if it is not just that."""
    return "" if mark.index == mark.mark else f", following {mark.index.text}"


def _index_made(mark: LosingMark) -> str:
    """The index under a mark, and what held it away from there."""
    moved = [f"{mark.forced.text} by forced orders"] if mark.forced.number else []
    moved += [f"{mark.smoothed.text} by smoothing"] if mark.smoothed.number else []
    return f", the index {mark.index.text}{', ' if moved[1:] else ' and ' if moved else ''}{' and '.join(moved)}"


def _moved_mark(moved: MovedMark) -> Tree:
    """What moved a mark over the whole way, in sums."""
    way = f"from {moved.begun.text} (event {moved.from_seq}) to {moved.ended.text} (event {moved.to_seq})"
    nodes = tuple(Node(f"{_part(one)}{_sources_in_all(one)}") for one in moved.parts)
    return Tree(f"what moved the mark of {moved.name} {way}, {moved.moved.signed} in all", nodes)


def _sources_in_all(one: MoveSum) -> str:
    if not one.accounts:
        return ""
    what, whose = ("time", "maker") if one.kind in ("withdrawal", "quotes") else ("order", "account")
    return f": {count(one.sources, what)}, {count(one.accounts, whose)}"


_PARTS = {
    "outside": "by the value outside",
    "forced": "by forced orders of traders",
    "inventory": "by what the fund sold of its inventory",
    "withdrawal": "by makers who left",
    "quotes": "by makers who changed their quotes",
    "time": "by time, in which depth comes back",
    "law": "by the law of impact itself",
    "rule": "by the rule by which the mark is made of prices",
}


def _part(part: MovePart | MoveSum) -> str:
    """How much of a move came from where."""
    what = _PARTS.get(part.kind, "")
    if part.kind == "elsewhere":
        venue = part.name or ""
        what = (
            f"by the index of {venue.removesuffix(INDEX_OF)}" if venue.endswith(INDEX_OF) else f"by the book of {venue}"
        )
    elif part.kind == "index":
        what = f"by what the index counts: {part.name}"
    elif part.kind == "own":
        what = f"by own orders ({(part.name or 'of no stated purpose').replace('_', ' ')})"
    return f"{part.moved.signed} {what}"


def _behind(mark: LosingMark, *, whole: bool) -> tuple[Node, ...]:
    """What moved a mark since the one before: in parts where that is known, else whose forced orders traded."""
    return _movers(mark, whole=whole) if mark.step is None else (_stepped(mark.step, whole=whole),)


def _stepped(step: MarkStep, *, whole: bool) -> Node:
    nodes = tuple(Node(f"{_part(part)}{_sources(part.sources, whole=whole)}") for part in step.parts)
    return Node(f"{step.moved.signed} since the mark before (event {step.since_seq})", nodes)


def _sources(sources: tuple[MoveSource, ...], *, whole: bool) -> str:
    """The first few sources of a part with their events, or all of them."""
    shown = len(sources) if whole else _MOVERS
    named = [_source(one, alone=len(sources) == 1) for one in sources[:shown]]
    more = f" and {count(len(sources) - shown, 'other')}" if sources[shown:] else ""
    if not named:
        return ""
    return f"{':' if sources[0].names or sources[1:] else ''} {', '.join(named)}{more}"


def _source(one: MoveSource, *, alone: bool) -> str:
    who = f"{' and '.join(one.names)} " if one.names else ""
    return f"{who}{'' if alone else f'{one.moved.signed} '}(event {one.seq})"


def _movers(mark: LosingMark, *, whole: bool) -> tuple[Node, ...]:
    """Whose forced orders traded since the mark before, the first few by name, or all of them."""
    shown = len(mark.moved_by) if whole else _MOVERS
    if not mark.moved_by:
        return ()
    named = [f"{one.name} ({one.orders})" if one.orders > 1 else one.name for one in mark.moved_by[:shown]]
    more = f" and {count(len(mark.moved_by) - shown, 'other')}" if mark.moved_by[shown:] else ""
    return (Node(f"forced orders since the mark before: {', '.join(named)}{more}"),)

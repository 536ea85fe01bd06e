"""What an answer is made of when it is shown: sections of a few kinds of blocks, which each renderer can draw.

Parts that are shown in more than one place have their blocks here: the fund's account, the price with what came of it,
the claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ....sim.figures import count
from ....sim.quantities import Quantity
from ..answer import Claim
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
    "price_blocks",
]

_EVENTS_SHOWN = 6


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
    between = f"{count(now.rounds_since, 'round')} later" if now.rounds_since else "at once"
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
            f"Before the shortfall {rounds} of the same instant had changed it by {changed.signed} {changed.unit}."
        )
    if since or now.by_others.number:
        rows = [(fund.capacity.signed, f"at the shortfall, event {fund.shortfall_seq}")]
        if whole:
            rows += [
                (one.gained.signed, f"round {one.round} (event {one.started_seq}), {held(one.size)}") for one in since
            ]
        elif since:
            rows.append((now.by_rounds.signed, f"{count(len(since), 'round')} that closed what it held at a loss"))
        if now.by_others.number:
            rows.append((now.by_others.signed, "marks, sales and payments between"))
        yield Sums((*rows, (now.capacity.signed, f"in {now.capacity.unit}, before this round")))


def price_blocks(price: Priced, later: Sequence[Later]) -> Iterator[Block]:
    """Why this price, what it cost or brought, in profit and in share of it, and what the price became."""
    yield Prose(
        f"The price was {price.rule}: {abs(price.size).text} x {price.price.text}, {abs(price.value)} in all. At the "
        f"mark of {price.mark.text}{'' if price.mark_seq is None else f' (event {price.mark_seq})'} they were worth "
        f"{abs(price.at_mark)}."
    )
    share = "" if price.share is None else f" ({price.share} of the profit at the mark)"
    yield Sums(
        (
            (price.paper.signed, "profit at the mark on what was closed"),
            (price.gained.signed, f"by the price instead of the mark{share}"),
            (price.realised.signed, f"in {price.realised.unit}, paid into its balance"),
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

"""What an answer is made of when it is shown: sections of a few kinds of blocks, which each renderer can draw.

Parts that are shown in more than one place have their blocks here: the fund's account, the price with what came of it,
the claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ....sim.figures import count
from ..answer import Claim
from ..names import signed_money_of
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
    rows = [(signed_money_of(line.atoms, fund.decimals), line.text) for line in fund.lines]
    verdict = "exactly the capacity recorded" if fund.reconciles else f"NOT the capacity recorded, {fund.capacity}"
    total = signed_money_of(fund.sum_atoms, fund.decimals)
    yield Sums((*rows, (total, f"in {fund.asset}, {verdict}")))
    if fund.now is not None:
        yield from _fund_now(fund, fund.now, whole=whole)


def _fund_now(fund: Fund, now: FundNow, *, whole: bool) -> Iterator[Block]:
    """What it had when the round was decided, and what came between."""
    between = f"{count(now.rounds_since, 'round')} later" if now.rounds_since else "at once"
    yield Prose(f"When this round was decided (before event {now.before_seq}, {between}) it had:")
    rows = [
        (signed_money_of(now.cash_atoms, fund.decimals), "cash"),
        (signed_money_of(now.inventory_mark_atoms, fund.decimals), "what its inventory was worth at the mark"),
        (signed_money_of(-now.inventory_cost_atoms, fund.decimals), "what it had paid for that inventory"),
    ]
    rows.append((signed_money_of(-now.floor_atoms, fund.decimals), "the floor that it keeps"))
    yield Sums((*rows, (signed_money_of(now.capacity_atoms, fund.decimals), f"in {fund.asset}, its capacity then")))
    yield from _since(fund, now, whole=whole)
    if fund.trigger == "inventory" and now.capacity_atoms >= 0:
        yield Prose(
            "The rounds before this one had brought it back above its floor. The rule goes on all the same: once a "
            "shortfall of its inventory is declared, every lot that stands at a loss is closed, one after the other."
        )


def _since(fund: Fund, now: FundNow, *, whole: bool) -> Iterator[Block]:
    """How the earlier rounds of the instant changed what it had."""
    before = [one for one in now.rounds if one.started_seq <= fund.shortfall_seq]
    since = [one for one in now.rounds if one.started_seq > fund.shortfall_seq]
    if before:
        changed = signed_money_of(sum(one.gained_atoms for one in before), fund.decimals)
        rounds = count(len(before), "round")
        yield Prose(f"Before the shortfall {rounds} of the same instant had changed it by {changed} {fund.asset}.")
    if since or now.others_atoms:
        rows = [(signed_money_of(fund.capacity_atoms, fund.decimals), f"at the shortfall, event {fund.shortfall_seq}")]
        shown = since if whole else []
        rows += [
            (
                signed_money_of(one.gained_atoms, fund.decimals),
                f"round {one.round} (event {one.started_seq}), {one.size}",
            )
            for one in shown
        ]
        if since and not whole:
            told = f"{count(len(since), 'round')} that closed what it held at a loss"
            rows.append((signed_money_of(now.rounds_atoms, fund.decimals), told))
        if now.others_atoms:
            rows.append((signed_money_of(now.others_atoms, fund.decimals), "marks, sales and payments between"))
        total = signed_money_of(now.capacity_atoms, fund.decimals)
        yield Sums((*rows, (total, f"in {fund.asset}, before this round")))


def price_blocks(price: Priced, later: Sequence[Later]) -> Iterator[Block]:
    """Why this price, what it cost or brought, in profit and in share of it, and what the price became."""
    yield Prose(
        f"The price was {price.rule}: {price.size} x {price.price}, {price.value} in all. At the mark of {price.mark}"
        f"{'' if price.mark_seq is None else f' (event {price.mark_seq})'} they were worth {price.at_mark}."
    )
    share = "" if price.share is None else f" ({price.share} of the profit at the mark)"
    asset = price.paper.rpartition(" ")[2]
    yield Sums(
        (
            (_signed(price.paper_atoms, price.paper), "profit at the mark on what was closed"),
            (_signed(price.gained_atoms, price.gained), f"by the price instead of the mark{share}"),
            (_signed(price.realised_atoms, price.realised), f"in {asset}, paid into its balance"),
        )
    )
    yield Prose(f"All that it held of it before stood at a profit of {price.position} at the mark.")
    if later:
        yield _later(later)


def _signed(atoms: int, text: str) -> str:
    """An amount without the name of its asset, with a plus before what is more than nothing."""
    return f"{'+' if atoms > 0 else ''}{text.rpartition(' ')[0]}"


def _later(found: Sequence[Later]) -> Tree:
    """What the same lots would have been closed at later."""
    date = found[0].at.partition("T")[0]
    nodes = []
    for one in found:
        did = "neither more nor less"
        if one.gained_atoms:
            did = f"{one.gained.lstrip('-')} {'more' if one.gained_atoms > 0 else 'less'}"
            did += "" if one.share is None else f", {one.share} of the profit at the mark then"
        nodes.append(Node(f"{clock(one.at, date)} the mark was {one.mark} (event {one.mark_seq}): {did}"))
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

"""The sections of an answer about an imported event: its origin, and a round against the published formulas."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ...sim.figures import count, percent
from ...sim.units import divide_half_even
from .blocks import Block, Node, Prose, Section, Table, Tree
from .published import Formula, Published
from .taken_in import Reported, TakenIn

__all__ = ["published_sections", "taken_in_sections"]


def taken_in_sections(found: TakenIn) -> Iterator[Section]:
    """What the venue says, what its files state, and what is concluded."""
    if found.reported:
        rows = tuple(_reported(side) for side in found.reported)
        header = ("as reported", "size", "before", "after", "closed profit", "fee")
        blocks: list[Block] = [Table(header, rows)]
        printed = [side for side in found.reported if side.printed]
        blocks += [Prose(f"{side.name}, as the file has it: {_printed(side)}.") for side in printed]
        yield Section("What the venue reported", tuple(blocks))
    yield Section("What is recorded and what is concluded", tuple(_origins(found)))


def _reported(side: Reported) -> tuple[str, ...]:
    return (side.name, side.traded, *(one or "-" for one in (side.before, side.after, side.closed_profit, side.fee)))


def _printed(side: Reported) -> str:
    return ", ".join(f"{field} {text}" for field, text in side.printed)


def _origins(found: TakenIn) -> Iterator[Block]:
    if found.imported:
        yield Tree(f"imported, {count(len(found.imported), 'event')}", tuple(map(Node, found.imported)))
    if found.inferred:
        yield Tree(f"inferred, {count(len(found.inferred), 'event')}: no file states them", _nodes(found.inferred))
    if found.file is not None:
        yield Prose(f"Read from {found.file}, line {found.line:,}; SHA-256 of the file {found.sha256}.")


def _nodes(lines: tuple[str, ...]) -> tuple[Node, ...]:
    return tuple(map(Node, lines))


def published_sections(found: Published, account: int | None) -> Iterator[Section]:
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
    yield Section("What this cannot say", (Tree("caveats", tuple(map(Node, found.caveats))),))


def _compared(found: Published) -> Iterator[Block]:
    yield Prose(
        f"Round {found.round} took {count(found.fills, 'position')}. Run: the longest run of them, in the order of the "
        f"venue, whose scores never rise; drawn by lot it is about {found.run_by_lot}. Order: the pairs whose scores "
        "agree with that order, less those that differ from it, over all pairs; 1 is the same order, 0 is chance, with "
        "an asterisk it is more than two standard deviations from chance. Place: how many stand at their very place. "
        "Lots: the share of what was closed that the formula would have taken from the same accounts."
    )
    rows = tuple(_row(one, found) for one in found.formulas if one.compared)
    yield Table(("formula", "run", "order", "place", "lots"), rows)
    others = [one.policy for one in found.formulas if not one.compared]
    if others:
        yield Prose(f"Not compared, as no figure of an account gives the order: {', '.join(others)}.")


def _row(one: Formula, found: Published) -> tuple[str, ...]:
    order = f"{_thousandths(Fraction(one.correlation))}{'*' if one.beyond_chance else ' '}"
    lots = percent(one.lots_in_common, found.lots).removeprefix("+") if found.lots else "-"
    return one.policy, f"{one.longest_run:,}", order, f"{one.same_place:,}", lots


def _thousandths(value: Fraction) -> str:
    thousandths = divide_half_even(value.numerator * 1000, value.denominator)
    return f"{'-' if thousandths < 0 else ''}{abs(thousandths) // 1000}.{abs(thousandths) % 1000:03d}"


def _own(one: Formula, account: int) -> tuple[str, ...] | None:
    place = next((place for place in one.places if place.account == account), None)
    if place is None:
        return None
    return one.policy, f"{place.rank:,}", f"{one.candidates:,}", place.would_give, place.gave


def _whole(one: Formula, account: int | None) -> Iterator[Block]:
    yield Prose(f"Score = {one.formula}. Source: {one.source or 'none given'}.")
    rows = tuple(
        (
            f"{place.rank:,}",
            place.name,
            place.score_text,
            place.size,
            place.would_give,
            place.gave,
            "-" if place.realised_rank is None else f"{place.realised_rank:,}",
        )
        for place in one.places
    )
    marked = next((n for n, place in enumerate(one.places) if place.account == account), None)
    yield Table(("place", "account", "score", "held", "would give", "gave", "was"), rows, marked)

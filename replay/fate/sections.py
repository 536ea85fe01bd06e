"""A fate for people: the chances instant by instant, the point of no return, what could have been done.

The same sections are drawn on a terminal and as Markdown (`replay/why/page`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...sim.figures import count, duration, rounded_money
from ...sim.quantities import Quantity
from ...sim.sparkline import UNICODE_BARS, sparkline
from ...sim.terminal import shell_word
from ...sim.units import format_time_ns
from ..bounds import CONFIDENCE, SHARE_PARTS
from ..run import Run
from ..why.page.blocks import Block, Commands, Prose, Section, Table
from .fate import Chance, Fate, InstantFate
from .remedies import Remedy

__all__ = ["came_told", "drawn_told", "fate_sections", "fate_title"]

_BARS_WIDTH = 60
_MILLE = 1_000

_UNTRADED = "No part of the position could be closed there: its market was halted, or the account in a liquidation."
_CAME = {
    "liquidated": "a liquidation began",
    "deleveraged": "something was deleveraged",
    "empty": "the fund fell short",
}


def fate_title(run: Run, found: Fate) -> str:
    """What stands over it."""
    account = found.question.account
    whose = "the insurance fund" if account is None else run.directory.account_name(account)
    return f"Fate of {whose} in {run.started.scenario}"


def fate_sections(run: Run, found: Fate, bars: str = UNICODE_BARS) -> Iterator[Section]:
    """What was drawn, the chances, the point of no return, and the cost of being back before it."""
    lines = tuple(_line(found, place, bars) for place in range(len(found.question.watched)))
    yield Section("", (Prose(drawn_told(found)), _table(found), Commands(lines)))
    yield Section("Point of no return", tuple(_point(run, found)))


def drawn_told(found: Fate) -> str:
    """How often, how far, from what; and what is not drawn."""
    question = found.question
    ahead = f"{duration(question.horizon_ns)} ahead" if question.horizon_ns else "to the record's end"
    prices = "prices as recorded" if question.process == "recorded" else f"prices from `{question.process}`"
    if question.volatility is not None:
        prices += f" at a volatility of {question.volatility} per square root of a day"
    answers = "traders' answers drawn anew" if question.answers else "traders' answers as they were"
    order = "drawn anew, too" if question.order else "as the engine does it"
    return (
        f"{count(len(found.instants), 'instant')}, {count(question.draws, 'draw')} each, {ahead}: {prices}, {answers}; "
        f"what comes first within an instant, where no rule says, is {order}. Intervals at {CONFIDENCE}."
    )


def came_told(name: str) -> str:
    """What is counted, as half a sentence."""
    return _CAME[name]


def _table(found: Fate) -> Table:
    header = ["instant", "event"]
    for name in found.question.watched:
        header += [name, "at least", "at most"]
    rows = [
        (
            format_time_ns(one.instant.at_ns)[11:],
            f"{one.instant.seq}",
            *(text for each in one.chances for text in _shares(each)),
        )
        for one in found.instants
    ]
    marked = None if found.point is None else found.point
    return Table(tuple(header), tuple(rows), marked)


def _shares(chance: Chance) -> tuple[str, str, str]:
    least, most = chance.interval
    return _percent(chance.came, chance.draws), _percent(least, SHARE_PARTS), _percent(most, SHARE_PARTS)


def _percent(part: int, whole: int) -> str:
    """To a tenth of a percent, rounded down."""
    mille = part * _MILLE // whole
    return f"{mille // 10}.{mille % 10}%"


def _line(found: Fate, place: int, bars: str) -> str:
    name, draws = found.question.watched[place], found.question.draws
    came = [one.chances[place].came for one in found.instants]
    return f"{name:<12}{sparkline(came, _BARS_WIDTH, bars, (0, draws))}"


def _point(run: Run, found: Fate) -> Iterator[Block]:
    came, beyond = came_told(found.question.watched[found.asked]), found.beyond
    if found.point is None:
        yield Prose(f"In half of the draws or more {came} from the first instant on; ask for earlier ones (--from).")
    else:
        last = found.instants[found.point]
        yield Prose(
            f"The last instant at which {came} in fewer than half of the draws is {_told(last)}: "
            f"{_in(last.chances[found.asked])}."
        )
    if beyond is None:
        yield Prose("That is the last instant asked about, so the point was not passed.")
        return
    if found.point is not None:
        yield Prose(f"At the next one, {_told(beyond)}, it is {_in(beyond.chances[found.asked])}.")
    for remedy in found.remedies:
        yield from _remedy(run, found, beyond, remedy)
    if found.remedies and found.question.account is not None and found.remedies[-1].varied != "size":
        yield Prose(_UNTRADED)


def _told(one: InstantFate) -> str:
    return f"{format_time_ns(one.instant.at_ns)} (event {one.instant.seq})"


def _in(chance: Chance) -> str:
    return f"{chance.came:,} of {chance.draws:,}"


def _remedy(run: Run, found: Fate, beyond: InstantFate, remedy: Remedy) -> Iterator[Block]:
    draws = found.question.draws
    if remedy.amount is None:
        yield Prose(f"{_what(run, remedy, remedy.not_at)} would not have done: {remedy.came:,} of {draws:,}.")
        return
    less = f"{remedy.not_at} would not" if remedy.not_at.number else "nothing at all would not"
    yield Prose(
        f"There {_what(run, remedy, remedy.amount)} would have brought it to {remedy.came:,} of {draws:,}, over the "
        f"same draws; {less} have brought it under half."
    )
    yield Commands((f"deleverage fork {shell_word(str(run.path))} --at {beyond.instant.seq} {remedy.how}",))


def _what(run: Run, remedy: Remedy, amount: Quantity) -> str:
    if remedy.varied == "collateral":
        return f"{amount} more collateral"
    if remedy.varied == "fund":
        return f"{amount} more in the fund"
    asset = run.directory.assets[min(run.directory.assets)]
    worth = f", {rounded_money(remedy.worth_atoms, asset)} {asset.name} at the mark" if remedy.worth_atoms else ""
    return f"closing {amount} of {remedy.of}{worth},"

"""What a page of `why` says in figures comes out from the figures that it prints."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.explain import explain
from deleverage.replay.why.sections import answer_sections

from .support.command_line import small_record
from .support.crash import recorded
from .support.moving import MovingRun

REDUCTIONS = [event.seq for event in recorded() if isinstance(event.body, PositionDeleveraged)][::5]
FIGURE = r"(-?[\d,]+(?:\.\d+)?)"
CLOSED = re.compile(
    rf"made to (?:sell|buy back) (?:all )?{FIGURE}(?: of the {FIGURE})? \S+ that it was .*?, at {FIGURE}, for {FIGURE} "
)
MARK = re.compile(rf"(?:lost|gained) {FIGURE} \S+ against the mark of {FIGURE}[,;]")
SHARED = re.compile(r"Of the (\S+) \S+ these were given: (.*); (.*) in all.*")
SHORT = re.compile(rf"needed {FIGURE} USDT to take it on and had {FIGURE} USDT, {FIGURE} USDT too little")


def number(text: str) -> Decimal:
    """A figure as it is printed."""
    return Decimal(text.replace(",", ""))


def in_atoms(amount: Decimal) -> Decimal:
    """Rounded to what the asset has."""
    return amount.quantize(Decimal("0.000001"), ROUND_HALF_EVEN)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, whose states move on with the questions."""
    return MovingRun(open_run(small_record(tmp_path_factory.mktemp("records"))).reader)


def test_every_product_and_difference_comes_out(run: Run) -> None:
    """Size times price is the value, value against the mark is what it cost, needed less had is what was missing."""
    seen = dict.fromkeys(("closed", "mark", "short"), 0)
    for seq in REDUCTIONS:
        paragraph = explain(run, seq).paragraph
        closed, mark, short = CLOSED.search(paragraph), MARK.search(paragraph), SHORT.search(paragraph)
        assert closed is not None, paragraph
        size, price, value = number(closed[1]), number(closed[3]), number(closed[4])
        assert in_atoms(size * price) == value, paragraph
        seen["closed"] += 1
        if mark is not None:
            assert abs(abs(size * number(mark[2]) - value) - number(mark[1])) < Decimal("0.000001"), paragraph
            seen["mark"] += 1
        if short is not None:
            assert number(short[1]) - number(short[2]) == number(short[3]), paragraph
            seen["short"] += 1
    assert min(seen.values()) > 15


def test_every_sum_comes_out(run: Run) -> None:
    """The lines of the fund add up to the last one, at the shortfall and at the round."""
    sums = 0
    for seq in REDUCTIONS[::4]:
        for section in answer_sections(explain(run, seq)):
            for block in section.blocks:
                if type(block).__name__ == "Sums":
                    *parts, total = (number(amount.replace("+", "")) for amount, _ in block.rows)
                    assert sum(parts) == total, (seq, block)
                    sums += 1
    assert sums > 20


def test_who_shared_it_gave_it_all(run: Run) -> None:
    """What those who are named gave, with the others, is what was given in all, and with what was left the whole."""
    several = 0
    for seq in REDUCTIONS[::2]:
        ranking = explain(run, seq).ranking
        assert ranking is not None
        told = SHARED.fullmatch(ranking.shared)
        assert told is not None, ranking.shared
        whole, given, end = told.groups()
        parts = [number(one.split(" ")[-1]) for one in re.split(r", (?=\S+ |\d+ others? )", given)]
        left = re.search(rf"and {FIGURE} were left", ranking.shared)
        assert sum(parts) == number(end.split(" ")[0]), ranking.shared
        assert sum(parts) + (number(left[1]) if left else 0) == number(whole), ranking.shared
        several += len(parts) > 1
    assert several > 5


def test_nothing_is_said_with_the_wrong_sign(run: Run) -> None:
    """No negative need, no debt below zero, no move of nothing in percent."""
    for seq in REDUCTIONS:
        paragraph = explain(run, seq).paragraph
        assert not re.search(r"(needed|owed|cost it|brought it|missing) -", paragraph), paragraph
        assert "+0.00%" not in paragraph, paragraph
        assert "-0.00%" not in paragraph, paragraph

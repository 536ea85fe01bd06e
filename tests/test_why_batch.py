"""What the fills of a venue's round show: who was closed whole and who in part, and whether that fits a queue."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.ledger import Ledger
from deleverage.replay.why.names import RunNames
from deleverage.replay.why.venue.batch import BatchFill, Closed, closed_of
from deleverage.sim.quantities import Quantity, Scale

POSITIONS = st.lists(st.integers(1, 40), min_size=2, max_size=8)
LOTS, TICKS, ATOMS = (Scale(Decimal(1), *of) for of in (("X", "lots"), ("quote", "ticks"), ("Y", "atoms")))


class Plain(RunNames):
    """Figures in lots, of an instrument called X."""

    def __init__(self) -> None:
        super().__init__(Ledger())

    def size_of(self, instrument: int, lots: int) -> Quantity:
        """The lots."""
        return Quantity(lots, LOTS)


def fills(gave: list[int], held: list[int | None], accounts: list[int] | None = None) -> list[BatchFill]:
    """Longs that gave so much of what they held, in this order; each another account unless `accounts` says whose."""
    whose = accounts or list(range(len(gave)))
    return [
        BatchFill(
            seq=place,
            file=None,
            line=place,
            round=1,
            rank=place,
            account=account,
            name=f"a{account}",
            size=Quantity(-lots, LOTS),
            price=Quantity(1, TICKS),
            value=Quantity(lots, ATOMS),
            before=None if before is None else Quantity(before, LOTS),
            after=None,
        )
        for place, (lots, before, account) in enumerate(zip(gave, held, whose, strict=True), 1)
    ]


def shown(gave: list[int], held: list[int | None], *, in_order: bool = True) -> Closed:
    """What they show."""
    return closed_of(fills(gave, held), 0, Plain(), in_order=in_order)


@given(POSITIONS, st.data())
def test_a_queue_leaves_its_last_in_part(positions: list[int], data: st.DataObject) -> None:
    """Whatever is closed of positions one after the other: all whole, or all but the last of those who were taken."""
    closed = data.draw(st.integers(positions[0] + 1, sum(positions)))
    left = [max(0, closed - before) for before in (0, *accumulate(positions[:-1]))]
    gave = [min(position, lots) for position, lots in zip(positions, left, strict=True) if lots]
    found = shown(gave, list(positions[: len(gave)]))
    assert found.pattern == ("all_whole" if gave[-1] == positions[len(gave) - 1] else "last_in_part")
    assert (found.whole + found.in_part, found.unknown) == (len(gave), 0)


@given(POSITIONS, st.fractions(Fraction(1, 10), Fraction(9, 10)))
def test_one_share_of_everybody_is_told_from_a_queue(positions: list[int], share: Fraction) -> None:
    """A share of each position, rounded down, is found to be equal shares, if it leaves something of everybody."""
    held = [position * 10 for position in positions]
    gave = [int(position * share) for position in held]
    assert shown(gave, list(held)).pattern == "equal_shares"


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=2, max_size=6))
def test_equal_shares_are_those_that_one_share_explains(pairs: list[tuple[int, int]]) -> None:
    """Against an oracle that tries a share in each span between two at which some account would change its lots."""
    gave, held = [min(pair) for pair in pairs], [max(pair) + 1 for pair in pairs]
    ends = sorted({Fraction(lots + step, of) for lots, of in zip(gave, held, strict=True) for step in (-1, 1)})
    shares = [(one + other) / 2 for one, other in pairwise(ends)]
    explained = any(all(abs(lots - share * of) < 1 for lots, of in zip(gave, held, strict=True)) for share in shares)
    assert (shown(gave, list(held)).pattern == "equal_shares") is explained


@pytest.mark.parametrize(
    ("gave", "held", "pattern", "told"),
    [
        ([5], [9], "one", "Only one account was taken"),
        ([5, 3], [5, None], "unknown", "Of 1 of 2 accounts the files do not say"),
        ([5, 3], [5, 3], "all_whole", "All 2 accounts were closed whole"),
        ([5, 3, 1], [5, 3, 4], "last_in_part", "and the last in part (a2, 1 of 4 X, 25.00%, with 3 left: event 3)"),
        ([5, 1, 3], [5, 4, 3], "earlier_in_part", "before the 1 after it"),
        (
            [5, 1, 9],
            [6, 40, 30],
            "unequal_shares",
            "Closed whole: 0 of 3 accounts; in part: 3, which gave 2.50% to 83.33%",
        ),
    ],
)
def test_each_pattern_says_what_it_shows(gave: list[int], held: list[int | None], pattern: str, told: str) -> None:
    """With the figures, and for one in part where it stands."""
    found = shown(gave, held)
    assert found.pattern == pattern
    assert told in found.text


def test_where_the_file_is_not_in_order_the_last_says_nothing() -> None:
    """One in part is what a queue leaves, but whether it was the last is not known."""
    found = shown([5, 3, 1], [5, 3, 4], in_order=False)
    assert found.pattern == "one_in_part"
    assert "does not show whether it was the last" in found.text


def test_an_account_that_gave_twice_counts_once() -> None:
    """What it held at first is closed whole by both of its fills."""
    found = closed_of(fills([2, 3, 2], [4, 3, 2], [7, 8, 7]), 0, Plain())
    assert (found.pattern, found.whole, found.in_part) == ("all_whole", 2, 0)

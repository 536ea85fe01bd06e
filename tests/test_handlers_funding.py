"""The funding handler: when it accrues, how much, and at which rate."""

from __future__ import annotations

import pytest

from deleverage.events.bodies.inputs import FundingRateSet
from deleverage.events.bodies.margin import FundingAccrued
from deleverage.events.bodies.venue import TimerSet
from deleverage.handlers.funding import Funding, FundingParameters
from deleverage.handlers.mark_pricing import IndexMarkPricing
from deleverage.handlers.protocol import NoParameters

from .support.stage import Stage, ticks
from .support.venue import Book, listed

HOURLY = FundingParameters(interval_ns=100, rate_ppb=100_000)


def stage(parameters: FundingParameters = HOURLY, instruments: int = 1) -> Stage:
    """Marks that are the index, and funding every 100 ns."""
    book = Book(*(listed(i, multiplier_atoms=7) for i in range(instruments)))
    return Stage(book, IndexMarkPricing(NoParameters()), Funding(parameters))


def accruals(stage: Stage, *inputs: object, until_ns: int) -> list[tuple[int, FundingAccrued]]:
    """When what was accrued."""
    events = stage.run(*inputs, until_ns=until_ns)  # type: ignore[arg-type]
    return [(e.at_ns, e.body) for e in events if isinstance(e.body, FundingAccrued)]


def test_it_accrues_at_every_whole_interval_of_the_epoch() -> None:
    """One lot is worth 7 x 1000 atoms: a rate of 100,000 parts per billion is 0.7 atoms a lot, exactly."""
    found = accruals(stage(), *ticks((5, 1000), (150, 2000)), until_ns=250)
    assert found == [
        (100, FundingAccrued(0, 100_000, 1000, 7 * 10**8)),
        (200, FundingAccrued(0, 100_000, 2000, 14 * 10**8)),
    ]


def test_the_first_timer_is_set_when_the_instrument_is_listed() -> None:
    """At the next whole interval, later than now even on the interval itself."""
    book = Book()
    listing = next(event for event in book.events if type(event.body).__name__ == "InstrumentListed")
    for now_ns, due_ns in ((0, 100), (99, 100), (100, 200)):
        assert list(Funding(HOURLY).handle(listing, book.ledger, now_ns)) == [TimerSet("funding", due_ns, None, 0)]


def test_a_rate_from_outside_goes_before_the_plain_one() -> None:
    """The last rate that was set counts, also a negative one: then shorts pay."""
    inputs = [*ticks((1, 1000)), (2, FundingRateSet(0, 5)), (110, FundingRateSet(0, -300))]
    found = accruals(stage(), *inputs, until_ns=200)
    assert [(at_ns, body.rate_ppb, body.payment_nanoatoms) for at_ns, body in found] == [
        (100, 5, 35_000),
        (200, -300, -2_100_000),
    ]


def test_without_a_mark_or_a_rate_nothing_accrues() -> None:
    """The timers go on, and funding begins with the first mark; a rate of zero is no event."""
    assert [at_ns for at_ns, _ in accruals(stage(), *ticks((150, 1000)), until_ns=300)] == [200, 300]
    assert accruals(stage(FundingParameters(100, 0)), *ticks((1, 1000)), until_ns=300) == []
    assert accruals(stage(), *ticks((1, 1000)), (2, FundingRateSet(0, 0)), until_ns=300) == []


def test_each_instrument_has_its_own() -> None:
    """Two instruments accrue at the same instant, in the order of their timers."""
    path = [*ticks((1, 1000)), *ticks((1, 3000), instrument=1)]
    found = accruals(stage(instruments=2), *path, until_ns=100)
    assert [(body.instrument, body.payment_nanoatoms) for _, body in found] == [(0, 7 * 10**8), (1, 21 * 10**8)]


def test_an_interval_that_never_comes_is_refused() -> None:
    """It must be positive."""
    with pytest.raises(ValueError, match="interval_ns must be positive"):
        FundingParameters(interval_ns=0)

"""Price formation: the law of impact, which a book is laid out by; no free round trip; what stays and what passes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.trading import BookPriced, DepthFormed, OrderFilled
from deleverage.events.envelope import Event, Origin
from deleverage.handlers.depth import walk
from deleverage.handlers.living.impact import ImpactParameters, PowerLawImpact, SquareRootImpact, law_millibps
from deleverage.handlers.living.impact import SquareRootParameters as RootParameters

from .support.venue import Book, listed

START_TICKS = 1_000_000
SECOND_NS = 10**9
SIXTEENTHS = st.integers(1, 16)


class World:
    """One instrument whose price is formed by a handler, and a trader who trades against its depth."""

    def __init__(self, law: ImpactParameters, kind: type[PowerLawImpact] = PowerLawImpact) -> None:
        """The first price is there."""
        self.book = Book(listed(0, impact_bps=10_000))
        self.handler, self.ledger = kind(law), self.book.ledger
        self.trader = len(self.ledger.accounts)
        self.book.put(AccountOpened(self.trader, "trader", "test", "user", "cross", 0))
        self.at_ns = SECOND_NS
        self.tick(START_TICKS)

    @property
    def price(self) -> BookPriced:
        """What the book trades at."""
        book = self.ledger.markets[0].book
        assert book is not None
        return book

    def _put(self, body: Any) -> Event:
        event = Event(self.ledger.seq, self.at_ns, Origin.DECIDED, 0, (), 0, body)
        self.ledger.fold(event)
        return event

    def _react(self, event: Event) -> None:
        for product in self.handler.handle(event, self.ledger, self.at_ns):
            self._put(getattr(product, "body", product))

    def tick(self, ticks: int) -> None:
        """A value from outside."""
        self._react(self._put(PriceTicked(((0, ticks),))))

    def wait(self, length_ns: int) -> None:
        """Time passes, and the outside value stays."""
        self.at_ns += length_ns
        self.tick(self.price.outside_ticks)

    def trade(self, lots: int) -> int:
        """Buy (negative: sell) as far as there is depth; gives the lots that traded."""
        done, market = 0, self.ledger.markets[0]
        for fill in list(walk(market, lots, None, self.at_ns)):
            signed = fill.lots if lots > 0 else -fill.lots
            done += signed
            value = market.payoff.value_atoms(signed, fill.price_ticks)
            filled = OrderFilled(
                order_id=1,
                trade_id=1,
                account=self.trader,
                counterparty=self.ledger.liquidity(0),
                instrument=0,
                leg=0,
                size_lots=signed,
                price_ticks=fill.price_ticks,
                value_atoms=value,
                left_lots=0,
                eaten_lots=fill.eaten_lots,
            )
            self._react(self._put(filled))
        return done

    def gain(self) -> int:
        """What the trader has, which began with nothing and holds nothing."""
        account = self.ledger.accounts[self.trader]
        assert not account.positions
        return account.balance_atoms


def laws(**fixed: Any) -> st.SearchStrategy[ImpactParameters]:
    """Any law that is not refused."""
    drawn = st.fixed_dictionaries(
        {
            "depth_atoms": st.integers(10**9, 10**13),
            "reach_bps": st.integers(1, 500),
            "exponent_ppm": SIXTEENTHS.map(lambda part: part * 62_500),
            "permanent_bps": st.integers(0, 10_000),
            "half_spread_bps": st.integers(0, 10),
            "reversion_ns": st.sampled_from([0, 10 * SECOND_NS]),
        }
    )
    return drawn.map(lambda given: ImpactParameters(**{**given, **fixed}))


@given(laws(), st.lists(st.tuples(st.integers(-400, 400), st.integers(0, 60)), min_size=1, max_size=12))
def test_no_round_trip_gains(law: ImpactParameters, steps: list[tuple[int, int]]) -> None:
    """Whatever is bought and sold, in whatever parts and pauses: who holds nothing in the end has gained nothing."""
    world = World(law)
    held = 0
    for percent, pause_s in steps:
        held += world.trade(world.price.law_lots * percent // 100)
        if pause_s:
            world.wait(pause_s * SECOND_NS)
    for _ in range(60):
        if not held:
            break
        held += world.trade(-held)
        world.wait(30 * SECOND_NS)
    if not held:
        assert world.gain() <= 0


@given(st.integers(1, 10**6), st.integers(1, 10**6), SIXTEENTHS, st.integers(1, 5_000))
def test_the_law_is_the_power(lots: int, depth_lots: int, sixteenths: int, reach_bps: int) -> None:
    """Held against decimals of fifty digits: at most a millionth of the reach below."""
    law = ImpactParameters(depth_atoms=1, reach_bps=reach_bps, exponent_ppm=62_500 * sixteenths)
    share = Decimal(lots) / Decimal(depth_lots)
    exact = Decimal(reach_bps) * 1000 * share ** (Decimal(sixteenths) / 16)
    assert exact - Decimal(reach_bps) / 1000 - 1 <= law_millibps(law, lots, depth_lots) <= exact


@pytest.mark.parametrize(
    ("kind", "ratio"), [(PowerLawImpact, Decimal(2) ** Decimal("0.875")), (SquareRootImpact, Decimal(2).sqrt())]
)
def test_twice_the_size_moves_as_the_law_says(kind: type[PowerLawImpact], ratio: Decimal) -> None:
    """Measured on the book itself, by selling: the price moves as the law says, to within a band's steps."""
    stated = {"depth_atoms": 10**12, "permanent_bps": 0, "half_spread_bps": 0}
    law = RootParameters(**stated) if kind is SquareRootImpact else ImpactParameters(**stated)
    moved = []
    for share in (2, 1):
        world = World(law, kind)
        world.trade(-world.price.law_lots // share)
        moved.append(START_TICKS - world.price.price_ticks)
    assert abs(Decimal(moved[1]) / Decimal(moved[0]) - ratio) < Decimal("0.02")
    assert abs(moved[1] - START_TICKS // 100) <= START_TICKS // 10_000  # all of the depth: the reach, 1%


def test_what_passes_comes_back_and_what_stays_stays() -> None:
    """A sale of all the depth at 3,000 of 10,000 permanent: 1% lower at once, 0.3% for good."""
    world = World(ImpactParameters(depth_atoms=10**12))
    world.trade(-world.price.law_lots)
    assert world.price.centre_ticks == START_TICKS - 3_000
    assert world.price.price_ticks < START_TICKS - 12_000
    for _ in range(200):
        world.wait(30 * SECOND_NS)
    assert world.price.price_ticks == world.price.centre_ticks == START_TICKS - 3_000


def test_resilience_lengthens_under_stress() -> None:
    """The half-life is the stated one when calm, and grows with realised volatility up to the most."""
    world = World(ImpactParameters(depth_atoms=10**12, calm_volatility_ppb=1_000_000))
    assert world.price.half_life_ns == 10 * SECOND_NS
    for step in range(60):
        world.at_ns += SECOND_NS
        world.tick(START_TICKS + (20_000 if step % 2 else 0))
    assert world.price.volatility_ppb > 10_000_000
    assert world.price.half_life_ns > 90 * SECOND_NS


def test_the_depth_is_there_with_the_first_price() -> None:
    """Without makers all of it is outside liquidity's, eight bands on each side, each as deep as all before it."""
    world = World(ImpactParameters(depth_atoms=10**12))
    formed = DepthFormed(0, world.ledger.markets[0].bids, world.ledger.markets[0].asks)
    assert formed.bids == formed.asks
    lots = [up_to for _, up_to in formed.bids]
    assert [b - a for a, b in zip([0, *lots], lots, strict=False)] == [lots[0], *lots[:-1]]
    assert lots[4] == world.price.law_lots // 16 * 16


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"depth_atoms": 0}, "must be above 0"),
        ({"exponent_ppm": 800_000}, "sixteenths"),
        ({"permanent_bps": 10_001}, "between 0 and 10000"),
        ({"refill_ns": 0}, "refill_ns must be above 0"),
        ({"memory_ns": 0}, "must be above 0"),
    ],
)
def test_laws_that_are_none_are_refused(wrong: dict[str, int], said: str) -> None:
    """Each with what would do."""
    with pytest.raises(ValueError, match=said):
        ImpactParameters(**{"depth_atoms": 1, **wrong})

"""Depth from a profile: the same bands for all, in any measure, thinner when a step says so."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from deleverage.events.bodies.inputs import DepthQuoted
from deleverage.events.bodies.run import SourceTally
from deleverage.events.errors import ScenarioError
from deleverage.sim.sources.base import InstrumentScale
from deleverage.sim.sources.profile import ProfileSource
from deleverage.sim.sources.registry import DepthSettings, open_depth

SCALES = (
    InstrumentScale(0, "BTC", Decimal("0.1"), Decimal("0.001")),
    InstrumentScale(1, "ETH", Decimal("0.01"), Decimal("0.01")),
)
OPENING = ((0, 1_000_000), (1, 400_000))
BANDS = [[10, 1_000_000], [50, Decimal("4000000.5")]]


def profile(**settings: object) -> ProfileSource:
    """The source of a profile at prices of 100,000 and 4,000."""
    converted = msgspec.convert({"source": "profile", **settings}, DepthSettings)
    opened = open_depth(converted, SCALES, start_ns=1000, opening=OPENING)
    assert isinstance(opened, ProfileSource)
    return opened


def test_notional_becomes_lots_at_the_opening_price() -> None:
    """A million buys 10 BTC at 100,000 and 250 ETH at 4,000; both sides are alike; lots are rounded down."""
    read = profile(bands=BANDS)
    btc, eth = ((10, 10_000), (50, 40_000)), ((10, 25_000), (50, 100_000))
    assert list(read.inputs(0)) == [(1000, DepthQuoted(0, btc, btc)), (1000, DepthQuoted(1, eth, eth))]
    assert read.tally(5) == SourceTally(5, 2, 0)


@pytest.mark.parametrize(("measure", "lots"), [("units", 1500), ("lots", 1)])
def test_other_measures(measure: str, lots: int) -> None:
    """An amount of 1.5 is 1,500 lots in units, one lot in lots."""
    first = next(profile(bands=[[10, Decimal("1.5")]], measure=measure).inputs(0))[1]
    assert first.bids == ((10, lots),)


def test_sides_may_differ() -> None:
    """Bids and asks apart."""
    first = next(profile(bids=[[10, 5]], asks=[[20, 7], [30, 8]], measure="lots").inputs(0))[1]
    assert (first.bids, first.asks) == (((10, 5),), ((20, 7), (30, 8)))


def test_steps_thin_the_book_over_time() -> None:
    """Every step quotes all instruments anew, at its multiple of the profile, not of the step before."""
    steps = [{"after_ns": 10, "multiple": Decimal("0.2")}, {"after_ns": 20, "multiple": 1}]
    inputs = list(profile(bands=[[10, 100]], measure="lots", steps=steps).inputs(0))
    assert [at_ns for at_ns, _ in inputs] == [1000, 1000, 1010, 1010, 1020, 1020]
    assert [quote.bids[0][1] for _, quote in inputs] == [100, 100, 20, 20, 100, 100]


def test_an_instrument_may_have_a_multiple_of_its_own() -> None:
    """ETH has half of what the profile says."""
    inputs = profile(bands=[[10, 101]], measure="lots", multiples={"ETH": Decimal("0.5")}).inputs(0)
    assert [quote.bids[0][1] for _, quote in inputs] == [101, 50]


def test_the_hash_follows_the_parameters_not_their_writing() -> None:
    """0.50 and 0.5 are the same profile; another amount, start or price is another."""
    plain = profile(bands=[[10, 5]], measure="lots", multiples={"ETH": Decimal("0.5")})
    same = profile(bands=[[10, Decimal("5.0")]], measure="lots", multiples={"ETH": Decimal("0.50")})
    other = profile(bands=[[10, 6]], measure="lots", multiples={"ETH": Decimal("0.5")})
    assert plain.sha256 == same.sha256 != other.sha256


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({}, "give either bands, or bids and asks"),
        ({"bids": [[10, 1]]}, "give either bands, or bids and asks"),
        ({"bands": [[10, 1]], "bids": [[10, 1]], "asks": [[10, 1]]}, "give either bands, or bids and asks"),
        ({"bands": [[10, 1]], "bids": [[10, 1]]}, "give either bands, or bids and asks"),
        ({"bands": [[20, 1], [10, 2]]}, "bands must be nearest first"),
        ({"bands": [[10, 2], [20, 1]]}, "bands must be nearest first"),
        ({"bands": [[0, 1]]}, "bands: a distance must lie between 1 and 9999"),
        ({"bands": [[10, -1]]}, "bands: an amount must lie between 0"),
        ({"bands": [[10, 1]], "multiples": {"BTC": -1}}, "multiples.BTC must lie between 0"),
        ({"bands": [[10, 1]], "steps": [{"after_ns": 0, "multiple": 1}]}, "steps must be in order"),
        ({"bands": [[10, 1]], "steps": [{"after_ns": 5, "multiple": Decimal("NaN")}]}, "multiple must lie between 0"),
        ({"bands": [[10, 1]], "unit": "lots"}, "unknown field `unit`"),
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, object], what: str) -> None:
    """The error says which setting and what it must be."""
    with pytest.raises(msgspec.ValidationError, match=what):
        profile(**settings)


def test_a_multiple_for_an_unknown_instrument_is_refused() -> None:
    """A typo in a name is not silently a multiple of 1."""
    with pytest.raises(
        ScenarioError, match=r"\$.depth.multiples: unknown instrument 'ETC'; the scenario lists BTC, ETH"
    ):
        profile(bands=[[10, 1]], multiples={"ETC": 1})


def test_a_scale_that_could_overflow_is_refused() -> None:
    """More lots than 64 bits hold are an error, not a wrap."""
    with pytest.raises(ScenarioError, match=r"passes 2\^63 - 1"):
        list(profile(bands=[[10, 10**18]], measure="units").inputs(0))

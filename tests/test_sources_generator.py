"""The generator: scripted where it is scripted, random where it is random, the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal, localcontext
from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from deleverage.events.errors import ScenarioError
from deleverage.handlers.draws import draw_below
from deleverage.sim.sources.base import InstrumentScale
from deleverage.sim.sources.generator import GeneratorSettings, GeneratorSource, moved_ticks
from deleverage.sim.sources.registry import PriceSettings, open_prices
from deleverage.sim.units import CONTEXT, INT64_MAX

SECOND_NS = 10**9
SCALES = (
    InstrumentScale(0, "BTC", Decimal("0.1"), Decimal("0.001"), Decimal(121_662)),
    InstrumentScale(1, "ETH", Decimal("0.01"), Decimal("0.01"), Decimal("4360.25")),
    InstrumentScale(2, "AVAX", Decimal("0.001"), Decimal("0.1"), Decimal("28.41")),
)
CRASH = {
    "source": "generator",
    "duration_ns": 600 * SECOND_NS,
    "interval_ns": SECOND_NS,
    "volatility": Decimal("0.08"),
    "correlation": Decimal("0.7"),
    "jumps_per_hour": 60,
    "jump_mean": Decimal("-0.005"),
    "jump_spread": Decimal("0.01"),
    "phases": [
        {"from_ns": 100 * SECOND_NS, "to_ns": 200 * SECOND_NS, "move": Decimal("-0.35"), "volatility_multiple": 6},
        {"from_ns": 200 * SECOND_NS, "to_ns": 400 * SECOND_NS, "move": Decimal("0.3")},
    ],
    "betas": {"AVAX": Decimal("1.4")},
}
GOLDEN = "230bc600aca97191d7609ae95cffd7d6e5807b9250cd435a4f05bab170b018d1"


def generator(seed: int = 7, scales: tuple[InstrumentScale, ...] = SCALES, **changes: object) -> GeneratorSource:
    """The crash above with some settings changed."""
    settings = msgspec.convert(CRASH | changes, PriceSettings)
    (source,) = open_prices(settings, scales, start_ns=1000, seed=seed)
    assert isinstance(source, GeneratorSource)
    return source


def prices(source: GeneratorSource) -> list[tuple[int, ...]]:
    """The ticks of every instant, without the instrument numbers."""
    return [tuple(ticks for _, ticks in body.prices) for _, body in source.inputs(0)]


def digest() -> str:
    """SHA-256 over the crash as it is generated here."""
    return sha256(repr(list(generator().inputs(0))).encode()).hexdigest()


def test_the_path_is_pinned() -> None:
    """A change of the path would change every recorded run of a generated scenario."""
    assert digest() == GOLDEN


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_a_fresh_process_makes_the_same_path(hash_seed: str) -> None:
    """Neither the process nor its hash seed has a say."""
    names = f"SCALES, CRASH = {SCALES!r}, {CRASH!r}"
    code = (
        "from decimal import Decimal; from hashlib import sha256; import msgspec\n"
        "from deleverage.sim.sources.base import InstrumentScale\n"
        "from deleverage.sim.sources.registry import PriceSettings, open_prices\n"
        f"{names}\n"
        "(s,) = open_prices(msgspec.convert(CRASH, PriceSettings), SCALES, start_ns=1000, seed=7)\n"
        "print(sha256(repr(list(s.inputs(0))).encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == GOLDEN


def test_the_callers_decimal_context_has_no_say() -> None:
    """Another precision outside changes no price and no hash."""
    before = generator().sha256
    with localcontext() as context:
        context.prec = 5
        assert digest() == GOLDEN
        assert generator().sha256 == before


def test_it_starts_at_the_start_prices() -> None:
    """The first tick is at the start instant and exactly at the start prices, and so is the opening."""
    source = generator()
    at_ns, first = next(source.inputs(0))
    assert at_ns == source.start_ns == 1000
    assert first.prices == source.opening == ((0, 1_216_620), (1, 436_025), (2, 28_410))
    assert first.provenance is None


def test_instants_are_even_and_hold_every_instrument() -> None:
    """One tick per interval, the last at the end of the duration."""
    source = generator()
    inputs = list(source.inputs(0))
    assert [at_ns for at_ns, _ in inputs] == [1000 + n * SECOND_NS for n in range(601)]
    assert all([i for i, _ in body.prices] == [0, 1, 2] for _, body in inputs)
    assert source.tally(3).rows == 601


def test_without_noise_the_script_is_followed() -> None:
    """A fall by 35% and a rise by 30%, even in logs; a beta of 1.4 is a power of 1.4."""
    path = prices(generator(volatility=0, jumps_per_hour=0))
    start = path[0]
    assert path[100] == start
    assert path[200][0] == round(start[0] * Decimal("0.65"))
    assert path[150][0] == round(start[0] * Decimal("0.65").sqrt())
    assert path[400][0] == path[600][0] == round(start[0] * Decimal("0.845"))
    assert path[200][2] == round(start[2] * Decimal("0.65") ** Decimal("1.4"))


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    """Draws are keyed by step, so the duration changes nothing that was before."""
    longer = prices(generator(duration_ns=700 * SECOND_NS))
    assert longer[:601] == prices(generator())


def test_the_seed_matters_and_is_in_the_hash() -> None:
    """Another seed is another path and another source by content."""
    assert prices(generator(seed=8)) != prices(generator(seed=7))
    assert generator(seed=8).sha256 != generator(seed=7).sha256


def test_volatility_is_what_was_asked_for() -> None:
    """Over 10,000 steps the variance of the log moves is that of the setting, within five standard errors."""
    steps = 10_000
    calm: dict[str, Any] = {
        "duration_ns": steps * SECOND_NS,
        "phases": [],
        "jumps_per_hour": 0,
        "volatility": 1,
        "betas": {},
    }
    fine = tuple(msgspec.structs.replace(scale, tick_size=Decimal("1e-9")) for scale in SCALES[:2])
    logs = [[Decimal(ticks).ln() for ticks in instant] for instant in prices(generator(scales=fine, **calm))]
    moves = [[after[i] - before[i] for before, after in pairwise(logs)] for i in range(2)]
    variance = sum((x * x for x in moves[0]), Decimal(0)) / steps * 86_400
    together = sum((x * y for x, y in zip(moves[0], moves[1], strict=True)), Decimal(0)) / steps * 86_400
    assert abs(variance - 1) < Decimal("0.071")
    assert abs(together - Decimal("0.7")) < Decimal("0.071")


def test_full_correlation_moves_all_alike() -> None:
    """With a correlation of 1 two instruments at one price stay at one price."""
    twins = tuple(msgspec.structs.replace(SCALES[0], instrument=n, name=f"T{n}") for n in range(2))
    assert all(a == b for a, b in prices(generator(scales=twins, correlation=1, betas={})))


def test_phases_multiply_volatility() -> None:
    """Without volatility outside the phase nothing moves there; inside it does not stand still."""
    phases = [
        {"from_ns": 0, "to_ns": 100 * SECOND_NS, "volatility_multiple": 0},
        {"from_ns": 100 * SECOND_NS, "to_ns": 600 * SECOND_NS, "volatility_multiple": 50},
    ]
    path = prices(generator(phases=phases, jumps_per_hour=0))
    assert set(path[:101]) == {path[0]}
    assert len(set(path[101:])) > 490


def test_jumps_come_as_often_as_asked_for() -> None:
    """At 360 an hour and nothing else, about one step in ten moves: within five standard deviations of 1,000."""
    settings: dict[str, Any] = {"duration_ns": 10_000 * SECOND_NS, "volatility": 0, "phases": [], "jumps_per_hour": 360}
    path = prices(generator(**settings))
    jumps = sum(a != b for a, b in pairwise(path))
    assert abs(jumps - 1000) < 150


def test_a_price_never_falls_below_one_tick() -> None:
    """However far it crashes, a price stays a price."""
    phases = [{"from_ns": 0, "to_ns": SECOND_NS, "move": Decimal("-0.999999999999")}]
    assert prices(generator(phases=phases))[1][2] == 1


def test_a_price_that_would_overflow_is_refused() -> None:
    """The error says what to lower."""
    phases = [{"from_ns": n, "to_ns": n + 1, "move": 1000} for n in range(10)]
    with pytest.raises(ScenarioError, match=r"prices pass 2\^63 ticks 1000000000 ns after the start; lower volatility"):
        prices(generator(phases=phases))


def test_a_few_digits_tell_the_tick_that_many_tell() -> None:
    """Moved to the middle between two ticks, as near as a log of 10^-18 comes, a price is rounded as exp is exactly."""
    for number in range(2_000):
        ticks, near = (1 + draw_below(7, number, purpose, 0, INT64_MAX) for purpose in ("ticks", "near"))
        middle = CONTEXT.divide(Decimal(2 * near + 1), Decimal(2 * ticks))
        log = int(CONTEXT.to_integral_value(CONTEXT.scaleb(CONTEXT.ln(middle), 18)))
        exact = CONTEXT.multiply(ticks, CONTEXT.exp(CONTEXT.scaleb(Decimal(log), -18)))
        assert moved_ticks(ticks, log) == max(1, int(CONTEXT.to_integral_value(exact)))


def test_a_start_price_is_needed() -> None:
    """An instrument without one cannot begin."""
    bare = msgspec.structs.replace(SCALES[0], start_price=None)
    with pytest.raises(ScenarioError, match="instrument 'BTC' has no start_price"):
        generator(scales=(bare,), betas={})


def test_a_beta_for_an_unknown_instrument_is_refused() -> None:
    """A typo in a name is not silently a beta of 1."""
    with pytest.raises(ScenarioError, match=r"\$.prices.betas: unknown instrument 'AVX'; the scenario lists BTC, ETH"):
        generator(betas={"AVX": 2})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"interval_ns": 0}, "interval_ns must be positive"),
        ({"interval_ns": 700 * SECOND_NS}, "at most duration_ns"),
        ({"volatility": -1}, "volatility must lie between 0 and 100"),
        ({"volatility": Decimal("NaN")}, "volatility must lie between 0 and 100, not NaN"),
        ({"correlation": Decimal("1.1")}, "correlation must lie between 0 and 1"),
        ({"jumps_per_hour": 3601}, "more than one jump an interval"),
        ({"phases": [{"from_ns": 5, "to_ns": 5}]}, r"from_ns .* must lie before to_ns .*phases\[0\]"),
        ({"phases": [{"from_ns": 0, "to_ns": 5, "move": -1}]}, "move must be above -1"),
        (
            {"phases": [{"from_ns": 0, "to_ns": 5}, {"from_ns": 4, "to_ns": 9}]},
            "phases must be in order and not overlap",
        ),
        ({"phases": [{"from_ns": 0, "to_ns": 601 * SECOND_NS}]}, "phases must end within duration_ns"),
        ({"betas": {"BTC": 11}}, "betas.BTC must lie between -10 and 10"),
        ({"volatilty": 1}, "unknown field `volatilty`"),
    ],
)
def test_senseless_settings_are_refused(changes: dict[str, object], what: str) -> None:
    """The error says which setting and what it must be."""
    with pytest.raises(msgspec.ValidationError, match=what):
        msgspec.convert({key: value for key, value in (CRASH | changes).items() if key != "source"}, GeneratorSettings)


@pytest.mark.parametrize("field", ["tick_size", "lot_size", "start_price"])
@pytest.mark.parametrize("value", ["0", "-1", "NaN"])
def test_a_scale_must_be_positive(field: str, value: str) -> None:
    """No price or size can be counted in steps of nothing."""
    with pytest.raises(ScenarioError, match=f"instrument 'BTC': {field} is {value}; it must be a number above 0"):
        msgspec.structs.replace(SCALES[0], **{field: Decimal(value)})

"""Correlation that rises in stress, and jumps that are common or own: against what a sweep of the path says."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from math import isqrt, log, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.errors import ScenarioError
from deleverage.sim.scenario import Scenario
from deleverage.sim.sources.generator import GeneratorSettings, GeneratorSource
from deleverage.sim.sources.stress import Loading

from .support.command_line import call
from .test_sources_generator import GOLDEN, SCALES, SECOND_NS, digest, generator, prices

QUIET = {"jumps_per_hour": 0, "phases": [], "volatility": Decimal("0.05"), "correlation": Decimal("0.2")}
STRESSED = QUIET | {"stress_correlation": Decimal("0.95"), "stress_memory_ns": 60 * SECOND_NS}
SHAKEN = [{"from_ns": 600 * SECOND_NS, "to_ns": 1_800 * SECOND_NS, "volatility_multiple": 8}]


def returns(source: GeneratorSource) -> list[tuple[float, ...]]:
    """The log returns of each step."""
    return [tuple(log(b / a) for a, b in zip(before, after, strict=True)) for before, after in pairwise(prices(source))]


def correlation(steps: list[tuple[float, ...]], one: int, other: int) -> float:
    """Of two instruments' returns, around zero."""
    product = sum(step[one] * step[other] for step in steps)
    return product / sqrt(sum(step[one] ** 2 for step in steps) * sum(step[other] ** 2 for step in steps))


def test_absent_options_change_neither_bytes_nor_names() -> None:
    """Without them, and with them stated as they are without, the path and the content hash are as they always were."""
    assert digest() == GOLDEN
    stated = generator(jump_common_share=Decimal(1), stress_multiple=Decimal(3), stress_memory_ns=300 * SECOND_NS)
    assert stated.sha256 == generator().sha256
    assert generator(jump_common_share=Decimal("0.5")).sha256 != generator().sha256
    assert generator(stress_correlation=Decimal("0.9")).sha256 != generator().sha256


def test_correlation_rises_in_stress() -> None:
    """While volatility is as stated it is as stated; eight times as wild it is that of stress; then it calms down."""
    steps = returns(
        generator(duration_ns=3_600 * SECOND_NS, phases=SHAKEN, **{k: v for k, v in STRESSED.items() if k != "phases"})
    )
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert correlation(steps[:600], one, other) < 0.5
        assert correlation(steps[700:1_800], one, other) > 0.85
        assert correlation(steps[2_400:], one, other) < 0.5


def test_each_instrument_is_as_wild_as_before() -> None:
    """The loading moves what is shared, not how far an instrument moves: within a tenth."""
    shaken = {k: v for k, v in STRESSED.items() if k != "phases"} | {"duration_ns": 3_600 * SECOND_NS, "phases": SHAKEN}
    with_stress = returns(generator(**shaken))
    without = returns(generator(**{k: v for k, v in shaken.items() if not k.startswith("stress")}))
    for place in range(len(SCALES)):
        wild = [sqrt(sum(step[place] ** 2 for step in steps[600:1_800])) for steps in (with_stress, without)]
        assert abs(wild[0] / wild[1] - 1) < 0.1


@settings(max_examples=50)
@given(
    st.lists(st.lists(st.integers(-(10**16), 10**16), min_size=2, max_size=2), min_size=1, max_size=30),
    st.integers(0, 10**9),
    st.integers(1, 10**15),
    st.integers(1_000_000_001, 10**10),
    st.integers(1, 100),
)
def test_the_loading_is_that_of_a_sweep(
    logs: list[list[int]], calm: int, step: int, multiple: int, memory: int
) -> None:
    """From the whole path anew: between calm and stress, and exactly where realised volatility puts it."""
    loading = Loading(calm, 10**9, step=step, multiple_ppb=multiple, interval_ns=10, memory_ns=memory)
    for one in logs:
        loading.note(one)
    square = step * step
    for before, after in pairwise(logs):
        mean = sum((b - a) ** 2 for a, b in zip(before, after, strict=True)) // 2
        square += (mean - square) * 10 // (10 + memory)
    share = min(10**9, max(0, (isqrt(square) * 10**9 // step - 10**9) * 10**9 // (multiple - 10**9)))
    assert loading.ppb == calm + (10**9 - calm) * share // 10**9
    assert calm <= loading.ppb <= 10**9
    market, own = loading.shares(step)
    assert 0 <= step * step - market * market - own * own <= 2 * (market + own) + 4


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    """The loading follows from the path so far alone."""
    short, long = (prices(generator(**STRESSED | {"duration_ns": n * SECOND_NS})) for n in (300, 600))
    assert long[: len(short)] == short


def jumpers(share: str) -> list[set[int]]:
    """Which instruments jump at each step that has a jump, without any noise."""
    source = generator(
        duration_ns=7_200 * SECOND_NS,
        volatility=Decimal(0),
        phases=[],
        betas={},
        jump_spread=Decimal(0),
        jumps_per_hour=200,
        jump_common_share=Decimal(share),
    )
    return [{n for n, moved in enumerate(step) if abs(moved) > 0.002} for step in returns(source) if any(step)]


def test_jumps_are_common_or_own() -> None:
    """Whole, all jump together; none, each by itself; half, so many of both, and each as often as before."""
    together, apart, half = jumpers("1"), jumpers("0"), jumpers("0.5")
    assert all(len(found) == 3 for found in together)
    assert sum(len(found) == 1 for found in apart) > 0.8 * len(apart)
    assert 0.3 < sum(len(found) == 3 for found in half) / len(together) < 0.7
    for place in range(3):
        often = [sum(place in found for found in steps) for steps in (together, apart, half)]
        assert max(often) < 1.3 * min(often)


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("prices.stress_correlation=0.5", "stress_correlation must lie between 0.8 and 1"),
        ("prices.stress_correlation=1.5", "stress_correlation must lie between"),
        ("prices.stress_multiple=1", "stress_multiple must be above 1"),
        ("prices.stress_memory_ns=0", "stress_memory_ns must be positive"),
        ("prices.jump_common_share=-0.1", "jump_common_share must lie between 0 and 1"),
    ],
)
def test_what_has_no_meaning_is_refused(override: str, complaint: str) -> None:
    """One line with the path of the key, exit code 2."""
    done = call("run", "calm", "--set", "prices.correlation=0.8", "--set", override)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert complaint in done.stderr
    with pytest.raises(ScenarioError):
        Scenario.load("calm", ["prices.correlation=0.8", override])
    assert GeneratorSettings(1, 1, Decimal(0)).stress_correlation is None

"""The later part of a file as the path, and instruments that follow it by their betas."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from deleverage.events.bodies.run import SourceTally
from deleverage.events.errors import ScenarioError
from deleverage.sim.scenario import Scenario
from deleverage.sim.sources.base import InstrumentScale, PriceSource, check
from deleverage.sim.sources.klines import KLINES_COLUMNS
from deleverage.sim.sources.registry import PriceSettings, open_prices
from deleverage.sim.sources.tardis import TARDIS_COLUMNS

SECOND = 10**9
START_S = 1_760_130_000
BTC = InstrumentScale(0, "BTC", Decimal(1), Decimal("0.001"))
ETH = InstrumentScale(1, "ETH", Decimal(1), Decimal("0.001"), Decimal(2_000))
SOL = InstrumentScale(2, "SOL", Decimal(1), Decimal("0.001"), Decimal(1_000))


def trades(tmp_path: Path, *prices: str) -> str:
    """A file of trades, one each second from 21:00:00 on, two of the first second."""
    seconds = [0, *range(len(prices) - 1)]
    lines = [
        f"x,BTCUSDT,{(START_S + s) * 10**6},{(START_S + s) * 10**6},1,buy,{p},1"
        for s, p in zip(seconds, prices, strict=True)
    ]
    return written(tmp_path / "trades.csv", ",".join(TARDIS_COLUMNS), *lines)


def bars(tmp_path: Path, *opens: int) -> str:
    """A file of bars of a minute from 21:00:00 on that stay at their open."""
    lines = [
        f"{(START_S + 60 * n) * 1000},{p},{p},{p},{p},0,{(START_S + 60 * n) * 1000 + 59_999},0,60,0,0,0"
        for n, p in enumerate(opens)
    ]
    return written(tmp_path / "bars.csv", ",".join(KLINES_COLUMNS), *lines)


def written(path: Path, *lines: str) -> str:
    """A file with these lines, by path."""
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return str(path)


def opened(source: str, file: str, *scales: InstrumentScale, **more: object) -> PriceSource:
    """The one source of prices of these settings."""
    settings = msgspec.convert({"source": source, "file": file, **more}, PriceSettings)
    (found,) = open_prices(settings, scales or (BTC,), start_ns=0, seed=1)
    return found


def test_a_path_can_begin_in_the_middle_of_a_file(tmp_path: Path) -> None:
    """From 21:00:02 on: the run opens there at 102, and the three rows before it are counted."""
    source = opened("tardis", trades(tmp_path, "99", "100", "101", "102", "103"), since="2025-10-10T21:00:02Z")
    assert (source.start_ns, source.opening) == ((START_S + 2) * SECOND, ((0, 102),))
    assert [(at_ns // SECOND - START_S, body.prices[0][1]) for at_ns, body in source.inputs(0)] == [(2, 102), (3, 103)]
    assert source.tally(0) == SourceTally(0, 5, 1, (("before the start that is asked for", 2, 2),))


def test_a_bar_counts_as_left_out_only_if_all_of_it_is(tmp_path: Path) -> None:
    """A start within the second of three bars leaves one row out, and the rest of that bar in."""
    source = opened("klines", bars(tmp_path, 100, 90, 80), since="2025-10-10T21:01:10Z")
    assert source.start_ns == (START_S + 60) * SECOND + 19_999_666_666
    assert [body.prices[0][1] for _, body in source.inputs(4)] == [90, 90, 90, 80, 80, 80, 80]
    assert source.tally(4) == SourceTally(4, 3, 0, (("before the start that is asked for", 1, 1),))


def test_a_start_before_the_file_leaves_nothing_out(tmp_path: Path) -> None:
    """All prices are there, and the tally is the file's own, each time it is read."""
    source = opened("klines", bars(tmp_path, 100, 90), since="2025-10-10T00:00:00Z")
    assert source.start_ns == START_S * SECOND
    for _ in range(2):
        assert len(list(source.inputs(0))) == 8
        assert source.tally(0) == SourceTally(0, 2, 0)


def test_a_start_after_the_file_is_refused(tmp_path: Path) -> None:
    """With the key and the file's name; so is a start that is no time."""
    file = bars(tmp_path, 100, 90)
    with pytest.raises(ScenarioError, match=r"\$.prices.since: no price of bars.csv is that late"):
        opened("klines", file, since="2025-10-11T00:00:00Z")
    with pytest.raises(ScenarioError, match=r"\$.prices.since: 'late' is not a time"):
        opened("klines", file, since="late")


def test_others_follow_by_their_betas(tmp_path: Path) -> None:
    """Bitcoin with a beta of 0.5 loses 10%: a beta of 1 loses 19%, one of 0.25 a twentieth and a little more."""
    betas = {"BTC": Decimal("0.5"), "SOL": Decimal("0.25")}
    file = bars(tmp_path, 100_000, 90_000)
    source = opened("klines", file, BTC, ETH, SOL, follow="betas", betas=betas)
    assert source.opening == ((0, 100_000), (1, 2_000), (2, 1_000))
    *_, (_, last) = source.inputs(0)
    assert last.prices == ((0, 90_000), (1, 1_620), (2, 949))


def test_others_move_alike_if_nothing_else_is_said(tmp_path: Path) -> None:
    """Ten per cent are ten per cent for all."""
    source = opened("klines", bars(tmp_path, 100_000, 90_000), BTC, ETH, SOL)
    *_, (_, last) = source.inputs(0)
    assert last.prices == ((0, 90_000), (1, 1_800), (2, 900))
    check(source)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"betas": {"BTC": 1}}, 'betas are only for follow = "betas"'),
        ({"follow": "betas", "betas": {"BTC": 0}}, "betas.BTC must not be 0"),
        ({"follow": "betas", "betas": {"BTC": 11}}, "betas.BTC must lie between -10 and 10"),
    ],
)
def test_betas_without_sense_are_refused(tmp_path: Path, more: dict[str, object], complaint: str) -> None:
    """Those that nobody asks for, and those that no power can be taken of."""
    with pytest.raises(msgspec.ValidationError, match=complaint):
        opened("klines", bars(tmp_path, 100), **more)


def test_a_beta_of_nobody_is_refused(tmp_path: Path) -> None:
    """With the names that there are."""
    with pytest.raises(ScenarioError, match=r"\$.prices.betas: unknown instrument 'DOGE'; the scenario lists BTC"):
        opened("klines", bars(tmp_path, 100), follow="betas", betas={"DOGE": 1})


def test_a_scenario_keeps_its_betas_where_it_is_told_to(tmp_path: Path) -> None:
    """A file in place of flash-crash's generator: its betas stay with `prices.follow`, and go without."""
    file = bars(tmp_path, 100_000, 90_000)
    plain = Scenario.load("flash-crash", [f"prices.file={file}"])
    assert plain.tree["prices"] == {"source": "klines", "file": file}
    told = Scenario.load("flash-crash", [f"prices.file={file}", "prices.follow=betas"])
    assert told.tree["prices"]["betas"] == {
        "BTC-PERP": Decimal("0.5"),
        "ETH-PERP": Decimal("0.8"),
        "AVAX-PERP": Decimal("1.4"),
    }

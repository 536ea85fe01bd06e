"""Reverse stress: how large a shock is, how the smallest is looked for, and that what is said of it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, permutations
from math import isqrt, prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from deleverage import Run, open_run, verify
from deleverage.events.bodies.inputs import DepthQuoted, PriceTicked
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.errors import QueryError, RecordExistsError
from deleverage.handlers.depth import walk
from deleverage.handlers.valuation import margin_of
from deleverage.replay.charts import check_chart
from deleverage.replay.stress.chart import draw_stress
from deleverage.replay.stress.covariance import DISTANCE, Covariance, estimated, given_covariance
from deleverage.replay.stress.defaults import concentrations, covers, shocked
from deleverage.replay.stress.directions import BPS, Direction, Shock, directions_of, moved_ticks, shock_inputs
from deleverage.replay.stress.history import course_inputs, course_of, shapes
from deleverage.replay.stress.kept import record_shock
from deleverage.replay.stress.question import Options, question_of
from deleverage.replay.stress.search import Ray, RayBracket, mixtures, searched, side_by_side
from deleverage.replay.stress.stress import Stress, StressAsked, stress
from deleverage.replay.stress.trial import Execution, Prepared, perform
from deleverage.replay.stress.view import stress_view
from deleverage.replay.studies import study_path
from deleverage.sim.runner import run as run_scenario
from deleverage.sim.scenario import Scenario

from .support.command_line import call
from .support.crash import SMALL_CRASH

WORLD = (
    "population.accounts=40",
    "prices.phases=[]",
    "prices.duration_ns=5m",
    "settle_ns=0",
    "insurance_fund.balance=2_000",
)
FOUR = tuple(Direction(f"price:{name}", "price", 9_500) for name in "abcd")


# How large a shock is


@st.composite
def covariances(draw: st.DrawFn) -> Covariance:
    """Of one to four directions, each so little correlated with the others that the matrix is definite."""
    size = draw(st.integers(1, 4))
    deviations = draw(st.lists(st.integers(1, 10**5), min_size=size, max_size=size))
    shares = [[10_000 if row == column else 0 for column in range(size)] for row in range(size)]
    for row, column in combinations(range(size), 2):
        shares[row][column] = shares[column][row] = draw(st.integers(-3_000, 3_000))
    return Covariance(tuple(deviations), tuple(map(tuple, shares)), "drawn")


def determinant(matrix: Sequence[Sequence[Fraction]]) -> Fraction:
    """By Leibniz's formula: every permutation."""
    whole = Fraction(0)
    for order in permutations(range(len(matrix))):
        sign = (-1) ** sum(a > b for a, b in combinations(order, 2))
        whole += sign * prod((matrix[row][column] for row, column in enumerate(order)), start=Fraction(1))
    return whole


def matrix_of(covariance: Covariance) -> list[list[Fraction]]:
    """The covariance in units, as the docstring has it."""
    one = covariance.deviations
    shares = covariance.correlations
    size = range(len(one))
    return [[Fraction(one[r] * one[c] * shares[r][c], 100 * 100 * 10_000) for c in size] for r in size]


@given(covariances(), st.data())
def test_a_distance_is_that_of_the_bordered_determinant(covariance: Covariance, data: st.DataObject) -> None:
    """The square is -det [0 x'; x C] / det C, exactly, and the distance its root in thousandths, rounded down."""
    size = len(covariance.deviations)
    shock = tuple(data.draw(st.lists(st.integers(-9_500, 9_500), min_size=size, max_size=size)))
    matrix = matrix_of(covariance)
    border = [
        [Fraction(0), *map(Fraction, shock)],
        *([Fraction(x), *row] for x, row in zip(shock, matrix, strict=True)),
    ]
    square = -determinant(border) / determinant(matrix)
    assert covariance.square(shock) == square
    assert covariance.distance(shock) == isqrt(DISTANCE**2 * square.numerator // square.denominator)


@given(covariances())
def test_the_principal_direction_is_that_of_the_largest_eigenvalue(covariance: Covariance) -> None:
    """The power method comes to where no direction of numpy's has a larger variance, within a hundredth."""
    places = range(len(covariance.deviations))
    found = np.array(covariance.principal(list(places)), dtype=float)
    matrix = np.array([[float(value) for value in row] for row in matrix_of(covariance)])
    assert max(abs(found)) == DISTANCE
    assert found.sum() >= 0
    variance = found @ matrix @ found / (found @ found)
    assert variance >= 0.98 * np.linalg.eigvalsh(matrix)[-1]


@given(st.lists(st.tuples(st.integers(900, 1_100), st.integers(900, 1_100)), min_size=4, max_size=30))
def test_deviations_and_correlations_are_those_of_the_moves(prices: list[tuple[int, int]]) -> None:
    """As numpy has them, where they move at all; to the ten-thousandth, and shrunk only where they must be."""
    one, other = (list(column) for column in zip(*prices, strict=True))
    moves = [[(now - then) * 10**6 // then for then, now in pairwise(own)] for own in (one, other)]
    directions = [Direction("price:a", "price", 1, (0,)), Direction("price:b", "price", 1, (1,))]
    deviations = np.std(moves, axis=1)
    if min(deviations) < 1:
        with pytest.raises(QueryError, match="--covariance"):
            estimated(directions, {0: one, 1: other}, "drawn")
        return
    found = estimated(directions, {0: one, 1: other}, "drawn")
    assert np.allclose(found.deviations, deviations, atol=1.01)
    assert found.is_definite
    share = np.corrcoef(moves)[0, 1] * 10_000
    assert abs(found.correlations[0][1]) <= abs(share) + 2
    assert found.stated != "drawn" or abs(found.correlations[0][1] - share) <= 2


def test_a_covariance_of_a_file(tmp_path: Path) -> None:
    """What is given is taken as it stands; what is missing, unknown or impossible is one line that says what to do."""
    path = tmp_path / "own.toml"
    path.write_text('[deviations]\n"price:a" = 60\n"price:b" = 80.5\n[correlations]\n"price:a, price:b" = 0.5\n')
    found = given_covariance(path, FOUR[:2])
    assert (found.deviations, found.correlations) == ((6_000, 8_050), ((10_000, 5_000), (5_000, 10_000)))
    for text, said in (
        ("[deviations]\n", 'give "price:a"'),
        ('[deviations]\n"price:a" = 1\n"price:b" = 1\n[correlations]\n"price:a,price:c" = 0.1\n', "write two of"),
        ('[deviations]\n"price:a" = "x"\n', "give [deviations]"),
        ("[deviations\n", "not valid TOML"),
    ):
        path.write_text(text)
        with pytest.raises(QueryError) as refused:
            given_covariance(path, FOUR[:2])
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)
    path.write_text("".join(["[deviations]\n", *(f'"{one.name}" = 1\n' for one in FOUR[:3])]) + "[correlations]\n"
                    + '"price:a,price:b" = 0.9\n"price:b,price:c" = 0.9\n"price:a,price:c" = -0.9\n')  # fmt: skip
    with pytest.raises(QueryError, match="not positive definite"):
        given_covariance(path, FOUR[:3])


# How the smallest is looked for


def met_by(asked: Callable[[Shock], bool]) -> Callable[[Sequence[Shock]], list[bool]]:
    """As a search asks."""
    return lambda shocks: [asked(shock) for shock in shocks]


@given(st.integers(1, 9_600), st.integers(1, 3_000), st.integers(1, 200))
def test_a_ray_is_searched_as_a_sweep_would(least: int, first: int, resolution: int) -> None:
    """Where more never spares, the bracket holds the first place of all that meets; or the bound, where none does."""
    ray = Ray("one", (0, -3))
    (found,) = side_by_side([searched(ray, first, 9_500, resolution)], met_by(lambda shock: -shock[1] >= least))
    swept = next((place for place in range(1, 9_501) if place >= least), None)
    if swept is None:
        assert (found.spares, found.meets) == ((0, -9_500), None)
        return
    assert found.meets is not None
    assert -found.spares[1] < swept <= -found.meets[1]
    assert found.spares[1] - found.meets[1] <= resolution


@given(st.sets(st.integers(1, 400)), st.integers(1, 50), st.integers(1, 9))
def test_what_a_ray_says_was_tried(meeting: set[int], first: int, resolution: int) -> None:
    """Whatever meets: the one place met the target and the other did not, and both were asked."""
    asked: dict[int, bool] = {0: False}

    def meets(shock: Shock) -> bool:
        asked[shock[0]] = shock[0] in meeting
        return asked[shock[0]]

    (found,) = side_by_side([searched(Ray("one", (1,)), first, 400, resolution)], met_by(meets))
    assert not asked[found.spares[0]]
    assert found.meets is None or asked[found.meets[0]]


@given(covariances(), st.data())
def test_mixtures_never_make_it_larger_and_never_beat_the_least_there_is(
    covariance: Covariance, data: st.DataObject
) -> None:
    """Where a linear loss is the target, its least distance is b / sqrt(a'Ca); mixtures come no lower."""
    size = len(covariance.deviations)
    losses = data.draw(st.lists(st.integers(1, 9), min_size=size, max_size=size))
    limit = 4_000

    def meets(shock: Shock) -> bool:
        return -sum(a * x for a, x in zip(losses, shock, strict=True)) >= limit

    ray = Ray("first", (-1, *[0] * (size - 1)))
    (best,) = side_by_side([searched(ray, 100, 9_500, 10)], met_by(meets))
    rounds = list(mixtures(best, FOUR[:size], covariance, 10, met_by(meets), 3))
    found: list[RayBracket] = [best, *(one for brackets in rounds for one in brackets)]
    matrix = matrix_of(covariance)
    variance = sum(losses[r] * losses[c] * matrix[r][c] for r in range(size) for c in range(size))
    squares = []
    for one in found:
        assert one.meets is not None
        assert meets(one.meets)
        assert not meets(one.spares)
        squares.append(covariance.square(one.meets))
    assert squares[0] == max(squares)
    assert min(squares) >= Fraction(limit**2) / variance


# What a shock puts in


@cache
def small() -> Run:
    """A short record of forty accounts, on disk for as long as the process lasts."""
    import tempfile  # noqa: PLC0415

    path = Path(tempfile.mkdtemp(prefix="deleverage-stress-")) / "small.run"
    run_scenario(Scenario.load(SMALL_CRASH, WORLD), path)
    return open_run(path)


@cache
def question(target: str = "adl", fault: str | None = None) -> StressAsked:
    """What is asked of it, coarsely: the state after a minute, a shock within twenty seconds, held for two minutes."""
    options = Options(
        asked=f"{small().path}@+1m", target=target, within="20s", hold="1m", resolution=100, mixtures=1, fault=fault
    )  # type: ignore[arg-type]
    asked = question_of(options)[1]
    return replace(asked, courses=asked.courses[-1:])


@given(st.data())
@settings(max_examples=20)
def test_the_prices_of_a_shock_arrive_and_stay(data: st.DataObject) -> None:
    """From the first step on depth is thinner; at the last step and after it each price is its move away, to a tick."""
    ledger = small().at(seq=question().start.after_seq)
    directions = question().start.directions
    shock = tuple(
        data.draw(st.integers(-one.most if one.is_price else 0, one.most), label=one.name) for one in directions
    )
    bodies = list(shock_inputs(ledger, directions, shock, 4, 10))
    gone = dict(zip((one.name for one in directions), shock, strict=True))["liquidity"]
    quotes = [body for step, body in bodies if isinstance(body, DepthQuoted) and step == 1]
    assert len(quotes) == (3 if gone else 0)
    for quote in quotes:
        before = ledger.markets[quote.instrument].bids
        assert [lots for _, lots in quote.bids] == [lots * (BPS - gone) // BPS for _, lots in before]
    ticked = [(step, dict(body.prices)) for step, body in bodies if isinstance(body, PriceTicked)]
    assert [step for step, _ in ticked] == [1, 2, 3, 4, 9, 14]
    for step, prices in ticked[3:]:
        assert step >= 4
        for one, bps in zip(directions, shock, strict=True):
            for number in one.instruments:
                exact = Fraction(ledger.markets[number].oracle_ticks * (BPS + bps), BPS)
                assert prices[number] == max(1, exact.numerator // exact.denominator)


def test_a_past_crash_is_joined_by_straight_lines() -> None:
    """Every shape says where it is from and what is ours; each price lies on the line between its two points."""
    ledger, directions = small().at(seq=question().start.after_seq), question().start.directions
    assert [shape.name for shape in shapes()] == ["2020-03-12", "2021-05-19", "2022-11-08", "2025-10-10"]
    for shape in shapes():
        assert shape.sources
        assert shape.ours
        course = course_of(shape, ledger, directions, 60 * 10**9)
        prices = [dict(body.prices) for _, body in course_inputs(ledger, course, 2) if isinstance(body, PriceTicked)]
        for number, path in course.paths:
            assert [minute for minute, _ in path] == sorted({minute for minute, _ in path})
            base = ledger.markets[number].oracle_ticks
            for minute in range(1, path[-1][0] + 1):
                (a, before), (b, after) = next(two for two in pairwise(path) if two[0][0] < minute <= two[1][0])
                bps = before + Fraction((after - before) * (minute - a), b - a)
                assert prices[minute - 1][number] == int(base * (BPS + bps) / BPS)
            assert prices[-1][number] == moved_ticks(base, path[-1][1])


# What is said of a record


def asked_again(jobs: int, *, plain: bool = False, stop_after: int = 0) -> tuple[Stress, bytes]:
    """The question, anew: what is found and the file; stopped and gone on with, where that is said."""
    asked = question()
    path = study_path(small(), "stress", asked.executed)
    path.unlink(missing_ok=True)

    def progress(done: int, _doing: str) -> None:
        if stop_after and done == stop_after:
            raise KeyboardInterrupt

    if stop_after:
        with pytest.raises(KeyboardInterrupt):
            stress(small(), asked, jobs=jobs, plain=plain, progress=progress, told=stress_view)
        with path.open("ab") as file:
            file.write(b"[7,{")  # and killed within a line
    found, study = stress(small(), asked, jobs=jobs, plain=plain, told=stress_view)
    assert study.resumed == stop_after
    return found, path.read_bytes()


@cache
def answer() -> tuple[Stress, bytes]:
    """By two processes at once."""
    return asked_again(2)


def plainly(shock: Shock) -> bool:
    """Whether a shock meets the target, from a state that nothing else ever stood at."""
    return Prepared(small(), question().start).executed(Execution(shock)).met


def test_what_is_found_meets_the_target_and_what_is_below_it_does_not() -> None:
    """Executed again, each from a state prepared for it alone; and nothing of the record was touched."""
    before = {path: path.read_bytes() for path in small().path.rglob("*") if path.is_file()}
    found = answer()[0]
    assert found.found is not None
    smallest = found.found.smallest
    assert smallest.bracket.meets is not None
    assert plainly(smallest.bracket.meets)
    assert not plainly(smallest.bracket.spares)
    met = [one for one in (*found.rays, *found.mixtures) if one.bracket.meets is not None]
    assert smallest.meets_distance == min(one.meets_distance for one in met if one.meets_distance is not None)
    for one in met[:3]:
        assert one.bracket.meets is not None
        assert plainly(one.bracket.meets)
        assert not plainly(one.bracket.spares)
    assert found.found.outcome.reading.met
    assert before == {path: path.read_bytes() for path in small().path.rglob("*") if path.is_file()}


def test_the_shock_found_is_kept_as_a_record(tmp_path: Path) -> None:
    """It says of itself what the tables say of it, and is executed again byte for byte."""
    found = answer()[0]
    assert found.found is not None
    reading, start = found.found.outcome.reading, found.asked.start
    kept = record_shock(small(), found, tmp_path / "shock.run")
    run = open_run(tmp_path / "shock.run")
    assert (run.head, run.came_to_its_end) == (kept.head, True)
    assert verify(tmp_path / "shock.run").sound
    began_ns = small().event(start.after_seq).at_ns
    after = list(run.events(kept.boundary))
    met = next(event for event in after if isinstance(event.body, DeleveragingStarted))
    assert met.at_ns - began_ns == reading.met_after_ns
    taken = {event.body.account for event in after if isinstance(event.body, PositionDeleveraged)}
    assert len(taken) == reading.deleveraged
    assert run.end_ns - began_ns == (start.steps + start.held) * start.step_ns
    with pytest.raises(RecordExistsError):
        record_shock(small(), found, tmp_path / "shock.run")
    with pytest.raises(QueryError, match="no shock was found"):
        record_shock(small(), replace(found, found=None), tmp_path / "none.run")


def test_a_ray_is_what_a_sweep_of_the_engine_finds() -> None:
    """All prices down in steps of half a percent: the first that meets the target lies in the bracket."""
    bracket = next(one.bracket for one in answer()[0].rays if one.bracket.ray.name == "all prices down")
    assert bracket.meets is not None
    swept = next(place for place in range(50, 9_500, 50) if plainly(bracket.ray.at(place)))
    assert bracket.ray.place(bracket.spares) < swept + 50
    assert swept <= bracket.ray.place(bracket.meets) + 50


@pytest.mark.parametrize(("jobs", "plain", "stop_after"), [(1, False, 0), (2, False, 9), (1, True, 0)])
def test_it_is_the_same_file_however_it_is_done(jobs: int, stop_after: int, *, plain: bool) -> None:
    """One process or two, stopped or not, forked or each prepared alone: byte for byte."""
    assert asked_again(jobs, plain=plain, stop_after=stop_after)[1] == answer()[1]


def test_a_fault_is_a_direction_like_another() -> None:
    """Its seconds are in the shock; with an outage nothing is filled, so that what is bankrupt is another matter."""
    start = question(fault="outage").start
    shock = tuple(-1_500 if one.kind == "price" else 0 for one in start.directions)
    assert start.directions[-1].name == "fault"
    without, within = (
        perform(Prepared(small(), start), Execution((*shock[:-1], seconds), whole=True)) for seconds in (0, 60)
    )
    assert without.depth_least_bps < BPS
    assert (within.bankrupts, within.settled_after_ns) != (without.bankrupts, without.settled_after_ns)


def test_a_state_that_has_met_it_already_is_said_so() -> None:
    """Where the target is met without a shock nothing is searched."""
    whole = small()
    assert not perform(Prepared(whole, question().start), Execution((0,) * 5)).met
    reading = perform(Prepared(whole, question("fund-empty").start), Execution((-9_500,) * 3 + (0, 0), whole=True))
    assert reading.met
    assert reading.fund_least_atoms < reading.fund_start_atoms
    assert reading.bankrupts > 0


# Defaults and concentration


def test_cover_is_the_most_that_any_set_costs() -> None:
    """Against every account and every pair, each margined and closed here; cover 2 is never less than cover 1."""
    ledger = small().at(seq=question().start.after_seq)
    moves = dict.fromkeys(range(3), -3_000)
    one, two = covers(ledger, moves, 5_000, 2)

    def lost(*accounts: int) -> int:
        markets, whole = shocked(ledger, moves, 5_000), 0
        for number in accounts:
            account = ledger.accounts[number]
            has = margin_of(account, ledger, markets).equity_atoms
            for (instrument, _), held in sorted(account.positions.items()):
                market, left = markets[instrument], held.size_lots
                sign, price, eaten = (1 if left > 0 else -1), market.mark_ticks, 0
                for fill in walk(market, -left, None, ledger.at_ns):
                    has += market.payoff.value_atoms(sign * fill.lots, fill.price_ticks)
                    left, price, eaten = left - sign * fill.lots, fill.price_ticks, fill.eaten_lots
                has += market.payoff.value_atoms(left, price)
                has -= market.payoff.value_atoms(held.size_lots, market.mark_ticks)
                if sign > 0:
                    market.eaten_bid_lots, market.eaten_bid_at_ns = max(eaten, market.eaten_bid_lots), ledger.at_ns
                else:
                    market.eaten_ask_lots, market.eaten_ask_at_ns = max(eaten, market.eaten_ask_lots), ledger.at_ns
            whole += max(0, -has)
        return whole

    traders = [account.account for account in ledger.accounts if account.kind == "user" and account.positions]
    alone = {number: lost(number) for number in traders}
    assert one.loss_atoms == max(alone.values()) > 0
    assert two.loss_atoms == lost(*two.accounts) >= one.loss_atoms
    largest = sorted(traders, key=lambda number: -alone[number])[:4]
    assert two.loss_atoms >= max(lost(*pair) for pair in combinations(largest, 2))


def test_the_largest_positions_are_those() -> None:
    """By notional, the greatest first; what closing costs is against the mark, and more than nothing."""
    ledger = small().at(seq=question().start.after_seq)
    found = concentrations(ledger, {}, 5)
    every = sorted(
        (abs(ledger.markets[key[0]].payoff.value_atoms(held.size_lots, ledger.markets[key[0]].mark_ticks))
         for account in ledger.accounts if account.kind == "user" for key, held in account.positions.items()),
        reverse=True,
    )  # fmt: skip
    assert [one.notional_atoms for one in found] == every[:5]
    assert all(one.cost_atoms > 0 and 0 < one.share_bps <= BPS and one.days_millis is None for one in found)


# The command


def test_the_command_prints_four_tables_and_says_where_they_are_kept() -> None:
    """As text, Markdown and JSON, all of one study; a scenario's own options are none of a record's."""
    asked = (
        "stress",
        f"{small().path}@+1m",
        "--within",
        "20s",
        "--hold",
        "30s",
        "--resolution",
        "500",
        "--mixtures",
        "0",
    )
    told = call(*asked, "--jobs", "2", "--volume", "BTC-PERP=2")
    assert told.exit_code == 0, told.output
    titles = ("reverse", "credit", "concentration", "recovery")
    found = [line.split()[0] for line in told.stdout.splitlines() if line.startswith(titles)]
    assert found == list(titles)
    assert "kept in" in told.stderr
    document = json.loads(call(*asked, "--json", "--volume", "BTC-PERP=2").stdout)
    assert document["until"] == "adl"
    assert document["volumes"]["BTC-PERP"]["stated"] == "--volume"
    assert call(*asked, "--format", "md", "--volume", "BTC-PERP=2").stdout.count("| :--- |") == 4


def test_nothing_that_meets_it_is_a_finding() -> None:
    """Within a bound of one percent nothing does: one line, and exit code 0."""
    asked = ("stress", f"{small().path}@+1m", "--within", "5s", "--hold", "5s", "--most", "100", "--mixtures", "0")
    told = call(*asked, "--until", "socialised")
    assert told.exit_code == 0, told.output
    assert "nothing that was tried meets it within the bounds" in " ".join(told.stdout.split())


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("RUN",), "say from where on"),
        (("RUN@+9h",), "has ended by event"),
        (("nowhere.run@+1m",), "there is no record at nowhere.run"),
        (("no-such",), "no-such"),
        (("RUN@+1m", "--set", "seed=2"), "of a scenario"),
        (("RUN@+1m", "--fault", "outrage"), "no fault 'outrage'"),
        (("RUN@+1m", "--fault", "outage for=5m"), "leave for= out"),
        (("RUN@+1m", "--within", "10ms"), "whole seconds"),
        (("RUN@+1m", "--volume", "DOGE=1"), "NAME one of"),
        (("RUN@+1m", "--covariance", "none.toml"), "cannot be read"),
        (("RUN@0",), "name a later point"),
    ],
)
def test_bad_input_is_one_line(asked: tuple[str, ...], said: str) -> None:
    """What is wrong, where, and what to do; exit code 2."""
    told = call("stress", *(one.replace("RUN", str(small().path)) for one in asked))
    assert told.exit_code == 2, told.output
    assert said.replace("RUN", str(small().path)) in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1
    assert not told.stdout


def test_a_scenario_is_opened_and_taken_up_again(tmp_path: Path) -> None:
    """It is recorded up to its first prices once; another scenario is not stressed from there."""
    opened = tmp_path / "opened.run"
    options = Options(asked=SMALL_CRASH, settings=WORLD, output=opened, within="20s", hold="30s")
    run, asked = question_of(options)
    prices = [event for event in run.events() if isinstance(event.body, PriceTicked)]
    assert len(prices) == 1
    assert asked.start.after_seq == run.count - 2
    assert question_of(options)[0].head == run.head
    with pytest.raises(QueryError, match="give -o with another place"):
        question_of(replace(options, seed=9))
    assert directions_of(run.at(seq=asked.start.after_seq), 9_500) == asked.start.directions


def test_the_chart_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    """Where matplotlib is installed; where there is no such folder nothing is executed."""
    pytest.importorskip("matplotlib")
    found = answer()[0]
    drawn = []
    for name in ("a.svg", "b.svg"):
        draw_stress(tmp_path / name, small(), found)
        drawn.append((tmp_path / name).read_bytes())
    assert drawn[0] == drawn[1]
    assert drawn[0].startswith(b"<?xml")
    with pytest.raises(QueryError, match="there is no folder"):
        check_chart(tmp_path / "none" / "a.svg")


def test_who_is_critical_is_executed_again_without() -> None:
    """The account lacked most of those that could be closed; the instrument is one of those that move."""
    found = answer()[0].found
    assert found is not None
    assert found.account is not None
    assert found.account.lacked_atoms == found.outcome.reading.bankrupt[0][1]
    assert found.account.reading.bankrupts < found.outcome.reading.bankrupts
    assert found.smallest.bracket.meets is not None
    moved = [one for one, bps in zip(question().start.directions, found.smallest.bracket.meets, strict=True) if bps]
    assert [one.name for one in found.directions] == ([one.name for one in moved] if len(moved) > 1 else [])
    if found.instrument is not None:
        assert found.instrument.reading.fund_least_atoms >= found.outcome.reading.fund_least_atoms

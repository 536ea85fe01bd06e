"""A fall split into what it is put down to: the parts against every order of causes, run by run."""

from __future__ import annotations

import json
import signal
import subprocess
from fractions import Fraction
from itertools import permutations
from math import factorial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Run, Scenario, open_run, run
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.trading import BookPriced
from deleverage.events.errors import QueryError
from deleverage.events.venue_names import venue_of
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.replay.split.shapley import parts_over, rounded_parts
from deleverage.replay.split.split import Split, _Combination, _perform, split
from deleverage.replay.split.switches import SWITCHES, Switch, given_switches, switches_of
from deleverage.replay.split.text import printed_parts
from deleverage.sim.units import divide_half_even

from .support.command_line import call, spawn, tear
from .support.crash import SMALL_CRASH
from .support.living import LIVING, SMALL_SPIRAL, spiral, two_coins
from .support.patience import PATIENCE_S, eventually

CAUSES = st.integers(0, 4)


def games(causes: int) -> st.SearchStrategy[list[int]]:
    """A value for every set of causes."""
    return st.lists(st.integers(-(10**6), 10**6), min_size=1 << causes, max_size=1 << causes)


def in_every_order(values: list[int], causes: int) -> list[Fraction]:
    """The oracle: what each cause adds when it comes in, averaged over all orders."""
    parts = [Fraction(0)] * causes
    for order in permutations(range(causes)):
        there = 0
        for cause in order:
            parts[cause] += Fraction(values[there | 1 << cause] - values[there], factorial(causes))
            there |= 1 << cause
    return parts


@settings(deadline=None)
@given(CAUSES.flatmap(lambda causes: st.tuples(st.just(causes), games(causes))))
def test_parts_are_those_of_every_order(game: tuple[int, list[int]]) -> None:
    """The weights stand for all orders, and the parts sum to the whole less the empty set, exactly."""
    causes, values = game
    parts, denominator = parts_over(values, causes)
    assert [Fraction(part, denominator) for part in parts] == in_every_order(values, causes)
    assert sum(parts) == (values[-1] - values[0]) * denominator


@settings(deadline=None)
@given(st.integers(1, 4).flatmap(lambda causes: st.tuples(st.just(causes), games(causes), st.integers(0, causes - 1))))
def test_who_changes_nothing_has_no_part(game: tuple[int, list[int], int]) -> None:
    """A cause whose presence never matters is put down to for nothing."""
    causes, values, idle = game
    values = [values[number & ~(1 << idle)] for number in range(1 << causes)]
    assert parts_over(values, causes)[0][idle] == 0


@settings(deadline=None)
@given(st.integers(2, 4).flatmap(lambda causes: st.tuples(st.just(causes), games(causes))))
def test_who_add_the_same_have_the_same_part(game: tuple[int, list[int]]) -> None:
    """Where the first two causes can change places, their parts are equal."""
    causes, values = game
    values = [values[number ^ 3 if number & 3 == 2 else number] for number in range(1 << causes)]
    parts, _ = parts_over(values, causes)
    assert parts[0] == parts[1]


@settings(deadline=None)
@given(st.lists(st.fractions(-1000, 1000, max_denominator=24), min_size=1, max_size=7))
def test_printed_parts_sum_to_the_printed_whole(parts: list[Fraction]) -> None:
    """Rounded by the largest remainder, each is within one of what it is, and together they are the rounded sum."""
    whole = sum(parts, Fraction(0))
    rounded = rounded_parts(parts, divide_half_even(whole.numerator, whole.denominator))
    assert sum(rounded) == divide_half_even(whole.numerator, whole.denominator)
    assert all(abs(one - part) <= 1 for one, part in zip(rounded, parts, strict=True))


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small spiral."""
    return open_run(spiral(tmp_path_factory.mktemp("split") / "spiral.run"))


@pytest.fixture(scope="module")
def found(past: Run) -> Split:
    """Its fall, split."""
    return split(past, jobs=2)


def low_without(*settings: str) -> int:
    """How far the mark falls in a whole run with these settings, made anew, in ticks."""
    extremes = run(Scenario.load("spiral", (*SMALL_SPIRAL, *settings))).summary.extremes(0)
    assert extremes is not None
    return extremes[1] - extremes[0]


def test_the_parts_are_those_of_whole_runs(found: Split) -> None:
    """Every combination run anew from its scenario, and every order of causes: the same parts, to the last sixth."""
    values = []
    for number in range(8):
        off = [switch for place, switch in enumerate(SWITCHES) if not number >> place & 1]
        values.append(low_without(*(setting for switch in off for setting in switch.settings)))
    (one,) = found.instruments
    assert found.switches == one.switches == SWITCHES
    assert list(one.values_ticks) == values
    assert one.exact == [Fraction(values[0]), *in_every_order(values, 3)]
    assert len(set(values)) > 4, "the switches make a difference"


def test_the_parts_sum_to_the_fall(past: Run, found: Split) -> None:
    """Exactly as numerators, and as they are printed in each column."""
    (one,) = found.instruments
    lowest = min(event.body.price_ticks for event in past.events() if isinstance(event.body, BookPriced))
    assert sum(one.parts) == one.moved_ticks * one.denominator
    assert one.ticks == lowest
    ticks, percents, shares = zip(*printed_parts(one), strict=True)
    assert sum(ticks) == one.moved_ticks
    assert sum(percents) == divide_half_even(one.moved_ticks * 10_000, one.first_ticks)
    assert sum(share for share in shares if share is not None) == 10_000


def test_the_outside_has_what_it_did_by_itself(past: Run, found: Split) -> None:
    """With everything off nobody trades, so that the price is the recorded value outside."""
    outside = [event.body.outside_ticks for event in past.events() if isinstance(event.body, BookPriced)]
    assert found.instruments[0].values_ticks[0] == min(outside) - outside[0]
    assert found.instruments[0].base == "outside"


def test_at_a_point(past: Run) -> None:
    """Each fork counts with its price at that time; a fork that is kept on disk says the same."""
    at_ns = past.start_ns + 200 * 10**9 + 1
    found = split(past, (Switch("liquidations", ("margin.policy=none",)),), at_ns)
    first = next(event for event in past.events() if isinstance(event.body, BookPriced))
    child = fork(past, first.seq - 2, Changes(("margin.policy=none",)), past.path.with_name("child.run"))
    assert child.path is not None
    wanted = []
    for one in (open_run(child.path), past):
        book = one.at(time=at_ns).markets[0].book
        assert book is not None
        wanted.append(book.price_ticks - first.body.price_ticks)
    assert list(found.instruments[0].values_ticks) == wanted
    assert found.instruments[0].base == "all else"
    assert found.forks == 1


def test_a_market_without_a_book(tmp_path: Path) -> None:
    """Where forced orders alone move the marks there is one switch, and the outside is the smoothed index."""
    path = tmp_path / "crash.run"
    run(Scenario.load(SMALL_CRASH), path)
    past = open_run(path)
    found = split(past)
    held = run(Scenario.load(SMALL_CRASH, ("margin.policy=none",)))
    assert [switch.name for switch in found.switches] == ["liquidations"]
    for number, one in enumerate(found.instruments):
        extremes = held.summary.extremes(number)
        assert extremes is not None
        assert one.values_ticks[0] == extremes[1] - extremes[0]
        assert sum(one.parts) == one.moved_ticks
    assert any(one.parts[1] for one in found.instruments)


def test_several_instruments(tmp_path: Path) -> None:
    """Each has its own parts, from the same forks; one of them can be asked for."""
    run(Scenario.load(str(two_coins(tmp_path)), SMALL_SPIRAL), tmp_path / "two.run")
    past = open_run(tmp_path / "two.run")
    found = split(past, jobs=2)
    assert [one.name for one in found.instruments] == ["COIN-PERP", "ALT-PERP"]
    for one in found.instruments:
        books = [
            e.body for e in past.events() if isinstance(e.body, BookPriced) and e.body.instrument == one.instrument
        ]
        assert one.ticks == min(book.price_ticks for book in books)
        assert one.values_ticks[0] == min(book.outside_ticks for book in books) - books[0].outside_ticks
        assert sum(one.parts) == one.moved_ticks * one.denominator
    told = call("split", past.path, "--instrument", "ALT-PERP", "--at", "+2m30s", "--jobs", "2").output
    assert "ALT-PERP" in told
    assert "COIN-PERP" not in told
    assert "the price at the end of 2025-10-10T21:02:30Z in each fork" in " ".join(told.split())


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two venues in small, whose indices look at each other's books so much that each liquidates for the other."""
    path = tmp_path_factory.mktemp("between") / "both.run"
    run(Scenario.load(LIVING, ("index.weights={book=5_000, alpha=2_500, beta=2_500}",)), path)
    return open_run(path)


def test_contagion_is_a_part_where_there_are_several_venues(between: Run) -> None:
    """The own venue's liquidations are one part, the other's another, and every combination is a whole fork's."""
    found = split(between, jobs=2)
    assert [one.name for one in found.instruments] == ["COIN-PERP@alpha", "COIN-PERP@beta"]
    assert found.forks == 15, "both instruments have them in common"
    for one, own, other in zip(found.instruments, ("alpha", "beta"), ("beta", "alpha"), strict=True):
        assert [(switch.name, switch.settings) for switch in one.switches[:2]] == [
            (f"liquidations at {own}", (f"margin@{own}.policy=none",)),
            (f"contagion from {other}", (f"margin@{other}.policy=none",)),
        ]
        assert one.switches[2:] == SWITCHES[1:]
        assert one.base == "outside"
        assert sum(one.parts) == one.moved_ticks * one.denominator
        assert one.exact == [Fraction(one.values_ticks[0]), *in_every_order(list(one.values_ticks), 4)]
        assert all(one.parts), "every cause has a part"
    values = {one.name: one.values_ticks for one in found.instruments}
    assert values["COIN-PERP@alpha"][0b1101] == lows_of(between, "margin@beta.policy=none")[0]
    assert values["COIN-PERP@beta"][0b1101] == lows_of(between, "margin@alpha.policy=none")[1]


def first_price(past: Run) -> int:
    """The input that the first price came in by."""
    return next(event.seq for event in past.events() if isinstance(event.body, BookPriced)) - 1


def lows_of(past: Run, *settings: str) -> list[int]:
    """How far each book falls in a fork from the first price on, in ticks."""
    low: dict[int, int] = {}
    for event in forked(past, *settings).events():
        if isinstance(event.body, BookPriced):
            low[event.body.instrument] = min(event.body.price_ticks, low.get(event.body.instrument, 10**9))
    firsts = {e.body.instrument: e.body.price_ticks for e in [*past.events()][::-1] if isinstance(e.body, BookPriced)}
    return [low[number] - firsts[number] for number in sorted(firsts)]


def forked(past: Run, *settings: str) -> Run:
    """That fork, with its record."""
    path = past.path.with_name(f"{'+'.join(settings)}.run")
    if not path.exists():
        fork(past, first_price(past) - 1, Changes(settings), path)
    return open_run(path)


def liquidated_at(past: Run, venue: str) -> set[str]:
    """Who was liquidated at a venue."""
    accounts = {event.body.account for event in past.events() if isinstance(event.body, LiquidationStarted)}
    return {name for name in map(past.directory.account_name, accounts) if venue_of(name) == venue}


@pytest.mark.parametrize(("venue", "other"), [("alpha", "beta"), ("beta", "alpha")])
def test_who_was_liquidated_because_of_the_other_venue(between: Run, venue: str, other: str) -> None:
    """Whoever is in the run and not in the fork in which the other liquidates nobody; and those of that fork only."""
    (one,) = split(between, instruments=[("alpha", "beta").index(venue)], jobs=2).instruments
    in_run, without = (liquidated_at(one, venue) for one in (between, forked(between, f"margin@{other}.policy=none")))
    assert one.contagion is not None
    assert (one.contagion.venue, one.contagion.sources) == (venue, (other,))
    assert one.contagion.liquidated == len(in_run)
    assert set(one.contagion.because) == in_run - without
    assert set(one.contagion.spared) == without - in_run
    assert one.contagion.because or one.contagion.spared


def test_the_command_tells_of_contagion(between: Run) -> None:
    """A row, who was liquidated because of it, and the same as JSON; at a point those up to there."""
    asked = call("split", between.path, "--instrument", "COIN-PERP@beta", "--jobs", "2", "--json")
    (one,) = json.loads(asked.output)["instruments"]
    assert [part["name"] for part in one["parts"]][2] == "contagion from alpha"
    assert sum(part["numerator"] for part in one["parts"]) == one["moved_ticks"] * one["denominator"]
    because = one["contagion"]["because"]
    assert set(because) <= liquidated_at(between, "beta")
    told = call("split", between.path, "--at", "+2m", "--jobs", "2", COLUMNS="400").output
    assert "contagion from alpha" in told
    assert "accounts liquidated at beta by then" in told
    assert "in the fork without liquidations at alpha" in told


def test_switches_are_of_the_venues_that_have_the_slot(tmp_path: Path) -> None:
    """Where one venue has no crowd and one liquidates nobody, only the others' are switched off."""
    settings = ("venues[0].slots.crowd.policy=none", "venues[1].slots.margin.policy=none")
    producers = Scenario.load(LIVING, settings).resolve().producers
    of_alpha, of_beta = ([s.settings for s in switches_of(producers, venue)] for venue in ("alpha", "beta"))
    assert of_alpha == [("margin@alpha.policy=none",), ("crowd@beta.policy=none",), ("makers.withdraws=false",)]
    assert of_beta == of_alpha
    assert next(switch.name for switch in switches_of(producers, "beta")) == "contagion from alpha"


def test_the_command(past: Run) -> None:
    """It prints a table whose parts sum, and the same as JSON."""
    told = call("split", str(past.path), "--jobs", "2", COLUMNS="100")
    assert told.exit_code == 0
    assert "7 forks executed" in told.output
    table = told.output.partition("with only")[0]
    rows = {line.split("  ")[0]: line.split() for line in table.splitlines()}
    parts = [rows[name][-2] for name in ("outside", "liquidations", "stops and followers", "withdrawn liquidity")]
    assert sum(Fraction(part) for part in parts) == Fraction(rows["moved"][-2])
    asked = call("split", str(past.path), "--jobs", "2", "--json")
    (one,) = json.loads(asked.output)["instruments"]
    assert sum(part["numerator"] for part in one["parts"]) == one["moved_ticks"] * one["denominator"]
    assert len(one["combinations"]) == 8


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--instrument", "GOLD"), "there is no instrument 'GOLD'"),
        (("--switch", "all"), "write it as NAME: slot.key=value"),
        (("--switch", "fund: assets.x=1"), "a fork can change"),
        (("--at", "yesterday"), "is no point in a record"),
        (("--at", "2020-01-01 00:00"), "is before the run"),
        (tuple(f"--switch=s{n}: margin.warning_bps={n}" for n in range(7)), "give 6 at most"),
    ],
    ids=lambda one: one if isinstance(one, str) else " ".join(one[:2]),
)
def test_bad_questions(past: Run, arguments: tuple[str, ...], told: str) -> None:
    """One line that says what to do, exit code 2."""
    answer = call("split", str(past.path), *arguments)
    assert answer.exit_code == 2
    assert told in answer.output
    assert len(answer.output.splitlines()) == 1


def test_ctrl_c_ends_it_with_its_processes(past: Run) -> None:
    """One line, exit code 130, and no process is left."""
    process = spawn("split", past.path, "--jobs", "2")
    children: list[int] = []
    while len(children) < 2:
        assert process.poll() is None, "it ended before it could be stopped"
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, check=False)
        children = [int(pid) for pid in listed.stdout.split()]
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert told.startswith("deleverage: stopped after ")
    assert len(told.splitlines()) == 1
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


def test_a_fork_is_not_split(past: Run, tmp_path: Path) -> None:
    """Its past is its parent's, where other producers decided."""
    fork(past, past.count - 10, Changes(("crowd.policy=none",)), tmp_path / "child.run")
    with pytest.raises(QueryError, match="split its parent"):
        split(open_run(tmp_path / "child.run"), SWITCHES)


def test_a_fork_without_a_price_is_named(past: Run) -> None:
    """Where nothing makes a price with a switch off, there is no move to compare."""
    impossible = given_switches(["price: impact.policy=none"])
    with pytest.raises(QueryError, match="COIN-PERP has no price in the fork without price"):
        split(past, impossible, jobs=2)


def test_a_fork_that_fails_is_an_answer(tmp_path: Path) -> None:
    """A worker says in one line why it has no figures, and goes on."""
    outcome = _perform(_Combination((), tmp_path / "gone.run", (), 0, None))
    assert outcome.error is not None
    assert "gone.run" in outcome.error


def test_a_torn_record_is_refused_in_one_line(tmp_path: Path) -> None:
    """It has no head to fork from, which is all that is said: nothing of it was served."""
    torn = tmp_path / "torn.run"
    assert call("run", SMALL_CRASH, "-o", torn).exit_code == 0
    tear(torn)
    for command in (("split", torn), ("fork", torn, "--at", "+1m", "-o", tmp_path / "child.run")):
        refused = call(*command)
        assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
        assert "it was never sealed, so it has no head to fork from; `deleverage recover` it first" in refused.stderr
    assert not (tmp_path / "child.run").exists()

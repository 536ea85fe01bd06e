"""Order within an instant: enumerated or sampled, kept beside the record, and executed again by anybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from math import comb, factorial, prod
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from deleverage import Run, open_run
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.errors import QueryError
from deleverage.events.ledger.ordering import RECORDED, Ordering, permuted
from deleverage.events.record import HeadOnly
from deleverage.replay.bounds import SHARE_PARTS, interval, share_text
from deleverage.replay.fair.fair import FairQuestion, asked_instants, fair
from deleverage.replay.fair.outcomes import InstantStanding, executed_in
from deleverage.replay.fair.reckoning import Fairness, reckoned
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import Fork, fork
from deleverage.replay.studies import study_path
from deleverage.replay.verify.verification import verify

from .support.command_line import call, small_record
from .support.crash import SMALL_CRASH
from .support.stage import ticks
from .support.told import producers, staged
from .support.venue import Book, listed

USDT, SECOND = 10**6, 10**9
SHORTS = (20, 40, 60)


def crash(
    path: Path, longs: list[tuple[int, int]], shorts: tuple[int, ...], policy: str, closes_at: str = "bankruptcy"
) -> Run:
    """One fall, at which every long (lots, equity of each) is bankrupt, and shorts with so many lots."""
    book = Book(listed(multiplier_atoms=USDT))
    for lots, equity in longs:
        book.user(lots * equity * USDT, (0, lots, 1000))
    for place, lots in enumerate(shorts):
        book.user((20_000 - 10 * place) * USDT, (0, -lots, 1000))
    slots = {"mark": {"policy": "index"}, "margin": {}, "insurance_fund": {}, "liquidation": {}, "market": {}}
    deciding = producers(**slots, adl={"policy": policy, "closes_at": closes_at}, socialization={})
    return staged(path, book, deciding, *ticks((0, 1000), (SECOND, 500), (2 * SECOND, 500)))


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Four bankrupts of one instant, closed against a queue in which whoever gave a part falls behind: 24 orders."""
    longs = [(7, 150), (5, 300), (18, 140), (4, 480)]
    return crash(tmp_path_factory.mktemp("fair") / "queue.run", longs, (20, 15, 12, 9, 30, 20), "profit-leverage")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash: timers that are due together, halts that end."""
    return open_run(small_record(tmp_path_factory.mktemp("fair")))


def found_in(run: Run, asked: FairQuestion, jobs: int = 1, *, plain: bool = False) -> Fairness:
    """The answer, without a file that stays."""
    found = reckoned(run, fair(run, asked, jobs, plain=plain))
    study_path(run, "fair", asked).unlink()
    return found


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data())
def test_orders_of_groups_are_numbered_without_gaps(sizes: list[int], data: st.DataObject) -> None:
    """Every number below the product of the factorials gives another order, 0 the one that is there."""
    orders = prod(map(factorial, sizes))
    seen = {tuple(map(tuple, permuted(number, sizes))) for number in range(orders)}
    assert len(seen) == orders
    assert permuted(0, sizes) == [list(range(size)) for size in sizes]
    text = data.draw(st.sampled_from([RECORDED, "night-7", "3:1", "3:1,17.2:5"]))
    assert Ordering.of(text, 5).text == text


def test_a_key_draws_every_order_as_often_and_leaves_alone_what_is_in_no_group() -> None:
    """Six orders of three acts by 3,000 keys, 500 each but for chance; the fourth stays in its place."""
    counted: dict[tuple[str, ...], int] = {}
    for key in range(3_000):
        order = Ordering(f"k{key}").arranged(9, "abXc", lambda one: None if one == "X" else 0)
        assert order[2] == "X"
        counted[tuple(order)] = counted.get(tuple(order), 0) + 1
    assert {tuple(one) for one in counted} == {(a, b, "X", c) for a, b, c in permutations("abc")}
    assert all(400 < times < 600 for times in counted.values())


@pytest.mark.parametrize("text", ["", "a b", "3:", "-1", "1:2;3:4", "é"])
def test_what_is_no_order_is_refused(text: str) -> None:
    """In one line that says how to write one."""
    with pytest.raises(QueryError, match="is no order; write recorded, a key"):
        Ordering.of(text, 0)


@given(st.integers(1, 60), st.data())
def test_intervals_are_clopper_and_pearsons(samples: int, data: st.DataObject) -> None:
    """At each end the tail is 2.5% or less, and one ten-thousandth further in it is more; summed in fractions."""
    counted = data.draw(st.integers(0, samples))
    low, high = interval(counted, samples)
    assert low <= Fraction(counted * SHARE_PARTS, samples) <= high

    def as_many(share: int) -> Fraction:
        p = Fraction(share, SHARE_PARTS)
        return sum(
            (comb(samples, k) * p**k * (1 - p) ** (samples - k) for k in range(counted, samples + 1)), Fraction(0)
        )

    if counted:
        assert as_many(low) <= Fraction(1, 40) < as_many(low + 1)
    assert high == SHARE_PARTS - interval(samples - counted, samples)[0]


def test_a_share_is_never_shown_as_all_or_nothing_that_is_not() -> None:
    """One in a million is a tenth of a percent."""
    shares = (Fraction(0), Fraction(1, 10**6), Fraction(61, 100), Fraction(999_999, 10**6), Fraction(1))
    assert [*map(share_text, shares)] == ["0.0%", "0.1%", "61.0%", "99.9%", "100.0%"]


def test_the_engines_own_order_is_the_record_byte_for_byte(small: Run) -> None:
    """An instant taken up again and asked for every choice gives the parent's events; so does a fork of no order."""
    for instant in asked_instants(small, FairQuestion(instants=3))[0]:
        standing, made = InstantStanding(small, instant), []
        standing.resumption.bus.tap(lambda event, _ledger, made=made: made.append(event))
        executed_in(standing, RECORDED)
        stop = small.first_at(instant.at_ns + 1)
        assert made == list(small.events(instant.after_seq + 1, stop))
    assert not Changes(order=RECORDED)
    assert fork(small, instant.after_seq, Changes(order=RECORDED)).head == small.head


def reductions(run: Run, at_ns: int) -> dict[tuple[int, int], int]:
    """Lots by account and instrument that an instant took."""
    found: dict[tuple[int, int], int] = {}
    for event in run.events(run.first_at(at_ns), run.first_at(at_ns + 1)):
        if isinstance(event.body, PositionDeleveraged):
            key = event.body.account, event.body.instrument
            found[key] = found.get(key, 0) + abs(event.body.size_lots)
    return found


@pytest.mark.parametrize("world", ["queue", "small"])
def test_an_order_is_executed_again_by_whoever_forks(
    world: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A fork with the order has what `fair` says of it, verifies, and goes on the same from amid the instant."""
    run: Run = request.getfixturevalue(world)
    instant = asked_instants(run, FairQuestion(instants=2))[0][0]
    recorded = executed_in(InstantStanding(run, instant), RECORDED)
    last = recorded.met[-1]
    orders = (f"{last.after}{f'.{last.place}' if last.place else ''}:1", "night-7", "night-8")
    for number, order in enumerate(orders[: 3 if run.count < 1_000 else 2]):
        expected = executed_in(InstantStanding(run, instant), order)
        path = tmp_path / f"{number}.run"
        fork(run, instant.after_seq, Changes(order=order), path)
        child = open_run(path)
        assert reductions(child, instant.at_ns) == {(r.account, r.instrument): r.lots for r in expected.reduced}
        assert verify(path).fault is None
        start, stop = (child.first_at(at_ns) for at_ns in (instant.at_ns, instant.at_ns + 1))
        for seq in (start + (stop - start) // 3, start + (stop - start) * 2 // 3):
            made = Fork(child, seq)
            sink = HeadOnly()
            sink.append_many(child.events(0, made.boundary))
            made.drive(made.resumption(sink))
            assert sink.head.hex() == child.head


def test_all_orders_of_a_small_instant_are_the_permutations_of_its_bankrupts(queue: Run) -> None:
    """24 orders, each executed once; what a queue takes of whom hangs on who is first, the total does not."""
    (one,) = found_in(queue, FairQuestion()).instants
    assert (one.exact, one.orders, [met.sizes for met in one.choices]) == (True, 24, [(4,)])
    assert one.hangs_on_order
    assert {total.of for total in one.totals if total.invariant} >= {"bankrupt", "liquidated", "reduced lots", "rounds"}
    executed = fair(queue, FairQuestion())
    study_path(queue, "fair", FairQuestion()).unlink()
    assert len({outcome.order for outcome in executed.instants[0].outcomes}) == 24
    assert executed.instants[0].recorded.order == RECORDED


def test_the_smallest_pair_differs_by_one_swap(queue: Run, tmp_path: Path) -> None:
    """Both are executed as forks: the accounts stand in orders that one swap of neighbours makes of each other."""
    (one,) = found_in(queue, FairQuestion(round=1, all_orders=True)).instants
    assert one.pair is not None
    begun = []
    for number, order in enumerate((one.pair.first, one.pair.second)):
        path = tmp_path / f"{number}.run"
        fork(queue, one.instant.after_seq, Changes(order=order), path)
        events = open_run(path).events()
        begun.append([event.body.account for event in events if isinstance(event.body, LiquidationStarted)])
    differing = [place for place, pair in enumerate(zip(*begun, strict=True)) if len(set(pair)) > 1]
    assert len(differing) == 2
    assert differing[1] == differing[0] + 1
    assert sorted(begun[0]) == sorted(begun[1])


SIZES = st.lists(st.tuples(st.integers(1, 4), st.integers(130, 490)), min_size=2, max_size=4)


@settings(max_examples=8, deadline=None)
@given(SIZES)
def test_an_order_free_policy_has_no_spread(
    tmp_path_factory: pytest.TempPathFactory, longs: list[tuple[int, int]]
) -> None:
    """One price for all, the mark, and everyone the same share of its size: nothing hangs on order.

    Every bankrupt's size is a multiple of the sum of the weights, so that no lot is left over to be given by rank.
    """
    whole = [(sum(SHORTS) // 20 * lots, equity) for lots, equity in longs]
    run = crash(tmp_path_factory.mktemp("free") / "free.run", whole, SHORTS, "contract-pro-rata", "mark")
    (one,) = found_in(run, FairQuestion()).instants
    assert one.exact
    assert one.orders == factorial(len(longs))
    assert not one.hangs_on_order
    assert [account.spread_atoms for account in one.accounts] == [0] * len(one.accounts)
    assert one.pair is None


@pytest.mark.parametrize("policy", ["uniform-price", "side-index"])
@settings(max_examples=5, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(SIZES)
def test_a_batch_has_no_spread(
    policy: str, tmp_path_factory: pytest.TempPathFactory, longs: list[tuple[int, int]]
) -> None:
    """Executed from the shortfalls of a batch to its close a second later: each order takes the same of everybody.

    A queue, which closes each at once and at its own price, has a spread in such a world (`queue`). No two who give
    are of one size: of equals that are ranked by their size the order says who gives an odd lot.
    """
    shorts: tuple[int, ...] = (20, 15, 12, 9, 30, 21)
    if policy == "side-index":  # whole shares, as above: who gives an odd lot hangs on the order of equals
        longs, shorts = [(sum(SHORTS) // 20 * lots, equity) for lots, equity in longs], SHORTS
    run = crash(tmp_path_factory.mktemp("batch") / "batch.run", longs, shorts, policy)
    (one,) = found_in(run, FairQuestion(orders=200)).instants
    assert one.instant.at_ns - one.instant.begun_ns == SECOND
    assert one.exact
    assert one.orders >= factorial(len(longs))
    assert any(account.most_atoms for account in one.accounts)
    assert not one.hangs_on_order
    assert one.spread_atoms == 0
    assert one.pair is None


def test_what_is_sampled_lies_within_its_interval_of_all(queue: Run) -> None:
    """The exact shares of 24 orders against 20 that are drawn."""
    (every,) = found_in(queue, FairQuestion()).instants
    (some,) = found_in(queue, FairQuestion(orders=20)).instants
    assert (some.exact, some.orders, every.exact) == (False, 20, True)
    exact = {one.account: one.share for one in every.accounts}
    for one in some.accounts:
        assert one.share_low is not None
        assert one.share_high is not None
        assert one.share_low <= exact[one.account] * SHARE_PARTS <= one.share_high
    assert any(0 < share < 1 for share in exact.values())


def test_processes_leave_the_same_file_and_an_interrupted_one_goes_on(queue: Run, small: Run) -> None:
    """One process, two, the plain way, and one that was stopped after two orders: the same bytes."""
    asked = FairQuestion(orders=8, instants=2)

    def answer(run: Run, stop: int = 0, **ways: object) -> bytes:
        def progress(done: int, _most: int) -> None:
            if done == stop:
                raise KeyboardInterrupt

        told: Callable[[int, int], None] = progress
        fair(run, asked, progress=told, conclude=lambda _executed: "done", **ways)  # type: ignore[arg-type]
        return study_path(run, "fair", asked).read_bytes()

    for run in (queue, small):
        path, whole = study_path(run, "fair", asked), answer(run)
        path.unlink()
        assert answer(run, jobs=2) == whole
        path.unlink()
        if run is queue:
            assert answer(run, plain=True) == whole
            path.unlink()
        with pytest.raises(KeyboardInterrupt):
            answer(run, stop=2)
        assert answer(run) == whole
        path.unlink()


def test_the_command_prints_a_table_json_and_markdown_and_why_tells_of_it(queue: Run) -> None:
    """The same figures in each; the file beside the record makes `why` say in how many orders."""
    path = queue.path
    seq = next(event.seq for event in queue.events() if isinstance(event.body, PositionDeleveraged))
    before = call("why", path, seq).stdout
    result = call("fair", path, "--jobs", "1")
    assert result.exit_code == 0, result.stderr
    assert "All its 24 admissible orders." in " ".join(result.stdout.split())
    document = json.loads(call("fair", path, "--json").stdout)
    (instant,) = document["instants"]
    assert (instant["orders"], instant["exact"], instant["hangs_on_order"]) == (24, True, True)
    assert "| account | deleveraged |" in call("fair", path, "--format", "md").stdout
    why = call("why", path, seq).stdout
    assert why != before
    assert "of all 24 admissible orders of this instant" in " ".join(why.split())
    sampled = call("fair", path, "--orders", "5", "--account", "user8").stdout
    assert "95%, Clopper-Pearson" in " ".join(sampled.split())
    for file in path.parent.glob(f"{path.name}.fair-*"):
        file.unlink()
    assert call("why", path, seq).stdout == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--round", "99"), "there is no round 99 in"),
        (("--account", "nobody"), "there is no account 'nobody'"),
        (("--account", "user4"), "user4 never held the other side of what was closed"),
        (("--round", "1", "--all", "--orders", "5"), "more than 5 admissible orders; give more --orders"),
        (("--all",), "--all is of one instant; name it by one of its rounds"),
        (("--round", "1", "--account", "user8"), "give --round or --account, not both"),
        (("--chart", "/nowhere/chart.svg"), "--chart"),
    ],
)
def test_what_cannot_be_asked_is_one_line(queue: Run, options: tuple[str, ...], told: str) -> None:
    """What is wrong and what to do, exit code 2."""
    result = call("fair", queue.path, *options)
    assert result.exit_code == 2
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_chart_is_the_same_bytes_each_time(queue: Run, tmp_path: Path) -> None:
    """SVG, drawn twice."""
    pytest.importorskip("matplotlib")
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for chart in (first, second):
        assert call("fair", queue.path, "--chart", chart).exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    assert b"<svg" in first.read_bytes()


def test_a_venue_whose_policy_is_not_here_is_told_in_one_line(tmp_path: Path) -> None:
    """As a fork of it is: what is missing, and what to do."""
    plugin = tmp_path / "mine.py"
    text = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text(encoding="utf-8")
    plugin.write_text(text.partition("```python\n")[2].partition("```")[0], encoding="utf-8")
    path, few = tmp_path / "mine.run", ("--set", "population.accounts=120")
    made = call("run", SMALL_CRASH, *few, "--set", f"adl.policy={plugin}:LeverageFirst", "-o", path)
    assert made.exit_code == 0, made.stderr
    plugin.unlink()
    result = call("fair", path, "--orders", "2", "--instants", "1")
    assert result.exit_code == 2
    assert "--plugins" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_equals_in_a_ranking_are_a_choice(tmp_path: Path) -> None:
    """Three shorts of one score are six orders of a round: each is the first in a third of them."""
    path = tmp_path / "ties.run"
    book = Book(listed(multiplier_atoms=USDT))
    book.user(1_000 * USDT, (0, 5, 1000))
    for _ in range(3):
        book.user(20_000 * USDT, (0, -20, 1000))
    slots = {"mark": {"policy": "index"}, "margin": {}, "insurance_fund": {}, "liquidation": {}, "market": {}}
    run = staged(path, book, producers(**slots, adl={}, socialization={}), *ticks((0, 1000), (SECOND, 500)))
    (one,) = found_in(run, FairQuestion()).instants
    assert (one.exact, one.orders) == (True, 6)
    assert [account.share for account in one.accounts if account.most_atoms] == [Fraction(1, 3)] * 3
    recorded, *others = fair(run, FairQuestion()).instants[0].outcomes
    order = next(other for other in others if other.reduced[0].account == recorded.reduced[0].account + 2)
    fork(run, one.instant.after_seq, Changes(order=order.order), tmp_path / "child.run")
    child = open_run(tmp_path / "child.run")
    assert reductions(child, one.instant.at_ns) == {(r.account, r.instrument): r.lots for r in order.reduced}
    assert verify(child.path).fault is None
    seq = next(event.seq for event in child.events() if isinstance(event.body, PositionDeleveraged))
    told = " ".join(call("why", child.path, seq).stdout.split())
    assert "user7 stood at rank 3 of 3" in told
    assert "proved: The ranking was made again" in told

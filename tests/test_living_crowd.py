"""The crowd: who acts, when, and that nothing else does; draws that nobody reshuffles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run
from deleverage.events.bodies.inputs import PriceTicked
from deleverage.events.bodies.margin import MarginCalled
from deleverage.events.bodies.trading import BookPriced, CollateralWithdrawn, OrderPlaced
from deleverage.events.bodies.venue import TimerSet
from deleverage.events.envelope import Event
from deleverage.events.ledger import Ledger
from deleverage.events.record import MemoryRecord
from deleverage.handlers.living.characters import Character, Mix, StrategyName, characters_of
from deleverage.handlers.living.crowd import CrowdParameters
from deleverage.handlers.living.levels import OwnLevels
from deleverage.handlers.living.strategies import STRATEGIES, Acting, signal_of
from deleverage.handlers.valuation import SLACK_SCALE, margin_of, slack

from .support.command_line import call
from .support.crash import checked, simulation_of
from .support.made import made
from .support.past import goes_on_the_same
from .support.priming import differences
from .support.replayer import Delivery, producers_of, tell
from .support.venue import Book, listed
from .test_prime import asked_of

LIVING = str(Path(__file__).with_name("support") / "small-living.toml")
LATE = ("crowd.latency_ns=3s", "orders.latency_ns=50ms", "impact.latency_ns=5ms", "mark.latency_ns=7ms")
RUNS = {"prompt": (), "late": LATE}
MIXES: tuple[tuple[StrategyName, Mix], ...] = (
    ("stop", Mix(3_000, 100, 900)),
    ("follower", Mix(2_500, 100, 900)),
    ("dip_buyer", Mix(4_000, 100, 900)),
    ("runner", Mix(1_000, 100, 900)),
    ("deleverager", Mix(5_000, 11_000, 30_000)),
)
PAUSE_NS, START_NS = 60 * 10**9, 1_760_130_000 * 10**9

of_each_run = pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)


@cache
def living(*overrides: str) -> tuple[Event, ...]:
    """The small living market; every law was checked at every event."""
    return checked(LIVING, *overrides)[0]


def drawn(book: Book, mixes: tuple[tuple[StrategyName, Mix], ...] = MIXES) -> dict[str, list[Character]]:
    """What everybody is like, by name."""
    ledger = book.ledger
    return {ledger.name(a.account): list(characters_of(a, ledger, mixes, ())) for a in ledger.accounts}


def traders(*numbers: int) -> Book:
    """A venue of two instruments with traders of these names, in this order."""
    book = Book(listed(0), listed(1))
    for number in numbers:
        account = book.user(100)
        old = book.ledger.account_names[account]
        book.ledger.account_names[account] = f"trader-{number}"
        book.ledger.account_ids[f"trader-{number}"] = book.ledger.account_ids.pop(old)
    return book


def test_every_strategy_is_in_it() -> None:
    """The run below has orders of all who act unasked, answers to calls, cancelled ones, and money taken out."""
    events = living()
    purposes = Counter(event.body.purpose for event in events if isinstance(event.body, OrderPlaced))
    assert set(purposes) == {"stop", "follower", "dip_buyer", "deleverager", "margin call"}
    names = Counter(type(event.body).__name__ for event in events)
    assert names["CollateralWithdrawn"] > 0
    assert names["OrderCancelled"] > 0
    assert names["LiquidityReturned"] > 0


@given(st.lists(st.integers(1, 500), unique=True, min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_another_account_or_another_order_reshuffles_nobody(numbers: list[int], chance: Random) -> None:
    """What an account is like follows from the seed and its name, whoever else is there and wherever it stands."""
    whole = drawn(traders(*numbers))
    kept = list(numbers[1:])
    chance.shuffle(kept)
    fewer = drawn(traders(*kept))
    assert all(whole[name] == found for name, found in fewer.items())


@given(st.sets(st.sampled_from([name for name, _ in MIXES])), st.integers(0, 10_000))
def test_a_strategy_that_is_switched_off_leaves_the_others(off: set[str], share: int) -> None:
    """Without some strategies, or with another share of one, everybody follows the others as before."""
    book = traders(*range(1, 60))
    whole = drawn(book)
    others = tuple((name, mix) for name, mix in MIXES if name not in off)
    changed = tuple((name, Mix(share, 1, 5) if name == "stop" else mix) for name, mix in MIXES)
    for name, characters in drawn(book, others).items():
        assert characters == [one for one in whole[name] if one.strategy not in off]
    for name, characters in drawn(book, changed).items():
        rest = [one for one in characters if one.strategy != "stop"]
        assert rest == [one for one in whole[name] if one.strategy != "stop"]


def test_a_share_is_followed_by_so_many() -> None:
    """Of 4,000 accounts a share of 40% is followed by 40%, within three percent points; the venue's own by none."""
    found = drawn(traders(*range(1, 4_001)))
    followed = sum(any(one.strategy == "dip_buyer" for one in characters) for characters in found.values())
    assert abs(followed - 1_600) < 120
    assert not any(found[name] for name in ("outside", "liquidity", "insurance", "fees"))


def test_accounts_in_another_order_of_the_file_give_the_same_outcome(tmp_path: Path) -> None:
    """Two files with the same rows in another order give the same decisions, event by event."""
    rows = [f"t{n},{900 + 7 * n},COIN-PERP,{(-1) ** n * (3 + n % 5)},{990 + n % 20}" for n in range(80)]
    found = []
    for name, lines in (("a.csv", rows), ("b.csv", rows[::-1])):
        (tmp_path / name).write_text("\n".join(["account,balance,instrument,size,entry_price", *lines, ""]))
        record = MemoryRecord()
        population = f'population={{source="csv", file="{tmp_path / name}"}}'
        simulation = simulation_of(record, population, name=LIVING)
        simulation.open()
        simulation.drive()
        found.append([event.body for event in record.events() if event.cause is not None])
    assert len(found[0]) > 100
    assert found[0] == found[1]


@of_each_run
def test_everybody_acts_exactly_when_a_sweep_says_so(overrides: tuple[str, ...]) -> None:
    """At each delivery, those who act by a signal are all whose signal has passed, who are healthy and do not wait."""
    events = living(*overrides)
    producer = next(n for n, one in enumerate(producers_of(events)) if one.handler == "crowd")
    ledger, rule = Ledger(), CrowdParameters(**_parameters(events, producer))
    mixes = [(name, getattr(rule, name)) for name, _ in MIXES]
    characters: dict[int, list[Character]] = {}
    seen = 0
    for step in tell(events):
        if not isinstance(step, Delivery):
            ledger.fold(step.event)
            if type(step.event.body) is PriceTicked and not characters:
                characters = {a.account: list(characters_of(a, ledger, mixes, ())) for a in ledger.accounts}
        elif step.producer == producer and isinstance(step.event.body, BookPriced) and not step.event.links:
            bodies = [product.body for product in step.products]
            acted = [b.account for b in bodies if not (isinstance(b, OrderPlaced) and b.purpose == "stop")]
            assert acted == list(_set_off(ledger, characters, step.event.body.instrument))
            stops = [(b.account, b.leg) for b in bodies if isinstance(b, OrderPlaced) and b.purpose == "stop"]
            assert stops == list(_bare(ledger, characters, step.event.body.instrument))
            seen += len(bodies)
    assert seen > 200


def _parameters(events: tuple[Event, ...], producer: int) -> dict[str, object]:
    stated = dict(producers_of(events)[producer].parameters)
    return {key: Mix(**value) if isinstance(value, dict) else value for key, value in stated.items()}  # type: ignore[misc]


def _waits(ledger: Ledger, number: int) -> bool:
    acted_ns = ledger.acted.get(number)
    return acted_ns is not None and acted_ns + PAUSE_NS > max(market.oracle_at_ns for market in ledger.markets)


def _set_off(ledger: Ledger, characters: dict[int, list[Character]], instrument: int) -> Iterator[Any]:
    """The slow oracle: all accounts, one by one."""
    market = ledger.markets[instrument]
    if market.halted_until_ns is not None:
        return
    for account in ledger.accounts:
        if account.status != "healthy" or _waits(ledger, account.account) or not market.mark_ticks:
            continue
        order = {"fall": 0, "rise": 1, "volatility": 2}
        passed = [
            (order[STRATEGIES[one.strategy].signal], one.threshold, place)
            for place, one in enumerate(characters.get(account.account, ()))
            if one.strategy in STRATEGIES
            and one.instrument == instrument
            and signal_of(market, STRATEGIES[one.strategy].signal) >= one.threshold
        ]
        if passed:
            one = characters[account.account][min(passed)[2]]
            yield from (
                account.account
                for _ in STRATEGIES[one.strategy].act(Acting(account, instrument, ledger, one.mix.share_bps, 1))
            )


def _bare(ledger: Ledger, characters: dict[int, list[Character]], instrument: int) -> Iterator[Any]:
    resting = {(o.account, o.instrument, o.leg) for o in ledger.own_orders.values() if o.trigger_ticks is not None}
    for account in ledger.accounts:
        if any(one.strategy == "stop" for one in characters.get(account.account, ())) and account.status == "healthy":
            for held, leg in account.positions:
                if held == instrument and (account.account, held, leg) not in resting:
                    yield account.account, leg


@of_each_run
def test_primed_before_the_first_price(overrides: tuple[str, ...]) -> None:
    """Handlers that never saw the opening say the same as those that did, to the end."""
    assert list(differences(living(*overrides), 1)) == []


@of_each_run
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_primed_anywhere(overrides: tuple[str, ...], data: st.DataObject) -> None:
    """Whatever event it is, what is rebuilt agrees with what was kept."""
    events = living(*overrides)
    assert list(differences(events, data.draw(st.integers(1, len(events) - 1)), 1_500)) == []


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_taken_up_anywhere_it_goes_on_the_same(data: st.DataObject) -> None:
    """A fork without changes, at any event, has the bytes of its parent."""
    events = living()
    goes_on_the_same(events, [data.draw(st.integers(0, len(events)))])


def test_no_handler_of_the_market_writes_state() -> None:
    """The ledger's digest is the same before and after every call of those who make the market."""
    actors = 'actors=[{name="maker", accounts=3, balance=60_000}, {name="strategist", balance=50_000}]'
    simulation = simulation_of(
        MemoryRecord(),
        actors,
        "strategist.policy=front-run",
        "population.accounts=100",
        "prices.interval_ns=6s",
        name=LIVING,
    )
    assert {"impact", "makers", "crowd", "strategist", "orders", "mark"} <= set(asked_of(simulation))


def test_a_fork_without_the_crowd_leaves_others_as_they_were(tmp_path: Path) -> None:
    """Forked before the shock without a crowd, nobody acts unasked, and whoever is called answers as late as before."""
    parent, child = str(tmp_path / "parent.run"), str(tmp_path / "child.run")
    assert call("run", LIVING, "-o", parent).exit_code == 0
    forked = call("fork", parent, "--at", "+00:00:30", "--set", "crowd.policy=none", "-o", child)
    assert forked.exit_code == 0, forked.stderr
    assert call("verify", child).exit_code == 0
    before, after = _delays_ns(parent), _delays_ns(child)
    common = before.keys() & after.keys()
    assert len(common) >= 10
    assert all(before[number] == after[number] for number in common)
    placed = [
        e.body for e in open_run(child).events() if isinstance(e.body, OrderPlaced) and e.at_ns > START_NS + 30 * 10**9
    ]
    assert {body.purpose for body in placed} <= {"margin call"}


def _delays_ns(path: str) -> dict[int, int]:
    """How long after its first call each account answers."""
    found: dict[int, int] = {}
    for event in open_run(path).events():
        body = event.body
        if isinstance(body, TimerSet) and body.purpose == "margin response" and body.account is not None:
            found.setdefault(body.account, body.due_ns - event.at_ns)
    return found


HELD = st.tuples(st.integers(0, 1), st.integers(-9, 9).filter(bool), st.integers(60, 140))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 400),
            st.lists(HELD, min_size=1, max_size=2, unique_by=lambda h: h[0]),
            st.integers(10_001, 60_000),
        ),
        min_size=1,
        max_size=12,
    ),
    st.lists(st.tuples(st.integers(40, 200), st.integers(40, 200)), min_size=1, max_size=12),
)
def test_own_levels_find_all_whom_a_sweep_finds(  # type: ignore[no-untyped-def]
    accounts, marks
) -> None:
    """Whoever is under its level for the first time since it was looked at is found, and nobody else."""
    book, levels = Book(listed(0), listed(1)), OwnLevels()
    levels.clear(2)
    of: dict[int, int] = {}
    for balance, held, level_bps in accounts:
        of[number := book.user(balance, *held)] = level_bps
        levels.add(number, level_bps)
    for prices in marks:
        for event in book.mark(*prices):
            levels.observe(event, book.ledger)
        ledger = book.ledger
        under = [n for n in of if slack(margin_of(ledger.accounts[n], ledger), of[n]) < 0]
        assert [account.account for account in levels.under(ledger)] == under
        for number in under:
            levels.note((number,))


def test_a_benign_mark_looks_at_nobody() -> None:
    """Of two thousand deleveragers a small move looks at none, and as many as cross are looked at."""
    book, levels = Book(listed(0)), OwnLevels()
    levels.clear(1)
    for place in range(2_000):
        levels.add(book.user(100_000 + place, (0, 1_000, 1_000)), 15_000)
    for price in (1_000, 1_001, 1_000):
        for event in book.mark(price):
            levels.observe(event, book.ledger)
        levels.under(book.ledger)
        looks, levels.looks = levels.looks, 0
    assert looks == 0


def test_who_deleverages_acts_before_the_call() -> None:
    """Each order of a deleverager comes from a healthy account under its own level, and reduces what it holds."""
    events, ledger, seen = living(), Ledger(), 0
    characters: dict[int, Character] = {}
    producer = next(n for n, one in enumerate(producers_of(events)) if one.handler == "crowd")
    rule = CrowdParameters(**_parameters(events, producer))
    for event in events:
        body = event.body
        if isinstance(body, OrderPlaced) and body.purpose == "deleverager":
            account = ledger.accounts[body.account]
            (own,) = characters_of(account, ledger, [("deleverager", rule.deleverager)], ())  # type: ignore[list-item]
            margin, held = margin_of(account, ledger), account.positions[body.instrument, body.leg]
            assert account.status == "healthy"
            assert slack(margin, own.threshold) < 0
            assert held.size_lots * body.size_lots < 0
            assert 5 * abs(body.size_lots) >= 2 * abs(held.size_lots)
            characters[body.account] = own
            seen += 1
        ledger.fold(event)
    called = {event.body.account for event in events if isinstance(event.body, MarginCalled)}
    assert seen >= 10
    assert set(characters) - called


def test_runners_leave_twice_the_requirement() -> None:
    """Whoever takes collateral out has at least twice the maintenance requirement left."""
    ledger, seen = Ledger(), 0
    for event in living():
        ledger.fold(event)
        if isinstance(event.body, CollateralWithdrawn):
            margin = margin_of(ledger.accounts[event.body.account], ledger)
            assert slack(margin, 20_000) > -SLACK_SCALE
            assert event.body.amount_atoms > 0
            seen += 1
    assert seen > 10


def test_an_account_watches_an_instrument_of_its_own_asset() -> None:
    """Nobody watches what it could not pay for, and where nothing is listed nobody acts."""
    book = Book(listed(0), listed(1))
    book.ledger.markets[1].listing = made(type(book.ledger.markets[1].listing), **_listing(book, asset=1))
    number = book.user(100)
    everything = tuple((name, Mix(10_000, 1, 9)) for name, _ in MIXES)
    found = list(characters_of(book.ledger.accounts[number], book.ledger, everything, ()))
    assert {one.instrument for one in found} == {0}
    book.ledger.markets.clear()
    assert not list(characters_of(book.ledger.accounts[number], book.ledger, everything, ()))


def _listing(book: Book, **changed: object) -> dict[str, object]:
    listing = book.ledger.markets[1].listing
    return {name: getattr(listing, name) for name in listing.__struct_fields__} | changed


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("crowd.stop.accounts_bps=10001", "accounts_bps must lie between 0 and 10000"),
        ("crowd.stop.share_bps=10001", "stop.share_bps must be at most 10000"),
        ("crowd.runner.share_bps=20000", "runner.share_bps must be at most 10000"),
        ("crowd.deleverager.nearest=10000", "deleverager.nearest must be above 10000"),
        ("crowd.pause_ns=0", "pause_ns must be above 0"),
        ("crowd.follower.nearest=0", "nearest above 0 up to furthest"),
        ("crowd.herder={accounts_bps=1, nearest=1, furthest=1}", "unknown field `herder`"),
        ("orders.policy=none", "$.crowd.policy: nobody takes its orders; set orders.policy"),
        ("makers.group=nobody", "an actor without capital cannot act, and there is no actor 'nobody'"),
        ('actors=[{name="maker", balance=0}]', "an actor without capital cannot act: balance is 0"),
        ("actors=[]", "an actor without capital cannot act, and there is no actor 'maker'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(override: str, complaint: str) -> None:
    """One line that names the key, and exit code 2."""
    done = call("run", LIVING, "--set", override)
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_crowd_that_is_asked_by_group_is_of_that_group() -> None:
    """Groups named are the only ones that act; where none is named, those with a rule of their own do not."""
    book = traders(1, 2, 3)
    everything = tuple((name, Mix(10_000, 1, 9)) for name, _ in MIXES)
    account = book.ledger.accounts[book.ledger.account_ids["trader-1"]]
    assert len(list(characters_of(account, book.ledger, everything, ("trader",)))) == len(MIXES)
    assert not list(characters_of(account, book.ledger, everything, ("whale",)))

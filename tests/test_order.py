"""Who goes first within an instant: the rulebook's rule, and never where a file lists an account."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deleverage import Scenario
from deleverage.events.bodies.inputs import BalanceStated, PositionStated, PriceTicked
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.run import Producer, RunEnded, RunStarted, SourceOpened
from deleverage.events.envelope import Event
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Account, Ledger
from deleverage.events.record import MemoryRecord
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.order import ORDERS, Order, arrival, place_in
from deleverage.handlers.valuation import Margin, margin_of
from deleverage.sim.rulebooks import venues_with_positions
from deleverage.sim.runner import Simulation

from .support.oracles import equity, requirement_of, worth
from .support.venue import Book, bodies, listed

CRASH = """
name = "gap"
seed = 7
venue = "{venue}"
[[assets]]
name = "USDT"
decimals = 6
[[instruments]]
name = "BTC-PERP"
asset = "USDT"
tick_size = 0.1
lot_size = 0.001
start_price = 117_000
tiers = [{{ floor = 0, rate = 0.01 }}, {{ floor = 100_000, rate = 0.02 }}]
[prices]
source = "generator"
duration_ns = "3m"
interval_ns = "1s"
volatility = 0.05
phases = [{{ from_ns = "20s", to_ns = "21s", move = -0.2 }}, {{ from_ns = "40s", to_ns = "42s", move = 0.3 }}]
[depth]
source = "profile"
measure = "notional"
bands = [[10, 20_000], [100, 60_000], [500, 100_000]]
[population]
source = "csv"
file = "people.csv"
[insurance_fund]
balance = 1_000
[funding]
interval_ns = "1m"
"""


def people() -> list[dict[str, str]]:
    """Rows of 40 traders near the edge on both sides, in hedge mode and isolated too, many of them exactly alike."""
    rows = []
    for number in range(40):
        name, side = f"t{number}", 1 if number % 3 else -1
        size = side * (1 + number % 4) * 0.2
        rows.append({"account": name, "balance": str(3_000 + 900 * (number % 4)), "size": f"{size:.3f}", "leg": ""})
        if number % 10 == 5:
            rows.append({"account": name, "balance": "", "size": "-0.100", "leg": "2"})
        if number % 10 == 7:
            rows.append(
                {"account": f"{name}:own", "balance": "900", "size": "0.060", "mode": "isolated", "owner": name}
            )
    return [
        {"instrument": "BTC-PERP", "entry_price": "117000", "mode": "", "owner": "", "leg": "", **row} for row in rows
    ]


def listed_as(folder: Path, rows: list[dict[str, str]], venue: str = "generic", *overrides: str) -> Scenario:
    """The crash with these rows in this order."""
    folder.mkdir(exist_ok=True)
    columns = ("account", "balance", "instrument", "size", "entry_price", "leg", "mode", "owner")
    with (folder / "people.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (folder / "crash.toml").write_text(CRASH.format(venue=venue), encoding="utf-8")
    return Scenario.load(str(folder / "crash.toml"), overrides)


def recorded(scenario: Scenario) -> list[Event]:
    """The events of a run of it."""
    record = MemoryRecord()
    simulation = Simulation(scenario.resolve(), record)
    simulation.open()
    simulation.drive()
    simulation.ledger.check()
    return list(record.events())


def told(events: list[Event]) -> Iterator[tuple[int, int | None, object]]:
    """What the record tells, without the names and rows of the file that accounts were read from."""
    for event in events:
        body = event.body
        if isinstance(body, RunStarted | SourceOpened | RunEnded):
            continue
        if isinstance(body, BalanceStated | PositionStated):
            body = type(body)(
                *(None if name == "provenance" else getattr(body, name) for name in body.__struct_fields__)
            )
        yield event.at_ns, event.cause, body


@pytest.mark.parametrize("venue", venues_with_positions())
def test_the_order_of_a_file_makes_no_difference(venue: str, tmp_path: Path) -> None:
    """Under every rulebook, whichever way the rows of the same accounts are shuffled, each event is the same."""
    rows, shuffler = people(), Random(venue)
    first = list(told(recorded(listed_as(tmp_path / "a", rows, venue))))
    assert sum(isinstance(body, LiquidationStarted) for _, _, body in first) > 5
    for turn in range(3):
        shuffler.shuffle(rows)
        assert list(told(recorded(listed_as(tmp_path / str(turn), rows, venue)))) == first


def test_another_seed_shuffles_who_arrives_first(tmp_path: Path) -> None:
    """Numbers follow a hash of seed and name, the venue's own accounts first and an isolated one behind its owner."""

    def names(seed: int) -> list[str]:
        events = recorded(listed_as(tmp_path / str(seed), people(), "generic", f"seed={seed}"))
        return [event.body.name for event in events if isinstance(event.body, AccountOpened)]

    first, second = names(1), names(2)
    assert first[:4] == second[:4] == ["outside:USDT", "liquidity:USDT", "insurance:USDT", "fees:USDT"]
    assert sorted(first) == sorted(second)
    assert first != second
    for seed, found in ((1, first), (2, second)):
        above = [name.removesuffix(":own") for name in found[4:]]
        assert above == sorted(above, key=lambda name: arrival(seed, name))
        assert all(found.index(name) == found.index(name.removesuffix(":own")) + 1 for name in found if ":own" in name)


def key_by_hand(order: Order, account: Account, ledger: Ledger) -> Fraction:
    """What the first of an order has least of, in fractions and by other code."""
    has, needs = equity(account, ledger), requirement_of(account, ledger)
    values = (
        abs(worth(ledger.markets[key[0]].listing, held.size_lots, ledger.markets[key[0]].mark_ticks))
        for key, held in account.positions.items()
    )
    notional = sum(values)
    return {
        "lowest-margin-ratio": Fraction(has) / needs,
        "highest-leverage": Fraction(has, notional),
        "largest": Fraction(-notional),
        "arrival": Fraction(account.account),
    }[order]


@pytest.mark.parametrize("order", ORDERS)
def test_liquidations_of_an_instant_start_in_the_named_order(order: Order, tmp_path: Path) -> None:
    """Each is at least as far in the order as the one before it, worked out again from the state they were found in."""
    events = recorded(listed_as(tmp_path / "a", people(), "generic", f"liquidation.order={order}"))
    ledger, state, batch, longest = Ledger(), Ledger(), list[Event](), 0
    for event in events:
        if isinstance(event.body, LiquidationStarted):
            if not batch or batch[0].cause != event.cause:
                batch, state = [], Ledger.of(events[: event.seq])
            batch.append(event)
            keys = [key_by_hand(order, state.accounts[one.body.account], state) for one in batch]
            assert keys == sorted(keys)
            longest = max(longest, len(batch))
        ledger.fold(event)
    assert longest > 10


def test_the_orders_by_hand() -> None:
    """Of three long ones the deepest, the most levered and the largest are each another's first; ties go by arrival."""
    book = Book(listed())
    book.mark(1000)
    small, large, deep = book.user(10, (0, 1, 1000)), book.user(950, (0, 10, 1000)), book.user(90, (0, 3, 1050))
    twin = book.user(10, (0, 1, 1000))
    accounts = [book.account(number) for number in (small, large, deep, twin)]

    def sequence(order: Order) -> list[int]:
        found = sorted(accounts, key=lambda account: place_in(order, account, margin_of(account, book.ledger)))
        return [account.account for account in found]

    assert sequence("lowest-margin-ratio") == [deep, small, twin, large]
    assert sequence("highest-leverage") == [deep, small, twin, large]
    assert sequence("largest") == [large, deep, small, twin]
    assert sequence("arrival") == [small, large, deep, twin]


RATIOS = st.tuples(st.integers(-(2**63), 2**63), st.integers(0, 2**127))


@given(RATIOS, RATIOS)
@example((1, 2**127 - 1), (1, 2**127 - 2))
@example((-(2**63), 1), (-1, 0))
@example((2**63, 1), (0, 0))
def test_ratios_are_compared_exactly(one: tuple[int, int], other: tuple[int, int]) -> None:
    """As fractions are, whatever their size; without a requirement, debts before all ratios and money behind them."""

    def exact(equity_atoms: int, needed: int) -> tuple[int, Fraction]:
        if needed:
            return 0, Fraction(equity_atoms, needed)
        return (-1 if equity_atoms < 0 else 1), Fraction(equity_atoms)

    accounts = Book(listed()).ledger.accounts
    keys = [place_in("lowest-margin-ratio", accounts[0], Margin(*ratio, [])) for ratio in (one, other)]
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (exact(*one) < exact(*other), exact(*one) == exact(*other))


def test_the_monitor_reads_the_order_from_who_decides_now() -> None:
    """The liquidation slot of the producers in force names it; without one it is arrival."""
    for order, expected in (("largest", [5, 4]), ("arrival", [4, 5])):
        book = Book(listed())
        book.ledger.producers = (Producer("liquidation", "partial-then-whole", "2", {"order": order}),)
        book.mark(1000)
        book.user(0, (0, 1, 1000))
        book.user(0, (0, 2, 1000))
        monitor = MarginMonitor(MarginParameters())
        monitor.prime(book.ledger, ())
        event = book.put(PriceTicked(((0, 1000),)))
        assert [body.account for body in bodies(monitor.handle(event, book.ledger, 0))] == expected


def test_an_unknown_order_is_refused(tmp_path: Path) -> None:
    """In one line that names the key and what there is."""
    with pytest.raises(ScenarioError, match=r"\$\.liquidation\.order: Invalid enum value 'alphabet'"):
        listed_as(tmp_path / "a", people(), "generic", "liquidation.order=alphabet")


def test_another_liquidation_policy_keeps_the_venues_order(tmp_path: Path) -> None:
    """A table with a policy of its own takes none of the rulebook's figures, but the order stays."""
    scenario = listed_as(tmp_path / "a", people(), "generic", "liquidation.policy=whole-takeover")
    (liquidation,) = [one for one in scenario.producers if one.handler == "liquidation"]
    assert liquidation.parameters["order"] == "lowest-margin-ratio"

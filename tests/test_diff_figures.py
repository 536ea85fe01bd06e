"""What a difference is worth: figures worked by hand, and the laws that hold in every one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deleverage import Run, Scenario, open_run, run
from deleverage.events.bodies.inputs import (
    BalanceStated,
    Deposited,
    PositionStated,
    PriceTicked,
    Transferred,
    Withdrawn,
)
from deleverage.events.bodies.liquidation import LiquidationEnded, PositionTakenOver
from deleverage.events.bodies.listing import AccountOpened, AssetListed
from deleverage.events.bodies.margin import CollateralAdded
from deleverage.events.bodies.waterfall import (
    BalanceWrittenOff,
    DeleveragingEnded,
    DeleveragingStarted,
    InsuranceFundCredited,
    LossSocialized,
    PositionDeleveraged,
    ShortfallDeclared,
)
from deleverage.events.envelope import Event
from deleverage.events.errors import QueryError
from deleverage.events.record import RecordSettings, RecordWriter
from deleverage.replay.diff import Difference, diff
from deleverage.replay.diff.difference import AccountDifference, RuleChange, TypeCounts
from deleverage.replay.diff.tally import AccountSums
from deleverage.replay.fork.changes import Changes, Deposit
from deleverage.replay.fork.fork import fork
from deleverage.sim.runner import RunResult

from .support.crash import SMALL_CRASH
from .support.made import made
from .support.venue import FUND, LIQUIDITY, OUTSIDE, Book, listed

SETTINGS = RecordSettings(pages_per_block=1, durability="none")
LONG, FIRST, SECOND = 4, 5, 6
_numbers = count()


def written(folder: Path, events: Sequence[Event]) -> Run:
    """A record of these events, opened."""
    writer = RecordWriter(folder / f"{next(_numbers)}.run", settings=SETTINGS)
    writer.append_many(events)
    writer.seal("interrupted")
    return open_run(writer.path)


def crash(winner: int, fund_atoms: int = 60) -> Book:
    """One long of 5 at 100 with 20 behind it, bankrupt at a mark of 90; closed at 96 each against one of two shorts.

    Both shorts hold 5 at 100; the first has 100 behind it, the second 200.
    """
    book = Book(listed(), fund_atoms=fund_atoms)
    book.user(20, (0, 5, 100))
    book.user(100, (0, -5, 100))
    book.user(200, (0, -5, 100))
    tick = book.put(PriceTicked(((0, 90),)))
    book.mark(90)
    bankrupt = book.bankrupt(LONG)
    short = book.put(ShortfallDeclared(1, LONG, "bankruptcy", 70, 60), cause=bankrupt.seq, links=(tick.seq,))
    rounds = made(
        DeleveragingStarted,
        round=1,
        trigger="bankruptcy",
        liquidation_id=1,
        policy="by hand",
        account=LONG,
        size_lots=5,
        value_atoms=480,
        price_ticks=96,
        candidates=2,
        ranking_digest=bytes([winner]),
    )
    book.put(rounds, cause=short.seq)
    book.put(
        made(
            PositionDeleveraged,
            round=1,
            liquidation_id=1,
            against=LONG,
            account=winner,
            size_lots=5,
            price_ticks=96,
            value_atoms=480,
            rank=1,
            score=7,
        ),
        cause=short.seq,
    )
    ended = book.put(DeleveragingEnded(1, "bankruptcy", 1, LONG, 0, 0, 5, 0), cause=short.seq)
    book.put(LiquidationEnded(1, LONG, "bankrupt", 0), cause=ended.seq)
    return book


@pytest.fixture
def by_hand(tmp_path: Path) -> Difference:
    """The first short deleveraged in A, the second in B."""
    return diff(written(tmp_path, crash(FIRST).events), written(tmp_path, crash(SECOND).events))


def test_who_gained_and_who_lost(by_hand: Difference) -> None:
    """Deleveraged at 96 a short of 5 at 100 made 20; left alone to a mark of 90 it made 50."""
    first, second = by_hand.accounts[FIRST], by_hand.accounts[SECOND]
    assert first.a is not None
    assert first.b is not None
    assert (first.a.balance_atoms, first.a.equity_atoms, first.a.made_atoms) == (120, 120, 20)
    assert (first.b.balance_atoms, first.b.equity_atoms, first.b.made_atoms) == (100, 150, 50)
    assert (first.gain_atoms, first.equity_difference_atoms, first.differs) == (30, 30, True)
    assert (second.gain_atoms, second.equity_difference_atoms, second.differs) == (-30, -30, True)
    assert first.a.befallen == AccountSums(100, 0, 0, 1, {"I0": 5}, -30)
    assert first.b.befallen == AccountSums(100)
    others = [one for one in by_hand.accounts if one not in (first, second)]
    assert [one.gain_atoms for one in others] == [0] * 5
    assert not any(one.differs for one in others)


def test_the_totals_by_hand(by_hand: Difference) -> None:
    """5 lots closed at 480 in both, 30 above the mark of 450: that is what the deleveraged gave up."""
    (one,) = by_hand.assets
    assert one.a == one.b
    assert one.a is not None
    figures = msgspec.structs.asdict(one.a)
    assert figures == {
        "liquidations": 1,
        "accounts_liquidated": 1,
        "accounts_bankrupt": 1,
        "rounds": 1,
        "reductions": 1,
        "accounts_deleveraged": 1,
        "deleveraged_lots": {"I0": 5},
        "deleveraged_value_atoms": 480,
        "equity_taken_atoms": -30,
        "fund_paid_in_atoms": 60,
        "fund_fees_atoms": 0,
        "fund_cash_atoms": 60,
        "fund_equity_atoms": 60,
        "fund_used_atoms": 0,
        "socialised_loss_atoms": 0,
        "written_off_atoms": 0,
        "deficit_atoms": 0,
        "owed_atoms": 0,
        "margin_calls": 0,
        "accounts_called": 0,
        "collateral_sold_atoms": 0,
        "interest_atoms": 0,
    }


def test_where_it_begins_by_hand(by_hand: Difference) -> None:
    """The round is the same but for its digest, which stands for the ranking; one reduction is only in A, one in B."""
    assert [one for one in by_hand.types if one.differing] == [TypeCounts("PositionDeleveraged", 0, 0, 1, 1)]
    (origin,) = by_hand.origins
    reduction = next(e.seq for e in by_hand.a.events() if isinstance(e.body, PositionDeleveraged))
    assert (origin.seq_a, origin.seq_b, origin.cause_a, origin.cause_b) == (reduction, reduction, *[reduction - 2] * 2)
    assert (origin.changed, origin.only_a, origin.only_b, origin.following) == (0, 1, 1, 0)
    assert by_hand.shared_events == reduction - 1
    assert (by_hand.same, by_hand.identical, by_hand.differing) == (False, False, 2)


def test_what_was_paid_in_is_no_gain(tmp_path: Path) -> None:
    """Deposits, withdrawals, transfers, answers to margin calls and stated balances move equity, and no gain."""
    a, b = crash(FIRST), crash(FIRST)
    for body in (Deposited(FIRST, 40), CollateralAdded(SECOND, 7), Transferred(SECOND, FIRST, 5), Withdrawn(FIRST, 1)):
        b.put(body)
    b.put(BalanceStated(FUND, 75))
    found = diff(written(tmp_path, a.events), written(tmp_path, b.events))
    first, second, outside = found.accounts[FIRST], found.accounts[SECOND], found.accounts[OUTSIDE]
    assert (first.equity_difference_atoms, second.equity_difference_atoms) == (44, 2)
    assert (found.accounts[FUND].equity_difference_atoms, outside.equity_difference_atoms) == (15, -61)
    assert [one.gain_atoms for one in found.accounts] == [0] * 7
    assert first.differs


def test_what_the_fund_used(tmp_path: Path) -> None:
    """Paid in 60 and fees of 4, less cash of 49 (15 written off) and inventory: 2 lots for 196 are worth 180."""
    book = crash(FIRST)
    book.put(InsuranceFundCredited(1, FIRST, FUND, 4))
    book.put(BalanceWrittenOff(1, SECOND, FUND, 15))
    book.put(LossSocialized(1, SECOND, FIRST, 6))
    second = book.user(0, (0, 2, 98))
    book.bankrupt(second)
    book.put(PositionTakenOver(2, second, FUND, 0, 0, 2, 196, 98))
    book.put(LiquidationEnded(book.liquidate(FIRST), FIRST, "restored", 0))
    book.put(LiquidationEnded(book.liquidate(FIRST), FIRST, "restored", 0))
    (one,) = diff(written(tmp_path, crash(FIRST).events), written(tmp_path, book.events)).assets
    assert one.b is not None
    assert (one.b.fund_paid_in_atoms, one.b.fund_fees_atoms, one.b.fund_cash_atoms) == (60, 4, 49)
    assert (one.b.fund_equity_atoms, one.b.fund_used_atoms) == (33, 60 + 4 - 33)
    assert (one.b.written_off_atoms, one.b.socialised_loss_atoms) == (15, 6)
    assert (one.b.liquidations, one.b.accounts_liquidated, one.b.accounts_bankrupt) == (4, 3, 2)


def test_what_has_no_mark_is_not_made_up(tmp_path: Path) -> None:
    """Equity that needs a mark that is missing is unknown, and with it the gain; a balance is known all the same."""
    a, b = Book(listed()), Book(listed(), fund_atoms=5)
    for book in (a, b):
        book.user(20, (0, 5, 100))
    found = diff(written(tmp_path, a.events), written(tmp_path, b.events))
    trader = found.accounts[LONG]
    assert trader.a is not None
    assert (trader.a.balance_atoms, trader.a.equity_atoms, trader.gain_atoms) == (20, None, None)
    assert trader.equity_difference_atoms is None
    assert found.accounts[FUND].gain_atoms == 0
    assert not trader.differs


def test_accounts_that_only_one_has(tmp_path: Path) -> None:
    """They stand behind A's, without a gain; the others are found by name under another number."""
    a, b = crash(FIRST), crash(FIRST)
    a.put(AccountOpened(7, "late", "test", "user", "cross", 0))
    b.put(AccountOpened(7, "zoe", "test", "user", "cross", 0))
    b.put(AccountOpened(8, "late", "test", "user", "cross", 0))
    found = diff(written(tmp_path, a.events), written(tmp_path, b.events))
    late, zoe = found.accounts[-2:]
    assert (late.name, late.gain_atoms, late.differs) == ("late", 0, False)
    assert late.a is not None
    assert late.b is not None
    assert (late.a.account, late.b.account) == (7, 8)
    assert (zoe.name, zoe.a, zoe.gain_atoms, zoe.differs) == ("zoe", None, None, True)


def test_amounts_of_unlike_scale_are_not_compared(tmp_path: Path) -> None:
    """An asset of other decimals is refused with one line that says so."""
    a, b = (written(tmp_path, [*crash(FIRST).events][:1]) for _ in range(2))
    events = [*Book().events]
    events[1] = msgspec.structs.replace(events[1], body=AssetListed(0, "USDT", 8))
    with pytest.raises(QueryError, match="USDT has 6 decimals in A and 8 in B"):
        diff(written(tmp_path, Book().events), written(tmp_path, events))
    assert diff(a, b).identical


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[RunResult]:
    """The small crash under either policy of ranking, recorded."""
    folder = tmp_path_factory.mktemp("policies")
    policies = ("profit-leverage", "profit-share")
    scenarios = [(name, Scenario.load(SMALL_CRASH, [f"adl.policy={name}"])) for name in policies]
    return [run(scenario, folder / f"{name}.run", settings=SETTINGS) for name, scenario in scenarios]


def opened(result: RunResult) -> Run:
    """The record of a run."""
    assert result.path is not None
    return open_run(result.path)


@pytest.fixture(scope="module")
def policies(results: list[RunResult]) -> Difference:
    """The two held against each other."""
    return diff(*map(opened, results))


def holds_together(found: Difference) -> None:
    """What is true of every difference between runs."""
    whats = ("same", "changed", "only_a", "only_b")
    same, changed, only_a, only_b = (sum(getattr(one, what) for one in found.types) for what in whats)
    assert (same + changed + only_a, same + changed + only_b) == (found.a.count, found.b.count)
    assert sum(one.differing + one.following for one in found.origins) == changed + only_a + only_b == found.differing
    # Funding owed is rounded toward zero by position, so the sum may be off by an atom for each.
    assert abs(sum(one.gain_atoms or 0 for one in found.accounts)) <= 4 * len(found.accounts)
    for side in ("a", "b"):
        ends = [getattr(one, side) for one in found.accounts]
        assert sum(end.balance_atoms for end in ends) == -sum(cost_of(getattr(found, f"ended_{side}").ledger))
        assert sum(end.befallen.paid_in_atoms for end in ends) == 0


def cost_of(ledger: Any) -> list[int]:
    """What every position cost, with the funding it had owed, its sign turned as in the ledger's law."""
    return [held.funding_atoms - held.cost_atoms for one in ledger.accounts for held in one.positions.values()]


def test_the_laws_of_a_difference(policies: Difference) -> None:
    """Every event is counted once, every difference has one origin, and one's gain is another's loss."""
    holds_together(policies)
    assert policies.rules == (RuleChange("adl.policy", "profit-leverage", "profit-share"),)
    changed = next(one for one in policies.types if one.type == "DeleveragingStarted")
    assert changed.same == 0
    assert changed.changed > 5
    assert policies.origins[0].cause_a is None  # how the runs are declared
    assert policies.origins[1].slot == "adl"
    assert not policies.warnings


def test_the_totals_are_those_of_the_run(policies: Difference, results: list[RunResult]) -> None:
    """What the run itself counted while it ran comes out of its record."""
    (one,) = policies.assets
    for totals, result in zip((one.a, one.b), results, strict=True):
        assert totals is not None
        seen, sums = result.summary.by_type, result.summary.sums
        assert totals.accounts_deleveraged == len(result.summary.deleveraged)
        assert (totals.rounds, totals.reductions) == (seen["DeleveragingStarted"], seen["PositionDeleveraged"])
        assert totals.liquidations == seen["LiquidationStarted"] == sum(result.summary.outcomes.values())
        assert totals.deleveraged_value_atoms == sums["PositionDeleveraged"]
        assert totals.fund_fees_atoms == sums["InsuranceFundCredited"]
        assert totals.socialised_loss_atoms == sums["LossSocialized"]
        assert totals.written_off_atoms == sums["BalanceWrittenOff"]
        assert totals.fund_paid_in_atoms == result.scenario.fund_atoms
        assert totals.equity_taken_atoms != 0


def sides_swapped(one: AccountDifference) -> AccountDifference:
    """An account as it is when A and B change places."""
    return msgspec.structs.replace(one, a=one.b, b=one.a)


def test_the_mirror_image(policies: Difference) -> None:
    """B held against A: the same counts, accounts and totals with the sides changed, and every gain a loss."""
    mirror = diff(policies.b, policies.a)
    assert mirror.types == tuple(TypeCounts(t.type, t.same, t.changed, t.only_b, t.only_a) for t in policies.types)
    assert mirror.accounts == tuple(map(sides_swapped, policies.accounts))
    assert [one.gain_atoms for one in mirror.accounts] == [-(one.gain_atoms or 0) for one in policies.accounts]
    assert [(one.b, one.a) for one in mirror.assets] == [(one.a, one.b) for one in policies.assets]
    assert sorted((o.at_ns, o.differing, o.following) for o in mirror.origins) == sorted(
        (o.at_ns, o.differing, o.following) for o in policies.origins
    )


def test_a_run_against_itself(policies: Difference) -> None:
    """Nothing differs."""
    found = diff(policies.a, policies.a)
    assert (found.same, found.identical, found.differing, found.shared_events) == (True, True, 0, policies.a.count)
    assert (found.origins, found.rules, found.forks, found.warnings) == ((), (), [], [])
    assert not any(one.differs for one in found.accounts)


@pytest.mark.parametrize(
    "changes",
    [
        Changes(settings=("adl.policy=profit-share",)),
        Changes(deposits=(Deposit(LONG + 9, 10**9),)),
        Changes(settings=("traders.policy=none", "liquidation.cooldown_ns=7s")),
    ],
    ids=["policy", "deposit", "slots"],
)
def test_a_fork_and_its_parent(policies: Difference, tmp_path: Path, changes: Changes) -> None:
    """The past is shared up to the fork, which is where it begins; everything adds up; a deposit is no gain."""
    parent = policies.a
    at = next(e.seq for e in parent.events() if isinstance(e.body, ShortfallDeclared))
    child = fork(parent, at, changes, tmp_path / "child.run", settings=SETTINGS)
    found = diff(parent, open_run(tmp_path / "child.run"))
    holds_together(found)
    assert found.shared_events == child.boundary
    ((side, forked),) = found.forks
    assert (side, forked.parent_head.hex(), forked.at_seq) == ("b", parent.head, child.boundary)
    inputs = [one for one in found.origins if one.slot is None]
    assert [one.seq_b for one in inputs[:1]] == [child.boundary]
    assert len(inputs) == 1 + len(changes.deposits)
    assert [one.seq_a for one in inputs] == [None] * len(inputs)


def test_an_inserted_input_leaves_what_it_does_not_touch(policies: Difference, tmp_path: Path) -> None:
    """A deposit into the account that trades nothing shifts every number behind it, and nothing else."""
    parent = policies.a
    idle = next(one for one in policies.accounts if one.kind == "fees")
    assert idle.a is not None
    at = next(e.seq for e in parent.events() if isinstance(e.body, ShortfallDeclared))
    fork(parent, at, Changes(deposits=(Deposit(idle.a.account, 5),)), tmp_path / "child.run", settings=SETTINGS)
    found = diff(parent, open_run(tmp_path / "child.run"))
    assert {one.type: one.differing for one in found.types if one.differing} == {"RunForked": 1, "Deposited": 1}
    fees, outside = found.accounts[idle.a.account], found.accounts[policies.a.directory.find_account("outside:USDT")]
    assert (fees.equity_difference_atoms, fees.gain_atoms) == (5, 0)
    assert (outside.equity_difference_atoms, outside.gain_atoms) == (-5, 0)
    assert sum(one.differs for one in found.accounts) == 2


def test_another_seed_is_warned_of(policies: Difference, tmp_path: Path) -> None:
    """Runs without prices in common are compared, with one line that says what that is worth."""
    run(Scenario.load(SMALL_CRASH, ["settle_ns=1m"], seed=9), tmp_path / "other.run", settings=SETTINGS)
    found = diff(policies.a, open_run(tmp_path / "other.run"))
    holds_together(found)
    prices, end = found.warnings
    assert prices.startswith("of 661 prices in A and 661 in B 1 are the same")
    assert "do not end at the same time" in end


def test_a_slot_that_one_run_leaves_empty(policies: Difference, tmp_path: Path) -> None:
    """Producers have other numbers then, and the slots that both have decide the same until it makes a difference."""
    run(Scenario.load(SMALL_CRASH, ["traders.policy=none"]), tmp_path / "other.run", settings=SETTINGS)
    found = diff(policies.a, open_run(tmp_path / "other.run"))
    holds_together(found)
    first = found.origins[1]
    assert first.slot == "traders"
    assert (first.only_a, first.seq_b) == (1, None)
    assert found.rules[0] == RuleChange("traders.policy", "mixed", None)


def test_position_of_the_liquidity(by_hand: Difference) -> None:
    """Outside liquidity held the other side of what was stated, in both alike."""
    stated = [e.body for e in by_hand.a.events() if isinstance(e.body, PositionStated)]
    end = by_hand.accounts[LIQUIDITY].a
    assert end is not None
    assert end.equity_atoms == -sum(90 * body.size_lots - body.cost_atoms for body in stated)

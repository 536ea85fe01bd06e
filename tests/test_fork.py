"""A fork: the same past, something changed, the remaining inputs."""

from __future__ import annotations

from heapq import merge
from operator import itemgetter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import Run, Scenario, open_run, run
from deleverage.events.bodies.inputs import Deposited, InputRefused, PriceTicked, TradeExecuted, Transferred, Withdrawn
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.margin import FundingAccrued
from deleverage.events.bodies.run import RunForked
from deleverage.events.bodies.venue import TimerSet, TradingHalted
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.errors import QueryError, RecordDamagedError, RecordNotFoundError, ScenarioError
from deleverage.events.record import MemoryRecord, RecordReader, RecordSettings, RecordWriter
from deleverage.events.record.ancestry import parent_directory
from deleverage.events.record.manifest import MANIFEST_NAME, ForkPoint, read_manifest, write_manifest
from deleverage.handlers.registry import producer_of
from deleverage.replay.fork.changes import Changes, Deposit, OutsideTrade
from deleverage.replay.fork.fork import Fork, fork
from deleverage.replay.verify.verification import verify
from deleverage.sim.limits import refusal
from deleverage.sim.pending import maker_of

from .support.command_line import call, small_record, tear
from .support.crash import SMALL_CRASH, simulation_of
from .support.made import made
from .support.past import goes_on_the_same
from .support.venue import Book

SMALL = RecordSettings(pages_per_block=1, durability="none")
_UNDER = "it would leave less equity than the maintenance requirement"


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash on disk."""
    return open_run(small_record(tmp_path_factory.mktemp("parent")))


def first(run: Run, kind: type, place: int = 0) -> Event:
    """The n-th event of a type."""
    return [event for event in run.events() if isinstance(event.body, kind)][place]


def test_nothing_changed_is_the_same_record(parent: Run, tmp_path: Path) -> None:
    """Forked anywhere without changes, the child has the parent's head, and no RunForked."""
    for number, after in enumerate((0, 300, 2000, first(parent, DeleveragingStarted).seq, parent.count - 1)):
        made = fork(parent, after, output=tmp_path / f"{number}.run", settings=SMALL)
        assert (made.head, made.events, made.status) == (parent.head, parent.count, "complete")
        child = open_run(tmp_path / f"{number}.run")
        assert list(child.events()) == list(parent.events())
        assert child.reader.recompute_head().hex() == parent.head


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_nothing_changed_anywhere(parent: Run, data: st.DataObject) -> None:
    """The head that comes out after any event is the parent's."""
    assert fork(parent, data.draw(st.integers(0, parent.count - 1))).head == parent.head


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_the_past_is_shared_and_the_child_reads_whole(
    parent: Run, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A child with changes begins with RunForked at its boundary, and all before is the parent's."""
    after = data.draw(st.integers(200, parent.count - 200))
    path = tmp_path_factory.mktemp("fork") / "child.run"
    made = fork(parent, after, Changes(("adl.policy=profit-share",)), path, settings=SMALL)
    child = open_run(path)
    shared = made.boundary
    assert list(child.events(0, shared)) == list(parent.events(0, shared))
    forked = child.event(shared)
    assert isinstance(forked.body, RunForked)
    assert forked.body.parent_head.hex() == parent.head
    assert forked.body.changes == (("adl.policy", "profit-share"),)
    assert child.forks == (shared,)
    assert child.reader.first_seq == shared - shared % 256
    assert child.reader.blocks[0].header.first_seq == child.reader.first_seq
    assert child.reader.recompute_head().hex() == made.head
    assert child.at().digest() == made.ledger.digest()
    assert [event.seq for event in child.events()] == list(range(child.count))


def test_points_in_a_child_are_found_across_the_fork(parent: Run, tmp_path: Path) -> None:
    """Times, single events, pages and spans are those of the whole run, wherever they are kept."""
    made = fork(parent, 2500, Changes(("insurance_fund.balance=+1",)), tmp_path / "c.run", settings=SMALL)
    child, events = open_run(tmp_path / "c.run"), list(open_run(tmp_path / "c.run").events())
    assert child.count == made.events == len(events)
    for seq in (0, 255, 256, child.reader.first_seq - 1, child.reader.first_seq, made.boundary, child.count - 1):
        assert child.event(seq) == events[seq]
        at_ns = events[seq].at_ns
        assert child.reader.seq_at_time(at_ns) == sum(event.at_ns <= at_ns for event in events)
        assert child.first_at(at_ns) == sum(event.at_ns < at_ns for event in events)
        paged = [event for page, _ in child.reader.pages(seq) for event in page]
        assert paged == events[seq - seq % 256 :]
    assert (child.start_ns, child.end_ns) == (parent.start_ns, parent.end_ns)


def test_a_fork_of_a_fork(parent: Run, tmp_path: Path) -> None:
    """A child can be forked in its turn, after its own fork; before it, the parent is to be asked."""
    fork(parent, 2500, Changes(("adl.policy=profit-share",)), tmp_path / "child.run", settings=SMALL)
    child = open_run(tmp_path / "child.run")
    fork(child, 3500, Changes(("liquidation.cooldown_ns=1s",)), tmp_path / "grandchild.run", settings=SMALL)
    grandchild = open_run(tmp_path / "grandchild.run")
    assert len(grandchild.forks) == 2
    assert len(grandchild.reader.lineage) == 3
    policies = [{p.handler: p.policy for p in grandchild.producers_at(seq)}["adl"] for seq in (0, 2600)]
    assert policies == ["profit-leverage", "profit-share"]
    assert grandchild.reader.recompute_head().hex() == grandchild.head
    assert fork(grandchild, 3800).head == grandchild.head
    assert fork(child, child.forks[0] + 40).head == child.head
    with pytest.raises(QueryError, match="shares with its parent"):
        fork(child, 2000)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_child_forks_like_any_run(parent: Run, data: st.DataObject) -> None:
    """Also in the instant of its own fork, where other producers took over what was undelivered."""
    after = data.draw(st.sampled_from([first(parent, DeleveragingStarted).seq, first(parent, LiquidationStarted).seq]))
    changes = Changes(
        ("adl.policy=profit-share", "margin.latency_ns=3s", "insurance_fund.balance=+1000"), deposits=(Deposit(20, 5),)
    )
    made, record = Fork(parent, after, changes), MemoryRecord()
    record.append_many(parent.events(0, made.boundary))
    made.drive(made.resumption(record))
    events = tuple(record.events())
    seq = made.boundary + 3 + data.draw(st.integers(0, 400))
    goes_on_the_same(events, [seq])


def test_a_parent_that_moved_or_is_another(parent: Run, tmp_path: Path) -> None:
    """A fork without its parent says where it should be; one beside it is found; another record is refused."""
    home = tmp_path / "home"
    small = small_record(home)
    fork(open_run(small), 2500, Changes(("adl.policy=profit-share",)), home / "forks" / "c.run", settings=SMALL)
    (home / "forks" / "c.run").rename(home / "c.run")
    assert open_run(home / "c.run").count > 2500
    small.rename(home / "elsewhere.run")
    with pytest.raises(RecordNotFoundError, match="its parent is not at"):
        open_run(home / "c.run")
    fork(parent, 2500, Changes(("adl.policy=profit-share",)), home / "small.run", settings=SMALL)
    with pytest.raises(RecordDamagedError, match="forked from the record of head"):
        open_run(home / "c.run")


def test_removed_input(parent: Run) -> None:
    """An input that is taken away is not there; everything else about the outside world is."""
    ticks = [event for event in parent.events(2000) if isinstance(event.body, PriceTicked)]
    made, record = Fork(parent, 2000, Changes(removed=(ticks[5].seq,))), MemoryRecord()
    record.append_many(parent.events(0, made.boundary))
    made.drive(made.resumption(record))
    left = [event.body for event in record.events(made.boundary) if isinstance(event.body, PriceTicked)]
    assert left == [event.body for event in ticks if event.seq >= made.boundary and event is not ticks[5]]


def test_what_cannot_be_removed(parent: Run) -> None:
    """Declarations, decisions and what is past stay."""
    with pytest.raises(QueryError, match="cannot be taken away"):
        fork(parent, 2000, Changes(removed=(0,)))
    with pytest.raises(QueryError, match="cannot be taken away"):
        fork(parent, 2000, Changes(removed=(first(parent, LiquidationStarted).seq,)))
    with pytest.raises(QueryError, match="comes before the fork"):
        fork(parent, 3000, Changes(removed=(first(parent, PriceTicked).seq,)))


def test_fund_balance_is_an_input_of_the_fork(parent: Run) -> None:
    """The fund's balance is changed by a recorded deposit or withdrawal right after RunForked."""
    fund = parent.at(seq=2500).fund(0)
    for text, kind in (("+1_000.5", Deposited), ("-10", Withdrawn), ("1000000", Deposited), ("5", Withdrawn)):
        made, record = Fork(parent, 2500, Changes((f"insurance_fund.balance={text}",))), MemoryRecord()
        record.append_many(parent.events(0, made.boundary))
        before = made.ledger.accounts[fund].balance_atoms
        made.drive(made.resumption(record), until_ns=made.ledger.at_ns)
        forked, put_in = record.event(made.boundary), record.event(made.boundary + 1)
        assert isinstance(forked.body, RunForked)
        assert (forked.body.inputs, forked.body.producers) == (1, ())
        assert isinstance(put_in.body, kind)
        told = {"+1_000.5": 1_000_500_000, "-10": 10_000_000, "1000000": 10**12 - before, "5": before - 5_000_000}
        assert put_in.body.amount_atoms == told[text]


def test_a_larger_fund_deleverages_fewer(parent: Run) -> None:
    """A fork is a question, and this is an answer: with enough in the fund nobody is deleveraged."""
    after = first(parent, PriceTicked, 3).seq

    def deleveraged(run: Run, changes: Changes) -> int:
        made, record = Fork(run, after, changes), MemoryRecord()
        record.append_many(run.events(0, made.boundary))
        made.drive(made.resumption(record))
        return sum(isinstance(event.body, PositionDeleveraged) for event in record.events())

    assert deleveraged(parent, Changes(("insurance_fund.balance=+100000000",))) == 0
    assert deleveraged(parent, Changes(("insurance_fund.floor=0",))) > 0


def test_a_fork_may_begin_to_charge_funding(tmp_path: Path) -> None:
    """A run without funding, forked with it: the first timers are set at the fork; with it already, none is doubled."""
    path = tmp_path / "p.run"
    run(Scenario.load(SMALL_CRASH, ["funding.policy=none"]), path)
    parent = open_run(path)
    for told, first_timers in ((("funding.policy=interval", "funding.interval_ns=5m"), 3), ((), 0)):
        made, record = Fork(parent, 900, Changes(told, (Deposit(20, 1),))), MemoryRecord()
        record.append_many(parent.events(0, made.boundary))
        made.drive(made.resumption(record))
        set_there = [e for e in record.events() if e.cause == made.boundary and isinstance(e.body, TimerSet)]
        assert len(set_there) == first_timers
        assert bool(first_timers) == any(isinstance(e.body, FundingAccrued) for e in record.events())


def test_an_untouched_market_stays_as_it_was(tmp_path: Path) -> None:
    """Accounts that trade in another instrument alone draw, answer and end exactly as in the parent."""
    path = tmp_path / "p.run"
    run(Scenario.load(SMALL_CRASH, ["population.instruments=[1, 0, 0]", "depth.multiples.AVAX-PERP=10"]), path)
    parent = open_run(path)
    ledger = parent.at()
    trader = next(a for a in ledger.accounts if a.kind == "user" and {key[0] for key in a.positions} == {2})
    made, record = Fork(parent, 900, Changes(trades=(OutsideTrade(trader.account, (2, 0), 10),))), MemoryRecord()
    record.append_many(parent.events(0, made.boundary))
    made.drive(made.resumption(record))

    def others(events: list[Event]) -> list[bytes]:
        """Margin calls, answers and timers of those who never held the instrument that was touched."""
        aloof = {
            a.account for a in parent.before(900).accounts if a.kind == "user" and all(k[0] != 2 for k in a.positions)
        }
        kinds = ("MarginCalled", "TimerSet", "CollateralAdded", "PositionReduced")
        told = [e for e in events if type(e.body).__name__ in kinds and getattr(e.body, "account", None) in aloof]
        return [msgspec.msgpack.encode((e.at_ns, e.body)) for e in told]

    mine, theirs = others(list(record.events())), others(list(parent.events()))
    assert mine == theirs
    assert len(mine) > 50
    assert any(isinstance(event.body, TradeExecuted) for event in record.events())


def test_another_ranking_policy_begins_its_ranking_anew(parent: Run) -> None:
    """Forked between a round and the one that continues its ranking, a new policy digests all of its own rows."""
    continued = first(parent, DeleveragingStarted, 0)
    for event in parent.events():
        if isinstance(event.body, DeleveragingStarted) and event.body.base_round is not None:
            continued = event
            break
    for policy, base in (("profit-share", False), ("profit-leverage", True)):
        made, record = Fork(parent, continued.seq - 2, Changes((f"adl.policy={policy}",))), MemoryRecord()
        record.append_many(parent.events(0, made.boundary))
        made.drive(made.resumption(record), until_ns=continued.at_ns)
        rounds = [e.body for e in record.events(made.boundary) if isinstance(e.body, DeleveragingStarted)]
        assert rounds[0].policy == policy
        assert (rounds[0].base_round is not None) is base


def test_settings_that_cannot_be(parent: Run) -> None:
    """An unknown slot, policy or figure is named; so is a breaker taken away during a halt."""
    for setting, told in {
        "population.accounts=3": "a fork can change",
        "adl.policy=nobody": "there is no adl policy 'nobody'",
        "margin.warning=3": r"\$.margin",
        "insurance_fund.balance=much": "much",
    }.items():
        with pytest.raises(ScenarioError, match=told):
            fork(parent, 2500, Changes((setting,)))
    with pytest.raises(ScenarioError, match="is halted there"):
        fork(parent, first(parent, TradingHalted).seq, Changes(("breaker.policy=none",)))


def test_a_policy_change_drops_the_old_figures_and_keeps_the_latency() -> None:
    """As in a scenario: another policy takes nothing of the other's figures, the same one keeps what is not named."""
    book = Book()
    before = tuple(
        p
        for p in (
            producer_of("mark", {"policy": "smoothed", "smoothing_ns": 5, "latency_ns": 7}, "$"),
            producer_of("margin", {"warning_bps": 12_000}, "$"),
        )
        if p is not None
    )
    after = Changes(("mark.policy=index", "margin.recovery_bps=20000", "breaker.policy=window")).producers(
        before, book.ledger
    )
    assert [(p.handler, p.policy, p.latency_ns) for p in after] == [
        ("mark", "index", 7),
        ("breaker", "window", 0),
        ("margin", "tiered", 0),
    ]
    assert after[2].parameters == {"warning_bps": 12_000, "recovery_bps": 20_000}


def test_impossible_inputs_are_refused_by_rule() -> None:
    """Withdrawals beyond the requirement, and trades of an account in liquidation, are answered by InputRefused."""
    book = Book(fund_atoms=100)
    rich, poor, gone = book.user(1000, (0, 1, 1000)), book.user(100, (0, 1, 1000)), book.user(10, (0, 1, 1000))
    book.mark(1000)
    book.liquidate(gone)
    ledger = book.ledger
    assert refusal(ledger, Withdrawn(rich, 10)) is None
    assert refusal(ledger, Withdrawn(poor, 100)) == _UNDER
    assert refusal(ledger, Withdrawn(book.user(5), 6)) == "there is not enough"
    assert refusal(ledger, Withdrawn(gone, 1)) == "the account is in a liquidation"
    assert (
        refusal(
            ledger,
            made(
                TradeExecuted, account=gone, counterparty=1, size_lots=1, price_ticks=1000, value_atoms=1000, trade_id=1
            ),
        )
        == "the account is in a liquidation"
    )
    assert refusal(ledger, Deposited(gone, 1)) is None


def test_a_refused_withdrawal_is_recorded(tmp_path: Path) -> None:
    """What a trader took out in the parent cannot be taken out where the fork left too little; the rest follows."""
    path = tmp_path / "p.run"
    sink = RecordWriter(path, settings=SMALL)
    simulation = simulation_of(sink, "prices.duration_ns=2m", "prices.phases=[]")
    taken = (simulation.scenario.start_ns + 60 * 10**9, Withdrawn(22, 1_000_000))
    ticks = simulation._inputs
    simulation._inputs = lambda: merge(ticks(), [taken], key=itemgetter(0))  # type: ignore[method-assign]
    simulation.open()
    simulation.drive()
    sink.seal()
    parent = open_run(path)
    after = first(parent, PriceTicked, 1).seq
    left_atoms = parent.at(seq=after).accounts[22].balance_atoms
    for deposit, kind in ((0, Withdrawn), (5 - left_atoms, InputRefused)):
        made, record = Fork(parent, after, Changes((), (Deposit(22, deposit), Deposit(21, 1)))), MemoryRecord()
        record.append_many(parent.events(0, made.boundary))
        made.drive(made.resumption(record))
        said = [event.body for event in record.events(made.boundary) if event.at_ns == taken[0]]
        assert kind in {type(body) for body in said}
        assert (taken[1] in said) == (kind is Withdrawn)
        assert made.ledger.ended


def test_changes_that_cannot_be(parent: Run) -> None:
    """What is not there yet, what is the venue's, what is in a liquidation or too large cannot trade or be paid."""
    gone = first(parent, LiquidationStarted)
    trader, fund = gone.body.account, parent.at(seq=2500).fund(0)
    for after, changes, told in (
        (3, Changes(("insurance_fund.balance=+1",)), "no insurance fund yet"),
        (3, Changes(deposits=(Deposit(trader, 5),)), "is not open at the fork"),
        (3, Changes(trades=(OutsideTrade(trader, (0, 0), 5),)), "is not open at the fork"),
        (900, Changes(trades=(OutsideTrade(20, (0, 0), 5),)), "no mark to trade at"),
        (2500, Changes(trades=(OutsideTrade(fund, (0, 0), 5),)), "the venue's own account"),
        (2500, Changes(trades=(OutsideTrade(20, (0, 0), 0),)), "give another size"),
        (2500, Changes(trades=(OutsideTrade(20, (0, 0), 10**12),)), "give another size"),
        (gone.seq, Changes(trades=(OutsideTrade(trader, (0, 0), 5),)), "the account is in a liquidation"),
    ):
        with pytest.raises(QueryError, match=told):
            fork(parent, after, changes)


def test_changes_are_told_in_units(parent: Run) -> None:
    """The record says in the asset and in the instrument's units what a fork changed."""
    ledger = parent.at(seq=2500)
    trade = OutsideTrade(20, (0, 0), -25)
    changes = Changes(("adl.policy=profit-share",), (Deposit(20, -1_500_000),), (trade,), (4000,))
    assert changes.described(ledger) == (
        ("adl.policy", "profit-share"),
        (f"{ledger.name(20)}.deposit", "-1.500000 USDT"),
        (f"{ledger.name(20)}.BTC-PERP", "sold 0.025"),
        ("input 4000", "removed"),
    )


def test_a_record_that_breaks_off_in_a_delivery(parent: Run, tmp_path: Path) -> None:
    """Where what a handler produced is not all there, no fork begins; before it, the decision is made again whole."""
    page = 256
    for count in range(2304, parent.count, page):
        one, other = parent.event(count - 1), parent.event(count)
        if maker_of(one) is not None and maker_of(one) == maker_of(other):
            break
    else:
        pytest.fail("no page ends in a delivery")
    sink = RecordWriter(tmp_path / "cut.run", settings=SMALL)
    sink.append_many(parent.events(0, count))
    sink.seal("interrupted")
    cut = open_run(tmp_path / "cut.run")
    with pytest.raises(QueryError, match="breaks off with event") as raised:
        fork(cut, count - 1)
    before = int(str(raised.value).split("fork at event ")[1].split()[0])
    made = fork(cut, before, output=tmp_path / "child.run", settings=SMALL)
    child = open_run(tmp_path / "child.run")
    assert list(child.events(0, count + 1)) == list(parent.events(0, count + 1))
    assert made.events > count


def test_what_the_parent_went_on_to_is_not_vouched_for(parent: Run, tmp_path: Path) -> None:
    """Verifying a fork counts the blocks that it read, and not those of its parent behind the fork."""
    fork(parent, 2500, output=tmp_path / "child.run", settings=SMALL)
    child = open_run(tmp_path / "child.run")
    shared, own = child.reader.first_seq // 256, len(child.reader.blocks)
    blocks = verify(child.path).checks[0]
    assert (blocks.check, blocks.text.partition(" of ")[0]) == ("blocks", str(shared + own))


def test_the_command_says_what_was_odd(tmp_path: Path) -> None:
    """A fork of a record that other code made is made, and one line says so."""
    path = small_record(tmp_path)
    write_manifest(path, msgspec.structs.replace(read_manifest(path), deleverage="0.0.9", code_sha256="ab" * 32))
    result = call("fork", path, "--at", "3000")
    assert (result.exit_code, result.stderr.count("\n")) == (0, 1)
    assert "made by deleverage 0.0.9" in result.stderr


def test_a_torn_record_is_not_forked(parent: Run, tmp_path: Path) -> None:
    """Without a seal there is no head to fork from."""
    path = small_record(tmp_path)
    tear(path)
    with pytest.raises(QueryError, match="recover"):
        fork(open_run(path), 100)
    assert isinstance(RecordReader.open(path), RecordReader)


@pytest.mark.parametrize(("atoms", "why_not"), [(899, None), (900, None), (901, _UNDER)])
def test_a_withdrawal_may_leave_exactly_the_requirement(atoms: int, why_not: str | None) -> None:
    """Of 1000 with a requirement of 100, 900 can go and 901 cannot; as much can be paid to somebody else."""
    book = Book()
    book.mark(1000)
    payer, other = book.user(1000, (0, 1, 1000)), book.user()
    assert refusal(book.ledger, Withdrawn(payer, atoms)) == why_not
    assert refusal(book.ledger, Transferred(payer, other, atoms)) == why_not


@pytest.mark.parametrize(("atoms", "why_not"), [(4, None), (5, None), (6, "there is not enough")])
def test_a_withdrawal_may_leave_exactly_nothing(atoms: int, why_not: str | None) -> None:
    """Without positions the whole balance can go, and no atom more."""
    book = Book()
    assert refusal(book.ledger, Withdrawn(book.user(5), atoms)) == why_not


@pytest.mark.parametrize(("deep", "followed"), [(0, True), (99, True), (100, False)])
def test_forks_of_forks_are_followed_so_far(deep: int, followed: bool, tmp_path: Path) -> None:
    """A hundred forks lie one behind the other at most."""
    (tmp_path / "parent.run").mkdir()
    (tmp_path / "parent.run" / MANIFEST_NAME).touch()
    children = tuple(tmp_path / f"{number}.run" for number in range(deep))
    point = ForkPoint("00" * 32, 0, "../parent.run")
    if followed:
        assert parent_directory(tmp_path / "child.run", point, children) == tmp_path / "parent.run"
    else:
        with pytest.raises(RecordDamagedError, match="it is a fork of a fork, 100 deep, and 100 are followed"):
            parent_directory(tmp_path / "child.run", point, children)

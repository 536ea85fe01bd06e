"""The bundled scenarios, run: what happens in them, that every law holds at every event, and how a failed run ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from deleverage.events.bodies.liquidation import LiquidationEnded, LiquidationOrdered
from deleverage.events.bodies.margin import MarginCalled, MarkPriced
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import HandlerError
from deleverage.events.ledger import Ledger, LedgerState
from deleverage.events.record import RecordReader
from deleverage.handlers.margin_monitor import MarginMonitor, MarginParameters
from deleverage.handlers.protocol import Product
from deleverage.sim.bus import Subscription
from deleverage.sim.runner import Simulation, run
from deleverage.sim.scenario import Scenario

from .support.crash import SMALL_CRASH, checked
from .support.shortened import CALM, SHORT_CRASH


def counted(events: Iterable[Event]) -> Counter[str]:
    """How often each type of event occurs."""
    return Counter(type(event.body).__name__ for event in events)


def first(events: Iterable[Event], name: str) -> int:
    """Where the first event of a type stands."""
    return next(event.seq for event in events if type(event.body).__name__ == name)


def test_the_flash_crash_reaches_every_stage_and_every_law_holds() -> None:
    """Calls, partial liquidations, takeovers, an exhausted fund, ADL, and recovery; checked at every single event."""
    events, ledger = checked(*SHORT_CRASH)
    seen = counted(events)
    for name in ("MarginCalled", "PositionTakenOver", "ShortfallDeclared", "PositionDeleveraged", "MarginCallMet"):
        assert seen[name] > 5, name
    orders = [e.body for e in events if isinstance(e.body, LiquidationOrdered) and e.body.account > 3]
    assert any(not order.whole and order.step == 1 for order in orders)
    assert {e.body.outcome for e in events if isinstance(e.body, LiquidationEnded)} == {
        "restored",
        "closed",
        "bankrupt",
    }
    stages = ["MarginCalled", "LiquidationStarted", "PositionTakenOver", "ShortfallDeclared", "PositionDeleveraged"]
    places = [first(events, stage) for stage in stages]
    assert places == sorted(places)
    assert ledger.ended
    assert all(account.liquidation_id is None for account in ledger.accounts)


def test_the_crash_falls_and_comes_back() -> None:
    """Every instrument loses at least a tenth and recovers at least a third of what it lost."""
    marks: dict[int, list[int]] = {}
    for event in checked(*SHORT_CRASH)[0]:
        if isinstance(event.body, MarkPriced):
            marks.setdefault(event.body.instrument, []).append(event.body.mark_ticks)
    assert len(marks) == 3
    for path in marks.values():
        low = min(path)
        assert low < path[0] * 9 // 10
        assert path[-1] - low > (path[0] - low) // 3


def test_what_was_called_was_under_its_level() -> None:
    """Every recorded call and liquidation holds the figures that were compared, and they are under the level."""
    for event in checked(*SHORT_CRASH)[0]:
        body = event.body
        if isinstance(body, MarginCalled):
            assert body.equity_atoms * 10_000 < body.requirement_atoms * body.warning_bps
            assert body.equity_atoms >= body.requirement_atoms - 1


def test_decisions_name_their_cause_and_producer_and_inputs_do_not() -> None:
    """Every event says where it comes from; a cause is earlier, at the same time or before."""
    events = checked(*SHORT_CRASH)[0]
    for event in events:
        if event.origin is Origin.INPUT:
            assert (event.cause, event.producer) == (None, None)
        else:
            assert event.producer is not None
            assert event.cause is not None
            assert event.cause < event.seq
            assert events[event.cause].at_ns <= event.at_ns
        assert all(link < event.seq for link in event.links)


def test_a_run_without_trouble_has_none() -> None:
    """In calm nothing happens but prices, marks and the timers of funding."""
    events, ledger = checked(*CALM)
    allowed = {"RunStarted", "SourceOpened", "AssetListed", "InstrumentListed", "AccountOpened", "BalanceStated"}
    allowed |= {"PositionStated", "DepthQuoted", "PriceTicked", "MarkPriced", "TimerSet", "RunEnded"}
    assert set(counted(events)) == allowed
    assert counted(events)["PriceTicked"] == counted(events)["MarkPriced"] > 1000
    assert {account.status for account in ledger.accounts} == {"healthy"}


def test_outside_liquidity_balances_the_traders() -> None:
    """Longs and shorts of the population net against outside liquidity from the opening on."""
    _, ledger = checked(*CALM)
    liquidity = ledger.accounts[ledger.liquidity(0)]
    traders = sum(p.size_lots for a in ledger.accounts if a.kind == "user" for p in a.positions.values())
    assert traders == -sum(p.size_lots for p in liquidity.positions.values()) != 0


def test_the_small_crash_holds_every_law_too() -> None:
    """With takeovers, rounds and shared losses by the hundred, and all of a position reduced at a call."""
    events, _ = checked(SMALL_CRASH, "traders.reduce_share_bps=10000")
    seen = counted(events)
    assert min(seen["LossSocialized"], seen["TradingHalted"], seen["FundingAccrued"]) > 5


ACCOUNTS = """account,balance,instrument,size,entry_price,leg,mode,owner
hedged{n},{balance},BTC-PERP,0.050,117000,1,cross,
hedged{n},,BTC-PERP,-0.020,118000,2,,
hedged{n},,AVAX-PERP,{units}.0,28,1,,
alone{n},{balance},ETH-PERP,{units}.00,4200,0,isolated,hedged{n}
short{n},{balance},AVAX-PERP,-{units}.0,28,0,cross,
bear{n},{balance}00,ETH-PERP,-{units}.00,4200,0,cross,
"""


def test_hedged_and_isolated_accounts_hold_every_law_too(tmp_path: Path) -> None:
    """Two legs of one instrument, and positions on accounts of their own, go through the crash like any other."""
    rows = [ACCOUNTS.format(n=n, balance=300 + 90 * n, units=1 + n).splitlines() for n in range(25)]
    lines = [rows[0][0], *(line for table in rows for line in table[1:])]
    (tmp_path / "accounts.csv").write_text("\n".join(lines) + "\n")
    text = Path(SMALL_CRASH).read_text(encoding="utf-8")
    before, _, after = text.partition("[population]")
    population = '[population]\nsource = "csv"\nfile = "accounts.csv"\n\n[insurance_fund]'
    (tmp_path / "crash.toml").write_text(before + population + after.partition("[insurance_fund]")[2])
    events, ledger = checked(str(tmp_path / "crash.toml"), "insurance_fund.balance=100")
    ended = {ledger.name(e.body.account)[:5] for e in events if isinstance(e.body, LiquidationEnded)}
    assert ended >= {"hedge", "alone"}
    assert counted(events)["PositionDeleveraged"] > 5


class Clumsy(MarginMonitor):
    """A handler that fails at the first mark after a while."""

    def handle(self, event: Event, ledger: LedgerState, now_ns: int) -> list[Product]:
        """Fail."""
        if event.seq > 1000:
            message = "divided a lot by nobody"
            raise ZeroDivisionError(message)
        return []


def test_a_handlers_error_seals_the_record_as_failed(tmp_path: Path) -> None:
    """The run stops; what there is up to then is a sound record that says what went wrong and breaks no law."""

    def sabotage(simulation: Simulation) -> None:
        simulation.bus.subscribe(Subscription(99, Clumsy(MarginParameters())))

    with pytest.raises(HandlerError, match=r"handler 'margin' .* failed on event 1[0-9]{3} .*divided a lot by nobody"):
        run(Scenario.load(CALM[0], CALM[1:]), tmp_path / "failed", on_start=sabotage)
    reader = RecordReader.open(tmp_path / "failed")
    assert (reader.manifest.status, reader.torn) == ("failed", False)
    assert "ZeroDivisionError: divided a lot by nobody" in str(reader.manifest.error)
    assert reader.count > 1000
    Ledger.of(reader.events()).check()


def test_inputs_after_the_end_of_the_scenario_are_not_taken() -> None:
    """With an end, the run is the beginning of the longer one."""
    whole, _ = checked(*CALM)
    short, _ = checked(*CALM, "end=2025-10-09T12:10:00Z")
    assert short[1:-1] == whole[1 : len(short) - 1]
    assert short[-2].at_ns <= short[-1].at_ns < whole[-1].at_ns


def test_settling_lets_timers_fire_after_the_last_price() -> None:
    """Eight hours of settling after the calm hour bring one funding per instrument."""
    events, _ = checked(*CALM, "settle_ns=8h")
    assert counted(events)["FundingAccrued"] == 1
    assert events[-1].at_ns - checked(*CALM)[0][-1].at_ns == 8 * 3600 * 10**9

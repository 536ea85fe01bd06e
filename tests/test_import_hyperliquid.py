"""Hyperliquid's node fills: every rule of the importer on fills written by hand, and the real sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deleverage.events.bodies.inputs import (
    BalanceStated,
    Deposited,
    FillReported,
    FundingRateSet,
    InputRefused,
    PositionStated,
    TradeExecuted,
    Transferred,
    Withdrawn,
)
from deleverage.events.bodies.liquidation import (
    BankruptcyDeclared,
    LiquidationEnded,
    LiquidationFilled,
    LiquidationStarted,
    PositionTakenOver,
)
from deleverage.events.bodies.listing import AccountOpened, InstrumentListed
from deleverage.events.bodies.margin import FeeCharged, MarkPriced
from deleverage.events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Origin
from deleverage.events.errors import ScenarioError
from deleverage.events.ledger import Ledger
from deleverage.replay.importers.hyperliquid.importer import HyperliquidImporter
from deleverage.replay.importers.importing import run_import
from deleverage.replay.run import open_run

from .support.node_fills import ANN, BOB, CAT, START_MS, VAULT, block, bodies, fill, imported, trade, written
from .support.real_data import real_file

SAMPLE = "hyperliquid-node-fills-2025-10-27.jsonl.gz"


def _kinds(result: Any, stop: str = "RunEnded") -> list[str]:
    names = [type(event.body).__name__ for event in open_run(result.run).events()]
    first = next(place for place, name in enumerate(names) if name == "FillReported")
    return names[first : names.index(stop)]


def _forced(user: str, method: str = "market", mark: str = "99.0") -> dict[str, Any]:
    return {"liquidation": {"liquidatedUser": user, "markPx": mark, "method": method}}


def test_a_trade_is_both_reports_and_then_what_moves(tmp_path: Path) -> None:
    """What the venue says of each side stands before the trade, which is the taker's, and fees follow."""
    fees = {"buyer": {"fee": "0.5"}, "seller": {"fee": "-0.1"}}
    result = imported(tmp_path, block(1, *trade("SOL", "2.00", "190.55", **fees)))
    assert _kinds(result) == ["FillReported", "FillReported", "TradeExecuted", "FeeCharged", "FeeCharged", "MarkPriced"]
    ledger = open_run(result.run).at()
    executed = next(bodies(result, TradeExecuted)).body
    assert [ledger.name(number) for number in (executed.account, executed.counterparty)] == [ANN, BOB]
    assert (executed.size_lots, executed.value_atoms, executed.maker) == (2, 38_110_000_000, False)
    assert [event.body.amount_atoms for event in bodies(result, FeeCharged)] == [50_000_000, -10_000_000]
    reports = [event.body for event in bodies(result, FillReported)]
    assert [(one.size_lots, one.start_lots, one.fee_atoms, one.maker) for one in reports] == [
        (2, 0, 50_000_000, False),
        (-2, 0, -10_000_000, True),
    ]


def test_scales_follow_from_the_decimals_that_are_used(tmp_path: Path) -> None:
    """The lot is as fine as the finest size or position, the tick 6 decimals less: a tick of a lot is whole atoms."""
    lines = (
        block(1, *trade("BTC", "0.5", "115000.0", {"startPosition": "0.00012"})),
        block(2, *trade("PUMP", "100.0", "0.004321"), *trade("@1", "0.25", "1.5")),
    )
    listed = {one.name: one for one in (e.body for e in bodies(imported(tmp_path, *lines), InstrumentListed))}
    assert (listed["BTC"].lot_size, listed["BTC"].tick_size, listed["BTC"].multiplier_atoms) == ("0.00001", "0.1", 100)
    assert (listed["PUMP"].lot_size, listed["PUMP"].tick_size) == ("1", "0.000001")
    assert (listed["@1"].kind, listed["@1"].tick_size, listed["@1"].multiplier_atoms) == ("spot", "0.000001", 1)


def test_an_entry_follows_from_the_first_profit(tmp_path: Path) -> None:
    """Half of 10 bought at 100 is sold at 110 for a profit of 50: so the opening cost 1,000."""
    sold = {"startPosition": "10.0", "closedPnl": "50.0", "dir": "Close Long"}
    result = imported(tmp_path, block(1, *trade("SOL", "5.0", "110.0", seller=sold)))
    stated = next(bodies(result, PositionStated))
    assert (stated.origin, stated.body.size_lots, stated.body.cost_atoms) == (Origin.INFERRED, 10, 1_000 * 10**8)
    assert stated.body.provenance.row == 1
    ledger = open_run(result.run).at()
    assert ledger.accounts[ledger.account_ids[BOB]].balance_atoms == 50 * 10**8


def test_what_was_added_before_the_first_profit_is_taken_off(tmp_path: Path) -> None:
    """A short of 2 gets 2 more at 120, then 1 is closed at 100 with a profit of 10: the first two were sold at 100."""
    closing = {"address": BOB, "startPosition": "-4.0", "closedPnl": "10.0"}
    lines = (
        block(1, *trade("SOL", "2.0", "120.0", {"startPosition": "0.0"}, {"startPosition": "-2.0"})),
        block(2, *trade("SOL", "1.0", "100.0", closing, {"address": CAT}), second=1),
    )
    stated = next(bodies(imported(tmp_path, *lines), PositionStated)).body
    assert (stated.size_lots, stated.cost_atoms) == (-2, -200 * 10**8)


def test_without_a_profit_the_entry_is_not_known(tmp_path: Path) -> None:
    """A position that is only added to counts as bought at the first price, and says no row that told it."""
    result = imported(tmp_path, block(1, *trade("SOL", "1.0", "50.0", {"startPosition": "3.0"})))
    stated = next(bodies(result, PositionStated)).body
    assert (stated.size_lots, stated.cost_atoms, stated.provenance) == (3, 150 * 10**8, None)


def test_a_position_that_does_not_follow_is_stated_between_report_and_trade(tmp_path: Path) -> None:
    """One break is met once: the difference is stated behind the reports, and the next fill follows again."""
    lines = (
        block(1, *trade("SOL", "1.0", "50.0")),
        block(2, *trade("SOL", "1.0", "50.0", {"startPosition": "4.0"}, {"startPosition": "-1.0"}), second=1),
        block(3, *trade("SOL", "1.0", "50.0", {"startPosition": "5.0"}, {"startPosition": "-2.0"}), second=2),
    )
    result = imported(tmp_path, *lines)
    assert _kinds(result).count("PositionStated") == 1
    assert _kinds(result)[4:8] == ["FillReported", "FillReported", "PositionStated", "TradeExecuted"]
    assert dict(result.noted) == {"start positions that do not follow": 1}


def test_a_liquidation_against_the_book(tmp_path: Path) -> None:
    """The venue's mark, an inferred beginning and end, and the liquidated side's fill between them."""
    told = {"startPosition": "1.0", "closedPnl": "-5.0", "dir": "Close Long", "crossed": True}
    sides = trade("SOL", "1.0", "98.5", {"crossed": False}, told, **_forced(BOB))
    result = imported(tmp_path, block(1, *sides))
    run = open_run(result.run)
    filled = next(bodies(result, LiquidationFilled))
    started = run.event(filled.cause)
    marked = run.event(started.cause)
    ended = next(bodies(result, LiquidationEnded))
    assert isinstance(started.body, LiquidationStarted)
    assert (marked.origin, marked.body) == (Origin.IMPORTED, MarkPriced(0, 99_000_000, 0, 99_000_000))
    assert (filled.origin, filled.body.liquidation_id, filled.body.size_lots) == (Origin.IMPORTED, 1, -1)
    assert [type(run.event(link).body) for link in filled.links] == [FillReported, FillReported]
    assert (started.origin, ended.origin, ended.body.outcome) == (Origin.INFERRED, Origin.INFERRED, "closed")


def test_a_backstop_takes_over_into_the_position_of_a_vault(tmp_path: Path) -> None:
    """Method backstop: bankruptcy is inferred, the other side takes the position on its own leg, and is a vault."""
    sides = trade("SOL", "2.0", "90.0", {"address": VAULT, "startPosition": "1.0"}, {"startPosition": "2.0"},
                  **_forced(BOB, "backstop"))  # fmt: skip
    result = imported(tmp_path, block(1, *sides))
    taken = next(bodies(result, PositionTakenOver))
    ledger = open_run(result.run).at()
    vault = ledger.accounts[taken.body.fund]
    assert (ledger.name(vault.account), vault.kind) == (VAULT, "vault")
    assert {key: held.size_lots for key, held in vault.positions.items()} == {(0, 0): 3}
    assert (taken.body.size_lots, taken.body.value_atoms) == (2, 180 * 10**8)
    assert isinstance(open_run(result.run).event(taken.cause).body, BankruptcyDeclared)
    assert [event.body.outcome for event in bodies(result, LiquidationEnded)] == ["bankrupt"]


def test_deleveraging_is_a_round_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Two are deleveraged against one: a round of both sizes, ranks 1 and 2, each against the liquidated account."""
    against, told = {"startPosition": "-3.0"}, {"dir": "Auto-Deleveraging", "startPosition": "2.0"}
    forced = _forced(ANN, "backstop")
    sides = [
        *trade("SOL", "2.0", "90.0", against, {"address": CAT, **told}, **forced),
        *trade("SOL", "1.0", "90.0", against | {"startPosition": "-1.0"}, {**told, "startPosition": "1.0"}, **forced),
    ]
    result = imported(tmp_path, block(1, *sides))
    started = next(bodies(result, DeleveragingStarted)).body
    moved = [event.body for event in bodies(result, PositionDeleveraged)]
    ledger = open_run(result.run).at()
    assert (started.size_lots, started.value_atoms, started.candidates) == (-3, -270 * 10**8, 0)
    assert [(ledger.name(one.account), one.rank, one.size_lots) for one in moved] == [(CAT, 1, -2), (BOB, 2, -1)]
    assert {ledger.name(one.against) for one in moved} == {ANN}
    assert [event.body.closed_lots for event in bodies(result, DeleveragingEnded)] == [3]
    assert not ledger.accounts[ledger.account_ids[ANN]].positions
    assert not [one for one in bodies(result, AccountOpened) if one.body.kind == "vault"]


def test_spot_is_reported_and_moves_nothing(tmp_path: Path) -> None:
    """A pair by number or by name: start positions stay text, fees are the token's, and no account changes."""
    bought = {"fee": "0.0000003219", "feeToken": "UBTC", "startPosition": "0.1557008389", "dir": "Buy"}
    sides = trade("@142", "0.00046", "115000.0", bought), trade("PURR/USDC", "5.0", "0.2")
    result = imported(tmp_path, block(1, *sides[0], *sides[1]))
    assert _kinds(result) == ["FillReported"] * 4
    report, ledger = next(bodies(result, FillReported)).body, open_run(result.run).at()
    assert (report.start_lots, report.raw) == (None, (("start_lots", "0.1557008389"),))
    assert (report.fee_atoms, ledger.assets[report.fee_asset].name) == (3_219, "UBTC")
    assert all(not account.positions and not account.balance_atoms for account in ledger.accounts)


def test_artefacts_are_snapped_and_their_text_is_kept(tmp_path: Path) -> None:
    """What a float left behind is put right, counted, and found in the report as it was written."""
    sides = trade("SOL", "1.1", "1.0", {"startPosition": "-1544223.1000000001"})
    result = imported(tmp_path, block(1, *sides))
    report = next(bodies(result, FillReported)).body
    assert (report.start_lots, report.raw) == (-15_442_231, (("start_lots", "-1544223.1000000001"),))
    assert dict(result.noted) == {"values snapped": 1}


def test_an_artefact_alone_tells_its_decimals(tmp_path: Path) -> None:
    """Where no other value has a tenth, one that a float blurred does: the lot is as fine as what it stands for."""
    result = imported(tmp_path, block(1, *trade("SOL", "1.0", "1.0", {"startPosition": "-1544223.1000000001"})))
    assert next(bodies(result, InstrumentListed)).body.lot_size == "0.1"
    assert next(bodies(result, FillReported)).body.start_lots == -15_442_231


def test_what_is_further_off_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    """A start position that is no whole lot and no artefact either stops the import, and leaves no record."""
    lines = (
        block(1, *trade("SOL", "1.1", "1.0")),
        block(2, *trade("SOL", "1.1", "1.0", {"startPosition": "3.12345678"})),
    )
    with pytest.raises(ScenarioError, match=r"fills\.jsonl:2: trade \d+ of SOL: 3.12345678 has more than 1 decimals"):
        imported(tmp_path, *lines)
    assert not (tmp_path / "import.run").exists()


def test_a_fill_without_its_other_side(tmp_path: Path) -> None:
    """It stops the import; with skip it is kept against the outside account, recorded as such and counted."""
    line = block(1, fill(ANN, "SOL", "B", "1.0", "50.0"), *trade("SOL", "2.0", "50.0"))
    with pytest.raises(ScenarioError, match=r"fills\.jsonl:1: trade 1 of 0xa+ in SOL has one side only"):
        imported(tmp_path, line)
    result = imported(tmp_path, line, on_error="skip")
    ledger = open_run(result.run).at()
    executed, _ = bodies(result, TradeExecuted)
    assert ledger.name(executed.body.counterparty) == "outside:USDC"
    assert [(fault.reason, fault.rows) for fault in result.faults] == [("other side missing", 1)]
    assert next(bodies(result, InputRefused)).body.refused == "other side missing"


def test_gaps_between_blocks_are_recorded(tmp_path: Path) -> None:
    """Numbers that are missing are no fault, but the record says which."""
    lines = block(1, *trade("SOL", "1.0", "50.0")), block(2), block(7, second=3), block(9, second=4)
    result = imported(tmp_path, *lines)
    assert [event.body.reason for event in bodies(result, InputRefused)] == ["3 to 6 are missing", "8 to 8 are missing"]


def test_fills_a_line_are_the_same_record_as_blocks(tmp_path: Path) -> None:
    """Both layouts of a fill a line, and blocks, give the same trades; only where they were read differs."""
    first, second = trade("SOL", "1.0", "50.0"), trade("BTC", "0.1", "100000.0", {"fee": "0.25"})
    pairs = [json.dumps(side) for side in (*first, *second)]
    own = [json.dumps({"user": address, **told}) for address, told in (*first, *second)]
    found = []
    for number, lines in enumerate(([block(1, *first, *second)], pairs, own)):
        result = imported(tmp_path, *lines, name=f"{number}.run")
        moved = bodies(result, TradeExecuted, FeeCharged, MarkPriced)
        found.append([(event.at_ns, type(event.body), getattr(event.body, "value_atoms", 0)) for event in moved])
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 5


def test_misc_events_move_money_at_their_time(tmp_path: Path) -> None:
    """Deposits, withdrawals, transfers and funding become what they are; what is not of perpetuals is counted."""

    def event(second: int, **inner: Any) -> dict[str, Any]:
        return {"time": f"2025-10-27T17:00:0{second}.000000001", "hash": "0x0", "inner": inner}

    def update(second: int, whose: str, **delta: Any) -> dict[str, Any]:
        return event(second, LedgerUpdate={"users": [whose], "delta": delta})

    funding = {"user": ANN, "coin": "SOL", "funding_amount": "-0.5", "fundingRate": "0.0000125"}
    misc = [
        json.dumps({"block_time": "2025-10-27T17:00:00", "events": [update(0, ANN, type="deposit", usdc="100.0")]}),
        json.dumps(update(1, ANN, type="withdraw", usdc="30.0", nonce=1, fee="1.0")),
        json.dumps(update(2, ANN, type="internalTransfer", usdc="5.0", user=ANN, destination=CAT, fee="0.0")),
        json.dumps(event(3, Funding={"deltas": [funding]})),
        json.dumps(event(4, Delegation={"user": ANN, "amount": 5})),
        json.dumps(update(5, CAT, type="accountClassTransfer", usdc=2.5, toPerp=False)),
    ]
    result = imported(tmp_path, block(1, *trade("SOL", "1.0", "50.0"), second=9), misc=misc)
    ledger = open_run(result.run).at()
    kinds = (Deposited, Withdrawn, Transferred, FeeCharged, FundingRateSet)
    assert [type(one.body) for one in bodies(result, *kinds)] == [
        Deposited, Withdrawn, FeeCharged, Transferred, FeeCharged, FundingRateSet, Withdrawn
    ]  # fmt: skip
    assert ledger.accounts[ledger.account_ids[ANN]].balance_atoms == 6_350_000_000
    assert ledger.accounts[ledger.account_ids[CAT]].balance_atoms == 250_000_000
    assert ledger.markets[0].funding_rate_ppb == 12_500
    assert dict(result.noted) == {"not taken: Delegation": 1}
    ledger.check()


@pytest.mark.parametrize("told", [{"netWithdrawnUsd": "8.5"}, {"requestedUsd": "10.0"}], ids=["net", "worked out"])
def test_what_a_vault_pays_out_is_what_arrives(tmp_path: Path, told: dict[str, str]) -> None:
    """A deposit goes to the vault, and a withdrawal comes from it without its commission and cost of closing."""
    time, costs = "2025-10-27T17:00:00.5", {"commission": "1.0", "closingCost": "0.5"}
    deltas = (
        {"type": "vaultDeposit", "vault": VAULT, "usdc": "20.0"},
        {"type": "vaultWithdraw", "vault": VAULT, "user": ANN, **costs, **told},
    )
    misc = [json.dumps({"time": time, "inner": {"LedgerUpdate": {"users": [ANN], "delta": one}}}) for one in deltas]
    result = imported(tmp_path, block(1, *trade("SOL", "1.0", "50.0"), second=9), misc=misc)
    ledger = open_run(result.run).at()
    assert ledger.accounts[ledger.account_ids[VAULT]].balance_atoms == 1_150_000_000
    assert [event.origin for event in bodies(result, Transferred)] == [Origin.INPUT, Origin.INPUT]


def test_a_misc_event_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """It is named with its file and line; with skip it is left out and counted, as is one that comes too late."""
    update = {"LedgerUpdate": {"users": [ANN], "delta": {"type": "deposit", "usdc": "1.0"}}}
    late = [json.dumps({"time": f"2025-10-27T17:00:0{second}", "inner": update}) for second in (5, 4)]
    misc, lines = ["{}", *late], block(1, *trade("SOL", "1.0", "50.0"), second=9)
    with pytest.raises(ScenarioError, match=r"misc\.jsonl:1: "):
        imported(tmp_path, lines, misc=misc)
    result = imported(tmp_path, lines, misc=misc, on_error="skip")
    assert {fault.reason for fault in result.faults} == {"not an event", "event out of order"}
    assert len(list(bodies(result, Deposited))) == 1


def _state(**more: Any) -> dict[str, Any]:
    position = {"coin": "SOL", "szi": "2.0", "entryPx": "40.0"}
    return {
        "marginSummary": {"accountValue": "120.0", "totalRawUsd": "20.0"},
        "assetPositions": [{"type": "oneWay", "position": position}],
        "time": START_MS - 1,
        **more,
    }


@pytest.mark.parametrize("told", [_state(user=ANN), {ANN: _state()}], ids=["one", "by address"])
def test_a_snapshot_states_balance_and_entry(tmp_path: Path, told: dict[str, Any]) -> None:
    """Raw dollars and the cost of the position are the balance, so that at the venue's mark the equity is its own."""
    path = written(tmp_path, json.dumps(told), name="state.json")
    result = imported(tmp_path, block(1, *trade("SOL", "1.0", "50.0", {"startPosition": "2.0"})), snapshots=[path])
    balance, position = next(bodies(result, BalanceStated)), next(bodies(result, PositionStated))
    assert (balance.origin, balance.body.balance_atoms) == (Origin.IMPORTED, 100 * 10**8)
    assert (position.origin, position.body.cost_atoms) == (Origin.IMPORTED, 80 * 10**8)
    assert _kinds(result)[:3] == ["FillReported", "FillReported", "TradeExecuted"]


def test_a_snapshot_must_be_of_before_and_say_whose_it_is(tmp_path: Path) -> None:
    """One that was taken after the first fill would count twice what happened in between; a nameless one is refused."""
    late = written(tmp_path, json.dumps(_state(user=ANN, time=START_MS + 5)), name="late.json")
    nameless = written(tmp_path, json.dumps(_state()), name="state.json")
    for path, message in ((late, "after the first event"), (nameless, "does not say whose it is")):
        with pytest.raises(ScenarioError, match=message):
            imported(tmp_path, block(1, *trade("SOL", "1.0", "50.0")), snapshots=[path])


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The real sample, imported once."""
    return run_import(HyperliquidImporter([str(real_file(SAMPLE))]), tmp_path_factory.mktemp("real") / "sample.run")


def test_the_sample_comes_in_whole(sample: Any) -> None:
    """700 blocks, 4,924 fills in 2,462 trades of which 180 are spot and one is forced; no fault, no break."""
    counts = dict(sample.counts)
    assert (counts["FillReported"], counts["TradeExecuted"], counts["LiquidationFilled"]) == (4_924, 2_281, 1)
    assert dict(sample.noted)["spot trades, which move nothing"] == 180
    assert (sample.faults, sample.status) == ((), "complete")
    assert "start positions that do not follow" not in dict(sample.noted)


def test_the_liquidation_of_the_sample(sample: Any) -> None:
    """WLFI at 17:00:02.387: the venue's mark, liquidation 1, a short of 890 closed at 0.15327 for -11.3475."""
    run = open_run(sample.run)
    filled = next(bodies(sample, LiquidationFilled))
    marked = run.event(run.chain(filled.seq)[0])
    listing = run.directory.instruments[filled.body.instrument]
    assert (listing.name, filled.at_ns) == ("WLFI", 1_761_584_402_387_000_000)
    assert (filled.body.liquidation_id, filled.body.size_lots, filled.body.price_ticks) == (1, 890, 153_270)
    assert (marked.origin, marked.body.mark_ticks) == (Origin.IMPORTED, 153_190)
    before, after = run.before(filled.seq), run.at(seq=filled.seq)
    account = filled.body.account
    assert before.accounts[account].positions[filled.body.instrument, 0].size_lots == -890
    gained = after.accounts[account].balance_atoms - before.accounts[account].balance_atoms
    assert gained == -1_134_750_000


def test_the_laws_hold_all_through_the_sample(sample: Any) -> None:
    """Money and sizes sum to zero, and all other laws hold, at each forced fill, the last 300, and every 97th."""
    ledger, events = Ledger(), list(open_run(sample.run).events())
    for event in events:
        ledger.fold(event)
        if event.seq > len(events) - 300 or event.seq % 97 == 0 or isinstance(event.body, LiquidationFilled):
            ledger.check()
    assert ledger.ended


def test_profits_follow_wherever_the_entry_is_known(sample: Any) -> None:
    """What the ledger would realise is what the venue says, but for its rounding of entries: a tick a unit closed."""
    run, ledger = open_run(sample.run), Ledger()
    unknown, off, checked = set(), 0, 0
    for event in run.events():
        body = event.body
        if isinstance(body, PositionStated) and body.provenance is None:
            unknown.add((body.account, body.instrument))
        if isinstance(body, FillReported) and body.start_lots and (body.account, body.instrument) not in unknown:
            held = ledger.accounts[body.account].positions[body.instrument, 0]
            closed = min(abs(body.size_lots), abs(held.size_lots)) if held.size_lots * body.size_lots < 0 else 0
            multiplier = run.directory.instruments[body.instrument].multiplier_atoms
            value = closed * body.price_ticks * multiplier * (1 if held.size_lots > 0 else -1)
            profit = value - held.cost_atoms * closed // abs(held.size_lots)
            checked += 1
            off += abs(profit - body.closed_profit_atoms) > closed * multiplier + 100
        ledger.fold(event)
    assert checked > 1_000
    assert off == 0

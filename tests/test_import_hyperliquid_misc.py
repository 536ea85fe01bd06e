"""Hyperliquid beside its fills: ledger updates, notices of liquidations, snapshots, node_trades, odd coins and ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deleverage.events.bodies.inputs import BalanceStated, FillReported, TradeExecuted
from deleverage.events.bodies.liquidation import LiquidationEnded, LiquidationFilled, LiquidationStarted
from deleverage.events.bodies.listing import AccountOpened, InstrumentListed
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.envelope import Origin
from deleverage.events.errors import ScenarioError
from deleverage.handlers.valuation import margin_of
from deleverage.replay.importers.importing import ImportResult
from deleverage.replay.run import open_run

from .support.node_fills import ANN, BOB, CAT, START_MS, VAULT, block, bodies, fill, imported, trade, written

LINE = block(9, *trade("SOL", "1.0", "50.0"), second=9)
USDC = 10**8


def update(whose: str | list[str], second: str = "1", **delta: Any) -> str:
    """A line of misc_events."""
    users = [whose] if isinstance(whose, str) else whose
    return json.dumps(
        {"time": f"2025-10-27T17:00:0{second}", "inner": {"LedgerUpdate": {"users": users, "delta": delta}}}
    )


def balances(result: ImportResult) -> dict[str, int]:
    """What everyone has, in dollars of the settlement asset, who has anything."""
    ledger = open_run(result.run).at()
    ledger.check()
    kinds = ("user", "vault")
    return {
        ledger.name(one.account): one.balance_atoms // USDC
        for one in ledger.accounts
        if one.kind in kinds and one.balance_atoms
    }


SEND = {"type": "send", "user": ANN, "destination": BOB, "token": "USDC", "amount": "5.0", "fee": "1.0", "feeToken": ""}
DELTAS: dict[str, tuple[list[str] | str, dict[str, Any], dict[str, int]]] = {
    "deposit": (ANN, {"type": "deposit", "usdc": "5.0"}, {ANN: 5}),
    "withdraw": (ANN, {"type": "withdraw", "usdc": "5.0", "fee": "1.0", "nonce": 1}, {ANN: -6}),
    "internal": (ANN, {"type": "internalTransfer", "usdc": "5.0", "user": ANN, "destination": BOB}, {ANN: -5, BOB: 5}),
    "sub-account": (ANN, {"type": "subAccountTransfer", "usdc": 5, "user": ANN, "destination": BOB}, {ANN: -5, BOB: 5}),
    "send": (ANN, {**SEND, "sourceDex": "", "destinationDex": ""}, {ANN: -6, BOB: 5}),
    "send between dexes": (ANN, {**SEND, "sourceDex": "", "destinationDex": "xyz"}, {ANN: -6, BOB: 5}),
    "send from spot": (ANN, {**SEND, "sourceDex": "spot", "destinationDex": ""}, {BOB: 5}),
    "send to spot": (ANN, {**SEND, "sourceDex": "", "destinationDex": "spot"}, {ANN: -6}),
    "send of spot": (ANN, {**SEND, "sourceDex": "spot", "destinationDex": "spot"}, {}),
    "send, fee in another token": (
        ANN,
        {**SEND, "feeToken": "HYPE", "sourceDex": "", "destinationDex": ""},
        {ANN: -5, BOB: 5},
    ),
    "send of a dex' own asset": (
        ANN,
        {**SEND, "token": "USDE:0x2e6d", "sourceDex": "abc", "destinationDex": "abc"},
        {f"{ANN}:USDE": -5, f"{BOB}:USDE": 5},
    ),
    "to perpetuals": (ANN, {"type": "accountClassTransfer", "usdc": "5.0", "toPerp": True}, {ANN: 5}),
    "to a dex": (
        ANN,
        {"type": "perpDexClassTransfer", "amount": "5.0", "token": "USDC", "dex": "xyz", "toPerp": True},
        {ANN: 5},
    ),
    "vault made": (ANN, {"type": "vaultCreate", "vault": VAULT, "usdc": "5.0", "fee": "1.0"}, {ANN: -6, VAULT: 5}),
    "vault first": ([VAULT, ANN], {"type": "vaultDeposit", "vault": VAULT, "usdc": "5.0"}, {ANN: -5, VAULT: 5}),
    "vault given back": (
        [VAULT, ANN],
        {"type": "vaultDistribution", "vault": VAULT, "usdc": "5.0"},
        {ANN: 5, VAULT: -5},
    ),
    "commission of a vault unknown": (CAT, {"type": "vaultLeaderCommission", "user": CAT, "usdc": "7.0"}, {CAT: 7}),
}


@pytest.mark.parametrize("name", DELTAS)
def test_each_update_moves_what_it_says(tmp_path: Path, name: str) -> None:
    """Money of the perpetuals' accounts, and nothing else."""
    users, delta, expected = DELTAS[name]
    result = imported(tmp_path, LINE, misc=[update(users, **delta)])
    assert balances(result) == expected
    assert (result.faults, result.noted) == ((), ())


@pytest.mark.parametrize(
    "kind",
    [
        "spotTransfer",
        "spotGenesis",
        "rewardsClaim",
        "accountActivationGas",
        "deployGasAuction",
        "borrowLend",
        "cStakingTransfer",
        "activateDexAbstraction",
        "whateverComesNext",
    ],
)
def test_what_is_of_spot_or_not_known_is_counted_by_name(tmp_path: Path, kind: str) -> None:
    """It moves no perpetuals' account, and the summary says what it was."""
    misc = [update(ANN, type=kind, token="HYPE", amount="5.0", user=ANN, destination=BOB)]
    result = imported(tmp_path, LINE, misc=misc)
    assert balances(result) == {}
    assert result.noted == ((f"not taken: {kind}", 1),)


@pytest.mark.parametrize("first", ["leader", "withdrawal"])
def test_a_leader_is_paid_by_the_vault_of_the_same_time(tmp_path: Path, first: str) -> None:
    """Whichever of the two stands first, and each by the withdrawal with its own commission."""
    other = "0x" + "e" * 40
    lines = [
        update(ANN, type="vaultWithdraw", vault=VAULT, user=ANN, netWithdrawnUsd="92", commission="7.0"),
        update(ANN, type="vaultWithdraw", vault=other, user=ANN, netWithdrawnUsd="10", commission="3.0"),
        update(CAT, type="vaultLeaderCommission", user=CAT, usdc="7.00"),
    ]
    result = imported(tmp_path, LINE, misc=lines if first == "withdrawal" else lines[::-1])
    assert balances(result) == {ANN: 102, VAULT: -99, other: -10, CAT: 7}


def test_an_event_that_is_ahead_is_left_out_and_not_those_behind_it(tmp_path: Path) -> None:
    """One time of next month among deposits: the others are taken, across the files."""
    misc = [update(ANN, "1", type="deposit", usdc="1"), update(ANN, "3", type="deposit", usdc="2")]
    stray = misc[0].replace("2025-10-27", "2025-11-27")
    result = imported(tmp_path, LINE, misc=[misc[0], stray, *[misc[1]] * 2], on_error="skip")
    assert balances(result) == {ANN: 5}
    assert [(one.reason, one.rows, one.first_row) for one in result.faults] == [("event out of order", 1, 2)]


@pytest.mark.parametrize("change", [{"number": 900}, {"day": "2025-11-27"}], ids=["number", "time"])
def test_a_block_that_is_ahead_is_left_out_and_not_those_behind_it(tmp_path: Path, change: dict[str, Any]) -> None:
    """By its number or by its time: one of six goes."""
    lines = [block(number, *trade("@1", "1.0", "5.0"), second=number) for number in range(1, 7)]
    if "number" in change:
        lines[2] = lines[2].replace('"block_number": 3', '"block_number": 900')
    else:
        month_ms = 31 * 86_400_000
        lines[2] = (
            lines[2].replace("2025-10-27", change["day"]).replace(str(START_MS + 3000), str(START_MS + 3000 + month_ms))
        )
    result = imported(tmp_path, *lines, on_error="skip")
    assert [(one.reason, one.rows, one.first_row) for one in result.faults] == [("block out of order", 1, 3)]
    assert dict(result.noted)["spot trades, which move nothing"] == 5


COINS = {
    "@107": "spot",
    "xyz:TSLA": "linear",
    "PURR/USDC": "spot",
    "kPEPE": "linear",
    "#120": "spot",
    "xyz:BRK.B": "linear",
}


@pytest.mark.parametrize("coin", COINS)
def test_odd_forms_of_coins_are_taken(tmp_path: Path, coin: str) -> None:
    """Perpetuals of other dexes, multiples, pairs, numbers and outcomes end no import."""
    result = imported(tmp_path, block(1, *trade(coin, "1.0", "0.5")))
    assert [(event.body.name, event.body.kind) for event in bodies(result, InstrumentListed)] == [(coin, COINS[coin])]
    assert len(list(bodies(result, FillReported))) == 2
    assert len(list(bodies(result, TradeExecuted))) == (COINS[coin] == "linear")


def test_a_settlement_without_an_id_closes_against_the_outside(tmp_path: Path) -> None:
    """The venue's own doing has one side: each is taken, none is a fault, and positions end."""
    sides = [
        fill(ANN, "SOL", "A", "2.0", "50.0", tid=0, startPosition="2.0", dir="Settlement"),
        fill(BOB, "SOL", "B", "2.0", "50.0", tid=0, startPosition="-2.0", dir="Settlement"),
    ]
    result = imported(tmp_path, block(1, *sides), block(2, *trade("SOL", "1.0", "50.0"), second=1))
    ledger = open_run(result.run).at()
    assert result.faults == ()
    assert [ledger.name(event.body.counterparty) for event in bodies(result, TradeExecuted)][:2] == ["outside:USDC"] * 2
    ledger.check()


def _notice(**more: Any) -> str:
    told = {"accountValue": "12.5", "leverageType": "Cross", "liquidatedPositions": [{"coin": "SOL", "szi": "1.0"}]}
    return update(BOB, "0.5", type="liquidation", **{**told, **more})


def _liquidated(**told: Any) -> str:
    forced = {"liquidation": {"liquidatedUser": BOB, "markPx": "99.0", "method": "market"}}
    seller = {"startPosition": "1.0", "closedPnl": "-5.0", "dir": "Close Long", **told}
    return block(1, *trade("SOL", "1.0", "98.5", seller=seller, time=START_MS + 500, **forced))


def test_a_notice_without_a_fill_is_kept(tmp_path: Path) -> None:
    """The liquidation is recorded with its equity and ends at once; the summary counts it."""
    result = imported(tmp_path, LINE, misc=[_notice()])
    (started,), (ended,) = bodies(result, LiquidationStarted), bodies(result, LiquidationEnded)
    assert (started.origin, started.body.equity_atoms, ended.origin) == (
        Origin.IMPORTED,
        1_250_000_000,
        Origin.INFERRED,
    )
    assert result.noted == (("liquidations without a fill", 1),)


def test_an_isolated_position_beside_others_has_an_account_of_its_own(tmp_path: Path) -> None:
    """Owned by the cross account, which keeps what else there is."""
    other = block(2, *trade("ETH", "1.0", "100.0", seller={"address": BOB}), second=1)
    result = imported(tmp_path, _liquidated(), other, misc=[_notice(leverageType="Isolated")])
    ledger = open_run(result.run).at()
    opened = {event.body.name: event.body for event in bodies(result, AccountOpened)}
    isolated, cross = opened[f"{BOB}:SOL"], opened[BOB]
    assert (isolated.mode, isolated.owner, cross.mode) == ("isolated", cross.account, "cross")
    assert [event.body.account for event in bodies(result, LiquidationFilled)] == [isolated.account]
    assert [event.body.equity_atoms for event in bodies(result, LiquidationStarted)] == [1_250_000_000]
    assert {key[0] for key in ledger.accounts[cross.account].positions} == {1}


def test_a_direction_alone_tells_that_a_position_was_isolated(tmp_path: Path) -> None:
    """Without a notice the fill's own word counts, and no equity is known."""
    result = imported(tmp_path, _liquidated(dir="Liquidated Isolated Long"))
    ledger = open_run(result.run).at()
    (started,) = bodies(result, LiquidationStarted)
    assert ledger.accounts[started.body.account].mode == "isolated"
    assert (started.origin, started.body.equity_atoms) == (Origin.INFERRED, 0)


def _snapshot(**told: Any) -> dict[str, Any]:
    cross = {"coin": "SOL", "szi": "2.0", "entryPx": "40.0", "leverage": {"type": "cross"}, "positionValue": "100.0"}
    isolated = {
        "coin": "ETH",
        "szi": "-0.1",
        "entryPx": "3000.0",
        "leverage": {"type": "isolated", "rawUsd": "330.0"},
        "positionValue": "290.0",
        "marginUsed": "40.0",
    }
    return {
        "user": ANN,
        "marginSummary": {"totalRawUsd": "350.0"},
        "assetPositions": [
            {"position": {**cross, **told.pop("cross", {})}},
            {"position": {**isolated, **told.pop("isolated", {})}},
        ],
        "time": START_MS,
        **told,
    }


@pytest.mark.parametrize(
    ("told", "requirement"),
    [
        ({"cross": {"maxLeverage": 20}}, 2_500_000),
        ({"crossMaintenanceMarginUsed": "2.0"}, 2_000_000),
        ({}, 0),
    ],
    ids=["by leverage", "by what is used", "not told"],
)
def test_the_margin_rate_of_a_snapshot_gives_a_requirement(
    tmp_path: Path, told: dict[str, Any], requirement: int
) -> None:
    """Half of the initial margin at the greatest leverage, or what is used of what is held, at the snapshot's mark."""
    path = written(tmp_path, json.dumps(_snapshot(**told)), name="state.json")
    result = imported(tmp_path, LINE, snapshots=[path])
    run = open_run(result.run)
    first = next(bodies(result, FillReported)).seq
    ledger = run.before(first)
    margin = margin_of(ledger.accounts[ledger.account_ids[ANN]], ledger)
    assert margin.requirement_microatoms == requirement * 10**8
    assert margin.equity_atoms == (350 - 330 + 100) * USDC
    assert [event.origin for event in bodies(result, MarkPriced)][:2] == [Origin.IMPORTED] * 2


@pytest.mark.parametrize("told", [{}, {"leverage": {"type": "isolated"}}], ids=["raw dollars", "margin used"])
def test_isolated_stays_isolated(tmp_path: Path, told: dict[str, Any]) -> None:
    """With its own dollars behind it, which are not the cross account's; its equity is the venue's own margin."""
    path = written(tmp_path, json.dumps(_snapshot(isolated=told)), name="state.json")
    result = imported(tmp_path, LINE, snapshots=[path])
    ledger = open_run(result.run).at()
    isolated = ledger.accounts[ledger.account_ids[f"{ANN}:ETH"]]
    assert (isolated.mode, isolated.owner) == ("isolated", ledger.account_ids[ANN])
    assert margin_of(isolated, ledger).equity_atoms == 40 * USDC
    assert {
        ledger.name(event.body.account): event.body.balance_atoms // USDC for event in bodies(result, BalanceStated)
    } == {
        ANN: 350 - 330 + 80,
        f"{ANN}:ETH": 330 - 300,
    }


def test_an_isolated_position_that_does_not_say_what_stands_behind_it_is_refused(tmp_path: Path) -> None:
    """Neither raw dollars nor margin: there is no balance to state."""
    told = {"leverage": {"type": "isolated"}, "marginUsed": None}
    path = written(tmp_path, json.dumps(_snapshot(isolated=told)), name="state.json")
    with pytest.raises(ScenarioError, match=r"state.json:1: the isolated position in ETH does not say"):
        imported(tmp_path, LINE, snapshots=[path])


def _node_trade(size: str = "1.0", **told: Any) -> dict[str, Any]:
    sides = [{"user": user, "start_pos": start, "oid": oid} for user, start, oid in ((ANN, "1.0", 1), (BOB, "-1.0", 2))]
    body = {"coin": "SOL", "side": "A", "time": "2025-03-26T13:00:00.5", "px": "50.0", "sz": size, "hash": "0x0"}
    return {**body, "trade_dir_override": "Na", "side_info": sides, **told}


@pytest.mark.parametrize("by_block", [False, True])
def test_node_trades_come_a_line_or_by_block(tmp_path: Path, by_block: bool) -> None:
    """The seller takes; one that stands twice is found though it has no id; an override is the direction."""
    trades = [_node_trade(), _node_trade("2.0", trade_dir_override="Odd"), _node_trade()]
    whole = {"block_time": "2025-03-26T13:00:00.5", "block_number": 7, "events": trades}
    lines = [json.dumps(whole)] if by_block else [json.dumps(one) for one in trades]
    result = imported(tmp_path, *lines, on_error="skip")
    assert [event.body.size_lots for event in bodies(result, TradeExecuted)] == [-1, -2]
    assert [event.body.direction for event in bodies(result, FillReported)] == ["", "", "Odd", "Odd"]
    assert {one.reason for one in result.faults} == {"trade twice"}


def test_a_line_of_no_known_layout_names_what_was_expected(tmp_path: Path) -> None:
    """Such as the statuses of orders, which are written beside the fills."""
    with pytest.raises(ScenarioError, match=r"fills.jsonl:1: .*expected \[address, fill\].*node_trades.*or a block"):
        imported(tmp_path, json.dumps({"time": "2025-03-26T13:00:00", "user": ANN, "status": "open", "order": {}}))
    with pytest.raises(ScenarioError, match=r"fills.jsonl:1: the line of node_trades cannot be read"):
        imported(tmp_path, json.dumps(_node_trade(side_info=[])))

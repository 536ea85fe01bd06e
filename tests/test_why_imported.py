"""`why` of what was imported: what the venue said, what is inferred, and its order against the published formulas."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import FillReported, InputRefused, TradeExecuted
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationStarted, PositionTakenOver
from deleverage.events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event, Origin
from deleverage.events.errors import QueryError
from deleverage.handlers.policies.adl.choices import ADL_POLICIES
from deleverage.replay.importers.audit.audit import audit_of
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.accounts import befallen
from deleverage.replay.why.explain import explain
from deleverage.replay.why.ranking import round_events
from deleverage.replay.why.venue.explain import _side, with_formula
from deleverage.replay.why.venue.published import FormulaTest, Published
from deleverage.replay.why.venue.taken_in import Reported
from deleverage.sim.quantities import Quantity, Scale

from .support import node_fills
from .support.adl_table import TABLE, imported, row
from .support.command_line import call
from .support.node_fills import ANN, BOB, CAT, block, trade
from .test_sources_real import real


def find(run: Run, kind: type) -> int:
    """The number of the first event of a type."""
    return next(event.seq for event in run.events() if isinstance(event.body, kind))


FORCED = {"liquidatedUser": ANN, "markPx": "99", "method": "market"}


def liquidated(folder: Path) -> Run:
    """ANN, long 5, is liquidated at 98 against BOB; CAT trades with BOB besides."""
    sold = {"address": ANN, "startPosition": "5.0", "closedPnl": "-10.0", "fee": "0.5", "dir": "Close Long"}
    forced = trade("ETH", "5", "98", {"address": BOB}, sold, liquidation=FORCED)
    other = trade("ETH", "1", "97", {"address": CAT}, {"address": BOB, "startPosition": "5.0", "closedPnl": "-1.0"})
    return open_run(node_fills.imported(folder, block(1, *forced), block(2, *other, second=1)).run)


def test_a_liquidation_is_told_as_the_venue_reported_it(tmp_path: Path) -> None:
    """Who, how much, at which price and mark, with which profit and entry, against whom, from which line."""
    run = liquidated(tmp_path)
    answer = explain(run, find(run, LiquidationFilled))
    told = answer.paragraph
    for part in (
        ANN,
        BOB,
        "liquidated",
        "on the market",
        "sold 5 ETH at 98",
        "1.01% below the mark of 99.000000 (event",
    ):
        assert part in told
    assert "which cost the liquidated account 5.00000000 USDC" in told
    assert "went from 5 to 0 with a realised loss of 10.00000000 USDC and a fee" in told
    assert "so its entry was 100.000000)" in told
    assert "imported from fills.jsonl, line 1: no handler of this record decided it" in told
    assert answer.story is None
    assert answer.event.evidence is None


def test_imported_and_inferred_are_told_apart(tmp_path: Path) -> None:
    """Reports, mark and fill are imported; the opening position, the beginning and the end are inferred."""
    run = liquidated(tmp_path)
    taken = explain(run, find(run, LiquidationFilled)).taken_in
    assert taken is not None
    assert (taken.origin, taken.file, taken.line) == ("imported", "fills.jsonl", 1)
    assert [side.name for side in taken.reported] == [BOB, ANN]
    assert (str(taken.reported[1].before), str(taken.reported[1].after)) == ("5 ETH", "0 ETH")
    assert [(one.file, one.line) for one in taken.imported if "marked at 99" in one.text] == [("fills.jsonl", 1)]
    inferred = " ".join(one.text for one in taken.inferred)
    for part in ("is taken to hold long 5 ETH", "liquidation 1", "began", "ended: closed"):
        assert part in inferred
    assert "equity" not in inferred
    assert all(one.rule is None for one in taken.imported)
    assert all(one.rule for one in taken.inferred)


def test_the_start_of_a_liquidation_says_what_is_not_published(tmp_path: Path) -> None:
    """It is inferred, and gives no equity and no requirement."""
    run = liquidated(tmp_path)
    answer = explain(run, find(run, LiquidationStarted))
    assert "The equity and the requirement that the venue compared are not published." in answer.paragraph
    assert "This is inferred: no file states it" in answer.paragraph


@pytest.mark.parametrize(
    ("kind", "told"), [(FillReported, "it is one side of event"), (TradeExecuted, "an ordinary trade, in which nobody")]
)
def test_reports_and_ordinary_trades_are_told_too(tmp_path: Path, kind: type, told: str) -> None:
    """A report names the event that it belongs to, a trade says that nobody was forced."""
    run = liquidated(tmp_path)
    assert told in explain(run, find(run, kind)).paragraph


def test_what_befell_an_account_is_its_liquidation(tmp_path: Path) -> None:
    """Of ANN: the beginning, the fill, the end, and the fill in full; of CAT, who only traded, nothing."""
    run = liquidated(tmp_path)
    found = befallen(run, run.directory.find_account(ANN))
    assert [step.type for step in found.befell] == ["LiquidationStarted", "LiquidationFilled", "LiquidationEnded"]
    assert found.answer is not None
    assert found.answer.event.type == "LiquidationFilled"
    assert befallen(run, run.directory.find_account(CAT)).answer is None


@cache
def _published(path: Path) -> Published:
    run = open_run(path)
    published = explain(run, find(run, PositionDeleveraged)).published
    assert published is not None
    return published


def formula(found: Published, policy: str) -> FormulaTest:
    """One of the formulas."""
    return next(one for one in found.formulas if one.policy == policy)


def accounts(one: FormulaTest) -> Sequence[str]:
    """The accounts in the order of a formula."""
    return [place.name for place in one.places]


def test_a_round_is_held_against_every_published_formula(tmp_path: Path) -> None:
    """Each policy is there; the leveraged one is first by profit and leverage, and would give all it has."""
    found = _published(Path(imported(tmp_path, *TABLE).run))
    assert [one.policy for one in found.formulas] == [policy.policy for policy in ADL_POLICIES]
    assert (found.fills, found.size.number) == (4, 34)
    leverage = formula(found, "profit-leverage")
    assert accounts(leverage) == ["0xb", "0xa", "0xd", "0xc"]
    assert [place.would_give.number for place in leverage.places] == [10, 10, 10, 4]
    assert [place.gave.number for place in leverage.places] == [10, 10, 4, 10]
    assert [place.realised_rank for place in leverage.places] == [2, 1, 4, 3]
    assert (leverage.agreeing, leverage.differing, leverage.pairs, leverage.tau_b) == (3, 2, 6, "0.183")
    assert (leverage.chance, leverage.chance_text, leverage.in_common.number) == ("1/2", "0.500", 28)
    assert formula(found, "dydx").not_tested == "it scans accounts from a random place, and ranks nobody"
    assert formula(found, "gmx").not_tested == "it gives all of them the same score"


def test_formulas_of_one_order_are_one_test(tmp_path: Path) -> None:
    """Those that rank these accounts alike name each other, and the correction is for the orders, not the formulas."""
    found = _published(Path(imported(tmp_path, *TABLE).run))
    tested = [one for one in found.formulas if one.not_tested is None]
    orders = {frozenset((one.policy, *one.same_as)) for one in tested}
    assert sum(map(len, orders)) == len(tested)
    assert len(orders) == found.tests < len(tested)
    assert all((one.agreeing, one.corrected) == (formula(found, two).agreeing, formula(found, two).corrected)
               for one in tested for two in one.same_as)  # fmt: skip


def test_too_few_accounts_say_nothing_about_an_order(tmp_path: Path) -> None:
    """Of four accounts, two of equal score, perfect agreement is one order of 12: no test could tell."""
    found = _published(Path(imported(tmp_path, *TABLE).run))
    assert not found.can_tell
    assert f"even perfect agreement would have a chance of {found.least_corrected}" in found.verdict


def test_no_formula_takes_more_than_was_closed_or_than_anyone_holds(tmp_path: Path) -> None:
    """Each shares out what the round closed, at most, and nobody gives more than it has."""
    found = _published(Path(imported(tmp_path, *TABLE).run))
    for one in found.formulas:
        given = [place.would_give.number for place in one.places]
        assert 0 < sum(given) <= found.size.number
        assert all(lots <= abs(place.size.number) for lots, place in zip(given, one.places, strict=True))
        assert one.taken == sum(lots > 0 for lots in given)


@pytest.mark.parametrize("kind", [DeleveragingStarted, DeleveragingEnded])
def test_the_round_itself_has_the_comparison_as_well(tmp_path: Path, kind: type) -> None:
    """Asked of the beginning or the end of a round it is the same."""
    run = open_run(imported(tmp_path, *TABLE).run)
    assert explain(run, find(run, kind)).published == _published(run.path)


def test_the_caveats_stand_in_every_answer(tmp_path: Path) -> None:
    """Isolated margin is unknown, and the reconstruction is not the venue's own."""
    caveats = " ".join(_published(Path(imported(tmp_path, *TABLE).run)).caveats).lower()
    for part in ("isolated", "reconstructed by others", "candidates are the accounts", "flat rate"):
        assert part in caveats


def test_one_formula_can_be_shown_whole(tmp_path: Path) -> None:
    """`--under` names it; a name that is none is refused with the nearest, and so is an event of no round."""
    run = open_run(imported(tmp_path, *TABLE).run)
    answer = explain(run, find(run, PositionDeleveraged))
    assert with_formula(answer, "okx").published is not None
    with pytest.raises(QueryError, match="the nearest are okx"):
        with_formula(answer, "okxx")
    forced = liquidated(tmp_path)
    with pytest.raises(QueryError, match="no part of a round"):
        with_formula(explain(forced, find(forced, LiquidationFilled)), "okx")
    told = call("why", run.path, str(answer.event.seq), "--under", "okx")
    assert "The whole ranking under okx" in told.stdout
    assert told.exit_code == 0


@pytest.mark.parametrize("option", [("--flips",), ("--not", "0xb")])
def test_what_a_venue_does_not_publish_is_refused(tmp_path: Path, option: tuple[str, ...]) -> None:
    """Nothing can be executed again, and nobody knows whom it passed over."""
    run = open_run(imported(tmp_path, *TABLE).run)
    told = call("why", run.path, str(find(run, PositionDeleveraged)), *option)
    assert told.exit_code == 2
    assert "taken in from a venue" in told.stderr


@pytest.mark.parametrize("options", [(), ("--format", "md"), ("--json",)])
def test_the_command_shows_text_markdown_and_json(tmp_path: Path, options: tuple[str, ...]) -> None:
    """All three name the formulas; JSON has every place of each."""
    run = open_run(imported(tmp_path, *TABLE).run)
    told = call("why", run.path, str(find(run, PositionDeleveraged)), *options)
    assert told.exit_code == 0, told.stderr
    assert "hyperliquid-reverse-engineered" in told.stdout
    if options == ("--json",):
        found = json.loads(told.stdout)
        assert found["taken_in"]["line"] == 2
        assert all(len(one["places"]) == 4 for one in found["published"]["formulas"])


def test_the_liquidation_of_27_october(tmp_path: Path) -> None:
    """WLFI, 17:00:02.387 UTC: one trade, two fills, 890 at 0.15327 with the mark at 0.15319, a loss of 11.3475."""
    file = real("hyperliquid-node-fills-2025-10-27.jsonl.gz")
    assert call("import", "hyperliquid", file, "-o", tmp_path / "h.run").exit_code == 0
    run = open_run(tmp_path / "h.run")
    user = "0xa59f55114ccb120487c4fb5766cb89b123c13563"
    found = befallen(run, run.directory.find_account(user))
    assert found.answer is not None
    assert found.answer.event.at == "2025-10-27T17:00:02.387Z"
    told = found.answer.paragraph
    for part in (
        f"the venue liquidated {user} on the market: it bought 890 WLFI at 0.153270",
        "0.05% above the mark of 0.153190 (event",
        "from 0x622450a3048ae44a5c54e2b54c91b082313e1d23",
        "went from -890 to 0 with a realised loss of 11.34750000 USDC and a fee of",
        "so its entry was 0.140520)",
        "The other side went from -121,769 to -122,659",
        "line 28: no handler of this record decided it",
    ):
        assert part in told
    assert found.answer.taken_in is not None
    assert len(found.answer.taken_in.reported) == 2


def _avax(folder: Path) -> Path:
    file = real("hyperliquid-adl-batch-avax-2025-10-10.csv")
    path = folder / "a.run"
    assert call("import", "adl-table", file, "-o", path, "--mark", "AVAX=22.025").exit_code == 0
    return path


def test_no_formula_explains_the_batch_of_avax(tmp_path: Path) -> None:
    """Of 16 formulas with 9 orders the least chance is 0.031, which is 0.283 corrected for nine tests."""
    found = _published(_avax(tmp_path))
    assert (found.fills, found.accounts, found.tests, found.is_exact, found.can_tell) == (50, 50, 9, True, True)
    assert sum(one.not_tested is None for one in found.formulas) == 16
    assert not any(one.is_beyond_chance for one in found.formulas)
    leverage, binance = formula(found, "profit-leverage"), formula(found, "binance")
    assert (leverage.agreeing, leverage.differing, leverage.tau_b, leverage.chance_text) == (675, 550, "0.102", "0.151")
    assert leverage.same_as == ("bitmex", "bybit", "okx", "hyperliquid-reverse-engineered")
    assert (found.nearest, binance.chance_text, binance.corrected_text) == ("binance", "0.031", "0.283")
    assert "None agrees with it by more than chance at the level of 5%" in found.verdict
    last = next(place for place in leverage.places if place.name == "0x4a96036f")
    assert (last.rank, last.would_give.text, last.gave.text, last.realised_rank) == (30, "64,331.25", "58,141.87", 50)


def test_the_last_fill_of_avax_is_the_only_one_in_part(tmp_path: Path) -> None:
    """49 closed whole, the last 58,141.87 of 91,850.00: what a queue leaves, with a chance of 1 in 50 elsewhere."""
    run = open_run(_avax(tmp_path))
    answer = explain(run, find(run, PositionDeleveraged))
    assert answer.batch is not None
    closed = answer.batch.closed
    assert (closed.pattern, closed.whole, closed.in_part, closed.unknown) == ("last_in_part", 49, 1, 0)
    assert "58,141.87 of 91,850.00 AVAX, 63.30%, with 33,708.13 left" in closed.text
    assert "a chance of 1 in 50" in closed.text
    assert answer.batch.own.size.text == "84,454.65"
    told = call("why", run.path, str(answer.event.seq), "--all").stdout
    assert all(f"  {fill.seq} " in told for fill in answer.batch.fills)


@pytest.mark.parametrize("place", [0, 4])
def test_a_line_on_the_wrong_side_in_time_shows_another_order(tmp_path: Path, place: int) -> None:
    """A row of a later instant before the batch, or of an earlier one behind it: nothing is tested; in order it is."""
    other = row(9, "0xe", time_ms="1760130974831" if place == 0 else "1760130954831")
    for name, where, disorder in (("wrong.run", place, True), ("right.run", 4 - place, False)):
        lines = [*TABLE[:where], other, *TABLE[where:]]
        numbered = [f"{number},{line.partition(',')[2]}" for number, line in enumerate(lines)]
        run = open_run(imported(tmp_path, *numbered, name=name).run)
        taken = (event for event in run.events() if isinstance(event.body, PositionDeleveraged))
        answer = explain(run, list(taken)[2].seq)
        assert answer.batch is not None
        assert answer.published is not None
        assert (answer.batch.disorder is not None) is disorder
        assert (answer.published.tests == 0) is disorder
        assert answer.batch.closed.pattern == ("one_in_part" if disorder else "last_in_part")


def test_a_file_that_something_else_sorted_tells_no_order(tmp_path: Path) -> None:
    """The sample is sorted by leverage: its order within an instant would agree with leverage, and is not tested."""
    path = tmp_path / "s.run"
    assert (
        call("import", "adl-table", real("hyperliquid-adl-fills-sample-2025-10-10.csv.gz"), "-o", path).exit_code == 0
    )
    found = _published(path)
    assert found.tests == 0
    assert "The file is not in order of time" in found.verdict


def forced_sides() -> list[node_fills.Side]:
    """ANN, short 3, is closed against CAT, deleveraged by 2, and BOB, deleveraged by 1."""
    told, forced = {"dir": "Auto-Deleveraging"}, {"liquidation": {**FORCED, "method": "backstop"}}
    first = trade(
        "SOL", "2.0", "99.0", {"startPosition": "-3.0"}, {"address": CAT, "startPosition": "2.0", **told}, **forced
    )
    second = trade("SOL", "1.0", "99.0", {"startPosition": "-1.0"}, {"startPosition": "1.0", **told}, **forced)
    return [*first, *second]


def test_deleveraging_in_node_fills_is_told_and_audited(tmp_path: Path) -> None:
    """The venue's own reductions: who, against whom, as which of its batch; every side pairs off with what moved."""
    run = open_run(node_fills.imported(tmp_path, block(1, *forced_sides())).run)
    answer = explain(run, find(run, PositionDeleveraged))
    assert f"the venue made {CAT} sell all of the 2 SOL that it was long, at 99" in answer.paragraph
    assert f"to close a position of {ANN} (auto-deleveraging)" in answer.paragraph
    assert answer.published is not None
    assert answer.published.size.number == 3
    assert answer.published.caveats[0] == "Of 2 accounts taken, 2 have no balance in the record."
    found = audit_of(run)
    assert found.holds
    assert [(one.checked, one.holding) for one in found.laws if one.law == "sides"] == [(2, 2)]


def test_a_takeover_in_node_fills_is_told_and_audited(tmp_path: Path) -> None:
    """The backstop's own account took the position, at which price, and how far from the mark."""
    sides = trade("SOL", "2.0", "90.0", {"address": CAT}, {"address": ANN, "startPosition": "2.0"},
                  liquidation={**FORCED, "method": "backstop"})  # fmt: skip
    run = open_run(node_fills.imported(tmp_path, block(1, *sides)).run)
    told = explain(run, find(run, PositionTakenOver)).paragraph
    assert f"the venue liquidated {ANN} through its backstop: {CAT} took long 2 SOL over at 90" in told
    assert "9.09% below the mark of 99.000000 (event" in told
    assert "which cost the liquidated account 18.00000000 USDC" in told
    assert audit_of(run).holds


def test_rounds_of_one_block_are_told_apart(tmp_path: Path) -> None:
    """Two coins deleveraged by turns in one block are two rounds, each with its own fills."""
    told, forced = {"dir": "Auto-Deleveraging"}, {"liquidation": {**FORCED, "method": "backstop"}}
    sides = [
        side
        for start in ("2.0", "1.0")
        for coin, other in (("SOL", BOB), ("ETH", CAT))
        for side in trade(
            coin,
            "1.0",
            "90.0",
            {"startPosition": f"-{start}"},
            {"address": other, "startPosition": start, **told},
            **forced,
        )
    ]
    run = open_run(node_fills.imported(tmp_path, block(1, *sides)).run)
    fills = [event for event in run.events() if isinstance(event.body, PositionDeleveraged)]
    assert [event.body.round for event in fills] == [1, 2, 1, 2]
    for number in (1, 2):
        told_of = next(round_events(run, event) for event in run.events() if _starts(event, number))
        assert [event.seq for event in told_of.reductions] == [fill.seq for fill in fills if fill.body.round == number]
        assert told_of.ended is not None
        assert told_of.ended.body.round == number


def _starts(event: Event, number: int) -> bool:
    return isinstance(event.body, DeleveragingStarted) and event.body.round == number


ETH, QUOTE = Scale(Decimal(1), "ETH", "lots"), Scale(Decimal(1), "quote", "ticks")
USDC = Scale(Decimal("0.1"), "USDC", "atoms")
LOSS, ENTRY = "a realised loss of 10.0 USDC", "; so its entry was 100"
SIDE = Reported(
    seq=1,
    account=4,
    name="ann",
    direction="Close Long",
    traded=Quantity(-5, ETH),
    price=Quantity(98, QUOTE),
    maker=False,
    before=Quantity(5, ETH),
    after=Quantity(0, ETH),
    closed_profit=Quantity(-100, USDC),
    entry=Quantity(100, QUOTE),
    fee=Quantity(5, USDC),
    printed=(),
)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, f"went from 5 to 0 with {LOSS} and a fee of 0.5 USDC (Close Long, event 1{ENTRY})."),
        ({"fee": None}, f"went from 5 to 0 with {LOSS} (Close Long, event 1{ENTRY})."),
        (
            {"fee": Quantity(-5, USDC), "entry": None},
            "went from 5 to 0 with a rebate of 0.5 USDC (Close Long, event 1).",
        ),
        ({"closed_profit": None, "entry": None}, "went from 5 to 0 with a fee of 0.5 USDC (Close Long, event 1)."),
        ({"entry": None, "fee": None}, "went from 5 to 0 (Close Long, event 1)."),
        ({"entry": None, "fee": None, "direction": ""}, "went from 5 to 0 (event 1)."),
        ({"before": None, "entry": None}, "with a fee of 0.5 USDC (Close Long, event 1)."),
        ({"before": None, "entry": None, "fee": None}, None),
    ],
)
@pytest.mark.parametrize(("account", "which"), [(4, "The liquidated side"), (5, "The other side")])
def test_a_side_is_told_as_far_as_it_is_known(
    changes: dict[str, Any], told: str | None, account: int, which: str
) -> None:
    """What the venue says of a side stands there, what it does not say does not, and nothing is left hanging."""
    body = LiquidationFilled(
        liquidation_id=1,
        order_id=1,
        trade_id=1,
        account=account,
        counterparty=1,
        instrument=0,
        leg=0,
        size_lots=-5,
        price_ticks=98,
        value_atoms=-490,
        left_lots=0,
        eaten_lots=0,
    )
    assert _side(msgspec.structs.replace(SIDE, **changes), body) == ("" if told is None else f"{which} {told}")


LOSER = f"0x{'f' * 40}"


def held(address: str, size: str, entry: str, raw: str) -> dict[str, Any]:
    """A clearinghouse state: one cross position in SOL, and the raw dollars beside it."""
    value = str(abs(float(size)) * 100)
    position = {"coin": "SOL", "szi": size, "entryPx": entry, "leverage": {"type": "cross"}, "positionValue": value}
    return {"user": address, "marginSummary": {"totalRawUsd": raw}, "assetPositions": [{"position": position}],
            "time": node_fills.START_MS}  # fmt: skip


def address(number: int) -> str:
    """An address by number."""
    return f"0x{number:040x}"


def deleveraged(folder: Path, order: Sequence[int], known: Sequence[int], *, last: str = "2.0") -> Run:
    """LOSER, long, is closed against shorts in this order, each of 2 from 110.

    `known` have a state with more cash the higher their number, so that the lower ones have more leverage.
    """
    told = {"dir": "Auto-Deleveraging"}
    forced = {"liquidation": {**FORCED, "liquidatedUser": LOSER, "markPx": "100", "method": "backstop"}}
    start, sides = 2.0 * len(order), []
    for number in order:
        size = last if number == order[-1] else "2.0"
        buyer = {"address": address(number), "startPosition": "-2.0", "closedPnl": str(10 * float(size)), **told}
        sides += trade("SOL", size, "100.0", buyer, {"address": LOSER, "startPosition": str(start)}, **forced)
        start -= float(size)
    states = [held(address(number), "-2.0", "110.0", str(200 + 30 * number)) for number in known]
    path = node_fills.written(folder, json.dumps({one["user"]: one for one in states}), name="state.json")
    return open_run(node_fills.imported(folder, block(1, *sides), snapshots=[path] if states else []).run)


def test_who_was_passed_over_is_named_where_the_record_knows(tmp_path: Path) -> None:
    """Of eight states two were not taken: one of more leverage than some who were, one of less than all of them."""
    run = deleveraged(tmp_path, order=[1, 2, 4, 5, 6, 7], known=range(1, 9))
    answer = explain(run, find(run, PositionDeleveraged))
    assert answer.published is not None
    found = answer.published.passed_over
    assert (found.holders, found.known, found.in_profit) == (2, 2, 2)
    assert found.before["profit-leverage"] == 1
    assert found.before["min-max-integer"] == 2
    assert [one.name for one in found.before_by_all] == [address(3)]
    assert (found.before_by_all[0].ranks["profit-leverage"], found.before_by_all[0].entry.text) == (3, "110.000000")
    assert f"{address(3)} (short 2 SOL from 110.000000, profit 20.00000000 USDC" in found.text
    assert "Accounts that the files do not name may have held it too." in found.text


def test_a_queue_by_leverage_is_found_to_be_one(tmp_path: Path) -> None:
    """Six taken in the order of their leverage: one of 720 orders, for each of few tests, is beyond chance."""
    run = deleveraged(tmp_path, order=[1, 2, 4, 5, 6, 7], known=range(1, 9))
    answer = explain(run, find(run, PositionDeleveraged))
    assert answer.published is not None
    leverage = formula(answer.published, "profit-leverage")
    assert (leverage.tau_b, leverage.chance, leverage.is_beyond_chance) == ("1.000", "1/720", True)
    assert "By more than chance at the level of 5%" in answer.published.verdict
    assert "profit-leverage" in answer.paragraph
    assert "though 1 who were not taken stand before somebody who was" in answer.published.verdict


def test_without_balances_nothing_is_tested_that_asks_for_them(tmp_path: Path) -> None:
    """Fills alone tell entries and no account values: formulas that ask for one are not tested."""
    run = deleveraged(tmp_path, order=[1, 2, 4, 5, 6, 7], known=[])
    answer = explain(run, find(run, PositionDeleveraged))
    assert answer.published is not None
    assert formula(answer.published, "bybit").not_tested == "no file states the account values, which it asks for"
    assert answer.published.passed_over.holders == 0
    assert "the files name only who traded" in answer.published.passed_over.text
    assert "record lacks the figures" in answer.published.verdict


@pytest.mark.parametrize("options", [(), ("--all",)])
def test_the_whole_batch_comes_out(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The fills sum to what the round was to close; shortened, the ends are shown and the rest is counted."""
    run = deleveraged(tmp_path, order=range(1, 15), known=range(1, 15), last="0.5")
    answer = explain(run, find(run, PositionDeleveraged))
    assert answer.batch is not None
    assert answer.batch.own.size == answer.batch.own.to_close
    assert answer.batch.own.size.number == sum(one.size.number for one in answer.batch.fills)
    assert answer.batch.closed.pattern == "last_in_part"
    assert str(answer.batch.fills[-1].after).startswith("-1.5 ")
    told = call("why", run.path, str(answer.event.seq), *options).stdout
    assert ("--all shows them" in told) is not bool(options)
    assert (f" {address(8)} " in told.partition("The whole batch")[2].partition("come to")[0]) is bool(options)
    assert "14 fills of 14 accounts come to 26.5 SOL" in told


@pytest.mark.parametrize("name", ["adl-table", "hyperliquid", "tardis"])
def test_every_inferred_event_has_a_rule(tmp_path: Path, name: str) -> None:
    """Whatever an importer infers, `why` of it says by which rule, and says nothing else of it as if it were stated."""
    if name == "adl-table":
        later = row(4, "0xe", time_ms="1760130974831")
        run = open_run(imported(tmp_path, *TABLE, later).run)
        assert find(run, InputRefused)
    elif name == "hyperliquid":
        run = deleveraged(tmp_path, order=[1, 2, 3], known=range(1, 5))
    else:
        rows = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n" + "".join(
            f"bybit,BTCUSDT,17600544000000{row},17600544001000{row},,sell,121000.{row},1\n" for row in range(10, 13)
        )
        file = tmp_path / "bybit_liquidations_2025-10-10_BTCUSDT.csv"
        file.write_text(rows)
        assert call("import", "tardis", file, "-o", tmp_path / "t.run").exit_code == 0
        run = open_run(tmp_path / "t.run")
    kinds = {type(event.body): event.seq for event in run.events() if event.origin is Origin.INFERRED}
    assert len(kinds) > 5
    for seq in kinds.values():
        answer = explain(run, seq)
        assert answer.taken_in is not None
        own = next(one for one in answer.taken_in.inferred if one.seq == seq)
        assert own.rule
        assert f"The rule: {own.rule}." in answer.paragraph


CENTS = st.integers(1, 10_000).map(lambda cents: Decimal(cents) / 100)
SIZES = st.integers(1, 999).map(lambda tenths: Decimal(tenths) / 10)
ROWS = st.lists(st.tuples(SIZES, SIZES, CENTS, st.booleans()), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(ROWS, CENTS, CENTS)
def test_what_a_page_says_of_a_reduction_comes_out(
    rows: list[tuple[Decimal, Decimal, Decimal, bool]], price: Decimal, mark: Decimal
) -> None:
    """Size x price is the value, distance from the mark x size what it cost, and the words fit the signs."""
    lines = []
    for number, (one, other, entry, short) in enumerate(rows):
        size, position = min(one, other), max(one, other) * (-1 if short else 1)
        profit = (price - entry) * size * (-1 if short else 1)
        facts = {"adl_price": price, "adl_size": size, "closed_pnl": profit, "position_size": position}
        facts |= {"entry_price": entry, "total_unrealized_pnl": 0, "account_value_cash": 1000}
        lines.append(row(number, f"0x{number}", **{name: str(figure) for name, figure in facts.items()}))
    with TemporaryDirectory() as folder:
        run = open_run(imported(Path(folder), *lines, marks={"AVAX": mark}).run)
        for event in run.events():
            if isinstance(event.body, PositionDeleveraged):
                number = int(run.directory.accounts[event.body.account].name, 16)
                _comes_out(explain(run, event.seq).paragraph, rows[number], price, mark)


def _comes_out(told: str, fill: tuple[Decimal, Decimal, Decimal, bool], price: Decimal, mark: Decimal) -> None:
    def figure(pattern: str) -> Decimal:
        found = re.search(pattern, told)
        assert found, (pattern, told)
        return Decimal(found[1].replace(",", ""))

    one, other, entry, short = fill
    size = min(one, other)
    assert ("buy back" in told, "short" in told) == (short, short)
    assert figure(r"(?:buy back|sell) (?:all of the )?([\d,.]+) ") == size
    assert figure(r"at ([\d,.]+), for") * size == figure(r"for ([\d,.]+) USDC in all") == size * price
    if price == mark:
        assert "a price of" in told
    else:
        assert ("above" if price > mark else "below") in told
        worse = (price > mark) is short
        assert figure(rf"which {'cost' if worse else 'brought'} it ([\d,.]+) USDC") == abs(price - mark) * size
        away = abs(price - mark) / mark * 100
        assert "less than 0.01%" in told or abs(figure(r"That is ([\d,.]+)%") - away) <= Decimal("0.005")
    profit = (price - entry) * (-1 if short else 1)
    realised = figure(rf"a realised {'loss' if profit < 0 else 'profit'} of ([\d,.]+) USDC")
    assert abs(figure(r"its entry was ([\d,.]+)\)") - price) * size == realised == abs(profit) * size

"""`why` of what was imported: what the venue said, what is inferred, and its order against the published formulas."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deleverage.events.bodies.inputs import FillReported, TradeExecuted
from deleverage.events.bodies.liquidation import LiquidationFilled, LiquidationStarted, PositionTakenOver
from deleverage.events.bodies.waterfall import DeleveragingEnded, DeleveragingStarted, PositionDeleveraged
from deleverage.events.envelope import Event
from deleverage.events.errors import QueryError
from deleverage.handlers.policies.adl.choices import ADL_POLICIES
from deleverage.replay.importers.audit.audit import audit_of
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.agreement import longest_run, pairs_of, run_by_lot, same_place
from deleverage.replay.why.befallen import befallen
from deleverage.replay.why.explain import explain
from deleverage.replay.why.explain_imported import with_formula
from deleverage.replay.why.paragraphs_imported import _side
from deleverage.replay.why.published import Formula, Published
from deleverage.replay.why.ranking import round_events
from deleverage.replay.why.taken_in import Reported

from .support import node_fills
from .support.adl_batch import explained_by_policy
from .support.adl_table import TABLE, imported
from .support.command_line import call
from .support.node_fills import ANN, BOB, CAT, block, trade
from .test_sources_real import real

SCORES = st.lists(st.integers(0, 5), max_size=7)


@given(SCORES)
def test_the_longest_run_is_that_of_all_selections(scores: list[int]) -> None:
    """No selection of fills whose scores never rise is longer."""
    falling = (
        chosen
        for size in range(len(scores) + 1)
        for chosen in combinations(scores, size)
        if all(one >= other for one, other in pairwise(chosen))
    )
    assert longest_run(scores) == max(map(len, falling))


@given(SCORES)
def test_every_pair_agrees_differs_or_is_equal(scores: list[int]) -> None:
    """Pairs in the order that happened, against it, and neither add up; the reverse order exchanges them."""
    pairs, back = pairs_of(scores), pairs_of(scores[::-1])
    equal = sum(one == other for one, other in combinations(scores, 2))
    assert pairs.agreeing + pairs.differing + equal == pairs.total == len(scores) * (len(scores) - 1) // 2
    assert (back.agreeing, back.differing) == (pairs.differing, pairs.agreeing)
    assert -1 <= pairs.correlation <= 1


def test_an_order_is_beyond_chance_or_not() -> None:
    """Fifty in order are; two are not, whatever their order; the longest run of 50 by lot is about 11."""
    assert pairs_of(range(50, 0, -1)).correlation == Fraction(1)
    assert pairs_of(range(50, 0, -1)).beyond_chance
    assert not pairs_of([2, 1]).beyond_chance
    assert [run_by_lot(count) for count in (0, 1, 50, 10_000)] == [0, 0, 11, 192]
    assert same_place([1, 2, 3], [1, 3, 2]) == 1


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
    for part in (ANN, BOB, "liquidated", "on the market", "sold 5 ETH at 98", "-1.01% from the mark of 99"):
        assert part in told
    assert "went from 5 to 0 with a closed profit of -10.00000000 USDC (so an entry of 100" in told
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
    assert [(side.before, side.after, side.entry) for side in taken.reported][1][:2] == ("5", "0")
    assert len([line for line in taken.imported if "marked at 99" in line]) == 1
    inferred = " ".join(taken.inferred)
    for part in ("is taken to hold long 5 ETH", "liquidation 1", "began", "ended: closed"):
        assert part in inferred
    assert "equity" not in inferred


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


def formula(found: Published, policy: str) -> Formula:
    """One of the formulas."""
    return next(one for one in found.formulas if one.policy == policy)


def accounts(one: Formula) -> Sequence[str]:
    """The accounts in the order of a formula."""
    return [place.name for place in one.places]


def test_a_round_is_held_against_every_published_formula(tmp_path: Path) -> None:
    """Each policy is there; the leveraged one is first by profit and leverage, and would give all it has."""
    found = _published(Path(imported(tmp_path, *TABLE).run))
    assert [one.policy for one in found.formulas] == [policy.policy for policy in ADL_POLICIES]
    assert (found.fills, found.lots) == (4, 34)
    leverage = formula(found, "profit-leverage")
    assert accounts(leverage) == ["0xb", "0xa", "0xd", "0xc"]
    assert [place.would_give_lots for place in leverage.places] == [10, 10, 10, 4]
    assert [place.gave_lots for place in leverage.places] == [10, 10, 4, 10]
    assert [place.realised_rank for place in leverage.places] == [2, 1, 4, 3]
    assert (leverage.longest_run, leverage.pairs_agreeing, leverage.pairs_differing, leverage.pairs) == (2, 3, 2, 6)
    assert (leverage.correlation, leverage.same_place, leverage.lots_in_common) == ("1/6", 0, 28)
    assert not formula(found, "dydx").compared


def test_no_formula_takes_more_than_was_closed_or_than_anyone_holds(tmp_path: Path) -> None:
    """Each shares out what the round closed, at most, and nobody gives more than it has."""
    found = _published(Path(imported(tmp_path, *TABLE).run))
    for one in found.formulas:
        given = [place.would_give_lots for place in one.places]
        assert 0 < sum(given) <= found.lots
        assert all(lots <= abs(place.size_lots) for lots, place in zip(given, one.places, strict=True))
        assert one.taken == sum(lots > 0 for lots in given)


@pytest.mark.parametrize("kind", [DeleveragingStarted, DeleveragingEnded])
def test_the_round_itself_has_the_comparison_as_well(tmp_path: Path, kind: type) -> None:
    """Asked of the beginning or the end of a round it is the same."""
    run = open_run(imported(tmp_path, *TABLE).run)
    assert explain(run, find(run, kind)).published == _published(run.path)


def test_the_caveats_stand_in_every_answer(tmp_path: Path) -> None:
    """Isolated margin is unknown, and the reconstruction is not the venue's own."""
    caveats = " ".join(_published(Path(imported(tmp_path, *TABLE).run)).caveats)
    for part in ("isolated", "reconstructed by others", "passed over", "flat rate"):
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
        "+0.05% from the mark of 0.153190",
        "from 0x622450a3048ae44a5c54e2b54c91b082313e1d23",
        "went from -890 to 0 with a closed profit of -11.34750000 USDC (so an entry of 0.140520)",
        "The other side went from -121,769 to -122,659",
        "line 28: no handler of this record decided it",
    ):
        assert part in told
    assert found.answer.taken_in is not None
    assert len(found.answer.taken_in.reported) == 2


def test_no_formula_explains_the_batch_of_avax(tmp_path: Path) -> None:
    """The longest runs are those of the report on the file itself, and no order is beyond chance."""
    file = real("hyperliquid-adl-batch-avax-2025-10-10.csv")
    path = tmp_path / "a.run"
    assert call("import", "adl-table", file, "-o", path, "--mark", "AVAX=22.025").exit_code == 0
    found = _published(path)
    report = explained_by_policy()
    assert {name: formula(found, name).longest_run for name in report} == report
    assert not any(one.beyond_chance for one in found.formulas)
    assert formula(found, "profit-leverage").correlation == f"{Fraction(675 - 550, 1225)}"
    last = next(place for place in formula(found, "profit-leverage").places if place.name == "0x4a96036f")
    assert (last.rank, last.would_give, last.gave, last.realised_rank) == (30, "64,331.25", "58,141.87", 50)


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
    assert f"the venue deleveraged {CAT} against {ANN}, as number 1 of its batch. It was long 2" in answer.paragraph
    assert answer.published is not None
    assert answer.published.lots == 3
    assert answer.published.caveats[0].startswith("Of 2 accounts taken, 2 have no balance in the record")
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
    assert "-9.09% from the mark of 99" in told
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


PROFIT = "a closed profit of -10 USDC (so an entry of 100)"
SIDE = Reported(1, 4, "ann", "Close Long", -5, "sold 5 ETH", "98", False, "5", "0", "-10 USDC", "100", "0.5 USDC", ())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, f"went from 5 to 0 with {PROFIT} and a fee of 0.5 USDC (Close Long)."),
        ({"fee": None}, f"went from 5 to 0 with {PROFIT} (Close Long)."),
        ({"entry": None}, "went from 5 to 0 with a fee of 0.5 USDC (Close Long)."),
        ({"closed_profit": None}, "went from 5 to 0 with a fee of 0.5 USDC (Close Long)."),
        ({"entry": None, "fee": None}, "went from 5 to 0 (Close Long)."),
        ({"entry": None, "fee": None, "direction": ""}, "went from 5 to 0."),
        ({"before": None, "entry": None}, "with a fee of 0.5 USDC (Close Long)."),
        ({"before": None, "entry": None, "fee": None}, None),
    ],
)
@pytest.mark.parametrize(("account", "which"), [(4, "The liquidated side"), (5, "The other side")])
def test_a_side_is_told_as_far_as_it_is_known(
    changes: dict[str, Any], told: str | None, account: int, which: str
) -> None:
    """What the venue says of a side stands there, what it does not say does not, and nothing is left hanging."""
    body = LiquidationFilled(1, 1, 1, account, 1, 0, 0, -5, 98, -490, 0, 0)
    assert _side(msgspec.structs.replace(SIDE, **changes), body) == ("" if told is None else f"{which} {told}")

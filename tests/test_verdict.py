"""Whether a venue followed its rule: made-up incidents follow to the end, planted departures are found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deleverage.events.errors import QueryError
from deleverage.handlers.policies.adl.choices import ADL_POLICIES
from deleverage.handlers.policies.adl.dydx import DydX
from deleverage.handlers.policies.ranking import Candidate
from deleverage.replay.reconstructed import KnownFigures, balance_least_atoms
from deleverage.replay.run import open_run
from deleverage.replay.verdict.contenders import Contender, contenders_of
from deleverage.replay.verdict.fills import ReportedBatch, batches_of
from deleverage.replay.verdict.judging import _Queue
from deleverage.replay.verdict.parts import RulebookVerdict
from deleverage.replay.verdict.verdict import verdict_of
from tests.support.adl_batch import BATCH
from tests.support.adl_table import imported, row
from tests.support.command_line import call, small_record
from tests.support.exported import Exported, exported, incident
from tests.support.real_data import real_file

VENUES = ("generic", "hyperliquid", "bybit", "gmx")
KINDS = ("swap", "amount", "nobody", "other", "price")
FEW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Facts = Mapping[str, str]


def judged(folder: Path, told: Exported, venue: str, facts: Sequence[Facts] | None = None) -> RulebookVerdict:
    """The verdict on a round with these rows."""
    return verdict_of(incident(folder, told, None if facts is None else tuple(facts)), venue)


@pytest.mark.parametrize("venue", VENUES)
def test_what_a_rule_decided_follows_it_to_the_end(venue: str, tmp_path: Path) -> None:
    """A round of a run, exported and imported back, is its rule's, fill by fill."""
    told = max(exported(venue), key=lambda one: len(one.facts))
    found = judged(tmp_path, told, venue)
    assert (found.rule.followed, found.rule.departure) == (len(told.facts), None)
    assert (found.rule.batches, found.rule.tested_batches, found.rule.room) == (1, 1, 0)
    assert found.rule.ties == sum(score in told.scores[at + 1 :] for at, score in enumerate(told.scores))


@st.composite
def plants(draw: st.DrawFn, venue: str) -> tuple[Exported, list[Facts], int, str]:
    """A round, its rows with one departure in them, the fill that departs and how."""
    told = draw(st.sampled_from(exported(venue)))
    rows: list[Facts] = [dict(one) for one in told.facts]
    at, kind = (
        draw(st.integers(0, len(rows) - 2)),
        draw(st.sampled_from(("swap", "amount", "nobody", "other", "price"))),
    )
    one = rows[at]
    if kind == "swap":
        later = draw(st.integers(at + 1, len(rows) - 1))
        rows[at], rows[later] = rows[later], rows[at]
        if told.scores[at] == told.scores[later]:
            kind = "follows"
        return told, rows, at, "account" if kind == "swap" else kind
    if kind == "amount":
        size = Decimal(one["adl_size"])
        step = Decimal(1).scaleb(size.as_tuple().exponent)
        lots = draw(st.integers(1, max(1, int(size / step) - 1)))
        if lots * step >= size:
            kind = "follows"
        else:
            rows[at] = {**one, "adl_size": str(lots * step)}
        return told, rows, at, kind
    if kind == "price":
        rows[at] = {**one, "adl_price": str(Decimal(one["adl_price"]) * draw(st.sampled_from((2, 3))))}
        return told, rows, at, "price"
    gained = Decimal(one["entry_price"]) > Decimal(told.mark)
    worse = Decimal(told.mark) * (Decimal("0.5") if gained else 2)
    entry = worse if kind == "nobody" else Decimal(told.mark) * (Decimal("1.001") if gained else Decimal("0.999"))
    profit = (Decimal(told.mark) - entry) * Decimal(one["position_size"])
    figures = {"entry_price": str(entry), "account_value_cash": "100000000", "total_unrealized_pnl": f"{profit:f}"}
    rows.insert(at, {**one, **figures, "user": "outsider"})
    return told, rows, at, "no candidate" if kind == "nobody" else "account"


@pytest.mark.parametrize("venue", VENUES)
@FEW
@given(data=st.data())
def test_a_planted_departure_is_found_at_its_fill(
    venue: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Fills swapped, a lot too few, somebody else taken, somebody at a loss, another price: at that fill, as that."""
    told, rows, at, kind = data.draw(plants(venue))
    found = judged(tmp_path_factory.mktemp("plant"), told, venue, rows)
    departure = found.rule.departure
    if kind == "follows":
        assert departure is None
        return
    assert departure is not None
    assert (departure.fill, departure.line, departure.kind) == (at + 1, at + 2, kind)
    assert found.rule.followed == at
    assert departure.account == rows[at]["user"]
    if kind in ("account", "no candidate"):
        assert departure.due == told.facts[at]["user"]


def test_what_the_last_fill_gave_says_nothing(tmp_path: Path) -> None:
    """What was to be closed is the sum of the fills, so less of the last one is another sum and no departure."""
    told = max(exported("generic"), key=lambda one: len(one.facts))
    last = {**told.facts[-1], "adl_size": str(Decimal(told.facts[-1]["adl_size"]) / 2)}
    assert judged(tmp_path, told, "generic", [*told.facts[:-1], last]).rule.departure is None


def test_the_cost_is_what_the_rule_would_not_have_taken(tmp_path: Path) -> None:
    """Worked out by hand: 10 bought back 2 above the mark, of which the rule takes 4."""
    rows = (
        row(0, "0xb", entry_price="25.0", total_unrealized_pnl="50.0", account_value_cash="200.0"),
        row(1, "0xa", adl_size="4.0"),
    )
    run = open_run(imported(tmp_path, *rows, marks={"AVAX": Decimal("20.0")}).run)
    departure = verdict_of(run, "hyperliquid").rule.departure
    assert departure is not None
    assert (departure.account, departure.due, str(departure.due_size)) == ("0xb", "0xa", "10 AVAX")
    assert [one.value for one in departure.cost] == ["12.000000", "12.000000"]
    (share,) = verdict_of(run, "hyperliquid", "0xa").asked
    assert [one.value for one in (share.took, *share.rule_takes)] == ["4", "10", "10"]
    assert [one.value for one in share.cost] == ["-12.000000", "-12.000000"]


bounds = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(lambda pair: (min(pair), max(pair)))


@given(scores=st.lists(bounds, min_size=1, max_size=5), data=st.data())
def test_room_is_what_scores_within_their_bounds_allow(scores: list[tuple[int, int]], data: st.DataObject) -> None:
    """A queue goes on while some scores, tried one by one, put those taken in their order and above the rest."""
    order = data.draw(st.permutations(range(len(scores))))
    blank = Candidate(0, 1, 1, 1, 1, 1)
    queue = _Queue([Contender(at, 0, blank, *pair, 1, 1) for at, pair in enumerate(scores)])
    every = list(product(*(range(least, most + 1) for least, most in scores)))
    for place, account in enumerate(order, 1):
        every = [one for one in every if all(one[account] >= one[later] for later in order[place:])]
        assert (queue.take(account) is not None) == bool(every)
        if not every:
            return


@cache
def batch() -> ReportedBatch:
    """The largest round of the small crash, imported back."""
    with TemporaryDirectory() as folder:
        (found,) = batches_of(incident(Path(folder), max(exported("generic"), key=lambda one: len(one.facts))))
    return found


@pytest.mark.parametrize("kind", [kind for kind in ADL_POLICIES if kind is not DydX], ids=lambda kind: kind.policy)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_score_lies_within_the_bounds_of_an_unknown_balance(kind: type[Any], data: st.DataObject) -> None:
    """Whatever an account has from the least balance on, its score and its lots are within what is said of it."""
    policy, fill = kind(kind.Parameters()), data.draw(st.sampled_from(batch().fills))
    account = batch().ledger.accounts[fill.account]
    least = balance_least_atoms(account, batch().ledger)
    known = KnownFigures(batch().known.balances - {fill.account}, frozenset())
    within = next(one for one in contenders_of(batch()._replace(known=known), policy) if one.account == fill.account)
    had, account.balance_atoms = account.balance_atoms, least + data.draw(st.integers(0, 10**15))
    try:
        exact = next((one for one in contenders_of(batch(), policy) if one.account == fill.account), None)
    finally:
        account.balance_atoms = had
    if exact is not None:
        assert exact.is_exact or exact.lots_least == 0
        assert within.score_least <= exact.score_least
        assert exact.score_most <= within.score_most
        assert within.lots_least <= exact.lots_least <= exact.lots_most <= within.lots_most


def test_refusals_are_one_line_with_what_to_do(tmp_path: Path) -> None:
    """A rulebook that is not here, an account that was never there, one that nothing was taken of, our own run."""
    record = imported(tmp_path, row(0, "0xa")).run
    unknown = call("verdict", record, "--rulebook", "nasdaq")
    assert unknown.exit_code == 2
    assert unknown.stderr.startswith("deleverage: there is no rulebook 'nasdaq'; choose one with --rulebook: binance, ")
    assert unknown.stderr.count("\n") == 1
    asked = (
        (record, "0xz", "there is no account '0xz'; the record has 6"),
        (record, "0xdead", "nothing was taken of 0xdead"),
        (small_record(tmp_path), "trader-1", "was decided here"),
    )
    for run, account, told in asked:
        refused = call("verdict", run, "--account", account)
        assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
        assert told in refused.stderr


def test_fills_are_counted_over_all_batches(tmp_path: Path) -> None:
    """The first batch follows; in the second the first fill departs, which is the third of all."""
    later = {"time_ms": "1760130964999"}
    rows = (
        row(0, "0xb", account_value_cash="20.0"),
        row(1, "0xa"),
        row(2, "0xd", account_value_cash="900.0", **later),
        row(3, "0xc", **later),
    )
    found = verdict_of(open_run(imported(tmp_path, *rows).run))
    assert (found.fills, found.batches, found.rule.batches, found.rule.tested_batches) == (4, 2, 1, 2)
    assert found.rule.followed == 2
    assert found.rule.departure is not None
    assert (found.rule.departure.fill, found.rule.departure.line, found.rule.departure.due) == (3, 4, "0xc")


def test_a_file_that_is_not_in_order_is_refused(tmp_path: Path) -> None:
    """What was sorted by something else does not have the venue's order."""
    rows = (row(0, "0xa", time_ms="1760130964832"), row(1, "0xb"))
    with pytest.raises(QueryError, match="not in order of time"):
        verdict_of(open_run(imported(tmp_path, *rows).run))


def test_the_command_prints_text_markdown_and_json(tmp_path: Path) -> None:
    """All three say where it departed; the file has what --json prints and is never written over."""
    record, file = imported(tmp_path, row(0, "0xb", account_value_cash="900.0"), row(1, "0xa")).run, tmp_path / "v.json"
    text = call("verdict", record, "-o", file).stdout
    assert "departed at fill 1: it took 10 AVAX from 0xb" in " ".join(text.split())
    printed = call("verdict", record, "--json").stdout
    assert json.loads(printed) == json.loads(file.read_text())
    assert json.loads(printed)["rule"]["departure"]["due"] == "0xa"
    assert "departed at fill 1" in call("verdict", record, "--format", "md").stdout
    again = call("verdict", record, "-o", file)
    assert (again.exit_code, again.stdout) == (2, "")


def test_a_chart_has_every_rule_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    """One bar a rule; where there is no such folder nothing is judged."""
    pytest.importorskip("matplotlib")
    record = imported(tmp_path, row(0, "0xb", account_value_cash="900.0"), row(1, "0xa")).run
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    for chart in (first, second):
        assert call("verdict", record, "--chart", chart).exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    refused = call("verdict", record, "--chart", tmp_path / "none" / "a.svg")
    assert (refused.exit_code, refused.stdout) == (2, "")


def test_no_published_rule_explains_the_real_batch(tmp_path: Path) -> None:
    """The fills of AVAX of 10 October 2025: every rule departs at the first of them."""
    from deleverage.replay.importers.adl_table.importer import AdlTableImporter  # noqa: PLC0415 - the file may be absent
    from deleverage.replay.importers.importing import run_import  # noqa: PLC0415

    result = run_import(AdlTableImporter([str(real_file(BATCH))], {"AVAX": Decimal("22.025")}), tmp_path / "avax.run")
    found = verdict_of(open_run(result.run))
    assert (found.rulebook, found.fills, found.batches) == ("hyperliquid", 50, 1)
    tested = [one for one in (found.rule, *found.others) if one.not_tested is None]
    assert len(tested) == 16
    assert {one.followed for one in tested} == {0}

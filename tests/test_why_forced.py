"""A listing of whom something was forced of: who, how often, when, and what it did to their equity."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deleverage.events.bodies.margin import CollateralAdded, PositionReduced
from deleverage.events.envelope import Origin
from deleverage.events.ledger import Ledger
from deleverage.events.vocabulary import FORCED_TYPES, accounts_forced
from deleverage.handlers.valuation import margin_of
from deleverage.replay.run import Run, open_run
from deleverage.replay.why.accounts import forced_in

from .support.command_line import call, small_record
from .support.squeeze import ANNA, BERT, CLEO, IVAN, USDT, squeeze


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The squeeze, recorded and opened."""
    return squeeze(tmp_path_factory.mktemp("records") / "squeeze.run")


def test_everybody_with_what_it_did_to_them(run: Run) -> None:
    """Anna's 100 of debt were borne for her, bert gave 6 lots 10 under the mark, cleo 4 and then one 310 under it."""
    found = forced_in(run)
    assert (found.from_seq, found.to_seq) == (0, run.count - 1)
    assert [
        (one.account, one.liquidations, one.reductions, one.gained and one.gained.number) for one in found.accounts
    ] == [
        (IVAN, 1, 0, 0),
        (ANNA, 1, 0, 100 * USDT),
        (BERT, 0, 1, -60 * USDT),
        (CLEO, 0, 2, -350 * USDT),
    ]
    assert [one.gravest_seq for one in found.accounts] == [37, 44, 48, 57]


def test_by_loss_and_in_a_span(run: Run) -> None:
    """The greatest loss first; of a span only what happened in it."""
    assert [one.account for one in forced_in(run, order="loss").accounts] == [CLEO, BERT, IVAN, ANNA]
    assert [(one.account, one.gained and one.gained.number) for one in forced_in(run, 52).accounts] == [
        (CLEO, -310 * USDT)
    ]
    assert forced_in(run, 0, 37).accounts == ()


def test_it_is_the_difference_of_two_equities(tmp_path: Path) -> None:
    """Of the small crash: whom it lists, and for each the sum over plain folds with the marks held still."""
    run = open_run(small_record(tmp_path))
    first, stop = 2_900, 4_300
    listed = {one.account: one for one in forced_in(run, first, stop).accounts}
    named = set[int]()
    gained = dict.fromkeys(listed, 0)
    ledger = Ledger.of(run.events(0, first))
    for event in run.events(first, stop):
        if type(event.body) in FORCED_TYPES:
            named.update(n for n in accounts_forced(event.body) if ledger.accounts[n].kind == "user")
        forced = event.origin is Origin.DECIDED and not isinstance(event.body, CollateralAdded | PositionReduced)
        before = {n: margin_of(ledger.accounts[n], ledger).equity_atoms for n in listed} if forced else {}
        repriced = ledger.repriced_seq
        ledger.fold(event)
        if forced and ledger.repriced_seq == repriced:
            for number, equity_atoms in before.items():
                gained[number] += margin_of(ledger.accounts[number], ledger).equity_atoms - equity_atoms
    assert named <= listed.keys()
    assert {number: one.gained and one.gained.number for number, one in listed.items()} == gained


def test_as_a_page_and_as_a_document(run: Run) -> None:
    """By a time of day all of its second; a document has everybody; with nobody forced that is said."""
    page = call("why", run.path, "00:00:03").stdout
    assert "3 accounts in events 42 to 51, in order of time." in page
    assert page.endswith(f"deleverage why {run.path} 44\n")
    assert all(len(line) <= 60 or line.startswith("deleverage") for line in page.splitlines())
    document = json.loads(call("why", run.path, "--sort", "loss", "--json").stdout)
    assert list(document) == ["from_seq", "to_seq", "order", "accounts"]
    assert [one["gained"] for one in document["accounts"]][:2] == [
        {"value": "-350.000000", "unit": "USDT", "atoms": -350_000_000},
        {"value": "-60.000000", "unit": "USDT", "atoms": -60_000_000},
    ]
    assert "Nobody was liquidated or deleveraged in events 0 to 5." in call("why", run.path, "--to", "5").stdout


def test_few_are_shown_unless_all_are_asked_for(tmp_path: Path) -> None:
    """Twenty, and how many there are."""
    path = small_record(tmp_path)
    many = len(forced_in(open_run(path)).accounts)
    few, whole = call("why", path).stdout, call("why", path, "--all").stdout
    assert f"{many} accounts in events" in " ".join(few.split())
    assert "20 of them are shown" in " ".join(few.split())
    assert (few.count("trader-"), whole.count("trader-")) == (20, many)


@pytest.mark.parametrize("asked", [("user7",), ("--account", "user7"), ("--account", "7")])
def test_an_account_is_asked_about_by_name(run: Run, asked: tuple[str, ...]) -> None:
    """Its name alone is a question; a number is an event, unless `--account` says that it is an account."""
    page = call("why", run.path, *asked).stdout
    assert page.startswith("What befell user7 in test")
    assert "2 events, 1970-01-01 UTC" in page


def test_at_a_point_and_in_a_span(run: Run) -> None:
    """Of an account only what befell it then, and the gravest of that."""
    page = call("why", run.path, "user7", "--at", "00:00:03").stdout
    assert "The gravest of it: event 49" in page
    assert "The gravest of it: event 57" in call("why", run.path, "user7", "--from", "+10s").stdout
    nothing = call("why", run.path, "user7", "--to", "00:00:02").stdout
    said = (
        "nothing befell user7 in events 0 to 41: it was not called, liquidated, deleveraged or made to share a loss\n"
    )
    assert nothing == said
    assert json.loads(call("why", run.path, "user7", "--at", "00:00:03", "--json").stdout)["between"] == [42, 51]


def test_python_takes_names(run: Run) -> None:
    """Where a call takes an account's number it takes its name."""
    from deleverage.replay.history.steps import history  # noqa: PLC0415
    from deleverage.replay.why.accounts import befallen  # noqa: PLC0415
    from deleverage.replay.why.explain import explain  # noqa: PLC0415

    assert befallen(run, "user7") == befallen(run, CLEO)
    assert explain(run, 48, against="user8") == explain(run, 48, against=8)
    assert [step.event.seq for step in history(run, "user7")] == [step.event.seq for step in history(run, CLEO)]

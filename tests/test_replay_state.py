"""`deleverage state`: plain data that adds up, and tables that can be read."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from deleverage.events.bodies.inputs import BalanceStated, Deposited, PositionStated
from deleverage.events.bodies.listing import AccountOpened
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.ledger import Ledger
from deleverage.events.ledger.laws import LAWS
from deleverage.handlers.valuation import Margin
from deleverage.replay.run import open_run
from deleverage.replay.state.queues import QueueRule, Queues, queues_of, ratio_bps
from deleverage.replay.state.text import print_account
from deleverage.replay.state.view import state_view
from deleverage.sim.console import new_console
from deleverage.sim.figures import grouped
from deleverage.sim.scaled import scaled

from .support.command_line import call, small_record
from .support.crash import recorded
from .support.venue import LIQUIDITY, Book, listed, tiers_of

EVENTS = recorded()
POINTS = range(0, len(EVENTS), len(EVENTS) // 9)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, recorded."""
    return small_record(tmp_path_factory.mktemp("records"))


def state_of(ledger: Ledger, account: int | None = None) -> dict[str, Any]:
    """The view of a state whose run has no policy for auto-deleveraging."""
    return state_view(ledger, Queues(ledger, {"": QueueRule(None, missing="none")}), account)


def book() -> Book:
    """One trader, long 5 of an instrument at 10% maintenance: cost 500, balance 120, mark 90."""
    book = Book(listed())
    book.put(AccountOpened(4, "anna", "test", "user", "cross", 0))
    book.put(BalanceStated(4, 120))
    book.put(PositionStated(4, 0, 0, 5, 503))
    book.put(MarkPriced(0, 91, -1, 90))
    return book


def test_the_figures_of_one_account() -> None:
    """Worked by hand: 5 lots at 90 are 450; cost 503; equity 120 - 53 = 67; requirement 45; ratio 67 / 45."""
    (anna,) = state_of(book().ledger, 4)["accounts"]
    assert (anna["name"], anna["kind"], anna["status"], anna["balance_atoms"]) == ("anna", "user", "healthy", 120)
    assert (anna["equity_atoms"], anna["requirement_atoms"], anna["margin_ratio_bps"]) == (67, 45, 14888)
    (held,) = anna["positions"]
    assert (held["size_lots"], held["size"], held["cost_atoms"], held["entry_price"]) == (5, "5", 503, "100")
    assert (held["mark_ticks"], held["mark"], held["notional_atoms"]) == (90, "90", 450)
    assert held["unrealised_profit_atoms"] == -53


def test_the_figures_of_the_market() -> None:
    """Mark, index and impact stand side by side, in ticks and as a price."""
    (market,) = state_of(book().ledger)["markets"]
    assert (market["mark_ticks"], market["index_ticks"], market["impact_ticks"]) == (90, 91, -1)
    assert (market["name"], market["mark"], market["halted_until_ns"]) == ("I0", "90", None)


def test_without_a_mark_nothing_is_made_up() -> None:
    """Before the first mark equity and profit are unknown, not computed with a price of nought."""
    events = book().events[:-1]
    view = state_of(Ledger.of(events))
    anna, liquidity = view["accounts"][4], view["accounts"][LIQUIDITY]
    for account in (anna, liquidity):
        assert (account["equity_atoms"], account["requirement_atoms"], account["margin_ratio_bps"]) == (
            None,
            None,
            None,
        )
    assert anna["positions"][0]["unrealised_profit_atoms"] is None
    assert view["markets"][0]["mark"] is None
    assert anna["balance_atoms"] == 120


@pytest.mark.parametrize(
    ("equity_atoms", "requirement_microatoms", "expected_bps"),
    [(67, 45_000_000, 14_888), (45, 45_000_000, 10_000), (-1, 45_000_000, -223), (5, 0, None)],
)
def test_the_ratio_is_rounded_down(equity_atoms: int, requirement_microatoms: int, expected_bps: int | None) -> None:
    """Below 10000 is below the requirement, also by the smallest amount; without a requirement there is no ratio."""
    assert ratio_bps(Margin(equity_atoms, requirement_microatoms, [])) == expected_bps


def test_the_prices_that_would_end_a_position() -> None:
    """By hand: 120 - 503 + 5p is under 0.5p up to 85, and worth the 383 that leave nothing from 77 on."""
    (anna,) = state_of(book().ledger, 4)["accounts"]
    (held,) = anna["positions"]
    assert (held["liquidation_price_ticks"], held["liquidation_price"]) == (85, "85")
    assert (held["liquidation_below_ticks"], held["liquidation_above_ticks"]) == (85, None)
    assert (held["bankruptcy_price_ticks"], held["bankruptcy_price"]) == (77, "77")


def test_only_a_trader_has_an_end() -> None:
    """Outside liquidity holds the other side, and no price liquidates it; a paid-up long has no bankruptcy price."""
    rich = book()
    rich.put(Deposited(4, 1_000))
    view = state_of(rich.ledger)
    (other,), (held,) = view["accounts"][LIQUIDITY]["positions"], view["accounts"][4]["positions"]
    for one in (other, held):
        assert {one[name] for name in one if name.startswith(("liquidation", "bankruptcy"))} == {None}


def hedge() -> Book:
    """A hedge that may be cornered on both sides, as in the tests of the liquidation price, of 1,300."""
    book = Book(listed(tiers=tiers_of((0, 50_000), (9_000, 400_000))), listed(1))
    book.mark(100, 100)
    book.user(1_300)
    book.hold(4, 0, 100, 100, leg=1)
    book.hold(4, 0, -80, 100, leg=2)
    return book


def told_of(ledger: Ledger) -> str:
    """The text for the first trader, its lines joined."""
    stream = StringIO()
    print_account(new_console(stream), ledger, 4, Queues(ledger, {"": QueueRule(None, missing="none")}))
    return " ".join(stream.getvalue().split())


def test_what_would_end_a_position_in_words() -> None:
    """One side or both, now or never, alone or with other marks, by its share of the equity or whatever the mark."""
    assert "liquidation at 85 or below bankruptcy price 77 not in" in told_of(book().ledger)
    cornered = hedge()
    text = told_of(cornered.ledger)
    assert "I0 long 100 from 100, leg 1" in text
    assert text.count("liquidation at 63 or below, 103 or above bankruptcy price") == 2
    assert text.count(", on its share of the equity") == 2
    cornered.hold(4, 1, 1, 100)
    assert "or above, if only this mark moves" in told_of(cornered.ledger)
    cornered.mark(120)
    assert told_of(cornered.ledger).count("liquidation now: below its requirement bankruptcy price") == 3
    rich = book()
    rich.put(Deposited(4, 1_000))
    assert "no liquidation at any mark no bankruptcy price: solvent at any mark" in told_of(rich.ledger)


@pytest.mark.parametrize("seq", POINTS)
def test_accounts_add_up(seq: int) -> None:
    """At any point: equity is balance and profit, sizes sum to zero, and the fund's inventory is its positions."""
    view = state_of(Ledger.of(EVENTS[: seq + 1]))
    assert view["seq"] == seq
    lots = dict.fromkeys(range(len(view["markets"])), 0)
    for account in view["accounts"]:
        for held in account["positions"]:
            lots[held["instrument"]] += held["size_lots"]
        if account["equity_atoms"] is not None:
            profit = sum(held["unrealised_profit_atoms"] for held in account["positions"])
            assert account["equity_atoms"] == account["balance_atoms"] + profit
    assert not any(lots.values())
    fund = view["insurance_fund"]
    if fund is not None:
        account = view["accounts"][fund["account"]]
        assert (fund["balance_atoms"], fund["equity_atoms"]) == (account["balance_atoms"], account["equity_atoms"])
        assert sum(kind["liquidations"] for kind in fund["inventory"]) == len(account["positions"])
        assert sum(kind["size_lots"] for kind in fund["inventory"]) == sum(p["size_lots"] for p in account["positions"])


def test_every_law_is_listed() -> None:
    """The checks name each law of the ledger once, and say what is broken."""
    ledger = book().ledger
    names = [check["law"] for check in state_of(ledger)["checks"]]
    assert len(set(names)) == len(names) == len(LAWS)
    assert all(check["ok"] and not check["broken"] for check in state_of(ledger)["checks"])
    ledger.accounts[4].balance_atoms += 1
    broken = {check["law"]: check["broken"] for check in state_of(ledger)["checks"] if not check["ok"]}
    assert list(broken) == ["money"]
    assert "1 atoms" in broken["money"][0]


def test_the_document_has_its_stable_names(record: Path) -> None:
    """`state --json` is one document of the state asked for, with the promised names."""
    document = json.loads(call("state", record, "--at", "3000", "--json").stdout)
    assert {"seq", "at_ns", "accounts", "insurance_fund", "checks"} <= document.keys()
    ledger = Ledger.of(EVENTS[:3001])
    view = scaled(state_view(ledger, queues_of(open_run(record), ledger)), ledger.assets)
    assert document == json.loads(json.dumps(view))
    places = [held["adl_queue"] for account in document["accounts"] for held in account["positions"]]
    assert any(
        place == {"rank": 1, "of": place["of"], "score": place["score"], "lights": 5} for place in places if place
    )


def test_one_account_in_the_document(record: Path) -> None:
    """With --account the list of accounts holds that one only, by name or by number."""
    by_name = json.loads(call("state", record, "--account", "trader-7", "--json").stdout)
    number = str(by_name["accounts"][0]["account"])
    by_number = json.loads(call("state", record, "--account", number, "--json").stdout)
    assert by_name == by_number
    assert [account["name"] for account in by_name["accounts"]] == ["trader-7"]


@pytest.mark.parametrize("arguments", [[], ["--at", "300"], ["--at", "+00:17:00"], ["--account", "insurance:USDT"]])
def test_the_tables_fit_60_columns(record: Path, arguments: list[str]) -> None:
    """Into a pipe 60 columns wide nothing is wider, cut short or coloured."""
    result = call("state", record, *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    for line in result.stdout.splitlines():
        assert len(line) <= 60
        assert line == line.rstrip()
        assert not set("\x1b…│┃") & set(line)


def test_the_tables_tell_the_state(record: Path) -> None:
    """Marks, the fund's cash and the census are those of the document."""
    text = " ".join(call("state", record, "--at", "4000").stdout.split())
    document = json.loads(call("state", record, "--at", "4000", "--json").stdout)
    for market in document["markets"]:
        assert f"{market['name']} {float(market['mark']):,.{len(market['mark'].partition('.')[2])}f}" in text
    assert f"fund {document['insurance_fund']['balance_atoms'] / 10**6:,.6f} USDT in cash" in text
    traders = [account for account in document["accounts"] if account["kind"] == "user"]
    healthy = sum(account["status"] == "healthy" for account in traders)
    assert f"accounts {len(traders)} traders" in text
    assert f"{healthy} healthy" in text
    assert "laws all hold" in text


def test_an_account_is_told_whole(record: Path) -> None:
    """With --account everything about it is there, exact to the atom."""
    text = " ".join(call("state", record, "--at", "2000", "--account", "trader-7").stdout.split())
    (account,) = json.loads(call("state", record, "--at", "2000", "--account", "trader-7", "--json").stdout)["accounts"]
    assert account["positions"]
    for name in ("balance", "equity", "requirement"):
        assert f"{name} {account[f'{name}_atoms'] / 10**6:,.6f}" in text
    for held in account["positions"]:
        side = "long" if held["size_lots"] > 0 else "short"
        assert f"{held['name']} {side} {held['size'].lstrip('-')} from " in text
        assert f"{held['unrealised_profit_atoms'] / 10**6:,.6f} of profit" in text
        below = held["liquidation_below_ticks"] is not None
        assert f"liquidation at {grouped(held['liquidation_price'])} or {'below' if below else 'above'}" in text
        assert f"bankruptcy price {grouped(held['bankruptcy_price'])}" in text
        place = held["adl_queue"]
        stands = place and f"ADL queue {place['rank']} of {place['of']}, score {place['score'] / 10**9:.9f}"
        assert (stands or "not in the ADL queue: no profit") in text


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--at", "999999"], "there is no event 999999"),
        (["--at", "2025-10-10T20:39:59Z"], "is before the run"),
        (["--at", "noon"], "no point in a record"),
        (["--account", "tradr-7"], "the nearest are trader-7"),
        (["--account", "4711"], "there is no account '4711'; the record has 254"),
        (["--account", "trader-7", "--at", "12"], "'trader-7' is not open yet after event 12"),
        (["--account", "trader-7", "--at", "12", "--json"], "'trader-7' is not open yet after event 12"),
    ],
)
def test_a_question_that_has_no_answer(record: Path, arguments: list[str], part: str) -> None:
    """Out of range, before the run, mistyped: one line and exit code 2."""
    result = call("state", record, *arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert part in result.stderr

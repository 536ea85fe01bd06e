"""The package as somebody meets it in Python: what it lists, how its objects show themselves, names and times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from importlib import metadata
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import deleverage
from deleverage import Changes, Run, Scenario, diff, explain, fork, open_run, receipt_of, run, verify
from deleverage.events.bodies.margin import MarginCalled
from deleverage.events.bodies.venue import TimerSet
from deleverage.events.envelope import Event
from deleverage.events.errors import DeleverageError, QueryError
from deleverage.events.notebook import html_table
from deleverage.events.vocabulary import accounts_named
from deleverage.handlers.valuation import margin_of
from deleverage.replay.fork.changes import Deposit, OutsideTrade
from deleverage.replay.points import point_at

from .support.command_line import small_record
from .support.crash import SMALL_CRASH

REDUCED = 2961
START = datetime(2025, 10, 10, 20, 40, tzinfo=UTC)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small crash, opened."""
    return open_run(small_record(tmp_path_factory.mktemp("python")))


def test_the_version_is_the_installed_one() -> None:
    """There is one source of it: the package's metadata."""
    assert deleverage.__version__ == metadata.version("deleverage")


def test_dir_lists_the_public_names_and_no_machinery() -> None:
    """Completion finds what is imported on first use, and not what the package imports for itself."""
    assert {name for name in dir(deleverage) if not name.startswith("_")} == {*deleverage.__all__} - {"__version__"}
    with pytest.raises(AttributeError, match="has no attribute 'Riun'"):
        _ = deleverage.Riun


@pytest.fixture(scope="module")
def shown(past: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One of each object that the public calls give."""
    scenario = Scenario.load(SMALL_CRASH, ["population.accounts=20"])
    result, ledger = run(scenario), past.at()
    forked = fork(past, past.count - 300, "funding.rate_ppb=500000", tmp_path_factory.mktemp("fork") / "other.run")
    return {
        "run": past,
        "scenario": scenario,
        "result": result,
        "resolved": result.scenario,
        "ledger": ledger,
        "fund": ledger.accounts[ledger.fund(0)],
        "market": ledger.market("BTC-PERP"),
        "answer": explain(past, REDUCED),
        "befallen": explain(past, account=past.event(REDUCED).body.account),
        "fork": forked,
        "difference": diff(past, open_run(str(forked.path))),
        "verification": verify(past),
        "receipt": receipt_of(past, REDUCED),
    }


_TABLES = ("run", "result", "ledger", "answer", "befallen", "difference", "verification")


def test_reprs_are_one_short_line(shown: dict[str, Any]) -> None:
    """Nothing pours its events, accounts or proofs into a terminal."""
    for name, one in shown.items():
        line = repr(one)
        assert "\n" not in line, name
        assert len(line) < 300, name
        assert line.startswith("<"), name


def test_reprs_and_tables_read_nothing(shown: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """They cost what is at hand: no event is decoded and no state folded, so that they stay under a millisecond."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    reader = type(shown["run"].reader)
    for name in ("event", "events"):
        monkeypatch.setattr(reader, name, refuse)
    for name, one in shown.items():
        repr(one)
        assert (name in _TABLES) == hasattr(one, "_repr_html_"), name
        if name in _TABLES:
            assert len(one._repr_html_()) < 20_000, name


def test_tables_are_escaped() -> None:
    """What a scenario calls its instruments is text, never markup."""
    table = html_table("<b>", [("<i>", 1_000, "a&b")], ("<u>", "x", "y"))
    assert "<b>" not in table
    assert "&lt;i&gt;</th><td>1,000</td><td>a&amp;b</td>" in table


def test_a_ledger_is_asked_by_name(past: Run) -> None:
    """A name, a number and a number as text give the same account; a name that is none brings the nearest."""
    ledger = past.at("21:16")
    account = ledger.account("trader-7")
    assert ledger.name(account.account) == "trader-7"
    assert ledger.account(account.account) is ledger.account(str(account.account)) is account
    assert ledger.market("ETH-PERP") is ledger.market(1)
    with pytest.raises(QueryError, match=r"no account 'trader-7x'.*the nearest are trader-7"):
        ledger.account("trader-7x")
    with pytest.raises(QueryError, match="no instrument 'BTC'; there are BTC-PERP, ETH-PERP, AVAX-PERP"):
        ledger.market("BTC")
    for number in (-1, len(ledger.accounts)):
        with pytest.raises(QueryError, match="there is no account"):
            ledger.account(number)


def test_events_are_chosen(past: Run) -> None:
    """Each choice gives what going through all events would."""
    number, begun = past.directory.find_account("trader-7"), 1_760_129_000 * 10**9
    cases: list[tuple[dict[str, Any], Callable[[Event], bool]]] = [
        ({"type": "MarginCalled"}, lambda event: type(event.body) is MarginCalled),
        ({"type": MarginCalled}, lambda event: type(event.body) is MarginCalled),
        ({"type": ("MarginCalled", TimerSet)}, lambda event: type(event.body) in (MarginCalled, TimerSet)),
        ({"account": "trader-7"}, lambda event: number in accounts_named(event.body)),
        ({"account": number, "type": "MarginCalled"}, lambda event: getattr(event.body, "account", None) == number),
        ({"since": "20:56"}, lambda event: _age(event) >= 16 * 60),
        ({"until": "20:56"}, lambda event: _age(event) < 17 * 60),
        ({"since": START + timedelta(minutes=5), "until": "+10m"}, lambda event: 300 <= _age(event) <= 600),
        ({"first_seq": 100, "stop_seq": 4000, "since": begun}, lambda event: event.at_ns >= begun),
    ]
    for asked, keeps in cases:
        found = [event.seq for event in past.events(**asked)]
        kinds = (MarginCalled,) if len(asked) == 2 and "account" in asked else object
        within = range(asked.get("first_seq", 0), asked.get("stop_seq", past.count))
        held = (e.seq for e in past.events() if keeps(e) and e.seq in within and isinstance(e.body, kinds))
        assert found, asked
        assert found == list(held), asked


def _age(event: Event) -> float:
    return event.at_ns / 10**9 - START.timestamp()


def test_what_cannot_be_chosen_is_said_at_once(past: Run) -> None:
    """A mistyped type, account or time is refused by the call, before anything is read."""
    for asked, told in (
        ({"type": "MarginCal"}, "the nearest are MarginCalled"),
        ({"account": "trader-7x"}, "the nearest are trader-7"),
        ({"account": 10**6}, "there is no account 1000000"),
        ({"since": "22:99"}, "is no point in a record"),
        ({"since": "22:00", "until": "21:00"}, "22:00 comes after 21:00"),
    ):
        with pytest.raises(QueryError, match=told):
            past.events(**asked)


def test_times_are_given_as_people_have_them(past: Run) -> None:
    """A clock, a text, a datetime with any zone or none, and nanoseconds name the same state."""
    zone = timezone(timedelta(hours=2))
    same = ("21:16:00", "2025-10-10T21:16:00Z", 1_760_130_960 * 10**9, datetime(2025, 10, 10, 21, 16))  # noqa: DTZ001 - without a zone it is UTC
    digests = {past.at(moment).digest() for moment in (*same, datetime(2025, 10, 10, 23, 16, tzinfo=zone))}
    assert digests == {past.at(time="21:16:00").digest()}
    assert past.state("21:16", account="trader-7")["accounts"][0]["name"] == "trader-7"
    with pytest.raises(QueryError, match="is before the run"):
        past.at(datetime(2020, 1, 1, tzinfo=UTC))


class _Nanosecond(datetime):
    """What pandas has besides: nanoseconds below the microsecond."""

    nanosecond = 7


def test_a_moment_keeps_its_nanoseconds() -> None:
    """Nothing goes through a float on the way."""
    assert point_at(_Nanosecond(2025, 10, 10, 21, 16, 4, 831_001, tzinfo=UTC), 0).value % 10**9 == 831_001_007


def test_explain_takes_an_account_by_name(past: Run) -> None:
    """What befell it, with the answer that its gravest event has; not both questions at once."""
    name = past.at().name(past.event(REDUCED).body.account)
    befallen = explain(past, account=name)
    assert befallen.name == name
    assert befallen.answer == explain(past, REDUCED)
    assert str(befallen.answer) == befallen.answer.paragraph
    for both in ({}, {"seq": REDUCED, "account": name}):
        with pytest.raises(QueryError, match="an event, or an account"):
            explain(past, **both)


def test_a_fork_is_asked_in_words(past: Run) -> None:
    """A point and settings as text, deposits and trades by name, give what numbers give."""
    seq, settings = past.last_seq("22:30"), "funding.rate_ppb=500000"
    assert fork(past, "22:30", settings).head == fork(past, seq, Changes((settings,))).head
    assert fork(past, START + timedelta(minutes=110), [settings]).boundary == fork(past, seq).boundary
    ledger, number = past.at(seq=seq), past.directory.find_account("trader-7")
    assert Deposit.of(past.directory, "trader-7", "250.5") == Deposit(number, 250_500_000)
    assert OutsideTrade.of(past.directory, ledger, "trader-7", "BTC-PERP", "-0.25").size_lots == -250
    with pytest.raises(DeleverageError, match="the nearest are BTC-PERP"):
        OutsideTrade.of(past.directory, ledger, "trader-7", "BTC-PREP", "1")


def test_a_run_stands_for_its_path(past: Run, shown: dict[str, Any]) -> None:
    """Whatever takes the path of a record takes the run."""
    assert Path(past) == past.path
    assert open_run(past).head == past.head
    assert shown["verification"].run == str(past.path)


def test_equity_is_that_of_the_state(past: Run) -> None:
    """Each point of the path is what `at` gives at the end of its instant, and between two of them nothing changed."""
    account = past.at().name(past.event(REDUCED).body.account)
    path = past.equity(account, since="20:50", until="21:05")
    held = dict[int, tuple[int, int]]()
    for at_ns in sorted({event.at_ns for event in past.events(since="20:50", until="21:05")}):
        ledger = past.at(time=at_ns)
        margin = margin_of(ledger.account(account), ledger)
        held[at_ns] = margin.equity_atoms, margin.requirement_atoms
    changed = {at for before, at in pairwise(held) if held[at] != held[before]}
    assert [tuple(point) for point in path] == [(at, *held[at]) for at in sorted({min(held), *changed, max(held)})]
    assert path.equity == tuple(Decimal(point.equity_atoms).scaleb(-6) for point in path)
    assert len(path) == len(path.times) == len(path.requirement) > 20


def test_equity_shows_itself_and_is_drawn(past: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line, a table, and axes with both lines; in one line what is missing where matplotlib is not installed."""
    path = past.equity("trader-7")
    assert repr(path).startswith("<EquityPath trader-7: ")
    assert "lowest" in path._repr_html_()
    assert repr(past.equity("trader-7", until=past.start_ns)).count("\n") == 0
    pytest.importorskip("matplotlib").use("agg")
    axes = path.plot()
    assert [line.get_label() for line in axes.lines][:2] == ["equity", "requirement"]
    assert len(axes.lines[0].get_xdata()) == len(path)
    monkeypatch.setattr("deleverage.replay.history.equity.can_draw", lambda: False)
    with pytest.raises(QueryError, match=r"pip install 'deleverage\[lab\]'"):
        path.plot()


def test_equity_as_a_frame(past: Run) -> None:
    """Whole atoms stay whole numbers; without pandas one line says what to install."""
    path = past.equity("trader-7")
    if find_spec("pandas") is None:
        with pytest.raises(QueryError, match="pip install pandas"):
            path.to_pandas()
        return
    frame = path.to_pandas()
    assert list(frame["equity_atoms"]) == [point.equity_atoms for point in path]
    assert str(frame.index.tz) == "UTC"


def test_tables_come_as_people_work_with_them(past: Run) -> None:
    """A table in a span, of an account, as Arrow, pandas and polars: the same rows, exact."""
    pytest.importorskip("pyarrow")
    name = past.at().name(past.event(REDUCED).body.account)
    chosen: dict[str, Any] = {"account": name, "since": "20:50", "until": START + timedelta(minutes=40)}
    held = [event.seq for event in past.events(type="PositionDeleveraged", **chosen)]
    table = past.to_arrow("PositionDeleveraged", **chosen)
    assert table["seq"].to_pylist() == held != []
    assert table["value"][0].as_py() == Decimal(past.event(held[0]).body.value_atoms).scaleb(-6)
    (account,) = past.to_arrow("accounts", account=name, until="21:00").to_pylist()
    ledger = past.at(seq=past.last_seq("21:00", whole=True))
    assert account["balance"] == Decimal(ledger.account(name).balance_atoms).scaleb(-6)
    assert past.to_arrow("PositionDeleveraged", until="20:45").num_rows == 0
    for table_name, told in (("PositionDeleverage", "the nearest are"), ("PriceTicked", "names no account")):
        with pytest.raises(QueryError, match=told):
            past.to_arrow(table_name, account=name)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_are_the_users_own(past: Run, library: str) -> None:
    """Exact decimals where the library is installed; where it is not, one line that says what to install."""
    pytest.importorskip("pyarrow")
    asked = getattr(past, f"to_{library}")
    if find_spec(library) is None:
        with pytest.raises(QueryError, match=f"{library} is not installed; pip install {library}"):
            asked("marks")
        return
    frame, table = asked("PositionDeleveraged"), past.to_arrow("PositionDeleveraged")
    assert list(frame["value"]) == table["value"].to_pylist()
    assert list(frame.columns) == table.schema.names

"""The explorer's server: who is served, what is answered, and what becomes of it while the record grows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from deleverage.events.bodies.waterfall import PositionDeleveraged
from deleverage.events.ledger import Ledger
from deleverage.replay.explore.instants import Instants, waypoint_of
from deleverage.replay.explore.server import Service
from deleverage.replay.fork.changes import Changes
from deleverage.replay.fork.fork import fork
from deleverage.replay.run import open_run
from deleverage.replay.state.queues import TRADERS, marked_margin, queues_of
from deleverage.replay.state.view import account_view
from deleverage.sim.figures import exact_money, price

from .support.command_line import call, small_record, tear
from .support.crash import recorded
from .support.explored import HOST, TOKEN, Asking, service_of
from .support.patience import eventually

REDUCED = next(event for event in recorded() if isinstance(event.body, PositionDeleveraged))
MIDDLE = len(recorded()) // 2


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash, recorded."""
    return small_record(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def client(record: Path) -> Iterator[Asking]:
    """Asks of the small crash."""
    with service_of(record) as service:
        yield Asking(service)


@cache
def state_after(seq: int) -> Ledger:
    """The fold of the events up to one."""
    return Ledger.of(recorded()[: seq + 1])


def answered(client: Asking, name: str, **asked: Any) -> Any:
    """The answer to a question."""
    response = client.get(f"api/{name}", params=asked)
    assert response.status_code == 200, response.text
    return response.json()


def test_only_the_token_opens(client: Asking) -> None:
    """Without the token, with a part of it or with another one nothing is served, the page's files included."""
    for token in ("", "x", TOKEN[:-1], f"{TOKEN}x", "..", TOKEN.upper()):
        for path in ("", "app.js", "api/overview"):
            response = client.get(f"http://{HOST}/{token}/{path}" if token else f"http://{HOST}/{path}")
            assert response.status_code in {403, 404}
            assert "flash" not in response.text
    assert client.get(f"http://{HOST}/{TOKEN}").status_code == 403
    assert client.get("").status_code == 200


def test_only_this_address_is_served(client: Asking) -> None:
    """A name elsewhere that was bound to this machine is refused, and so is a page of another origin."""
    assert client.get("", headers={"host": "evil.example:8000"}).status_code == 421
    assert client.get("", headers={"host": "127.0.0.1:8001"}).status_code == 421
    assert client.get("", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.get("", headers={"origin": "null"}).status_code == 403
    assert client.get("", headers={"origin": f"http://{HOST}"}).status_code == 200


@pytest.mark.parametrize("path", ["", "app.js", "app.css", "api/overview", "api/nothing", "api/event?seq=-1"])
def test_every_answer_has_the_strict_policy(client: Asking, path: str) -> None:
    """Nothing from elsewhere is loaded, nothing inline is run, and no other origin reads an answer."""
    headers = client.get(path).headers
    policy = {part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split(";")}
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_the_page_takes_nothing_from_elsewhere(client: Asking) -> None:
    """No file of the page names an address of another host but namespaces of XML."""
    for name in ("", "app.js", "app.css"):
        text = client.get(name).text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text.replace("https://github.com", "")


@pytest.mark.parametrize(
    ("question", "status", "told"),
    [
        ("instant?seq=x", 400, "int"),
        ("instant?seq=-1", 400, "0"),
        ("instant?seq=99999999", 404, "99999999"),
        ("instant?seq=1&seq=2", 400, "twice"),
        ("instant?seq=1&since_us=2", 404, "both"),
        ("instant?path=/etc/passwd", 400, "path"),
        ("accounts?seq=1&sort=secret", 400, "sort"),
        ("accounts?seq=1&count=100000", 400, "count"),
        ("account?seq=0&account=0", 404, "not open"),
        ("lights?seq=1&accounts=1;2", 400, "accounts"),
        ("events?seq=1&types=Nothing", 404, "Nothing"),
        ("life?account=99999999", 404, "99999999"),
        ("event", 400, "seq"),
        ("../overview", 404, ""),
        ("static/..%2f..%2fserver.py", 404, ""),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(client: Asking, question: str, status: int, told: str) -> None:
    """A wrong question is refused with what is wrong about it, and never with a traceback."""
    response = client.get(f"api/{question}")
    assert response.status_code == status, response.text
    assert told in response.text
    assert "Traceback" not in response.text


@pytest.mark.parametrize("seq", [MIDDLE, 10, REDUCED.seq, len(recorded()) - 1, 0])
def test_an_instant_is_the_fold(client: Asking, seq: int) -> None:
    """Whatever was asked before, the panels are those of the state after that event."""
    ledger, found = state_after(seq), answered(client, "instant", seq=seq)
    assert (found["seq"], found["event"]["seq"]) == (seq, seq)
    assert dict(found["census"]) == {
        status: sum(one.status == status for one in ledger.accounts if one.kind in TRADERS)
        for status in {one.status for one in ledger.accounts if one.kind in TRADERS}
    }
    for market, shown in zip(ledger.markets, found["markets"], strict=True):
        assert shown["mark"] == ("" if market.marked is None else price(market.mark_ticks, market.listing))
        assert sum(band["lots"] for band in shown["bids"]) == (market.bids[-1][1] if market.bids else 0)
        assert all(0 <= band["left_lots"] <= band["lots"] for band in (*shown["bids"], *shown["asks"]))
    cash = [dict(step["figures"])["cash"] for step in found["waterfall"] if step["step"].startswith("Insurance")]
    assert cash == [
        f"{exact_money(ledger.accounts[fund].balance_atoms, ledger.assets[0])} {ledger.assets[0].name}"
        for fund in ledger.funds
    ]


def test_time_and_steps_lead_to_the_same_instants(client: Asking) -> None:
    """A time is the last event at it; a step goes to the end of the instant before or behind."""
    at = recorded()[MIDDLE].at_ns
    instant = [event.seq for event in recorded() if event.at_ns == at]
    since_us = (at - recorded()[0].at_ns) // 1_000
    assert answered(client, "instant", since_us=since_us)["seq"] == instant[-1]
    following = answered(client, "instant", seq=instant[0], step="next")["seq"]
    times = sorted({event.at_ns for event in recorded()})
    assert recorded()[following].at_ns == times[times.index(at) + 1]
    assert recorded()[following + 1].at_ns > recorded()[following].at_ns
    assert answered(client, "instant", seq=following, step="previous")["seq"] == instant[-1]


@pytest.mark.parametrize("sort", ["loss", "leverage", "ratio", "equity", "notional", "name", "lights"])
def test_accounts_are_sorted_by_what_the_state_says(client: Asking, sort: str) -> None:
    """All pages together have each trader once, in the order of figures that were worked out apart."""
    ledger = state_after(REDUCED.seq)
    page = answered(client, "accounts", seq=REDUCED.seq, sort=sort, count=100)
    rows: list[dict[str, Any]] = page["rows"]
    while len(rows) < page["of"]:
        rows += answered(client, "accounts", seq=REDUCED.seq, sort=sort, first=len(rows), count=100)["rows"]
    traders = [one for one in ledger.accounts if one.kind in TRADERS]
    assert sorted(row["account"] for row in rows) == sorted(one.account for one in traders)
    run_accounts = [ledger.accounts[row["account"]] for row in rows]
    margins = [marked_margin(ledger, one) for one in run_accounts]
    assert all(margins)
    equities = [margin.equity_atoms for margin in margins if margin]
    notionals = [sum(map(abs, margin.values_atoms)) for margin in margins if margin]
    profits = [equity - one.balance_atoms for equity, one in zip(equities, run_accounts, strict=True)]
    held = [place for place, notional in enumerate(notionals) if notional]
    keys = {
        "loss": [profits[place] for place in held],
        "leverage": [-notionals[place] / equities[place] for place in held if equities[place] > 0],
        "ratio": [row["ratio_bps"] for row in rows if row["ratio_bps"] is not None],
        "equity": [-equity for equity in equities],
        "notional": [-notional for notional in notionals],
        "name": [ledger.name(one.account) for one in run_accounts],
        "lights": [],
    }[sort]
    assert keys == sorted(keys) or sort == "leverage"
    if sort == "leverage":
        assert all(a <= b + 0.01 for a, b in pairwise(keys))
    for row, equity in zip(rows, equities, strict=True):
        assert row["equity"] == exact_money(equity, ledger.assets[0])


def test_lights_are_the_queue_of_the_state(record: Path, client: Asking) -> None:
    """Who is deleveraged next has five lights; each place is that of `state`."""
    run, ledger = open_run(record), state_after(REDUCED.seq - 2)
    queues = queues_of(run, ledger)
    numbers = [one.account for one in ledger.accounts if one.kind == "user"][:40]
    found = answered(client, "lights", seq=REDUCED.seq - 2, accounts=",".join(map(str, numbers)))
    for one in found:
        account = ledger.accounts[one["account"]]
        places = [queues.place_of(account, key) for key in account.positions]
        assert [(place["rank"], place["of"], place["lights"]) for place in one["places"]] == [
            (place.rank, place.of, place.lights) for place in places if place is not None
        ]
    assert any(one["places"] for one in found)
    whole = answered(client, "account", seq=REDUCED.seq - 2, account=numbers[0])
    assert whole == account_view(ledger, ledger.accounts[numbers[0]], queues)


def test_an_event_has_both_sides_its_chain_and_its_grounds(client: Asking) -> None:
    """What it changed is what differs between the states around it; the chain begins with an input."""
    found = answered(client, "event", seq=REDUCED.seq)
    body = REDUCED.body
    assert isinstance(body, PositionDeleveraged)
    before, after = (state_after(seq).accounts[body.account] for seq in (REDUCED.seq - 1, REDUCED.seq))
    asset = state_after(REDUCED.seq).assets[0]
    changed = next(one for one in found["accounts"] if one["account"] == body.account)["changed"]
    balances = [exact_money(one.balance_atoms, asset) for one in (before, after)]
    assert ["balance", *balances] in changed
    assert found["chain"][0]["cause"] is None
    assert found["chain"][-1]["seq"] == REDUCED.seq
    graph = answered(client, "grounds", seq=REDUCED.seq)
    known = {node["seq"] for node in graph["nodes"]}
    assert all(edge["seq"] in known for node in graph["nodes"] for edge in node["rests_on"])
    sections = answered(client, "why", seq=REDUCED.seq)["sections"]
    assert sections[0]["blocks"][0]["text"].startswith(f"Event {REDUCED.seq}")


def test_a_life_is_the_account_at_each_of_its_events(client: Asking) -> None:
    """At each event of its own the curve has the equity of the state there."""
    body = REDUCED.body
    assert isinstance(body, PositionDeleveraged)
    found = answered(client, "life", account=body.account)
    assert [one["line"]["seq"] for one in found["events"]][-1] >= REDUCED.seq
    margin = marked_margin(state_after(REDUCED.seq), state_after(REDUCED.seq).accounts[body.account])
    assert margin is not None
    assert any(equity == margin.equity_atoms / 10**6 for equity in found["equity"])
    assert found["since_us"] == sorted(found["since_us"])


def test_search_finds_accounts_times_markets_and_types(client: Asking) -> None:
    """What is written exactly stands first."""
    name = state_after(REDUCED.seq).name(REDUCED.body.account)  # type: ignore[union-attr]
    assert answered(client, "search", text=name)[0]["label"] == name
    assert answered(client, "search", text=str(REDUCED.seq))[0]["number"] == REDUCED.seq
    assert {"type"} == {hit["kind"] for hit in answered(client, "search", text="PositionDelev")}
    market = state_after(MIDDLE).markets[0].listing.name
    assert market in [hit["label"] for hit in answered(client, "search", text=market)]
    assert answered(client, "search", text="<script>") == []


def test_events_around_are_those_of_the_record(client: Asking) -> None:
    """Forward and back, of all types, of one, or of an account."""
    forward = [one["seq"] for one in answered(client, "events", seq=MIDDLE, count=20)]
    assert forward == list(range(MIDDLE, MIDDLE + 20))
    back = [one["seq"] for one in answered(client, "events", seq=MIDDLE, count=20, back=True)]
    assert back == list(range(MIDDLE, MIDDLE - 20, -1))
    of_type = answered(client, "events", seq=0, count=20, types="PositionDeleveraged")
    expected = [event.seq for event in recorded() if isinstance(event.body, PositionDeleveraged)][:20]
    assert [one["seq"] for one in of_type] == expected


def test_states_are_the_same_from_wherever_they_are_near(record: Path) -> None:
    """From a waypoint, from the last state that was given, or from the start: back and forth it is the fold."""
    run = open_run(record)
    instants = Instants(run)
    for seq in (40, MIDDLE):
        instants.add(waypoint_of(Ledger.of(recorded()[: seq + 1])))
    for seq in (MIDDLE + 3, MIDDLE + 4, 7, MIDDLE + 3, 41, len(recorded()) - 1, 40, 39, MIDDLE):
        assert instants.after(seq + 1).digest() == state_after(seq).digest()


def test_the_survey_is_the_timeline_and_leaves_states(service: Service) -> None:
    """It comes to the end by itself, and nothing is written beside the record."""
    before = {path.name: path.stat().st_mtime_ns for path in service.explored.path.iterdir()}
    service.start()
    client = Asking(service)
    assert answered(client, "timeline") is None or service.explored.surveyed
    assert service.survey.ended.wait(120)
    curves = answered(client, "timeline")
    window = answered(client, "window", first_us=0, stop_us=answered(client, "overview")["end_us"])
    assert curves["surveyed"] == curves["count"] == len(recorded())
    reductions = next(one for one in curves["totals"] if one["name"] == "reductions")
    assert sum(reductions["values"]) == sum(isinstance(event.body, PositionDeleveraged) for event in recorded())
    assert [one["name"] for one in window["levels"]] == [one["name"] for one in curves["levels"]]
    assert {path.name: path.stat().st_mtime_ns for path in service.explored.path.iterdir()} == before


@pytest.fixture
def service(record: Path) -> Iterator[Service]:
    """A service of its own, for what is under way in it."""
    with service_of(record) as one:
        yield one


def test_a_fork_is_that_of_the_command_and_leaves_nothing(record: Path, service: Service) -> None:
    """It is executed away from the record, with the head that `fork` gives, and its folder goes with the server."""
    seq, settings = MIDDLE, ("insurance_fund.balance=+1_000",)
    client = Asking(service)
    refused = client.post("api/fork", json={"seq": seq, "settings": ["adl.policy=/tmp/mine.py"]})
    assert refused.status_code == 404
    assert "builtin" in refused.text
    assert client.post("api/fork", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    assert client.post("api/fork", json={"seq": "x"}).status_code == 400
    assert client.get("api/fork").status_code == 405
    assert client.post("api/fork", json={"seq": seq, "settings": settings}).json()["state"] == "working"
    assert eventually(lambda: answered(client, "future")["state"] != "working")
    found = answered(client, "future")
    assert found["state"] == "done", found["fault"]
    assert found["head"] == fork(open_run(record), seq, Changes(settings=settings)).head
    assert found["totals"]
    assert sorted(path.name for path in record.parent.iterdir()) == [record.name]
    folder = service.futures._folder
    service.futures.close()
    assert not folder.exists()


def test_a_torn_record_is_served_and_followed(record: Path, tmp_path: Path) -> None:
    """What is whole of it is served with a warning; when it has grown and is sealed, all of it is."""
    path = tmp_path / "growing.run"
    shutil.copytree(record, path)
    tear(path, 20_000)
    with service_of(path) as service:
        client = Asking(service)
        before = answered(client, "overview")
        assert before["torn"]
        assert before["warning"]
        assert 0 < before["count"] < len(recorded())
        assert not before["forkable"]
        assert answered(client, "instant")["seq"] == before["count"] - 1
        assert client.post("api/fork", json={"seq": 5, "settings": []}).status_code == 404
        assert answered(client, "growth")["count"] == before["count"]
        shutil.rmtree(path)
        shutil.copytree(record, path)
        after = answered(client, "growth")
        assert (after["count"], after["torn"]) == (len(recorded()), False)
        assert answered(client, "instant")["seq"] == len(recorded()) - 1
        assert answered(client, "event", seq=REDUCED.seq)["line"]["seq"] == REDUCED.seq


def test_what_cannot_be_served_ends_in_a_line(record: Path, tmp_path: Path) -> None:
    """A record that is not there, another head and a port that is taken are told as by other commands."""
    for arguments in ([tmp_path / "none.run"], [record, "--head", "00" * 32]):
        result = call("explore", *arguments, "--no-browser")
        assert result.exit_code in {1, 2}
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1

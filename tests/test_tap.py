"""`deleverage tap`: a venue's public streams, heard from a local server that replays documented messages."""

from __future__ import annotations

import json
import signal
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deleverage import open_run, verify
from deleverage.events.bodies.inputs import InputRefused, PriceTicked
from deleverage.events.bodies.listing import InstrumentListed
from deleverage.events.bodies.margin import MarkPriced
from deleverage.events.errors import QueryError, RecordError, RecordExistsError
from deleverage.events.record.manifest import read_manifest
from deleverage.replay.tap.backlog import HOLD_NS, Backlog
from deleverage.replay.tap.binance import BinanceStreams
from deleverage.replay.tap.heard import Broken, Heard, Rank
from deleverage.replay.tap.hyperliquid import HyperliquidStreams
from deleverage.replay.tap.line import Line, Stop

from .support.command_line import call, spawn
from .support.patience import PATIENCE_S, eventually
from .support.replayed import CLOSE, read_script, replayed
from .support.tapped import (
    END,
    PACE,
    START_MS,
    agg_trade,
    best,
    context,
    force_order,
    listened,
    mark_price,
    tap,
    trades,
)

QUICK = PACE._replace(silence_s=0.04)

DAY: list[Any] = [
    mark_price(0, "113000.12345678"),
    *[agg_trade(1 + number, 10 + 40 * number, f"{113_000 + number}.10") for number in range(20)],
    force_order(500),
    mark_price(1_000, "112990.00000000"),
    *[agg_trade(21 + number, 1_010 + 40 * number, f"{112_980 - number}.10") for number in range(20)],
    force_order(1_300, filled="0", price="0"),
    mark_price(2_000, "112950.00000000"),
]
"""Two seconds of BTCUSDT."""


def bodies(path: Path) -> list[Any]:
    """What happened in a record."""
    return [event.body for event in open_run(path).events()]


@cache
def head_of_day() -> str:
    """The head of a record of the whole day, heard on one connection."""
    return tap([[*DAY, *END]], Path(mkdtemp(prefix="tapped-")) / "whole.run").recorded.head


def _size_bytes(path: Path) -> int:
    """How long a file is; 0 where it is not there yet."""
    return path.stat().st_size if path.is_file() else 0


def test_trades_marks_and_forced_orders_become_a_sound_record(tmp_path: Path) -> None:
    """Each trade is a price, each mark a mark, each forced order a liquidation of nobody; verify holds all of it."""
    path = tmp_path / "a.run"
    result = tap([[*DAY, *END]], path)
    assert result.recorded.status == read_manifest(path).status == "complete"
    counts = Counter(type(body).__name__ for body in bodies(path))
    assert (counts["PriceTicked"], counts["MarkPriced"], counts["LiquidationStarted"]) == (40, 3, 2)
    assert (counts["LiquidationFilled"], counts["OrdersCancelled"], counts["InputRefused"]) == (1, 1, 0)
    (listed,) = [body for body in bodies(path) if isinstance(body, InstrumentListed)]
    assert (listed.tick_size, listed.lot_size, listed.venue) == ("0.00001", "0.001", "binance")
    assert verify(path).sound
    assert result.recorded.head == head_of_day()


def test_figures_of_a_context_are_taken_as_written(tmp_path: Path) -> None:
    """Hyperliquid documents numbers and sends text: both give the same record."""
    numbers = context("113000.0")
    numbers["data"]["ctx"] |= {"markPx": 113000.0, "oraclePx": 113005.0, "funding": 0.0000125, "midPx": None}
    end = [best(16_000), best(16_001)]
    heads = {
        tap([[trades((5, 100, "113000.5")), told, *end]], tmp_path / name, HyperliquidStreams).recorded.head
        for name, told in (("a.run", context("113000.0")), ("b.run", numbers))
    }
    assert len(heads) == 1


def test_messages_of_a_combined_stream_are_the_same(tmp_path: Path) -> None:
    """Wrapped with the name of their stream, as the venue sends them at another path, they give the same record."""
    wrapped = [{"stream": "btcusdt@any", "data": message} for message in [*DAY, *END]]
    assert tap([wrapped], tmp_path / "a.run").recorded.head == head_of_day()


def test_events_have_the_time_of_the_venue_alone(tmp_path: Path) -> None:
    """The record begins and ends with the stream, goes never back, and no event has a time of receipt."""
    tap([[*DAY, *END]], tmp_path / "a.run")
    events = list(open_run(tmp_path / "a.run").events())
    times = [event.at_ns for event in events]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (START_MS * 10**6, (START_MS + 2_000) * 10**6)
    ticks = [event for event in events if isinstance(event.body, PriceTicked)]
    assert all(tick.body.provenance.received_ns is None for tick in ticks)
    assert [tick.body.provenance.row for tick in ticks] == sorted(tick.body.provenance.row for tick in ticks)


@given(st.data())
@settings(max_examples=12, deadline=None)
def test_however_the_stream_is_cut_the_record_is_the_same(data: st.DataObject) -> None:
    """Cut by reconnects that bring part of the past again, doubled, and turned around within the hold: one head."""
    script: list[list[Any]] = []
    cuts = sorted(data.draw(st.lists(st.integers(1, len(DAY) - 1), max_size=3, unique=True)))
    for begins, ends in zip([0, *cuts], [*cuts, len(DAY)], strict=True):
        again = data.draw(st.integers(0, begins))
        part = DAY[begins - again : ends]
        part += data.draw(st.lists(st.sampled_from(part), max_size=3))
        script.append(data.draw(st.permutations(part)))
    script[-1] += END
    result = tap(script, Path(mkdtemp(prefix="tapped-")) / "cut.run")
    assert result.recorded.head == head_of_day()
    assert result.connections == len(script)
    assert result.repeated == sum(map(len, script)) - len(DAY) - len(END)


def test_what_was_missed_while_the_line_was_broken_is_recorded(tmp_path: Path) -> None:
    """The venue's count tells it: a gap stands before the trade behind it, with its numbers; the line is told of."""
    told: list[str] = []
    script = [[agg_trade(1, 0), agg_trade(2, 10)], [agg_trade(6, 50), agg_trade(7, 60), agg_trade(9, 70), *END]]
    result = tap(script, tmp_path / "a.run", told=told)
    found = bodies(tmp_path / "a.run")
    gaps = [(number, body.reason) for number, body in enumerate(found) if isinstance(body, InputRefused)]
    assert [reason for _, reason in gaps] == [
        "BTCUSDT: 3 to 5 of the venue's count were not heard",
        "BTCUSDT: 8 of the venue's count was not heard",
    ]
    assert all(isinstance(found[number + 1], PriceTicked) for number, _ in gaps)
    assert dict(result.recorded.noted)["gaps in trade ids"] == 2
    assert len(told) == 1
    assert "the line broke" in told[0]


def test_hyperliquid_tells_a_break_that_its_snapshot_does_not_cover(tmp_path: Path) -> None:
    """Trades that reach back to one known leave no trace of the break; those that do not are recorded as uncertain."""
    before = [
        context("1.0"),
        context("112000.0"),
        trades((5, 100, "113000.5"), (3, 120, "113001.0")),
        context("113000.0"),
        trades((8, 500, "113002.0")),
    ]
    after = [context("113000.0"), trades((4, 900, "113003.0")), best(950), context("113001.0")]
    end = [best(16_000), best(16_001)]
    whole = tap([[*before, *after[1:], *end]], tmp_path / "whole.run", HyperliquidStreams)
    snapshot = trades((8, 500, "113002.0"), (4, 900, "113003.0"))
    covered = tap([before, [after[0], snapshot, *after[2:], *end]], tmp_path / "covered.run", HyperliquidStreams)
    broken = tap([before, [*after, *end]], tmp_path / "broken.run", HyperliquidStreams)
    assert covered.recorded.head == whole.recorded.head != broken.recorded.head
    assert covered.repeated == 2
    (missed,) = [body for body in bodies(tmp_path / "broken.run") if isinstance(body, InputRefused)]
    assert missed.reason.startswith("BTC: the line broke")
    (listed,) = [body for body in bodies(tmp_path / "whole.run") if isinstance(body, InstrumentListed)]
    assert (listed.tick_size, listed.lot_size) == ("0.1", "0.00001")
    marks = [event for event in open_run(tmp_path / "whole.run").events() if isinstance(event.body, MarkPriced)]
    assert [event.at_ns // 10**6 - START_MS for event in marks] == [100, 120, 950]


BAD = {
    "no JSON": "rubbish",
    "no price": agg_trade(2, 10, price="-1"),
    "no size": agg_trade(2, 10, size="x"),
    "no time": agg_trade(2, 10**14),
    "another event": {"e": "kline", "s": "BTCUSDT"},
    "overfilled": force_order(10, size="1.000", filled="2.000"),
    "a list": [1, 2],
    "a pit": '{"data": ' + "[" * 10_000,
    "a price beyond a record": agg_trade(2, 10, price="1e30"),
    "an option": agg_trade(2, 10, symbol="BTC-251010-100000-C"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_is_left_out_or_ends_the_tap(name: str, tmp_path: Path) -> None:
    """Left out it is counted and recorded; with `stop` the record is kept, sealed as failed, and says why."""
    script = [[agg_trade(1, 0), BAD[name], BAD[name], agg_trade(2, 20), *END]]
    result = tap(script, tmp_path / "a.run")
    assert sum(fault.rows for fault in result.recorded.faults) == 1
    assert sum(isinstance(body, InputRefused) for body in bodies(tmp_path / "a.run")) == 1
    with pytest.raises(RecordError, match="sealed as failed"):
        tap(script, tmp_path / "b.run", on_error="stop")
    assert read_manifest(tmp_path / "b.run").status == "failed"
    assert sum(isinstance(body, PriceTicked) for body in bodies(tmp_path / "b.run")) == 1


def test_what_the_venue_refuses_is_said_and_nothing_is_kept(tmp_path: Path) -> None:
    """A refused subscription is the question's fault, in the venue's own words."""
    refusal = {"error": {"code": 2, "msg": "Invalid request"}, "id": 1}
    with pytest.raises(QueryError, match="Invalid request"):
        tap([[refusal]], tmp_path / "a.run")
    with pytest.raises(QueryError, match="Invalid subscription"):
        tap([[{"channel": "error", "data": "Invalid subscription"}]], tmp_path / "a.run", HyperliquidStreams)
    with pytest.raises(QueryError, match="no symbol"):
        BinanceStreams().asks(("btc/usdt",))
    assert not (tmp_path / "a.run").exists()


def test_nothing_is_written_over_and_a_wrong_url_is_said(tmp_path: Path) -> None:
    """A record that is there is refused before the line is opened; where nobody answers, no record is begun."""
    tap([[*DAY[:3], *END]], tmp_path / "a.run")
    with pytest.raises(RecordExistsError):
        tap([], tmp_path / "a.run")
    result = call("tap", "binance", "--url", "ws://127.0.0.1:1", "-o", tmp_path / "b.run")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nobody answers there" in result.stderr
    assert not (tmp_path / "b.run").exists()


def test_a_silence_is_broken_by_the_heartbeat_and_a_long_one_breaks_the_line(tmp_path: Path) -> None:
    """Hyperliquid is sent its ping, which is answered; where nothing at all comes the line counts as broken."""
    asked: list[Any] = []
    with replayed([[trades((1, 0, "1.0"))]], 7, heard=asked.append) as url:
        listened(url, tmp_path / "a.run", HyperliquidStreams, PACE, stop_after=9)
    assert [one["method"] for one in asked] == ["post", *["subscribe"] * 6, "ping"]
    stop, told = Stop(), list[str]()
    with replayed([[]]) as url:
        silent = Line(url, BinanceStreams(), ("BTCUSDT",), stop, lambda text: told.append(text) or stop(), QUICK)
        assert len(list(silent.messages())) == 1
    assert told == ["the line broke (nothing came for 0 s); connecting anew in 0 s"]


def test_late_facts_go_out_at_once_or_are_told(tmp_path: Path) -> None:
    """Late by less than a minute a trade keeps its own time beside the record's; later it is left out; marks are."""
    script = [
        [
            *[agg_trade(number, 1_000 * number) for number in range(1, 80)],
            agg_trade(0, 70_000, symbol="ETHUSDT"),
            agg_trade(1, 2_000, symbol="ETHUSDT"),
            mark_price(69_000, "1.00000000"),
            agg_trade(80, 80_000),
        ]
    ]
    result = tap(script, tmp_path / "a.run", for_ns=None, stop_after=83)
    late = [body.provenance for body in bodies(tmp_path / "a.run") if isinstance(body, PriceTicked)]
    assert [one.venue_ns // 10**6 - START_MS for one in late if one.row == 74] == [70_000]
    assert [fault.reason for fault in result.recorded.faults] == ["a minute late or more"]
    assert {"facts that came late", "marks that came late, a newer one being known"} <= dict(
        result.recorded.noted
    ).keys()


def test_one_time_far_ahead_moves_nothing() -> None:
    """A single fact of next year does not make all others late; at the end it is left out."""
    backlog = Backlog(lambda _reason: None)

    def fact(at_s: int) -> Heard:
        return Heard(at_s * 10**9, Rank.MARKED, ("BTC",), Broken("a mark", ""))

    for at_s in (100, 10**9, 101, 120):
        backlog.hear([fact(at_s)])
    assert backlog.at_ns == 120 * 10**9
    ready = [held.at_ns for held in backlog.ready()]
    assert ready == [100 * 10**9, 101 * 10**9]
    assert all(at_ns <= 120 * 10**9 - HOLD_NS for at_ns in ready)
    rest = list(backlog.rest())
    assert [held.heard.rank for held in rest] == [Rank.MARKED, Rank.BROKEN]
    assert rest[-1].at_ns == 120 * 10**9


def test_the_command_prints_what_it_heard_and_what_it_cannot_know(tmp_path: Path) -> None:
    """Text and JSON have the same head; the text ends with what the streams do not tell."""
    for name, options in (("a.run", ()), ("b.run", ("--json",))):
        with replayed([[*DAY, *END]]) as url:
            result = call("tap", "binance", "--url", url, "-o", tmp_path / name, "--for", "10s", *options)
        assert result.exit_code == 0, result.stderr
        if options:
            document = json.loads(result.stdout)
            assert document["recorded"]["head"] == read_manifest(tmp_path / name).head
            assert len(document["unknown"]) == 4
            schemas = Path(__file__).parents[1] / "docs" / "schemas"
            schema = json.loads((schemas / "tap.json").read_text(encoding="utf-8"))
            assert list(jsonschema.Draft202012Validator(schema).iter_errors(document)) == []
        else:
            assert read_manifest(tmp_path / name).head in result.stdout
            assert "not known" in result.stdout


def test_watch_follows_a_tap_and_a_signal_seals_it(tmp_path: Path) -> None:
    """While the tap writes, `watch` reads what has reached the disk; SIGTERM ends the tap, complete, with code 0."""
    path = tmp_path / "a.run"
    many = [agg_trade(1 + number, 20 * number, f"{113_000 + number % 7}.10") for number in range(700)]
    with replayed([[mark_price(0, "113000.00000000"), *many]]) as url:
        process = spawn("tap", "binance", "--url", url, "-o", path)
        assert eventually(lambda: process.poll() is not None or _size_bytes(path / "00000000.seg") >= 1000)
        assert process.poll() is None, process.communicate()
        seen = call("watch", path, "--once")
        assert seen.exit_code == 3, seen.stderr
        assert "BTCUSDT" in seen.stdout
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, stderr
    assert read_manifest(path).status == "complete"
    heard = sum(isinstance(body, PriceTicked) for body in bodies(path))
    assert 200 < heard <= len(many)
    assert "complete" in stdout


def test_a_missing_library_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without websockets the command says what to install."""
    monkeypatch.setattr("deleverage.replay.tap.line.find_spec", lambda _name: None)
    result = call("tap", "binance", "-o", tmp_path / "a.run")
    assert result.exit_code == 2
    assert result.stderr == "deleverage: tap: websockets is not installed; pip install 'deleverage[tap]'\n"


def test_a_line_waits_longer_each_time_and_no_longer_than_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits are those stated, in order; a stop ends them."""
    stop = Stop()
    waits: list[float] = []
    monkeypatch.setattr(Stop, "wait", lambda self, seconds, _pace: waits.append(seconds) or (len(waits) > 8 and self()))
    pace = PACE._replace(backoff_s=(0.0, 1.0, 2.0))
    with replayed([[agg_trade(1, 0)]]) as url:
        line = Line(url, BinanceStreams(), ("BTCUSDT",), stop, lambda _told: None, pace)
        messages = line.messages()
        assert [json.loads(next(messages)) for _ in range(2)] == [{"result": None, "id": 1}, agg_trade(1, 0)]
    assert list(messages) == []
    assert waits == [0.0, 1.0, *[2.0] * 7]


def test_a_script_is_cut_where_it_says(tmp_path: Path) -> None:
    """What the server plays comes from a file of lines."""
    (tmp_path / "s.jsonl").write_text("\n".join(map(json.dumps, [DAY[0], CLOSE, "text"])))
    assert read_script(tmp_path / "s.jsonl") == [[DAY[0]], ["text"]]

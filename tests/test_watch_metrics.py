"""What `watch --metrics` serves: what Prometheus reads is what the watcher read."""

from __future__ import annotations

import json
import socket
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

import pytest

from deleverage.events.errors import QueryError
from deleverage.replay.watch import metrics as metrics_module
from deleverage.replay.watch.metrics import served_metrics
from deleverage.replay.watch.watcher import RunWatcher

from .support.command_line import call
from .support.watching import events_of

parser = pytest.importorskip("prometheus_client.parser")
DASHBOARD = Path(__file__).parents[1] / "docs" / "grafana.json"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def asked(port: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The samples by name and labels."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        families = parser.text_string_to_metric_families(answer.read().decode())
        return {
            (one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples
        }


def test_what_is_served_is_what_was_read() -> None:
    """Counts of events from the first on; figures once there is a reading, those of the last one."""
    watcher, port, events = RunWatcher(60 * 10**9), free_port(), events_of("crash")
    with served_metrics(watcher, port) as metrics:
        assert metrics is not None
        assert asked(port) == {}
        for event in events:
            metrics.count(event)
            if (reading := watcher.take(event)) is not None:
                metrics.read(reading)
        metrics.read(last := watcher.reading())
        found = asked(port)
    for name, number in Counter(type(event.body).__name__ for event in events).items():
        assert found["deleverage_events_total", (("type", name),)] == number
    assert found["deleverage_simulated_time_seconds", ()] == last.at_ns / 10**9
    for one in last.warning.instruments:
        listing = watcher.ledger.markets[one.instrument].listing
        label = (("instrument", listing.name),)
        assert found["deleverage_open_interest", label] == one.interest_atoms / 10**6
        assert found["deleverage_mark_price", label] == pytest.approx(one.mark_ticks * float(listing.tick_size))
    (fund,) = last.warning.funds
    assert fund.left_atoms is not None
    label = (("asset", "USDT"), ("fund", watcher.ledger.name(fund.account)))
    assert found["deleverage_fund_left", label] == fund.left_atoms / 10**6


def test_the_dashboard_asks_for_what_is_served() -> None:
    """Every figure of it is a family that there is."""
    metrics, names = served_names(), set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            names |= {word for word in metrics if word in target["expr"]}
            assert any(word in target["expr"] for word in metrics), target["expr"]
    assert len(names) > len(metrics) // 2


def served_names() -> set[str]:
    """The names of the families."""
    figures = [*metrics_module._OF_ALL.values(), *metrics_module._OF_INSTRUMENTS.values()]
    figures += [metrics_module._STRESS, metrics_module._FUND]
    return {figure.name for figure in figures} | {"deleverage_events_total"}


def test_what_cannot_be_served_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that is taken, and a library that is not there: one line each."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = call("watch", "calm", "--once", "--metrics", str(port), "--set", "population.accounts=5")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"--metrics {port}: the port is not to be had" in refused.stderr
    monkeypatch.setattr(metrics_module, "find_spec", lambda _name: None)
    with pytest.raises(QueryError, match="pip install"), served_metrics(RunWatcher(10**9), 1):
        pass

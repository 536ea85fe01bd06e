"""The report of an incident as a page: what it shows is what the record holds, and it can be read without a network."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from deleverage import open_run
from deleverage.events.bodies.liquidation import LiquidationStarted
from deleverage.events.bodies.waterfall import DeleveragingStarted, PositionDeleveraged
from deleverage.replay.run import Run

from .support.browser import axe_faults
from .support.command_line import call, small_record, tear

_BYTES_MOST = 5_000_000


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small crash."""
    return small_record(tmp_path_factory.mktemp("incident"))


@pytest.fixture(scope="module")
def run(record: Path) -> Run:
    """The same, opened."""
    return open_run(record)


@pytest.fixture(scope="module")
def report(record: Path) -> Path:
    """Its report."""
    path = record.with_name("incident.html")
    called = call("report", record, "-o", path)
    assert (called.exit_code, called.stderr) == (0, "")
    assert called.stdout.endswith(" bytes\n")
    return path


def rows_of(path: Path) -> dict[str, Any]:
    """The packed rows of a page."""
    found = re.search(r'id="data">([^<]*)<', path.read_text(encoding="utf-8"))
    assert found is not None
    return dict(json.loads(zlib.decompress(b64decode(found[1]))))


def test_every_liquidation_round_and_reduction_is_in_it(run: Run, report: Path) -> None:
    """By their numbers; each has its event, and what a round was decided on has its grounds."""
    rows, events = rows_of(report), list(run.events())

    def seqs(kind: type) -> list[int]:
        return [event.seq for event in events if isinstance(event.body, kind)]

    assert [row[1] for row in rows["liquidations"]] == seqs(LiquidationStarted)
    assert [row[1] for row in rows["rounds"]] == seqs(DeleveragingStarted)
    assert [row[0] for row in rows["reductions"]] == seqs(PositionDeleveraged)
    kept = {row[0]: row for row in rows["events"]}
    for seq in (*seqs(DeleveragingStarted), *seqs(PositionDeleveraged)):
        assert kept[seq][8]
        assert all(ground < seq and ground in kept for ground, _ in kept[seq][8])
    for row in rows["liquidations"]:
        assert row[7] is None or row[7] < row[1]
        assert row[4] == 0 or row[5] != "prices from outside"


def test_each_event_that_the_page_links_can_be_opened(report: Path) -> None:
    """What stands in the pictures' captions and in the tables is in the file."""
    kept = {row[0] for row in rows_of(report)["events"]}
    linked = {int(seq) for seq in re.findall(r'href="#e([0-9]+)"', report.read_text(encoding="utf-8"))}
    assert linked
    assert linked <= kept


def test_the_same_record_gives_the_same_bytes_and_asks_for_nothing(record: Path, report: Path) -> None:
    """No clock, no address, no name of another file; small."""
    again = record.with_name("again.html")
    assert call("report", record, "-o", again).exit_code == 0
    assert again.read_bytes() == report.read_bytes()
    assert len(report.read_bytes()) < _BYTES_MOST
    text = report.read_text(encoding="utf-8")
    assert "Content-Security-Policy" in text
    assert not re.search(r'(src|href)="(?!#)|https?://|url\(|@import', text)


def test_it_can_be_read_wide_narrow_and_on_a_dark_screen(page: Any, report: Path) -> None:
    """No request leaves, nothing is wider than the screen, axe finds nothing serious."""
    requests = list[str]()
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    page.wait_for_selector("html[data-ready]")
    for width, scheme in ((1280, "light"), (380, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert axe_faults(page) == []
    assert requests == [report.as_uri()]
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.locator("#timeline").is_visible()


def test_tables_sort_and_filter_and_lead_to_rounds_accounts_and_events(page: Any, run: Run, report: Path) -> None:
    """From a round to who was reduced in it, to the account, to the event and what that rests on."""
    page.goto(f"{report.as_uri()}#rounds")
    page.get_by_role("button", name="value", exact=True).click()
    column = page.get_by_role("columnheader", name="value", exact=True)
    assert column.get_attribute("aria-sort") == "ascending"
    cells = page.locator("#view tbody td:nth-child(7)").all_inner_texts()
    values = [float(text.replace(",", "")) for text in cells]
    assert values == sorted(values)
    page.get_by_label("Find in rounds").fill("no such thing")
    assert page.get_by_role("status").inner_text() == "nothing found"
    started = next(event for event in run.events() if isinstance(event.body, DeleveragingStarted))
    reduced = next(event for event in run.events() if isinstance(event.body, PositionDeleveraged))
    page.goto(f"{report.as_uri()}#round-{started.body.round}")  # type: ignore[union-attr]
    page.get_by_role("heading", name=f"Round {started.body.round}", exact=True).wait_for()  # type: ignore[union-attr]
    name = run.directory.account_name(reduced.body.account)  # type: ignore[union-attr]
    page.get_by_role("link", name=name, exact=True).first.click()
    page.get_by_role("heading", name=name, exact=True).wait_for()
    page.get_by_role("link", name=f"{reduced.seq:,}", exact=True).first.click()
    page.get_by_role("heading", name="What it rests on").wait_for()
    assert f"deleverage why {run.path} {reduced.seq}" in page.locator("#view").inner_text()
    assert axe_faults(page) == []
    page.goto(f"{report.as_uri()}#e1")
    assert "This one is in the record" in page.locator("#view").inner_text()


def test_a_fork_is_held_against_its_parent_and_no_other(record: Path, report: Path, tmp_path: Path) -> None:
    """What was changed, what it came to in both; another record is refused, and nothing is written."""
    fork, page = tmp_path / "fork.run", tmp_path / "fork.html"
    assert call("fork", record, "--at", "+20m", "--set", "adl.policy=contract-pro-rata", "-o", fork).exit_code == 0
    called = call("report", fork, "--against", record, "-o", page)
    assert (called.exit_code, called.stderr) == (0, "")
    text = page.read_text(encoding="utf-8")
    assert "adl.policy = contract-pro-rata" in text
    assert "mark in the parent" in text
    refused = call("report", record, "--against", fork, "-o", tmp_path / "no.html")
    assert refused.exit_code == 2
    assert "was not forked from it" in refused.stderr
    assert not (tmp_path / "no.html").exists()


def test_what_cannot_be_is_refused_before_anything_is_read(record: Path, report: Path) -> None:
    """No output, an output that is there, options of the other report: one line each."""
    for options, told in (
        ((), "say where the page goes"),
        (("-o", report), "already there"),
        (("-o", "x.html", "--json"), "a page has no"),
        (("--regulator", "--against", record), "--against is of the page"),
    ):
        called = call("report", record, *options)
        assert called.exit_code == 2
        assert told in called.stderr


def test_a_torn_record_is_reported_as_far_as_it_goes(tmp_path: Path) -> None:
    """The page says so, and the exit code is that of a torn record."""
    torn = small_record(tmp_path)
    tear(torn)
    called = call("report", torn, "-o", tmp_path / "torn.html")
    assert called.exit_code == 3
    assert '<p class="warn">' in (tmp_path / "torn.html").read_text(encoding="utf-8")


def test_a_quiet_run_has_a_report_too(tmp_path: Path) -> None:
    """Nothing was forced, so there is no picture of it, and nobody to name."""
    quiet = tmp_path / "quiet.run"
    assert (
        call("run", "calm", "--set", "population.accounts=20", "--set", "prices.duration_ns=5m", "-o", quiet).exit_code
        == 0
    )
    assert call("report", quiet, "-o", tmp_path / "quiet.html").exit_code == 0
    text = (tmp_path / "quiet.html").read_text(encoding="utf-8")
    assert "Nothing was closed by force." in text
    assert rows_of(tmp_path / "quiet.html")["rounds"] == []

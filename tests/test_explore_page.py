"""The explorer's page in a browser: walks that whoever investigates takes, on one server and in one browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from deleverage.events.bodies.waterfall import PositionDeleveraged

from .support.browser import axe_faults
from .support.command_line import small_record
from .support.crash import recorded
from .support.explored import serving

REDUCED = next(event for event in recorded() if isinstance(event.body, PositionDeleveraged))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[str]:
    """The small crash, served by the command; not where there is no browser."""
    with serving(small_record(tmp_path_factory.mktemp("explored"))) as one:
        yield one


def at(page: Any, address: str, fragment: str) -> None:
    """Open the page at a place, and wait for the instant."""
    page.goto(f"{address}#{fragment}")
    page.wait_for_selector(".clock")


def event_shown(page: Any, seq: int) -> None:
    """Wait until the page stands at an event."""
    page.wait_for_function("seq => document.querySelector('.where')?.textContent.includes(seq)", arg=f"event {seq:,}")


def test_a_link_leads_to_an_event_with_why_and_its_graph(page: Any, address: str) -> None:
    """The answer, both sides and the graph are there; a ground leads on, and the browser's back leads back."""
    at(page, address, f"at={REDUCED.seq}&panel=event&event={REDUCED.seq}")
    page.wait_for_selector(".more-why details")
    assert f"Event {REDUCED.seq}" in page.locator(".answer .prose").first.inner_text()
    page.wait_for_selector(".delta .is")
    page.wait_for_selector("svg.grounds .ground.asked")
    assert axe_faults(page) == []
    page.locator("svg.grounds .ground:not(.asked)").first.click()
    page.wait_for_function("seq => !location.hash.includes(`event=${seq}`)", arg=REDUCED.seq)
    page.go_back()
    event_shown(page, REDUCED.seq)


def test_the_slider_and_the_keys_move_through_time(page: Any, address: str) -> None:
    """Arrows go from event to event, with shift from instant to instant; the slider and a click go anywhere."""
    at(page, address, "at=100")
    page.keyboard.press("ArrowRight")
    event_shown(page, 101)
    page.keyboard.press("ArrowLeft")
    event_shown(page, 100)
    page.keyboard.press("Home")
    event_shown(page, 0)
    page.keyboard.press("End")
    event_shown(page, len(recorded()) - 1)
    page.locator(".instant-slider").fill("0")
    last_of_first = max(event.seq for event in recorded() if event.at_ns == recorded()[0].at_ns)
    event_shown(page, last_of_first)
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function(
        "seq => !document.querySelector('.where').textContent.includes(seq)", arg=f"{last_of_first:,}"
    )
    page.wait_for_selector(".timeline .u-over")
    page.locator(".timeline .u-over").first.click(position={"x": 400, "y": 40})
    page.wait_for_function("() => Number(document.querySelector('.instant-slider').value) > 0")


def test_search_leads_to_an_account_and_its_life(page: Any, address: str) -> None:
    """A name that is typed is found; the curve, what it holds and what befell it are shown; the theme turns."""
    name = next(event.body.name for event in recorded() if getattr(event.body, "account", None) == REDUCED.body.account)  # type: ignore[union-attr]
    at(page, address, f"at={REDUCED.seq}")
    page.keyboard.press("/")
    page.keyboard.type(name)
    page.wait_for_selector(f".hits li[aria-selected=true] >> text={name}")
    page.keyboard.press("Enter")
    page.wait_for_selector(f".subject .name >> text={name}")
    page.wait_for_selector(".life canvas")
    page.wait_for_selector(".list.short .event.adl")
    assert axe_faults(page) == []
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") in {"dark", "light"}
    assert axe_faults(page) == []


def test_accounts_are_sorted_and_filtered(page: Any, address: str) -> None:
    """The server sorts; lights come after; a row leads to the account."""
    at(page, address, f"at={REDUCED.seq - 2}")
    page.wait_for_selector(".accounts tbody tr")
    page.locator(".accounts th button", has_text="leverage").click()
    page.wait_for_selector("th[aria-sort=descending] >> text=leverage")
    page.wait_for_selector(".lamps i.on")
    first = page.locator(".accounts tbody tr .name").first.inner_text()
    page.locator(".filter").fill(first)
    page.wait_for_function(
        "name => [...document.querySelectorAll('.accounts .name')].every(one => one.textContent.includes(name))",
        arg=first,
    )
    assert axe_faults(page) == []
    page.locator(".accounts tbody tr").first.click()
    page.wait_for_selector(f".subject .name >> text={first}")


def test_a_fork_shows_both_futures(page: Any, address: str) -> None:
    """A changed rule is run from the instant on, and both futures stand side by side."""
    at(page, address, f"at={REDUCED.seq - 200}&panel=fork")
    page.wait_for_selector(".change select option[value=adl]", state="attached")
    page.locator(".change input").fill("wealth-pro-rata")
    page.locator(".change button").click()
    page.locator(".run").click()
    page.wait_for_selector(".sides .side canvas")
    assert page.locator(".sides").first.locator(".side").count() == 2
    page.wait_for_selector(".totals >> text=rounds of auto-deleveraging")
    assert axe_faults(page) == []


def test_help_names_the_keys(page: Any, address: str) -> None:
    """A question mark opens the keys, escape closes them; a letter leads to a panel."""
    at(page, address, "at=100")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open] >> text=search")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    page.keyboard.press("f")
    page.wait_for_selector(".tab[aria-selected=true] >> text=Fork")

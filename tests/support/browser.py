"""A browser for the tests of pages: Chromium as the system has it, without a network, and what axe-core says of a page.

A test that asks for it is skipped where there is none. It is started for a module and ended with it, so that no loop of
events is left running where other tests begin theirs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from .patience import PATIENCE_S

__all__ = ["axe_faults", "browser", "page"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SERIOUS = ("serious", "critical")


def _executable() -> str | None:
    """The browser that DELEVERAGE_BROWSER names, or the system's."""
    return os.environ.get("DELEVERAGE_BROWSER") or next(filter(None, map(shutil.which, _NAMES)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser of Playwright, headless."""
    sync_api = pytest.importorskip("playwright.sync_api")
    executable = _executable()
    if executable is None:
        pytest.skip("there is no Chromium; DELEVERAGE_BROWSER names one, Debian's package is `chromium`")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=list(_ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page 1280 px wide of a new context; an error that its scripts do not catch fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(1_000 * PATIENCE_S)
    opened, errors = context.new_page(), list[str]()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
    yield opened
    context.close()
    assert not errors


def axe_faults(page: Any) -> list[str]:
    """What axe-core finds serious or critical in a page: a line each, with where it is."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']} ({node['html'][:200]})"
        for one in found
        if one["impact"] in _SERIOUS
        for node in one["nodes"]
    ]

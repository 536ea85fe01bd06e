"""The browser of the tests themselves: a page that is at fault is found to be."""

from __future__ import annotations

from typing import Any

from .support.browser import axe_faults


def test_a_page_without_a_language_or_a_name_is_at_fault(page: Any) -> None:
    """What a reader of the screen would miss is told; a whole page passes."""
    page.set_content("<title>one</title><main><h1>One</h1><button></button></main>")
    assert {line.partition(":")[0] for line in axe_faults(page)} == {"button-name", "html-has-lang"}
    page.set_content("<html lang=en><title>two</title><main><h1>Two</h1><button>Go</button></main></html>")
    assert axe_faults(page) == []

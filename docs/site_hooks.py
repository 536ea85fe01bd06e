"""What mkdocs is told before it builds the site (`hooks` in mkdocs.yml).

1. The checkout is the package, whatever folder it was cloned to, and mkdocstrings looks for a folder of the package's
   name. So it is given one: a link in a temporary folder.
2. A list may follow a line of text at once, in a page as in a docstring: that is how the repository shows it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from mkdocs.plugins import event_priority

ROOT = Path(__file__).parents[1]

_BEGINS_A_LIST = re.compile(r"(- |1\. )")
_MAY_STAND_BEFORE = re.compile(r"\s*$|\s|- |\d+\. |[|#>]")
_BEFORE_FENCES = 50
"""The preprocessor that takes fenced code away has 25, and those of higher numbers come first."""


class _Lists(Preprocessor):
    """Puts the empty line before a list that Markdown's first version asks for; nothing within fenced code."""

    def run(self, lines: list[str]) -> list[str]:
        """The lines of a page with those lines in between."""
        return list(self._spaced(lines))

    @staticmethod
    def _spaced(lines: list[str]) -> Iterator[str]:
        before, fenced = "", False
        for line in lines:
            fenced ^= line.startswith("```")
            if not fenced and _BEGINS_A_LIST.match(line) and not _MAY_STAND_BEFORE.match(before):
                yield ""
            yield line
            before = line


class _ListsAfterText(Extension):
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown's own name
        """Register the preprocessor."""
        md.preprocessors.register(_Lists(md), "lists after text", _BEFORE_FENCES)


@event_priority(100)  # before mkdocstrings, which takes its settings in the same step
def on_config(config: Any) -> Any:
    """Give mkdocstrings a folder in which the checkout is called `deleverage`, and Markdown the lists."""
    folder = tempfile.TemporaryDirectory(prefix="deleverage-docs-")
    link = Path(folder.name) / "deleverage"
    link.symlink_to(ROOT, target_is_directory=True)
    config["plugins"]["mkdocstrings"].config["handlers"]["python"]["paths"] = [folder.name]
    config["extra"]["checkout_link"] = folder  # kept until the build is over, then removed with it
    config["markdown_extensions"].append(_ListsAfterText())
    return config

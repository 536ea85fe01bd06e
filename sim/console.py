"""Where text for people goes: a terminal of any width, a pipe, a file.

1. No figure is ever cut short. Prose folds between words; a table that is wider than the console stays as wide as it
   needs.
2. Styles only on a terminal; bars beyond ASCII only where the stream's encoding has them.
3. Names come from files: what is not printable in one is shown as its escape and does nothing (`terminal.py`). A
   console lets nothing else through, whatever is printed on it: only its own styles reach the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from textwrap import wrap
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from .sparkline import ASCII_BARS, UNICODE_BARS
from .terminal import printable, printable_text

__all__ = ["LABEL_WIDTH", "bars_for", "new_console", "print_line", "print_rows", "print_styled", "print_table"]

LABEL_WIDTH = 11
"""Wide enough for the labels of a summary, so that its parts line up."""

_GAP = "  "
_PROSE_WIDTH_MIN = 20


class _Console(Console):
    """Shows escapes in place of what is not printable, and leaves a broken pipe to the command line."""

    @cached_property
    def is_terminal(self) -> bool:
        """Asked of the stream and the environment once: hundreds of thousands of lines are written to it."""
        return super().is_terminal

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What rich makes of something to print; its own controls and styles are apart from the text."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(printable_text(text), style)

    def on_broken_pipe(self) -> None:
        """Called by rich while it handles the BrokenPipeError: the command line knows the exit code for it."""
        raise  # noqa: PLE0704 - the error at hand


def new_console(stream: TextIO | None = None) -> Console:
    """A console on `stream`, stdout by default; every console of the program is made here."""
    return _Console(file=sys.stdout if stream is None else stream, highlight=False, markup=False, emoji=False)


def bars_for(console: Console) -> str:
    """The bars that a console's stream can show."""
    try:
        UNICODE_BARS.encode(console.encoding)
    except UnicodeEncodeError:
        return ASCII_BARS
    return UNICODE_BARS


def print_line(console: Console, text: str = "", style: str = "") -> None:
    """One line as it is; a terminal may wrap it, so that it can still be copied whole."""
    print_styled(console, (printable(text), style))


def print_styled(console: Console, *parts: tuple[str, str]) -> None:
    """A line of parts that are printable, each with its style; where there are none to be seen, some 1 us."""
    if console.is_terminal:
        console.print(Text.assemble(*parts), soft_wrap=True)
    else:
        console.file.write("".join(text for text, _ in parts) + "\n")


def print_rows(console: Console, rows: Iterable[tuple[str, str]], label_width: int = LABEL_WIDTH) -> None:
    """Labels and what belongs to them, side by side; the text folds between words, under itself."""
    width = max(console.width - label_width - len(_GAP), _PROSE_WIDTH_MIN)
    for label, text in rows:
        first, *others = _folded(text, width)
        label_text = _left(printable(label), label_width)
        print_styled(console, (label_text, "bold"), (_GAP, ""), (printable(first), ""))
        for other in others:
            print_line(console, " " * label_width + _GAP + other)


def _folded(text: str, width: int) -> list[str]:
    """The lines of a text, at least one."""
    if len(text) <= width and text.isprintable() and "  " not in text and text == text.strip():
        return [text]  # as by far the most are
    return wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def print_table(console: Console, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows of figures under a header: the first column to the left, the others to the right."""
    lines = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for place, line in enumerate(lines):
        cells = [_left(line[0], widths[0]), *map(_right, line[1:], widths[1:])]
        print_line(console, _GAP.join(cells).rstrip(), style="" if place else "bold")


def _left(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text

"""A progress bar for work whose length is known: shown on stderr where that is a terminal, else nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from .console import new_console

__all__ = ["Advance", "bar", "progress_on_stderr"]

Advance = Callable[[int, str], None]
"""Called with how much is done, and what to say beside the bar."""


@contextmanager
def progress_on_stderr(*, shown: bool, threaded: bool = True) -> Iterator[Progress | None]:
    """A display for bars with a `text` beside each, for as long as the context lasts; None where nothing is shown.

    It is drawn by a thread, or else whenever something is reported: so it must be where processes are forked.
    """
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    text = TextColumn("{task.fields[text]}", markup=False)
    columns = SpinnerColumn(), BarColumn(bar_width=None), TaskProgressColumn(), text
    console = new_console(sys.stderr)
    with Progress(*columns, console=console, transient=True, expand=True, auto_refresh=threaded) as progress:
        yield progress


@contextmanager
def bar(total: int | None, text: str = "", *, shown: bool = True, threaded: bool = True) -> Iterator[Advance]:
    """A bar for as long as the context lasts; `total` is in the units of what is reported as done."""
    with progress_on_stderr(shown=shown, threaded=threaded) as progress:
        if progress is None:
            yield lambda _done, _text: None
            return
        task = progress.add_task("", total=total, text=text)
        yield lambda done, told: progress.update(task, completed=done, text=told, refresh=not threaded)

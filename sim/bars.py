"""A progress bar for work whose length is known: shown on stderr where that is a terminal, else nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

__all__ = ["Advance", "bar"]

Advance = Callable[[int, str], None]
"""Called with how much is done, and what to say beside the bar."""


@contextmanager
def bar(total: int | None, text: str = "", *, shown: bool = True) -> Iterator[Advance]:
    """A bar for as long as the context lasts; `total` is in the units of what is reported as done."""
    if not (shown and sys.stderr.isatty()):
        yield lambda _done, _text: None
        return
    columns = SpinnerColumn(), BarColumn(bar_width=None), TaskProgressColumn(), TextColumn("{task.fields[text]}")
    with Progress(*columns, console=Console(file=sys.stderr), transient=True, expand=True) as progress:
        task = progress.add_task("", total=total, text=text)
        yield lambda done, told: progress.update(task, completed=done, text=told)

"""`deleverage why RUN --everyone -o DIR`: the options, and what becomes of the others beside them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ...events.errors import QueryError
from ...sim.terminal import print_text
from ..command_line import JOBS_MOST, leave, opened
from .pages import Layout

__all__ = ["everyone_option"]

_ALONE = {
    "asked": "an EVENT, TIME or ACCOUNT", "account": "--account", "point": "--at", "first": "--from", "last": "--to",
    "instrument": "--instrument", "against": "--not", "under": "--under", "flips": "--flips",
}  # fmt: skip
"""What asks about something else than everyone, by the name that the command has for it."""


def everyone_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give `why` the options `--everyone`, `-o` and `--jobs`; without the first it is as it was."""

    @click.option("--everyone", is_flag=True, help="A page for each account that was deleveraged, and an index.")
    @click.option("-o", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Where those pages go.")
    @click.option(
        "--jobs", type=click.IntRange(1, JOBS_MOST), metavar="N", help="Make them in N processes, else one a processor."
    )
    @wraps(command)
    def asked(
        context: click.Context, /, *, everyone: bool, folder: Path | None, jobs: int | None, **given: Any
    ) -> None:
        if not everyone:
            if folder is not None or jobs is not None:
                message = f"{'-o' if folder is not None else '--jobs'} is for --everyone; add that, or leave it out"
                raise QueryError(message)
            command(context, **given)
            return
        _write(context, folder, jobs or len(os.sched_getaffinity(0)), given)

    return asked


def _write(context: click.Context, folder: Path | None, jobs: int, given: dict[str, Any]) -> None:
    """Raises QueryError for what does not go with everyone."""
    from ...sim.console import new_console  # noqa: PLC0415
    from ...sim.progress import bar  # noqa: PLC0415 - rich and processes are only for whoever asks this
    from .everyone import write_everyone  # noqa: PLC0415

    for name, told in _ALONE.items():
        if given.get(name):
            message = f"--everyone asks about everybody who was deleveraged, {told} about less; give one of them"
            raise QueryError(message)
    if folder is None:
        message = "--everyone writes a page for each account; say where with -o DIR"
        raise QueryError(message)
    run = opened(given["record"], given["head"], given["plugins"])
    layout: Layout = "json" if given["as_json"] else given["layout"]
    with bar(None, "finding who was deleveraged") as advance:
        made = write_everyone(
            run, folder, layout, new_console().width, jobs=jobs, whole=given["whole"],
            watch=lambda done, total: advance(done, f"{done:,} of {total:,} pages"),
        )  # fmt: skip
    print_text(f"{made.path}: {made.pages:,} pages and their index")
    leave(context, run)

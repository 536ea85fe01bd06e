"""What the commands that read a record share: its argument, `--json`, and what a torn record means for the exit code.

A torn record is served up to its last good block, with a warning on stderr and exit code 3. Whatever is not sound is
also one line on stderr, and so are that a record broke off (it was interrupted, or failed), and other code than the
record's where a run is taken up again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from ..sim.terminal import tell
from .run import Run, open_run

__all__ = ["JOBS_MOST", "TORN", "as_json_option", "leave", "opened", "record_argument", "tell_differences"]

_BROKE_OFF = {"interrupted": "was interrupted", "failed": "failed before its end"}

JOBS_MOST = 1_024
"""No command starts more processes."""

TORN = 3
"""The exit code of whoever served a torn record as far as it goes."""

record_argument = click.argument("record", metavar="RUN", type=click.Path(path_type=Path))
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def opened(path: Path, plugins: Iterable[Path] = ()) -> Run:
    """The record, with a warning on stderr for one that is torn or broke off."""
    run = open_run(path, plugins)
    if run.warning:
        tell(f"{run.warning}")
    elif run.manifest.status in ("interrupted", "failed"):
        tell(f"{path}: it {_BROKE_OFF[run.manifest.status]}, and ends there")
    return run


def tell_differences(run: Run) -> None:
    """Say on stderr that a record was taken up again by other code or policies than decided in it."""
    from .verify.versions import differences  # noqa: PLC0415 - the handlers are only for who takes a run up again

    for found in differences(run)[:1]:
        tell(f"{run.path}: {found}; what follows was decided by what is installed")


def leave(context: click.Context, run: Run) -> None:
    """Say what was damaged beside the record that was served, and end the command with the exit code that fits it."""
    for report in run.reports:
        tell(f"{report}")
    if run.torn:
        context.exit(TORN)

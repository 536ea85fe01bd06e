"""What the commands that read a record share: its argument, `--json`, and what a torn record means for the exit code.

A torn record is served up to its last good block, with a warning on stderr and exit code 3. Whatever is not sound is
also one line on stderr.
"""

from __future__ import annotations

from pathlib import Path

import click

from .run import Run, open_run

__all__ = ["TORN", "as_json_option", "leave", "opened", "record_argument"]

TORN = 3
"""The exit code of whoever served a torn record as far as it goes."""

record_argument = click.argument("record", metavar="RUN", type=click.Path(path_type=Path))
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def opened(path: Path) -> Run:
    """The record, with a torn one's warning on stderr."""
    run = open_run(path)
    if run.warning:
        click.echo(f"deleverage: {run.warning}", err=True)
    return run


def leave(context: click.Context, run: Run) -> None:
    """Say what was damaged beside the record that was served, and end the command with the exit code that fits it."""
    for report in run.reports:
        click.echo(f"deleverage: {report}", err=True)
    if run.torn:
        context.exit(TORN)

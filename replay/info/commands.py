"""`deleverage info`: what a record is. `deleverage pack`: the record as one file."""

from __future__ import annotations

from pathlib import Path

import click

from ...events.record.packs import pack
from ...sim.console import new_console
from ...sim.terminal import print_document, print_lines
from ..command_line import as_json_option, head_option, leave, opened, record_argument
from .text import print_info
from .view import info_view

__all__ = ["info_command", "pack_command"]


@click.command("info")
@record_argument
@click.option("--types", "by_type", is_flag=True, help="Count the events by type: reads all of them.")
@head_option
@as_json_option
@click.pass_context
def info_command(context: click.Context, *, record: Path, by_type: bool, head: str | None, as_json: bool) -> None:
    """Say what RUN is: how it ended, from when to when, its rules, sources, forks, and what is kept beside it."""
    run = opened(record, head)
    told = info_view(run, by_type=by_type)
    if as_json:
        print_document(told)
    else:
        print_info(new_console(), told)
    leave(context, run)


@click.command("pack")
@record_argument
@click.option("-o", "--output", "path", metavar="FILE", required=True, type=click.Path(path_type=Path), help="To here.")
@head_option
@as_json_option
@click.pass_context
def pack_command(context: click.Context, *, record: Path, path: Path, head: str | None, as_json: bool) -> None:
    """Pack RUN, and whatever it was forked from, into one file, to be sent.

    Every command that reads a record reads a pack as it is. `unzip` gives the records back. Plug-ins are not in it.
    """
    run = opened(record, head, forked=True)
    packed = {"pack": str(path), "bytes": pack(run.reader, path), "events": run.count, "head": run.head}
    if as_json:
        print_document(packed)
    else:
        print_lines([f"{path}: {run.count:,} events, {packed['bytes']:,} bytes, head {run.head}"])
    leave(context, run)

"""`deleverage diff`: what two runs have in common and where they part."""

from __future__ import annotations

from pathlib import Path

import click

from ...sim.console import new_console, print_line
from ...sim.figures import count
from ...sim.scaled import scaled
from ...sim.terminal import print_document, tell
from ..command_line import RecordPath, as_json_option, digits_of, leave, opened
from .accounts_csv import write_accounts
from .difference import diff
from .text import print_difference
from .view import difference_view

__all__ = ["diff_command"]

_TOP = 5


def _heads_of(context: click.Context, option: click.Parameter, texts: tuple[str, str] | None) -> tuple[str | None, ...]:
    """One head for each; none where nothing was given."""
    return tuple(digits_of(context, option, text) for text in texts) if texts else (None, None)


@click.command("diff")
@click.argument("record_a", metavar="A", type=RecordPath())
@click.argument("record_b", metavar="B", type=RecordPath())
@click.option(
    "--top", type=click.IntRange(min=0), default=_TOP, show_default=True, metavar="N", help="How many of each to list."
)
@click.option("--heads", nargs=2, metavar="HEX HEX", callback=_heads_of, help="The heads that A and B must have.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), metavar="FILE", help="Write a row per account.")
@as_json_option
@click.pass_context
def diff_command(
    context: click.Context,
    *,
    record_a: Path,
    record_b: Path,
    top: int,
    heads: tuple[str | None, str | None],
    csv_file: Path | None,
    as_json: bool,
) -> None:
    """Hold two runs against each other: a fork and its parent, or two runs of the same inputs under other rules.

    Events are matched by the input that they go back to and the path from it, never by number; accounts by name. That
    the runs differ is no error: the exit code is 0 wherever they could be compared.
    """
    a, b = opened(record_a, heads[0]), opened(record_b, heads[1])
    difference = diff(a, b)
    rows = None if csv_file is None else write_accounts(difference, csv_file)
    for warning in difference.warnings:
        tell(f"{warning}")
    if as_json:
        assets = {**a.directory.assets, **b.directory.assets}.values()
        print_document(scaled(difference_view(difference, top), assets))
    else:
        console = new_console()
        print_difference(console, difference, top)
        if rows is not None:
            print_line(console, f"{count(rows, 'account')} in {csv_file}")
    for run in sorted((a, b), key=lambda one: one.torn):
        leave(context, run)

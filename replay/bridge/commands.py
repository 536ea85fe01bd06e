"""`deleverage bridge`: an imported incident as a scenario."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ...sim.console import new_console
from ...sim.terminal import print_document
from ..command_line import as_json_option, head_option, leave, opened, record_argument
from .bridge import bridge
from .text import print_bridge

__all__ = ["bridge_command"]

_LEVERAGE, _LEVERAGE_MOST = 5, 1_000


@click.command("bridge")
@record_argument
@click.option(
    "-o", "--output", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Write the scenario there."
)
@click.option("--at", metavar="POINT", help="Begin after this.  [default: before the first deleveraging]")
@click.option("--rulebook", metavar="NAME", help="Decide by this rulebook.  [default: that of the venue]")
@click.option(
    "--leverage",
    type=click.IntRange(1, _LEVERAGE_MOST),
    default=_LEVERAGE,
    show_default=True,
    help="What stands for a balance that no file states: the worth of the positions over the equity.",
)
@head_option
@as_json_option
@click.pass_context
def bridge_command(
    context: click.Context,
    *,
    record: Path,
    output: Path,
    at: str | None,
    rulebook: str | None,
    leverage: int,
    head: str | None,
    as_json: bool,
) -> None:
    """Write the incident in RUN, an import, as a scenario that can be run, forked and compared.

    DIR gets scenario.toml, the accounts as they are reconstructed at that point, the marks from there on, which are
    held, and inferred.json, which lists every figure that no file states, with its bounds.

    A POINT is an event's number (77241), a time (21:16, 2025-10-10 21:16:04.831) or an offset from the start (+10m).
    """
    run = opened(record, head)
    found = bridge(run, output, at=at, asked_rulebook=rulebook, leverage=leverage)
    if as_json:
        print_document(msgspec.to_builtins(found))
    else:
        print_bridge(new_console(), found)
    leave(context, run)

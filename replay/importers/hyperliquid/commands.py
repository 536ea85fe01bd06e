"""`deleverage import hyperliquid FILES... -o RUN`."""

from __future__ import annotations

import click

from ..commands import Wanted, carry_out, import_options
from .importer import Hyperliquid

__all__ = ["hyperliquid_command"]


@click.command("hyperliquid")
@click.argument("files", nargs=-1, required=True)
@click.option("--misc", "misc", multiple=True, metavar="FILE", help="Misc events of the same time; may be repeated.")
@click.option(
    "--snapshot",
    "snapshots",
    multiple=True,
    metavar="FILE",
    help="A clearinghouse state of before, as the API answers; may be repeated.",
)
@import_options
def hyperliquid_command(
    *, files: tuple[str, ...], misc: tuple[str, ...], snapshots: tuple[str, ...], wanted: Wanted
) -> None:
    """Import Hyperliquid's node FILES, in their order: fills by block or a fill a line, or trades; packed.

    Fills become trades, forced ones liquidations, takeovers and deleveraged positions. Opening positions and their
    entries are inferred as far as the fills tell. Spot pairs are reported and move nothing.
    """
    carry_out(Hyperliquid(files, misc, snapshots), wanted)

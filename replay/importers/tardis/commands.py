"""`deleverage import tardis FILES... -o RUN`."""

from __future__ import annotations

import click

from ..commands import Wanted, carry_out, import_options
from ..feed.contracts import Told
from ..feed.options import feed_options
from .layouts import Kind, open_tardis

__all__ = ["tardis_command"]


@click.command("tardis")
@click.argument("files", nargs=-1, required=True)
@click.option("--kind", type=click.Choice(("trades", "liquidations")), help="What files are whose names do not tell.")
@feed_options
@import_options
def tardis_command(
    *,
    files: tuple[str, ...],
    kind: Kind | None,
    contracts: dict[str, Told],
    symbols: tuple[str, ...],
    sort: bool,
    wanted: Wanted,
) -> None:
    """Import Tardis' CSV FILES: trades, derivative_ticker, liquidations; packed or plain, any exchange and symbol.

    Trades become prices, a ticker marks, indices and funding rates; of who traded the files say nothing. Each
    liquidation is one of the account forced:SYMBOL, which stands for all that nobody named; its position is inferred.
    """
    carry_out(open_tardis(files, kind=kind, contracts=contracts, symbol=symbols, sort=sort), wanted)

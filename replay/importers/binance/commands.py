"""`deleverage import binance FILES... -o RUN`."""

from __future__ import annotations

from typing import get_args

import click

from ..commands import Wanted, carry_out, import_options
from ..feed.contracts import Told
from ..feed.options import feed_options
from .names import Part
from .opening import open_binance

__all__ = ["binance_command"]


@click.command("binance")
@click.argument("files", nargs=-1, required=True)
@click.option("--marks", is_flag=True, help="Bars are of marks, where no name or folder says it.")
@click.option(
    "--market", "part", type=click.Choice(get_args(Part)), help="The market, where no folder or symbol says it."
)
@feed_options
@import_options
def binance_command(
    *,
    files: tuple[str, ...],
    marks: bool,
    part: Part | None,
    contracts: dict[str, Told],
    symbols: tuple[str, ...],
    sort: bool,
    wanted: Wanted,
) -> None:
    """Import Binance's public data FILES: trades, aggTrades, klines, bookDepth, liquidationSnapshot; packed or plain.

    Trades and bars become prices, depth becomes quotes; of who traded the files say nothing. Each forced order becomes
    a liquidation of the account forced:SYMBOL, which stands for all that nobody named; its position is inferred.
    """
    importer = open_binance(files, symbol=symbols, marks=marks, part=part, contracts=contracts, sort=sort)
    carry_out(importer, wanted)

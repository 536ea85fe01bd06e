"""The commands of the formats: `deleverage import FORMAT FILES... -o RUN`.

A format's own folder makes events of its files and knows no command; what a command is told arrives there as values.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, get_args

import click

from ...events.errors import ScenarioError
from ...events.record import SHARDS_MOST
from ...sim.units import parse_decimal
from ..command_line import jobs_option
from ..jobs import Jobs
from .adl_table.importer import AdlTableImporter
from .binance.names import Part
from .binance.opening import open_binance
from .commands import Wanted, carry_out, carry_out_shards, import_options
from .feed.contracts import Told
from .feed.numbers import positive
from .feed.specifications import ContractKind
from .hyperliquid.importer import HyperliquidImporter, share_of
from .tardis.layouts import Kind, open_tardis
from .venues.layouts import LAYOUTS, Venue
from .venues.opening import open_venue

__all__ = [
    "adl_table_command",
    "binance_command",
    "bitmex_command",
    "bybit_command",
    "deribit_command",
    "feed_options",
    "gate_command",
    "hyperliquid_command",
    "okx_command",
    "tardis_command",
]

_KINDS = tuple(kind for kind in get_args(ContractKind) if kind != "option")


def _contracts(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Told]:
    told: dict[str, Told] = {}
    for value in values:
        symbol, separator, what = value.rpartition("=")
        if not (symbol and separator):
            message = f"{value!r} is not SYMBOL=SIZE or SYMBOL=KIND:SIZE[:ASSET]"
            raise click.BadParameter(message)
        told[symbol] = _told(what)
    return told


def _told(what: str) -> Told:
    kind, *rest = what.split(":") if ":" in what else ("inverse", what)
    if kind not in _KINDS or len(rest) not in (1, 2) or "" in rest:
        message = f"{what!r} is not KIND:SIZE[:ASSET], where KIND is one of {', '.join(_KINDS)}"
        raise click.BadParameter(message)
    try:
        size = positive(rest[0], "size")
    except ScenarioError as error:
        raise click.BadParameter(str(error)) from error
    return Told(kind, size, rest[1] if len(rest) > 1 else None)  # type: ignore[arg-type]


def feed_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every import of market data can be told: contracts, symbols, and to sort."""
    for option in (
        click.option(
            "--sort", is_flag=True, help="Sort the rows of each file by time first, instead of refusing disorder."
        ),
        click.option(
            "--symbol",
            "symbols",
            multiple=True,
            metavar="[NAME=]SYMBOL",
            help="Take SYMBOL only, which is also what files hold that do not say it; or let NAME count as SYMBOL; may "
            "be repeated.",
        ),
        click.option(
            "--contract",
            "contracts",
            multiple=True,
            metavar="SYMBOL=[KIND:]SIZE[:ASSET]",
            callback=_contracts,
            help="What a contract of SYMBOL is: inverse of SIZE of its quote (BTCUSD_PERP=100), or a KIND of linear, "
            "inverse, quanto or spot (BTC-USDT-SWAP=linear:0.01:USDT); may be repeated.",
        ),
    ):
        command = option(command)
    return command


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


def _venue_command(venue: Venue, name: str) -> click.Command:
    """The command of a venue."""

    @click.command(venue, help=_help(venue, name))
    @click.argument("files", nargs=-1, required=True)
    @feed_options
    @import_options
    def command(
        *,
        files: tuple[str, ...],
        contracts: dict[str, Told],
        symbols: tuple[str, ...],
        sort: bool,
        wanted: Wanted,
    ) -> None:
        carry_out(open_venue(venue, files, contracts=contracts, symbol=symbols, sort=sort), wanted)

    return command


def _help(venue: Venue, name: str) -> str:
    layouts = "; or ".join(layout.text for layout in LAYOUTS[venue])
    return (
        f"Import {name}'s FILES of trades, packed or plain: {layouts}.\n\n"
        "Trades become prices; of who traded the files say nothing."
    )


bybit_command = _venue_command("bybit", "Bybit")
okx_command = _venue_command("okx", "OKX")
bitmex_command = _venue_command("bitmex", "BitMEX")
deribit_command = _venue_command("deribit", "Deribit")
gate_command = _venue_command("gate", "Gate")


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
@click.option(
    "--shards", type=click.IntRange(2, SHARDS_MOST), metavar="N", help="N records by account, under one head."
)
@jobs_option
@import_options
def hyperliquid_command(
    *,
    files: tuple[str, ...],
    misc: tuple[str, ...],
    snapshots: tuple[str, ...],
    shards: int | None,
    jobs: Jobs,
    wanted: Wanted,
) -> None:
    """Import Hyperliquid's node FILES, in their order: fills by block or a fill a line, or trades; packed.

    Fills become trades, forced ones liquidations, takeovers and deleveraged positions. Opening positions and their
    entries are inferred as far as the fills tell. Spot pairs are reported and move nothing.

    With --shards RUN is a folder of records, each of the accounts that the hash of their names puts there, imported in
    processes of their own; why, history, state and log find the one that has --account, verify checks them all.
    """
    if shards is None:
        carry_out(HyperliquidImporter(files, misc, snapshots), wanted)
    else:
        carry_out_shards(partial(share_of, files, misc, snapshots, shards), shards, jobs, wanted)


@click.command("adl-table")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--mark",
    "marks",
    multiple=True,
    metavar="COIN=PRICE",
    help="The mark of a coin's only instant, instead of the price of execution; may be repeated.",
)
@import_options
def adl_table_command(*, files: tuple[str, ...], marks: tuple[str, ...], wanted: Wanted) -> None:
    """Import reconstructed tables of auto-deleveraging, a fill a row; packed or plain.

    Each batch of one instant, coin and liquidated account becomes a round, in the order of the file. What the venue did
    is imported; balances, positions, marks and the round itself are inferred from what the table prints.
    """
    carry_out(AdlTableImporter(files, dict(map(_mark, marks))), wanted)


def _mark(text: str) -> tuple[str, Decimal]:
    """A coin and its price. Raises ScenarioError."""
    coin, _, price = text.partition("=")
    try:
        mark = parse_decimal(price)
    except ScenarioError as error:
        message = f"--mark {text}: {error}"
        raise ScenarioError(message) from None
    if not coin or mark <= 0:
        message = f"--mark {text}: write a coin and a price above 0, such as AVAX=22.025"
        raise ScenarioError(message)
    return coin, mark

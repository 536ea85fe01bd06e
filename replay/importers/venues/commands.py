"""`deleverage import bybit FILES... -o RUN`, and so for each venue whose files of trades are read."""

from __future__ import annotations

import click

from ..commands import Wanted, carry_out, import_options
from ..feed.contracts import Told
from ..feed.options import feed_options
from .layouts import LAYOUTS, Venue
from .opening import open_venue

__all__ = ["bitmex_command", "bybit_command", "deribit_command", "gate_command", "okx_command"]


def _command(venue: Venue, name: str) -> click.Command:
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


bybit_command = _command("bybit", "Bybit")
okx_command = _command("okx", "OKX")
bitmex_command = _command("bitmex", "BitMEX")
deribit_command = _command("deribit", "Deribit")
gate_command = _command("gate", "Gate")

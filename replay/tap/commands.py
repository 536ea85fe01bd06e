"""`deleverage tap VENUE --url URL -o RUN`: a venue's public streams as a record that grows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import click
import msgspec

from ...sim.options import duration_ns
from ...sim.terminal import print_document, tell
from ..command_line import as_json_option
from ..importers.faults import OnError
from .binance import BinanceStreams
from .heard import Venue
from .hyperliquid import HyperliquidStreams
from .line import Line, stop_on_signals
from .tapping import TapWanted, run_tap
from .text import print_tap

__all__ = ["tap_command"]

_VENUES: dict[str, Callable[[], Venue]] = {"hyperliquid": HyperliquidStreams, "binance": BinanceStreams}


@click.command("tap")
@click.argument("venue", type=click.Choice(tuple(_VENUES)), metavar="|".join(_VENUES))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="RUN", help="Write it there.")
@click.option("--url", metavar="URL", help="Where to listen (ws:// or wss://).  [default: the venue's own]")
@click.option(
    "--instrument",
    "instruments",
    multiple=True,
    metavar="NAME",
    help="As the venue calls it; may be repeated.  [default: BTC, BTCUSDT]",
)
@click.option(
    "--for", "for_ns", callback=duration_ns, metavar="DURATION", help="Stop after so long, by the venue's time."
)
@click.option(
    "--on-error",
    type=click.Choice(get_args(OnError)),
    default="skip",
    show_default=True,
    help="A bad message ends the tap, what came before it being kept; or it is left out, recorded as such and counted.",
)
@as_json_option
def tap_command(
    *,
    venue: str,
    output: Path,
    url: str | None,
    instruments: tuple[str, ...],
    for_ns: int | None,
    on_error: OnError,
    as_json: bool,
) -> None:
    """Listen to a venue's public streams of trades, marks and forced orders, and record them as they come.

    The record is 5 seconds behind the venue's time, so that what comes twice or out of order leaves no trace; `watch`
    and every other command read it while it grows. A line that breaks is made anew, and what is then missing is
    recorded as far as the venue counts its trades. Ctrl-C or SIGTERM ends the tap and seals the record.
    """
    tapped = _VENUES[venue]()
    wanted = TapWanted(tapped, instruments or tapped.instruments, output, on_error, for_ns)
    with stop_on_signals() as stop:
        result = run_tap(wanted, Line(url or tapped.url, tapped, wanted.instruments, stop, tell))
    if as_json:
        print_document(msgspec.to_builtins(result))
    else:
        print_tap(result)

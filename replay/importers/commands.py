"""`deleverage import FORMAT FILES... -o RUN`: a group with one command a format (`formats.py`), or a plug-in's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, get_args

import click
import msgspec

from ...events.record import Durability, RecordSettings
from ...sim.program import Entry, LazyGroup
from ...sim.progress import bar
from ...sim.terminal import print_document
from ..jobs import Jobs
from .faults import OnError
from .importing import Importer, ImportResult, run_import
from .text import print_import

__all__ = ["FORMATS", "Wanted", "carry_out", "carry_out_shards", "import_command", "import_options"]


FORMATS = {
    "hyperliquid": Entry(".formats:hyperliquid_command", "Node fills of Hyperliquid, with misc events."),
    "binance": Entry(".formats:binance_command", "Binance's public data: trades, bars, depth, forced orders."),
    "tardis": Entry(".formats:tardis_command", "Tardis' datasets: trades, tickers, liquidations."),
    "bybit": Entry(".formats:bybit_command", "Bybit's public files of trades."),
    "okx": Entry(".formats:okx_command", "OKX' public files of trades."),
    "bitmex": Entry(".formats:bitmex_command", "BitMEX' public files of trades."),
    "deribit": Entry(".formats:deribit_command", "Deribit's trades, as its API answers or as CSV."),
    "gate": Entry(".formats:gate_command", "Gate's public files of trades."),
    "adl-table": Entry(".formats:adl_table_command", "Reconstructed tables of auto-deleveraging."),
}


class Wanted(NamedTuple):
    """What every import is asked for."""

    output: Path
    on_error: OnError
    durability: Durability
    as_json: bool


class _Formats(LazyGroup):
    """The group over `FORMATS`."""

    entries = FORMATS
    package = __package__
    heading = "Formats"

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a format, or of the plug-in that is named in its place."""
        if cmd_name in self.entries:
            return super().get_command(ctx, cmd_name)
        from .own_command import own_command  # noqa: PLC0415 - loads what plug-ins need, for whoever names one

        return own_command(cmd_name)


@click.command("import", cls=_Formats, subcommand_metavar="FORMAT FILES... -o RUN")
def import_command() -> None:
    """Take in a venue's own files as a record: state, history, why and diff work on it as on a simulated run.

    In place of a FORMAT stands a plug-in that reads one of your own, as FILE.py:CLASS, package.module:CLASS or by name.
    """


def import_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every format has; they arrive together as `wanted`."""

    def collected(*, output: Path, on_error: OnError, durability: Durability, as_json: bool, **own: object) -> object:
        return command(wanted=Wanted(output, on_error, durability, as_json), **own)

    collected.__doc__ = command.__doc__
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document and no progress bar."),
        click.option(
            "--durability",
            type=click.Choice(get_args(Durability)),
            default="interval",
            show_default=True,
            help="When the record is forced to the disk: at each block, each second, or by the system.",
        ),
        click.option(
            "--on-error",
            type=click.Choice(get_args(OnError)),
            default="stop",
            show_default=True,
            help="A bad row stops the import, and nothing is kept; or it is left out, recorded as such and counted.",
        ),
        click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path),
            required=True,
            metavar="RUN",
            help="Write the record there.",
        ),
    ):
        collected = option(collected)
    return collected


def carry_out(importer: Importer, wanted: Wanted) -> None:
    """Import with a progress bar, and print what came of it."""
    settings = RecordSettings(durability=wanted.durability)
    with bar(100, "reading", shown=not wanted.as_json) as advance:

        def progress(done: int, total: int) -> None:
            advance(100 * done // max(total, 1), "surveying" if 2 * done < total else "recording")

        result = run_import(importer, wanted.output, on_error=wanted.on_error, settings=settings, progress=progress)
    _print(result, wanted)


def carry_out_shards(make: Callable[[int], Importer], shards: int, jobs: Jobs, wanted: Wanted) -> None:
    """The same into so many records, of each of which `make` makes the importer."""
    from .sharded import import_shards  # noqa: PLC0415 - processes are only for who wants several

    settings = RecordSettings(durability=wanted.durability)
    with bar(shards, "importing", shown=not wanted.as_json) as advance:

        def watch(done: int) -> None:
            advance(done, f"{done} of {shards} shards")

        result = import_shards(
            make, wanted.output, shards, jobs=jobs, on_error=wanted.on_error, settings=settings, watch=watch
        )
    _print(result, wanted)


def _print(result: ImportResult, wanted: Wanted) -> None:
    if wanted.as_json:
        print_document(msgspec.to_builtins(result))
    else:
        print_import(result)

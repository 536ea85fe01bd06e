"""The command of an importer from a plug-in: `deleverage import FILE.py:CLASS FILES... -o RUN`."""

from __future__ import annotations

from pathlib import Path

import click

from ...handlers.plugins.modules import find_entry_point
from ...sim.options import parameters_option, plugins_option
from ...sim.rooms import own_named, parameters_in
from .commands import Wanted, carry_out, import_options
from .own import OwnImporter

__all__ = ["own_command"]


def own_command(named: str) -> click.Command | None:
    """The command of this plug-in; None for what is neither a file, nor a module's class, nor an entry point's name."""
    if ":" not in named and not named.endswith(".py") and find_entry_point("importer", named) is None:
        return None

    @click.command(named)
    @click.argument("files", nargs=-1, required=True)
    @parameters_option
    @plugins_option
    @import_options
    def command(
        *, files: tuple[str, ...], settings: tuple[str, ...], plugins: tuple[Path, ...], wanted: Wanted
    ) -> None:
        """Import FILES as this plug-in reads them."""
        carry_out(OwnImporter(own_named("importer", named, parameters_in(settings), plugins), files), wanted)

    return command

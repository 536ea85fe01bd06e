"""Options that several commands share; apart from the commands, so that who takes one does not load a simulation."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["parameters_option", "plugins_option"]

plugins_option = click.option(
    "--plugins",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Take plug-ins that are named by their file from DIR; may be repeated.",
)

parameters_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A parameter of the plug-in; may be repeated."
)

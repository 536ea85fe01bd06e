"""Options that several commands share; apart from the commands, so that who takes one does not load a simulation."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["parameters_option", "patience_option", "plugins_option"]


def _patient(context: click.Context, _option: click.Parameter, seconds: float | None) -> None:
    """Let the limit hold until the command ends."""
    if seconds is not None:
        from .patience import patient  # noqa: PLC0415 - knows the handlers, which `--help` does not need

        context.with_resource(patient(seconds))


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

patience_option = click.option(
    "--patience",
    type=click.FloatRange(min=0, min_open=True, max=86_400),
    metavar="SECONDS",
    expose_value=False,
    callback=_patient,
    help="End as soon as one decision takes longer, and name who makes it.",
)

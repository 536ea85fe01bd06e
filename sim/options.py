"""Options that several commands share; apart from the commands, so that who takes one does not load a simulation."""

from __future__ import annotations

from pathlib import Path

import click

from ..events.errors import ScenarioError
from .units import parse_duration_ns

__all__ = ["duration_ns", "parameters_option", "patience_option", "plugins_option"]


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


def duration_ns(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    """A time of an option in nanoseconds, more than none."""
    if text is None:
        return None
    try:
        found = parse_duration_ns(text)
    except ScenarioError as error:
        raise click.BadParameter(str(error)) from None
    if not found:
        message = "an interval of no time has no end; give one such as 10s"
        raise click.BadParameter(message)
    return found

"""`python -m research.study NAME`: published figures of a real incident against the files they were computed from."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from deleverage.events.errors import QueryError
from deleverage.replay.command_line import as_json_option
from deleverage.sim.console import new_console
from deleverage.sim.program import Program
from deleverage.sim.reading.files import DATA_VARIABLE
from deleverage.sim.terminal import print_json

from .document import study_document
from .study import STUDIES, made
from .text import print_study

__all__ = ["study_command"]


@click.command("study", cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name", metavar="STUDY", type=click.Choice(list(STUDIES)))
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help=f"The files; default ${DATA_VARIABLE}.")
@as_json_option
def study_command(*, name: str, data: Path | None, as_json: bool) -> None:
    """Recompute published figures from the files in DIR, and say of each what became of it.

    adl-2025-10-10: the auto-deleveraging of that day, wave by wave, by coin and by account. adl-fills-sample: 480 of
    its fills, each with the account's state as others reconstructed it.
    """
    study = made(name, _folder(data))
    if as_json:
        print_json([msgspec.json.format(msgspec.json.encode(study_document(study)), indent=2)])
    else:
        print_study(new_console(), study)


def _folder(data: Path | None) -> Path:
    """The folder that was named, here or in the environment."""
    named = os.environ.get(DATA_VARIABLE)
    if data is None and not named:
        message = f"which folder holds the files? name it with --data, or in {DATA_VARIABLE}"
        raise QueryError(message)
    return Path(named or "") if data is None else data


if __name__ == "__main__":
    study_command(prog_name="python -m research.study")

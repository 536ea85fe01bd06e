"""All measurements: `python benchmarks/run.py [--json] [--short] [--only NAME]`. Needs deleverage installed.

Each lives in a file of its own beside this one, which says exactly what is timed. Bars are those of the project's
milestones; whether they are met is printed, and never asserted. Contenders alternate within a process, and each
measurement has a process to itself. `--short` only shows that nothing crashes.
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable, Iterator

import append
import click
import exploring
import exporting
import flash_crash
import flips
import imported
import importing
import invariants
import looking_back
import looks
import memory
import msgspec
import opening
import pipeline
import policies
import processes
import range_cost
import ranking
import rebuild
import reexecution
import sudden_move
import unpacking
from child import python
from contest import Line

__all__ = ["main"]

Measurement = Callable[..., Iterator[Line]]

_MEASUREMENTS: dict[str, Measurement] = {
    "pipeline": pipeline.measure,
    "range_cost": range_cost.measure,
    "looks": looks.measure,
    "sudden_move": sudden_move.measure,
    "append": append.measure,
    "rebuild": rebuild.measure,
    "memory": memory.measure,
    "opening": opening.measure,
    "flash_crash": flash_crash.measure,
    "policies": policies.measure,
    "reexecution": reexecution.measure,
    "looking_back": looking_back.measure,
    "exploring": exploring.measure,
    "flips": flips.measure,
    "ranking": ranking.measure,
    "unpacking": unpacking.measure,
    "importing": importing.measure,
    "imported": imported.measure,
    "exporting": exporting.measure,
    "processes": processes.measure,
    "invariants": invariants.measure,
}


class _Document(msgspec.Struct):
    """What `--json` prints, as far as it is read back."""

    lines: list[Line]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document in place of the table.")
@click.option("--short", is_flag=True, help="Tiny sizes: shows that nothing crashes; the figures mean nothing.")
@click.option("--only", type=click.Choice(list(_MEASUREMENTS)), help="One measurement.")
def main(*, as_json: bool, short: bool, only: str | None) -> None:
    """Measure, and print each figure with its bar."""
    lines: list[Line] = []
    for name in [only] if only else list(_MEASUREMENTS):
        measured = list(_MEASUREMENTS[name](short=short)) if only else _apart(name, short=short)
        lines += measured
        if not as_json:
            click.echo("\n".join(map(_text, measured)))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_document(lines, short=short)), indent=2))


def _apart(name: str, *, short: bool) -> list[Line]:
    """One measurement in a process of its own, so that it inherits nobody's heap."""
    command = python(__file__, "--json", "--only", name, *(["--short"] if short else []))
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=_Document).lines


def _document(lines: list[Line], *, short: bool) -> dict[str, object]:
    rows = [{**msgspec.to_builtins(line), "met": line.met} for line in lines]
    return {"python": platform.python_version(), "machine": platform.platform(), "short": short, "lines": rows}


def _text(line: Line) -> str:
    verdict = {None: "", True: "met", False: "MISSED"}[line.met]
    bar = "" if line.bar is None else f"(bar {line.bar}) {verdict}"
    medians = ", ".join(f"{name} {figure:,g}" for name, figure in line.medians.items())
    details = [f"    {text}" for text in (line.what, medians, line.note) if text]
    return "\n".join([f"{line.name:<30}{_figure(line):>14}  {bar}".rstrip(), *details])


def _figure(line: Line) -> str:
    if line.value is None:
        return "none"
    digits = f"{line.value:,.0f}" if line.value >= 100 else f"{line.value:.3g}"
    return digits if line.unit == "ratio" else f"{digits} {line.unit}"


if __name__ == "__main__":
    main()

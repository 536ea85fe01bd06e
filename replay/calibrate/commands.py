"""`deleverage calibrate`: settings of a venue's rules that serve an aim best, sought by an optimiser."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ...events.regular import write_whole
from ...sim.console import new_console
from ...sim.figures import count
from ...sim.options import plugins_option
from ...sim.progress import bar
from ...sim.terminal import print_document, print_text, printable_json, tell
from ..charts import chart_option, check_chart
from ..command_line import as_json_option, jobs_option, layout_option
from ..jobs import Jobs
from ..why.page.pages import markdown_of
from ..why.page.text import print_sections
from .calibrate import CalibrationQuestion, CalibrationResult, ScenarioAsGiven, calibrate
from .charts import draw_chart
from .sampler import check_installed
from .sections import calibration_sections, calibration_title, unmet_text
from .target import read_target
from .view import calibration_view

__all__ = ["calibrate_command"]

_UNMET, _INTERRUPTED = 1, 130
_CLOSING = (
    "Worked out by `deleverage calibrate` from the scenario, the target and the seeds alone: the same command finds "
    "the same rules again."
)


@click.command("calibrate")
@click.argument("scenario")
@click.option(
    "--target", "file", type=click.Path(path_type=Path), metavar="FILE", required=True, help="What is sought, TOML."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="For every run; may be repeated.")
@click.option("--trials", type=click.IntRange(1, 100_000), help="So many trials.  [default: the target's, or 200]")
@plugins_option
@jobs_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", required=True, help="Where runs are kept."
)
@chart_option
@layout_option
@click.option("--bar/--no-bar", "shown", default=True, help="A progress bar on a terminal's stderr.")
@as_json_option
@click.pass_context
def calibrate_command(
    context: click.Context,
    *,
    scenario: str,
    file: Path,
    settings: tuple[str, ...],
    trials: int | None,
    plugins: tuple[Path, ...],
    jobs: Jobs,
    output: Path,
    chart: Path | None,
    layout: str,
    shown: bool,
    as_json: bool,
) -> None:
    """Seek the settings of SCENARIO that serve the target in FILE best.

    The target names parameters with their ranges, objectives and constraints (metrics of the lab, over seeds), the
    seeds on which trials are judged, and others that are held out. An optimiser (optuna) proposes trials; those that
    meet every constraint and are dominated by none are the front. It is then run on the seeds held out, beside the
    rules as given.

    Every run is kept in DIR, and the result as result.json; stopped or killed, the same command goes on, and another
    target for the same scenario takes what is there. The exit code is 1 if no trial meets the constraints, 130 after
    Ctrl-C.
    """
    check_installed()
    target = read_target(file, trials)
    if chart is not None:
        check_chart(chart)
    question = CalibrationQuestion(ScenarioAsGiven(scenario, settings, tuple(map(str, plugins))), target, file, output)
    total, so_far = count(target.trials, "trial"), 0
    try:
        with bar(target.trials, total, shown=shown and not as_json) as advance:

            def progress(judged: int, runs: int, doing: str) -> None:
                nonlocal so_far
                so_far = judged
                advance(judged, f"{judged:,} of {total}, {count(runs, 'run')}, {doing}")

            found = calibrate(question, jobs=jobs, progress=progress)
    except KeyboardInterrupt:
        tell(f"stopped after {so_far:,} of {total}; the same command goes on")
        context.exit(_INTERRUPTED)
    _show(found, layout, chart, as_json=as_json)
    if not found.front:
        tell(unmet_text(found))
        context.exit(_UNMET)


def _show(found: CalibrationResult, layout: str, chart: Path | None, *, as_json: bool) -> None:
    """Keep the result, draw it, and print it."""
    document = calibration_view(found)
    kept = found.question.path / "result.json"
    write_whole(kept, printable_json(json.dumps(document, indent=2).encode()) + b"\n")
    if chart is not None:
        draw_chart(found, chart)
    title, sections = calibration_title(found), calibration_sections(found)
    if as_json:
        print_document(document)
    elif layout == "md":
        print_text(markdown_of(title, sections, _CLOSING))
    else:
        print_sections(new_console(), title, sections)
    tell(f"kept in {kept}")
